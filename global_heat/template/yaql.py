"""yaql and Python's patterns in this very process, with limits on iterators and memory but none on time.

What the worker process runs, and what simulator and tests use as it is.
"""

from __future__ import annotations

# The library uses collections.abc without importing it.
import collections.abc  # noqa: F401
import re
from datetime import datetime
from functools import cached_property
from typing import Any

from global_heat.model.values import Json
from global_heat.template.evaluator import ITERATIONS_MAX, MEMORY_BYTES_MAX, EvaluatorError


class InProcess:
    """An `Evaluator`. The library is loaded when it is first needed."""

    def __init__(
        self, iterations_max: int = ITERATIONS_MAX, memory_bytes_max: int = MEMORY_BYTES_MAX
    ) -> None:
        self._options = {"yaql.limitIterators": iterations_max, "yaql.memoryQuota": memory_bytes_max}

    @cached_property
    def _engine(self) -> tuple[Any, Any]:
        import yaql

        return yaql.YaqlFactory().create(self._options), yaql.create_context()

    def check_expression(self, expression: str) -> None:
        self._parse(expression)

    def evaluate(self, expression: str, data: Json) -> Json:
        statement = self._parse(expression)
        context = self._engine[1].create_child_context()
        try:
            return _as_json(statement.evaluate({"data": data}, context))
        except EvaluatorError:
            raise
        except KeyError as error:
            raise EvaluatorError(f"there is no key {error}") from None
        except Exception as error:
            raise EvaluatorError(str(error) or type(error).__name__) from None

    def _parse(self, expression: str) -> Any:
        try:
            return self._engine[0](expression)
        except Exception as error:
            raise EvaluatorError(f"the expression cannot be read: {error}") from None

    def check_pattern(self, pattern: str) -> None:
        _compile(pattern)

    def match_end(self, pattern: str, text: str) -> int:
        found = _compile(pattern).match(text)
        return -1 if found is None else found.end()


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise EvaluatorError(str(error)) from None


def _as_json(value: Any) -> Json:
    """Tuples and sets become lists, a moment its text; what a template has no value for is refused."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {_as_key(key): _as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_json(item) for item in value]
        case set() | frozenset():
            # Sets have no order, and whoever evaluates this again must find the same.
            return sorted((_as_json(item) for item in value), key=repr)
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
    raise EvaluatorError(f"the result holds a value of type {type(value).__name__}, which no template has")


def _as_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool | int | float):
        return str(key)
    raise EvaluatorError("the result holds a key that is no text")
