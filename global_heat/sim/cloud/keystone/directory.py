"""Users, projects, roles, domains, regions, services, endpoints as read by tools; application credentials."""

from __future__ import annotations

from datetime import datetime

from global_heat.model.values import Body
from global_heat.sim.cloud.keystone.catalogue import SERVICES
from global_heat.sim.cloud.keystone.errors import keystone_error
from global_heat.sim.cloud.keystone.model import FakeKeystone, role_id
from global_heat.sim.cloud.keystone.tokens import ApplicationCredential
from global_heat.sim.cloud.things import micros
from global_heat.sim.cloud.wire import Answer, Call

_PAGE = {"next": None, "previous": None}


def handle(keystone: FakeKeystone, call: Call) -> Answer:
    """Lists and single things; nothing here is changed."""
    if call.method != "GET" or not call.path:
        raise keystone_error(404, "The resource could not be found.")
    match call.path:
        case ["auth", "projects"]:
            mine = {project for user, project in keystone.assignments if user == call.who.user_id}
            items = [item for item in _items(keystone, "projects") if item["id"] in mine]
            return Answer(200, {"projects": items, "links": _PAGE})
        case ["users", user_id, "projects"]:
            mine = {project for user, project in keystone.assignments if user == user_id}
            items = [item for item in _items(keystone, "projects") if item["id"] in mine]
            return Answer(200, {"projects": items, "links": _PAGE})
        case [collection]:
            wanted = [(k, v) for k, v in call.query if k in ("name", "domain_id", "type", "region_id")]
            items = [
                item
                for item in _items(keystone, collection)
                if all(str(item.get(key)) == value for key, value in wanted)
            ]
            return Answer(200, {collection: items, "links": _PAGE})
        case [collection, id]:
            for item in _items(keystone, collection):
                if item["id"] == id:
                    return Answer(200, {collection[:-1]: item})
            raise keystone_error(404, f"Could not find {collection[:-1]}: {id}.")
        case _:
            raise keystone_error(404, "The resource could not be found.")


def _items(keystone: FakeKeystone, collection: str) -> list[Body]:
    match collection:
        case "users":
            return [
                {"id": u.id, "name": u.name, "domain_id": u.domain_id, "enabled": u.enabled, "links": {}}
                for u in keystone.users.values()
            ]
        case "projects":
            return [
                {
                    "id": p.id,
                    "name": p.name,
                    "domain_id": p.domain_id,
                    "enabled": p.enabled,
                    "description": "",
                    "is_domain": False,
                    "parent_id": p.domain_id,
                    "tags": [],
                    "links": {},
                }
                for p in keystone.projects.values()
            ]
        case "roles":
            return [{"id": id, "name": name, "domain_id": None} for id, name in keystone.roles.items()]
        case "domains":
            return [{"id": "default", "name": "Default", "enabled": True, "description": ""}]
        case "regions":
            return [
                {"id": region, "description": "", "parent_region_id": None}
                for region in keystone.catalogue.regions
            ]
        case "services":
            return [
                {"id": entry["id"], "type": type, "name": name, "enabled": True}
                for entry, (type, name, _) in zip(keystone.catalogue.body("", ""), SERVICES, strict=True)
            ]
        case "endpoints":
            return [
                endpoint | {"service_id": entry["id"], "enabled": True}
                for entry in keystone.catalogue.body("", "$(project_id)s")
                for endpoint in entry["endpoints"]
            ]
        case _:
            raise keystone_error(404, "The resource could not be found.")


def application_credentials(keystone: FakeKeystone, call: Call, user_id: str, path: list[str]) -> Answer:
    """/v3/users/{user}/application_credentials: one's own only."""
    if user_id != call.who.user_id:
        raise keystone_error(403, "You are not authorized to perform the requested action.")
    mine = {c.id: c for c in keystone.credentials.values() if c.user_id == user_id}
    match call.method, path:
        case "POST", []:
            return Answer(201, {"application_credential": _create_credential(keystone, call)})
        case "GET", []:
            found = [_show(c) for c in mine.values() if call.parameter("name") in (None, c.name)]
            return Answer(200, {"application_credentials": found, "links": _PAGE})
        case "GET", [id] if id in mine:
            return Answer(200, {"application_credential": _show(mine[id])})
        case "DELETE", [id] if id in mine:
            del keystone.credentials[id]
            keystone.revoke(lambda grant: grant.credential_id == id)
            return Answer(204)
        case _:
            raise keystone_error(404, "Could not find application credential.")


def _create_credential(keystone: FakeKeystone, call: Call) -> Body:
    wish: Body = call.json().get("application_credential") or {}
    if not wish.get("name"):
        raise keystone_error(400, "'name' is a required property")
    if call.who.credential_id and not keystone.credentials[call.who.credential_id].unrestricted:
        raise keystone_error(403, "Could not use an application credential to make another.")
    if call.who.project_id is None:
        raise keystone_error(400, "An application credential needs a project.")
    if any(c.user_id == call.who.user_id and c.name == wish["name"] for c in keystone.credentials.values()):
        raise keystone_error(409, "Conflict occurred attempting to store application_credential.")
    roles = tuple(
        keystone.roles.get(role.get("id", ""), role.get("name", "")) for role in wish.get("roles") or ()
    ) or tuple(sorted(call.who.roles))
    if not set(roles) <= call.who.roles:
        raise keystone_error(400, "Only roles that the user has can be given.")
    expires = wish.get("expires_at")
    credential = ApplicationCredential(
        keystone.new_id(),
        wish["name"],
        wish.get("secret") or keystone.new_id() + keystone.new_id(),
        call.who.user_id,
        call.who.project_id,
        roles,
        datetime.fromisoformat(expires + ("" if "Z" in expires or "+" in expires else "Z")).timestamp()
        if expires
        else None,
        bool(wish.get("unrestricted")),
        wish.get("description") or "",
        call.now,
    )
    keystone.credentials[credential.id] = credential
    return _show(credential) | {"secret": credential.secret}


def _show(credential: ApplicationCredential) -> Body:
    return {
        "id": credential.id,
        "name": credential.name,
        "description": credential.description,
        "project_id": credential.project_id,
        "user_id": credential.user_id,
        "roles": [{"id": role_id(name), "name": name, "domain_id": None} for name in credential.roles],
        "expires_at": None if credential.expires_at is None else micros(credential.expires_at),
        "unrestricted": credential.unrestricted,
        "system": None,
        "links": {},
    }
