"""Members as processes: started, killed, paused, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from global_heat.model.errors import Invalid, Transient
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.finder import Program
from global_heat.store.etcd.server import Address, Servers
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import absent
from tests.integration.conftest import free_ports
from tests.integration.etcd.proxy import Proxy

pytestmark = pytest.mark.integration


def one_address() -> dict[str, Address]:
    client, peer = free_ports(2)
    return {"m0": Address(f"127.0.0.1:{client}", f"127.0.0.1:{peer}")}


async def test_a_killed_member_comes_back_with_its_records(etcd_program: Program, tmp_path: Path) -> None:
    with Servers(etcd_program.path, tmp_path, one_address()) as servers:
        (member,) = servers.members
        servers.start()
        await servers.healthy()
        async with EtcdStore(Settings(servers.endpoints)) as store:
            await store.commit(absent("a"), put={"a": b"1"})
            member.kill()
            assert not member.running
            with pytest.raises(Transient):
                await member.status()
            await servers.heal()
            found = await store.get("a")
        assert found is not None and found.value == b"1"
        assert await servers.leader() is member
        await asyncio.to_thread(member.stop)
        assert not member.running


async def test_a_member_that_cannot_start_says_why(etcd_program: Program, tmp_path: Path) -> None:
    addresses = one_address()
    with Servers(etcd_program.path, tmp_path / "first", addresses) as first:
        first.start()
        await first.healthy()
        first_peer = addresses["m0"].peer
        taken = {"m0": Address(f"127.0.0.1:{free_ports(1)[0]}", first_peer)}
        with Servers(etcd_program.path, tmp_path / "second", taken) as second:
            second.start()
            with pytest.raises(ExceptionGroup) as caught:
                await second.healthy()
        assert caught.group_contains(Invalid, match="address already in use")


async def test_a_member_can_be_told_of_by_another_address(etcd_program: Program, tmp_path: Path) -> None:
    (listening,) = one_address().values()
    async with Proxy(listening.client) as client, Proxy(listening.peer) as peer:
        told = Address(listening.client, listening.peer, client.address, peer.address)
        with Servers(etcd_program.path, tmp_path, {"m0": told}) as servers:
            servers.start()
            await servers.healthy()
            assert servers.endpoints == (client.address,)
            async with EtcdStore(Settings(servers.endpoints)) as store:
                assert await store.get("a") is None
            assert client.connections_seen == 1


def test_a_member_dies_with_the_process_that_started_it(etcd_program: Program, tmp_path: Path) -> None:
    address = one_address()["m0"]
    script = (
        "import sys; from pathlib import Path; from global_heat.store.etcd.server import Address, Member\n"
        f"member = Member(Path({str(etcd_program.path)!r}), 'm0', Path({str(tmp_path)!r}),"
        f" {{'m0': Address({address.client!r}, {address.peer!r})}})\n"
        "member.start(); print(member.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    handle = os.pidfd_open(int(parent.stdout.readline()))
    try:
        asyncio.run(until_it_serves(address))
        parent.kill()
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        assert ended.poll(10_000), "the member outlived its parent"
    finally:
        parent.kill()
        parent.communicate()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


async def until_it_serves(address: Address) -> None:
    async with EtcdStore(Settings((address.client,), call_seconds=30)) as store:
        await store.get("a")
