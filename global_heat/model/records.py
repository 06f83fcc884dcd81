"""What is kept: one frozen value per key of the store. `store.keys` says where each stands.

Every record carries the version of its schema. A reader keeps the fields it does not know
(`store.codec`), so that two neighbouring versions can share a store.
"""

from __future__ import annotations

import enum

import msgspec

from global_heat.model.names import Path, PhysicalId, Project, Region, ReplicaId, StackId, Token

SCHEMA = 1


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    """Always written, unlike other fields that have their default value."""


class Action(enum.StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ROLLBACK = "ROLLBACK"


class Status(enum.StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


class Sink(msgspec.Struct, frozen=True, omit_defaults=True):
    """A queue of the project's messaging service to which a stack's events are posted besides the record."""

    target: str
    """Its name."""
    ttl: int = 3600
    """How long the service keeps a message, in seconds."""
    since: int = 0
    """The plan whose events are the first that go there."""


class Header(Record, frozen=True, kw_only=True):
    """A stack as a whole. Written by compare-and-set on itself: by wishes, and by shards that end."""

    project: Project
    id: StackId
    name: str
    user: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    region: Region
    """The default region: recorded at creation, never changed by itself."""
    revision: int
    """The wished revision."""
    complete_revision: int = 0
    """The last revision that was reached: where a rollback goes. 0: none."""
    plan: int
    """The number of the current plan."""
    action: Action
    status: Status
    reason: str = ""
    rollback: bool = False
    """Roll back when this plan fails."""
    stopping: bool = False
    """Start no further step: one has failed, or somebody cancelled."""
    open: tuple[Region, ...] = ()
    """Regions whose shard has not ended."""
    nameless: bool = False
    """It is being deleted, waits for regions that are down, and has given its name free."""
    operation: str = ""
    sinks: tuple[Sink, ...] = ()
    created_at: float
    updated_at: float = 0.0
    ended_at: float = 0.0

    @property
    def ended(self) -> bool:
        return self.status is not Status.IN_PROGRESS

    @property
    def deleted(self) -> bool:
        return self.action is Action.DELETE and self.status is Status.COMPLETE

    @property
    def state(self) -> str:
        """As Heat says it: `CREATE_COMPLETE`."""
        return f"{self.action}_{self.status}"


class PlanPointer(Record, frozen=True, kw_only=True):
    """Which plan is current. Only a change of plan writes this key: its mod_revision fences all work."""

    number: int
    parent: int
    revision: int
    blob: str


class RevisionRecord(Record, frozen=True, kw_only=True):
    """An immutable input of a stack; the blob is the sealed `template.source.Source`."""

    number: int
    blob: str
    created_at: float
    user: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """What a shard waits for: a region, a service, another shard. `on` is for people."""

    on: str
    since: float
    down: bool = False
    """The region as a whole does not answer."""


class ShardRecord(Record, frozen=True, kw_only=True):
    """Progress of one stack in one region. Every commit of its owner writes it, so it orders them."""

    region: Region
    plan: int = 0
    txn: str = ""
    """The id of the commit that wrote it: tells an owner whether a commit of unknown outcome happened."""
    events: int = 0
    """The number of the last event key."""
    published: int = 0
    """The number of the last one that every sink of the stack has, or will never have. It may be behind."""
    owner: ReplicaId | None = None
    parked: Waiting | None = None
    parked_seconds: float = 0.0
    """How long it was parked before: the time by which its clock is behind."""
    done: int = 0
    steps: int = 0


class State(enum.StrEnum):
    """The life of an incarnation."""

    INTENT = "INTENT"
    """An attempt to create it is open: the request may or may not have been sent."""
    CREATED = "CREATED"
    """It exists and is ours; not ready yet."""
    UPDATING = "UPDATING"
    """A change of it is open."""
    READY = "READY"
    FAILED = "FAILED"
    LEAVING = "LEAVING"
    """Condemned: it is being deleted, or was found deleted."""


class Saving(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot that is due before the thing is condemned: under way, or still to be begun."""

    token: Token = Token("")
    """Of its attempt; empty: none is open."""
    id: PhysicalId = PhysicalId("")
    """Empty: it is not known to exist."""
    attempts: int = 0
    """Tried under the current plan."""


class Incarnation(Record, frozen=True, kw_only=True):
    """One physical thing a resource has or had. Written by the owner of its shard."""

    path: Path
    region: Region
    n: int
    type: str
    state: State
    plan: int = 0
    """The plan it was last finished for; 0: for none yet."""
    tried: int = 0
    """The plan of the last intent or failure."""
    attempts: int = 0
    """Creates tried under that plan."""
    token: Token = Token("")
    id: PhysicalId = PhysicalId("")
    name: str = ""
    reason: str = ""
    hashes: dict[str, str] = {}
    """Keyed hashes of the properties it has."""
    target: dict[str, str] = {}
    """Keyed hashes of the properties that the open intent or update wants."""
    requires: tuple[str, ...] = ()
    """The incarnations it was built on, by `ref`."""
    retain: bool = False
    snapshot: bool = False
    """Its deletion policy: a snapshot is made of it first."""
    saving: Saving | None = None
    """Of what is LEAVING: the snapshot that is due before it is condemned."""
    pauses: tuple[str, ...] = ()
    """The hooks at which its deletion waits: pre-delete, post-delete."""
    external: bool = False
    """It was there before, is only looked at, and stays."""
    updated: bool = False
    """Whether its last change was one in place: it is `UPDATE_COMPLETE`, as Heat says it."""
    sealed: str = ""
    """Sealed JSON: `attributes` that others need ("" is the reference), and what was `made` for it."""
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def ref(self) -> str:
        return f"{self.path}@{self.region}#{self.n}"


class AttemptState(enum.StrEnum):
    INTENT = "INTENT"
    ADOPTED = "ADOPTED"
    CONDEMNED = "CONDEMNED"
    RETAINED = "RETAINED"
    CLOSED = "CLOSED"


class Attempt(Record, frozen=True, kw_only=True):
    """The ledger's entry for one request that may create something. Outlives the stack."""

    token: Token
    project: Project
    stack: StackId
    region: Region
    path: Path
    n: int
    type: str
    kind: str
    state: AttemptState
    id: PhysicalId = PhysicalId("")
    """Known once adopted; from the start for things named by us or by their parts."""
    natural: bool = False
    started_at: float = 0.0
    cred_expires_at: float = 0.0
    seen: bool = False
    """Something with this token was seen and is not yet known to be gone."""
    gone: bool = False
    """The adopted thing was deleted by its owner, to the end."""
    settled: bool = False
    """No late request can land any more."""
    looked_at: float = 0.0
    stuck: str = ""
    """Why the sweeper cannot do what is to be done; empty: it can, or there is nothing."""

    @property
    def pending(self) -> bool:
        """Whether it may still have a thing that nobody wants."""
        return self.state is AttemptState.CONDEMNED and not (self.gone and not self.seen)

    @property
    def open(self) -> bool:
        """Whether it is still looked after: something of it may appear, or is there and unwanted."""
        ended = (AttemptState.RETAINED, AttemptState.CLOSED)
        return self.state not in ended and not (self.settled and self.state is AttemptState.ADOPTED)


class DeletionRecord(Record, frozen=True, kw_only=True):
    """A deletion of what has no id of its own, which may be on its way."""

    expires_at: float
    """When the credential that it carries expires. Unix seconds."""


class Event(msgspec.Struct, frozen=True):
    """Something a person may want to know, at `at` seconds since the epoch."""

    at: float
    path: Path
    type: str
    action: str
    status: str
    reason: str = ""
    id: str = ""


class EventBatch(Record, frozen=True, kw_only=True):
    """The events of one commit."""

    region: Region
    seq: int
    plan: int
    events: tuple[Event, ...]


class Operation(Record, frozen=True, kw_only=True):
    """What a client waits for. Whether it is done follows from the stack's header."""

    id: str
    project: Project
    stack: StackId
    stack_name: str
    verb: str
    plan: int
    created_at: float
    request: str = ""


class RequestRecord(Record, frozen=True, kw_only=True):
    """A client's request id, so that it happens once whatever replica it is sent to, however often."""

    operation: str
    fingerprint: str
    """HMAC of the parameters."""
    created_at: float


class SignalRecord(Record, frozen=True, kw_only=True):
    """Something that a resource was told. Written by the front doors, read by whoever waits for it."""

    id: str
    at: float
    request: str = ""
    """The client's request id: a signal without an id of its own still counts once."""
    sealed: str
    """Sealed JSON: what was said."""


class HookRecord(Record, frozen=True, kw_only=True):
    """A hook at which a resource's step waits for a person, or did.

    Written by the shard's owner; cleared by a front door, which compares the record.
    """

    path: Path
    region: Region
    hook: str
    operation: str
    """What ran: what another operation waited for does not count."""
    since: float
    cleared: bool = False
    told: bool = False
    """An event says that it was cleared."""
    request: str = ""
    """The request id of who cleared it."""


class ConfigRecord(Record, frozen=True, kw_only=True):
    """Where a software config is recorded that other stacks of its project may name by its id."""

    stack: StackId
    path: Path
    region: Region
    n: int


class NameRecord(Record, frozen=True, kw_only=True):
    stack: StackId


class TrustRecord(Record, frozen=True, kw_only=True):
    """The trust under which deferred work of a stack is done in one cloud (one Keystone)."""

    cloud: str
    sealed: str
    """Its id."""
    user: str
    """Who trusts."""
    project: str = ""
    """Its id in that cloud, where the stack's own may mean nothing; empty: it is the stack's own."""
    expires_at: float = 0.0
    """Its own expiry, which no other trust has. Unix seconds; 0: of a record from before it was written."""
    started_at: float = 0.0
    cred_expires_at: float = 0.0
    """When the token expires with which it was asked for."""

    @property
    def handle(self) -> str:
        return trust_handle(self.expires_at)


class TrustAttempt(Record, frozen=True, kw_only=True):
    """The ledger's entry for one request that may make a trust. It is there before the request is sent, until
    the stack's record takes its place; and again from that record's end until the trust is gone for good."""

    cloud: str
    project: Project
    stack: StackId
    user: str
    user_project: Project
    """The project's id in that cloud, where the stack's own may mean nothing."""
    expires_at: float
    started_at: float
    cred_expires_at: float
    condemned: bool = False
    """Nobody will record it any more."""

    @property
    def handle(self) -> str:
        return trust_handle(self.expires_at)


def trust_handle(expires_at: float) -> str:
    """What a trust is known by: its expiry, to the 10 microseconds by which two of them differ at least."""
    return f"{expires_at:.5f}"


class Claim(Record, frozen=True, kw_only=True):
    replica: ReplicaId


class ReplicaRecord(Record, frozen=True, kw_only=True):
    id: ReplicaId
    region: Region
    address: str = ""
    version: str = ""
    started_at: float = 0.0


class RegionRecord(Record, frozen=True, kw_only=True):
    """A region as the operator registered it."""

    name: Region
    auth_url: str
    """Its Keystone. Tokens and trusts go to these addresses and to no others."""
    catalog_region: str = ""
    """What the catalogue calls it; empty: the same."""
    interface: str = "public"
    cloud: str = "default"
    """Regions of one cloud share a Keystone, and a stack's trust there."""
    exec_seconds: float = 900.0
    """From a request's admission to its effect, at most."""
    lag_seconds: float = 5.0
    """From an effect until every list shows it, at most."""
    skew_seconds: float = 5.0
    """Between two clocks, at most."""
    verify: bool = True
    """Whether certificates are checked."""
    ca_file: str = ""
    """On the replicas: of the authority that signed them; empty: the system's."""


class WorkRecord(Record, frozen=True, kw_only=True):
    """Its key says that a shard has something to do; its mod_revision is the signal. `by` is for people."""

    by: str = ""


def parse_ref(ref: str) -> tuple[Path, Region, int]:
    """Take an `Incarnation.ref` apart."""
    path, _, rest = ref.rpartition("@")
    region, _, n = rest.rpartition("#")
    return Path(path), Region(region), int(n)
