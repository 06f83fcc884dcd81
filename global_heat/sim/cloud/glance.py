"""Glance's v2 API. Paths come without `/image/v2`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Origin, Thing, zulu
from global_heat.sim.cloud.wire import Answer, Call, Refusal

KIND = "image.image"
SEEDED = "cirros"
_PATCHES = msgspec.json.Decoder(list[dict[str, Any]])
_NOT_FILTERS = frozenset(("limit", "marker", "sort_key", "sort_dir", "sort", "tag", "member_status"))
_READ_ONLY = frozenset(
    ("status", "checksum", "size", "created_at", "updated_at", "file", "self", "schema", "owner", "id")
)


class Glance:
    def __init__(self, ground: Ground, project_id: str) -> None:
        self._ground = ground
        self._burnt: set[str] = set()
        """Ids of deleted images are never free again."""
        seed = {"name": SEEDED, "visibility": "public", "disk_format": "qcow2", "container_format": "bare"}
        self._fill(self._place(ground.new_id(), project_id, "", seed, Origin.SEED), b"cirros")

    def handle(self, call: Call) -> Answer:
        """Answer one call. Raises Refusal."""
        match call.method, call.path:
            case "GET", ["images"]:
                return self._list(call)
            case "POST", ["images"]:
                return self._create(call)
            case "GET", ["images", id]:
                return Answer(200, self._find(call, id).body)
            case "PATCH", ["images", id]:
                return self._patch(call, id)
            case "DELETE", ["images", id]:
                return self._delete(call, id)
            case "PUT", ["images", id, "file"]:
                return self._upload(call, id)
            case "POST", ["images", id, "import"]:
                return self._import(call, id)
            case (("PUT" | "DELETE"), ["images", id, "tags", tag]):
                image = self._mine(call, id)
                tags = [other for other in image.body["tags"] if other != tag]
                image.body["tags"] = [*tags, tag] if call.method == "PUT" else tags
                return Answer(204)
            case "GET", ["info", "import"]:
                methods = ["glance-direct", "web-download", "copy-image"]
                return Answer(200, {"import-methods": {"type": "array", "value": methods}})
            case "GET", ["info", "stores"]:
                return Answer(200, {"stores": [{"id": "store", "default": "true"}]})
            case "GET", ["schemas", "image"]:
                return Answer(200, {"name": "image", "properties": {}, "additionalProperties": {}})
            case _:
                raise _error(404, "The resource could not be found.")

    def usable(self, id: str, project_id: str) -> Thing | None:
        """The image, if that project can make something from it."""
        self._ground.settle()
        image = self._ground.things.find(KIND, id)
        if image is None or image.body["status"] != "active":
            return None
        return image if _visible(image, project_id) else None

    def snapshot(
        self,
        call: Call,
        name: str,
        metadata: Mapping[str, str],
        server: Thing,
        ended: Callable[[float], None],
    ) -> Thing:
        """An image of a server: `queued` now, `active` later, unless the server is gone before that."""
        wish: Body = {
            **metadata,
            "name": name,
            "disk_format": "qcow2",
            "container_format": "bare",
            "image_type": "snapshot",
            "instance_uuid": server.id,
        }
        id = self._ground.new_id()
        image = self._place(id, call.project_id, call.who.user_id, wish, Origin.USER)
        fails = self._ground.faults.fails(KIND)

        def taken(at: float) -> None:
            ended(at)
            if image.deleted_at is not None:
                return
            if fails:
                image.body["status"] = "killed"
            elif server.deleted_at is not None:
                self._ground.things.remove(image, at)
            else:
                self._fill(image, server.id.encode())

        self._ground.later(self._ground.settings.image_seconds, taken)
        return image

    def _list(self, call: Call) -> Answer:
        faults = self._ground.faults
        wanted = [(k, v) for k, v in call.query if k not in _NOT_FILTERS]
        tags = {value for key, value in call.query if key == "tag"}
        if faults.drop_filters:
            wanted, tags = [], set()
        found = [
            image
            for image in reversed(self._ground.listed(KIND))
            if (call.who.is_admin or _visible(image, call.project_id))
            and tags <= set(image.body["tags"])
            and all(_matches(image.body, key, value) for key, value in wanted)
        ]
        marker = call.parameter("marker")
        if marker:
            ids = [image.id for image in found]
            if marker not in ids:
                raise _error(404, f"No image found with ID {marker}")
            found = found[ids.index(marker) + 1 :]
        limit = call.parameter("limit")
        size = min(int(limit), self._ground.settings.page_size) if limit and limit.isdigit() else 25
        body: Body = {
            "images": [image.body for image in found[:size]],
            "first": "/v2/images",
            "schema": "/v2/schemas/images",
        }
        if 0 < size < len(found):
            kept = [(k, v) for k, v in call.query if k != "marker"]
            body["next"] = "/v2/images?" + urlencode([*kept, ("marker", found[size - 1].id)])
        return Answer(200, body)

    def _create(self, call: Call) -> Answer:
        wish = call.json()
        id = str(wish.pop("id", None) or self._ground.new_id())
        forbidden = wish.keys() & _READ_ONLY
        if forbidden:
            raise _error(403, f"Attribute '{min(forbidden)}' is read-only.")
        if id in self._burnt or self._ground.things.find(KIND, id) is not None:
            raise _error(409, f"Image ID {id} already exists!")
        if wish.get("visibility") == "public" and not call.who.is_admin:
            raise _error(403, "You are not authorized to complete publicize_image action.")
        fits, limit = self._ground.room(KIND, call.project_id)
        if not fits:
            raise _error(413, f"Project {call.project_id} is over its limit of {limit} images")
        image = self._place(id, call.project_id, call.who.user_id, wish, Origin.USER)
        headers = {
            "location": f"{call.base_url}/image/v2/images/{id}",
            "openstack-image-import-methods": "glance-direct,web-download,copy-image",
        }
        return Answer(201, image.body, headers)

    def _patch(self, call: Call, id: str) -> Answer:
        """A JSON patch of top-level members."""
        image = self._mine(call, id)
        try:
            patches = _PATCHES.decode(call.raw)
            steps = [(p["op"], str(p["path"]).removeprefix("/"), p.get("value")) for p in patches]
        except (msgspec.DecodeError, KeyError) as wrong:
            raise _error(400, "Request body must be a JSON array of operation objects.") from wrong
        changed = dict(image.body)
        for op, key, value in steps:
            if key in _READ_ONLY:
                raise _error(403, f"Attribute '{key}' is read-only.")
            match op:
                case "add":
                    changed[key] = value
                case "replace" if key in changed:
                    changed[key] = value
                case "remove" if key in changed:
                    del changed[key]
                case _:
                    raise _error(409, f"Cannot {op} {key}.")
        image.body.clear()
        image.body.update(changed, updated_at=zulu(call.now))
        return Answer(200, image.body)

    def _delete(self, call: Call, id: str) -> Answer:
        image = self._mine(call, id)
        if image.body["protected"]:
            raise _error(403, f"Image {id} is protected and cannot be deleted.")
        image.body["status"] = "deleted"
        self._burnt.add(id)
        self._ground.things.remove(image, self._ground.now())
        return Answer(204)

    def _upload(self, call: Call, id: str) -> Answer:
        image = self._mine(call, id)
        if image.body["status"] != "queued":
            raise _error(409, f"Image status transition from {image.body['status']} to saving is not allowed")
        self._fill(image, call.raw)
        return Answer(204)

    def _import(self, call: Call, id: str) -> Answer:
        image = self._mine(call, id)
        method: Body = call.json().get("method") or {}
        if method.get("name") != "web-download" or not method.get("uri"):
            raise _error(400, f"Unsupported import method {method.get('name')!r}")
        if image.body["status"] != "queued":
            raise _error(
                409, f"Only images with status 'queued' can be imported, this is '{image.body['status']}'."
            )
        image.body["status"] = "importing"
        fails = self._ground.faults.fails(KIND)

        def imported(at: float) -> None:
            if image.deleted_at is not None:
                return
            if fails:
                image.body["status"] = "queued"
                image.body["os_glance_failed_import"] = "store"
            else:
                self._fill(image, str(method["uri"]).encode())

        self._ground.later(self._ground.settings.image_seconds, imported)
        return Answer(202)

    def _find(self, call: Call, id: str) -> Thing:
        image = self._ground.things.find(KIND, id)
        if image is None or not (call.who.is_admin or _visible(image, call.project_id)):
            raise _error(404, f"No image found with ID {id}")
        return image

    def _mine(self, call: Call, id: str) -> Thing:
        image = self._find(call, id)
        if image.project_id != call.project_id and not call.who.is_admin:
            raise _error(403, "You are not permitted to modify this image.")
        return image

    def _place(self, id: str, project_id: str, user_id: str, wish: Body, origin: Origin) -> Thing:
        now = self._ground.now()
        body: Body = {
            "name": None,
            "visibility": "shared",
            "disk_format": None,
            "container_format": None,
            "min_disk": 0,
            "min_ram": 0,
            "protected": False,
            "tags": [],
            "os_hidden": False,
            **wish,
            "id": id,
            "status": "queued",
            "owner": project_id,
            "checksum": None,
            "os_hash_algo": None,
            "os_hash_value": None,
            "size": None,
            "virtual_size": None,
            "created_at": zulu(now),
            "updated_at": zulu(now),
            "file": f"/v2/images/{id}/file",
            "self": f"/v2/images/{id}",
            "schema": "/v2/schemas/image",
        }
        return self._ground.things.add(Thing(KIND, id, project_id, user_id, body, now, origin))

    def _fill(self, image: Thing, data: bytes) -> None:
        image.body.update(
            status="active",
            size=len(data),
            checksum=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            os_hash_algo="sha512",
            os_hash_value=hashlib.sha512(data).hexdigest(),
        )


def _visible(image: Thing, project_id: str) -> bool:
    return image.project_id == project_id or image.body["visibility"] in ("public", "community")


def _matches(body: Body, key: str, value: str) -> bool:
    if value.startswith("in:"):
        return str(body.get(key)) in value[3:].split(",")
    actual = body.get(key)
    return str(actual).lower() == value.lower() if isinstance(actual, bool) else str(actual) == value


def _error(status: int, message: str) -> Refusal:
    """Glance answers people, not programs."""
    text = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>{message}<br /></body></html>"
    return Refusal(status, text, {"content-type": "text/html; charset=UTF-8"})
