"""One resource in an apply step: what it is, what it shall be, and how its record says so."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import AttemptChange, Write
from global_heat.engine.job import Job, StepFailed
from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId, Token, resource_address
from global_heat.model.plan import Step
from global_heat.model.records import Action, Attempt, AttemptState, Event, Incarnation, State
from global_heat.model.values import Body, Json, Properties, has_unknown
from global_heat.planner.external import external_wish
from global_heat.planner.planning import wish_of
from global_heat.resources.type import Found, Handle, Making
from global_heat.store.protocol import MAX_COMMIT_BYTES

_SEALED_BYTES_MAX = MAX_COMMIT_BYTES // 4


class Resource:
    """A resource of the wished tree, with its properties as they resolve from what is finished."""

    def __init__(self, job: Job, step: Step) -> None:
        self.job = job
        self.step = step
        self.path = step.path
        self.type = job.world.types[step.type]
        self.definition = job.tree.definitions[step.path]
        self.props: Properties = {}
        if self.definition.external_id is not None:
            self.wish = external_wish(self.definition.external_id, job.hash_property())
        else:
            self._resolve()
        self.found: Mapping[str, Found] = {}
        self.held = True
        """A hook that is due after it is made or changed holds it back."""

    def _resolve(self) -> None:
        job = self.job
        try:
            self.props = job.tree.properties(self.path, job.view())
        except Invalid as error:
            raise StepFailed(str(error)) from None
        if has_unknown(self.props):
            raise StepFailed("a value that this resource needs is not known: " + _unknown_names(self.props))
        renewed_by = job.plan.revision if self.type.renews else None
        self.wish = wish_of(self.props, job.hash_property(), renewed_by)

    @property
    def retain(self) -> bool:
        return self.definition.deletion_policy == "Retain"

    @property
    def snapshot(self) -> bool:
        return self.definition.deletion_policy == "Snapshot"

    @property
    def hooks(self) -> tuple[str, ...]:
        """What is external is looked at without any."""
        return self.definition.hooks if self.definition.external_id is None else ()

    def due_after(self, incarnation: Incarnation) -> str:
        """The hook at which a step waits that has made or changed it; empty: none."""
        action = self.job.plan.action
        if action is Action.CREATE:
            return "post-create" if "post-create" in self.hooks else ""
        changed = incarnation.state is State.UPDATING or incarnation.updated
        changed = changed and incarnation.tried >= self.job.plan.first
        due = changed and action in (Action.UPDATE, Action.ROLLBACK) and "post-update" in self.hooks
        return "post-update" if due else ""

    def with_policies(self, incarnation: Incarnation) -> Incarnation:
        """Its record with what shall be done when it goes."""
        return msgspec.structs.replace(
            incarnation,
            retain=self.retain,
            snapshot=self.snapshot,
            pauses=tuple(hook for hook in self.definition.hooks if hook.endswith("-delete")),
        )

    def requires(self) -> tuple[str, ...]:
        """The incarnations that it is built on."""
        finished = self.job.book.finished
        needed = (finished.get(path) for path in self.job.tree.requires(self.path))
        return tuple(sorted(incarnation.ref for incarnation in needed if incarnation is not None))

    def making(self, incarnation: Incarnation, token: Token | None = None) -> Making:
        header = self.job.book.header
        return Making(
            token=incarnation.token if token is None else token,
            stack=self.job.book.header.name,
            path=self.path,
            name=incarnation.name,
            made=self.job.opened(incarnation)["made"],
            address=resource_address(header.project, header.id, self.path),
            clock=self.job.clock,
            found=self.found,
        )

    def new_name(self) -> str:
        """`STACK-RESOURCE-xxxxxxxx`, as short as services want names."""
        suffix = self.job.world.random_bytes(4).hex()
        flat = self.path.replace("/", "-")
        return f"{self.job.book.header.name[:100]}-{flat[:100]}-{suffix}"

    def missing_attributes(self, incarnation: Incarnation) -> bool:
        """Whether something is needed of it that its record does not hold."""
        have = self.job.opened(incarnation)["attributes"]
        return any(name not in have for name in self.job.tree.needed_attributes(self.path))

    def ready(self, incarnation: Incarnation, body: Body, made: Mapping[str, Json]) -> Incarnation:
        """Its record once it is as `target` says: finished for this plan if that is what is wished now."""
        kept = dict(made)
        attributes = self._attributes(incarnation, body, kept)
        needed = {name: attributes.get(name) for name in self.job.tree.needed_attributes(self.path)}
        sealed = self.job.world.documents.seal_incarnation(
            self.job.book.header, incarnation.ref, needed, kept
        )
        if len(sealed) > _SEALED_BYTES_MAX:
            raise StepFailed(f"its attributes are too big to keep ({len(sealed)} bytes)", incarnation)
        hashes = incarnation.target or incarnation.hashes
        as_wished = hashes == self.wish.hashes
        finished = as_wished and not (self.held and self.due_after(incarnation))
        return msgspec.structs.replace(
            self.with_policies(incarnation),
            state=State.READY,
            plan=self.job.plan.number if finished else 0,
            hashes=hashes,
            target={},
            sealed=sealed,
            reason="",
            attempts=0,
            requires=self.requires() if as_wished else incarnation.requires,
            updated=incarnation.updated or incarnation.state is State.UPDATING,
            updated_at=self.job.now,
        )

    def _attributes(self, incarnation: Incarnation, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        id = incarnation.id
        if incarnation.external and self.type.handle is Handle.LOCAL:
            return {"": id}  # its content is another stack's
        found = dict(self.type.attributes(id, body, made))
        found[""] = self.type.reference(id, body)
        return found

    def failed(self, incarnation: Incarnation, reason: str, action: str = "") -> StepFailed:
        """The failure of this step, with what the record shall say."""
        changed = msgspec.structs.replace(
            incarnation,
            state=State.FAILED,
            tried=self.job.plan.number,
            reason=reason,
            updated_at=self.job.now,
        )
        return StepFailed(reason, changed, action)

    async def vanished(self, incarnation: Incarnation) -> None:
        """Somebody deleted it: it is on its way out, and a new one is made."""
        leaving = msgspec.structs.replace(
            incarnation, state=State.LEAVING, reason="deleted by somebody else", updated_at=self.job.now
        )
        event = self.event("CHECK", "FAILED", "it does not exist any more", id=incarnation.id)
        await self.write(leaving, event, attempts={incarnation.token: condemn})

    def event(self, action: str, status: str, reason: str = "", id: str = "") -> Event:
        return self.job.event(self.path, self.step.type, action, status, reason, id)

    async def write(
        self,
        incarnation: Incarnation,
        *events: Event,
        attempts: Mapping[Token, AttemptChange] | None = None,
    ) -> None:
        await self.job.book.write(Write(incarnations=(incarnation,), events=events, attempts=attempts or {}))

    def backoff(self) -> Backoff:
        return Backoff(self.job.world.settings)


def condemn(before: Attempt | None) -> Attempt:
    """Nobody adopts it any more: what it made, or will make, is the sweeper's."""
    assert before is not None, "an attempt is recorded before it is condemned"
    if before.state in (AttemptState.CLOSED, AttemptState.RETAINED):
        return before
    return msgspec.structs.replace(before, state=AttemptState.CONDEMNED)


def adopt(id: PhysicalId) -> AttemptChange:
    """What this attempt made is the resource's."""

    def change(before: Attempt | None) -> Attempt:
        assert before is not None and before.state is AttemptState.INTENT, before
        return msgspec.structs.replace(before, state=AttemptState.ADOPTED, id=id)

    return change


def _unknown_names(props: Properties) -> str:
    return ", ".join(sorted(name for name, value in props.items() if has_unknown(value)))
