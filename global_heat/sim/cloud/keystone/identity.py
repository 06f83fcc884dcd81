"""Keystone's v3 API. Paths come without `/identity/v3`."""

from __future__ import annotations

from typing import Any

from global_heat.model.values import Body
from global_heat.sim.cloud.keystone import authentication, directory, trusts
from global_heat.sim.cloud.keystone.errors import keystone_error
from global_heat.sim.cloud.keystone.model import FakeKeystone, role_id
from global_heat.sim.cloud.keystone.tokens import Grant
from global_heat.sim.cloud.things import micros
from global_heat.sim.cloud.wire import Answer, Call

Json = Any


def handle(keystone: FakeKeystone, call: Call, region: str) -> Answer:
    """Answer one call. Raises Refusal."""
    match call.method, call.path:
        case "POST", ["auth", "tokens"]:
            grant = authentication.authenticate(keystone, call)
            return Answer(201, token_body(keystone, grant, region), {"x-subject-token": grant.token})
        case (("GET" | "HEAD"), ["auth", "tokens"]):
            grant = _subject(keystone, call)
            body = token_body(keystone, grant, region) if call.method == "GET" else None
            return Answer(200, body, {"x-subject-token": grant.token})
        case "DELETE", ["auth", "tokens"]:
            subject = _subject(keystone, call)
            keystone.revoke(lambda grant: grant is subject)
            return Answer(204)
        case "GET", ["auth", "catalog"]:
            return Answer(200, {"catalog": keystone.catalogue.body(region, call.project_id), "links": {}})
        case _, ["OS-TRUST", "trusts", *rest]:
            return trusts.handle(keystone, call, rest)
        case _, ["users", user_id, "application_credentials", *rest]:
            return directory.application_credentials(keystone, call, user_id, rest)
        case _:
            return directory.handle(keystone, call)


def _subject(keystone: FakeKeystone, call: Call) -> Grant:
    """The token that is asked about: one's own, or any for the services' users."""
    token = call.headers.get("x-subject-token", "")
    grant = keystone.valid(token, call.now)
    if grant is None:
        raise keystone_error(404, f"Could not find token: {token[:12]}.")
    if grant is not call.grant and not call.who.roles & {"admin", "service"}:
        raise keystone_error(403, "You are not authorized to perform the requested action.")
    return grant


def token_body(keystone: FakeKeystone, grant: Grant, region: str) -> Body:
    """What a token says, catalogue included."""
    user = keystone.users[grant.user_id]
    token: Body = {
        "methods": list(grant.methods),
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": {"id": "default", "name": "Default"},
            "password_expires_at": None,
        },
        "audit_ids": [grant.audit_id],
        "issued_at": micros(grant.issued_at) + "Z",
        "expires_at": micros(grant.expires_at) + "Z",
    }
    if grant.project_id is not None:
        project = keystone.projects[grant.project_id]
        token["project"] = {
            "id": project.id,
            "name": project.name,
            "domain": {"id": "default", "name": "Default"},
        }
        token["is_domain"] = False
        token["roles"] = [{"id": role_id(name), "name": name} for name in sorted(grant.roles)]
        token["catalog"] = keystone.catalogue.body(region, project.id)
    trust = keystone.trusts.get(grant.trust_id or "")
    if trust is not None:
        token["OS-TRUST:trust"] = {
            "id": trust.id,
            "impersonation": trust.impersonation,
            "trustor_user": {"id": trust.trustor_user_id},
            "trustee_user": {"id": trust.trustee_user_id},
        }
    credential = keystone.credentials.get(grant.credential_id or "")
    if credential is not None:
        token["application_credential"] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": not credential.unrestricted,
        }
    return {"token": token}
