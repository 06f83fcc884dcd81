"""Processes that outlive their command: found again, never mistaken, ended for certain."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from global_heat.cli.lab.callers import Callers
from global_heat.cli.lab.processes import Known, Processes
from global_heat.model.errors import Invalid

READY = "print('ready', flush=True)"
SLEEP = f"import time; {READY}; time.sleep(600)"
STUBBORN = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}; time.sleep(600)"
POLITE = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit()))
{READY}; time.sleep(600)
"""
WITH_CHILD = f"import subprocess, sys; {READY}; subprocess.run([sys.executable, '-c', {SLEEP!r}])"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path / "run")
    yield made
    made.stop(("one", "two"), 0.0)


def start(processes: Processes, name: str, code: str, lines: int = 1) -> None:
    """Start it, and wait until it has said so many lines."""
    processes.start(name, [sys.executable, "-c", code])
    while processes.log(name).read_text().count("\n") < lines:
        pass


def test_it_is_found_again_by_another_command(processes: Processes) -> None:
    start(processes, "one", SLEEP)
    assert Processes(processes.directory).pid("one") == processes.pid("one") is not None
    assert Processes(processes.directory).pid("two") is None


def test_a_recycled_process_id_is_not_ours(processes: Processes) -> None:
    start(processes, "one", SLEEP)
    path = processes.directory / "one.json"
    known = msgspec.json.decode(path.read_bytes(), type=Known)
    stranger = msgspec.structs.replace(known, started=known.started + 1)
    path.write_bytes(msgspec.json.encode(stranger))
    assert not processes.kill("one")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(known, boot="another")))
    assert not processes.kill("one")
    path.write_bytes(msgspec.json.encode(known))
    assert processes.kill("one")


def test_a_killed_process_is_dead_with_its_children(processes: Processes) -> None:
    start(processes, "one", WITH_CHILD, lines=2)
    children = Path(f"/proc/{processes.pid('one')}/task/{processes.pid('one')}/children").read_text().split()
    assert len(children) == 1
    assert processes.kill("one")
    assert not processes.alive("one")
    while _lives(children[0]):
        pass  # told to die; on a busy machine it has not had its turn yet


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_stopping_is_asked_first_and_forced_then(processes: Processes) -> None:
    start(processes, "one", SLEEP)
    start(processes, "two", STUBBORN)
    processes.stop(("one", "two", "never-started"), 0.2)
    assert not processes.alive("one")
    assert not processes.alive("two")


def test_a_paused_process_is_seen_as_such_and_can_be_ended(processes: Processes) -> None:
    start(processes, "one", POLITE)
    processes.signal("one", signal.SIGSTOP)
    while not processes.paused("one"):
        pass
    processes.signal("one", signal.SIGCONT)
    while processes.paused("one"):
        pass
    processes.signal("one", signal.SIGSTOP)
    processes.stop(("one",))
    assert not processes.alive("one")
    assert processes.last_words("one").endswith("bye")


def test_who_ended_is_told_with_last_words(processes: Processes) -> None:
    start(processes, "one", "print('no etcd'); raise SystemExit(1)")
    while processes.alive("one"):
        pass
    with pytest.raises(Invalid, match="one has ended:\nno etcd"):
        processes.check("one")


CONNECT = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(connection.getsockname()[1], flush=True)
sys.stdin.read()
"""
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CONNECT!r}, sys.argv[1]])"


@pytest.mark.parametrize("code", [CONNECT, IN_A_CHILD], ids=["itself", "its child"])
def test_whose_a_connection_is(code: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-c", code, str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            connection, (_, client_port) = server.accept()
            with connection:
                roots: dict[int, str] = {}
                callers = Callers(lambda: roots)
                assert callers.region(client_port, port) is None
                roots[process.pid] = "north"
                assert callers.region(client_port, port) == "north"
                assert callers.region(client_port, port + 1) is None
            process.communicate()
