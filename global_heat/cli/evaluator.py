"""Run strangers' expressions in a process of their own, which is ended when it takes too long.

One process, reused; a new one after each that was ended. Started when it is first needed.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Hashable
from functools import partial

from global_heat.model.values import Json
from global_heat.template.evaluator import EvaluatorError

EVALUATE_SECONDS_MAX = 1.0
MATCH_SECONDS_MAX = 0.1
START_SECONDS_MAX = 30.0
REPLY_BYTES_MAX = 16 * 1024 * 1024
GOOD_MAX = 1024
"""Expressions and patterns that are remembered as good."""
_CHUNK_BYTES = 64 * 1024


class WorkerEvaluator:
    """An `Evaluator` that may be called by several threads."""

    def __init__(
        self,
        evaluate_seconds_max: float = EVALUATE_SECONDS_MAX,
        match_seconds_max: float = MATCH_SECONDS_MAX,
    ) -> None:
        self._evaluate_seconds_max = evaluate_seconds_max
        self._match_seconds_max = match_seconds_max
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._good: dict[Hashable, None] = {}

    def check_expression(self, expression: str) -> None:
        self._check("check_expression", expression, self._evaluate_seconds_max)

    def evaluate(self, expression: str, data: Json) -> Json:
        return self._ask(["evaluate", expression, data], self._evaluate_seconds_max)

    def check_pattern(self, pattern: str) -> None:
        self._check("check_pattern", pattern, self._match_seconds_max)

    def match_end(self, pattern: str, text: str) -> int:
        return int(self._ask(["match_end", pattern, text], self._match_seconds_max))

    def close(self) -> None:
        """End the process; a later call starts another one."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """Of the process; None: there is none now."""
        return self._process.pid if self._process else None

    def _check(self, method: str, text: str, seconds_max: float) -> None:
        if (method, text) in self._good:
            return
        self._ask([method, text], seconds_max)
        if len(self._good) >= GOOD_MAX:
            self._good.clear()
        self._good[method, text] = None

    def _ask(self, request: list[Json], seconds_max: float) -> Json:
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._end()  # it died meanwhile
            process = self._process or self._start()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                reply = self._read(process, seconds_max)
            except TimeoutError:
                self._end()
                raise EvaluatorError(f"it took longer than {seconds_max:g} s") from None
            except (OSError, EOFError):
                self._end()
                raise EvaluatorError("it took more memory than there is for it") from None
        if "error" in reply:
            raise EvaluatorError(reply["error"])
        return reply["value"]

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "global_heat.cli.evaluator_process", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self._process, self._unread = process, b""
        try:
            self._read(process, START_SECONDS_MAX)
        except (TimeoutError, EOFError):
            self._end()
            raise EvaluatorError("the process that evaluates does not start") from None
        return process

    def _read(self, process: subprocess.Popen[bytes], seconds_max: float) -> Json:
        """The next line that it writes."""
        assert process.stdout is not None
        deadline = time.monotonic() + seconds_max
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            read = partial(os.read, process.stdout.fileno(), _CHUNK_BYTES)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                chunk = read()
                if not chunk:
                    raise EOFError
                self._unread += chunk
                if len(self._unread) > REPLY_BYTES_MAX:
                    raise EOFError
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                pass  # what was not yet written has nobody to read it
