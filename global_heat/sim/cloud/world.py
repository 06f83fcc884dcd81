"""A cloud of several regions in one process, for the simulator and for tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping

from global_heat.sim.cloud.inprocess import Cut, InProcessTransport
from global_heat.sim.cloud.journal import Journal
from global_heat.sim.cloud.keystone.model import FakeKeystone
from global_heat.sim.cloud.region import FakeRegion
from global_heat.sim.cloud.settings import Settings
from global_heat.sim.cloud.things import Made


class FakeCloud:
    """Regions with one Keystone. A region answers at `http://<name>.sim`.

    `clock` gives unix seconds and must move with the running loop's time. `shared` names the services that
    the first region's endpoint serves for all: with "identity" Keystone is global and falls with that region;
    without it (the default) each region has an endpoint of its own to the same, replicated Keystone.
    `settings` are all regions', or by region.
    """

    def __init__(
        self,
        names: Iterable[str],
        clock: Callable[[], float],
        rng: random.Random,
        *,
        settings: Settings | Mapping[str, Settings] | None = None,
        shared: Collection[str] = (),
        token_seconds: float = 60.0,
        urls: Mapping[str, str] | None = None,
        journal_entries_max: int | None = None,
    ) -> None:
        self.keystone = FakeKeystone(clock, random.Random(rng.getrandbits(64)), token_seconds)
        self.journal = Journal(journal_entries_max)
        """All regions' requests in the order of their arrival."""
        self.regions: dict[str, FakeRegion] = {}
        self._transports: dict[str, InProcessTransport] = {}
        home: FakeRegion | None = None
        for name in names:
            region = FakeRegion(
                name,
                self.keystone,
                clock,
                random.Random(rng.getrandbits(64)),
                settings.get(name) if isinstance(settings, Mapping) else settings,
                self.journal,
                {} if home is None else dict.fromkeys(shared, home),
            )
            self.regions[name] = region
            self.keystone.catalogue.add(name, (urls or {}).get(name) or f"http://{name}.sim")
            if home is None:
                home = region
                for service in shared:
                    self.keystone.catalogue.share(service, name)

    def auth_url(self, region: str | None = None) -> str:
        """Where to authenticate, as that region's (else the first's) catalogue says."""
        name = region or next(iter(self.regions))
        return self.keystone.catalogue.endpoint("identity", name, name) + "/v3"

    def transport(
        self, client: str, latency_seconds: Callable[[str], float] = lambda region: 0.0
    ) -> InProcessTransport:
        """A new transport for a caller. One of the same name replaces the old one for `partition`."""
        urls = self.keystone.catalogue
        transport = InProcessTransport(
            client, {urls.url(name, name): region for name, region in self.regions.items()}, latency_seconds
        )
        self._transports[client] = transport
        return transport

    def partition(self, client: str, region: str, how: Cut = Cut.SILENT) -> None:
        """Cut the link between a caller and a region."""
        self._transports[client].cut(region, how)

    def rejoin(self, client: str, region: str) -> None:
        """Mend that link."""
        self._transports[client].restore(region)

    def heal(self) -> None:
        """End all faults and mend all links."""
        for name, region in self.regions.items():
            region.faults.heal()
            for transport in self._transports.values():
                transport.restore(name)

    def truth(self) -> list[Made]:
        """All things that exist now in all regions, trusts and application credentials included."""
        things = [made for region in self.regions.values() for made in region.truth()]
        return things + self.keystone.truth()
