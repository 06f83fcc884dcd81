"""How the size of a group changes."""

from __future__ import annotations

import enum
import math

import msgspec


class Change(enum.StrEnum):
    BY = "by"
    BY_PERCENT = "by percent"
    TO = "to"


class Adjustment(msgspec.Struct, frozen=True):
    """What a policy does to a group's size when it is signalled."""

    group: str
    """The group's reference."""
    change: Change
    amount: float
    """Members, or percent of those there are."""
    step_min: int = 0
    """The least change, where percents count."""
    cooldown_seconds: float = 0.0

    def size(self, members: int) -> int:
        """The size that a group of so many shall have, its bounds left aside.

        Percents are rounded towards zero, but to one at least, as Heat does it (heat/scaling/scalingutil.py).
        """
        match self.change:
            case Change.BY:
                return members + int(self.amount)
            case Change.TO:
                return int(self.amount)
        exact = members * self.amount / 100.0
        away = math.copysign(1.0, exact) if 0 < abs(exact) < 1 else math.trunc(exact)
        step = int(away)
        if self.step_min > abs(step):
            step = self.step_min if step > 0 else -self.step_min
        return members + step
