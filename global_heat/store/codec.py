"""Records to bytes and back. Fields that this version does not know are kept when a record is rewritten."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from global_heat.model.records import Record

R = TypeVar("R", bound=Record)

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Record], msgspec.json.Decoder[Any]] = {}


def encode(record: Record, over: bytes | None = None) -> bytes:
    """JSON of the record. `over` is the value it replaces: fields only a newer version knows survive."""
    if over is None:
        return _encoder.encode(record)
    known = set(record.__struct_encode_fields__)
    foreign = {name: raw for name, raw in _fields(over).items() if name not in known}
    if not foreign:
        return _encoder.encode(record)
    return _encoder.encode(msgspec.to_builtins(record) | foreign)


def decode(kind: type[R], data: bytes) -> R:
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    record: R = decoder.decode(data)
    return record


def _fields(data: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(data, type=dict[str, msgspec.Raw])
