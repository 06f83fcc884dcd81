"""The etcd members of a lab, one a region: to be killed, stopped and brought back by themselves."""

from __future__ import annotations

import signal
from pathlib import Path

from global_heat.cli.lab import readiness
from global_heat.cli.lab.files import member_addresses, member_options
from global_heat.cli.lab.layout import Lab
from global_heat.cli.lab.processes import Processes
from global_heat.store.etcd.server import member_command


class Members:
    """Named by their regions. Their data lies below `directory`."""

    def __init__(self, lab: Lab, directory: Path, processes: Processes) -> None:
        self._lab = lab
        self._directory = directory
        self._processes = processes

    def start(self, region: str) -> None:
        """Does not wait until it serves."""
        member = self._lab.region(region).member
        data = self._directory / region
        data.parent.mkdir(exist_ok=True)
        addresses, options = member_addresses(self._lab), member_options(self._lab)
        self._processes.start(member, member_command(Path(self._lab.etcd), member, data, addresses, options))

    def kill(self, region: str) -> None:
        """SIGKILL."""
        self._processes.kill(self._lab.region(region).member)

    def pause(self, region: str) -> None:
        """SIGSTOP."""
        self._processes.signal(self._lab.region(region).member, signal.SIGSTOP)

    async def restore(self, *regions: str) -> None:
        """Bring them back, killed or stopped, and wait until all serve.

        Raises `Invalid` when one ends by itself, `Transient` when one is not ready in time: those of which
        none has a majority without the other must be brought back together.
        """
        for region in regions:
            self._processes.signal(self._lab.region(region).member, signal.SIGCONT)
            if not self._processes.alive(self._lab.region(region).member):
                self.start(region)
        for region in regions:
            await readiness.until_member_serves(self._processes, self._lab.region(region))
