"""The fake Neutron."""
