"""Records to bytes and back, also between neighbouring versions of the program."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.names import Region
from global_heat.model.records import SCHEMA, Record, ShardRecord, Waiting
from global_heat.store.codec import decode, encode


class NewerWaiting(msgspec.Struct, frozen=True):
    on: str
    since: float
    retry_at: float


class NewerShard(Record, frozen=True, kw_only=True):
    """The shard's record as a later version of the program may have it."""

    schema: int = msgspec.field(default_factory=lambda: SCHEMA + 1)
    region: Region
    done: int = 0
    priority: int = 0
    notes: dict[str, list[str]] = msgspec.field(default_factory=dict)


NEWER = NewerShard(region=Region("east"), done=1, priority=7, notes={"a": ["x", "y"]})
SHARD = ShardRecord(region=Region("east"), done=3, parked=Waiting("the region", 12.5))


def test_a_record_comes_back_as_it_was():
    assert decode(ShardRecord, encode(SHARD)) == SHARD


def test_defaults_are_not_written_but_the_schema_is():
    assert msgspec.json.decode(encode(ShardRecord(region=Region("east")))) == {
        "schema": SCHEMA,
        "region": "east",
    }


def test_a_record_of_a_newer_version_is_read_by_an_older_one():
    old = decode(ShardRecord, encode(NEWER))
    assert (old.schema, old.region, old.done) == (SCHEMA + 1, "east", 1)


def test_what_an_older_version_does_not_know_survives_its_rewrite():
    stored = encode(NEWER)
    old = msgspec.structs.replace(decode(ShardRecord, stored), done=2)
    rewritten = decode(NewerShard, encode(old, stored))
    assert rewritten == msgspec.structs.replace(NEWER, done=2)


def test_what_is_known_and_back_at_its_default_does_not_come_back_with_the_rewrite():
    stored = encode(SHARD)
    unparked = msgspec.structs.replace(SHARD, parked=None, done=0)
    assert decode(ShardRecord, encode(unparked, stored)) == unparked


def test_a_rewrite_over_a_record_with_nothing_foreign_is_as_a_first_write():
    assert encode(SHARD, encode(ShardRecord(region=Region("east")))) == encode(SHARD)


def test_a_first_write_knows_nothing_foreign():
    assert decode(NewerShard, encode(decode(ShardRecord, encode(NEWER)))).priority == 0


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"schema":1,"region":5}', b"no json"])
def test_what_is_no_such_record_is_not_taken(data):
    with pytest.raises(msgspec.DecodeError):
        decode(ShardRecord, data)
