"""Counts what agrees with Heat, and prints the table when all is done; also of several processes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

_KEY = pytest.StashKey["Tally"]()
_SENT = "conformance"


class Tally:
    """By category: how many agree, how many differ."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(self, category: str, *, agrees: bool) -> None:
        self.counts[category][0 if agrees else 1] += 1

    def add(self, counts: dict[str, list[int]]) -> None:
        for category, (agree, differ) in counts.items():
            self.counts[category][0] += agree
            self.counts[category][1] += differ

    def lines(self) -> list[str]:
        width = max(map(len, self.counts), default=0)
        rows = [(name, *counts) for name, counts in sorted(self.counts.items())]
        rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
        head = f"{'':{width}}  agrees  differs"
        return [head, *(f"{name:{width}}  {agree:6}  {differ:7}" for name, agree, differ in rows)]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = Tally()
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Gathering(config.stash[_KEY]))


class _Gathering:
    """Where tests run in several processes, each sends its counts when it ends."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._tally.add(getattr(node, "workeroutput", {}).get(_SENT, {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_SENT] = dict(self._tally.counts)


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash[_KEY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[_KEY]
    if tally.counts:
        terminalreporter.section("conformance with Heat")
        for line in tally.lines():
            terminalreporter.write_line(line)
