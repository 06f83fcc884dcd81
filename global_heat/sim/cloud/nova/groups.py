"""Server groups."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Answer, Call

KIND = "compute.server_group"
_POLICIES = ("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")
_ONE_POLICY = (2, 64)
_NO_EXTRA_QUERY = (2, 75)


class ServerGroups:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def handle(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", []:
                strange = {key for key, _ in call.query} - {"all_projects", "limit", "offset"}
                if strange and call.version >= _NO_EXTRA_QUERY:
                    raise fault(400, f"Additional properties are not allowed ({min(strange)!r})")
                mine = [
                    _show(call, group)
                    for group in self._ground.listed(KIND)
                    if group.project_id == call.project_id
                ]
                return Answer(200, {"server_groups": mine})
            case "POST", []:
                return self._create(call)
            case "GET", [id]:
                return Answer(200, {"server_group": _show(call, self._get(call, id))})
            case "DELETE", [id]:
                self._ground.things.remove(self._get(call, id), self._ground.now())
                return Answer(204)
            case _:
                raise no_such_path()

    def find(self, id: str, project_id: str) -> Thing | None:
        group = self._ground.things.find(KIND, id)
        return group if group is not None and group.project_id == project_id else None

    def _create(self, call: Call) -> Answer:
        wish: Body = call.json().get("server_group") or {}
        name = wish.get("name")
        if call.version >= _ONE_POLICY:
            policy, rules = wish.get("policy"), wish.get("rules") or {}
        else:
            policies = wish.get("policies")
            policy, rules = (policies or [None])[0], {}
        if not isinstance(name, str) or not 0 < len(name) <= 255:
            raise fault(400, "Invalid input for field/attribute name.")
        if policy not in _POLICIES:
            raise fault(400, f"Invalid input for field/attribute policy. Value: {policy}.")
        fits, _ = self._ground.room(KIND, call.project_id)
        if not fits:
            raise fault(403, "Quota exceeded, too many server groups.")
        body: Body = {
            "id": self._ground.new_id(),
            "name": name,
            "policy": policy,
            "rules": rules,
            "members": [],
            "project_id": call.project_id,
            "user_id": call.who.user_id,
        }
        group = Thing(KIND, body["id"], call.project_id, call.who.user_id, body, self._ground.now())
        return Answer(200, {"server_group": _show(call, self._ground.things.add(group))})

    def _get(self, call: Call, id: str) -> Thing:
        group = self.find(id, call.project_id)
        if group is None:
            raise fault(404, f"Instance group {id} could not be found.")
        return group


def _show(call: Call, group: Thing) -> Body:
    body = dict(group.body)
    if call.version < _ONE_POLICY:
        del body["rules"]
        body["policies"] = [body.pop("policy")]
        body["metadata"] = {}
    if call.version < (2, 13):
        del body["project_id"], body["user_id"]
    return body
