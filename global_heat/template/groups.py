"""The groups of a compiled stack: which members they have, and how a step finds that out where it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from global_heat.model.names import Path, Region
from global_heat.model.values import Json, Unknown
from global_heat.template.batching import Batching, batch_create_of, rolling_of
from global_heat.template.evaluation import Run, Trace
from global_heat.template.location import Faults
from global_heat.template.node import Container, Group
from global_heat.template.scaling import SCALING
from global_heat.template.shapes import Shape, shape_of, take
from global_heat.template.source import GroupPast
from global_heat.template.values import first_unknown
from global_heat.template.view import View


class Scope(msgspec.Struct, frozen=True):
    """Of a group that scales: what its size may be, and how long it keeps what it was given. Seconds."""

    size: int
    least: int
    most: int | None
    cooldown_seconds: float


class Groups:
    """Those of one tree, by path. Immutable."""

    def __init__(self, containers: Mapping[Path, Container], is_secret: Callable[[Trace], bool]) -> None:
        self._groups = {path: node for path, node in containers.items() if isinstance(node, Group)}
        self._is_secret = is_secret

    @property
    def opening(self) -> dict[Path, Region]:
        """Those of which a step has to find which members they have, and where it does."""
        return {
            path: Region(group.place.region) for path, group in self._groups.items() if group.members.open
        }

    def type_of(self, path: Path) -> str:
        return self._groups[path].type

    def in_order(self) -> list[Path]:
        """Those that may do with some members at a time, the innermost first."""
        paced = (path for path in self._groups if self.rolling(path) or self.batch_create(path))
        return sorted(paced, key=lambda path: -path.count("/"))

    def names(self, path: Path) -> list[str]:
        return list(self._groups[path].nodes)

    def rolling(self, path: Path) -> Batching | None:
        """How changes of its members are carried out; None: all at once."""
        return rolling_of(self._groups[path])

    def batch_create(self, path: Path) -> Batching | None:
        """How its first members are made; None: all at once."""
        return batch_create_of(self._groups[path])

    def shape(self, path: Path, view: View) -> Shape:
        """What shapes a group and does not follow from the template alone, as the view tells it.

        Raises `Invalid`, located: it does not fit, or is not known.
        """
        group, faults = self._groups[path], Faults()
        shaped = shape_of(group.type, group.schema, group.given, Run(view, faults), self._is_secret)
        found = take(shaped, group.members.open)
        for name, value in found.items():
            if first_unknown(value) is not None:
                faults.add((group.given.at, name), "cannot be told from what is there")
        faults.raise_any(f"The group {path}")
        return found

    def has_shape(self, path: Path, shape: Shape) -> bool:
        """Whether a group was compiled with the members that this shape asks for."""
        return self._groups[path].members.shape == shape

    def scaling(self, reference: str) -> Path | None:
        """The group that scales and is called so."""
        named = {group.title.name: path for path, group in self._groups.items() if group.type in SCALING}
        return named.get(reference)

    def scope(self, path: Path, view: View) -> Scope:
        """Within what a group's size may change. Raises `Invalid`, located."""
        group, faults = self._groups[path], Faults()
        shaped = shape_of(group.type, group.schema, group.given, Run(view, faults), self._is_secret)
        faults.raise_any(f"The group {path}")
        bounds = SCALING[group.type]
        cooldown = shaped.get("cooldown") or shaped.get("Cooldown") or 0
        return Scope(
            len(group.nodes), shaped.get(bounds.least) or 0, shaped.get(bounds.most), max(0.0, cooldown)
        )

    def past(self, view: View) -> dict[str, GroupPast]:
        """What they leave to the next revision: hand it over as `Source.groups`."""
        run = Run(view)
        found: dict[str, GroupPast] = {}
        for path, group in self._groups.items():
            references = {name: node.reference(run) for name, node in group.nodes.items()}
            members: dict[str, Json] = {
                name: None if isinstance(reference, Unknown) else reference
                for name, reference in references.items()
            }
            found[path] = _past_of(group, members)
        return found


def _past_of(group: Group, members: dict[str, Json]) -> GroupPast:
    had = group.members
    size = len(members) if group.type in SCALING and had.shape is not None else None
    return GroupPast(
        members,
        had.removed,
        had.shape or None,
        size,
        had.named,
        had.digest,
        had.scaled_at,
        dict(had.scaled_by),
    )
