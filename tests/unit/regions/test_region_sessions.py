"""Sessions kept and renewed; who a caller is; trusts; the registry."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import Project, Region
from global_heat.regions.cloud import ServiceRefusal
from global_heat.regions.credentials import (
    ApplicationCredential,
    PasswordCredential,
    ServiceUser,
    ServiceUsers,
    TokenCredential,
    TrustCredential,
)
from global_heat.regions.identity import auth_body
from global_heat.regions.keystone import CHECKED_SECONDS_MAX, TokenChecker, Trusts, Who
from global_heat.regions.registry import RegionSpec, Registry


def test_one_question_serves_all_who_ask_and_all_regions_of_the_cloud(kit, virtual):
    async def work():
        rig = kit.Rig()

        async def slowly(request):
            await asyncio.sleep(1)
            return rig.cloud.give_token(request)

        rig.cloud.authorize = slowly
        await asyncio.gather(*(rig.open(name) for name in ("east", "west") * 20))
        await rig.open("east", ApplicationCredential("other", "s"))
        return rig.cloud.tokens

    assert virtual(work()) == 2


def test_a_session_is_renewed_before_it_expires(kit, virtual):
    async def work():
        rig = kit.Rig()
        expiries = []
        for _ in range(5):
            cloud = await rig.open()
            expiries.append(cloud.expires_at - kit.EPOCH)
            await asyncio.sleep(1000)
        return expiries

    # Of 3,600 s the last quarter, 900 s, is left.
    assert virtual(work()) == [3600.0, 3600.0, 3600.0, 6600.0, 6600.0]


def test_while_keystone_is_away_a_session_is_used_to_its_end(kit, virtual):
    async def work():
        rig = kit.Rig()
        await rig.open()
        rig.cloud.authorize = lambda request: Ambiguous("no answer")
        await asyncio.sleep(3500)
        await rig.open()
        await asyncio.sleep(96)
        with pytest.raises(Transient):
            await rig.open()

    virtual(work())


def test_a_refused_credential_is_invalid_and_not_kept(kit, virtual):
    async def work():
        rig = kit.Rig()
        body = {"error": {"code": 401, "message": "The request you have made requires authentication."}}
        rig.cloud.authorize = lambda request: kit.reply(401, body)
        with pytest.raises(ServiceRefusal) as caught:
            await rig.open()
        rig.cloud.authorize = rig.cloud.give_token
        await rig.open()
        return caught.value

    refusal = virtual(work())
    assert (refusal.status, refusal.metadata["service"]) == (401, "identity")


@pytest.mark.parametrize("body", [{}, {"token": {}}, {"token": {"user": {"id": "u"}}}, [], "x"])
def test_an_answer_that_is_no_token_is_none(kit, virtual, body):
    async def work():
        rig = kit.Rig()
        rig.cloud.authorize = lambda request: kit.reply(201, body, x_subject_token="t")
        with pytest.raises(Transient):
            await rig.open()

    virtual(work())


def test_the_home_regions_keystone_is_asked_first_and_the_regions_own_if_it_is_away(kit, virtual):
    async def work():
        rig = kit.Rig(kit.spec("east"), kit.spec("west"), kit.spec("far", cloud="other"), home="west")
        await rig.open("east")
        rig.sessions.forget(kit.CREDENTIAL)
        rig.cloud.authorize = lambda request: (
            Transient("refused") if "west" in request.url else rig.cloud.give_token(request)
        )
        await rig.open("east")
        rig.cloud.regions = ("east", "west", "far")
        await rig.open("far")
        return [request.region for request in rig.cloud.sent("identity")]

    assert virtual(work()) == ["west", "west", "east", "far"]


def test_no_credential_and_no_session_shows_its_secret(kit, virtual):
    password = PasswordCredential("s3cret", user_name="u")
    shown = [password, ApplicationCredential("i", "s3cret"), TokenCredential("s3cret", "p")]
    assert "s3cret" not in repr([*shown, TrustCredential(password, "t")])

    async def work():
        rig = kit.Rig()
        return repr(await rig.sessions.get(kit.spec(), kit.CREDENTIAL))

    assert "t1" not in virtual(work())


def test_credentials_as_keystone_wants_them():
    by_id = PasswordCredential("pw", user_id="u", project_id="p")
    by_name = PasswordCredential("pw", user_name="n", project_name="q", project_domain="D")
    assert auth_body(by_id) == {
        "identity": {"methods": ["password"], "password": {"user": {"id": "u", "password": "pw"}}},
        "scope": {"project": {"id": "p"}},
    }
    assert auth_body(by_name) == {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "n", "domain": {"name": "Default"}, "password": "pw"}},
        },
        "scope": {"project": {"name": "q", "domain": {"name": "D"}}},
    }
    assert auth_body(TrustCredential(by_id, "t"))["scope"] == {"OS-TRUST:trust": {"id": "t"}}
    assert auth_body(TokenCredential("x", "p"))["identity"] == {"methods": ["token"], "token": {"id": "x"}}


class Callers:
    """A Keystone that knows some callers' tokens."""

    def __init__(self, kit):
        self.kit = kit
        self.rig = kit.Rig()
        self.known = {"good"}
        self.refuse_service = 0
        self.rig.cloud.handle = self.answer
        self.service = PasswordCredential("pw", user_name="service")
        self.checker = TokenChecker(
            self.rig.calls,
            self.rig.sessions,
            lambda: self.rig.registry.get(Region("east")),
            ServiceUsers({}, ServiceUser(self.service)),
            kit.now,
        )

    def answer(self, request):
        if self.refuse_service:
            self.refuse_service -= 1
            return self.kit.reply(401, {"error": {"message": "no"}})
        if request.headers["X-Subject-Token"] in self.known:
            return self.kit.reply(200, self.rig.cloud.token_body())
        return self.kit.reply(404, {"error": {"message": "Could not find token."}})

    def asked(self):
        return len([r for r in self.rig.cloud.requests if "X-Subject-Token" in r.headers])


def test_a_callers_token_is_checked_and_remembered_for_a_while(kit, virtual):
    async def work():
        callers = Callers(kit)
        who = await callers.checker.check("good")
        assert who == Who("u", "ann", kit.PROJECT, ("member",), kit.EPOCH + 3600)
        await callers.checker.check("good")
        assert callers.asked() == 1
        callers.known.clear()
        await asyncio.sleep(CHECKED_SECONDS_MAX)
        with pytest.raises(Invalid) as caught:
            await callers.checker.check("good")
        return caught.value.reason

    assert virtual(work()) is Reason.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", "bad", "with\nline", "ümlaut"])
def test_a_token_that_is_none(kit, virtual, token):
    async def work():
        callers = Callers(kit)
        with pytest.raises(Invalid) as caught:
            await callers.checker.check(token)
        assert token == "" or token not in str(caught.value)
        return caught.value.reason

    assert virtual(work()) is Reason.UNAUTHENTICATED


def test_a_token_does_not_outlive_its_expiry_in_memory(kit, virtual):
    async def work():
        callers = Callers(kit)
        callers.rig.cloud.token_life = 30.0
        await callers.checker.check("good")
        await asyncio.sleep(30)
        callers.known.clear()
        with pytest.raises(Invalid):
            await callers.checker.check("good")

    virtual(work())


def test_trouble_of_our_own_is_not_the_callers_fault(kit, virtual):
    async def work():
        callers = Callers(kit)
        callers.refuse_service = 1
        await callers.checker.check("good")
        callers.refuse_service = 2
        await asyncio.sleep(100)
        with pytest.raises(Transient):
            await callers.checker.check("good")
        callers.rig.cloud.handle = lambda request: Ambiguous("no answer")
        with pytest.raises(Transient):
            await callers.checker.check("good")
        callers.rig.sessions.forget(callers.service)
        callers.rig.cloud.authorize = lambda request: kit.reply(401, {"error": {"message": "wrong password"}})
        with pytest.raises(Transient, match="this service's credential"):
            await callers.checker.check("good")

    virtual(work())


def test_a_trust_delegates_no_more_than_asked_and_than_there_is(kit, virtual):
    who = Who("u", "ann", kit.PROJECT, ("member", "reader"), kit.EPOCH + 3600)

    async def work():
        rig = kit.Rig()
        trusts = Trusts(rig.calls)
        rig.cloud.handle = lambda request: kit.reply(201, {"trust": {"id": "T"}})
        east = kit.spec()
        assert await trusts.create(east, "user-token", who, "service") == "T"
        await trusts.create(east, "user-token", who, "service", ("reader",), expires_at=kit.EPOCH + 0.5)
        with pytest.raises(Invalid, match="no role admin"):
            await trusts.create(east, "user-token", who, "service", ("admin",))
        rig.cloud.handle = lambda request: kit.reply(201, {})
        with pytest.raises(Ambiguous):
            await trusts.create(east, "user-token", who, "service")
        return rig.cloud.requests

    first, second, *rest = virtual(work())
    assert first.url == "http://east.test/identity/v3/OS-TRUST/trusts"
    assert first.headers["X-Auth-Token"] == "user-token"
    wish = msgspec.json.decode(first.body)["trust"]
    assert wish == {
        "trustor_user_id": "u",
        "trustee_user_id": "service",
        "project_id": kit.PROJECT,
        "impersonation": True,
        "allow_redelegation": False,
        "roles": [{"name": "member"}, {"name": "reader"}],
    }
    narrow = msgspec.json.decode(second.body)["trust"]
    assert narrow["roles"] == [{"name": "reader"}]
    assert narrow["expires_at"] == "2023-11-14T22:13:20.500000Z"
    assert len(rest) == 1


def test_removing_a_trust_that_is_gone_is_no_error(kit, virtual):
    async def work():
        rig = kit.Rig()
        trusts = Trusts(rig.calls)
        session = await rig.sessions.get(kit.spec(), kit.CREDENTIAL)
        for answer in (kit.reply(204), kit.reply(404, {"error": {"message": "Could not find trust"}})):
            rig.cloud.handle = lambda request, answer=answer: answer
            await trusts.delete(kit.spec(), session, "T")
        rig.cloud.handle = lambda request: kit.reply(403, {"error": {"message": "not yours"}})
        with pytest.raises(ServiceRefusal):
            await trusts.delete(kit.spec(), session, "T")
        return rig.cloud.requests[-1]

    last = virtual(work())
    assert (last.method, last.url) == ("DELETE", "http://east.test/identity/v3/OS-TRUST/trusts/T")


def test_the_registry_tells_what_changed():
    east, west = (RegionSpec(name=Region(n), auth_url=f"http://{n}") for n in ("east", "west"))
    registry = Registry([east])
    told = []
    registry.on_change(told.append)
    registry.update([east, west])
    registry.update([west, msgspec.structs.replace(east, exec_seconds=5.0)])
    registry.update([west])
    assert told == ["west", "east", "east"]
    assert registry.names == ["west"]
    assert registry.find(Region("east")) is None


def test_a_regions_record_is_read_with_defaults_and_checked():
    record = b'{"schema": 1, "name": "east", "auth_url": "http://k", "lag_seconds": 1.5, "later": true}'
    read = msgspec.json.decode(record, type=RegionSpec)
    assert (read.lag_seconds, read.exec_seconds, read.catalogue_name) == (1.5, 900.0, "east")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(record.replace(b"1.5", b"-1"), type=RegionSpec)


def test_projects_are_told_apart(kit, virtual):
    async def work():
        rig = kit.Rig()
        rig.cloud.project = Project("q" * 32)
        with pytest.raises(Invalid) as caught:
            await rig.open()
        return caught.value.reason

    assert virtual(work()) is Reason.FORBIDDEN
