"""Addresses of a subnet: which there are, which are taken."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from global_heat.model.values import Body
from global_heat.sim.cloud.neutron.errors import bad_request, invalid

Net = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class Addresses:
    """Addresses are handed out upwards from the first pool's start, round again at the end."""

    def __init__(self, network: Net, pools: Iterable[tuple[int, int]]) -> None:
        self.network = network
        self.pools = list(pools)
        self._taken: set[int] = set()
        self._next = self.pools[0][0] if self.pools else 0

    def holds(self, address: str) -> bool:
        """Whether the address is one of the subnet's."""
        return parse_address(address) in self.network

    def is_taken(self, address: str) -> bool:
        return int(parse_address(address)) in self._taken

    def take(self, address: str) -> None:
        self._taken.add(int(parse_address(address)))

    def free(self, address: str) -> None:
        self._taken.discard(int(parse_address(address)))

    def draw(self) -> str | None:
        """Take the next free address of the pools; None when there is none left."""
        for start in (self._next, 0):
            for low, high in self.pools:
                for number in range(max(low, start), high + 1):
                    if number not in self._taken:
                        self._taken.add(number)
                        self._next = number + 1
                        return str(type(self.network.network_address)(number))
        return None


def parse_network(cidr: object) -> Net:
    try:
        return ip_network(str(cidr), strict=False)
    except ValueError as fault:
        raise bad_request(f"Invalid input for cidr. Reason: '{cidr}' is not a valid IP subnet.") from fault


def parse_address(address: object) -> Address:
    try:
        return ip_address(str(address))
    except ValueError as fault:
        raise invalid(f"'{address}' is not a valid IP address") from fault


def pools_of(network: Net, gateway: str | None, wished: list[Body] | None) -> list[tuple[int, int]]:
    """The wished pools, or all of the subnet without its first, last and gateway address."""
    if wished:
        pools = [(int(parse_address(p.get("start"))), int(parse_address(p.get("end")))) for p in wished]
        for low, high in pools:
            if low > high or low < int(network.network_address) or high > int(network.broadcast_address):
                raise invalid(f"The allocation pool is not within the subnet's CIDR {network}")
        return sorted(pools)
    if network.version == 4 and network.prefixlen >= 31:
        low, high = int(network.network_address), int(network.broadcast_address)
    else:
        low, high = int(network.network_address) + 1, int(network.broadcast_address)
        high -= network.version == 4
    if gateway is None or not low <= int(ip_address(gateway)) <= high:
        return [(low, high)]
    middle = int(ip_address(gateway))
    return [pool for pool in ((low, middle - 1), (middle + 1, high)) if pool[0] <= pool[1]]
