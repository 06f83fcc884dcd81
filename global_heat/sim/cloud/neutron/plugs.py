"""Which ports are on a network, on a device, in a security group, and which floating IPs lead to a port:
found without a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from global_heat.sim.cloud.things import Thing


class Plugs:
    def __init__(self) -> None:
        self._on_network: defaultdict[str, dict[str, Thing]] = defaultdict(dict)
        self._on_device: defaultdict[str, dict[str, Thing]] = defaultdict(dict)
        self._in_group: defaultdict[str, dict[str, Thing]] = defaultdict(dict)
        self._floating: defaultdict[str, dict[str, Thing]] = defaultdict(dict)

    def on_network(self, id: str) -> list[Thing]:
        return list(self._on_network.get(id, {}).values())

    def on_device(self, id: str) -> list[Thing]:
        """The ports of a server or router, in the order in which they were plugged."""
        return list(self._on_device.get(id, {}).values())

    def in_group(self, id: str) -> bool:
        """Whether any port is in the security group."""
        return bool(self._in_group.get(id))

    def floating(self, port_id: str) -> list[Thing]:
        """The floating IPs that lead to the port."""
        return list(self._floating.get(port_id, {}).values())

    def associate(self, floating: Thing, port_id: str | None) -> None:
        """The floating IP leads to that port now; None: to none."""
        old = floating.hidden.get("leads_to")
        if old:
            self._floating[old].pop(floating.id, None)
        if port_id:
            self._floating[port_id][floating.id] = floating
        floating.hidden["leads_to"] = port_id

    def mac_on(self, network_id: str, mac: str) -> bool:
        return any(port.body["mac_address"] == mac for port in self._on_network.get(network_id, {}).values())

    def add(self, port: Thing) -> None:
        self._on_network[port.body["network_id"]][port.id] = port
        self.plug(port, port.body["device_id"])
        self.join(port, port.body["security_groups"])

    def remove(self, port: Thing) -> None:
        del self._on_network[port.body["network_id"]][port.id]
        self.plug(port, "")
        self.join(port, ())

    def plug(self, port: Thing, device_id: str) -> None:
        """The port is the device's now; an empty id: nobody's."""
        old = port.hidden.get("device")
        if old:
            self._on_device[old].pop(port.id, None)
        if device_id:
            self._on_device[device_id][port.id] = port
        port.hidden["device"] = device_id

    def join(self, port: Thing, groups: Iterable[str]) -> None:
        """These are the port's security groups now."""
        for group in port.hidden.get("groups", ()):
            self._in_group[group].pop(port.id, None)
        port.hidden["groups"] = tuple(groups)
        for group in port.hidden["groups"]:
            self._in_group[group][port.id] = port
