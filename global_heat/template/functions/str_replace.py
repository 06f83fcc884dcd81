"""str_replace, str_replace_strict, str_replace_vstrict: put values in the place of words of a text."""

from __future__ import annotations

import enum
import json

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import TEXT_CHARACTERS_MAX, Origin, first_unknown, keys_of, kind_of

KEYS = ("template", "params")


class Strictness(enum.IntEnum):
    LENIENT = 0
    ALL_FOUND = 1
    """Every word must occur in the text."""
    NONE_EMPTY = 2
    """And no value may be empty."""


def str_replace(strictness: Strictness = Strictness.LENIENT, *, structures: bool = True) -> Function:
    """`{template: TEXT, params: {WORD: value}}`; maps and lists are put in as JSON, though not at first.

    `structures`: whether they are.
    """

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, dict) or not set(KEYS) <= arguments.keys():
            raise Wrong(f"expected a map with template and params, found {keys_of(arguments, KEYS)}")
        if not isinstance(arguments["params"], dict):
            raise Wrong(f"expected params to be a map, found {kind_of(arguments['params'])}")
        template = evaluation.resolve(arguments["template"], (at, "template"))
        params = evaluation.resolve(arguments["params"], (at, "params"))
        if isinstance(params, Origin) and not params.attribute:
            raise Wrong("expected params to be a map, found a resource's reference")
        unknown = first_unknown([template, params])
        if unknown is not None:
            return unknown
        if strictness is Strictness.NONE_EMPTY and isinstance(params, dict):
            _refuse_empty(params)
        result, unused = replace_words(template, params, structures=structures)
        if strictness >= Strictness.ALL_FOUND and unused:
            raise Wrong(f"the text does not hold {', '.join(sorted(unused))}", late=True)
        return result

    call.__doc__ = str_replace.__doc__
    return call


def replace_words(template: Json, params: Json, *, structures: bool) -> tuple[str, set[str]]:
    """The text with the values put in, and the words that it does not hold. Raises `Wrong`."""
    if not isinstance(template, str):
        raise Wrong(f"expected template to be a text, found {kind_of(template)}", late=True)
    if not isinstance(params, dict):
        raise Wrong(f"expected params to be a map, found {kind_of(params)}", late=True)
    return _replace(template, {word: _as_text(word, value, structures) for word, value in params.items()})


def _replace(template: str, texts: dict[str, str]) -> tuple[str, set[str]]:
    """Put the longest words in first, each only where no other was put. Returns the unused words too."""
    unused = set(texts)
    pieces: list[tuple[str, bool]] = [(template, False)]
    length = len(template)
    for word in sorted(sorted(texts), key=len, reverse=True):
        if not word:
            raise Wrong("a word to replace is empty", late=True)
        text, next_pieces = texts[word], []
        for piece, done in pieces:
            if done or word not in piece:
                next_pieces.append((piece, done))
                continue
            unused.discard(word)
            first, *rest = piece.split(word)
            length += len(rest) * (len(text) - len(word))
            if length > TEXT_CHARACTERS_MAX:
                raise Wrong(f"the result is longer than {TEXT_CHARACTERS_MAX} characters")
            next_pieces.append((first, False))
            for part in rest:
                next_pieces += [(text, True), (part, False)]
        pieces = next_pieces
    return "".join(piece for piece, _ in pieces), unused


def _as_text(word: str, value: Json, structures: bool) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() | int() | float():
            return str(value)
        case _ if structures:
            return json.dumps(value, sort_keys=True)
    raise Wrong(f"expected a text or a number for {word}, found {kind_of(value)}", late=True)


def _refuse_empty(params: dict[str, Json]) -> None:
    for word, value in params.items():
        if not value and not isinstance(value, bool | int | float):
            raise Wrong(f"the value of {word} is empty", late=True)
