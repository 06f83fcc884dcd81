"""repeat: a template once for each value, or each combination of values."""

from __future__ import annotations

from itertools import product
from math import prod

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import (
    ITEMS_MAX,
    TEXT_CHARACTERS_MAX,
    count_items,
    first_unknown,
    keys_of,
    kind_of,
)

KEYS = ("template", "for_each")


def repeat(*, maps: bool = True, permutations: bool = True) -> Function:
    """`{template: anything, for_each: {WORD: LIST}, permutations: true}`; a map stands for its keys.
    Where permutations is false, the first values are taken together, then the second ones, and so on.

    `maps`, `permutations`: whether the version knows these.
    """

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, dict) or not set(KEYS) <= arguments.keys():
            found = keys_of(arguments, KEYS, ["permutations"] if permutations else [])
            raise Wrong(f"expected a map with template and for_each, found {found}")
        if not isinstance(arguments["for_each"], dict):
            raise Wrong(f"expected for_each to be a map, found {kind_of(arguments['for_each'])}")
        template = evaluation.resolve(arguments["template"], (at, "template"))
        for_each = evaluation.resolve(arguments["for_each"], (at, "for_each"))
        combined = True
        if permutations and "permutations" in arguments:
            combined = arguments["permutations"]
            if not isinstance(combined, bool):
                raise Wrong(f"expected permutations to be true or false, found {kind_of(combined)}")
        unknown = first_unknown([template, for_each])
        if unknown is not None:
            return unknown
        if not isinstance(for_each, dict):
            raise Wrong(f"expected for_each to be a map, found {kind_of(for_each)}", late=True)
        if not for_each:
            raise Wrong("expected for_each to hold a word at least", late=True)
        lists = [_values(word, value, maps and combined) for word, value in for_each.items()]
        _refuse_too_much(template, lists, combined)
        rows = product(*lists) if combined else zip(*lists, strict=True)
        return [_fill(template, list(zip(for_each, row, strict=True))) for row in rows]

    call.__doc__ = repeat.__doc__
    return call


def _values(word: str, value: Json, maps: bool) -> list[Json]:
    if value is None:
        return []
    if maps and isinstance(value, dict):
        return list(value)
    if not isinstance(value, list):
        raise Wrong(f"expected a list for {word}, found {kind_of(value)}", late=True)
    return value


def _refuse_too_much(template: Json, lists: list[list[Json]], combined: bool) -> None:
    if not combined and len({len(items) for items in lists}) > 1:
        raise Wrong("without permutations all lists must have the same length", late=True)
    rows = prod(map(len, lists)) if combined else max(map(len, lists), default=0)
    if rows * count_items(template, ITEMS_MAX) > ITEMS_MAX:
        raise Wrong(f"the result has more than {ITEMS_MAX} items")


def _fill(template: Json, words: list[tuple[str, Json]]) -> Json:
    """Put the values in, one word after the other: what one puts in is seen by the next."""
    match template:
        case str():
            for word, value in words:
                if not isinstance(value, str):
                    raise Wrong(f"the values of {word} must be texts, found {kind_of(value)}", late=True)
                template = template.replace(word, value)
                if len(template) > TEXT_CHARACTERS_MAX:
                    raise Wrong(f"the result is longer than {TEXT_CHARACTERS_MAX} characters")
            return template
        case list():
            return [_fill(item, words) for item in template]
        case dict():
            return {_fill(key, words): _fill(item, words) for key, item in template.items()}
    return template
