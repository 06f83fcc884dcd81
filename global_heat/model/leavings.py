"""What is kept of leavings: of what the sweeper removed, and of things whose maker nobody remembers."""

from __future__ import annotations

import enum
import hashlib

import msgspec

from global_heat.model.names import PhysicalId, Project, Region, ReplicaId, StackId, Token
from global_heat.model.records import Record

_HANDLE_LENGTH = 12


class Removal(Record, frozen=True, kw_only=True):
    """One thing that the sweeper removes. Written before the first request to delete it is sent."""

    region: Region
    project: Project
    kind: str
    id: PhysicalId
    token: Token
    stack: StackId = StackId("")
    """Whose attempt made it; empty: nobody knows, it was a suspect orphan."""
    why: str
    replica: ReplicaId
    """Who sent the first request."""
    at: float
    answer: str = ""
    """What the service said to the last request; empty: nobody heard its answer."""

    @property
    def handle(self) -> str:
        """What the API calls it."""
        return handle_of(self.region, self.kind, self.id, self.token)


class Budget(Record, frozen=True, kw_only=True):
    """How many things of a project were removed in an hour (hours since the epoch)."""

    hour: int = 0
    used: int = 0


class OrphanState(enum.StrEnum):
    """A suspect stays one until an operator decides. Neither decision can be taken back."""

    SUSPECT = "SUSPECT"
    ADOPTED = "ADOPTED"
    """The project keeps it: it is not ours any more, nor told of."""
    CONDEMNED = "CONDEMNED"
    """The sweeper is to delete it."""


class Orphan(Record, frozen=True, kw_only=True):
    """A thing that carries a token of ours and that no attempt accounts for. The record goes with it."""

    region: Region
    project: Project
    kind: str
    type: str
    id: PhysicalId
    token: Token
    why: str
    made_at: float = 0.0
    """As its service says; 0: it does not."""
    first_seen: float
    state: OrphanState = OrphanState.SUSPECT
    by: str = ""
    """Which user decided, if one has."""
    stuck: str = ""
    """Why a condemned one is not deleted yet."""

    @property
    def handle(self) -> str:
        """What the API calls it."""
        return handle_of(self.region, self.kind, self.id, self.token)


class Look(Record, frozen=True, kw_only=True):
    """The last search for orphans in a region."""

    region: Region
    at: float
    failed: dict[Project, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By project: what could not be searched, and why."""


def handle_of(region: Region, kind: str, id: PhysicalId, token: Token) -> str:
    """A short name for a thing: ids may hold anything."""
    text = "\0".join((region, kind, id, token))
    return hashlib.sha256(text.encode()).hexdigest()[:_HANDLE_LENGTH]
