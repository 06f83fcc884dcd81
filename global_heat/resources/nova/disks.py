"""The disks of a server: Heat's two ways to say them, and Nova's."""

from __future__ import annotations

from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud
from global_heat.resources.comparing import given
from global_heat.resources.lookup import find_id

_ROOTS = frozenset({"vda", "/dev/vda"})
_SOURCES = (
    "volume_id",
    "snapshot_id",
    "image",
    "image_id",
    "swap_size",
    "ephemeral_size",
    "ephemeral_format",
)
_REFERENCES = (
    ("volume_id", "volume", "/volumes", "volumes"),
    ("snapshot_id", "volume", "/snapshots", "snapshots"),
    ("image", "image", "/images", "images"),
    ("image_id", "image", "/images", "images"),
)
_OPTIONS = ("device_name", "device_type", "disk_bus", "boot_index", "delete_on_termination", "volume_type")


def disk_faults(props: Properties) -> list[str]:
    """What is wrong with the disks, or with having none to boot from."""
    old, new = props.get("block_device_mapping") or [], props.get("block_device_mapping_v2") or []
    if not all(isinstance(disk, dict) for disks in (old, new) for disk in _items(disks)):
        # Something of them is not known yet.
        return []
    faults = []
    if old and new:
        faults.append("block_device_mapping and block_device_mapping_v2 cannot be given together")
    for index, disk in enumerate(old):
        if (disk.get("volume_id") is None) == (disk.get("snapshot_id") is None):
            faults.append(f"block_device_mapping[{index}]: one of volume_id and snapshot_id must be given")
    bootable = any(disk.get("device_name") in _ROOTS for disk in old)
    for index, disk in enumerate(new):
        sources = [name for name in _SOURCES if disk.get(name) is not None]
        if sources == ["ephemeral_size", "ephemeral_format"]:
            sources = ["ephemeral_size"]
        if len(sources) != 1:
            faults.append(
                f"block_device_mapping_v2[{index}]: one of volume_id, snapshot_id, image, swap_size and "
                "ephemeral_size must be given"
            )
        bootable = bootable or (sources != [] and sources[0] in _SOURCES[:4])
    if props.get("image") is None and not bootable:
        faults.append("neither an image nor a volume to boot from is given")
    return faults


def _items(disks: Json) -> list[Json]:
    return disks if isinstance(disks, list) else [disks]


async def resolve_disks(cloud: Cloud, disks: list[Json]) -> list[Json]:
    """Names of volumes, snapshots and images turned into ids."""
    resolved = []
    for disk in disks:
        values = given(disk)
        for name, service, path, key in _REFERENCES:
            if name in values:
                values[name] = await find_id(cloud, service, path, key, values[name])
        resolved.append(values)
    return resolved


def disks_of(props: Properties) -> list[Body]:
    """`block_device_mapping_v2` as Nova has it; with an image beside them, its disk comes first."""
    image = props.get("image")
    disks = [_old(disk, image) for disk in props.get("block_device_mapping") or ()]
    disks += [_new(disk, image) for disk in props.get("block_device_mapping_v2") or ()]
    if disks and image:
        root: Body = {
            "uuid": image,
            "source_type": "image",
            "destination_type": "local",
            "boot_index": 0,
            "delete_on_termination": True,
        }
        disks.insert(0, root)
    return disks


def _old(disk: dict[str, Json], image: Json) -> Body:
    source = "snapshot" if disk.get("snapshot_id") else "volume"
    device = disk["device_name"]
    body: Body = {
        "uuid": disk[f"{source}_id"],
        "source_type": source,
        "destination_type": "volume",
        "device_name": device,
        "boot_index": 0 if device in _ROOTS and not image else -1,
        "delete_on_termination": bool(disk.get("delete_on_termination")),
        "volume_size": disk.get("volume_size"),
    }
    cleaned: Body = given(body)
    return cleaned


def _new(disk: dict[str, Json], image: Json) -> Body:
    options = {name: disk[name] for name in _OPTIONS if disk.get(name) not in (None, "")}
    if disk.get("swap_size") is not None:
        return {**_blank(disk["swap_size"], "swap"), **options}
    if disk.get("ephemeral_size") is not None:
        return {**_blank(disk["ephemeral_size"], disk.get("ephemeral_format")), **options}
    source, uuid = next(
        (source, disk[name])
        for source, name in (
            ("volume", "volume_id"),
            ("snapshot", "snapshot_id"),
            ("image", "image"),
            ("image", "image_id"),
        )
        if disk.get(name)
    )
    body: Body = {
        "uuid": uuid,
        "source_type": source,
        "destination_type": "volume",
        # Beside an image only that one boots, unless the user says otherwise.
        "boot_index": -1 if image else 0,
        "delete_on_termination": False,
        "volume_size": disk.get("volume_size"),
        **options,
    }
    cleaned: Body = given(body)
    return cleaned


def _blank(size: int, format: str | None) -> Body:
    body: Body = {
        "source_type": "blank",
        "destination_type": "local",
        "boot_index": -1,
        "delete_on_termination": True,
        "volume_size": size,
    }
    if format:
        body["guest_format"] = format
    return body
