"""Run etcd servers on this machine: one member or a cluster, to be killed, paused and brought back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from global_heat.model.errors import Invalid, Transient
from global_heat.store.etcd.endpoint import RANGE, STATUS, Endpoint
from global_heat.store.etcd.settings import Settings, Tls
from global_heat.store.etcd.verdict import CallFailed, Verdict
from global_heat.store.etcd.wire import rpc_pb2 as wire

STOP_SECONDS = 10.0
LOG_LINES_SHOWN = 5

# Becomes the server after having asked the kernel to kill it together with us. Done in a program of its own:
# code between fork and exec is not safe in a process that has threads, and gRPC has.
LAUNCHER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerTls(msgspec.Struct, frozen=True):
    """Files of a server's TLS. With `authority`, clients must show a certificate that it signed."""

    certificate: Path
    key: Path
    authority: Path | None = None


class Options(msgspec.Struct, frozen=True):
    """How all members of a cluster are run.

    `compaction_retention` is how much history is kept, such as `1h`; by default all of it. `synchronous` off
    spares the disk: a killed process still loses nothing, a crashed machine does.
    """

    heartbeat_milliseconds: int = 100
    election_milliseconds: int = 1000
    quota_bytes: int = 2 << 30
    compaction_retention: str | None = None
    tls: ServerTls | None = None
    auth_token_seconds: int = 300
    synchronous: bool = True


DEFAULTS = Options()


class Address(msgspec.Struct, frozen=True):
    """Where a member listens, and where others are told to find it, which may be a proxy. All `host:port`."""

    client: str
    peer: str
    advertised_client: str = ""
    advertised_peer: str = ""

    @property
    def client_told(self) -> str:
        return self.advertised_client or self.client

    @property
    def peer_told(self) -> str:
        return self.advertised_peer or self.peer


class Member:
    """One etcd server process. It dies with the process that started it, even if that is killed.

    `start` must be called from a thread that lives as long as the member shall, best the main one: the kernel
    takes the death of the thread for that of the parent.
    """

    def __init__(
        self,
        program: Path,
        name: str,
        directory: Path,
        addresses: Mapping[str, Address],
        options: Options = DEFAULTS,
    ) -> None:
        """`addresses` names all members of the cluster, this one too. Data and log go below `directory`."""
        self.name = name
        self.address = addresses[name]
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = member_command(program, name, directory / name, addresses, options)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def start(self) -> None:
        """Start it, on the data it has, if any. Does not wait until it serves."""
        assert not self.running, f"{self.name} runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL. Returns when it is dead."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it hand over and end; kill it when it takes longer than `STOP_SECONDS`. Blocks meanwhile."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    async def healthy(self, seconds: float = 30.0, tls: Tls | None = None) -> None:
        """Wait until it serves linearizable reads, that is, has a leader and has caught up with it.

        Raises `Transient` when that takes longer than `seconds`, `Invalid` when the process has ended.
        """
        endpoint = Endpoint(self.address.client, _probe_settings(self.address.client, tls))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            while True:
                try:
                    # Answered only once there is a leader: the server holds the call until then.
                    await endpoint.call(RANGE, wire.RangeRequest(key=b"health"), seconds, ())
                    return
                except CallFailed as failure:
                    if failure.verdict in (Verdict.LOGIN, Verdict.FORBIDDEN):
                        return
                    if not self.running:
                        raise Invalid(f"etcd {self.name} has ended: {self._last_words()}") from failure
                    if loop.time() > deadline:
                        raise Transient(f"etcd {self.name} is not healthy: {failure}") from failure
                    await asyncio.sleep(0.05)
        finally:
            await endpoint.close()

    async def status(self, seconds: float = 2.0, tls: Tls | None = None) -> wire.StatusResponse:
        """What the member says of itself. Raises `Transient` when it does not answer."""
        endpoint = Endpoint(self.address.client, _probe_settings(self.address.client, tls))
        try:
            return await endpoint.call(STATUS, wire.StatusRequest(), seconds, ())
        except CallFailed as failure:
            raise Transient(f"etcd {self.name}: {failure}") from failure
        finally:
            await endpoint.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])


class Servers:
    """A cluster of members on this machine, all of them ours. A context manager: stops them at its end."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        addresses: Mapping[str, Address],
        options: Options = DEFAULTS,
    ) -> None:
        self.members = [Member(program, name, directory, addresses, options) for name in addresses]

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where clients are told to find the members."""
        return tuple(member.address.client_told for member in self.members)

    def start(self) -> None:
        for member in self.members:
            member.start()

    def stop(self) -> None:
        """Kill them all at once: what is committed is on disk, and there is nobody to hand over to."""
        for member in self.members:
            member.kill()

    async def healthy(self, seconds: float = 30.0, tls: Tls | None = None) -> None:
        """Wait until every member is. Raises as `Member.healthy`."""
        async with asyncio.TaskGroup() as group:
            for member in self.members:
                group.create_task(member.healthy(seconds, tls))

    async def heal(self) -> None:
        """Bring back what was paused or killed, and wait until all are healthy."""
        for member in self.members:
            if member.running:
                member.resume()
            else:
                member.start()
        await self.healthy()

    async def leader(self) -> Member:
        """The member that leads. Raises `Transient` while there is none."""
        for member in self.members:
            if member.running:
                status = await member.status()
                if status.leader == status.header.member_id:
                    return member
        raise Transient("no member leads")


def member_command(
    program: Path, name: str, data: Path, addresses: Mapping[str, Address], options: Options
) -> Sequence[str]:
    """How one member is run, for those who do so themselves. `data` is its own directory."""
    here = addresses[name]
    scheme = "https" if options.tls else "http"
    cluster = ",".join(f"{each}=http://{address.peer_told}" for each, address in addresses.items())
    flags = {
        "name": name,
        "data-dir": data,
        "listen-client-urls": f"{scheme}://{here.client}",
        "advertise-client-urls": f"{scheme}://{here.client_told}",
        "listen-peer-urls": f"http://{here.peer}",
        "initial-advertise-peer-urls": f"http://{here.peer_told}",
        "initial-cluster": cluster,
        "initial-cluster-state": "new",
        "heartbeat-interval": options.heartbeat_milliseconds,
        "election-timeout": options.election_milliseconds,
        "quota-backend-bytes": options.quota_bytes,
        "auth-token-ttl": options.auth_token_seconds,
        "logger": "zap",
        "log-level": "warn",
    }
    if options.compaction_retention:
        flags |= {
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": options.compaction_retention,
        }
    if options.tls:
        flags |= {"cert-file": options.tls.certificate, "key-file": options.tls.key}
        if options.tls.authority:
            flags |= {"trusted-ca-file": options.tls.authority, "client-cert-auth": "true"}
    if not options.synchronous:
        flags |= {"unsafe-no-fsync": "true"}
    return [str(program), *(f"--{flag}={value}" for flag, value in flags.items())]


def _probe_settings(address: str, tls: Tls | None) -> Settings:
    return Settings((address,), tls=tls)
