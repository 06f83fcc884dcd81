"""Stacks that live: each vector is played by one engine in a simulated world, and told as Heat's was.

What Heat labels `id1` is bound, at the first sight of a resource, to the id that this resource has here: from
then on the same label means the same thing. A group, a chain and a nested stack have no record of their own
here, nor has a resource that nobody began: both are left out of what Heat tells.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import structlog

from global_heat.api.documents import outputs_of
from global_heat.api.previews import told_steps
from global_heat.api.records import resource_of
from global_heat.model.errors import Invalid
from global_heat.model.names import StackId
from global_heat.model.plan import Forecast
from global_heat.model.records import Action, EventBatch, Header
from global_heat.planner.decision import live
from global_heat.proto.v1 import resource_pb2
from global_heat.sim import loop
from global_heat.sim.etcd import Written
from global_heat.sim.world import REGIONS, SimWorld
from global_heat.store.caller import Caller
from global_heat.store.codec import decode
from global_heat.store.reading import StackView, read_stack
from global_heat.store.wishes import StackWish, Wishes
from global_heat.template.merging import merge_environments
from global_heat.template.source import Source
from tests.conformance.answers import refusal, source_of
from tests.conformance.comparing import ERROR, differences
from tests.conformance.vectors import Vector

LIFE = "lifecycle"
_SECONDS = 1500.0
_SAID = {"op", "template", "files", "parameters", "environment", "disable_rollback"}
_NOT_BEGUN = "INIT_COMPLETE"
_NOT_KNOWN = "not known yet"
_LISTS = {
    Forecast.ADD: "added",
    Forecast.CHANGE: "updated",
    Forecast.REPLACE: "replaced",
    Forecast.DELETE: "deleted",
    Forecast.RETAIN: "deleted",
    Forecast.KEEP: "unchanged",
}


def check_life(vector: Vector) -> list[str]:
    """How the life of a stack differs from what it was in Heat, step by step."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return loop.run(_Life(vector).play())
    except Invalid as error:
        return [f"create: refused: {error}"]


class _Life:
    """One stack, from its creation through the vector's steps."""

    def __init__(self, vector: Vector) -> None:
        self._vector = vector
        self._labels: dict[str, str] = {}
        """Heat's label by the id here."""
        self._inner: set[str] = set()
        """Groups, chains and nested stacks that it has or had."""

    async def play(self) -> list[str]:
        self._world = SimWorld(seed=1, replicas=1)
        self._documents = self._world.documents(self._world.user.store)
        numbers = itertools.count(1)
        self._wishes = Wishes(self._documents, self._world.clock, lambda: f"{next(numbers):032x}")
        self._caller = Caller(self._world.project, "demo")
        self._world.start()
        found = []
        for number, wanted in enumerate(self._vector.expect[LIFE]):
            step = self._vector.steps[number - 1] if number else {"op": "create"}
            assert step["op"] == wanted["op"], f"{self._vector.id} tells other steps than it has"
            assert step.keys() <= _SAID, f"{self._vector.id} asks for what nobody does"
            at = f"{step['op']} ({number})" if number else "create"
            found += [f"{at}: {difference}" for difference in await self._step(step, wanted)]
        await self._world.stop()
        return found

    async def _step(self, step: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
        before = self._world.cluster.revision
        answer: dict[str, Any] = {}
        try:
            match step["op"]:
                case "create":
                    await self._create()
                case "update":
                    await self._update(step)
                case "delete":
                    await self._wishes.delete(self._caller, self._id, "")
                case "preview_update":
                    answer["preview"] = await self._preview(step)
                case unknown:
                    return [f"there is no {unknown} here"]
        except Invalid as error:
            return list(differences(_refused(wanted), refusal(error)))
        if "error" in wanted:
            return list(differences(_refused(wanted), {}))
        view = await self._ended()
        answer |= self._shown(view)
        answer["outputs"] = await self._outputs(view)
        told = [event for event in self._told(before, view.header) if "/" not in event[0]]
        answer["events"] = _by_name(told)
        if "event_order" in wanted:
            answer["event_order"] = [list(event) for event in told]
        expected = _binding(wanted, self._inner)
        self._bind(expected["resources"], answer["resources"])
        return list(differences(expected, self._labelled(answer)))

    # what is done

    async def _create(self) -> None:
        vector = self._vector
        wish = StackWish(
            vector.stack_name, source_of(vector), REGIONS[0], rollback=not vector.disable_rollback
        )
        operation = await self._wishes.create(self._caller, wish, "", REGIONS)
        self._id = operation.stack
        await self._learn(operation.plan)

    async def _update(self, step: dict[str, Any]) -> None:
        rollback = not step.get("disable_rollback", True)
        wish = StackWish(self._vector.stack_name, self._source(step), REGIONS[0], rollback=rollback)
        operation = await self._wishes.update(self._caller, self._id, wish, "", REGIONS)
        await self._learn(operation.plan)

    async def _learn(self, revision: int) -> None:
        """A wish's revision has the number of its plan."""
        tree = await self._documents.tree((await self._read()).header, revision)
        self._inner.update(tree.containers)

    async def _preview(self, step: dict[str, Any]) -> dict[str, list[str]]:
        view = await self._read()
        tree = self._documents.compile(self._source(step), view.header, REGIONS)
        number = view.plan.number
        plan = self._wishes.plan_tree(view.header, number + 1, number, number + 1, Action.UPDATE, tree, view)
        lists: dict[str, list[str]] = {name: [] for name in _LISTS.values()}
        for planned, forecast in told_steps(plan):
            lists[_LISTS[forecast]].append(planned.path)
        return lists

    def _source(self, step: dict[str, Any]) -> Source:
        files = step.get("files") or self._vector.files
        template = step.get("template", self._vector.template)
        environment = merge_environments([step["environment"]] if step.get("environment") else [])
        return Source(template, environment, files, parameters=step.get("parameters") or {})

    async def _ended(self) -> StackView:
        """The stack once nothing more happens to it: a rollback that was asked for is a part of its end."""

        def over() -> bool:
            header = next(each for each in self._world.headers() if each.id == self._id)
            goes_back = header.rollback and header.action is not Action.ROLLBACK
            return header.ended and not (goes_back and header.state.endswith("FAILED"))

        assert await self._world.until(over, _SECONDS), f"{self._vector.id} never ends"
        return await self._read()

    async def _read(self) -> StackView:
        return await read_stack(self._world.user.store, self._world.project, self._id, local=False)

    # what is told of it

    def _shown(self, view: StackView) -> dict[str, Any]:
        resources = {}
        for path in {each.path for each in view.incarnations}:
            standing = live(each for each in view.incarnations if each.path == path)
            if standing is None:
                continue
            shown = resource_of(view.header, standing)
            action = resource_pb2.ResourceAction.Name(shown.action).removeprefix("RESOURCE_ACTION_")
            status = resource_pb2.ResourceStatus.Name(shown.status).removeprefix("RESOURCE_STATUS_")
            resources[str(path)] = {
                "physical": shown.physical_id,
                "status": f"{action}_{status}",
                "type": shown.type,
            }
        return {"stack": view.header.state, "resources": resources}

    async def _outputs(self, view: StackView) -> dict[str, Any]:
        if not view.header.revision:
            return {}  # rolled back to nothing, or deleted
        tree = await self._documents.tree(view.header, view.header.revision)
        return {
            output.key: {ERROR: output.error}
            if output.error and not output.error.startswith(_NOT_KNOWN)
            else output.value
            for output in outputs_of(self._documents, view, tree)
        }

    def _told(self, since: int, header: Header) -> Iterator[tuple[str, str]]:
        """What is said of the stack and of each resource, in the order in which it was recorded."""
        state = ""
        for written in self._world.cluster.history:
            if written.revision <= since:
                continue
            batches, headers = _of_stack(written, header.id)
            started = [each for each in headers if not each.ended]
            ended = [each for each in headers if each.ended]
            told: list[Header | EventBatch] = [*started, *batches, *ended]
            for each in told:
                if isinstance(each, EventBatch):
                    yield from ((event.path, f"{event.action}_{event.status}") for event in each.events)
                elif each.state != state:
                    state = each.state
                    yield header.name, state

    # whose id is whose

    def _bind(self, wanted: dict[str, Any], found: dict[str, Any]) -> None:
        taken = set(self._labels.values())
        for name, resource in wanted.items():
            label, id = resource["physical"], found.get(name, {}).get("physical")
            if label and id and id not in self._labels and label not in taken:
                self._labels[id] = label
                taken.add(label)

    def _labelled(self, value: Any) -> Any:
        match value:
            case str():
                return self._labels.get(value, value)
            case dict():
                return {key: self._labelled(item) for key, item in value.items()}
            case list():
                return [self._labelled(item) for item in value]
        return value


def _of_stack(written: Written, stack: StackId) -> tuple[list[EventBatch], list[Header]]:
    batches, headers = [], []
    for key, value in written.changes:
        parts = key.split("/")
        if value is None or parts[0] != "stacks" or parts[2] != stack:
            continue
        if parts[3] == "events":
            batches.append(decode(EventBatch, value))
        elif parts[3] == "header":
            headers.append(decode(Header, value))
    return batches, headers


def _by_name(told: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, state in told:
        found.setdefault(name, []).append(state)
    return found


def _refused(wanted: dict[str, Any]) -> dict[str, Any]:
    if "error" not in wanted:
        return {"stack": wanted["stack"]}
    return {ERROR: wanted["error"]["message"], "http": wanted["error"]["http"]}


def _binding(wanted: dict[str, Any], inner: set[str]) -> dict[str, Any]:
    """What of Heat's answer is compared. Reasons are messages; `inner`: what has no record of its own."""
    kept = {key: value for key, value in wanted.items() if key not in ("op", "reason")}
    kept["resources"] = {
        name: {key: value for key, value in resource.items() if key != "reason"}
        for name, resource in wanted["resources"].items()
        if name not in inner and resource["status"] != _NOT_BEGUN
    }
    kept["events"] = {name: states for name, states in wanted["events"].items() if name not in inner}
    return kept
