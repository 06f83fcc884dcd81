"""OS-TRUST/trusts."""

from __future__ import annotations

from datetime import datetime

from global_heat.model.records import trust_handle
from global_heat.model.values import Body
from global_heat.sim.cloud.keystone.errors import keystone_error
from global_heat.sim.cloud.keystone.model import FakeKeystone, role_id
from global_heat.sim.cloud.keystone.tokens import Trust
from global_heat.sim.cloud.things import micros
from global_heat.sim.cloud.wire import Answer, Call


def handle(keystone: FakeKeystone, call: Call, path: list[str]) -> Answer:
    match call.method, path:
        case "POST", []:
            return _create(keystone, call)
        case "GET", []:
            return _list(keystone, call)
        case "GET", [trust_id]:
            return Answer(200, {"trust": _show(keystone, _find(keystone, call, trust_id))})
        case "GET", [trust_id, "roles"]:
            trust = _find(keystone, call, trust_id)
            return Answer(200, {"roles": _roles(trust), "links": {"next": None, "previous": None}})
        case "DELETE", [trust_id]:
            trust = _find(keystone, call, trust_id)
            if trust.trustor_user_id != call.who.user_id and not call.who.is_admin:
                raise keystone_error(403, "You are not authorized to perform the requested action.")
            keystone.delete_trust(trust.id)
            return Answer(204)
        case _:
            raise keystone_error(404, "The resource could not be found.")


def asked_for(call: Call) -> str:
    """The handle of the trust that a request asks for; empty: it asks for none, or for one that has none."""
    if (call.method, call.service, call.path) != ("POST", "identity", ["OS-TRUST", "trusts"]):
        return ""
    expiry = (call.json().get("trust") or {}).get("expires_at")
    try:
        return trust_handle(datetime.fromisoformat(expiry).timestamp()) if expiry else ""
    except ValueError:
        return ""


def _create(keystone: FakeKeystone, call: Call) -> Answer:
    wish: Body = call.json().get("trust") or {}
    missing = {"trustor_user_id", "trustee_user_id", "impersonation"} - wish.keys()
    if missing:
        raise keystone_error(400, f"'{min(missing)}' is a required property")
    if wish["trustor_user_id"] != call.who.user_id:
        raise keystone_error(403, "The authenticated user should match the trustor.")
    if call.who.trust_id is not None:
        raise keystone_error(403, "Unable to create a trust with a trust-scoped token.")
    if call.who.credential_id is not None:
        credential = keystone.credentials[call.who.credential_id]
        if not credential.unrestricted:
            raise keystone_error(
                403, "Using method 'application_credential' is not allowed for managing trusts."
            )
    if wish["trustee_user_id"] not in keystone.users:
        raise keystone_error(404, f"Could not find user: {wish['trustee_user_id']}.")
    project_id = wish.get("project_id") or ""
    held = keystone.assignments.get((call.who.user_id, project_id), set())
    names = tuple(_role_name(keystone, role) for role in wish.get("roles") or ())
    if project_id and not names:
        raise keystone_error(403, "At least one role should be specified.")
    for name in names:
        if name not in held:
            raise keystone_error(404, f"Could not find role: {role_id(name)}.")
    expires_at = _time(wish.get("expires_at"))
    if expires_at is not None and expires_at <= call.now:
        raise keystone_error(400, "The 'expires_at' must not be before now.")
    trust = Trust(
        keystone.new_id(),
        wish["trustor_user_id"],
        wish["trustee_user_id"],
        project_id,
        bool(wish["impersonation"]),
        names,
        expires_at,
        wish.get("remaining_uses"),
        call.now,
    )
    if expires_at is not None and any(_key(trust) == _key(other) for other in keystone.trusts.values()):
        raise keystone_error(409, "Conflict occurred attempting to store trust - Duplicate entry.")
    keystone.trusts[trust.id] = trust
    return Answer(201, {"trust": _show(keystone, trust)})


def _key(trust: Trust) -> tuple[object, ...]:
    """A constraint of the database: a null expiry makes it not bite."""
    return (
        trust.trustor_user_id,
        trust.trustee_user_id,
        trust.project_id,
        trust.impersonation,
        trust.expires_at,
    )


def _role_name(keystone: FakeKeystone, role: Body) -> str:
    name = keystone.roles.get(role["id"]) if "id" in role else role.get("name")
    if name not in keystone.roles.values():
        raise keystone_error(404, f"Could not find role: {role.get('id') or role.get('name')}.")
    return str(name)


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as fault:
        raise keystone_error(400, f"Unable to parse timestamp {text!r}.") from fault


def _list(keystone: FakeKeystone, call: Call) -> Answer:
    trustor, trustee = call.parameter("trustor_user_id"), call.parameter("trustee_user_id")
    me = call.who.user_id
    if not call.who.is_admin and me not in (trustor, trustee):
        raise keystone_error(403, "You are not authorized to perform the requested action.")
    found = [
        _show(keystone, trust)
        for trust in keystone.trusts.values()
        if trustor in (None, trust.trustor_user_id) and trustee in (None, trust.trustee_user_id)
    ]
    return Answer(200, {"trusts": found, "links": {"next": None, "previous": None}})


def _find(keystone: FakeKeystone, call: Call, trust_id: str) -> Trust:
    trust = keystone.trusts.get(trust_id)
    if trust is None:
        raise keystone_error(404, f"Could not find trust: {trust_id}.")
    if call.who.user_id not in (trust.trustor_user_id, trust.trustee_user_id) and not call.who.is_admin:
        raise keystone_error(403, "You are not authorized to perform the requested action.")
    return trust


def _roles(trust: Trust) -> list[Body]:
    return [{"id": role_id(name), "name": name} for name in trust.roles]


def _show(keystone: FakeKeystone, trust: Trust) -> Body:
    return {
        "id": trust.id,
        "trustor_user_id": trust.trustor_user_id,
        "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id or None,
        "impersonation": trust.impersonation,
        "expires_at": None if trust.expires_at is None else micros(trust.expires_at) + "Z",
        "remaining_uses": trust.remaining_uses,
        "redelegation_count": 0,
        "deleted_at": None,
        "roles": _roles(trust),
        "roles_links": {"next": None, "previous": None},
        "links": {},
    }
