"""Expressions in a process of their own."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator

import pytest

from global_heat.cli.evaluator import WorkerEvaluator
from global_heat.template.evaluator import EvaluatorError


@pytest.fixture
def evaluator() -> Iterator[WorkerEvaluator]:
    made = WorkerEvaluator(evaluate_seconds_max=5.0, match_seconds_max=5.0)
    yield made
    made.close()


def test_one_process_answers_all(evaluator: WorkerEvaluator) -> None:
    assert evaluator.pid is None
    evaluator.check_expression("$.data.x")
    first = evaluator.pid
    assert evaluator.evaluate("$.data.x.select($ * 2)", {"x": [1, 2]}) == [2, 4]
    assert evaluator.match_end(r"(?=a)a(b)\1", "abbc") == 3
    assert evaluator.pid == first


@pytest.mark.parametrize(
    "expression", ["$.data.[", "range(0, 1000).sum()", "$.data * 100000", "regex(a)", "$.data.zz"]
)
def test_what_is_wrong_is_told_and_the_process_stays(evaluator: WorkerEvaluator, expression: str) -> None:
    evaluator.check_expression("1")
    first = evaluator.pid
    with pytest.raises(EvaluatorError):
        evaluator.evaluate(expression, "abc")
    assert evaluator.pid == first


def test_a_pattern_that_explodes_is_ended_and_the_next_one_matches() -> None:
    evaluator = WorkerEvaluator(match_seconds_max=0.1)
    try:
        with pytest.raises(EvaluatorError, match="longer than"):
            evaluator.match_end(r"(?=a)(a+)+$", "a" * 60 + "!")
        assert evaluator.pid is None
        evaluator.check_pattern("(?=a)a")
        assert evaluator.pid is not None
    finally:
        evaluator.close()


def test_an_expression_that_takes_for_ever_is_ended() -> None:
    evaluator = WorkerEvaluator(evaluate_seconds_max=0.2)
    numbers = "range(0, 150)"
    try:
        with pytest.raises(EvaluatorError, match="longer than"):
            evaluator.evaluate(f"{numbers}.select({numbers}.select({numbers}.select({numbers}.sum())))", None)
    finally:
        evaluator.close()


def test_a_process_that_dies_is_replaced(evaluator: WorkerEvaluator) -> None:
    evaluator.check_expression("1")
    assert evaluator.pid is not None
    ended = os.pidfd_open(evaluator.pid)
    os.kill(evaluator.pid, signal.SIGKILL)
    select.select([ended], [], [])
    os.close(ended)
    assert evaluator.evaluate("2", None) == 2
