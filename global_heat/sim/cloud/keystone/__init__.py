"""The fake Keystone: one for all regions, its data replicated."""
