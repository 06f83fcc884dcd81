"""A good configuration to start from, with the files that it names."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from global_heat.cli.serving.setup import Setup, load_setup
from global_heat.model.errors import Invalid

Document = dict[str, Any]


def good() -> Document:
    return {
        "replica": {"region": "east"},
        "etcd": {"endpoints": ["127.0.0.1:2379"]},
        "sealing": {"keys": [{"id": "k1", "file": "sealing.key"}]},
        "identity": {"auth_url": "http://127.0.0.1:5000/v3"},
        "service": {"user_name": "global-heat", "password_file": "password"},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the configuration and its files stand."""
    write_secret(tmp_path / "sealing.key", base64.b64encode(os.urandom(32)))
    write_secret(tmp_path / "password", b"a service's password\n")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[..., Setup]:
    """`load(document, environ)`: as `serve` reads it. A text is taken as it is."""

    def load(document: Document | str, environ: dict[str, str] | None = None) -> Setup:
        path = folder / "global-heat.yaml"
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return load_setup(path, environ or {})

    return load


@pytest.fixture
def faults(load: Callable[..., Setup]) -> Callable[..., dict[str, str]]:
    """`faults(document)`: what is wrong with it, by path."""

    def faults(document: Document | str, environ: dict[str, str] | None = None) -> dict[str, str]:
        with pytest.raises(Invalid) as caught:
            load(document, environ)
        return {fault.path: fault.message for fault in caught.value.faults}

    return faults


def write_secret(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def changed(document: Document, path: str, value: Any) -> Document:
    """A copy in which what stands at `path` (`etcd.prefix`) is `value`."""
    copy: Document = msgspec.msgpack.decode(msgspec.msgpack.encode(document))
    *parents, last = path.split(".")
    place = copy
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return copy
