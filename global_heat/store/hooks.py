"""Hooks that somebody waits at: which there are, and how one is cleared. Any replica may clear one."""

from __future__ import annotations

import msgspec

from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.names import Path, Project, StackId
from global_heat.model.records import HookRecord, WorkRecord
from global_heat.model.values import Json
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Committed, Store, unchanged
from global_heat.store.reading import pending, read_header
from global_heat.template.registry import HOOKS

_TRIES = 8
UNSET = "unset_hook"
"""The key of a signal that clears a hook: `{"unset_hook": "pre-create"}`, as in Heat."""


def hook_of(said: Json) -> Json:
    """The hook that a signal clears; null: it is an ordinary signal."""
    return said.get(UNSET) if isinstance(said, dict) else None


async def clear_hook(
    store: Store, project: Project, stack: StackId, path: Path, hook: Json, request: str
) -> str:
    """Let the step that waits at a resource's hook go on; the hook. Said again with its request id it counts
    once. Raises `Invalid`: there is no such hook, or nobody waits at it."""
    if hook not in HOOKS:
        raise Invalid(f"{hook!r} is no hook; there are {', '.join(HOOKS)}")
    for _ in range(_TRIES):
        try:
            if await _try(store, project, stack, path, str(hook), request):
                return str(hook)
        except Ambiguous:
            continue
    raise Transient("the resource is being changed by others: try again")


async def _try(store: Store, project: Project, stack: StackId, path: Path, hook: str, request: str) -> bool:
    """Whether it is cleared; if not, somebody was faster."""
    header, _ = await read_header(store, project, stack)
    found = await store.scan(keys.hooks_of(project, stack, path))
    entries = [(entry, decode(HookRecord, entry.value)) for entry in found.entries]
    here = [(entry, each) for entry, each in entries if (each.path, each.hook) == (path, hook)]
    if any(each.cleared and each.request == request for _, each in here):
        return True
    waiting = pending(header, (each for _, each in here))
    if not waiting:
        raise Invalid(f"nobody waits at the hook {hook} of {path}")
    for entry, each in here:
        if each in waiting:
            cleared = msgspec.structs.replace(each, cleared=True, request=request)
            work = keys.work(keys.Shard(each.region, project, stack))
            puts = {entry.key: encode(cleared, entry.value), work: encode(WorkRecord(by="hook"))}
            if not isinstance(await store.commit(unchanged(entry), put=puts), Committed):
                return False
    return True
