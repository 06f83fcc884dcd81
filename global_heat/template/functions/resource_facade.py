"""resource_facade: what the resource that a nested template stands for is given."""

from __future__ import annotations

from collections.abc import Mapping

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of

FACETS = {facet: facet for facet in ("metadata", "deletion_policy", "update_policy")}


def resource_facade(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`metadata`, `deletion_policy` or `update_policy`."""
    return facade(arguments, FACETS, evaluation)


def facade(arguments: Json, words: Mapping[str, str], evaluation: Evaluation) -> Json:
    """What one of the words means: each language has its own."""
    if not isinstance(arguments, str) or arguments not in words:
        raise Wrong(f"expected one of {', '.join(words)}, found {kind_of(arguments)}")
    return evaluation.scope.facade(words[arguments], evaluation.run)
