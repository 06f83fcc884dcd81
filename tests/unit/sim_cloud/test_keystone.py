"""Keystone: who may come in, trusts, credentials, the end of a token."""

from __future__ import annotations

import json

import pytest

from global_heat.regions.transport import Request
from tests.unit.sim_cloud.conftest import START, Answered, Caller, World

SCOPE = {"project": {"name": "demo", "domain": {"id": "default"}}}


def password(user: str, secret: str = "", scope: object = None) -> dict:
    who = {"name": user, "domain": {"name": "Default"}, "password": secret or user}
    auth: dict = {"identity": {"methods": ["password"], "password": {"user": who}}}
    return {"auth": auth if scope is None else auth | {"scope": scope}}


def ask(world: World, body: object, region: str = "east") -> Answered:
    url = f"http://{region}.sim/identity/v3/auth/tokens"
    return Answered(
        world.cloud.regions[region].handle(Request("POST", url, region, {}, json.dumps(body).encode()))
    )


def identity(world: World, method: str, path: str, token: str, body: object = None, **more: str) -> Answered:
    headers = {"X-Auth-Token": token, **{key.replace("_", "-"): value for key, value in more.items()}}
    data = b"" if body is None else json.dumps(body).encode()
    return Answered(
        world.east.handle(Request(method, f"http://east.sim/identity/v3{path}", "east", headers, data))
    )


def token_of(answer: Answered) -> str:
    assert answer.status == 201, answer.text
    return str(answer.response.headers["x-subject-token"])


def networks(world: World, token: str, region: str = "east") -> int:
    url = f"http://{region}.sim/network/v2.0/networks"
    return world.cloud.regions[region].handle(Request("GET", url, region, {"X-Auth-Token": token})).status


def make_trust(world: World, **more: object) -> dict:
    mine = token_of(ask(world, password("demo", scope=SCOPE)))
    wish = {
        "trustor_user_id": world.cloud.keystone.user_id("demo"),
        "trustee_user_id": world.cloud.keystone.user_id("global-heat"),
        "project_id": world.cloud.keystone.project_id("demo"),
        "impersonation": True,
        "roles": [{"name": "member"}],
        **more,
    }
    return identity(world, "POST", "/OS-TRUST/trusts", mine, {"trust": wish}).ok(201)["trust"]


def use_trust(world: World, trust: dict, user: str = "global-heat") -> Answered:
    return ask(world, password(user, scope={"OS-TRUST:trust": {"id": trust["id"]}}))


def test_a_password_gives_a_token_and_the_catalogue(world: World) -> None:
    answer = ask(world, password("demo", scope=SCOPE))
    body = answer.ok(201)["token"]
    assert body["project"]["name"] == "demo"
    assert {role["name"] for role in body["roles"]} == {"member", "reader"}
    urls = {
        (service["type"], endpoint["region"]): endpoint["url"]
        for service in body["catalog"]
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public"
    }
    assert urls["network", "west"] == "http://west.sim/network"
    assert urls["block-storage", "north"].endswith(f"/volume/v3/{body['project']['id']}")
    assert urls["identity", "west"] == "http://west.sim/identity"
    assert networks(world, token_of(answer), "west") == 200


def test_one_keystone_may_serve_all_regions() -> None:
    world = World(shared=("identity",))
    assert world.cloud.auth_url("west") == "http://east.sim/identity/v3"
    body = ask(world, password("demo", scope=SCOPE), "west").ok(201)["token"]
    (service,) = [service for service in body["catalog"] if service["type"] == "identity"]
    assert {e["url"] for e in service["endpoints"] if e["region"] == "west"} == {"http://east.sim/identity"}


@pytest.mark.parametrize(
    "body",
    [
        password("demo", "wrong", SCOPE),
        password("nobody", scope=SCOPE),
        password("rival", scope=SCOPE),
        {"auth": {"identity": {"methods": ["magic"]}}},
    ],
)
def test_who_is_not_known_does_not_come_in(world: World, body: dict) -> None:
    refused = ask(world, body)
    assert (refused.status, refused.body["error"]["code"]) == (401, 401)


def test_nonsense_is_a_bad_request(world: World) -> None:
    assert ask(world, {"nonsense": 1}).status == 400


@pytest.mark.parametrize("path", ["/network/v2.0/networks", "/compute/v2.1/servers", "/image/v2/images"])
def test_services_want_a_good_token(world: World, path: str) -> None:
    for token in ("", "nonsense"):
        answer = world.east.handle(Request("GET", f"http://east.sim{path}", "east", {"X-Auth-Token": token}))
        assert answer.status == 401
        assert answer.headers["x-openstack-request-id"].startswith("req-")


def test_a_token_without_a_project_opens_no_service(world: World) -> None:
    assert networks(world, token_of(ask(world, password("demo")))) == 403


def test_a_token_ends(world: World) -> None:
    token = token_of(ask(world, password("demo", scope=SCOPE)))
    world.pass_time(59)
    assert networks(world, token) == 200
    world.pass_time(2)
    assert networks(world, token) == 401


def test_a_token_is_shown_and_revoked(world: World) -> None:
    token = token_of(ask(world, password("demo", scope=SCOPE)))
    shown = identity(world, "GET", "/auth/tokens", token, X_Subject_Token=token)
    assert shown.ok()["token"]["user"]["name"] == "demo"
    service = world.cloud.keystone.token("global-heat", "service")
    assert identity(world, "GET", "/auth/tokens", service, X_Subject_Token=token).status == 200
    rival = world.cloud.keystone.token("rival", "rival")
    assert identity(world, "GET", "/auth/tokens", rival, X_Subject_Token=token).status == 403
    identity(world, "DELETE", "/auth/tokens", token, X_Subject_Token=token).ok(204)
    assert networks(world, token) == 401
    assert identity(world, "GET", "/auth/tokens", service, X_Subject_Token=token).status == 404


def test_a_trust_lets_another_act(world: World) -> None:
    trust = make_trust(world)
    answer = use_trust(world, trust)
    body = answer.ok(201)["token"]
    assert (body["user"]["name"], body["project"]["name"]) == ("demo", "demo")
    assert body["OS-TRUST:trust"]["id"] == trust["id"]
    assert networks(world, token_of(answer)) == 200
    assert [made.kind for made in world.cloud.truth()] == ["identity.trust"]


def test_a_deleted_trust_is_over(world: World) -> None:
    trust = make_trust(world)
    token = token_of(use_trust(world, trust))
    path = f"/OS-TRUST/trusts/{trust['id']}"
    rival = world.cloud.keystone.token("rival", "rival")
    assert identity(world, "DELETE", path, rival).status == 403
    mine = world.cloud.keystone.token("demo", "demo")
    identity(world, "DELETE", path, mine).ok(204)
    assert identity(world, "GET", path, mine).status == 404
    assert networks(world, token) == 401
    assert use_trust(world, trust).status == 404
    assert world.cloud.truth() == []


def test_a_revoked_token_may_live_on_in_caches() -> None:
    from global_heat.sim.cloud.settings import Settings

    world = World(settings=Settings(revocation_lag_seconds=10.0))
    trust = make_trust(world)
    token = token_of(use_trust(world, trust))
    world.cloud.keystone.delete_trust(trust["id"])
    assert networks(world, token) == 200
    world.pass_time(11)
    assert networks(world, token) == 401


def test_a_trust_is_for_its_trustee_and_its_time(world: World) -> None:
    trust = make_trust(world, expires_at="2023-11-14T22:13:50.000000Z")
    assert world.now() == START
    assert use_trust(world, trust, "rival").status == 403
    token = token_of(use_trust(world, trust))
    world.pass_time(29)
    assert networks(world, token) == 200
    world.pass_time(2)
    assert networks(world, token) == 401
    assert use_trust(world, trust).status == 404


def test_a_disabled_trustor_ends_it(world: World) -> None:
    trust = make_trust(world)
    token = token_of(use_trust(world, trust))
    world.cloud.keystone.disable_user(world.cloud.keystone.user_id("demo"))
    assert networks(world, token) == 401
    assert use_trust(world, trust).status == 403


def test_a_trust_gives_only_what_one_has(world: World) -> None:
    mine = world.cloud.keystone.token("demo", "demo")
    wish = {
        "trustor_user_id": world.cloud.keystone.user_id("demo"),
        "trustee_user_id": world.cloud.keystone.user_id("global-heat"),
        "project_id": world.cloud.keystone.project_id("demo"),
        "impersonation": True,
        "roles": [{"name": "admin"}],
    }
    assert identity(world, "POST", "/OS-TRUST/trusts", mine, {"trust": wish}).status == 404
    other = wish | {"trustor_user_id": world.cloud.keystone.user_id("rival"), "roles": [{"name": "member"}]}
    assert identity(world, "POST", "/OS-TRUST/trusts", mine, {"trust": other}).status == 403


def test_equal_trusts_conflict_only_if_they_end(world: World) -> None:
    make_trust(world)
    make_trust(world)
    make_trust(world, expires_at="2030-01-01T00:00:00Z")
    with pytest.raises(AssertionError, match="409"):
        make_trust(world, expires_at="2030-01-01T00:00:00Z")


def test_an_application_credential_comes_in(world: World, demo: Caller) -> None:
    keystone = world.cloud.keystone
    path = f"/users/{keystone.user_id('demo')}/application_credentials"
    wish = {"application_credential": {"name": "c", "roles": [{"name": "member"}]}}
    made = demo.call("POST", "identity", path, wish).ok(201)["application_credential"]
    body = {
        "auth": {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": made["id"], "secret": made["secret"]},
            }
        }
    }
    answer = ask(world, body)
    assert answer.ok(201)["token"]["project"]["name"] == "demo"
    assert networks(world, token_of(answer)) == 200
    assert demo.call("POST", "identity", path, wish).status == 409
    assert "secret" not in demo.call("GET", "identity", f"{path}/{made['id']}").ok()["application_credential"]
    demo.call("DELETE", "identity", f"{path}/{made['id']}").ok(204)
    assert networks(world, token_of(answer)) == 401
    assert ask(world, body).status == 401


def test_the_directory_is_read(world: World, admin: Caller) -> None:
    regions = admin.call("GET", "identity", "/regions").ok()["regions"]
    assert [region["id"] for region in regions] == ["east", "west", "north"]
    (user,) = admin.call("GET", "identity", "/users?name=demo").ok()["users"]
    assert admin.call("GET", "identity", f"/users/{user['id']}").ok()["user"]["name"] == "demo"
    assert admin.call("GET", "identity", "/users/none").status == 404


def test_ids_of_the_seed_do_not_depend_on_it(world: World) -> None:
    other = World(seed=2)
    assert other.cloud.keystone.project_id("demo") == world.cloud.keystone.project_id("demo")


def test_while_keystone_is_down_only_known_tokens_work() -> None:
    world = World(shared=("identity",))
    token = token_of(ask(world, password("demo", scope=SCOPE)))
    assert networks(world, token, "west") == 200
    world.east.faults.down.add("identity")
    assert ask(world, password("demo", scope=SCOPE)).status == 503
    assert networks(world, token, "west") == 200
    assert networks(world, token, "north") == 503
    world.cloud.heal()
    assert networks(world, token, "north") == 200


def test_each_region_has_its_keystone(world: World) -> None:
    world.east.faults.unreachable = True
    token = token_of(ask(world, password("demo", scope=SCOPE), "west"))
    assert networks(world, token, "west") == 200
    assert networks(world, token, "north") == 200
