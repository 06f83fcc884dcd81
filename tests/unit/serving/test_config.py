"""The configuration file: what it may say, and how a fault in it is told."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from global_heat.cli.serving.config import RegionOptions, is_loopback, split_address
from global_heat.model.errors import Transient
from global_heat.model.names import Region
from global_heat.regions.limits import Pace
from global_heat.regions.registry import RegionSpec
from tests.unit.serving.conftest import changed, good, write_secret


def test_little_has_to_be_said(load: Any) -> None:
    setup = load(good())
    assert setup.config.listen.address == "127.0.0.1:8904"
    assert setup.config.engine.lease_seconds == 15.0
    assert setup.config.engine.sweep_dry_run is False
    assert setup.etcd.endpoints == ("127.0.0.1:2379",)
    assert list(setup.sealing_keys) == ["k1"] and len(setup.sealing_keys["k1"]) == 32
    assert setup.services.of("any").credential.password == "a service's password"
    assert setup.config.home_spec.auth_url == "http://127.0.0.1:5000/v3"


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        ("etcd.endpoint", "x", "etcd.endpoint", "not known"),
        ("colour", "red", "colour", "not known"),
        ("replica.region", 7, "replica.region", "expected `str`, got `int`"),
        ("replica.id", "two words", "replica.id", "matching regex"),
        ("etcd.endpoints", "127.0.0.1:2379", "etcd.endpoints", "expected `array`"),
        ("etcd.endpoints", [], "etcd.endpoints", "at least one"),
        ("etcd.endpoints", ["http://a:1"], "etcd.endpoints[0]", "not host:port"),
        ("etcd.endpoints", ["a:1", 2], "etcd.endpoints[1]", "expected `str`"),
        ("etcd.prefix", "/global-heat", "etcd.prefix", "does not end with a slash"),
        ("etcd.user", "root", "etcd.password_file", "GLOBAL_HEAT_ETCD_PASSWORD"),
        ("etcd.tls", {}, "etcd.tls.authority", "missing"),
        ("etcd.tls", {"authority": "none.pem"}, "etcd.tls.authority", "No such file"),
        ("etcd.tls", {"authority": "ca.pem", "key": "password"}, "etcd.tls", "go together"),
        ("engine", {"lease_seconds": "long"}, "engine.lease_seconds", "expected `float`"),
        ("engine", {"lease_seconds": 1}, "engine.lease_seconds", "at least 2"),
        ("engine", {"sweep_dry_run": "maybe"}, "engine.sweep_dry_run", "expected `bool`"),
        ("engine", {"deletions_per_hour": 0}, "engine.deletions_per_hour", "greater than 0"),
        ("engine", {"poll_seconds": 0}, "engine.poll_seconds", "greater than 0"),
        ("engine", None, "engine", "must be a map, not empty"),
        ("log.level", "loud", "log.level", "invalid enum value 'loud'"),
        ("listen.address", "everywhere", "listen.address", "not host:port"),
        ("listen.address", "0.0.0.0:8904", "listen.tls", "only loopback"),
        ("listen.tls", {"certificate": "a", "key": "b"}, "listen.tls.key", "No such file"),
        ("observe.engine", "8905", "observe.engine", "not host:port"),
        ("identity.auth_url", "keystone", "identity.auth_url", "matching regex"),
        ("identity.interface", "secret", "identity.interface", "invalid enum value"),
        ("sealing.keys", [], "sealing.keys", "no default; make one with"),
        ("sealing.keys", [{"id": "a.b", "file": "sealing.key"}], "sealing.keys[0].id", "matching regex"),
        ("sealing.keys", [{"id": "a", "file": "none"}], "sealing.keys[0].file", "make one with"),
        ("regions", {"west": {"exec_seconds": -1}}, "regions.west.exec_seconds", ">= 0"),
        ("regions", {"west": {"exec": 1}}, "regions.west.exec", "not known"),
        ("regions", {"west": {"pace": {"burst": 0}}}, "regions.west.pace.burst", "greater than 0"),
        ("regions", {"*": {"ca_file": "none.pem"}}, "regions.*.ca_file", "No such file"),
        ("drain_seconds", -1, "drain_seconds", ">= 0"),
    ],
)
def test_a_fault_is_told_with_its_place(faults: Any, path: str, value: Any, where: str, says: str) -> None:
    found = faults(changed(good(), path, value))
    assert where in found
    assert says in found[where]


def test_all_faults_are_told_at_once(faults: Any) -> None:
    document = changed(changed(good(), "replica", {"rigion": "east"}), "log.level", 3)
    document = changed(document, "engine", {"poll_seconds": "x", "scan_seconds": "y"})
    assert set(faults(document)) == {
        "replica.rigion",
        "replica.region",
        "log.level",
        "engine.poll_seconds",
        "engine.scan_seconds",
    }


@pytest.mark.parametrize("text", ["", "- a\n", "replica: {region: [\n", "a: 1\na: 2\n"])
def test_what_is_no_map_is_refused(faults: Any, text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not base64 !", "32 bytes in base64"),
        (base64.b64encode(b"short"), "32 bytes in base64"),
        (base64.b64encode(b"k" * 32), "not random"),
        (b"", "32 bytes in base64"),
    ],
)
def test_a_weak_sealing_key_is_refused(faults: Any, folder: Path, content: bytes, says: str) -> None:
    write_secret(folder / "sealing.key", content)
    found = faults(good())["sealing.keys[0].file"]
    assert says in found
    assert "openssl rand -base64 32" in found


@pytest.mark.parametrize(
    ("name", "where"), [("sealing.key", "sealing.keys[0].file"), ("password", "service.password_file")]
)
def test_a_secret_that_everybody_may_read_is_refused(
    faults: Any, folder: Path, name: str, where: str
) -> None:
    (folder / name).chmod(0o644)
    assert "chmod o-rwx" in faults(good())[where]


def test_two_keys_have_two_ids(faults: Any) -> None:
    keys = [{"id": "k1", "file": "sealing.key"}, {"id": "k1", "file": "sealing.key"}]
    assert "same id" in faults(changed(good(), "sealing.keys", keys))["sealing.keys"]


def test_passwords_may_come_from_the_environment(load: Any, faults: Any) -> None:
    document = changed(changed(good(), "service.password_file", ""), "etcd.user", "gh")
    found = faults(document)
    assert set(found) == {"service.password_file", "etcd.password_file"}
    environ = {"GLOBAL_HEAT_SERVICE_PASSWORD": "one", "GLOBAL_HEAT_ETCD_PASSWORD": "two"}
    setup = load(document, environ)
    assert (setup.services.of("any").credential.password, setup.etcd.password.password) == ("one", "two")
    assert setup.secrets == ("one", "two")


def test_plain_text_beyond_loopback_has_to_be_said(load: Any) -> None:
    document = changed(changed(good(), "listen.address", "0.0.0.0:8904"), "listen.insecure", True)
    assert load(document).tls is None


def test_a_region_has_what_is_said_of_all_and_then_of_it(load: Any, folder: Path) -> None:
    (folder / "ca.pem").write_text("a certificate")
    regions = {
        "*": {"exec_seconds": 5, "lag_seconds": 1, "ca_file": "ca.pem"},
        "west": {"exec_seconds": 60, "pace": {"per_second": 3.0}},
    }
    config = load(changed(good(), "regions", regions)).config
    west, east = (
        config.complete(RegionSpec(name=Region(n), auth_url="http://k/v3")) for n in ("west", "east")
    )
    assert (west.exec_seconds, west.lag_seconds, west.skew_seconds) == (60, 1, 5)
    assert (east.exec_seconds, east.ca_file) == (5, str(folder / "ca.pem"))
    assert config.home_spec.ca_file == str(folder / "ca.pem")
    assert config.pace(Region("west"), "compute").per_second == 3.0
    assert config.pace(Region("east"), "compute") == Pace()


def test_options_say_nothing_by_default() -> None:
    assert all(getattr(RegionOptions(), name) is None for name in RegionOptions.__struct_fields__)


def test_addresses() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address("host:0") == ("host", 0)
    assert split_address(":80") is None and split_address("host:70000") is None
    assert is_loopback("127.0.0.3") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("example.org")


def test_a_certificate_and_its_key_are_read_together(load: Any, faults: Any, folder: Path) -> None:
    for name in ("server", "other"):
        certificate, key = self_signed(name)
        (folder / f"{name}.pem").write_bytes(certificate)
        write_secret(folder / f"{name}.key", key)
    tls = {"certificate": "server.pem", "key": "server.key", "client_authority": "other.pem"}
    document = changed(changed(good(), "listen.tls", tls), "listen.address", "0.0.0.0:8904")
    read = load(document).tls
    assert read.certificate == (folder / "server.pem").read_bytes()
    assert read.key == (folder / "server.key").read_bytes()
    assert read.client_authority == (folder / "other.pem").read_bytes()
    document = changed(good(), "listen.tls", {"certificate": "server.pem", "key": "other.key"})
    assert "cannot be used together" in faults(document)["listen.tls"]


def self_signed(name: str) -> tuple[bytes, bytes]:
    """Certificate and key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def test_a_policy_file_is_read_with_the_configuration(load: Any, faults: Any, folder: Path) -> None:
    assert load(good()).policy is None
    document = changed(good(), "policy.file", "policy.yaml")
    assert "policy.yaml: No such file" in faults(document)["policy.file"]
    (folder / "policy.yaml").write_text('"stack:create": "role:builder"\n')
    read = load(document).policy
    assert (read.path, read.overrides) == (folder / "policy.yaml", {"stack:create": "role:builder"})
    (folder / "policy.yaml").write_text('"stack:crate": "role:builder"\n')
    found = faults(changed(document, "log.level", "loud"))
    assert set(found) == {"log.level"}, "a configuration that cannot be read names no files"
    found = faults(changed(document, "sealing.keys", []))
    assert set(found) == {"sealing.keys", "policy.yaml: stack:crate"}
    (folder / "policy.yaml").write_text("a: [\n")
    assert any("policy.yaml" in path + message for path, message in faults(document).items())


def test_a_cloud_may_have_a_service_user_of_its_own(load: Any, faults: Any, folder: Path) -> None:
    write_secret(folder / "other", b"another password\n")
    own = {"user_name": "gh", "password_file": "other", "trust_roles": ["member"]}
    document = changed(good(), "service.clouds", {"second": own})
    services = load(document).services
    second, first = services.of("second"), services.of("default")
    assert (second.credential.user_name, second.credential.password) == ("gh", "another password")
    assert (second.trust_roles, second.credential.project_name) == (("member",), "service")
    assert (first.credential.user_name, first.trust_roles) == ("global-heat", ())
    assert set(load(document).secrets) == {"a service's password", "another password"}
    # The environment's is the one of all that are not named, and of no other.
    by_environment = load(document, {"GLOBAL_HEAT_SERVICE_PASSWORD": "third"}).services
    assert by_environment.of("second").credential.password == "another password"
    assert by_environment.of("default").credential.password == "third"

    alone = changed(good(), "service", {"clouds": {"default": own}})
    with pytest.raises(Transient, match="no service user of cloud second"):
        load(alone).services.of("second")
    (folder / "other").chmod(0o644)
    assert "chmod o-rwx" in faults(alone)["service.clouds.default.password_file"]


@pytest.mark.parametrize(
    ("service", "where", "says"),
    [
        ({}, "service.user_name", "is missing"),
        ({"password_file": "password"}, "service.user_name", "is missing"),
        (
            {"clouds": {"second": {"user_name": "a", "password_file": "password"}}},
            "service.user_name",
            "default",
        ),
        (
            {"clouds": {"default": {"password_file": "password"}}},
            "service.clouds.default.user_name",
            "missing",
        ),
        ({"clouds": {"default": {"user_name": "a"}}}, "service.clouds.default.password_file", "missing"),
        ({"clouds": {"default": {"user": "a"}}}, "service.clouds.default.user", "not known"),
    ],
)
def test_the_home_cloud_has_a_service_user_and_each_is_whole(
    faults: Any, service: Any, where: str, says: str
) -> None:
    assert says in faults(changed(good(), "service", service))[where]
