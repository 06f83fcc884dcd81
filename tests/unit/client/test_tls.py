"""TLS and mutual TLS between client and replica."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from global_heat.api.server import Listen, bind, build_server
from global_heat.api.server import Tls as ServerTls
from global_heat.client import Client, Connection, FixedToken, Tls, parse_endpoints
from global_heat.client.handshake import TLS_MISMATCH
from tests.unit.api.world import World, refused


def certificate() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "replica")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text, made.public_bytes(serialization.Encoding.PEM)


async def listed(port: int, tls: Tls) -> object:
    endpoints = parse_endpoints(f"https://127.0.0.1:{port}")
    async with Client(Connection(endpoints, FixedToken("ann"), tls, seconds=2.0)) as client:
        return await client.list_stacks()


async def test_who_is_not_signed_by_the_authority_is_not_talked_to(world: World):
    key, signed = certificate()
    _, other = certificate()
    server = build_server(world.backend)
    world.stop_with_it(server)
    port = bind(server, Listen("127.0.0.1:0", ServerTls(key, signed)))
    await server.start()
    assert await listed(port, Tls(authority=signed)) == []
    error = await refused(listed(port, Tls(authority=other)))
    assert (error.code, error.reason) == ("UNAVAILABLE", TLS_MISMATCH)
    assert f"127.0.0.1:{port} cannot be talked to" in error.message


async def test_one_that_cannot_be_trusted_is_passed_over_for_another(world: World):
    key, signed = certificate()
    server = build_server(world.backend)
    world.stop_with_it(server)
    port = bind(server, Listen("127.0.0.1:0", ServerTls(key, signed)))
    await server.start()
    endpoints = parse_endpoints(f"https://127.0.0.1:{port},http://{world.endpoint}")
    async with Client(Connection(endpoints, FixedToken("ann"), Tls())) as client:
        assert await client.list_stacks() == []
    # With all of them so there is no use in trying until the time is over.
    endpoints = parse_endpoints(f"https://127.0.0.1:{port},https://{world.endpoint}")
    async with Client(Connection(endpoints, FixedToken("ann"), Tls(), seconds=3600.0)) as client:
        assert (await refused(client.list_stacks())).reason == TLS_MISMATCH


async def test_a_replica_may_ask_for_a_certificate(world: World):
    key, signed = certificate()
    client_key, client_signed = certificate()
    server = build_server(world.backend)
    world.stop_with_it(server)
    port = bind(server, Listen("127.0.0.1:0", ServerTls(key, signed, client_ca=client_signed)))
    await server.start()
    known = Tls(authority=signed, certificate=client_signed, key=client_key)
    assert await listed(port, known) == []
    assert (await refused(listed(port, Tls(authority=signed)))).code == "UNAVAILABLE"
