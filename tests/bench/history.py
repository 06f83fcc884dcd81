"""What a stack's commits tell of its course: when each resource began and ended, what waited for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from global_heat.model.names import Path, Region
from global_heat.model.records import Attempt, Header, Incarnation, State, parse_ref
from global_heat.store.codec import decode


class Write(msgspec.Struct, frozen=True):
    """One key's change. `at` in seconds, when it was made, or seen."""

    revision: int
    at: float
    key: str
    value: bytes | None


class Life(msgspec.Struct):
    """How one resource came to be under one plan. Revisions of the store; all of a commit share one."""

    path: Path
    region: Region
    type: str
    begun: int
    begun_at: float
    done: int = 0
    done_at: float = 0.0
    needs: tuple[Path, ...] = ()


class Course(msgspec.Struct, frozen=True):
    """One stack from its wish to its end."""

    lives: Mapping[Path, Life]
    attempts: Sequence[Attempt]
    """As they stood last."""
    shard_commits: Mapping[Region, int]
    """How many transactions each shard's owner made, all in sequence, claim and release left out."""
    wished_at: float
    ended_at: float


class Walk(msgspec.Struct, frozen=True):
    """The chain of records that the end waited for."""

    paths: tuple[Path, ...]
    """From the first to the last."""
    levels: int
    """Those of them that a cloud was called for."""
    commits: int
    """Different transactions along it, each of which had to wait for the one before."""
    crossings: int
    """Steps from one region's shard to another's: a transaction of one owner cannot hold another's intent."""


def course(writes: Iterable[Write], stack: str) -> Course:
    """What the records of one stack went through, from its creation to the end of its first operation."""
    lives: dict[Path, Life] = {}
    attempts: dict[str, Attempt] = {}
    commits: dict[Region, set[int]] = {}
    wished_at = ended_at = 0.0
    for write in writes:
        parts = write.key.split("/")
        if stack not in parts or write.value is None:
            continue
        if parts[0] == "attempts":
            attempts[parts[-1]] = decode(Attempt, write.value)
        elif parts[0] == "stacks" and parts[3] == "header":
            wished_at = wished_at or write.at
            if decode(Header, write.value).ended and not ended_at:
                ended_at = write.at
        elif parts[0] == "stacks" and parts[3] == "resources":
            _take(lives, write, decode(Incarnation, write.value))
        elif parts[0] == "stacks" and parts[3] == "shards" and not ended_at:
            commits.setdefault(Region(parts[4]), set()).add(write.revision)
    return Course(
        lives, list(attempts.values()), {r: len(c) for r, c in commits.items()}, wished_at, ended_at
    )


def _take(lives: dict[Path, Life], write: Write, record: Incarnation) -> None:
    life = lives.get(record.path)
    if life is None:
        life = Life(record.path, record.region, record.type, write.revision, write.at)
        lives[record.path] = life
    if record.state is State.READY and not life.done:
        life.done, life.done_at = write.revision, write.at
        life.needs = tuple(parse_ref(ref)[0] for ref in record.requires)


def walk(course: Course) -> Walk:
    """Go back from what was finished last, each time to what it had waited for."""
    called = {attempt.path for attempt in course.attempts}
    life: Life | None = max(course.lives.values(), key=lambda each: each.done)
    paths: list[Path] = []
    commits: set[int] = set()
    crossings = 0
    while life is not None:
        paths.append(life.path)
        commits |= {life.begun, life.done}
        before = _waited_for(life, [course.lives[need] for need in life.needs])
        crossings += before is not None and before.region != life.region
        life = before
    return Walk(tuple(reversed(paths)), len(called & set(paths)), len(commits), crossings)


def _waited_for(life: Life, needs: Sequence[Life]) -> Life | None:
    """The need that held it up: what another region made is heard of later than what the own one made."""
    joined = [need for need in needs if need.done == life.begun]
    far = [need for need in needs if need.region != life.region]
    return max(joined or far or needs, key=lambda each: each.done, default=None)
