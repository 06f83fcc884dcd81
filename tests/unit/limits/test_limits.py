"""The limits that keep the code readable, and words that have no place in it. Generated code is left out.

What was over a limit when the limit came stands in `_OVER` with its size, and may only shrink: whoever makes
one of them smaller writes the smaller number, and takes the line away once it is within the limit.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINES_MAX = 500
FUNCTION_LINES_MAX = 70
METHODS_MAX = 20

_OVER = {
    "tests/unit/resources/cases.py": 620,
}

_VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
_SKIPPED = re.compile(r"\b(?:pytest|mark)\.(?:skip|skipif|xfail|importorskip)\b")
_ONE_MACHINE = re.compile(r"(?<![\w.~$}/-])/(?:home|root|work|Users|mnt|media)/\w")
_TEXT = {".py", ".md", ".toml", ".proto", ".yaml", ".yml", ".sh", ".cfg", ".service", ".json", ""}


def _tracked() -> list[Path]:
    """What belongs to the repository, committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def _ours(suffix: str = ".py") -> list[Path]:
    return [path for path in _tracked() if path.suffix == suffix and "_pb2" not in path.name]


def _sizes() -> Iterator[tuple[str, int, int]]:
    """What has a limit: its name, its size, the limit."""
    for path in _ours():
        text = (ROOT / path).read_text()
        yield str(path), len(text.splitlines()), LINES_MAX
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path}::{node.name}", node.end_lineno - node.lineno + 1, FUNCTION_LINES_MAX
            elif isinstance(node, ast.ClassDef):
                methods = [x for x in node.body if isinstance(x, ast.FunctionDef | ast.AsyncFunctionDef)]
                yield f"{path}::{node.name}", len(methods), METHODS_MAX


def test_files_functions_and_classes_stay_small():
    over = {name: (size, limit) for name, size, limit in _sizes() if size > limit}
    grown = [
        f"{name}: {size}, at most {_OVER.get(name, limit)}"
        for name, (size, limit) in over.items()
        if size > _OVER.get(name, limit)
    ]
    assert grown == []
    shrunk = {name: over[name][0] if name in over else None for name in _OVER}
    assert shrunk == _OVER, "smaller now: write it down (None: take the line away)"


def test_no_module_has_a_name_that_says_nothing():
    assert [str(path) for path in _ours() if _VAGUE & {path.stem, *path.parent.parts}] == []


def test_nothing_is_left_to_be_done():
    assert _lines(_UNFINISHED, _ours()) == []


def test_every_test_that_is_left_out_says_why():
    tests = [path for path in _ours() if path.parts[0] == "tests"]
    assert [line for line in _lines(_SKIPPED, tests) if "reason=" not in line] == []


def test_no_path_of_one_machine():
    text = [path for path in _tracked() if path.suffix in _TEXT and "_pb2" not in path.name]
    assert _lines(_ONE_MACHINE, text) == []


def _lines(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Where it occurs, as `path:line: text`; not in this file, which names what it looks for."""
    found = []
    for path in paths:
        if (ROOT / path) == Path(__file__).resolve():
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (_UNFINISHED, "# TODO: later"),
        (_UNFINISHED, "raise NotImplementedError"),
        (_SKIPPED, "@pytest.mark.skip"),
        (_SKIPPED, "    pytest.xfail('broken')"),
        (_ONE_MACHINE, 'open("/home/ann/key")'),
        (_ONE_MACHINE, "see /root/notes"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, text):
    assert pattern.search(text)
