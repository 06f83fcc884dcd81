"""Neutron's v2.0 API. Paths come without `/network/v2.0`."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.addressing import parse_network
from global_heat.sim.cloud.neutron.errors import NO_SUCH_PATH, neutron_error
from global_heat.sim.cloud.neutron.family import UNSET, Family
from global_heat.sim.cloud.neutron.floating import FloatingIps
from global_heat.sim.cloud.neutron.networks import Networks
from global_heat.sim.cloud.neutron.plugs import Plugs
from global_heat.sim.cloud.neutron.ports import Ports
from global_heat.sim.cloud.neutron.routers import Routers
from global_heat.sim.cloud.neutron.security import Rules, SecurityGroups
from global_heat.sim.cloud.neutron.subnets import Subnets
from global_heat.sim.cloud.things import Origin
from global_heat.sim.cloud.wire import Answer, Call, Refusal

PUBLIC = "public"
"""The name of the external network that is there from the start."""
_EXTENSIONS = (
    "address-scope",
    "availability_zone",
    "binding",
    "default-subnetpools",
    "dns-integration",
    "external-net",
    "ext-gw-mode",
    "extra_dhcp_opt",
    "net-mtu",
    "port-security",
    "project-id",
    "quotas",
    "revision-if-match",
    "router",
    "security-group",
    "standard-attr-description",
    "standard-attr-revisions",
    "standard-attr-tag",
    "standard-attr-timestamp",
)


class Neutron:
    """`project_id` owns what is there from the start."""

    def __init__(self, ground: Ground, project_id: str) -> None:
        self.ground = ground
        self.plugs = Plugs()
        self.rules = Rules(ground)
        self.groups = SecurityGroups(ground, self.plugs, self.rules)
        self.networks = Networks(ground, self.plugs, self.groups)
        self.subnets = Subnets(ground, self.plugs, self.networks)
        self.ports = Ports(ground, self.plugs, self.networks, self.subnets, self.groups)
        self.routers = Routers(ground, self.networks, self.subnets, self.ports)
        self.floating = FloatingIps(ground, self.networks, self.ports, self.routers)
        self._families: dict[str, Family] = {
            family.collection: family
            for family in (
                self.networks,
                self.subnets,
                self.ports,
                self.routers,
                self.floating,
                self.groups,
                self.rules,
            )
        }
        self._seed(project_id)

    def handle(self, call: Call) -> Answer:
        """Answer one call. Raises Refusal."""
        family = self._families.get(call.path[0].removesuffix(".json")) if call.path else None
        if family is None:
            return self._other(call)
        match call.method, call.path[1:]:
            case "GET", []:
                return family.listing(call)
            case "POST", []:
                return family.create(call)
            case "GET", [id]:
                return family.show(call, id)
            case "PUT", [id]:
                return family.update(call, id)
            case "DELETE", [id]:
                return family.delete(call, id)
            case "PUT", [id, "add_router_interface"] if family is self.routers:
                return self.routers.add_interface(call, id)
            case "PUT", [id, "remove_router_interface"] if family is self.routers:
                return self.routers.remove_interface(call, id)
            case _, [id, "tags", *rest] if family.tagged and len(rest) < 2:
                return family.tags(call, id, rest)
            case _:
                raise _no_such_path()

    def _other(self, call: Call) -> Answer:
        match call.method, call.path:
            case "GET", ["extensions"]:
                return Answer(200, {"extensions": [_extension(alias) for alias in _EXTENSIONS]})
            case "GET", ["extensions", alias] if alias in _EXTENSIONS:
                return Answer(200, {"extension": _extension(alias)})
            case "GET", ["quotas", project_id] if project_id == call.project_id or call.who.is_admin:
                limits = {
                    family.singular: self.ground.room(family.kind, project_id)[1]
                    for family in self._families.values()
                }
                return Answer(200, {"quota": limits})
            case "GET", ["availability_zones"]:
                zones = [
                    {"name": "nova", "resource": resource, "state": "available"}
                    for resource in ("network", "router")
                ]
                return Answer(200, {"availability_zones": zones})
            case _:
                raise _no_such_path()

    def _seed(self, project_id: str) -> None:
        cidr = parse_network(f"172.{self.ground.settings.public_octet}.0.0/16")
        body = {
            "name": PUBLIC,
            "description": "",
            **Networks.defaults,
            "router:external": True,
            "is_default": True,
            "status": "ACTIVE",
            "subnets": [],
            "availability_zones": ["nova"],
            "ipv4_address_scope": None,
            "ipv6_address_scope": None,
            "l2_adjacency": True,
        }
        network = self.networks.add(project_id, None, body, Origin.SEED)
        wish = {
            "name": f"{PUBLIC}-subnet",
            "description": "",
            **Subnets.defaults,
            "network_id": network.id,
            "gateway_ip": UNSET,
            "enable_dhcp": False,
        }
        self.subnets.place(network, cidr, wish, project_id, None, Origin.SEED)


def _extension(alias: str) -> Body:
    return {"alias": alias, "name": alias, "description": "", "links": [], "updated": "2020-01-01T00:00:00Z"}


def _no_such_path() -> Refusal:
    return neutron_error(404, "HTTPNotFound", NO_SUCH_PATH)
