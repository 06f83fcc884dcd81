"""Which type or template stands for a type name, and what else is said for resources by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

import msgspec

from global_heat.model.values import Json
from global_heat.template.builtin import builtin_target
from global_heat.template.location import At, Faults, Wrong
from global_heat.template.values import describe

FILE_SUFFIXES = (".yaml", ".template")
HOOKS = ("pre-create", "pre-update", "pre-delete", "post-create", "post-update", "post-delete")
RESTRICTED_ACTIONS = ("update", "replace")
SETTINGS = {"hooks": HOOKS, "restricted_actions": RESTRICTED_ACTIONS}
"""What may be said for a resource besides types, and the words that it may hold."""


class Target(msgspec.Struct, frozen=True):
    """What a type name stands for."""

    name: str
    """Of a resource type, or of a template's file."""
    is_file: bool = False
    through: str = ""
    """The mapping that led to the file; it does not hold inside it, so a template can wrap its own type."""


class Registry:
    """Which type or template stands for a type name."""

    def __init__(self, entries: Mapping[str, str], resources: Mapping[str, Json]) -> None:
        self._entries = entries
        self._resources = resources
        self._prefixes = sorted((key for key in entries if key.endswith("*")), key=len)

    def find(self, type_name: str, resource: str, known: Callable[[str], bool]) -> Target | None:
        """Follow the mappings from a type name; None: it leads to nothing that is `known`.

        Of mappings the resource's own counts first, then one of exactly this name, then those of its
        beginnings, the shortest before longer ones, as in Heat; one that leads nowhere is passed over, and
        at the end the name stands for itself. Raises `Wrong` for a circle.
        """
        return self._find(type_name, resource, known, ())

    def _find(
        self, name: str, resource: str, known: Callable[[str], bool], before: tuple[str, ...]
    ) -> Target | None:
        if name.endswith(FILE_SUFFIXES):
            return Target(name, is_file=True, through=before[-1] if before else "")
        if name in before:
            raise Wrong(f"the environment maps types in a circle: {' → '.join((*before, name))}")
        for mapped in self._mapped(name, resource):
            if mapped == name:
                break
            found = self._find(mapped, resource, known, (*before, name))
            if found is not None:
                return found
        if known(name):
            return Target(name)
        builtin = builtin_target(name)
        return self._find(builtin, resource, known, (*before, name)) if builtin is not None else None

    def _mapped(self, name: str, resource: str) -> Iterator[str]:
        """What is said for a type name, what counts first coming first."""
        own = self._resources.get(resource)
        for exact in (own.get(name) if isinstance(own, dict) else None, self._entries.get(name)):
            if isinstance(exact, str):
                yield exact
        for prefix in self._prefixes:
            mapped = _apply_prefix(prefix, self._entries[prefix], name)
            if mapped is not None and mapped != name:
                yield mapped

    def setting(self, name: str, resource: str) -> tuple[str, ...]:
        """The hooks or the restricted actions of a resource, out of all entries that its name fits."""
        found: dict[str, None] = {}
        for own in self._fitting(resource):
            words = own.get(name) or ()
            found |= dict.fromkeys([words] if isinstance(words, str) else words)
        return tuple(found)

    def inside(self, resource: str, through: str = "") -> Registry:
        """The registry for what is nested in a resource."""
        own: dict[str, Json] = {}
        for each in self._fitting(resource):
            own |= each
        exact = self._resources.get(resource)
        own |= exact if isinstance(exact, dict) else {}
        entries = {key: value for key, value in self._entries.items() if key != through}
        return Registry(entries if through else self._entries, own)

    def _fitting(self, resource: str) -> Iterator[dict[str, Json]]:
        for glob, own in self._resources.items():
            if isinstance(own, dict) and fnmatchcase(resource, glob):
                yield own


def _apply_prefix(prefix: str, target: str, name: str) -> str | None:
    if not name.startswith(prefix[:-1]) or target.endswith(FILE_SUFFIXES):
        return None
    return target[:-1] + name[len(prefix) - 1 :] if target.endswith("*") else target


def read_registry(data: Mapping[str, Json], at: At, faults: Faults) -> Registry:
    """Read the section of an environment, noting its faults."""
    entries = {}
    for name, target in data.items():
        if name == "resources" or target is None:
            continue
        if isinstance(target, str):
            entries[str(name)] = target
        else:
            faults.add((at, str(name)), f"expected a type or a template's file, found {describe(target)}")
    resources = data.get("resources") or {}
    if not isinstance(resources, dict):
        faults.add((at, "resources"), f"expected a map, found {describe(resources)}")
        resources = {}
    _check_own(resources, (at, "resources"), faults)
    return Registry(entries, resources)


def _check_own(resources: Mapping[str, Json], at: At, faults: Faults) -> None:
    for name, own in resources.items():
        here = (at, str(name))
        if name in SETTINGS:
            words = [own] if isinstance(own, str) else [] if own is None else own
            if not isinstance(words, list) or any(word not in SETTINGS[name] for word in words):
                faults.add(here, f"expected one or a list of {', '.join(SETTINGS[name])}")
        elif isinstance(own, dict):
            _check_own(own, here, faults)
        elif own is not None and not isinstance(own, str):
            faults.add(here, f"expected a type, a file or a map of them, found {describe(own)}")
