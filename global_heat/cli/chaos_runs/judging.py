"""What must hold after a run: the checker on the real journal, the audit, what clients were told."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from global_heat.cli.chaos_runs.load import Known
from global_heat.cli.chaos_runs.probes import PROBES
from global_heat.cli.chaos_runs.witness import Witness
from global_heat.cli.lab.audit import Audit
from global_heat.cli.lab.auditing import take_audit
from global_heat.cli.lab.files import KEY_FILE, region_record
from global_heat.cli.lab.running import PERSON, RunningLab
from global_heat.model.names import Project, StackId
from global_heat.model.records import Attempt, AttemptState, Header, Incarnation, Operation, State, Status
from global_heat.regions.credentials import PasswordCredential
from global_heat.regions.http import AiohttpTransport
from global_heat.regions.registry import Registry
from global_heat.resources.catalogue import ALL
from global_heat.sim.audit import Auditor, check_complete, check_seen
from global_heat.sim.checker import check_gone, check_history, check_rest
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.cloud.things import Made
from global_heat.sim.evidence import Evidence, Violation
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.sealing import Seal

AGENT = "global-heat"
"""How replicas name themselves to clouds."""
_TRACEBACK = "Traceback (most recent call last)"
_SHOWN = 600
"""Characters of a line."""
_INVARIANTS = {"orphan": 8, "duplicate": 9, "missing": 17}


class Past(msgspec.Struct, frozen=True):
    """One region's things, from first to last."""

    things: list[Made]

    def history(self) -> list[Made]:
        return self.things


class Clouds(msgspec.Struct, frozen=True):
    """What the clouds' operator told, as a checker wants to see it."""

    regions: Mapping[str, Past]
    journal: Sequence[Entry]
    exist: list[Made]

    def truth(self) -> list[Made]:
        return self.exist


class Recorded(msgspec.Struct):
    """One stack's records."""

    header: Header | None = None
    incarnations: list[Incarnation] = []


class _Page(msgspec.Struct):
    entries: list[Entry]
    next: int


async def ask_clouds(lab: RunningLab) -> Clouds:
    """Raises `Transient`; `AssertionError` when the journal is longer than the cloud's memory."""
    history = msgspec.json.decode(await lab.ask_clouds("GET", "history"), type=dict[str, list[Made]])
    page = msgspec.json.decode(await lab.ask_clouds("GET", "journal"), type=_Page)
    assert len(page.entries) == page.next, "the journal has lost its beginning"
    regions = {name: Past(things) for name, things in history.items()}
    return Clouds(regions, page.entries, await lab.truth())


async def evidence(lab: RunningLab, witness: Witness, told: Sequence[Operation] = ()) -> Evidence:
    """All that there is to judge by, as it is now. `told`: what clients were told of their wishes."""
    await witness.caught_up()
    key = base64.b64decode((lab.directory / KEY_FILE).read_text())
    return Evidence(
        history=witness.tee.history(),
        cloud=await ask_clouds(lab),
        epoch=0.0,
        token_keys=Seal({"lab": key}, bytes).token_keys,
        earliest=witness.tee.earliest(),
        guards_known=False,
        replicas=frozenset({AGENT}),
        acknowledged=told,
    )


async def read_stacks(lab: RunningLab) -> list[Recorded]:
    """All stacks, also those that are deleted. Raises `Transient`."""
    found: dict[StackId, Recorded] = {}
    async with lab.store() as store:
        for entry in (await store.scan(keys.STACKS)).entries:
            _, _, stack, part = entry.key.split("/")[:4]
            recorded = found.setdefault(StackId(stack), Recorded())
            if part == "header":
                recorded.header = decode(Header, entry.value)
            elif part == "resources":
                recorded.incarnations.append(decode(Incarnation, entry.value))
    return list(found.values())


async def judge_rest(lab: RunningLab, witness: Witness, known: Sequence[Known]) -> list[Violation]:
    """Once all is calm and every stack has ended."""
    found = await evidence(lab, witness)
    stacks = await read_stacks(lab)
    records = [incarnation for stack in stacks for incarnation in stack.incarnations]
    headers = [stack.header for stack in stacks if stack.header is not None]
    return [
        *check_rest(found, records, headers),
        *kept(headers, known),
        *await _as_wished(lab, stacks, known),
        *_audited(await take_audit(lab)),
    ]


async def judge_end(lab: RunningLab, witness: Witness, told: Sequence[Operation]) -> list[Violation]:
    """Once every stack is deleted and the ledger is closed."""
    found = await evidence(lab, witness, told)
    headers = [stack.header for stack in await read_stacks(lab) if stack.header is not None]
    left = [header for header in headers if not header.deleted]
    return [
        *(Violation(16, f"{each.name} could not be deleted: {each.state} {each.reason}") for each in left),
        *check_gone(found),
        *check_history(found),
        *_audited(await take_audit(lab)),
    ]


def outbursts(directory: Path) -> list[Violation]:
    """Exceptions that nobody expected, in the logs of the lab's programs."""
    return [
        Violation(0, f"{log.name}:{number}: {line.strip()[-_SHOWN:]}")
        for log in sorted(directory.glob("*.log"))
        for number, line in enumerate(log.read_text(errors="replace").splitlines(), 1)
        if _TRACEBACK in line
    ]


async def busy(lab: RunningLab) -> list[str]:
    """Stacks that have not come to an end, in words."""
    headers = [stack.header for stack in await read_stacks(lab) if stack.header is not None]
    return [f"{header.name} is {header.state}" for header in headers if not header.ended]


async def swept(lab: RunningLab) -> list[str]:
    """Attempts and trusts that a sweeper still looks after, in words. What a record holds waits for its next
    plan."""
    stacks = await read_stacks(lab)
    leaving = {
        incarnation.token
        for stack in stacks
        for incarnation in stack.incarnations
        if incarnation.state is State.LEAVING
    }
    gone = [stack.header for stack in stacks if stack.header is not None and stack.header.deleted]
    async with lab.store() as store:
        indexed = {keys.attempt_of(entry.key) for entry in (await store.scan(keys.sweeps())).entries}
        ledger = (await store.scan(keys.attempts())).entries
        trusts = (await store.scan(keys.TRUSTS)).entries
        for each in gone:
            trusts += (await store.scan(keys.trust(each.project, each.id, ""))).entries
    attempts = [decode(Attempt, entry.value) for entry in ledger if entry.key in indexed]
    return [
        f"{each.path}@{each.region}#{each.n} is {each.state}"
        for each in attempts
        if each.state is not AttemptState.INTENT and each.token not in leaving
    ] + [f"{entry.key} is a trust that is to go" for entry in trusts]


def kept(headers: Iterable[Header], known: Iterable[Known]) -> list[Violation]:
    """What was acknowledged is there, and nothing else."""
    live = [header for header in headers if not header.deleted and not header.name.startswith(PROBES)]
    present = {header.id: header.name for header in live}
    expected = {StackId(each.uid): each.name for each in known if not each.deleted}
    lost = [f"stack {name} is lost" for id, name in expected.items() if id not in present]
    extra = [
        f"stack {name} is there, and nobody wishes it" for id, name in present.items() if id not in expected
    ]
    return [Violation(1, story) for story in lost + extra]


async def _as_wished(lab: RunningLab, stacks: Iterable[Recorded], known: Iterable[Known]) -> list[Violation]:
    """Look at every thing as a person of its project sees it."""
    registry = Registry(region_record(lab.lab, region) for region in lab.lab.regions)
    wished = {each.uid: each for each in known}
    found: list[Violation] = []
    async with AiohttpTransport() as transport:
        for stack in stacks:
            header, records = stack.header, stack.incarnations
            if header is None or header.deleted or header.id not in wished:
                continue
            auditor = Auditor(transport, registry, header.project, _person(header.project), ALL, time.time)
            seen = await auditor.look(records)
            found += check_seen(records, seen, _by_nobody)
            blueprint = wished[header.id].revisions.get(header.revision)
            if blueprint is not None and header.status is Status.COMPLETE:
                found += check_complete(header.name, blueprint, records, seen, _by_nobody)
    return found


def _person(project: Project) -> PasswordCredential:
    return PasswordCredential(
        user_name=PERSON["username"], password=PERSON["password"], project_id=project, project_name=""
    )


def _by_nobody(id: str) -> bool:
    """No person has his hands in a run."""
    return False


def _audited(found: Audit) -> list[Violation]:
    return [
        Violation(_INVARIANTS[each.problem], f"audit: {each.problem}: {each.kind} {each.id}: {each.story}")
        for each in found.discrepancies
    ]


def keep(directory: Path, found: Evidence) -> None:
    """Write down, a line each, what was written to the store and what was asked of the clouds."""
    directory.mkdir(exist_ok=True)
    clouds = {name: region.history() for name, region in found.cloud.regions.items()}
    for name, values in (("history", found.history), ("journal", found.cloud.journal)):
        (directory / f"{name}.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(values))
    (directory / "clouds.json").write_bytes(msgspec.json.encode(clouds))
