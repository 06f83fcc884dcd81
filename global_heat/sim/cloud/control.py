"""The operator's port of a served cloud: faults, cuts, the truth, the journal. JSON over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from global_heat.sim.cloud.faults import Disturbance, Faults
from global_heat.sim.cloud.listening import RegionPort
from global_heat.sim.cloud.region import FakeRegion
from global_heat.sim.cloud.world import FakeCloud


class FaultsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New values of a region's faults; what is absent stays as it is."""

    latency_seconds: tuple[float, float] | msgspec.UnsetType = msgspec.UNSET
    down: set[str] | msgspec.UnsetType = msgspec.UNSET
    list_lag_seconds: float | msgspec.UnsetType = msgspec.UNSET
    list_ghost_seconds: float | msgspec.UnsetType = msgspec.UNSET
    drop_filters: bool | msgspec.UnsetType = msgspec.UNSET
    cell_down: bool | msgspec.UnsetType = msgspec.UNSET
    strict_queues: bool | msgspec.UnsetType = msgspec.UNSET
    failing: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    failure_rates: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    project: str
    """Its name."""
    kind: str
    limit: int


class Control:
    """Answers the control port's requests."""

    def __init__(self, cloud: FakeCloud, ports: Mapping[str, RegionPort]) -> None:
        self._cloud = cloud
        self._ports = ports

    def application(self) -> web.Application:
        """The routes."""
        routes: dict[tuple[str, str], Callable[[web.Request], Awaitable[Any]]] = {
            ("GET", "/state"): self._state,
            ("GET", "/truth"): self._truth,
            ("GET", "/history"): self._history,
            ("GET", "/journal"): self._journal,
            ("GET", "/messages"): self._messages,
            ("POST", "/heal"): self._heal,
            ("PATCH", "/regions/{region}/faults"): self._faults,
            ("POST", "/regions/{region}/disturbances"): self._disturb,
            ("DELETE", "/regions/{region}/disturbances"): self._calm,
            ("POST", "/regions/{region}/cut"): self._cut,
            ("POST", "/regions/{region}/restore"): self._restore,
            ("POST", "/regions/{region}/quotas"): self._quota,
            ("DELETE", "/regions/{region}/services/{service}"): self._withdraw,
            ("DELETE", "/trusts/{trust}"): self._delete_trust,
            ("POST", "/users/{user}/disable"): self._disable,
            ("POST", "/users/{user}/enable"): self._enable,
        }
        application = web.Application()
        for (method, path), act in routes.items():
            application.router.add_route(method, path, _answering(act))
        return application

    def describe(self) -> dict[str, Any]:
        """The cloud's addresses and what is wrong with it."""
        return {
            "auth_url": self._cloud.auth_url(),
            "regions": {
                name: {
                    "url": self._ports[name].url,
                    "open": self._ports[name].is_open,
                    "faults": _shown(region.faults),
                }
                for name, region in self._cloud.regions.items()
            },
        }

    async def _state(self, request: web.Request) -> Any:
        return self.describe()

    async def _truth(self, request: web.Request) -> Any:
        return self._cloud.truth()

    async def _history(self, request: web.Request) -> Any:
        return {name: region.history() for name, region in self._cloud.regions.items()}

    async def _journal(self, request: web.Request) -> Any:
        entries, number = self._cloud.journal.since(int(request.query.get("since", "0")))
        return {"entries": entries, "next": number}

    async def _messages(self, request: web.Request) -> Any:
        return {name: region.zaqar.history for name, region in self._cloud.regions.items()}

    async def _heal(self, request: web.Request) -> Any:
        self._cloud.heal()
        for port in self._ports.values():
            await port.open()
        return self.describe()

    async def _faults(self, request: web.Request) -> Any:
        change = msgspec.json.decode(await request.read(), type=FaultsChange)
        faults = self._region(request).faults
        for name in change.__struct_fields__:
            value = getattr(change, name)
            if value is not msgspec.UNSET:
                setattr(faults, name, value)
        return _shown(faults)

    async def _disturb(self, request: web.Request) -> Any:
        faults = self._region(request).faults
        faults.add(msgspec.json.decode(await request.read(), type=Disturbance))
        return _shown(faults)

    async def _calm(self, request: web.Request) -> Any:
        faults = self._region(request).faults
        faults.clear_rules()
        return _shown(faults)

    async def _cut(self, request: web.Request) -> Any:
        """`?silent=1`: connections stay and nothing is answered; else they are dropped and refused."""
        faults = self._region(request).faults
        faults.unreachable = True
        faults.hanging = request.query.get("silent") == "1"
        if not faults.hanging:
            await self._ports[request.match_info["region"]].close()
        return _shown(faults)

    async def _withdraw(self, request: web.Request) -> Any:
        """The catalogue has the service (`volume`, `image`, …) in other regions alone from now on."""
        self._region(request)
        self._cloud.keystone.catalogue.withdraw(request.match_info["service"], request.match_info["region"])
        return {}

    async def _restore(self, request: web.Request) -> Any:
        faults = self._region(request).faults
        faults.unreachable = faults.hanging = False
        await self._ports[request.match_info["region"]].open()
        return _shown(faults)

    async def _quota(self, request: web.Request) -> Any:
        quota = msgspec.json.decode(await request.read(), type=Quota)
        project_id = self._cloud.keystone.project_id(quota.project)
        self._region(request).set_quota(project_id, quota.kind, quota.limit)
        return quota

    async def _delete_trust(self, request: web.Request) -> Any:
        self._cloud.keystone.delete_trust(request.match_info["trust"])
        return {}

    async def _disable(self, request: web.Request) -> Any:
        self._cloud.keystone.disable_user(self._cloud.keystone.user_id(request.match_info["user"]))
        return {}

    async def _enable(self, request: web.Request) -> Any:
        self._cloud.keystone.enable_user(self._cloud.keystone.user_id(request.match_info["user"]))
        return {}

    def _region(self, request: web.Request) -> FakeRegion:
        return self._cloud.regions[request.match_info["region"]]


def _answering(
    act: Callable[[web.Request], Awaitable[Any]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            status, body = 200, await act(request)
        except KeyError as missing:
            status, body = 404, {"error": f"there is no {missing}"}
        except (msgspec.MsgspecError, ValueError) as wrong:
            status, body = 400, {"error": str(wrong)}
        return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")

    return answer


def _shown(faults: Faults) -> dict[str, Any]:
    return {
        "unreachable": faults.unreachable,
        "hanging": faults.hanging,
        "latency_seconds": faults.latency_seconds,
        "down": sorted(faults.down),
        "list_lag_seconds": faults.list_lag_seconds,
        "list_ghost_seconds": faults.list_ghost_seconds,
        "drop_filters": faults.drop_filters,
        "cell_down": faults.cell_down,
        "strict_queues": faults.strict_queues,
        "failing": faults.failing,
        "failure_rates": faults.failure_rates,
        "disturbances": faults.rules,
    }
