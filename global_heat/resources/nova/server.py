"""OS::Nova::Server: a virtual machine."""

from __future__ import annotations

from collections.abc import Collection

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import PhysicalId, Token
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud, Gone
from global_heat.resources import marks
from global_heat.resources.local import CONFIGS
from global_heat.resources.lookup import find_id
from global_heat.resources.nova import addresses, changes
from global_heat.resources.nova.disks import disk_faults, disks_of, resolve_disks
from global_heat.resources.nova.image import ServerImage
from global_heat.resources.nova.interfaces import (
    interface_faults,
    interface_gaps,
    networks_of,
    resolve_interfaces,
)
from global_heat.resources.nova.states import GONE, failure_of, is_busy, is_changing
from global_heat.resources.nova.user_data import names_config, user_data_of
from global_heat.resources.type import Failed, Making, ResourceType, show_or_none

_INTERFACES = "interfaces"
"""Where `show` puts what Nova tells of the interfaces beside the server."""


class Server(ResourceType):
    """Its token stands in its metadata, which is written together with it."""

    name = "OS::Nova::Server"
    service = "compute"
    kind = "compute.server"
    polled = True
    saved_as, saves = ServerImage(), True
    seeks = CONFIGS
    supported = frozenset(
        {
            "admin_pass",
            "availability_zone",
            "block_device_mapping",
            "block_device_mapping_v2",
            "config_drive",
            "diskConfig",
            "flavor",
            "flavor_update_policy",
            "image",
            "image_update_policy",
            "key_name",
            "metadata",
            "name",
            "networks",
            "scheduler_hints",
            "security_groups",
            "tags",
            "user_data",
            "user_data_format",
            "user_data_update_policy",
        }
    )

    # deciding

    def check(self, props: Properties) -> list[str]:
        faults = interface_faults(props) + disk_faults(props)
        metadata = props.get("metadata")
        if isinstance(metadata, dict) and marks.KEY in metadata:
            faults.append(f"metadata: {marks.KEY} is ours")
        return faults

    def gaps(self, props: Properties) -> list[str]:
        gaps = interface_gaps(props)
        if props.get("user_data_format") == "SOFTWARE_CONFIG":
            gaps.append("user_data_format SOFTWARE_CONFIG")
        return gaps

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        return any(
            name in changed and (props.get(f"{name}_update_policy") or policy) == "REPLACE"
            for name, policy in (("flavor", "RESIZE"), ("image", "REBUILD"), ("user_data", "REPLACE"))
        )

    def looks_at(self, props: Properties) -> Collection[str]:
        return [props["user_data"]] if names_config(props) else []

    def token_of(self, body: Body) -> Token | None:
        return marks.metadata_token(body)

    def ready(self, body: Body) -> bool:
        if body["status"] == "ERROR":
            raise Failed(failure_of(body))
        return not is_changing(body)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        interfaces = body.get(_INTERFACES) or ()
        shown = {key: value for key, value in marks.cleaned(body).items() if key != _INTERFACES}
        networks = addresses.networks(body)
        return {
            "show": shown,
            "accessIPv4": body.get("accessIPv4"),
            "accessIPv6": body.get("accessIPv6"),
            "addresses": addresses.with_ports(body, interfaces),
            "first_address": addresses.first(networks),
            "instance_name": body.get("OS-EXT-SRV-ATTR:instance_name"),
            "name": body.get("name"),
            "networks": addresses.with_ids(networks, interfaces),
            "tags": body.get("tags"),
        }

    # calls

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = {name: value for name, value in props.items() if value is not None}
        if "image" in values:
            values["image"] = await find_id(cloud, "image", "/images", "images", values["image"])
        values["flavor"] = await _flavor_id(cloud, values["flavor"])
        values["networks"] = await resolve_interfaces(cloud, values.get("networks"))
        for name in ("block_device_mapping", "block_device_mapping_v2"):
            if values.get(name):
                values[name] = await resolve_disks(cloud, values[name])
        return values

    async def observe(self, cloud: Cloud) -> list[Body]:
        """The first page is asked for without any filter: only then does Nova name servers of a dead cell.

        A project with more servers than one answer holds is read page by page, and there a cell that is
        down cannot be told.
        """
        page = await cloud.get(self.service, "/servers/detail")
        servers: list[Body] = page["servers"]
        if any(server["status"] == "UNKNOWN" for server in servers):
            raise Transient(f"a cell of {cloud.region} is down: not all servers can be listed")
        if page.get("servers_links"):
            return await cloud.list(self.service, "/servers/detail", "servers")
        return servers

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        body = await show_or_none(cloud, self.service, f"/servers/{id}", "server")
        if body is None or body["status"] in GONE:
            return None
        if body["status"] == "UNKNOWN":
            raise Transient(f"the cell of server {id} is down")
        if is_busy(body) or body["status"] == "ERROR":
            return body
        try:
            path = f"/servers/{id}/os-interface"
            return {**body, _INTERFACES: await cloud.list(self.service, path, "interfaceAttachments")}
        except Gone:
            return None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        answer = await cloud.post(self.service, "/servers", _order(making, props))
        return PhysicalId(answer["server"]["id"])

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        if is_busy(body):
            raise Transient(f"the server is {body['status']}, {body.get('OS-EXT-STS:task_state')}")
        await self._rewrite(cloud, id, making, props, changed, body)
        wished = props.get("networks")
        if "networks" in changed and isinstance(wished, list):
            await changes.plug(cloud, id, wished)
        if "flavor" in changed:
            body = await changes.resize(cloud, id, props["flavor"], body)
        if _rebuilds(props, changed, body):
            await changes.act(cloud, id, "rebuild", _rebuild(making, props, changed))
        elif "admin_pass" in changed and props.get("admin_pass"):
            await changes.act(cloud, id, "changePassword", {"adminPass": props["admin_pass"]})

    async def _rewrite(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        """What is written in one call and done when that is answered."""
        path = f"/servers/{id}"
        name = props.get("name") or making.name
        if "name" in changed and body["name"] != name:
            await cloud.put(self.service, path, {"server": {"name": name}})
        metadata = marks.marked(props.get("metadata"), making.token)
        if "metadata" in changed and body.get("metadata") != metadata:
            await cloud.put(self.service, f"{path}/metadata", {"metadata": metadata})
        tags = list(dict.fromkeys(props.get("tags") or ()))
        if "tags" in changed and set(body.get("tags") or ()) != set(tags):
            await cloud.put(self.service, f"{path}/tags", {"tags": tags})

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/servers/{id}")


def _order(making: Making, props: Properties) -> Body:
    """The body of the POST."""
    server: Body = {
        "name": props.get("name") or making.name,
        "flavorRef": props["flavor"],
        "imageRef": props.get("image"),
        "networks": networks_of(props["networks"]),
        "metadata": marks.marked(props.get("metadata"), making.token),
        "key_name": props.get("key_name"),
        "availability_zone": props.get("availability_zone"),
        "config_drive": props.get("config_drive"),
        "adminPass": props.get("admin_pass") or None,
        "tags": props.get("tags") or None,
        "security_groups": [{"name": name} for name in props.get("security_groups") or ()] or None,
        "user_data": user_data_of(making, props),
        "block_device_mapping_v2": disks_of(props) or None,
        "OS-DCF:diskConfig": props.get("diskConfig"),
    }
    body: Body = {"server": {key: value for key, value in server.items() if value is not None}}
    if props.get("scheduler_hints"):
        body["OS-SCH-HNT:scheduler_hints"] = props["scheduler_hints"]
    return body


def _rebuilds(props: Properties, changed: Collection[str], body: Body) -> bool:
    image = (body.get("image") or {}).get("id")
    if "image" in changed and props.get("image") and props["image"] != image:
        return True
    return "user_data" in changed and props.get("user_data_update_policy") == "REBUILD"


def _rebuild(making: Making, props: Properties, changed: Collection[str]) -> Body:
    rebuild: Body = {"imageRef": props["image"]}
    if props.get("image_update_policy") == "REBUILD_PRESERVE_EPHEMERAL":
        rebuild["preserve_ephemeral"] = True
    if props.get("admin_pass"):
        rebuild["adminPass"] = props["admin_pass"]
    if "user_data" in changed and props.get("user_data_update_policy") == "REBUILD":
        rebuild["user_data"] = user_data_of(making, props)
    return rebuild


async def _flavor_id(cloud: Cloud, name_or_id: Json) -> Json:
    """An id may look like anything, so both are looked for; an id comes first. Raises `Invalid`."""
    if isinstance(name_or_id, Unknown):
        return name_or_id
    flavors = await cloud.list("compute", "/flavors", "flavors")
    for key in ("id", "name"):
        for flavor in flavors:
            if flavor[key] == name_or_id:
                return flavor["id"]
    raise Invalid(f"{cloud.region}: there is no flavor {name_or_id}", reason=Reason.NOT_FOUND)
