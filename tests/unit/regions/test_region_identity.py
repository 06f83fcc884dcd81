"""keystoneauth1 and our own few lines ask a small Keystone on this machine the same and hear the same."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from aiohttp import web

from global_heat.model.errors import Invalid, Transient
from global_heat.regions.calls import Calls, Outcome
from global_heat.regions.cloud import ServiceRefusal
from global_heat.regions.credentials import (
    ApplicationCredential,
    PasswordCredential,
    TokenCredential,
    TrustCredential,
)
from global_heat.regions.health import RegionHealth
from global_heat.regions.http import AiohttpTransport
from global_heat.regions.identity import KeystoneauthIdentity, PlainIdentity
from global_heat.regions.limits import Limits

ANSWER = {
    "token": {
        "methods": ["password"],
        "expires_at": "2033-05-18T03:33:20.000000Z",
        "issued_at": "2033-05-18T02:33:20.000000Z",
        "user": {"id": "u", "name": "ann", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "p", "name": "demo", "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "1", "name": "member"}, {"id": "2", "name": "reader"}],
        "catalog": [
            {
                "id": type,
                "type": type,
                "name": type,
                "endpoints": [
                    {
                        "id": f"{type}-{region}-{interface}",
                        "interface": interface,
                        "region": region,
                        "region_id": region,
                        "url": f"http://{interface}.{region}{path}",
                    }
                    for region in ("east", "west")
                    for interface in ("public", "internal")
                ],
            }
            for type, path in {
                "compute": "/v2.1",
                "network": ":9696/",
                "volumev2": "/v2/p",
                "volumev3": "/v3/p",
                "image": "",
            }.items()
        ],
    }
}
PASSWORD = PasswordCredential("pw", user_name="ann", project_name="demo")
KINDS = {
    "password": PASSWORD,
    "password by id": PasswordCredential("pw", user_id="u", project_id="p"),
    "application credential": ApplicationCredential("i", "s"),
    "token": TokenCredential("old", "p"),
    "trust": TrustCredential(PasswordCredential("pw", user_name="svc", project_name="service"), "T"),
}


class Keystone:
    def __init__(self):
        self.asked = []
        self.status = 201
        self.body = ANSWER
        self.headers = {"X-Subject-Token": "new"}

    async def answer(self, got):
        self.asked.append((got.method, got.path, await got.json()))
        return web.json_response(self.body, status=self.status, headers=self.headers)


@contextlib.asynccontextmanager
async def keystone(port=0):
    served = Keystone()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/identity"
    served.stop = site.stop
    try:
        yield served
    finally:
        await runner.cleanup()


@pytest.fixture(params=[PlainIdentity, KeystoneauthIdentity])
def ask(request, kit):
    """Run a scenario with an identity and a Keystone; the records of calls come with it."""

    def run(scenario):
        async def work():
            records = []
            async with keystone() as served, AiohttpTransport() as transport:
                calls = Calls(transport, RegionHealth(transport), Limits(), records.append)
                identity = request.param(calls, time.time)
                try:
                    return await scenario(identity, served, kit.spec("east", auth_url=served.url), records)
                finally:
                    if isinstance(identity, KeystoneauthIdentity):
                        identity.close()

        return asyncio.run(work())

    return run


def test_a_session_says_what_the_token_is_good_for(ask, kit):
    async def scenario(identity, served, east, records):
        session = await identity.authorize(east, PASSWORD)
        west = kit.spec("somewhere", catalog_region="west", interface="internal")
        return (
            session,
            [
                session.endpoint(region, name)
                for region in (east, west)
                for name in ("compute", "network", "volume", "image")
            ],
            records,
        )

    session, endpoints, records = ask(scenario)
    assert (session.token, session.expires_at) == ("new", 2_000_000_000.0)
    assert (session.user, session.user_name, session.project) == ("u", "ann", "p")
    assert session.roles == ("member", "reader")
    assert endpoints == [
        "http://public.east/v2.1",
        "http://public.east:9696/v2.0",
        "http://public.east/v3/p",
        "http://public.east/v2",
        "http://internal.west/v2.1",
        "http://internal.west:9696/v2.0",
        "http://internal.west/v3/p",
        "http://internal.west/v2",
    ]
    assert [(r.service, r.method, r.path, r.outcome, r.status) for r in records] == [
        ("identity", "POST", "/identity/v3/auth/tokens", Outcome.ANSWERED, 201)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_both_ask_for_it_in_the_same_words(kit, kind):
    """Up to the order of keys and what Keystone takes for the same."""

    async def work():
        async with keystone() as served, AiohttpTransport() as transport:
            calls = Calls(transport, RegionHealth(transport), Limits())
            real = KeystoneauthIdentity(calls, time.time)
            for identity in (PlainIdentity(calls, time.time), real):
                await identity.authorize(kit.spec("east", auth_url=served.url + "/v3/"), KINDS[kind])
            real.close()
            return served.asked

    plain, real = asyncio.run(work())
    assert plain == real


def test_a_refusal_is_keystones_own(ask):
    async def scenario(identity, served, east, records):
        served.status, served.body = (
            401,
            {"error": {"code": 401, "message": "wrong", "title": "Unauthorized"}},
        )
        served.headers = {"X-Openstack-Request-Id": "req-4"}
        with pytest.raises(ServiceRefusal, match="wrong") as caught:
            await identity.authorize(east, PASSWORD)
        assert (caught.value.status, caught.value.request_id) == (401, "req-4")
        served.status, served.body = (
            404,
            {"error": {"code": 404, "message": "no trust", "title": "Not Found"}},
        )
        with pytest.raises(ServiceRefusal, match="no trust") as caught:
            await identity.authorize(east, KINDS["trust"])
        assert (type(caught.value), caught.value.status) == (ServiceRefusal, 401)
        return [(r.outcome, r.status) for r in records]

    assert ask(scenario) == [(Outcome.ANSWERED, 401), (Outcome.ANSWERED, 404)]


def test_what_keystone_cannot_do_now_is_transient(ask):
    async def scenario(identity, served, east, records):
        for status, body in (
            (500, {"error": {"message": "oops"}}),
            (503, {}),
            (201, {"token": {}}),
            (307, {}),
        ):
            served.status, served.body = status, body
            served.headers = {"X-Subject-Token": "new", "Location": served.url + "/v3/elsewhere"}
            with pytest.raises(Transient):
                await identity.authorize(east, PASSWORD)
        served.status, served.headers = 429, {"Retry-After": "0"}
        with pytest.raises(Transient) as caught:
            await identity.authorize(east, PASSWORD)
        assert caught.value.retry_after_seconds == 0.0
        assert {path for _, path, _ in served.asked} == {"/identity/v3/auth/tokens"}
        await served.stop()
        with pytest.raises(Transient):
            await identity.authorize(east, PASSWORD)
        return records[-1].outcome

    assert ask(scenario) is Outcome.REFUSED


def test_an_unscoped_token_has_no_project_and_no_services(ask):
    async def scenario(identity, served, east, records):
        served.body = {"token": {k: v for k, v in ANSWER["token"].items() if k in ("user", "expires_at")}}
        session = await identity.authorize(east, PasswordCredential("pw", user_name="svc"))
        with pytest.raises(Invalid, match="no compute service"):
            session.endpoint(east, "compute")
        return session.project, session.roles

    assert ask(scenario) == ("", ())
