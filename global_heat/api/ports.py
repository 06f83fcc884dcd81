"""What the API is handed. It reads records and writes wishes; whatever else it needs is a port."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from global_heat.api.auth import TokenChecker, Tokens, Who
from global_heat.api.policy import Policy
from global_heat.model.errors import Fault
from global_heat.model.names import Project, Region, StackId
from global_heat.store.documents import Documents
from global_heat.store.protocol import Store
from global_heat.store.trust_ledger import MadeTrust
from global_heat.store.wishes import Wishes


class TrustMaker(Protocol):
    """Lets a stack's deferred work be done when nobody's token is at hand any more."""

    async def ensure(
        self, who: Who, tokens: Tokens, project: Project, stack: StackId, regions: Collection[Region]
    ) -> Sequence[MadeTrust]:
        """The trusts to record with the wish: one for each cloud of the regions that has none yet.

        Raises `Invalid` when Keystone refuses to make one, or there is no token to ask it with; `Transient`,
        `Ambiguous` when it or the store cannot be asked.
        """
        ...

    async def condemn(self, trusts: Iterable[MadeTrust]) -> None:
        """Give up those of them that are recorded nowhere. Raises nothing."""
        ...


class LookUp(msgspec.Struct, frozen=True):
    """A literal value that must name something in a region: `m1.small`, by `nova.flavor`."""

    path: str
    """Where it stands in the template."""
    region: Region
    constraint: str
    value: str


class Need(msgspec.Struct, frozen=True):
    """A resource's type, whose service its region must have."""

    path: str
    """Where the resource stands in the template."""
    region: Region
    type: str


class Checked(msgspec.Struct, frozen=True):
    """What came of look-ups. A region that does not answer makes them "not checked", never a fault."""

    faults: tuple[Fault, ...] = ()
    lacking: tuple[Fault, ...] = ()
    """Services that a region has not."""
    not_checked: tuple[Fault, ...] = ()


class LookUps(Protocol):
    async def check(
        self, who: Who, tokens: Tokens, lookups: Sequence[LookUp], needs: Sequence[Need] = ()
    ) -> Checked:
        """Ask the clouds, with a short deadline of its own. Raises nothing."""
        ...


class RegionHealth(Protocol):
    def trouble(self, region: Region) -> str | None:
        """Why the region is down, in words; None when it is not known to be."""
        ...

    def slowness(self, region: Region) -> str | None:
        """Why it is slow, in words; None when it is not known to be."""
        ...


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """Everything behind the front doors."""

    wishes: Wishes
    documents: Documents
    tokens: TokenChecker
    policy: Policy
    trusts: TrustMaker
    lookups: LookUps
    health: RegionHealth
    home: Region
    """The region of resources that name none, where neither client nor environment says another."""
    clock: Callable[[], float]
    """Unix seconds."""

    @property
    def store(self) -> Store:
        return self.documents.store
