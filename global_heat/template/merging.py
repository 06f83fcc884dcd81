"""Several environments as one, as Heat's server merges the files that a request names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.environment import (
    LISTS,
    PARAMETERS,
    REGISTRY,
    STRATEGIES,
    check_sections,
    is_map,
    read_environment,
)
from global_heat.template.location import At, Faults, Wrong, place
from global_heat.template.outline import read_template
from global_heat.template.source import Source
from global_heat.template.values import describe

OVERWRITE, MERGE, DEEP_MERGE = "overwrite", "merge", "deep_merge"
_DEFAULT = "default"


def merge_environments(
    texts: Sequence[str],
    files: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
) -> dict[str, Json]:
    """Merge environments, given as texts or as names of `files`.

    Of the same key the last one counts, if no strategy says otherwise. `types`: of the parameters that the
    template and its files declare (`parameter_types`), without which nothing can be merged into a parameter;
    with them, later environments' values of others are dropped.

    Raises `Invalid` with all their faults, located.
    """
    faults = Faults()
    merging = _Merging(types, faults)
    for number, text in enumerate(texts, 1):
        is_file = files is not None and text in files
        name = text if is_file else f"environment {number}"
        try:
            data = parse_document(files[text] if files is not None and is_file else text, name)
        except Invalid as error:
            for fault in error.faults:
                faults.add(place(name), fault.message)
            continue
        if data is not None and is_map(data, place(name), faults):
            check_sections(data, place(name), faults)
            merging.add(data, place(name))
    faults.raise_any("The environment")
    merged = merging.result()
    read_environment(merged, faults)
    faults.raise_any("The environment")
    return merged


def merge_given(source: Source, faults: Faults) -> Source:
    """The source with its environment's values merged into the parameters beside it, if a strategy says so.

    As in Heat what is handed over comes first; without a strategy it wins. It is done when a source is read,
    not when it is taken in, so that what a client reads back is what it sent.
    """
    strategies, values = (source.environment.get(section) for section in (STRATEGIES, "parameters"))
    if not isinstance(strategies, dict) or not isinstance(values, dict):
        return source
    chosen = {name: _wished(name, strategies, {}) for name in source.parameters.keys() & values.keys()}
    merged = [name for name, strategy in chosen.items() if strategy != OVERWRITE]
    types = parameter_types(source.template, source.files) if merged else {}
    parameters = dict(source.parameters)
    for name in merged:
        if name in types and values[name] is not None:
            try:
                deep = chosen[name] == DEEP_MERGE
                parameters[name] = _merged(types[name], parameters[name], values[name], deep)
            except Wrong as wrong:
                faults.add(place("parameters", name), wrong.message)
    environment = {name: content for name, content in source.environment.items() if name != STRATEGIES}
    return msgspec.structs.replace(source, environment=environment, parameters=parameters)


def parameter_types(template: str, files: Mapping[str, str]) -> dict[str, str]:
    """The types of the parameters that a template, and those among its files that are templates, declare."""
    types: dict[str, str] = {}
    for text in (*files.values(), template):
        try:
            read = read_template(text, "", Faults())
        except Invalid:
            continue
        if read is not None:
            types |= {name: schema.type for name, schema in read.parameters.items() if schema is not None}
    return types


class _Merging:
    """What is merged so far, and the strategy that was chosen for each parameter."""

    def __init__(self, types: Mapping[str, str] | None, faults: Faults) -> None:
        self._merged: dict[str, Json] = {}
        self._types = types
        self._faults = faults
        self._chosen: dict[str, str] = {}

    def result(self) -> dict[str, Json]:
        """The merged sections, and how to merge them with the parameters that are handed over beside them."""
        chosen: dict[str, Json] = {
            name: strategy for name, strategy in self._chosen.items() if strategy != OVERWRITE
        }
        return self._merged | ({STRATEGIES: chosen} if chosen else {})

    def add(self, data: Mapping[str, Json], at: At) -> None:
        written = data.get(STRATEGIES)
        strategies = written if isinstance(written, dict) else {}
        for section, content in data.items():
            here = (at, section)
            if section in PARAMETERS and isinstance(content, dict):
                self._add_parameters(section, content, strategies, here)
            elif section in LISTS and content:
                if self._merged.get(section):
                    self._faults.add(here, "stands in another environment too; say all of it in one")
                self._merged[section] = content
            elif section == REGISTRY and isinstance(content, dict):
                before = self._merged.setdefault(section, {})
                before |= {key: value for key, value in content.items() if value is not None}
            elif isinstance(content, dict) and section != STRATEGIES:
                _put(self._merged.setdefault(section, {}), content)

    def _add_parameters(
        self, section: str, given: dict[str, Json], strategies: Mapping[str, Json], at: At
    ) -> None:
        before = self._merged.setdefault(section, {})
        first = not before
        for name, value in given.items():
            here = (at, str(name))
            if value is None or (self._types is not None and name not in self._types):
                if first:
                    before[name] = value
                continue
            strategy = self._strategy(name, strategies, here)
            if strategy == OVERWRITE or first or self._types is None:
                before[name] = value
                continue
            try:
                before[name] = _merged(self._types[name], before.get(name), value, strategy == DEEP_MERGE)
            except Wrong as wrong:
                self._faults.add(here, wrong.message)

    def _strategy(self, name: str, strategies: Mapping[str, Json], at: At) -> str:
        """The strategy for a parameter; the first environment with a value of it chooses it for all."""
        wished = _wished(name, strategies, self._chosen)
        chosen = self._chosen.setdefault(name, wished)
        if chosen != wished:
            self._faults.add(at, f"is merged by {wished} here and by {chosen} before; use one strategy")
        return chosen


def _wished(name: str, strategies: Mapping[str, Json], chosen: Mapping[str, str]) -> str:
    """What an environment says of a parameter; where it says nothing, what was chosen before holds."""
    fallback = strategies.get(_DEFAULT)
    for wished in (strategies.get(name, chosen.get(name)), fallback):
        if wished in (OVERWRITE, MERGE, DEEP_MERGE):
            return str(wished)
    return OVERWRITE


def _put(old: dict[str, Json], new: Mapping[str, Json]) -> None:
    """What is null takes an earlier value away."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _put(old[key], value)
        else:
            old[key] = value


def _merged(type: str, old: Json, new: Json, deep: bool) -> Json:
    if old is None:
        return new
    match type:
        case "json":
            return _merge_maps(_as_map(old), _as_map(new), deep)
        case "comma_delimited_list":
            return _joined(old, new)
        case "string" if isinstance(new, str) and isinstance(old, str):
            return old + new
    raise Wrong(f"cannot be merged: it is a {type}, found {describe(new)}; use the strategy overwrite")


def _as_map(value: Json) -> dict[str, Json]:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else {}
        except (ValueError, RecursionError):
            raise Wrong("expected JSON") from None
    if not isinstance(value, dict):
        raise Wrong(f"expected a map to merge, found {describe(value)}")
    return value


def _joined(old: Json, new: Json) -> Json:
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    if isinstance(old, str) and isinstance(new, str):
        return f"{old},{new}" if old else new
    if isinstance(old, str) and isinstance(new, list):
        # A command line can only give a text.
        return [*(old.split(",") if old else []), *new]
    raise Wrong("expected lists, or texts, in all environments")


def _merge_maps(old: dict[str, Json], new: dict[str, Json], deep: bool) -> dict[str, Json]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if value is None:
            continue
        if not deep or before is None:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(before, dict):
            merged[key] = _merge_maps(before, value, deep)
        elif isinstance(value, list) and isinstance(before, list):
            merged[key] = [*before, *value]
        elif isinstance(value, str) and isinstance(before, str):
            merged[key] = before + value
        else:
            merged[key] = value
    return merged
