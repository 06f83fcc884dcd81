"""Regular expressions of strangers, matched in time linear in the text.

RE2 does the matching. It has no look-around and no back-references; the rest is Python's syntax, with
its meaning: `\\d` and `\\w` know all scripts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from global_heat.template.location import Wrong

PATTERN_CHARACTERS_MAX = 4096

_OUTSIDE_CLASS = {"d": r"\p{Nd}", "w": r"[\p{L}\p{N}_]", "W": r"[^\p{L}\p{N}_]", "D": r"\P{Nd}", "Z": r"\z"}
_INSIDE_CLASS = {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "D": r"\P{Nd}"}


def matches(pattern: str, text: str) -> bool:
    """Tell whether the pattern, read from the start, ends at the end of the text: `a|ab` refuses "ab".

    Raises `Wrong` when the pattern cannot be used.
    """
    found = _compile(pattern).match(text)
    return found is not None and found.end() == len(text)


def check_pattern(pattern: str) -> None:
    """Raise `Wrong` when the pattern cannot be used."""
    _compile(pattern)


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise Wrong(f"a pattern may have at most {PATTERN_CHARACTERS_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_translate(pattern), options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        if isinstance(reason, bytes):
            reason = reason.decode(errors="replace")
        raise Wrong(
            f'the pattern "{pattern}" cannot be used: {reason}; it must be a regular expression'
            " without look-around and back-references"
        ) from None


def _translate(pattern: str) -> str:
    """Write Python's classes of characters as RE2 has them."""
    result, in_class, position = "", False, 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\" and position + 1 < len(pattern):
            escaped = pattern[position + 1]
            table = _INSIDE_CLASS if in_class else _OUTSIDE_CLASS
            result += table.get(escaped, character + escaped)
            position += 2
            continue
        if character == "[" and not in_class:
            in_class = True
            result += character
            position += 1
            for first in ("^", "]"):
                if pattern[position : position + 1] == first:
                    result += "\\]" if first == "]" else first
                    position += 1
            continue
        if in_class and character == "[":
            character = "\\["
        elif in_class and character == "]":
            in_class = False
        result += character
        position += 1
    return result
