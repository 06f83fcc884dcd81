"""A fake OpenStack: one model of its services, carried in-process or over HTTP.

`world.FakeCloud` is regions with their Keystone for one process; `server` serves the same over HTTP.
`region.FakeRegion` answers one request; `faults` decides what happens to it, `delivery` makes it happen.
Services know no time but `Ground.now` and no chance but `Ground.rng`: a run is repeated by its seed.
"""
