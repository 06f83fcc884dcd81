"""What a step wants written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from global_heat.model.names import Region, Token
from global_heat.model.records import Attempt, Event, Header, Incarnation, Record, ShardRecord

AttemptChange = Callable[[Attempt | None], Attempt]
HeaderChange = Callable[[Header], Header]
_RECORD_BYTES = 1500


class Stale(Exception):
    """The plan has changed, or a record is not as this owner left it: read everything again."""


class Write(msgspec.Struct, frozen=True):
    """What a step wants written, all or nothing."""

    incarnations: tuple[Incarnation, ...] = ()
    removed: tuple[Incarnation, ...] = ()
    attempts: Mapping[Token, AttemptChange] = {}
    events: tuple[Event, ...] = ()
    wake: tuple[Region, ...] = ()
    header: HeaderChange | None = None
    shard: Callable[[ShardRecord], ShardRecord] | None = None
    also: Mapping[str, Record | None] = {}
    """Records that no other owner writes, by key; None: it goes."""
    ends: bool = False
    """Give the shard up: claim and work key go, unless somebody has signalled since."""

    @property
    def size(self) -> int:
        """About how many bytes it takes: what is sealed is what can be big."""
        return sum(_RECORD_BYTES + len(incarnation.sealed) for incarnation in self.incarnations)

    @property
    def operations(self) -> int:
        return (
            len(self.incarnations)
            + len(self.removed)
            + 2 * len(self.attempts)
            + len(self.wake)
            + len(self.also)
            + 2 * self.ends
        )
