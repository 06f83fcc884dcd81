"""The composition root: what `global-heat serve` consists of, put together."""
