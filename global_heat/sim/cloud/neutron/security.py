"""Security groups and their rules."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.addressing import parse_network
from global_heat.sim.cloud.neutron.errors import bad_request, neutron_error
from global_heat.sim.cloud.neutron.family import REQUIRED, Family
from global_heat.sim.cloud.neutron.plugs import Plugs
from global_heat.sim.cloud.things import Origin, Thing
from global_heat.sim.cloud.wire import Answer, Call

_DEFAULT = "default"
_KEY = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
)
_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmpv6": 58}


class Rules(Family):
    collection = "security-group-rules"
    plural = "security_group_rules"
    singular = "security_group_rule"
    title = "SecurityGroupRule"
    texts = ("description",)
    tagged = False
    defaults: ClassVar[Body] = {
        "security_group_id": REQUIRED,
        "direction": REQUIRED,
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
        "remote_address_group_id": None,
    }
    mutable: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.groups: SecurityGroups | None = None
        """Set by the groups, which make rules themselves."""

    def make(self, call: Call, wish: Body) -> Thing:
        assert self.groups is not None
        _check(wish)
        group = self.groups.find(call, wish["security_group_id"])
        if wish["remote_group_id"] is not None:
            self.groups.find(call, wish["remote_group_id"])
        for rule in group.hidden["rules"].values():
            if all(rule.body[key] == wish[key] for key in _KEY):
                raise neutron_error(
                    409,
                    "SecurityGroupRuleExists",
                    f"Security group rule already exists. Rule id is {rule.id}.",
                )
        rule = self.place(group, wish, call)
        self.groups.touch(group)
        return rule

    def place(self, group: Thing, wish: Body, call: Call | None, origin: Origin = Origin.USER) -> Thing:
        rule = self.add(group.project_id, call, wish, origin)
        group.hidden["rules"][rule.id] = rule
        group.body["security_group_rules"].append(rule.body)
        return rule

    def unmake(self, call: Call, thing: Thing) -> None:
        assert self.groups is not None
        group = self.ground.things.of(self.groups.kind)[thing.body["security_group_id"]]
        del group.hidden["rules"][thing.id]
        group.body["security_group_rules"].remove(thing.body)
        self.groups.touch(group)


class SecurityGroups(Family):
    collection = "security-groups"
    plural = "security_groups"
    singular = "security_group"
    title = "SecurityGroup"
    defaults: ClassVar[Body] = {"stateful": True}
    mutable = frozenset(("stateful",))

    def __init__(self, ground: Ground, plugs: Plugs, rules: Rules) -> None:
        super().__init__(ground)
        self._plugs = plugs
        self._rules = rules
        rules.groups = self
        self._defaults: dict[str, Thing] = {}

    def default(self, project_id: str) -> Thing:
        """The project's default group; it comes into being when it is first needed."""
        group = self._defaults.get(project_id)
        if group is None:
            wish = {"name": _DEFAULT, "description": "Default security group", "stateful": True}
            group = self._place(project_id, wish, None, Origin.SEED)
            for ethertype in ("IPv4", "IPv6"):
                remote = {"remote_group_id": group.id}
                self._add_rule(group, "ingress", ethertype, None, Origin.SEED, remote)
            self._defaults[project_id] = group
        return group

    def listing(self, call: Call) -> Answer:
        self.default(call.project_id)
        return super().listing(call)

    def make(self, call: Call, wish: Body) -> Thing:
        self.default(wish["project_id"])
        _check_name(wish)
        return self._place(wish["project_id"], wish, call, Origin.USER)

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        if "name" in wish and wish["name"] != thing.name:
            _check_name(wish)
            if thing.name == _DEFAULT:
                raise neutron_error(
                    409, "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed."
                )
        super().change(call, thing, wish)

    def unmake(self, call: Call, thing: Thing) -> None:
        if thing.name == _DEFAULT and not call.who.is_admin:
            raise neutron_error(
                409,
                "SecurityGroupCannotRemoveDefault",
                "Insufficient rights for removing default security group.",
            )
        if self._plugs.in_group(thing.id):
            raise neutron_error(409, "SecurityGroupInUse", f"Security Group {thing.id} in use.")
        for rule in thing.hidden["rules"].values():
            self.ground.things.remove(rule, self.ground.now())
        if self._defaults.get(thing.project_id) is thing:
            del self._defaults[thing.project_id]

    def _place(self, project_id: str, wish: Body, call: Call | None, origin: Origin) -> Thing:
        body = {**wish, "shared": False, "security_group_rules": []}
        group = self.add(project_id, call, body, origin)
        group.hidden["rules"] = {}
        made_along = Origin.SEED if origin is Origin.SEED else Origin.SERVICE
        for ethertype in ("IPv4", "IPv6"):
            self._add_rule(group, "egress", ethertype, call, made_along)
        return group

    def _add_rule(
        self,
        group: Thing,
        direction: str,
        ethertype: str,
        call: Call | None,
        origin: Origin,
        more: Body | None = None,
    ) -> None:
        wish = {
            "description": "",
            **Rules.defaults,
            "security_group_id": group.id,
            "direction": direction,
            "ethertype": ethertype,
            **(more or {}),
        }
        self._rules.place(group, wish, call, origin)


def _check_name(wish: Body) -> None:
    if wish["name"] == _DEFAULT:
        raise neutron_error(
            409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists."
        )


def _check(wish: Body) -> None:
    """What a rule may say; writes it the way Neutron keeps it."""
    if wish["direction"] not in ("ingress", "egress"):
        raise bad_request(f"Invalid input for direction. Reason: '{wish['direction']}' is not a direction.")
    if wish["ethertype"] not in ("IPv4", "IPv6"):
        raise bad_request(f"Invalid input for ethertype. Reason: '{wish['ethertype']}' is no ethertype.")
    protocol = wish["protocol"]
    wish["protocol"] = None if protocol in (None, "any", "") else str(protocol).lower()
    for end in ("port_range_min", "port_range_max"):
        if wish[end] is not None:
            wish[end] = int(wish[end])
    low, high = wish["port_range_min"], wish["port_range_max"]
    if (low is None) != (high is None) and wish["protocol"] not in ("icmp", "icmpv6", "ipv6-icmp"):
        raise neutron_error(
            400, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= max"
        )
    if low is not None and high is not None and low > high and wish["protocol"] in ("tcp", "udp"):
        raise neutron_error(
            400, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= max"
        )
    if low is not None and wish["protocol"] is None:
        raise neutron_error(
            400,
            "SecurityGroupProtocolRequiredWithPorts",
            "Must also specify protocol if port range is given.",
        )
    if wish["protocol"] is not None and not wish["protocol"].isdigit() and wish["protocol"] not in _NUMBERS:
        raise neutron_error(
            400, "SecurityGroupRuleInvalidProtocol", f"Security group rule protocol {protocol} not supported."
        )
    if wish["remote_ip_prefix"] is not None and wish["remote_group_id"] is not None:
        raise neutron_error(
            400,
            "SecurityGroupMultipleRemoteEntites",
            "Only one of remote_ip_prefix, remote_group_id or remote_address_group_id may be provided.",
        )
    if wish["remote_ip_prefix"] is not None:
        cidr = parse_network(wish["remote_ip_prefix"])
        if f"IPv{cidr.version}" != wish["ethertype"]:
            raise neutron_error(
                400,
                "SecurityGroupRuleParameterConflict",
                f"Conflicting value ethertype {wish['ethertype']} for CIDR {wish['remote_ip_prefix']}",
            )
