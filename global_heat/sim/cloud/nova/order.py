"""What a POST of a server asks for, checked as Nova's API checks it before it promises anything."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.cinder.volumes import KIND as VOLUME
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.flavors import Flavors
from global_heat.sim.cloud.nova.groups import ServerGroups
from global_heat.sim.cloud.nova.keypairs import Keypairs
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Call, Refusal, Version

_ACCEPTED: dict[str, Version] = {
    "name": (2, 1),
    "flavorRef": (2, 1),
    "imageRef": (2, 1),
    "metadata": (2, 1),
    "adminPass": (2, 1),
    "accessIPv4": (2, 1),
    "accessIPv6": (2, 1),
    "networks": (2, 1),
    "key_name": (2, 1),
    "user_data": (2, 1),
    "config_drive": (2, 1),
    "security_groups": (2, 1),
    "availability_zone": (2, 1),
    "block_device_mapping_v2": (2, 1),
    "OS-DCF:diskConfig": (2, 1),
    "description": (2, 19),
    "tags": (2, 52),
    "hostname": (2, 90),
}
_NETWORKS_REQUIRED = (2, 37)
_USER_DATA_LENGTH_MAX = 65535


@dataclass(slots=True)
class Nic:
    """One interface: a port that exists, or a network on which Nova makes one."""

    port: Thing | None = None
    network: Thing | None = None
    fixed_ip: str | None = None


@dataclass(slots=True)
class Disk:
    """A volume to attach, or to make first from an image, a snapshot, or nothing."""

    device: str
    volume: Thing | None = None
    delete_on_termination: bool = False
    size: Any = None
    image_id: str | None = None
    snapshot_id: str | None = None
    volume_type: str | None = None
    boot: bool = False


@dataclass(slots=True)
class Order:
    name: str
    flavor: Thing
    image: Thing | None
    nics: list[Nic]
    disks: list[Disk]
    groups: list[Thing]
    """Security groups."""
    server_group: Thing | None
    body: Body
    more: Body = field(default_factory=dict)
    """What is known of the server but not shown: user data."""


class Desk:
    """Takes orders."""

    def __init__(
        self,
        neutron: Neutron,
        cinder: Cinder,
        glance: Glance,
        flavors: Flavors,
        keypairs: Keypairs,
        server_groups: ServerGroups,
    ) -> None:
        self._neutron = neutron
        self._cinder = cinder
        self._glance = glance
        self._flavors = flavors
        self._keypairs = keypairs
        self._server_groups = server_groups

    def take(self, call: Call) -> Order:
        """Check it all. Raises Refusal; changes nothing."""
        whole = call.json()
        wish = whole.get("server")
        if not isinstance(wish, dict):
            raise fault(400, "Invalid input for field/attribute server.")
        _check_accepted(wish, call.version)
        name = wish.get("name")
        if not isinstance(name, str) or not 0 < len(name.strip()) <= 255:
            raise fault(400, f"Invalid input for field/attribute name. Value: {name}.")
        flavor = self._flavors.find(str(wish.get("flavorRef", "")).rpartition("/")[2])
        if flavor is None:
            raise fault(400, f"Flavor {wish.get('flavorRef')} could not be found.")
        disks = self._disks(call, wish.get("block_device_mapping_v2") or [])
        image = self._image(call, wish, flavor, disks)
        key_name = wish.get("key_name")
        if key_name is not None and self._keypairs.find(call.who.user_id, key_name) is None:
            raise fault(400, "Invalid key_name provided.")
        hints = whole.get("os:scheduler_hints") or whole.get("OS-SCH-HNT:scheduler_hints") or {}
        return Order(
            name=name,
            flavor=flavor,
            image=image,
            nics=self._nics(call, wish.get("networks")),
            disks=disks,
            groups=self._groups(call, wish.get("security_groups") or []),
            server_group=self._server_group(call, hints),
            body={
                "name": name,
                "description": wish.get("description"),
                "metadata": check_metadata(wish.get("metadata") or {}),
                "tags": list(wish.get("tags") or ()),
                "key_name": key_name,
                "config_drive": "True" if wish.get("config_drive") else "",
                "accessIPv4": wish.get("accessIPv4", ""),
                "accessIPv6": wish.get("accessIPv6", ""),
                "OS-DCF:diskConfig": wish.get("OS-DCF:diskConfig", "MANUAL"),
                "OS-EXT-AZ:availability_zone": _zone(wish.get("availability_zone")),
            },
            more={"user_data": _user_data(wish.get("user_data"))},
        )

    def security_group(self, call: Call, wish: str) -> Thing:
        """A security group of the project by name or id. Raises Refusal."""
        if wish == "default":
            return self._neutron.groups.default(call.project_id)
        named = [
            group
            for group in self._neutron.ground.things.of("network.security_group").values()
            if group.project_id == call.project_id and wish in (group.id, group.name)
        ]
        if len(named) > 1:
            raise fault(
                409, f"Multiple security groups found matching '{wish}'. Use an ID to be more specific."
            )
        if not named:
            raise fault(400, f"Security group {wish} not found for project {call.project_id}.")
        return named[0]

    def nic(self, call: Call, wish: Body) -> Nic:
        """One wished interface. Raises Refusal."""
        if wish.get("port"):
            return Nic(port=self._port(call, str(wish["port"])))
        try:
            network = self._neutron.networks.find(call, str(wish.get("uuid")))
        except Refusal as missing:
            raise fault(400, f"Network {wish.get('uuid')} could not be found.") from missing
        if not network.body["subnets"]:
            raise fault(400, f"Network {network.id} requires a subnet in order to boot instances on.")
        if network.body["router:external"] and not call.who.is_admin:
            raise fault(403, f"It is not allowed to create an interface on external network {network.id}")
        return Nic(network=network, fixed_ip=wish.get("fixed_ip"))

    def only_network(self, call: Call) -> Thing:
        """The one network that the project can use. Raises Refusal."""
        nics = self._any_network(call)
        if not nics or nics[0].network is None:
            raise fault(400, "No network could be found to attach to.")
        return nics[0].network

    def _nics(self, call: Call, wish: Any) -> list[Nic]:
        if wish is None and call.version >= _NETWORKS_REQUIRED:
            raise fault(400, "Invalid input for field/attribute server. 'networks' is a required property")
        if wish == "none":
            return []
        if wish is None or wish == "auto":
            return self._any_network(call)
        if not isinstance(wish, list):
            raise fault(400, f"Invalid input for field/attribute networks. Value: {wish}.")
        nics = [self.nic(call, item) for item in wish]
        ports = [nic.port.id for nic in nics if nic.port is not None]
        if len(ports) != len(set(ports)):
            raise fault(400, "Duplicate networks are not allowed")
        return nics

    def _any_network(self, call: Call) -> list[Nic]:
        own = [
            network
            for network in self._neutron.ground.things.of("network.network").values()
            if (network.project_id == call.project_id or network.body["shared"])
            and not network.body["router:external"]
            and network.body["subnets"]
        ]
        if len(own) > 1:
            raise fault(409, "Multiple possible networks found, use a Network ID to be more specific.")
        return [Nic(network=network) for network in own]

    def _port(self, call: Call, id: str) -> Thing:
        try:
            port = self._neutron.ports.find(call, id)
        except Refusal as missing:
            raise fault(400, f"Port id {id} could not be found.") from missing
        if port.body["device_id"]:
            raise fault(409, f"Port {id} is still in use.")
        if not port.body["fixed_ips"]:
            raise fault(400, f"Port {id} requires a FixedIP in order to be used.")
        return port

    def _disks(self, call: Call, wishes: list[Body]) -> list[Disk]:
        disks = []
        for number, wish in enumerate(wishes):
            source, target = wish.get("source_type"), wish.get("destination_type", "volume")
            boot = str(wish.get("boot_index")) == "0"
            if source == "image" and target == "local":
                continue
            if target == "local":
                raise fault(400, f"Block Device Mapping is Invalid: {source} to local.")
            disk = Disk(
                device=wish.get("device_name") or f"/dev/vd{'abcdefghijklmnop'[number % 16]}",
                delete_on_termination=bool(wish.get("delete_on_termination")),
                size=wish.get("volume_size"),
                volume_type=wish.get("volume_type"),
                boot=boot,
            )
            match source:
                case "volume":
                    disk.volume = self._volume(call, str(wish.get("uuid")), boot)
                case "image":
                    disk.image_id = self._found_image(call, wish.get("uuid")).id
                case "snapshot":
                    disk.snapshot_id = wish.get("uuid")
                case "blank":
                    pass
                case _:
                    raise fault(400, f"Block Device Mapping is Invalid: source_type {source}.")
            if disk.volume is None and disk.snapshot_id is None and not disk.size:
                raise fault(400, "Block Device Mapping is Invalid: a volume to be made needs a volume_size.")
            disks.append(disk)
        return disks

    def _volume(self, call: Call, id: str, boot: bool) -> Thing:
        try:
            volume = self._cinder.volumes.find(VOLUME, id, call.project_id)
        except Refusal as missing:
            raise fault(400, f"Block Device Mapping is Invalid: failed to get volume {id}.") from missing
        if boot and volume.body["bootable"] != "true":
            raise fault(400, f"Block Device {id} is not bootable.")
        return volume

    def _image(self, call: Call, wish: Body, flavor: Thing, disks: list[Disk]) -> Thing | None:
        ref = str(wish.get("imageRef") or "").rpartition("/")[2]
        if not ref:
            if not any(disk.boot for disk in disks):
                raise fault(400, "Invalid imageRef provided.")
            return None
        image = self._found_image(call, ref)
        if flavor.body["ram"] < image.body["min_ram"]:
            raise fault(400, "Flavor's memory is too small for requested image.")
        return image

    def _found_image(self, call: Call, id: Any) -> Thing:
        image = self._glance.usable(str(id), call.project_id)
        if image is None:
            raise fault(400, f"Image {id} could not be found.")
        return image

    def _groups(self, call: Call, wishes: list[Body]) -> list[Thing]:
        names = dict.fromkeys(str(wish.get("name")) for wish in wishes) or {"default": None}
        return [self.security_group(call, name) for name in names]

    def _server_group(self, call: Call, hints: Body) -> Thing | None:
        id = hints.get("group")
        if id is None:
            return None
        group = self._server_groups.find(str(id), call.project_id)
        if group is None:
            raise fault(400, f"Instance group {id} could not be found.")
        return group


def _check_accepted(wish: Body, version: Version) -> None:
    for key in wish:
        since = _ACCEPTED.get(key)
        if since is None or version < since:
            raise fault(400, f"Additional properties are not allowed ('{key}' was unexpected)")


def check_metadata(wish: Any) -> Body:
    """Only texts of at most 255 characters. Raises Refusal."""
    if not isinstance(wish, dict):
        raise fault(400, "Invalid input for field/attribute metadata.")
    for key, value in wish.items():
        if not isinstance(value, str) or len(value) > 255 or not 0 < len(key) <= 255:
            raise fault(400, f"Invalid input for field/attribute {key}. Value: {value!r}.")
    return dict(wish)


def _user_data(wish: Any) -> str | None:
    if wish is None:
        return None
    try:
        base64.b64decode(wish, validate=True)
    except (TypeError, ValueError, binascii.Error) as wrong:
        raise fault(400, "Userdata content is not base64 encoded.") from wrong
    if len(wish) > _USER_DATA_LENGTH_MAX:
        raise fault(400, "User data too large. User data must be no larger than 64KB once base64 encoded.")
    return str(wish)


def _zone(wish: Any) -> str:
    zone = str(wish or "nova").partition(":")[0]
    if zone != "nova":
        raise fault(400, f"The requested availability zone is not available: {zone}")
    return zone
