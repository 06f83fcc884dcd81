"""yaql: an expression of the query language yaql, over data of the template."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, is_function
from global_heat.template.evaluator import EvaluatorError
from global_heat.template.location import At, Wrong
from global_heat.template.values import ITEMS_MAX, OMITTED, count_items, first_unknown, keys_of, kind_of

EXPRESSION_CHARACTERS_MAX = 10_000


def yaql(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`{expression: TEXT, data: anything}`. The expression finds the data under `$.data`."""
    if (
        not isinstance(arguments, dict)
        or "expression" not in arguments
        or arguments.keys() - {"expression", "data"}
    ):
        needed = ["expression"]
        raise Wrong(f"expected a map with expression and data, found {keys_of(arguments, needed, ['data'])}")
    evaluator = evaluation.scope.evaluator
    written = arguments["expression"]
    if isinstance(written, str) and len(written) <= EXPRESSION_CHARACTERS_MAX:
        try:
            evaluator.check_expression(written)
        except EvaluatorError as error:
            raise Wrong(str(error)) from None
    elif not is_function(written, evaluation.scope.functions):
        raise Wrong(f"expected an expression of at most {EXPRESSION_CHARACTERS_MAX} characters")
    expression = evaluation.resolve(written, (at, "expression"))
    data = evaluation.resolve(arguments.get("data", {}), (at, "data"))
    if data is OMITTED:
        data = None
    unknown = first_unknown([expression, data])
    if unknown is not None:
        return unknown
    if not isinstance(expression, str) or len(expression) > EXPRESSION_CHARACTERS_MAX:
        raise Wrong(
            f"expected an expression of at most {EXPRESSION_CHARACTERS_MAX} characters,"
            f" found {kind_of(expression)}",
            late=True,
        )
    try:
        result = evaluator.evaluate(expression, data)
    except EvaluatorError as error:
        raise Wrong(str(error), late=True) from None
    if count_items(result, ITEMS_MAX) >= ITEMS_MAX:
        raise Wrong(f"the result has more than {ITEMS_MAX} values")
    return result
