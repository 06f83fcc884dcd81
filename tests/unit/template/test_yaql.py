"""yaql, as a template uses it, and in this process."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.compilation import compile_source
from global_heat.template.evaluator import EvaluatorError
from global_heat.template.source import Source
from global_heat.template.view import NothingYet
from global_heat.template.yaql import InProcess
from tests.unit.template.compiling import IDENTITY, SCHEMAS, compile_text


def output(expression: str, version: str = "2018-08-31") -> tuple[Json, str]:
    text = f"heat_template_version: {version}\noutputs: {{o: {{value: {{yaql: {expression}}}}}}}"
    tree = compile_source(Source(text), IDENTITY, SCHEMAS, None, evaluator=InProcess())
    [found] = tree.outputs(NothingYet()).values()
    return found.value, found.error


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("{expression: '$.data.l.select($ * 2)', data: {l: [1, 2]}}", [2, 4]),
        ("{expression: '$.data.groupBy($)', data: [1, 1]}", [[1, [1, 1]]]),
        ("{expression: 'dict(a => $.data)', data: null}", {"a": None}),
        ("{expression: '1 + 1'}", 2),
        ("{expression: '$.data.toSet()', data: [h, b, f, a, b, g, c, e, d]}", [*"abcdefgh"]),
        ("{expression: 'datetime(2020, 1, 2)'}", "2020-01-02T00:00:00.000000"),
    ],
)
def test_expressions(arguments: str, value: Json) -> None:
    assert output(arguments) == (value, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{expression: '$.data.zz', data: {a: 1}}", "no key"),
        ("{expression: 'range(0, 1000).sum()'}", "exceeds"),
        ("{expression: '$.data * 3000', data: abcdefghij}", "memory"),
        ("{expression: 'timespan(days => 1)'}", "timedelta"),
        ("{expression: 'regex(a)'}", "Pattern"),
    ],
)
def test_what_only_evaluation_shows_is_the_outputs_error(arguments: str, expected: str) -> None:
    assert expected in output(arguments)[1]


@pytest.mark.parametrize(
    "arguments", ["{expression: '$.['}", "{expression: 5}", "{data: 1}", "x", "{expression: a, y: 1}"]
)
def test_what_cannot_be_read_is_refused(arguments: str) -> None:
    with pytest.raises(Invalid):
        output(arguments)


def test_an_older_version_has_no_yaql() -> None:
    assert output("{expression: '1'}", "2015-10-15")[0] == {"yaql": {"expression": "1"}}


def test_nobody_evaluates_where_no_evaluator_is_handed_in() -> None:
    with pytest.raises(Invalid, match="not available"):
        compile_text("outputs: {o: {value: {yaql: {expression: '1'}}}}")


def test_patterns_beyond_re2() -> None:
    assert InProcess().match_end(r"(?=a)a(b)\1", "abbc") == 3
    assert InProcess().match_end("b", "ab") == -1
    with pytest.raises(EvaluatorError):
        InProcess().check_pattern("[")
