"""Users, passwords and TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.server import Options, Servers, ServerTls
from global_heat.store.etcd.settings import Password, Settings, Tls
from global_heat.store.protocol import Change, Committed, Progress, absent
from tests.integration.authority import Authority
from tests.integration.etcd.gateway import enable_auth, forget_tokens

pytestmark = pytest.mark.integration
PREFIX = "/records/"


@pytest.fixture(scope="module")
def guarded(make_servers: Callable[..., Servers]) -> Servers:
    """A member that wants passwords. User `heat` may use what is below PREFIX."""
    servers = make_servers(1, Options(synchronous=False))

    async def prepare() -> None:
        await servers.healthy()
        await enable_auth(servers.members[0], "secret", "heat", PREFIX)

    asyncio.run(prepare())
    return servers


def guarded_store(servers: Servers, password: Password | None, prefix: str = PREFIX) -> EtcdStore:
    return EtcdStore(Settings(servers.endpoints, prefix=prefix, password=password, silence_seconds=1))


async def test_the_right_password_opens_and_is_asked_for_once(guarded: Servers) -> None:
    async with guarded_store(guarded, Password("heat", "secret")) as store:
        await store.check_version()
        await asyncio.gather(*(store.commit(put={f"k{n}": b""}) for n in range(20)))
        assert len((await store.scan("k")).entries) == 20


@pytest.mark.parametrize("password", [None, Password("heat", "canary"), Password("nobody", "canary")])
async def test_without_the_right_password_nothing_is_done(
    guarded: Servers, password: Password | None
) -> None:
    async with guarded_store(guarded, password) as store:
        for call in (store.get("a"), store.commit(absent("a")), anext(store.watch("a", after=0))):
            with pytest.raises(Invalid) as caught:
                await call
            assert caught.value.reason is Reason.UNAUTHENTICATED
            assert "canary" not in str(caught.value)


async def test_what_the_user_may_not_touch_is_forbidden(guarded: Servers) -> None:
    async with guarded_store(guarded, Password("heat", "secret"), prefix="/elsewhere/") as store:
        for call in (store.get("a"), store.commit(put={"a": b""}), anext(store.watch("", after=0))):
            with pytest.raises(Invalid) as caught:
                await call
            assert caught.value.reason is Reason.FORBIDDEN


async def test_a_token_that_the_server_forgot_is_renewed_on_the_way(guarded: Servers) -> None:
    (member,) = guarded.members
    password = Password("heat", "secret")
    async with guarded_store(guarded, password) as writer, guarded_store(guarded, password) as reader:
        watch = reader.watch("renewed", after=(await writer.scan("")).revision)
        assert isinstance(await anext(watch), Progress)
        await forget_tokens(member, "secret")
        committed = await writer.commit(absent("renewed"), put={"renewed": b"1"})
        assert isinstance(committed, Committed)
        # The watch stands as it was let in; it shows its token again when it has to begin anew.
        member.kill()
        member.start()
        await member.healthy()
        while isinstance(heard := await anext(watch), Progress):
            pass
        assert heard == Change("renewed", b"1", committed.revision, committed.revision)
        while not isinstance(await anext(watch), Progress):
            pass
        await watch.aclose()


async def test_a_password_for_a_cluster_that_knows_none_is_refused(cluster_of_1: Servers) -> None:
    async with guarded_store(cluster_of_1, Password("heat", "secret")) as store:
        with pytest.raises(Invalid, match="authentication is not enabled"):
            await store.get("a")


async def test_tls_lets_in_who_shows_the_right_certificate(
    make_servers: Callable[..., Servers], tmp_path: Path, prefix: str
) -> None:
    ours, foreign = Authority("ours"), Authority("foreign")
    paths = [tmp_path / name for name in ("server.pem", "server.key", "authority.pem")]
    for path, text in zip(paths, (*ours.issue("server"), ours.pem), strict=True):
        path.write_bytes(text)
    servers = make_servers(1, Options(synchronous=False, tls=ServerTls(*paths)))
    good = Tls(ours.pem, *ours.issue("heat"))
    await servers.healthy(tls=good)

    def opened(tls: Tls | None) -> EtcdStore:
        return EtcdStore(Settings(servers.endpoints, prefix=prefix, tls=tls, call_seconds=1))

    async with opened(good) as store:
        await store.check_version()
        assert isinstance(await store.commit(absent("a"), put={"a": b"1"}), Committed)
        found = await store.get("a")
        assert found is not None and found.value == b"1"
    for bad in (
        None,
        Tls(ours.pem),
        Tls(foreign.pem, good.certificate, good.key),
        Tls(ours.pem, *foreign.issue("x")),
    ):
        async with opened(bad) as store:
            with pytest.raises(Transient):
                await store.get("a")
