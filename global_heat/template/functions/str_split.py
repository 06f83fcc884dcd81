"""str_split: cut a text at a separator, and perhaps take one of the parts."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, is_function, plain
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def str_split(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`[SEPARATOR, TEXT]` or `[SEPARATOR, TEXT, index]`. A text that is null stays null."""
    if isinstance(arguments, str) or (
        isinstance(arguments, dict) and not is_function(arguments, evaluation.scope.functions)
    ):
        raise Wrong(f"expected [separator, text] or [separator, text, index], found {kind_of(arguments)}")
    return _cut(arguments, evaluation, at)


def _split(arguments: Json) -> Json:
    if not isinstance(arguments, list) or len(arguments) < 2:
        raise Wrong("expected [separator, text] or [separator, text, index]", late=True)
    separator, text, *rest = arguments
    if text is None:
        return None
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise Wrong(f"expected a separator, found {kind_of(separator)}", late=True)
    if not isinstance(text, str):
        raise Wrong(f"expected a text to split, found {kind_of(text)}", late=True)
    parts = text.split(separator)
    if not rest:
        return parts
    try:
        index = int(rest[0])
    except (TypeError, ValueError):
        raise Wrong(f"expected an index, found {kind_of(rest[0])}", late=True) from None
    if not -len(parts) <= index < len(parts):
        raise Wrong(f"expected an index from 0 to {len(parts) - 1}, found {index}", late=True)
    return parts[index]


_cut = plain(_split)
