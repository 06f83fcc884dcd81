"""Figures of a run: percentiles, and how long who took over what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from global_heat.model.records import Claim
from global_heat.sim.etcd import Written
from global_heat.store import keys
from global_heat.store.codec import decode

DONE = "(done)"
"""In the place of a holder: the claim ended with its work."""


class Death(msgspec.Struct, frozen=True):
    """A replica was killed or stopped at that time (unix seconds)."""

    at: float
    replica: str
    """Its name in the lab; its process has more to its own."""


class Takeovers(msgspec.Struct, frozen=True):
    """Seconds. `gaps`: a claim is gone, work is left, until the next one. `deaths`: from an owner's death
    until another has claimed."""

    gaps: list[float] = []
    deaths: list[float] = []


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The least value that so many percent of all do not exceed; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def spread(seconds: Iterable[float], period: float) -> list[float]:
    """What askers would have waited who ask every `period`, were they not held up by the one before."""
    found = []
    for each in seconds:
        found.append(each)
        left = each - period
        while left > 0:
            found.append(left)
            left -= period
    return found


def takeovers(history: Sequence[Written], deaths: Iterable[Death]) -> Takeovers:
    """From the claims' history."""
    holders: dict[str, list[tuple[float, str]]] = defaultdict(list)
    gone_at: dict[str, float] = {}
    gaps: list[float] = []
    work: set[str] = set()
    for written in history:
        for key, value in written.changes:
            if key.startswith(keys.WORK):
                (work.discard if value is None else work.add)(key)
        for key, value in written.changes:
            if not key.startswith(keys.CLAIMS):
                continue
            if value is not None:
                holders[key].append((written.at, decode(Claim, value).replica))
                if key in gone_at:
                    gaps.append(written.at - gone_at.pop(key))
                continue
            left = keys.work(keys.shard_of(key)) in work
            holders[key].append((written.at, "" if left else DONE))
            if left:
                gone_at[key] = written.at
        for key in [key for key in gone_at if keys.work(keys.shard_of(key)) not in work]:
            del gone_at[key]
    after = [found for death in deaths for held in holders.values() for found in _after(death, held)]
    return Takeovers(gaps, after)


def _after(death: Death, held: Sequence[tuple[float, str]]) -> Iterable[float]:
    """How long until another held what that replica did when it died."""
    at_death = [holder for at, holder in held if at <= death.at]
    if not at_death or not at_death[-1].startswith(f"{death.replica}-"):
        return
    owner = at_death[-1]
    for at, holder in held:
        if at > death.at and holder in (owner, DONE):
            return  # It came back in time, as one that was only stopped may.
        if at > death.at and holder:
            yield at - death.at
            return
