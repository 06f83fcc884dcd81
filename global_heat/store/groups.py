"""What a stack's groups were, for its next revision: names that were taken out stay out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.names import Path, PhysicalId
from global_heat.model.records import Incarnation
from global_heat.model.values import Json, Unknown
from global_heat.planner.decision import live
from global_heat.store.documents import Documents
from global_heat.store.reading import StackView
from global_heat.template.source import Source


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
    return msgspec.structs.replace(source, groups=present.groups.past(_Ids(ids)))


class _Ids:
    """A view that knows what things are called and nothing else."""

    def __init__(self, ids: Mapping[Path, PhysicalId]) -> None:
        self._ids = ids

    def reference(self, path: Path) -> Json:
        return self._ids.get(path, Unknown(path))

    def attribute(self, path: Path, name: str) -> Json:
        return Unknown(f"{path}.{name}")
