"""How a template's functions see the resources: what is known of them at the time of asking."""

from __future__ import annotations

from typing import Protocol

from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.values import Origin


class View(Protocol):
    """What is known of a tree's leaves."""

    def reference(self, path: Path) -> Json:
        """What `get_resource` gives, or `Unknown(of=path)`."""
        ...

    def attribute(self, path: Path, name: str) -> Json:
        """A top-level attribute, or an `Unknown`; the function walks any further path itself."""
        ...


class NothingYet:
    """Before anything exists: every reference and attribute is unknown.

    Each is an `Origin`, so that two values that wait for the same thing compare equal and the ids
    that would cross from region to region can be found.
    """

    def reference(self, path: Path) -> Json:
        return Origin(path, path)

    def attribute(self, path: Path, name: str) -> Json:
        return Origin(f"{path}.{name}", path, name)
