"""A replica as a process behind TLS, over an etcd behind TLS and a password; and who is not let in."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from global_heat.store.etcd.server import Options, Servers, ServerTls
from global_heat.store.etcd.settings import Tls
from tests.integration.authority import Authority
from tests.integration.etcd.gateway import enable_auth
from tests.integration.serve.replica import ENVIRONMENT, RUN, CloudProcess, ReplicaProcess

pytestmark = pytest.mark.integration
COMMAND = (sys.executable, "-c", "from global_heat.cli.main import main; main()")
PREFIX = "/records/"
PASSWORD = "a password of etcd"


class Certificates:
    """Two authorities and what they signed, in files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        ours, foreign = Authority("ours"), Authority("foreign")
        self.ours, self.foreign = folder / "ours.ca", folder / "foreign.ca"
        self.ours.write_bytes(ours.pem)
        self.foreign.write_bytes(foreign.pem)
        self.server, self.server_key = ours.write(folder, "server")
        self.client, self.client_key = ours.write(folder, "client")
        self.stranger, self.stranger_key = foreign.write(folder, "stranger")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls") / "files")


@pytest.fixture(scope="module")
def guarded(make_servers: Callable[..., Servers], certificates: Certificates) -> Servers:
    """A member that wants a certificate and a password: user `heat` may use what is below PREFIX."""
    its = certificates
    servers = make_servers(1, Options(synchronous=False, tls=ServerTls(its.server, its.server_key, its.ours)))

    async def prepare() -> None:
        await servers.healthy(tls=Tls.read(its.ours, its.client, its.client_key))
        context = ssl.create_default_context(cafile=str(its.ours))
        context.load_cert_chain(its.client, its.client_key)
        await enable_auth(servers.members[0], PASSWORD, "heat", PREFIX, context)

    asyncio.run(prepare())
    return servers


@pytest.fixture
def replica(
    cloud: CloudProcess, guarded: Servers, certificates: Certificates, tmp_path: Path
) -> Iterator[ReplicaProcess]:
    """Configured for TLS on all sides, not started."""
    its = certificates
    replica = ReplicaProcess(tmp_path, cloud, guarded.endpoints, PREFIX)
    (tmp_path / "etcd-password").write_text(PASSWORD)
    (tmp_path / "etcd-password").chmod(0o600)
    etcd_tls = {"authority": str(its.ours), "certificate": str(its.client), "key": str(its.client_key)}
    replica.configure("etcd.tls", etcd_tls)
    replica.configure("etcd.user", "heat")
    replica.configure("etcd.password_file", "etcd-password")
    replica.configure("listen.tls", {"certificate": str(its.server), "key": str(its.server_key)})
    yield replica
    replica.close()


def run(cloud: CloudProcess, endpoint: str, *options: object) -> subprocess.CompletedProcess[str]:
    """`global-heat replica list` as a user runs it."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("OS_", "GLOBAL_HEAT"))
    }
    environ |= {"OS_TOKEN": cloud.token("demo", "demo"), "GRPC_VERBOSITY": "NONE"}
    command = [*COMMAND, "replica", "list", "--endpoint", endpoint, "--call-timeout", "5", *map(str, options)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def test_a_client_that_knows_the_authority_is_answered_and_no_other(
    replica: ReplicaProcess, cloud: CloudProcess, certificates: Certificates
) -> None:
    replica.start()
    replica.until_ready()
    assert replica.lines("listening")[0]["tls"] is True
    secure, plain = f"https://{replica.address}", f"http://{replica.address}"

    good = run(cloud, secure, "--ca-file", certificates.ours)
    assert good.returncode == 0 and "r1-" in good.stdout, good.stderr
    for options in ((), ("--ca-file", certificates.foreign)):
        untrusted = run(cloud, secure, *options)
        assert untrusted.returncode == 5
        assert "none of the authorities signed which we trust" in untrusted.stderr
        assert "--ca-file" in untrusted.stderr
    in_clear = run(cloud, plain)
    assert in_clear.returncode == 5 and "it may want TLS" in in_clear.stderr
    misnamed = run(
        cloud, f"https://localhost:{replica.address.rpartition(':')[2]}", "--ca-file", certificates.ours
    )
    assert misnamed.returncode == 5 and "not one for this name" in misnamed.stderr
    no_authority = run(cloud, secure, "--ca-file", replica.config)
    assert no_authority.returncode == 5 and "no PEM" in no_authority.stderr


def test_with_a_client_authority_only_its_own_are_let_in(
    replica: ReplicaProcess, cloud: CloudProcess, certificates: Certificates
) -> None:
    its = certificates
    replica.configure("listen.tls.client_authority", str(its.ours))
    replica.start()
    replica.until_ready()
    secure, known = f"https://{replica.address}", ("--ca-file", its.ours)
    good = run(cloud, secure, *known, "--cert-file", its.client, "--key-file", its.client_key)
    assert good.returncode == 0 and "r1-" in good.stdout, good.stderr
    for shown in ((), ("--cert-file", its.stranger, "--key-file", its.stranger_key)):
        refused = run(cloud, secure, *known, *shown)
        assert refused.returncode == 5 and "a certificate of ours" in refused.stderr


def test_tls_is_not_spoken_where_it_is_not_configured(
    replica: ReplicaProcess, cloud: CloudProcess, certificates: Certificates
) -> None:
    replica.configure("listen.tls", None)
    replica.start()
    replica.until_ready()
    refused = run(cloud, f"https://{replica.address}", "--ca-file", certificates.ours)
    assert refused.returncode == 5 and "does not speak TLS" in refused.stderr
    assert run(cloud, f"http://{replica.address}").returncode == 0


def test_plain_text_beyond_loopback_has_to_be_said(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    port = replica.address.rpartition(":")[2]
    replica.configure("listen", {"address": f"0.0.0.0:{port}"})
    refused = subprocess.run([*RUN, str(replica.config)], env=ENVIRONMENT, capture_output=True, text=True)
    assert refused.returncode == 1 and "listen.tls: is missing: only loopback" in refused.stderr
    replica.configure("listen.insecure", True)
    replica.start()
    replica.until_ready()
    assert run(cloud, f"http://{replica.address}").returncode == 0


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("etcd.password_file", "wrong-password", "authentication failed"),
        ("etcd.tls", None, "the store does not answer"),
        ("etcd.tls.authority", "foreign", "the store does not answer"),
    ],
)
def test_an_etcd_that_does_not_let_it_in_is_told(
    replica: ReplicaProcess, certificates: Certificates, path: str, value: str | None, says: str
) -> None:
    wrong = replica.config.with_name("wrong-password")
    wrong.write_text("canary")
    wrong.chmod(0o600)
    replica.configure(path, str(certificates.foreign) if value == "foreign" else value)
    replica.start()
    replica.until(lambda: says in replica.log.read_text() or replica.process.poll() is not None, "told")
    assert says in replica.log.read_text(), replica.last_words()
    assert "canary" not in replica.log.read_text()
    assert not replica.ready("front_door")
