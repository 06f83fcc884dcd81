"""Flavors."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Origin, Thing
from global_heat.sim.cloud.wire import Answer, Call, Version

KIND = "compute.flavor"
_SEED = (
    # name, MiB of memory, vCPUs, GiB of disk
    ("m1.nano", 64, 1, 1),
    ("m1.tiny", 512, 1, 1),
    ("m1.small", 2048, 1, 20),
    ("m1.medium", 4096, 2, 40),
    ("m1.large", 8192, 4, 80),
)


class Flavors:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        for number, (name, ram, vcpus, disk) in enumerate(_SEED, 1):
            wish = {"id": str(number), "name": name, "ram": ram, "vcpus": vcpus, "disk": disk}
            self._place(wish, Origin.SEED)

    def handle(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", [] | ["detail"]:
                flavors = list(self._ground.things.of(KIND).values())
                if rest:
                    return Answer(200, {"flavors": [self.show(call, flavor) for flavor in flavors]})
                return Answer(200, {"flavors": [_brief(call, flavor) for flavor in flavors]})
            case "GET", [id]:
                return Answer(200, {"flavor": self.show(call, self._get(id))})
            case "GET", [id, "os-extra_specs"]:
                return Answer(200, {"extra_specs": self._get(id).hidden["extra_specs"]})
            case _ if not call.who.is_admin:
                raise fault(403, "Policy doesn't allow os_compute_api:os-flavor-manage to be performed.")
            case "POST", []:
                return Answer(200, {"flavor": self.show(call, self._create(call))})
            case "POST", [id, "os-extra_specs"]:
                specs = self._get(id).hidden["extra_specs"]
                specs.update(call.json().get("extra_specs") or {})
                return Answer(200, {"extra_specs": specs})
            case "DELETE", [id, "os-extra_specs", key]:
                self._get(id).hidden["extra_specs"].pop(key, None)
                return Answer(200)
            case "DELETE", [id]:
                self._ground.things.remove(self._get(id), self._ground.now())
                return Answer(202)
            case _:
                raise no_such_path()

    def find(self, id: str) -> Thing | None:
        return self._ground.things.find(KIND, id)

    def show(self, call: Call, flavor: Thing) -> Body:
        body = {**flavor.body, "links": _links(call, flavor.id)}
        if call.version >= (2, 55):
            body["description"] = None
        if call.version >= (2, 61):
            body["extra_specs"] = flavor.hidden["extra_specs"]
        return body

    def _get(self, id: str) -> Thing:
        flavor = self.find(id)
        if flavor is None:
            raise fault(404, f"Flavor {id} could not be found.")
        return flavor

    def _create(self, call: Call) -> Thing:
        wish: Body = call.json().get("flavor") or {}
        try:
            full = {
                "id": str(wish.get("id") or self._ground.new_id()).replace("auto", self._ground.new_id()),
                "name": wish["name"],
                "ram": int(wish["ram"]),
                "vcpus": int(wish["vcpus"]),
                "disk": int(wish["disk"]),
            }
        except (KeyError, TypeError, ValueError) as wrong:
            raise fault(400, f"Invalid input for field/attribute flavor: {wrong}.") from wrong
        for other in self._ground.things.of(KIND).values():
            if other.id == full["id"] or other.name == full["name"]:
                raise fault(409, f"Flavor with name or ID {full['name']} already exists.")
        return self._place(full, Origin.USER)

    def _place(self, wish: Body, origin: Origin) -> Thing:
        body: Body = {
            **wish,
            "swap": 0,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "OS-FLV-DISABLED:disabled": False,
            "os-flavor-access:is_public": True,
            "rxtx_factor": 1.0,
        }
        flavor = Thing(KIND, body["id"], "", "", body, self._ground.now(), origin)
        flavor.hidden["extra_specs"] = {}
        return self._ground.things.add(flavor)


def embedded(call: Call, flavor: Thing, version: Version) -> Body:
    """A server's flavor: a link, since 2.47 a copy."""
    if version < (2, 47):
        return {"id": flavor.id, "links": _links(call, flavor.id)}
    body = flavor.body
    return {
        "original_name": body["name"],
        "ram": body["ram"],
        "vcpus": body["vcpus"],
        "disk": body["disk"],
        "ephemeral": 0,
        "swap": 0,
        "extra_specs": flavor.hidden["extra_specs"],
    }


def _brief(call: Call, flavor: Thing) -> Body:
    return {"id": flavor.id, "name": flavor.name, "links": _links(call, flavor.id)}


def _links(call: Call, id: str) -> list[Body]:
    return [
        {"rel": "self", "href": f"{call.base_url}/compute/v2.1/flavors/{id}"},
        {"rel": "bookmark", "href": f"{call.base_url}/compute/flavors/{id}"},
    ]
