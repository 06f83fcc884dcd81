"""Protocols that are wrong on purpose. Each mutant changes the running program in one place; the checker must
see it.

Nothing of this is reachable from the program: a mutant patches it in a process of its own, for as long as it
is hunted.
"""
