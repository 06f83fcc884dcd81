"""`python -m global_heat.cli.evaluator_process PARENT`: evaluates what it reads, line by line.

Each request is `[METHOD, argument, …]`; each reply `{"value": …}` or `{"error": "…"}`. It has little
memory, writes no files, starts nothing, and ends with its parent.
"""

from __future__ import annotations

import json
import resource
import sys

from global_heat.cli.serving.parentage import die_with
from global_heat.model.values import Json
from global_heat.template.evaluator import EvaluatorError
from global_heat.template.yaql import InProcess

MEMORY_BYTES_MAX = 512 * 1024 * 1024
"""Of addresses, most of which are the interpreter's and its libraries'."""


def main() -> None:
    die_with(int(sys.argv[1]))
    evaluator = InProcess()
    evaluator.evaluate("1", None)  # loads the library
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    _say({"value": "ready"})
    for line in sys.stdin.buffer:
        _say(_answer(evaluator, json.loads(line)))


def _answer(evaluator: InProcess, request: list[Json]) -> dict[str, Json]:
    method, *arguments = request
    try:
        return {"value": getattr(evaluator, method)(*arguments)}
    except EvaluatorError as error:
        return {"error": str(error)}
    except RecursionError:
        return {"error": "it is nested too deep"}


def _say(reply: dict[str, Json]) -> None:
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
