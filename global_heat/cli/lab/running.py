"""A lab that runs, and what is done to it."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from global_heat.cli.lab import layout, readiness
from global_heat.cli.lab.files import SERVICE, region_record, write_replica
from global_heat.cli.lab.layout import Lab, LabReplica
from global_heat.cli.lab.members import Members
from global_heat.cli.lab.network import HOST, Condition
from global_heat.cli.lab.processes import Processes
from global_heat.sim.cloud.things import Made
from global_heat.store import keys
from global_heat.store.codec import encode
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import Store

NETWORK, CLOUDS = "network", "clouds"
PERSON = {
    "username": "demo",
    "password": "demo",
    "project_name": "demo",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
"""Who uses the lab, as the fake Keystone knows them from its start."""
_MAIN = "from global_heat.cli.main import main; main()"


class RunningLab:
    """The lab of a directory. Methods that change it return when the change has taken place."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.processes = Processes(directory / "run")
        self.members = Members(lab, directory / "etcd", self.processes)

    @classmethod
    def load(cls, directory: Path) -> RunningLab:
        """Raises `Invalid` (NOT_FOUND) when there is none."""
        return cls(layout.load(directory), directory)

    # its life

    async def start(self, say: Callable[[str], None]) -> None:
        """Start all of it.

        Raises `Invalid` when a part ends by itself, `Transient` when one is not ready in time.
        """
        layout.save(self.lab, self.directory)
        for program in (NETWORK, CLOUDS):
            command = [sys.executable, "-m", "global_heat.cli.lab.programs", program, self.directory]
            self.processes.start(program, command)
        for program, port in ((NETWORK, self.lab.network_port), (CLOUDS, self.lab.clouds_port)):
            await readiness.until_listening(self.processes, program, port)
        say(f"network and clouds of {len(self.lab.regions)} regions")
        await self.members.restore(*(region.name for region in self.lab.regions))
        async with self.store() as store:
            await store.commit(
                put={
                    keys.region(record.name): encode(record)
                    for record in (region_record(self.lab, region) for region in self.lab.regions)
                }
            )
        say(f"etcd with {len(self.lab.regions)} members")
        await self._start_replicas(self.lab.replicas)
        say(f"{len(self.lab.replicas)} replicas")

    def stop(self) -> None:
        """End every process."""
        self.processes.stop((replica.name for replica in self.lab.replicas), 3.0)
        for region in self.lab.regions:
            self.processes.kill(region.member)
        self.processes.stop((CLOUDS, NETWORK), 3.0)

    def remove(self) -> None:
        """Remove all that it wrote, logs included."""
        shutil.rmtree(self.directory)

    # what is done to it

    async def kill(self, name: str) -> None:
        """SIGKILL a region's replicas and etcd member, its cloud being unreachable at once; or a replica."""
        if not self._is_replica(name):
            await self._put(name, Condition.KILLED)
        for process in self._of(name):
            self.processes.signal(process, signal.SIGKILL)
        for process in self._of(name):
            self.processes.kill(process)

    async def pause(self, name: str) -> None:
        """SIGSTOP a region's replicas and etcd member, its cloud answering no more; or one replica."""
        if not self._is_replica(name):
            await self._put(name, Condition.PAUSED)
        for process in self._of(name):
            self.processes.signal(process, signal.SIGSTOP)

    async def cut(self, region: str, how: Condition = Condition.CUT) -> None:
        """Let nothing cross a region's border: in neither direction (CUT), in (DEAF), out (MUTE)."""
        self.lab.region(region)
        await self._put(region, how)

    async def restore(self, *names: str) -> None:
        """Bring back regions, or replicas, whatever was done to them. Raises as `start`.

        Those of which no one has a quorum without the other must be brought back together.
        """
        regions = [self.lab.region(name) for name in names if not self._is_replica(name)]
        for region in regions:
            await self._put(region.name, Condition.UP)
        for name in names:
            for process in self._of(name):
                self.processes.signal(process, signal.SIGCONT)
        await self.members.restore(*(region.name for region in regions))
        wanted = [each for each in self.lab.replicas if each.name in names or each.region in names]
        await self._start_replicas(wanted)

    # what is seen of it

    async def conditions(self) -> dict[str, Condition]:
        """The regions' conditions. Raises `Transient` when the network does not answer."""
        body = await readiness.ask("GET", f"http://{HOST}:{self.lab.network_port}/")
        return msgspec.json.decode(body, type=dict[str, Condition])

    async def truth(self) -> list[Made]:
        """All that exists in the clouds, as they themselves know it, reachable or not."""
        return msgspec.json.decode(await self.ask_clouds("GET", "truth"), type=list[Made])

    async def ask_clouds(self, method: str, path: str, body: str = "") -> bytes:
        """Ask the clouds' operator, see `sim.cloud.control`. Raises `Transient` when refused."""
        return await readiness.ask(method, f"http://{HOST}:{self.lab.clouds_port}/{path}", body)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """The records. Members are asked directly, past the network."""
        endpoints = tuple(f"{HOST}:{region.etcd}" for region in self.lab.regions)
        async with EtcdStore(Settings(endpoints, development=True)) as store:
            yield store

    def endpoints(self) -> str:
        """As GLOBAL_HEAT_ENDPOINTS wants it."""
        return ",".join(replica.endpoint for replica in self.lab.replicas)

    async def environment(self) -> dict[str, str]:
        """The variables for `global-heat` and for OpenStack's own clients; Keystone is one that answers."""
        conditions = await self.conditions()
        up = [region for region in self.lab.regions if conditions[region.name] is Condition.UP]
        keystone = (up or self.lab.regions)[0]
        return {
            "GLOBAL_HEAT_ENDPOINTS": self.endpoints(),
            "OS_AUTH_URL": keystone.auth_url,
            **{f"OS_{name.upper()}": value for name, value in PERSON.items()},
            "OS_REGION_NAME": keystone.name,
            "OS_IDENTITY_API_VERSION": "3",
        }

    # its parts

    def _is_replica(self, name: str) -> bool:
        """Raises `Invalid` for what is neither replica nor region."""
        return any(name == replica.name for replica in self.lab.replicas) or not self.lab.region(name)

    def _of(self, name: str) -> list[str]:
        """The processes of a region, or a replica's."""
        if self._is_replica(name):
            return [name]
        region = self.lab.region(name)
        return [*(replica.name for replica in self.lab.replicas_of(name)), region.member]

    async def _put(self, region: str, condition: Condition) -> None:
        await readiness.ask("PUT", f"http://{HOST}:{self.lab.network_port}/{region}", condition)

    async def _start_replicas(self, replicas: Sequence[LabReplica]) -> None:
        """Start those that do not run, and wait until all are at work."""
        async with self.store() as store:
            former = await readiness.registered(store)
            dead = [replica for replica in replicas if not self.processes.alive(replica.name)]
            for replica in dead:
                config = write_replica(self.lab, replica, self.directory)
                command = [sys.executable, "-c", _MAIN, "serve", "--config", config]
                self.processes.start(replica.name, command, {"GLOBAL_HEAT_SERVICE_PASSWORD": SERVICE[1]})
            for replica in replicas:
                not_these = former if replica in dead else frozenset[str]()
                await readiness.until_replica_serves(self.processes, store, replica, not_these)
