"""list_join: the items of lists as one text."""

from __future__ import annotations

import json

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, Function, plain
from global_heat.template.location import At, Wrong
from global_heat.template.values import TEXT_CHARACTERS_MAX, kind_of


def list_join(*, many: bool = True) -> Function:
    """`[SEPARATOR, LIST, ...]`; maps and lists among the items become JSON. At first: one list, of texts.

    `many`: whether it is as it is now.
    """
    form = "[separator, list, list, ...]" if many else "[separator, list]"

    def join(arguments: Json) -> Json:
        separator, *lists = arguments
        texts: list[str] = []
        for items in lists:
            if items is None or (many and not items):
                continue
            if not isinstance(items, list):
                raise Wrong(f"expected a list to join, found {kind_of(items)}", late=True)
            texts += [_as_text(item, many) for item in items]
        if not isinstance(separator, str):
            raise Wrong(f"expected the separator to be a text, found {kind_of(separator)}", late=True)
        if sum(map(len, texts)) + len(separator) * len(texts) > TEXT_CHARACTERS_MAX:
            raise Wrong(f"the result is longer than {TEXT_CHARACTERS_MAX} characters")
        return separator.join(texts)

    joined = plain(join)

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, list) or len(arguments) < 2 or (not many and len(arguments) > 2):
            raise Wrong(f"expected {form}, found {kind_of(arguments)}")
        return joined(arguments, evaluation, at)

    call.__doc__ = list_join.__doc__
    return call


def _as_text(item: Json, structures: bool) -> str:
    if item is None:
        return ""
    if isinstance(item, str):
        return item
    if structures and isinstance(item, dict | list):
        return json.dumps(item, sort_keys=True)
    expected = "texts, maps and lists" if structures else "texts"
    raise Wrong(f"only {expected} can be joined, found {kind_of(item)}; put numbers in quotes", late=True)
