"""The port to where a stranger's program runs: yaql, and patterns that RE2 does not know.

Both can take for ever; who hands the evaluator in decides where they run and when they are ended.
"""

from __future__ import annotations

from typing import Protocol

from global_heat.model.values import Json

ITERATIONS_MAX = 200
"""Items that one yaql collection may have."""
MEMORY_BYTES_MAX = 10_000
"""What one yaql expression may take, as yaql itself counts."""


class EvaluatorError(Exception):
    """Expression or pattern are of no use, went over a limit, or were ended. The message is for people."""


class Evaluator(Protocol):
    """Every call raises `EvaluatorError`."""

    def check_expression(self, expression: str) -> None:
        """Parse a yaql expression, without evaluating it."""
        ...

    def evaluate(self, expression: str, data: Json) -> Json:
        """Evaluate a yaql expression; it finds the data, which are all known, under `$.data`."""
        ...

    def check_pattern(self, pattern: str) -> None:
        """Compile a regular expression of Python."""
        ...

    def match_end(self, pattern: str, text: str) -> int:
        """Where the match of a pattern from the start of a text ends; -1: it does not match."""
        ...


class NoEvaluator:
    """Evaluates nothing: for where no template of a stranger comes by."""

    def check_expression(self, expression: str) -> None:
        raise EvaluatorError("yaql is not available here")

    def evaluate(self, expression: str, data: Json) -> Json:
        raise EvaluatorError("yaql is not available here")

    def check_pattern(self, pattern: str) -> None:
        raise EvaluatorError("look-around and back-references are not available here")

    def match_end(self, pattern: str, text: str) -> int:
        raise EvaluatorError("look-around and back-references are not available here")
