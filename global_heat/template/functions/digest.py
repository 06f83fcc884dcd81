"""digest: the hash of a text, in hexadecimal."""

from __future__ import annotations

import hashlib

from global_heat.model.values import Json
from global_heat.template.evaluation import plain
from global_heat.template.location import Wrong
from global_heat.template.values import kind_of

ALGORITHMS = sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))


def _digest(arguments: Json) -> Json:
    """`[ALGORITHM, TEXT]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [algorithm, text], found {kind_of(arguments)}", late=True)
    algorithm, text = arguments
    if not isinstance(algorithm, str) or algorithm.lower() not in ALGORITHMS:
        raise Wrong(f"expected one of {', '.join(ALGORITHMS)}, found {kind_of(algorithm)}", late=True)
    if not isinstance(text, str):
        raise Wrong(f"expected a text to hash, found {kind_of(text)}", late=True)
    return hashlib.new(algorithm.lower(), text.encode(), usedforsecurity=False).hexdigest()


digest = plain(_digest)
