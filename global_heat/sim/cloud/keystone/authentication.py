"""POST /v3/auth/tokens: password, token, application credential; scoped to a project, a trust, or nothing."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.keystone.errors import keystone_error, unauthenticated
from global_heat.sim.cloud.keystone.model import FakeKeystone
from global_heat.sim.cloud.keystone.tokens import ApplicationCredential, Grant
from global_heat.sim.cloud.wire import Call


def authenticate(keystone: FakeKeystone, call: Call) -> Grant:
    """Check who it is and give a token. Raises Refusal."""
    try:
        auth: Body = call.json()["auth"]
        methods = tuple(auth["identity"]["methods"])
        identity: Body = auth["identity"]
        expires_at: float | None = None
        match methods:
            case ("password",):
                user_id = _by_password(keystone, identity["password"]["user"])
            case ("token",):
                old = keystone.valid(identity["token"]["id"], call.now)
                if old is None:
                    raise unauthenticated()
                if old.trust_id or old.credential_id:
                    raise keystone_error(403, "The token may not be used to get another token.")
                user_id, expires_at = old.user_id, old.expires_at
            case ("application_credential",):
                credential = _by_credential(keystone, identity["application_credential"], call.now)
                return keystone.issue(
                    credential.user_id,
                    credential.project_id,
                    methods,
                    roles=frozenset(credential.roles),
                    credential_id=credential.id,
                    expires_at=credential.expires_at,
                )
            case _:
                raise unauthenticated()
        if not keystone.users[user_id].enabled:
            raise unauthenticated()
        scope = auth.get("scope")
        if isinstance(scope, dict) and "OS-TRUST:trust" in scope:
            return _with_trust(keystone, user_id, scope["OS-TRUST:trust"]["id"], methods, call.now)
        if isinstance(scope, dict) and "project" in scope:
            project_id = _project(keystone, scope["project"])
            if not keystone.assignments.get((user_id, project_id)):
                raise unauthenticated()
            return keystone.issue(user_id, project_id, methods, expires_at=expires_at)
        return keystone.issue(user_id, None, methods, roles=frozenset(), expires_at=expires_at)
    except (KeyError, TypeError) as fault:
        raise keystone_error(400, f"Invalid input for field: {fault}.") from fault


def _by_password(keystone: FakeKeystone, wanted: Body) -> str:
    for user in keystone.users.values():
        if (
            wanted["id"] == user.id
            if "id" in wanted
            else wanted["name"] == user.name and _domain(wanted) == user.domain_id
        ):
            if wanted["password"] == user.password:
                return user.id
            break
    raise unauthenticated()


def _domain(wanted: Body) -> str:
    domain = wanted.get("domain") or {}
    return str(domain.get("id") or domain.get("name", "")).lower()


def _project(keystone: FakeKeystone, wanted: Body) -> str:
    for project in keystone.projects.values():
        if wanted["id"] == project.id if "id" in wanted else wanted["name"] == project.name:
            if not project.enabled:
                break
            return project.id
    raise unauthenticated()


def _with_trust(
    keystone: FakeKeystone, user_id: str, trust_id: str, methods: tuple[str, ...], now: float
) -> Grant:
    """A token of the trustor (or of the trustee, without impersonation) in the trust's project."""
    trust = keystone.trusts.get(trust_id)
    if trust is None or (trust.expires_at is not None and now >= trust.expires_at):
        raise keystone_error(404, f"Could not find trust: {trust_id}.")
    if trust.trustee_user_id != user_id:
        raise keystone_error(403, "You are not authorized to perform the requested action.")
    held = keystone.assignments.get((trust.trustor_user_id, trust.project_id), set())
    if not keystone.users[trust.trustor_user_id].enabled or not set(trust.roles) <= held:
        raise keystone_error(403, "Trustor is disabled or lost a delegated role.")
    if trust.remaining_uses is not None:
        if trust.remaining_uses <= 0:
            raise keystone_error(404, f"Could not find trust: {trust_id}.")
        trust.remaining_uses -= 1
    return keystone.issue(
        trust.trustor_user_id if trust.impersonation else user_id,
        trust.project_id,
        methods,
        roles=frozenset(trust.roles),
        trust_id=trust.id,
        expires_at=trust.expires_at,
    )


def _by_credential(keystone: FakeKeystone, wanted: Body, now: float) -> ApplicationCredential:
    for credential in keystone.credentials.values():
        if "id" in wanted:
            found = credential.id == wanted["id"]
        else:
            owner = wanted["user"]
            user_id = owner.get("id") or keystone.user_id(owner["name"])
            found = credential.name == wanted["name"] and credential.user_id == user_id
        if found:
            expired = credential.expires_at is not None and now >= credential.expires_at
            if (
                credential.secret == wanted["secret"]
                and not expired
                and keystone.users[credential.user_id].enabled
            ):
                return credential
            break
    raise unauthenticated()
