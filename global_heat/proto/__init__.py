"""The wire: the stubs in `v1`, generated from `protos/` (see `protos/generate.py`), and JSON in messages."""
