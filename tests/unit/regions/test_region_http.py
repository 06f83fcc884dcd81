"""The transport against real sockets on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from aiohttp import web

from global_heat.model.errors import Ambiguous, Transient
from global_heat.regions import http
from global_heat.regions.calls import Calls, Cut
from global_heat.regions.health import RegionHealth
from global_heat.regions.http import AiohttpTransport
from global_heat.regions.limits import Limits
from global_heat.regions.transport import Request


@contextlib.asynccontextmanager
async def serving(handler):
    """An HTTP server that answers everything with `handler`; gives its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://127.0.0.1:{}".format(*runner.addresses[0][1:2])
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def listening(on_connection):
    """A bare TCP server; gives its address."""
    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def request(method, url, timeout=10.0, **fields):
    return Request(method, url, "east", timeout_seconds=timeout, **fields)


def closed_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


METHODS = pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])


def test_what_is_sent_and_what_comes_back():
    async def echo(got):
        return web.json_response(
            {
                "method": got.method,
                "target": got.raw_path,
                "token": got.headers["X-Auth-Token"],
                "agent": got.headers["User-Agent"],
                "body": await got.text(),
            },
            status=202,
            headers={"X-Openstack-Request-Id": "req-9"},
        )

    async def work():
        async with serving(echo) as url, AiohttpTransport() as transport:
            path = "/v2.0/x%2Fy%7E?name=a+b%26c"
            sent = request("PUT", url + path, headers={"X-Auth-Token": "t"}, body=b'{"a":1}')
            return await transport.send(sent)

    response = asyncio.run(work())
    assert response.status == 202
    assert response.headers["x-openstack-request-id"] == "req-9"
    assert response.body == (
        b'{"method": "PUT", "target": "/v2.0/x%2Fy%7E?name=a+b%26c", "token": "t", '
        b'"agent": "global-heat", "body": "{\\"a\\":1}"}'
    )


@METHODS
def test_a_refused_connection_is_certain(method):
    async def work():
        async with AiohttpTransport() as transport:
            with pytest.raises(Transient, match="no connection"):
                await transport.send(request(method, f"http://127.0.0.1:{closed_port()}/"))

    asyncio.run(work())


@pytest.mark.parametrize("url", ["http://nowhere.invalid/", "http:///nothing", "ftp://x/"])
def test_an_address_that_leads_nowhere_is_certain(url):
    async def work():
        async with AiohttpTransport() as transport:
            with pytest.raises(Transient):
                await transport.send(request("POST", url))

    asyncio.run(work())


@METHODS
@pytest.mark.parametrize("reset", [True, False])
def test_a_broken_connection_is_uncertain_and_nothing_is_sent_again(method, reset):
    """aiohttp by itself sends a GET, PUT or DELETE a second time."""
    heads = []

    async def hang_up(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if reset:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    async def work():
        async with listening(hang_up) as url, AiohttpTransport() as transport:
            with pytest.raises(Ambiguous, match="connection broke"):
                await transport.send(request(method, url + "/"))

    asyncio.run(work())
    assert len(heads) == 1


def test_a_read_on_a_kept_connection_that_is_closed_is_not_sent_again_either():
    heads = []

    async def answer_once(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async def work():
        async with listening(answer_once) as url, AiohttpTransport() as transport:
            assert (await transport.send(request("GET", url + "/"))).body == b"{}"
            with pytest.raises(Ambiguous):
                await transport.send(request("GET", url + "/"))

    asyncio.run(work())
    assert len(heads) == 2


def test_a_truncated_answer_is_uncertain():
    async def truncate(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"server": {"id"')
        writer.close()

    async def garble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        writer.close()

    async def work():
        async with AiohttpTransport() as transport:
            for bad in (truncate, garble):
                async with listening(bad) as url:
                    with pytest.raises(Ambiguous):
                        await transport.send(request("POST", url + "/"))

    asyncio.run(work())


def test_an_answer_that_does_not_come_in_time_is_uncertain_and_its_socket_is_closed():
    async def work():
        hung_up = asyncio.Event()

        async def never(reader, writer):
            await reader.read()
            hung_up.set()
            writer.close()

        async with listening(never) as url, AiohttpTransport() as transport:
            with pytest.raises(Ambiguous, match="no answer within"):
                await transport.send(request("POST", url + "/", timeout=0.2))
            await hung_up.wait()

    asyncio.run(work())


def test_an_answer_that_trickles_for_ever_is_given_up_in_time():
    async def work():
        async def trickle(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.01)

        async with listening(trickle) as url, AiohttpTransport() as transport:
            with pytest.raises(Ambiguous):
                await transport.send(request("GET", url + "/", timeout=0.3))

    asyncio.run(work())


@METHODS
def test_a_redirect_is_an_answer_like_any_other(method):
    paths = []

    async def redirect(got):
        paths.append(got.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async def work():
        async with serving(redirect) as url, AiohttpTransport() as transport:
            return await transport.send(request(method, url + "/here"))

    response = asyncio.run(work())
    assert (response.status, response.headers["location"], paths) == (307, "/elsewhere", ["/here"])


def test_a_server_error_is_an_answer():
    async def fail(got):
        return web.Response(status=503, text="no")

    async def work():
        async with serving(fail) as url, AiohttpTransport() as transport:
            return await transport.send(request("POST", url + "/"))

    assert asyncio.run(work()).status == 503


def test_cookies_are_not_kept():
    async def bake(got):
        return web.json_response(dict(got.cookies), headers={"Set-Cookie": "a=b"})

    async def work():
        async with serving(bake) as url, AiohttpTransport() as transport:
            url = url.replace("127.0.0.1", "localhost")
            await transport.send(request("GET", url + "/"))
            return await transport.send(request("GET", url + "/"))

    assert asyncio.run(work()).body == b"{}"


def test_reads_share_a_connection_and_changes_have_their_own():
    peers = []

    async def note(got):
        peers.append((got.method, got.transport.get_extra_info("peername")))
        return web.json_response({})

    async def work():
        async with serving(note) as url, AiohttpTransport() as transport:
            for method in ("GET", "GET", "POST", "POST"):
                await transport.send(request(method, url + "/"))

    asyncio.run(work())
    assert peers[0] == peers[1]
    assert len({peer for _, peer in peers}) == 3


def test_a_cut_closes_the_sockets_of_changes_in_flight_and_of_nothing_else():
    async def work():
        arrived: asyncio.Queue[str] = asyncio.Queue()
        broken: asyncio.Queue[str] = asyncio.Queue()
        go_on = asyncio.Event()

        async def wait(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            method = head.split()[0].decode()
            arrived.put_nowait(method)
            if method == "GET":
                await go_on.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            else:
                await reader.read()
                broken.put_nowait(method)
            writer.close()

        async with listening(wait) as url, AiohttpTransport() as transport:
            calls = Calls(transport, RegionHealth(transport), Limits())
            sending = {
                method: asyncio.create_task(
                    calls.send(request(method, url + "/"), "network", method != "GET")
                )
                for method in ("GET", "POST", "PUT", "DELETE")
            }
            for _ in sending:
                await arrived.get()
            calls.cut()
            for method in ("POST", "PUT", "DELETE"):
                with pytest.raises(Cut):
                    await sending[method]
            hung_up = {await broken.get() for _ in range(3)}
            go_on.set()
            return hung_up, (await sending["GET"]).status

    assert asyncio.run(work()) == ({"POST", "PUT", "DELETE"}, 200)


def test_a_connection_gives_up_what_is_not_acknowledged():
    with http._open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as opened:
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
