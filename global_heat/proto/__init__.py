"""The stubs generated from `protos/`. Nothing here is written by hand; see `protos/generate.py`."""
