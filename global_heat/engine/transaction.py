"""One fenced transaction of a shard."""

from __future__ import annotations

from global_heat.model.names import Token
from global_heat.model.records import Attempt, Header, Record, ShardRecord
from global_heat.store.codec import encode
from global_heat.store.protocol import Guard


class Transaction:
    """What is sent, and what the owner knows once it is done."""

    def __init__(self, guards: list[Guard], record: ShardRecord) -> None:
        self.guards = guards
        self.puts: dict[str, bytes] = {}
        self.deletes: set[str] = set()
        self.attempts: dict[Token, Attempt] = {}
        self.header: Header | None = None
        """As it writes it; None: it leaves it alone."""
        self.record = record

    def set(self, key: str, record: Record | None) -> None:
        self.puts.pop(key, None)
        self.deletes.discard(key)
        if record is None:
            self.deletes.add(key)
        else:
            self.puts[key] = encode(record)

    def guard(self, guard: Guard) -> None:
        if guard not in self.guards:
            self.guards.append(guard)
