"""Several environments as one, as Heat's server merges the files that a request names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.environment import (
    LISTS,
    PARAMETERS,
    STRATEGIES,
    check_sections,
    is_map,
    read_environment,
)
from global_heat.template.location import At, Faults, Wrong, place
from global_heat.template.outline import read_template
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
    read_environment(merging.merged, faults)
    faults.raise_any("The environment")
    return merging.merged


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
        self.merged: dict[str, Json] = {}
        self._types = types
        self._faults = faults
        self._chosen: dict[str, str] = {}

    def add(self, data: Mapping[str, Json], at: At) -> None:
        strategies = data.get(STRATEGIES)
        for section, content in data.items():
            here = (at, section)
            if section in PARAMETERS and isinstance(content, dict):
                self._add_parameters(section, content, strategies or {}, here)
            elif section in LISTS and content:
                if self.merged.get(section):
                    self._faults.add(here, "stands in another environment too; say all of it in one")
                self.merged[section] = content
            elif isinstance(content, dict) and section != STRATEGIES:
                _put(self.merged.setdefault(section, {}), content)

    def _add_parameters(
        self, section: str, given: dict[str, Json], strategies: Mapping[str, Json], at: At
    ) -> None:
        before = self.merged.setdefault(section, {})
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
        fallback = strategies.get(_DEFAULT, OVERWRITE) if strategies else OVERWRITE
        wished = strategies.get(name, self._chosen.get(name, fallback)) if strategies else OVERWRITE
        if wished not in (OVERWRITE, MERGE, DEEP_MERGE):
            wished = fallback if fallback in (MERGE, DEEP_MERGE) else OVERWRITE
        chosen = self._chosen.setdefault(name, wished)
        if chosen != wished:
            self._faults.add(at, f"is merged by {wished} here and by {chosen} before; use one strategy")
        return chosen


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
