"""The hard alarm: it ends a process that was stopped across its deadline, and no other."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from global_heat.cli.serving.alarm import HardAlarm
from global_heat.sim.loop import run


class Kernel:
    """Keeps the timer, by the loop's clock."""

    def __init__(self) -> None:
        self.at: float | None = None

    def set_timer(self, seconds: float) -> None:
        self.at = asyncio.get_running_loop().time() + seconds if seconds else None


class Case:
    def __init__(self, in_flight: int = 0) -> None:
        self.kernel = Kernel()
        self.in_flight = in_flight
        self.alarm = HardAlarm(lambda: self.in_flight, self.kernel.set_timer)


def test_it_is_armed_for_the_hard_deadline_and_again_by_each_renewal() -> None:
    async def main() -> None:
        case = Case()
        case.alarm.renewed(8.0, 10.0)
        assert case.kernel.at == 10.0
        await asyncio.sleep(5)
        case.alarm.renewed(13.0, 15.0)
        assert case.kernel.at == 15.0
        await asyncio.sleep(5)
        assert case.kernel.at == 15.0, "the soft deadline of the first renewal is of no account any more"

    run(main())


def test_an_outage_switches_it_off_when_the_soft_deadline_has_passed() -> None:
    async def main() -> None:
        case = Case()
        case.alarm.renewed(8.0, 10.0)
        await asyncio.sleep(7.9)
        assert case.kernel.at == 10.0
        await asyncio.sleep(0.2)
        assert case.kernel.at is None
        await asyncio.sleep(1000)
        case.alarm.renewed(1016.0, 1018.0)
        assert case.kernel.at == 1018.0

    run(main())


def test_it_stays_until_the_calls_in_flight_are_gone() -> None:
    async def main() -> None:
        case = Case(in_flight=1)
        case.alarm.renewed(8.0, 10.0)
        await asyncio.sleep(9)
        assert case.kernel.at == 10.0
        case.in_flight = 0
        await asyncio.sleep(0.1)
        assert case.kernel.at is None

    run(main())


def test_a_renewal_that_was_answered_too_late_does_not_arm_it() -> None:
    async def main() -> None:
        case = Case()
        await asyncio.sleep(20)
        case.alarm.renewed(8.0, 10.0)
        assert case.kernel.at is None

    run(main())


def test_off_is_off() -> None:
    async def main() -> None:
        case = Case(in_flight=1)
        case.alarm.renewed(8.0, 10.0)
        case.alarm.off()
        assert case.kernel.at is None
        await asyncio.sleep(20)
        assert case.kernel.at is None

    run(main())


# The rest is about real processes.

_CHILD = """
import asyncio, signal, socket, sys
from global_heat.cli.serving.alarm import HardAlarm, default_disposition

async def main():
    default_disposition()
    out = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    now = asyncio.get_running_loop().time()
    HardAlarm(lambda: 0).renewed(now + 0.9, now + 1.0)
    # The lease was good a moment ago. From here to the send the process may be stopped at any line: for the
    # test it is while it waits for a word.
    print("about to send", flush=True)
    sys.stdin.readline()
    out.sendall(b"POST")

asyncio.run(main())
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _child(listener: socket.socket) -> subprocess.Popen[bytes]:
    port = str(listener.getsockname()[1])
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # As when somebody started us who ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"about to send\n"
    return child


def _pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal waits for the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("ShdPnd:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise AssertionError("no such line")


def _say_go(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.write(b"go\n")
    child.stdin.flush()


def test_a_process_stopped_across_its_deadline_dies_before_it_sends(listener: socket.socket) -> None:
    child = _child(listener)
    try:
        with listener.accept()[0] as connection:
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            _say_go(child)
            while not _pending(child.pid, signal.SIGALRM):
                os.sched_yield()
            child.send_signal(signal.SIGCONT)
            assert child.wait() == -signal.SIGALRM
            assert connection.recv(100) == b""
    finally:
        child.kill()
        child.communicate()


def test_a_process_stopped_for_less_than_that_sends(listener: socket.socket) -> None:
    child = _child(listener)
    try:
        with listener.accept()[0] as connection:
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            _say_go(child)
            child.send_signal(signal.SIGCONT)
            assert connection.recv(100) == b"POST"
            assert child.wait() == 0
    finally:
        child.kill()
        child.communicate()
