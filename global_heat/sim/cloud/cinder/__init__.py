"""The fake Cinder."""
