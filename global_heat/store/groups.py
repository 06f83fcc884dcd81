"""What a stack's groups were, for its next revision: names that were taken out stay out, sizes stay."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.names import Path, PhysicalId
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Json, Unknown
from global_heat.planner.decision import live
from global_heat.store.documents import Documents
from global_heat.store.reading import StackView
from global_heat.template.source import GroupPast, Source


async def with_past(documents: Documents, view: StackView, source: Source) -> Source:
    """The same source, told what the present revision's groups leave to it."""
    if not view.header.revision:
        return msgspec.structs.replace(source, groups={})  # rolled back to nothing
    present = await documents.tree(view.header, view.header.revision)
    by_path: dict[Path, list[Incarnation]] = {}
    for incarnation in view.incarnations:
        by_path.setdefault(incarnation.path, []).append(incarnation)
    standing = {path: live(incarnations) for path, incarnations in by_path.items()}
    ids = {path: each.id for path, each in standing.items() if each is not None and each.id}
    groups = present.groups.past(_Ids(ids))
    for path, past in groups.items():
        if past.size is not None:
            groups[path] = _in_order(past, path, standing)
    return msgspec.structs.replace(source, groups=groups)


def _in_order(past: GroupPast, group: str, standing: Mapping[Path, Incarnation | None]) -> GroupPast:
    """Members in the order in which they go when there are too many: those that failed, then the eldest."""
    whole: dict[str, tuple[bool, float]] = {}
    for path, incarnation in standing.items():
        name = path.removeprefix(f"{group}/").partition("/")[0]
        if path.startswith(f"{group}/") and incarnation is not None:
            sound, since = whole.get(name, (True, float("inf")))
            sound = sound and incarnation.state is not State.FAILED
            whole[name] = sound, min(since, incarnation.created_at)
    missing = (False, 0.0)
    names = sorted(past.members, key=lambda name: whole.get(name, missing))
    return msgspec.structs.replace(past, members={name: past.members[name] for name in names})


class _Ids:
    """A view that knows what things are called and nothing else."""

    def __init__(self, ids: Mapping[Path, PhysicalId]) -> None:
        self._ids = ids

    def reference(self, path: Path) -> Json:
        return self._ids.get(path, Unknown(path))

    def attribute(self, path: Path, name: str) -> Json:
        return Unknown(f"{path}.{name}")
