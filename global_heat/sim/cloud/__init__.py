"""A fake OpenStack: one model of its services, carried in-process or over HTTP."""
