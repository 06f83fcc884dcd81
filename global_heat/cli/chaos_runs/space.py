"""An etcd that is full, and its way back: by the servers' own JSON gateway, as an administrator would."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from global_heat.cli.lab import readiness
from global_heat.model.errors import Ambiguous, Transient
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.settings import Settings

QUOTA_BYTES = 96 << 20
_PREFIX, _KEY = "/ballast/", "ballast"
_PIECE = bytes(1_000_000)
_PATIENCE_SECONDS = 1.0


async def fill(endpoints: Sequence[str]) -> bool:
    """Write until the members refuse to. Whether they do."""
    settings = Settings(tuple(endpoints), prefix=_PREFIX, development=True, call_seconds=_PATIENCE_SECONDS)
    async with EtcdStore(settings) as store:
        for _ in range(2 * QUOTA_BYTES // len(_PIECE)):
            try:
                await store.commit(put={_KEY: _PIECE})
            except (Transient, Ambiguous):
                if await _alarms(endpoints[0]):
                    return True
    return False


async def throw_out(endpoints: Sequence[str]) -> int:
    """Delete what filled it. Returns the revision of that: up to there history can go."""
    async with EtcdStore(Settings(tuple(endpoints), prefix=_PREFIX, development=True)) as store:
        await store.commit(delete=(_KEY,))
        return (await store.scan("")).revision


async def make_room(endpoints: Sequence[str], revision: int) -> None:
    """Forget the history up to a revision, give the space back, end the alarm.

    Raises `Transient` when a member does not answer.
    """
    with suppress(Transient):  # Compacted by the first, the others know already.
        await _ask(endpoints[0], "kv/compaction", revision=revision, physical=True)
    for endpoint in endpoints:
        await _ask(endpoint, "maintenance/defragment")
    for alarm in await _alarms(endpoints[0]):
        await _ask(endpoints[0], "maintenance/alarm", action="DEACTIVATE", **alarm)


async def _alarms(endpoint: str) -> list[dict[str, Any]]:
    answer = await _ask(endpoint, "maintenance/alarm", action="GET")
    return list(answer.get("alarms", ()))


async def _ask(endpoint: str, path: str, **body: Any) -> dict[str, Any]:
    """Raises `Transient`."""
    text = msgspec.json.encode(body).decode()
    answer: dict[str, Any] = msgspec.json.decode(
        await readiness.ask("POST", f"http://{endpoint}/v3/{path}", text)
    )
    return answer
