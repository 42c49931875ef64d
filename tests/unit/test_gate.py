"""The gate that a 429 closes: from then on no request begins, wherever its preparation is."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from dvc_osf import transport as transport_module
from dvc_osf.exceptions import OSFRateLimitError
from dvc_osf.messages import BytesBody

BIG = transport_module.EXPECT_FROM


class Held:
    """A body that begins, and closes, when the test says so."""

    def __init__(self, size):
        self.size = size
        self.failure = None
        self.starved = False
        self.asked, self.ready = asyncio.Event(), asyncio.Event()
        self.closing, self.may_close = asyncio.Event(), asyncio.Event()
        self._body = BytesBody(bytes(size))

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.asked.set()
        await self.ready.wait()
        return await anext(self._body)

    async def aclose(self):
        self.closing.set()
        await self.may_close.wait()


@pytest.fixture
def pause(clock):
    """Let pauses last until the test sets this."""
    over, sleep = asyncio.Event(), clock.sleep

    async def sleep_until_told(seconds):
        await over.wait()
        await sleep(seconds)

    clock.sleep = sleep_until_told
    return over


def refusing_first(method):
    """Make a script that refuses the first request of a method."""
    refused = []

    async def script(exchange):
        await exchange.read_body()
        if exchange.method == method and not refused:
            refused.append(exchange)
            return 429, b"{}", {"Retry-After": "5"}
        return 200, b"{}"

    return script


@pytest.fixture
def refuse(ask):
    """Send a GET that the server refuses; return it when the gate is closed."""

    async def send(transport, server, until):
        refused = asyncio.ensure_future(transport.request(ask("GET", server.url)))
        await until(lambda: not transport._gate.is_open)
        return refused

    return send


async def test_a_request_does_not_begin_that_was_connecting(
    serve, connect, ask, refuse, pause, stats, until, settle, monkeypatch
):
    connected, go_on = asyncio.Event(), asyncio.Event()
    original = aiohttp.TCPConnector.connect

    async def connect_slowly(self, request, *args, **kwargs):
        connection = await original(self, request, *args, **kwargs)
        if request.method == "DELETE":
            connected.set()
            await go_on.wait()
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_slowly)
    server, transport = await serve(refusing_first("GET")), connect()
    late = asyncio.ensure_future(transport.request(ask("DELETE", server.url)))
    await connected.wait()
    refused = await refuse(transport, server, until)

    go_on.set()
    await settle()
    assert stats.total == 1
    pause.set()
    assert [answer.status for answer in await asyncio.gather(refused, late)] == [200, 200]
    assert sorted(server.methods) == ["DELETE", "GET", "GET"]
    assert stats.total == 3
    assert stats.retries == 0


@pytest.mark.parametrize("size", [1000, BIG], ids=["small", "large"])
async def test_a_request_does_not_begin_whose_body_was_being_read(
    serve, connect, ask, refuse, pause, stats, until, settle, size
):
    server, transport = await serve(refusing_first("GET")), connect()
    # A large body is read ahead where the host is not asked whether it wants it.
    transport._deaf_hosts.add("127.0.0.1")
    bodies = []

    def make():
        bodies.append(Held(size))
        bodies[-1].may_close.set()
        if len(bodies) > 1:
            bodies[-1].ready.set()
        return bodies[-1]

    late = asyncio.ensure_future(transport.request(ask("PUT", server.url, body=make)))
    await until(lambda: bodies and bodies[0].asked.is_set())
    refused = await refuse(transport, server, until)

    bodies[0].ready.set()
    await settle()
    assert stats.total == 1
    pause.set()
    assert [answer.status for answer in await asyncio.gather(refused, late)] == [200, 200]
    assert sorted(server.methods) == ["GET", "GET", "PUT"]
    assert [len(each.body) for each in server.requests if each.method == "PUT"] == [size]
    assert stats.total == 3
    assert stats.bytes_sent == size
    assert len(bodies) == 2


async def test_a_body_is_not_sent_unasked_that_was_offered_before(
    serve, connect, ask, refuse, pause, stats, until, settle, monkeypatch
):
    monkeypatch.setattr(transport_module, "EXPECT_PATIENCE", 0.05)
    refusing = refusing_first("GET")

    async def script(exchange):
        if "expect" in exchange.headers:
            await asyncio.Event().wait()
        return await refusing(exchange)

    server, transport = await serve(script), connect()
    make = lambda: BytesBody(bytes(BIG))  # noqa: E731
    late = asyncio.ensure_future(transport.request(ask("PUT", server.url, body=make)))
    await until(lambda: server.methods == ["PUT"])
    refused = await refuse(transport, server, until)

    await until(lambda: transport._deaf_hosts)
    await settle()
    assert stats.total == 2
    pause.set()
    assert [answer.status for answer in await asyncio.gather(refused, late)] == [200, 200]
    assert sorted(server.methods) == ["GET", "GET", "PUT", "PUT"]
    assert stats.total == 4


async def test_the_gate_closes_before_the_refused_body_does(serve, connect, ask, pause, until):
    server, transport = await serve(refusing_first("PUT")), connect()
    bodies = []

    def make():
        bodies.append(Held(1000))
        bodies[-1].ready.set()
        return bodies[-1]

    refused = asyncio.ensure_future(transport.request(ask("PUT", server.url, body=make)))
    await until(lambda: bodies and bodies[0].closing.is_set())
    assert not transport._gate.is_open

    bodies[0].may_close.set()
    pause.set()
    await until(lambda: len(bodies) == 2)
    bodies[1].may_close.set()
    assert (await refused).status == 200


async def test_a_refusal_that_ends_the_patience_leaves_no_connection(serve, connect, ask, until):
    server, transport = await serve(refusing_first("GET")), connect(max_wait=1)

    with pytest.raises(OSFRateLimitError):
        await transport.request(ask("GET", server.url))
    await until(lambda: server.open == 0)
    assert (await transport.request(ask("GET", server.url))).status == 200
    assert server.connections == 2
