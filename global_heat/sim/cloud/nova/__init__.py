"""The fake Nova."""
