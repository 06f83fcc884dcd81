"""What only an administrator does to a cluster, by etcd's own JSON gateway."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import urllib.request
from typing import Any

from global_heat.store.etcd.server import Member


async def ask(
    member: Member, path: str, token: str = "", tls: ssl.SSLContext | None = None, **body: Any
) -> dict[str, Any]:
    """POST to `/v3/PATH`; bytes go as base64, as the gateway wants them."""
    text = json.dumps(body, default=lambda value: base64.b64encode(value).decode())
    headers = {"Authorization": token} if token else {}
    url = f"{'https' if tls else 'http'}://{member.address.client}/v3/{path}"
    request = urllib.request.Request(url, text.encode(), headers)

    def post() -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=10, context=tls) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    return await asyncio.to_thread(post)


async def compact(member: Member, revision: int) -> None:
    """Forget all history before `revision`."""
    await ask(member, "kv/compaction", revision=revision, physical=True)


async def enable_auth(
    member: Member, password: str, user: str, prefix: str, tls: ssl.SSLContext | None = None
) -> None:
    """Two users with that password: `root`, and `user` who may read and write below `prefix` only."""
    for name, role in (("root", "root"), (user, user)):
        await ask(member, "auth/user/add", tls=tls, name=name, password=password)
        await ask(member, "auth/role/add", tls=tls, name=role)
        await ask(member, "auth/user/grant", tls=tls, user=name, role=role)
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    permission = {"permType": "READWRITE", "key": prefix.encode(), "range_end": end.encode()}
    await ask(member, "auth/role/grant", tls=tls, name=user, perm=permission)
    await ask(member, "auth/enable", tls=tls)


async def forget_tokens(member: Member, password: str) -> None:
    """Make all tokens that clients hold worthless."""
    answer = await ask(member, "auth/authenticate", name="root", password=password)
    await ask(member, "auth/disable", token=answer["token"])
    await ask(member, "auth/enable")
