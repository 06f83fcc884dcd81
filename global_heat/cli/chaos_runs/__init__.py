"""Runs of `global-heat chaos`: real processes, load, faults drawn from a seed, then what must hold."""
