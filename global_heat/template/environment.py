"""The environment: parameters, other types in the place of types, and where resources are placed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from global_heat.model.records import Sink
from global_heat.model.values import Json
from global_heat.template.location import At, Faults, place
from global_heat.template.registry import Registry, read_registry
from global_heat.template.values import describe

NAMED = {
    "image": "glance.image",
    "flavor": "nova.flavor",
    "network": "neutron.network",
    "volume_type": "cinder.vtype",
    "key": "nova.keypair",
}
"""What `regions.names` maps, by the constraint that the names stand under."""

PARAMETERS = ("parameters", "parameter_defaults")
REGISTRY = "resource_registry"
STRATEGIES = "parameter_merge_strategies"
MAPS = (*PARAMETERS, REGISTRY, STRATEGIES, "regions")
LISTS = ("encrypted_param_names", "event_sinks")
SECTIONS = (*MAPS, *LISTS)

_SINK_TYPES = ("zaqar-queue",)
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What Zaqar takes for the name of a queue."""


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
    event_sinks: Sequence[Sink] = ()
    """Where events are posted besides the record: `{type: zaqar-queue, target: …, ttl: …}`."""
    encrypted: Sequence[str] = ()
    """Names of parameters that the caller encrypted on the way; here all secrets are sealed."""


def read_environment(data: Mapping[str, Json], faults: Faults) -> Environment:
    """Read a merged environment, noting its faults."""
    at = place("environment")
    check_sections(data, at, faults)
    maps = {name: data[name] if isinstance(data.get(name), dict) else {} for name in MAPS}
    lists = {name: data[name] if isinstance(data.get(name), list) else [] for name in LISTS}
    return Environment(
        parameters=maps["parameters"],
        defaults=maps["parameter_defaults"],
        registry=read_registry(maps[REGISTRY], (at, REGISTRY), faults),
        placement=_read_placement(maps["regions"], (at, "regions"), faults),
        event_sinks=_read_sinks(lists["event_sinks"], (at, "event_sinks"), faults),
        encrypted=[str(name) for name in lists["encrypted_param_names"]],
    )


def check_sections(data: Mapping[str, Json], at: At, faults: Faults) -> None:
    """Note sections that there are not, and those of a wrong form."""
    for name, content in data.items():
        if name not in SECTIONS:
            faults.add((at, str(name)), f"is no section; expected one of {', '.join(SECTIONS)}")
        elif name in LISTS:
            if not isinstance(content, list):
                faults.add((at, name), f"expected a list, found {describe(content)}")
        else:
            is_map(content, (at, name), faults)


def _read_sinks(written: list[Json], at: At, faults: Faults) -> list[Sink]:
    return [sink for index, each in enumerate(written) if (sink := _read_sink(each, (at, index), faults))]


def _read_sink(written: Json, at: At, faults: Faults) -> Sink | None:
    """None when it is faulty, which is noted."""
    before = len(faults)
    if not isinstance(written, dict) or written.get("type") not in _SINK_TYPES:
        faults.add(at, f"expected a map whose type is {', '.join(_SINK_TYPES)}, found {describe(written)}")
        return None
    for key in written.keys() - {"type", "target", "ttl"}:
        faults.add((at, str(key)), "is no key of an event sink; expected type, target, ttl")
    target, ttl = written.get("target"), written.get("ttl")
    if ttl is not None and (not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < 1):
        faults.add((at, "ttl"), f"expected a whole number of seconds, found {describe(ttl)}")
    if not isinstance(target, str) or not _QUEUE.fullmatch(target):
        what = "expected the name of a queue (1 to 64 letters, digits, _ and -)"
        faults.add((at, "target"), f"{what}, found {describe(target)}")
        return None
    return (Sink(target) if ttl is None else Sink(target, ttl)) if len(faults) == before else None


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
    if data is None or not is_map(data, at, faults):
        return names
    for region, kinds in data.items():
        here = (at, str(region))
        if not is_map(kinds, here, faults):
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
    if data is None or not is_map(data, at, faults):
        return {}
    for key, value in data.items():
        if not isinstance(value, str):
            faults.add((at, str(key)), f"expected a name, found {describe(value)}")
    return {str(key): value for key, value in data.items() if isinstance(value, str)}


def is_map(data: Json, at: At, faults: Faults) -> bool:
    """Tell whether it is one; note it when it is not."""
    if not isinstance(data, dict):
        faults.add(at, f"expected a map, found {describe(data)}")
    return isinstance(data, dict)
