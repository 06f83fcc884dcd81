"""Volume types: some are there from the start, an administrator makes more."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Origin, Thing
from global_heat.sim.cloud.wire import Answer, Call

KIND = "volume.type"
DEFAULT = "standard"


class VolumeTypes:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        for name in (DEFAULT, "fast"):
            self._place(name, "", {}, True, Origin.SEED)

    def handle(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", []:
                return Answer(200, {"volume_types": [type.body for type in self._all()]})
            case "GET", ["default"]:
                return Answer(200, {"volume_type": self._find(DEFAULT).body})
            case "GET", [id]:
                type = self._ground.things.find(KIND, id)
                if type is None:
                    raise fault(404, f"Volume type {id} could not be found.")
                return Answer(200, {"volume_type": type.body})
            case "POST", [] if call.who.is_admin:
                wish: Body = call.json().get("volume_type") or {}
                name = str(wish.get("name") or "")
                if not name:
                    raise fault(400, "Volume type name can not be empty.")
                if any(type.name == name for type in self._all()):
                    raise fault(409, f"Volume Type {name} already exists.")
                public = bool(wish.get("os-volume-type-access:is_public", True))
                specs = wish.get("extra_specs") or {}
                made = self._place(name, wish.get("description") or "", specs, public, Origin.USER)
                return Answer(200, {"volume_type": made.body})
            case "DELETE", [id] if call.who.is_admin:
                self._ground.things.remove(self._find(id), self._ground.now())
                return Answer(202)
            case (("POST" | "DELETE"), _):
                raise fault(403, "Policy doesn't allow volume_extension:types_manage to be performed.")
            case _:
                raise fault(404, "The resource could not be found.")

    def name_of(self, wish: str | None) -> str:
        """The name of the type wished for by name or id. Raises Refusal."""
        return self._find(wish).name if wish else DEFAULT

    def _all(self) -> list[Thing]:
        return list(self._ground.things.of(KIND).values())

    def _find(self, wish: str) -> Thing:
        for type in self._all():
            if wish in (type.id, type.name):
                return type
        raise fault(404, f"Volume type {wish} could not be found.")

    def _place(self, name: str, description: str, specs: Body, public: bool, origin: Origin) -> Thing:
        body: Body = {
            "id": self._ground.new_id(),
            "name": name,
            "description": description,
            "extra_specs": specs,
            "is_public": public,
            "os-volume-type-access:is_public": public,
            "qos_specs_id": None,
        }
        return self._ground.things.add(Thing(KIND, body["id"], "", "", body, self._ground.now(), origin))
