"""Why a thing is not deleted by the sweeper. Pure: every deletion of its own is decided here.

What is asked, in this order, is whether the thing is ours at all (its token was made with a key of ours, for
this project, region and kind; its service does not say that it is another project's), and whether it is dead:
an attempt for just this kind of thing is condemned, or has adopted another, and its request can have made
it then.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from global_heat.engine.ports import Bounds
from global_heat.model.leavings import Orphan, OrphanState
from global_heat.model.names import PhysicalId, Project, Region, Token
from global_heat.model.records import Attempt, AttemptState
from global_heat.model.token import verifies
from global_heat.model.values import Body
from global_heat.resources.type import Handle, ResourceType

_MADE_AT_PRECISION_SECONDS = 1.0
_OWNERS = ("project_id", "tenant_id", "os-vol-tenant-attr:tenant_id", "owner")


class Spared(enum.StrEnum):
    """Why not."""

    UNMARKED = "it carries no token"
    FORGED = "no key of ours made its token for such a thing of this project here"
    ANOTHERS = "its service says that it belongs to another project"
    UNKNOWN = "the ledger does not know its token"
    MISPLACED = "its attempt was one for another region, project, kind or token"
    OPEN = "its attempt may still be adopted"
    OVER = "its attempt is closed, or what it made is retained"
    WANTED = "it is what its attempt has adopted"
    RENEWED = "somebody has put it there anew, or is about to"
    TIME = "its attempt's request cannot have made it at that time"
    UNDECIDED = "no operator has condemned it"
    CHANGED = "it is not the thing that the operator condemned"
    KNOWN = "an attempt accounts for it"


class Place(msgspec.Struct, frozen=True):
    """Where was looked, and for what."""

    region: Region
    project: Project
    kind: str
    owner: Project
    """The project's id in that region's cloud."""


class Thing(msgspec.Struct, frozen=True):
    """What a look shows."""

    id: PhysicalId
    token: Token | None
    made_at: float | None = None
    """Unix seconds, to the second; None: its service does not say."""
    owner: str = ""
    """The project it belongs to; empty: its service does not say."""


def can_be_listed(type: ResourceType) -> bool:
    """Whether all things of its kind can be looked through for marks."""
    return type.handle in (Handle.TOKEN, Handle.UNIQUE)


def thing_of(type: ResourceType, body: Body) -> Thing:
    owner = next((body[name] for name in _OWNERS if isinstance(body.get(name), str)), "")
    return Thing(type.identify(body), type.token_of(body), _made_at(body), owner)


def thing_named(type: ResourceType, attempt: Attempt, body: Body) -> Thing:
    """What has no mark: its name is all that is known of it, and the attempt says the name.

    Of a relation the service tells the age and owner of one of its ends, which says nothing of it.
    """
    if type.handle is Handle.NATURAL:
        return Thing(attempt.id, attempt.token)
    return msgspec.structs.replace(thing_of(type, body), id=attempt.id, token=attempt.token)


def why_spared(
    thing: Thing, place: Place, attempt: Attempt | None, keys: tuple[bytes, ...], bounds: Bounds
) -> Spared | None:
    """Why a thing that carries a token is not to be deleted; None: it is."""
    if (stranger := _why_not_ours(thing, place, keys)) is not None:
        return stranger
    if attempt is None:
        return Spared.UNKNOWN
    if (alive := _why_alive(thing, place, attempt)) is not None:
        return alive
    if not _in_time(thing, attempt, bounds):
        return Spared.TIME
    return None


def why_name_spared(
    thing: Thing,
    place: Place,
    attempt: Attempt,
    keys: tuple[bytes, ...],
    bounds: Bounds,
    names: Collection[PhysicalId],
) -> Spared | None:
    """The same for a thing known by the name that the attempt gave it.

    `names`: what attempts of any stack of the project have made, or are about to make. That it is older than
    the attempt tells nothing: an earlier attempt of the same resource may have made it.
    """
    if (stranger := _why_not_ours(thing, place, keys)) is not None:
        return stranger
    if (alive := _why_alive(thing, place, attempt)) is not None:
        return alive
    if attempt.state is AttemptState.ADOPTED:
        return Spared.WANTED
    if attempt.id in names:
        return Spared.RENEWED
    late = thing.made_at is not None and thing.made_at > _latest(attempt, bounds)
    return Spared.TIME if late else None


def why_orphan_spared(
    thing: Thing, place: Place, orphan: Orphan, attempt: Attempt | None, keys: tuple[bytes, ...]
) -> Spared | None:
    """The same for what an operator condemned: all is asked but whether the ledger says that it is dead."""
    if (stranger := _why_not_ours(thing, place, keys)) is not None:
        return stranger
    if orphan.state is not OrphanState.CONDEMNED:
        return Spared.UNDECIDED
    if (orphan.region, orphan.project, orphan.kind) != (place.region, place.project, place.kind):
        return Spared.MISPLACED
    if (orphan.id, orphan.token, orphan.made_at) != (thing.id, thing.token, thing.made_at or 0.0):
        return Spared.CHANGED
    return None if why_suspect(thing, place, attempt, keys) else Spared.KNOWN


def why_suspect(thing: Thing, place: Place, attempt: Attempt | None, keys: tuple[bytes, ...]) -> str:
    """Why a thing is ours and accounted for by nobody, in words; empty: it is not so.

    `attempt` was read after the thing was seen. What is still swept is the sweeper's.
    """
    if _why_not_ours(thing, place, keys) is not None:
        return ""
    if attempt is None:
        return "the ledger does not know its token"
    if attempt.state is AttemptState.CLOSED:
        return "it was there, or came, after its attempt was closed"
    settled = attempt.state is AttemptState.RETAINED or attempt.settled
    if settled and attempt.state is not AttemptState.CONDEMNED and attempt.id != thing.id:
        return "its attempt made another thing and was settled"
    return ""


def _why_not_ours(thing: Thing, place: Place, keys: tuple[bytes, ...]) -> Spared | None:
    if thing.token is None:
        return Spared.UNMARKED
    if not verifies(thing.token, keys, place.project, place.region, place.kind):
        return Spared.FORGED
    return Spared.ANOTHERS if thing.owner not in ("", place.owner) else None


def _why_alive(thing: Thing, place: Place, attempt: Attempt) -> Spared | None:
    mine = (attempt.region, attempt.project, attempt.kind, attempt.token)
    if mine != (place.region, place.project, place.kind, thing.token):
        return Spared.MISPLACED
    if attempt.state is AttemptState.INTENT:
        return Spared.OPEN
    if attempt.state in (AttemptState.RETAINED, AttemptState.CLOSED):
        return Spared.OVER
    return Spared.WANTED if attempt.state is AttemptState.ADOPTED and attempt.id == thing.id else None


def _in_time(thing: Thing, attempt: Attempt, bounds: Bounds) -> bool:
    """Whether the attempt's request can have made it. What was made at another time is somebody's who copied
    our description or metadata."""
    if thing.made_at is None or thing.id == attempt.id:
        return True
    earliest = attempt.started_at - bounds.skew_seconds - _MADE_AT_PRECISION_SECONDS
    return earliest <= thing.made_at <= _latest(attempt, bounds)


def _latest(attempt: Attempt, bounds: Bounds) -> float:
    """When its request can have made something, at the latest."""
    skew = bounds.skew_seconds + _MADE_AT_PRECISION_SECONDS
    return attempt.cred_expires_at + bounds.exec_seconds + skew


def _made_at(body: Body) -> float | None:
    text = body.get("created_at") or body.get("created")
    if not isinstance(text, str):
        return None
    made = datetime.fromisoformat(text)
    return made.replace(tzinfo=made.tzinfo or UTC).timestamp()
