"""The comparison with Heat, without Heat: what is asked, what is the same, and that it can be left out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from global_heat.resources.catalogue import load_schemas
from tests.bench.peer.comparing import beside_heat
from tests.bench.peer.jobs import KINDS, Answer, difference, job
from tests.bench.peer.ours import run

SCHEMAS = load_schemas()


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_has_as_many_resources_as_asked_for_all_resolved(kind: str) -> None:
    answer = run(SCHEMAS, job(kind, 100))
    assert len(answer.properties) == 100
    assert list(answer.seconds) == ["compile", "plan", "resolve"]
    assert "Unknown" not in repr(answer.properties)


def test_the_same_answer_differs_nowhere_and_null_is_as_not_given() -> None:
    answer = Answer({}, {"a": {"x": [{"y": 1, "z": None}]}}, [["a", "b"]])
    assert difference(answer, Answer({}, {"a": {"x": [{"y": 1}], "w": None}}, [["a", "b"]])) == ""


@pytest.mark.parametrize("other", [{}, {"a": {}}, {"a": {"x": [{"y": 2}]}}, {"a": {"x": [{"y": True}]}}])
def test_other_properties_differ(other: dict[str, dict[str, object]]) -> None:
    answer = Answer({}, {"a": {"x": [{"y": 1}]}}, [])
    changed = msgspec.structs.replace(answer, properties=other)
    assert difference(answer, changed).startswith("a")
    assert difference(changed, answer).startswith("a")


def test_other_dependencies_differ() -> None:
    answer = Answer({}, {}, [["a", "b"]])
    assert "['a', 'b']" in difference(answer, Answer({}, {}, []))
    assert "['a', 'b']" in difference(Answer({}, {}, []), answer)


def test_where_heat_cannot_be_had_a_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(taken))
    assert beside_heat() == []
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("heat: left out, openstack-heat==27.0.1 cannot be installed: ")
