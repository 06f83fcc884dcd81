"""Real etcd clusters for tests, and tests that are coroutines."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from global_heat.store.etcd.finder import Program, find
from global_heat.store.etcd.server import Address, Options, Servers

MakeServers = Callable[..., Servers]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def etcd_program() -> Program:
    """The machine's etcd server program, fetched on first use."""
    return find(durable=True)


@pytest.fixture(scope="session")
def make_servers(etcd_program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServers]:
    """`make_servers(size, options)`: members on free ports of this machine, started, ended after the session.

    The caller waits until they are healthy.
    """
    with ExitStack() as stack:

        def make(size: int, options: Options = Options(synchronous=False)) -> Servers:  # noqa: B008
            ports = iter(free_ports(2 * size))
            addresses = {
                f"m{n}": Address(f"127.0.0.1:{next(ports)}", f"127.0.0.1:{next(ports)}") for n in range(size)
            }
            directory = tmp_path_factory.mktemp("etcd")
            servers = stack.enter_context(Servers(etcd_program.path, directory, addresses, options))
            servers.start()
            return servers

        yield make


@pytest.fixture(scope="session")
def shared_cluster_of_1(make_servers: MakeServers) -> Servers:
    return make_servers(1)


@pytest.fixture(scope="session")
def shared_cluster_of_3(make_servers: MakeServers) -> Servers:
    return make_servers(3)


@pytest.fixture
def cluster_of_1(shared_cluster_of_1: Servers) -> Servers:
    """A healthy cluster of one member, shared by all tests: they keep apart by `prefix`."""
    asyncio.run(shared_cluster_of_1.heal())
    return shared_cluster_of_1


@pytest.fixture
def cluster_of_3(shared_cluster_of_3: Servers) -> Servers:
    """A healthy cluster of three, shared as above. Who is killed or paused is brought back for the next."""
    asyncio.run(shared_cluster_of_3.heal())
    return shared_cluster_of_3


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A key prefix of the test's own."""
    return f"/{re.sub(r'[^a-z0-9_]+', '-', request.node.nodeid.lower())}/"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Somebody listens there, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def closed_address() -> str:
    """Nobody listens there."""
    return f"127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def program_named(tmp_path: Path) -> Callable[[str, str], Path]:
    """`program_named(name, says)`: a program that prints a text, whatever it is asked."""

    def make(name: str, says: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
        path.chmod(0o755)
        return path

    return make
