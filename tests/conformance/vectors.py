"""The vectors: a template, what goes with it, and what Heat's own engine answered."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from global_heat.model.values import Json

VARIABLE = "GLOBAL_HEAT_VECTORS"
"""Files of vectors, colon separated; unset: the copy beside this file."""
_COPY = Path(__file__).with_name("vectors.public.jsonl")


class Vector(msgspec.Struct, frozen=True):
    """One question and Heat's answer. `expect` holds a part for each word of `want`."""

    id: str
    category: str
    template: str
    want: list[str]
    expect: dict[str, Any]
    parameters: dict[str, Json] = {}
    environment: str | None = None
    environment_files: list[str] = []
    files: dict[str, str] = {}
    attributes: dict[str, dict[str, Any]] = {}
    parent: dict[str, Any] = {}
    """What the resource is given that the template stands for."""
    groups: dict[str, dict[str, Any]] = {}
    """Groups that exist: their members' references and the names taken out so far."""
    constraints: dict[str, list[str]] = {}
    """What exists in the cloud, by constraint."""
    config: dict[str, Json] = {}
    update_to: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    engine: str = ""
    disable_rollback: bool = True
    stack_name: str = "teststack"
    linear: bool = False


def load_vectors() -> list[Vector]:
    named = os.environ.get(VARIABLE)
    paths = [Path(name) for name in named.split(":") if name] if named else [_COPY]
    return [vector for path in paths for vector in _read(path)]


def _read(path: Path) -> Iterator[Vector]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        plain = {key: value for key, value in json.loads(line).items() if value is not None}
        yield msgspec.convert(_decode(plain), Vector)


def _decode(value: Any) -> Any:
    """Give numbers that JSON lacks their value."""
    match value:
        case {"$float": text}:
            return float(text)
        case dict():
            return {key: _decode(item) for key, item in value.items()}
        case list():
            return [_decode(item) for item in value]
    return value
