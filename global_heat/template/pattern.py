"""Regular expressions of strangers, matched in time linear in the text.

RE2 does the matching, with Python's syntax and meaning: `\\d` and `\\w` know all scripts. It has no
look-around and no back-references; what needs them goes to the evaluator, which can be ended.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from global_heat.template.evaluator import Evaluator, EvaluatorError, NoEvaluator
from global_heat.template.location import Wrong

PATTERN_CHARACTERS_MAX = 4096

_OUTSIDE_CLASS = {"d": r"\p{Nd}", "w": r"[\p{L}\p{N}_]", "W": r"[^\p{L}\p{N}_]", "D": r"\P{Nd}", "Z": r"\z"}
_INSIDE_CLASS = {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "D": r"\P{Nd}"}


class Pattern:
    """A pattern that can be used."""

    def __init__(self, text: str, evaluator: Evaluator | None = None) -> None:
        """Raises `Wrong` when it cannot be used."""
        if len(text) > PATTERN_CHARACTERS_MAX:
            raise Wrong(f"a pattern may have at most {PATTERN_CHARACTERS_MAX} characters")
        self.text = text
        self._evaluator = evaluator or NoEvaluator()
        self._linear = _compile(text)
        if self._linear is None:
            try:
                self._evaluator.check_pattern(text)
            except EvaluatorError as error:
                raise Wrong(f'the pattern "{text}" cannot be used: {error}') from None

    def matches(self, text: str) -> bool:
        """Tell whether it, read from the start, ends at the end of the text: `a|ab` refuses "ab".

        Raises `Wrong` when that cannot be told in time.
        """
        if self._linear is not None:
            found = self._linear.match(text)
            return found is not None and found.end() == len(text)
        try:
            return self._evaluator.match_end(self.text, text) == len(text)
        except EvaluatorError as error:
            raise Wrong(f'the pattern "{self.text}" cannot be matched: {error}') from None


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    """RE2's own form of a pattern; None: it is beyond RE2."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_translate(pattern), options)
    except re2.error:
        return None


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
