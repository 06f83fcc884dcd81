"""Plans, templates and files: compressed, in chunks below what a store likes, never shared between stacks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import zstandard

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Project, StackId
from global_heat.model.plan import Plan
from global_heat.store import keys
from global_heat.store.protocol import MAX_COMMIT_BYTES, MAX_WRITES, Store
from global_heat.store.sealing import Seal
from global_heat.template.source import Source

CHUNK_BYTES = 500 * 1024
INFLATED_BYTES_MAX = 64 << 20


def pack_plan(plan: Plan) -> bytes:
    return _deflate(msgspec.json.encode(plan))


def unpack_plan(data: bytes) -> Plan:
    return msgspec.json.decode(_inflate(data), type=Plan)


def pack_source(source: Source, seal: Seal, project: Project, stack: StackId) -> bytes:
    """Sealed as a whole: parameters may be secret, and so may what a template or file says."""
    return seal.seal_bytes(_deflate(msgspec.json.encode(source)), "source", project, stack)


def unpack_source(data: bytes, seal: Seal, project: Project, stack: StackId) -> Source:
    return msgspec.json.decode(_inflate(seal.open_bytes(data, "source", project, stack)), type=Source)


def chunks(project: Project, stack: StackId, data: bytes) -> tuple[str, dict[str, bytes]]:
    """The blob's name, and the keys to put."""
    digest = hashlib.sha256(data).hexdigest()[:32]
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)] or [b""]
    return digest, {keys.blob(project, stack, digest, i): piece for i, piece in enumerate(pieces)}


async def load(store: Store, project: Project, stack: StackId, digest: str) -> bytes:
    """Read a blob that something refers to. Raises `Transient` when this member does not have it yet."""
    for local in (True, False):
        found = await store.scan(keys.blob_chunks(project, stack, digest), local=local)
        data = b"".join(entry.value for entry in found.entries)
        if hashlib.sha256(data).hexdigest()[:32] == digest:
            return data
    raise Transient(f"the blob {digest} of stack {stack} is not complete")


async def put_ahead(store: Store, puts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of what is too much for one commit, put the blobs; what is left to commit.

    Nothing refers to them until the rest is there.
    """
    if len(puts) <= MAX_WRITES - 4 and sum(map(len, puts.values())) < MAX_COMMIT_BYTES * 9 // 10:
        return dict(puts)
    rest: dict[str, bytes] = {}
    for key, value in puts.items():
        if "/blobs/" in key:
            await store.commit(put={key: value})
        else:
            rest[key] = value
    return rest


def _deflate(data: bytes) -> bytes:
    if len(data) > INFLATED_BYTES_MAX:
        raise Invalid(
            f"a stack's documents are limited to {INFLATED_BYTES_MAX} bytes", reason=Reason.EXHAUSTED
        )
    return zstandard.compress(data)


def _inflate(data: bytes) -> bytes:
    # The library's own limit is for frames that do not say their size; ours all do.
    if not 0 <= zstandard.frame_content_size(data) <= INFLATED_BYTES_MAX:
        raise Invalid(f"a blob does not say its size, or is larger than {INFLATED_BYTES_MAX} bytes")
    return zstandard.decompress(data)
