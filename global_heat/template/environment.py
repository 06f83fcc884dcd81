"""The environment: parameters, other types in the place of types, and where resources are placed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.location import At, Faults, Wrong, place
from global_heat.template.values import describe

FILE_SUFFIXES = (".yaml", ".template")
NAMED = {
    "image": "glance.image",
    "flavor": "nova.flavor",
    "network": "neutron.network",
    "volume_type": "cinder.vtype",
    "key": "nova.keypair",
}
"""What `regions.names` maps, by the constraint that the names stand under."""

_SECTIONS = ("parameters", "parameter_defaults", "resource_registry", "regions")
_LATER = ("parameter_merge_strategies", "event_sinks", "encrypted_param_names")
_LATER_OF_A_RESOURCE = ("hooks", "restricted_actions")


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
        beginnings, the shortest before longer ones, as in Heat. Raises `Wrong` for a circle.
        """
        return self._find(type_name, resource, known, ())

    def _find(
        self, name: str, resource: str, known: Callable[[str], bool], before: tuple[str, ...]
    ) -> Target | None:
        if name.endswith(FILE_SUFFIXES):
            return Target(name, is_file=True, through=before[-1] if before else "")
        if name in before:
            raise Wrong(f"the environment maps types in a circle: {' → '.join((*before, name))}")
        own = self._resources.get(resource)
        exact = own.get(name) if isinstance(own, dict) else None
        if not isinstance(exact, str):
            exact = self._entries.get(name)
        if exact is not None and exact != name:
            return self._find(exact, resource, known, (*before, name))
        if exact is None:
            for prefix in self._prefixes:
                mapped = _apply_prefix(prefix, self._entries[prefix], name)
                if mapped is not None and mapped != name:
                    found = self._find(mapped, resource, known, (*before, name))
                    if found is not None:
                        return found
        return Target(name) if known(name) else None

    def inside(self, resource: str, through: str = "") -> Registry:
        """The registry for what is nested in a resource."""
        own = self._resources.get(resource)
        entries = {key: value for key, value in self._entries.items() if key != through}
        return Registry(entries if through else self._entries, own if isinstance(own, dict) else {})


def _apply_prefix(prefix: str, target: str, name: str) -> str | None:
    if not name.startswith(prefix[:-1]) or target.endswith(FILE_SUFFIXES):
        return None
    return target[:-1] + name[len(prefix) - 1 :] if target.endswith("*") else target


class Placement(msgspec.Struct, frozen=True):
    """Where resources are placed that name no region themselves."""

    default: str = ""
    resources: Mapping[str, str] = {}
    """Glob of paths → region."""
    names: Mapping[str, Mapping[str, Mapping[str, str]]] = {}
    """Region → constraint → name in the template → name in that region."""

    def find(self, path: str) -> tuple[str, str] | None:
        """The region of a path and the glob that says so: the path itself, else the longest that fits."""
        if path in self.resources:
            return self.resources[path], path
        globs = [glob for glob in self.resources if fnmatchcase(path, glob)]
        if not globs:
            return None
        best = max(globs, key=lambda glob: (len(glob), glob))
        return self.resources[best], best

    def rename(self, region: str, constraint: str, name: Json) -> Json:
        """What a name of the template is called in a region."""
        mapped = self.names.get(region, {}).get(constraint)
        return mapped.get(name, name) if mapped and isinstance(name, str) else name


class Environment(msgspec.Struct, frozen=True):
    parameters: Mapping[str, Json] = {}
    defaults: Mapping[str, Json] = {}
    """Defaults for the parameters of every template in the tree."""
    registry: Registry = Registry({}, {})
    placement: Placement = Placement()


def merge_environments(texts: Sequence[str], files: Mapping[str, str] | None = None) -> dict[str, Json]:
    """Merge environments, given as texts or as names of `files`; of the same key the last one counts.

    Raises `Invalid` with all their faults, located.
    """
    faults = Faults()
    merged: dict[str, Json] = {}
    for number, text in enumerate(texts, 1):
        name = text if files is not None and text in files else f"environment {number}"
        data = parse_document(files[text] if files is not None and text in files else text, name)
        if data is None:
            continue
        if not _is_map(data, place(name), faults):
            continue
        _check_sections(data, place(name), faults)
        for section, content in data.items():
            if section in _SECTIONS and isinstance(content, dict):
                _merge(merged.setdefault(section, {}), content, deep=section not in _SECTIONS[:2])
    faults.raise_any("The environment")
    read_environment(merged, faults)
    faults.raise_any("The environment")
    return merged


def _merge(old: dict[str, Json], new: Mapping[str, Json], *, deep: bool) -> None:
    """A value that is null leaves a parameter as it was, and takes a mapping away."""
    for key, value in new.items():
        if deep and isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value, deep=True)
        elif value is not None or deep:
            old[key] = value


def read_environment(data: Mapping[str, Json], faults: Faults) -> Environment:
    """Read a merged environment, noting its faults."""
    at = place("environment")
    _check_sections(data, at, faults)
    sections = {name: data[name] if isinstance(data.get(name), dict) else {} for name in _SECTIONS}
    return Environment(
        parameters=sections["parameters"],
        defaults=sections["parameter_defaults"],
        registry=_read_registry(sections["resource_registry"], (at, "resource_registry"), faults),
        placement=_read_placement(sections["regions"], (at, "regions"), faults),
    )


def _check_sections(data: Mapping[str, Json], at: At, faults: Faults) -> None:
    for name, content in data.items():
        if name in _LATER:
            faults.add((at, name), "the section is not supported yet; leave it out")
        elif name not in _SECTIONS:
            faults.add((at, str(name)), f"is no section; expected {', '.join(_SECTIONS)}")
        else:
            _is_map(content, (at, name), faults)


def _read_registry(data: Mapping[str, Json], at: At, faults: Faults) -> Registry:
    entries = {}
    for name, target in data.items():
        if name == "resources" or target is None:
            continue
        if isinstance(target, str):
            entries[str(name)] = target
        else:
            faults.add((at, str(name)), f"expected a type or a template's file, found {describe(target)}")
    resources = data.get("resources") or {}
    if _is_map(resources, (at, "resources"), faults):
        _check_own(resources, (at, "resources"), faults)
        return Registry(entries, resources)
    return Registry(entries, {})


def _check_own(resources: Mapping[str, Json], at: At, faults: Faults) -> None:
    for name, own in resources.items():
        if name in _LATER_OF_A_RESOURCE:
            faults.add((at, name), "is not supported yet; leave it out")
        elif isinstance(own, dict):
            _check_own(own, (at, str(name)), faults)
        elif own is not None and not isinstance(own, str):
            faults.add((at, str(name)), f"expected a type, a file or a map of them, found {describe(own)}")


def _read_placement(data: Mapping[str, Json], at: At, faults: Faults) -> Placement:
    for key in data.keys() - {"default", "resources", "names"}:
        faults.add((at, str(key)), "is no key of regions; expected default, resources, names")
    default = data.get("default")
    if default is not None and not isinstance(default, str):
        faults.add((at, "default"), f"expected a region's name, found {describe(default)}")
    return Placement(
        default=default if isinstance(default, str) else "",
        resources=_texts(data.get("resources"), (at, "resources"), faults),
        names=_read_names(data.get("names"), (at, "names"), faults),
    )


def _read_names(data: Json, at: At, faults: Faults) -> dict[str, dict[str, dict[str, str]]]:
    names: dict[str, dict[str, dict[str, str]]] = {}
    if data is None or not _is_map(data, at, faults):
        return names
    for region, kinds in data.items():
        here = (at, str(region))
        if not _is_map(kinds, here, faults):
            continue
        for kind in kinds.keys() - NAMED.keys():
            faults.add((here, str(kind)), f"has no names to map; expected one of {', '.join(NAMED)}")
        names[region] = {
            NAMED[kind]: _texts(mapped, (here, kind), faults)
            for kind, mapped in kinds.items()
            if kind in NAMED
        }
    return names


def _texts(data: Json, at: At, faults: Faults) -> dict[str, str]:
    if data is None or not _is_map(data, at, faults):
        return {}
    for key, value in data.items():
        if not isinstance(value, str):
            faults.add((at, str(key)), f"expected a name, found {describe(value)}")
    return {str(key): value for key, value in data.items() if isinstance(value, str)}


def _is_map(data: Json, at: At, faults: Faults) -> bool:
    if not isinstance(data, dict):
        faults.add(at, f"expected a map, found {describe(data)}")
    return isinstance(data, dict)
