"""A process's documents: what takes long is computed beside its loop, which renews a lease or answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from global_heat.store.documents import Documents

T = TypeVar("T")


class DocumentsAside(Documents):
    """Compiles and plans in threads."""

    async def aside(self, compute: Callable[[], T]) -> T:
        return await asyncio.to_thread(compute)
