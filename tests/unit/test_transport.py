"""One HTTP exchange done right, shown by servers that decide about every byte."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import logging
import shutil
import socket
import ssl
import subprocess

import aiohttp
import pytest

import dvc_osf
from dvc_osf import session
from dvc_osf import transport as transport_module
from dvc_osf.concurrency import BufferBudget
from dvc_osf.exceptions import (
    OSFCertificateError,
    OSFConnectionError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
)
from dvc_osf.messages import BytesBody
from dvc_osf.sources import FileSource
from dvc_osf.utils import ProgressTracker

TOKEN = "sEcReT0123456789"
KIB = 1024
MIB = 1024 * 1024
BIG = transport_module.EXPECT_FROM
"""The smallest body that the server is asked for."""


class SlowBody:
    """A body of any size that takes no memory; between its pieces it does as it is told."""

    def __init__(self, size, piece=64 * KIB, between=None):
        self.size = size
        self.failure = None
        self.starved = False
        self.closed = False
        self.sent = 0
        self._piece = bytes(piece)
        self._between = between

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._between is not None:
            await self._between(self)
        if self.sent >= self.size:
            raise StopAsyncIteration
        piece = self._piece[: self.size - self.sent]
        self.sent += len(piece)
        return piece

    async def aclose(self):
        self.closed = True


def bytes_body(data):
    return lambda: BytesBody(data)


async def accept(exchange):
    """Take any request and answer with what is known of it."""
    await exchange.read_body()
    return 200, {"size": len(exchange.received)}


async def never(_exchange):
    await asyncio.Event().wait()


async def download(transport, request, got):
    """Read an answer as it arrives."""
    async with transport.stream(request) as response:
        async for chunk in transport.chunks(request, response):
            got.append(chunk)


@pytest.fixture
def impatient(monkeypatch):
    """Wait for ``100 Continue`` for a moment only."""
    monkeypatch.setattr(transport_module, "EXPECT_PATIENCE", 0.05)


# -- what goes along ---------------------------------------------------------------------------


class TestHeaders:
    URL = "http://osf.test/v1/x"

    async def sent_headers(self, mocked, connect, ask, token=None, **details):
        mocked.get(self.URL, payload={})
        await connect(token).request(ask("GET", self.URL, **details))
        ((_, _, call),) = mocked.sent()
        return call["headers"]

    async def test_the_client_says_who_it_is(self, mocked, connect, ask):
        headers = await self.sent_headers(mocked, connect, ask)
        assert headers["User-Agent"].startswith(f"dvc-osf/{dvc_osf.__version__} ")

    async def test_bytes_are_wanted_as_they_are_stored(self, mocked, connect, ask):
        headers = await self.sent_headers(mocked, connect, ask)
        assert headers["Accept-Encoding"] == "identity"

    async def test_the_token_goes_along(self, mocked, connect, ask):
        headers = await self.sent_headers(mocked, connect, ask, TOKEN)
        assert headers["Authorization"] == f"Bearer {TOKEN}"

    async def test_without_a_token_none_goes_along(self, mocked, connect, ask):
        assert "Authorization" not in await self.sent_headers(mocked, connect, ask)

    async def test_the_token_stays_where_a_request_is_not_the_osfs(self, mocked, connect, ask):
        headers = await self.sent_headers(mocked, connect, ask, TOKEN, authorized=False)
        assert "Authorization" not in headers

    async def test_extra_headers_go_along(self, mocked, connect, ask):
        headers = await self.sent_headers(mocked, connect, ask, headers={"Range": "bytes=0-4"})
        assert headers["Range"] == "bytes=0-4"

    async def test_a_body_has_its_exact_length_and_no_invented_type(self, serve, connect, ask):
        server = await serve(accept)
        await connect().request(ask("PUT", server.url, body=bytes_body(b"hello")))
        await connect().request(ask("PUT", server.url, body=bytes_body(b"")))
        await connect().request(ask("PUT", server.url, body=lambda: SlowBody(100_000)))
        assert [each.headers["content-length"] for each in server.requests] == ["5", "0", "100000"]
        for exchange in server.requests:
            assert "transfer-encoding" not in exchange.headers
            assert "content-type" not in exchange.headers

    async def test_the_url_goes_out_character_by_character(self, serve, connect, ask):
        server = await serve(accept)
        target = "/v1/x?name=a%2Bb%20%C3%A9%2525%23&kind=file&sig=a%2fB+~"
        await connect().request(ask("GET", f"{server.url}{target}"))
        assert server.targets == [target]

    async def test_cookies_are_not_kept(self, serve, connect, ask):
        async def script(_exchange):
            return 200, b"", {"Set-Cookie": "session=1"}

        server, transport = await serve(script), connect()
        for _ in range(2):
            await transport.request(ask("GET", server.url))
        assert "cookie" not in server.requests[1].headers


class TestNetrc:
    @pytest.fixture(autouse=True)
    def _netrc(self, monkeypatch, tmp_path):
        file = tmp_path / ".netrc"
        file.write_text("machine 127.0.0.1 login someone password else\n", encoding="utf-8")
        file.chmod(0o600)
        monkeypatch.setenv("NETRC", str(file))
        monkeypatch.setenv("HOME", str(tmp_path))

    async def test_it_does_not_replace_the_token(self, serve, connect, ask):
        server = await serve(accept)
        await connect(TOKEN).request(ask("GET", server.url))
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"

    async def test_it_is_not_read_where_there_is_no_token(self, serve, connect, ask):
        server = await serve(accept)
        await connect().request(ask("GET", server.url))
        assert "authorization" not in server.requests[0].headers


# -- what comes back ---------------------------------------------------------------------------


class TestAnswers:
    async def test_an_answer_is_read_whole(self, serve, connect, ask):
        async def script(_exchange):
            return 200, b"x" * 300_000, {"ETag": '"e"'}

        server = await serve(script)
        answer = await connect().request(ask("GET", server.url))
        assert (answer.status, answer.content) == (200, b"x" * 300_000)
        assert answer.headers["etag"] == '"e"'
        assert (answer.bytes_sent, answer.bytes_to_send) == (None, None)

    @pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 403, 404, 409, 500, 503, 507])
    async def test_any_status_is_an_answer(self, serve, connect, ask, status):
        async def script(_exchange):
            return status, b""

        server = await serve(script)
        assert (await connect().request(ask("GET", server.url))).status == status

    async def test_an_answer_to_a_body_knows_how_much_was_sent(self, serve, connect, ask):
        server = await serve(accept)
        answer = await connect().request(ask("PUT", server.url, body=bytes_body(b"hello")))
        assert (answer.bytes_sent, answer.bytes_to_send) == (5, 5)

    async def test_redirects_are_not_followed_where_none_belong(self, serve, connect, ask):
        async def script(_exchange):
            return 301, b"", {"Location": "http://evil.test/"}

        server = await serve(script)
        assert (await connect(TOKEN).request(ask("GET", server.url))).status == 301

    async def test_a_stored_gzip_file_is_not_unpacked(self, serve, connect, ask):
        packed = gzip.compress(b"content")

        async def script(_exchange):
            return 200, packed, {"Content-Encoding": "gzip"}

        server = await serve(script)
        assert (await connect().request(ask("GET", server.url))).content == packed

    async def test_connections_are_used_again(self, serve, connect, ask):
        server, transport = await serve(accept), connect()
        for method in ("GET", "PUT", "GET"):
            body = bytes_body(b"x") if method == "PUT" else None
            await transport.request(ask(method, server.url, body=body))
        assert server.connections == 1

    async def test_after_refusing_a_body_the_connection_is_not_used_again(
        self, serve, connect, ask
    ):
        async def script(exchange):
            await exchange.read_body()
            return (403 if exchange.received else 200), b"{}"

        server, transport = await serve(script), connect()
        await transport.request(ask("PUT", server.url, body=bytes_body(b"x")))
        await transport.request(ask("GET", server.url))
        assert [each.connection for each in server.requests] == [1, 2]

    async def test_refusals_do_not_cost_other_requests_their_connections(
        self, serve, connect, ask, stats
    ):
        async def script(exchange):
            await exchange.read_body()
            return (403 if exchange.received else 200), b"{}"

        server, transport = await serve(script), connect(max_requests=8)

        async def work(number):
            body = bytes_body(b"x") if number % 2 else None
            method = "PUT" if body else "GET"
            for _ in range(20):
                answer = await transport.request(ask(method, server.url, body=body))
                assert answer.status == (403 if body else 200)

        await asyncio.gather(*(work(number) for number in range(12)))
        assert len(server.requests) == 240 == stats.total

    async def test_after_refusing_a_request_without_a_body_it_is_not_either(
        self, serve, connect, ask
    ):
        async def script(_exchange):
            return 404, b"{}"

        server, transport = await serve(script), connect()
        for _ in range(2):
            await transport.request(ask("GET", server.url))
        assert server.connections == 2

    async def test_large_answers_do_not_need_to_be_read_to_the_end(self, serve, connect, ask):
        async def script(exchange):
            with contextlib.suppress(ConnectionError):
                await exchange.answer(200, bytes(20 * MIB))

        server, transport = await serve(script), connect(max_requests=1)
        for _ in range(2):
            request = ask("GET", server.url)
            async with transport.stream(request) as response:
                chunks = transport.chunks(request, response)
                assert await anext(chunks)
                await chunks.aclose()
        assert [each.connection for each in server.requests] == [1, 2]


# -- failures ----------------------------------------------------------------------------------


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class TestLostConnections:
    async def test_a_refused_connection_says_so(self, connect, ask, closed_port):
        with pytest.raises(OSFConnectionError, match=r"cannot connect to http://127\.") as caught:
            await connect().request(ask("GET", f"http://127.0.0.1:{closed_port}/secret?sig=1"))
        error = caught.value
        assert (error.operation, error.path) == ("put_file", "abc12/osfstorage/a.txt")
        assert "sig=" not in str(error)
        assert "HTTPS_PROXY" in str(error)

    async def test_a_name_that_does_not_resolve_says_so(self, connect, ask, monkeypatch):
        def unknown(*_args, **_kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(OSFConnectionError, match=r"cannot connect to http://osf\.invalid"):
            await connect().request(ask("GET", "http://osf.invalid/"))

    @pytest.mark.parametrize("how", ["reset", "close"])
    @pytest.mark.parametrize("kind", ["GET", "DELETE", "PUT nothing", "PUT bytes", "PUT stream"])
    async def test_a_request_on_a_kept_connection_is_not_sent_again_by_itself(
        self, serve, connect, ask, how, kind
    ):
        async def script(exchange):
            await exchange.read_body()
            if len(server.requests) == 1:
                return 200, b"{}"
            if how == "reset":
                exchange.reset()
            else:
                exchange.writer.close()
            return None

        method, _, what = kind.partition(" ")
        bodies = {"nothing": b"", "bytes": b"x" * 1000}
        body = None if method != "PUT" else bytes_body(bodies.get(what, b""))
        if what == "stream":
            body = lambda: SlowBody(1000)  # noqa: E731
        server, transport = await serve(script), connect()
        await transport.request(ask("GET", server.url))
        with pytest.raises(OSFConnectionError, match="was lost"):
            await transport.request(ask(method, server.url, body=body))
        assert server.methods == ["GET", method]
        assert server.connections == 1

    async def test_an_answer_that_is_cut_off_is_no_answer(self, serve, connect, ask):
        async def script(exchange):
            await exchange.answer(200, b"{}", length=100)
            exchange.writer.close()

        server = await serve(script)
        with pytest.raises(OSFConnectionError, match="was cut off"):
            await connect().request(ask("GET", server.url))

    async def test_a_stream_that_is_cut_off_is_an_error(self, serve, connect, ask):
        async def script(exchange):
            await exchange.answer(200, b"12345", length=10)
            exchange.writer.close()

        server, transport = await serve(script), connect()
        got = []
        with pytest.raises(OSFConnectionError, match="was cut off"):
            await download(transport, ask("GET", server.url), got)
        assert b"".join(got) == b"12345"

    async def test_what_is_no_http_is_a_lost_connection(self, serve, connect, ask):
        async def script(exchange):
            await exchange.send(b"SSH-2.0-OpenSSH\r\n\r\n")
            exchange.writer.close()

        server = await serve(script)
        with pytest.raises(OSFConnectionError):
            await connect().request(ask("GET", server.url))

    @pytest.mark.parametrize(
        ("raised", "cls", "words"),
        [
            (aiohttp.ClientPayloadError("x"), OSFConnectionError, "was cut off"),
            (aiohttp.ServerDisconnectedError(), OSFConnectionError, "was lost"),
            (aiohttp.ClientOSError(104, "reset"), OSFConnectionError, "was lost"),
            (aiohttp.ClientError("http://x/?sig=s3cret"), OSFConnectionError, "was lost"),
            (asyncio.TimeoutError(), OSFTimeoutError, "was silent for too long"),
            (aiohttp.ServerTimeoutError(), OSFTimeoutError, "was silent for too long"),
        ],
    )
    async def test_each_failure_of_aiohttp_is_one_of_ours(
        self, mocked, connect, ask, raised, cls, words
    ):
        url = "http://osf.test/x?sig=s3cret"
        mocked.get(url, exception=raised)
        with pytest.raises(cls, match=f"http://osf.test {words}|{words}") as caught:
            await connect().request(ask("GET", url))
        assert "s3cret" not in str(caught.value)
        assert caught.value.__cause__ is raised


class TestSilence:
    async def test_a_server_that_does_not_answer_is_given_up(self, serve, connect, ask):
        server = await serve(never)
        with pytest.raises(OSFTimeoutError, match="silent for too long") as caught:
            await connect(timeout=0.1).request(ask("GET", server.url))
        assert "raise timeout" in str(caught.value)

    async def test_a_server_that_falls_silent_midway_is_given_up(self, serve, connect, ask):
        async def script(exchange):
            await exchange.answer(200, b"12345", length=10)
            await never(exchange)

        server = await serve(script)
        with pytest.raises(OSFTimeoutError):
            await connect(timeout=0.1).request(ask("GET", server.url))

    async def test_a_stream_that_falls_silent_is_given_up(self, serve, connect, ask):
        async def script(exchange):
            await exchange.answer(200, b"12345", length=10)
            await never(exchange)

        server, transport = await serve(script), connect(timeout=0.1)
        with pytest.raises(OSFTimeoutError):
            await download(transport, ask("GET", server.url), [])

    async def test_a_slow_answer_that_keeps_coming_is_waited_for(self, serve, connect, ask):
        async def script(exchange):
            await exchange.answer(200, b"", length=10)
            for _ in range(10):
                await asyncio.sleep(0.05)
                await exchange.send(b"x")

        server = await serve(script)
        answer = await connect(timeout=0.3).request(ask("GET", server.url))
        assert answer.content == b"x" * 10


class TestWatchdog:
    @pytest.mark.usefixtures("impatient")
    async def test_a_server_that_stops_reading_ends_the_upload(self, serve, connect, ask):
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await exchange.read_body(100_000)
            await never(exchange)

        server, body = await serve(script), SlowBody(500 * MIB)
        with pytest.raises(OSFTimeoutError, match="the upload made no progress") as caught:
            await connect(upload_timeout=0.3).request(ask("PUT", server.url, body=lambda: body))
        assert 0 < caught.value.bytes_uploaded < 500 * MIB
        assert caught.value.total_size == 500 * MIB
        assert body.closed
        assert server.methods == ["PUT"]

    async def test_a_server_that_never_answers_ends_the_upload(self, serve, connect, ask):
        async def script(exchange):
            await exchange.read_body()
            await never(exchange)

        server = await serve(script)
        with pytest.raises(OSFTimeoutError) as caught:
            await connect(upload_timeout=0.2).request(
                ask("PUT", server.url, body=bytes_body(b"hello"))
            )
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (5, 5)

    async def test_a_source_that_stops_giving_ends_the_upload(self, serve, connect, ask):
        async def stop(body):
            if body.sent:
                await asyncio.Event().wait()

        server, body = await serve(accept), SlowBody(200_000, between=stop)
        with pytest.raises(OSFTimeoutError, match="made no progress"):
            await connect(upload_timeout=0.2).request(ask("PUT", server.url, body=lambda: body))
        assert body.closed

    @pytest.mark.usefixtures("impatient")
    async def test_an_upload_that_waits_for_its_own_buffer_is_not_taken_for_a_stalled_one(
        self, serve, connect, ask, tmp_path
    ):
        # On a slow line the buffers of other uploads take longer to leave than upload_timeout.
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return await accept(exchange)

        (tmp_path / "local").write_bytes(bytes(4 * MIB))
        budget = BufferBudget(16 * MIB)
        await budget.acquire(14 * MIB)
        server, transport = await serve(script), connect(upload_timeout=0.3)
        source = FileSource(str(tmp_path / "local"), 4 * MIB, 2 * MIB, budget)
        request = ask("PUT", server.url, body=lambda: source.body(ProgressTracker(None)))
        uploading = asyncio.ensure_future(transport.request(request))
        await asyncio.wait({uploading}, timeout=1)
        budget.release(14 * MIB)
        assert (await uploading).status == 200

    async def test_a_slow_server_that_keeps_reading_is_waited_for(self, serve, connect, ask):
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            while len(exchange.received) < exchange.length:
                await asyncio.sleep(0.05)
                wanted = len(exchange.received) + 3 * MIB
                await exchange.read_body(min(exchange.length, wanted))
            await exchange.answer(200, b"{}")

        server, transport = await serve(script), connect(upload_timeout=0.5)
        answer = await transport.request(ask("PUT", server.url, body=lambda: SlowBody(60 * MIB)))
        assert answer.status == 200
        assert len(server.requests[0].received) == 60 * MIB

    async def test_silence_is_not_the_upload_timeout_for_other_requests(self, serve, connect, ask):
        server = await serve(never)
        with pytest.raises(OSFTimeoutError):
            await connect(timeout=0.1, upload_timeout=600).request(ask("GET", server.url))


# -- asking before sending ---------------------------------------------------------------------


class TestExpect:
    async def test_a_small_body_is_just_sent(self, serve, connect, ask):
        server = await serve(accept)
        await connect().request(ask("PUT", server.url, body=bytes_body(bytes(BIG - 1))))
        assert "expect" not in server.requests[0].headers

    @pytest.mark.parametrize("make", [lambda: BytesBody(bytes(BIG)), lambda: SlowBody(BIG)])
    async def test_a_large_body_is_sent_when_the_server_asks_for_it(
        self, serve, connect, ask, make
    ):
        async def script(exchange):
            with pytest.raises(asyncio.TimeoutError):
                # Nothing comes before it is asked for.
                await asyncio.wait_for(exchange.reader.read(1), 0.05)
            await exchange.send(b"HTTP/1.1 100 (Continue)\r\n\r\n")
            return await accept(exchange)

        server = await serve(script)
        answer = await connect().request(ask("PUT", server.url, body=make))
        assert server.requests[0].headers["expect"] == "100-continue"
        assert server.requests[0].body == bytes(BIG)
        assert server.methods == ["PUT"]
        assert answer.bytes_sent == BIG

    @pytest.mark.parametrize("status", [403, 404, 409, 507])
    async def test_a_refusal_arrives_and_no_byte_of_the_body_leaves(
        self, serve, connect, ask, stats, status
    ):
        rest = asyncio.get_running_loop().create_future()

        async def script(exchange):
            await exchange.answer(status, {"message": "no"})
            rest.set_result(await exchange.reader.read())

        server, body = await serve(script), SlowBody(50 * MIB)
        answer = await connect().request(ask("PUT", server.url, body=lambda: body))
        assert answer.status == status
        assert (answer.bytes_sent, answer.bytes_to_send) == (0, 50 * MIB)
        assert await rest == b""
        assert (body.sent, body.closed) == (0, True)
        assert server.methods == ["PUT"]
        assert stats.bytes_sent == 0

    async def test_a_refusal_arrives_although_the_connection_breaks_at_once(
        self, serve, connect, ask
    ):
        async def script(exchange):
            await exchange.answer(409, {"message": "no"})
            exchange.writer.close()

        server = await serve(script)
        answer = await connect().request(ask("PUT", server.url, body=lambda: SlowBody(50 * MIB)))
        assert answer.status == 409

    @pytest.mark.usefixtures("impatient")
    async def test_where_the_question_is_swallowed_the_body_is_just_sent(
        self, serve, connect, ask, stats
    ):
        async def script(exchange):
            if "expect" in exchange.headers:
                assert await exchange.reader.read() == b""
                return None
            return await accept(exchange)

        bodies = []

        def make():
            bodies.append(SlowBody(BIG))
            return bodies[-1]

        server, transport = await serve(script), connect()
        answer = await transport.request(ask("PUT", server.url, body=make))
        assert answer.status == 200
        assert ["expect" in each.headers for each in server.requests] == [True, False]
        assert [body.sent for body in bodies] == [0, BIG]
        assert all(body.closed for body in bodies)
        assert stats.requests["test"] == 2
        assert stats.bytes_sent == BIG
        # The host is remembered.
        await transport.request(ask("PUT", server.url, body=make))
        assert "expect" not in server.requests[2].headers
        assert len(server.requests) == 3

    async def test_where_a_proxy_refuses_the_question_itself_the_body_is_just_sent(
        self, serve, connect, ask
    ):
        # RFC 9110, 10.1.1: after a 417 the request should be repeated without the expectation.
        async def script(exchange):
            if "expect" in exchange.headers:
                await exchange.answer(417, b"Expectation Failed")
                return None
            return await accept(exchange)

        server, transport = await serve(script), connect()
        for _ in range(2):
            answer = await transport.request(ask("PUT", server.url, body=lambda: SlowBody(BIG)))
            assert answer.status == 200
        assert ["expect" in each.headers for each in server.requests] == [True, False, False]

    @pytest.mark.usefixtures("impatient")
    async def test_a_source_that_is_slow_to_begin_is_not_taken_for_a_deaf_server(
        self, serve, connect, ask
    ):
        async def slow_to_begin(body):
            if not body.sent:
                await asyncio.sleep(0.3)

        server, body = await serve(accept), SlowBody(BIG, between=slow_to_begin)

        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return await accept(exchange)

        server.script = script
        await connect().request(ask("PUT", server.url, body=lambda: body))
        assert server.methods == ["PUT"]

    @pytest.mark.usefixtures("impatient")
    async def test_a_host_that_is_slow_to_connect_is_not_taken_for_a_deaf_one(
        self, serve, connect, ask, monkeypatch
    ):
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return await accept(exchange)

        server, transport = await serve(script), connect()
        create = aiohttp.TCPConnector.connect

        async def slowly(*args, **kwargs):
            await asyncio.sleep(0.3)
            return await create(*args, **kwargs)

        monkeypatch.setattr(aiohttp.TCPConnector, "connect", slowly)
        await transport.request(ask("PUT", server.url, body=lambda: SlowBody(BIG)))
        assert server.methods == ["PUT"]

    @pytest.mark.usefixtures("impatient")
    async def test_a_server_that_resets_instead_of_asking_is_a_lost_connection(
        self, serve, connect, ask
    ):
        async def script(exchange):
            exchange.reset()

        server = await serve(script)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: SlowBody(BIG)))
        assert caught.value.bytes_uploaded == 0
        assert server.methods == ["PUT"]

    @pytest.mark.usefixtures("impatient")
    async def test_a_server_that_asks_too_late_gets_the_body_once(self, serve, connect, ask):
        async def script(exchange):
            if "expect" in exchange.headers:
                assert await exchange.reader.read() == b""
                with contextlib.suppress(ConnectionError):
                    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                return None
            return await accept(exchange)

        server = await serve(script)
        await connect().request(ask("PUT", server.url, body=lambda: SlowBody(BIG)))
        assert [len(each.body) for each in server.requests] == [0, BIG]


# -- what is known of an upload that failed ----------------------------------------------------


class TestUploadOutcome:
    async def test_a_lost_answer_leaves_the_outcome_open(self, serve, connect, ask):
        async def script(exchange):
            await exchange.read_body()
            exchange.reset()

        server = await serve(script)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=bytes_body(b"hello")))
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (5, 5)

    async def test_a_lost_answer_to_a_large_body_leaves_the_outcome_open(self, serve, connect, ask):
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await exchange.read_body()
            exchange.reset()

        server = await serve(script)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: SlowBody(20 * MIB)))
        assert caught.value.bytes_uploaded == caught.value.total_size == 20 * MIB

    async def test_an_answer_lost_while_the_last_piece_is_hashed_leaves_it_open(
        self, serve, connect, ask
    ):
        async def script(exchange):
            await exchange.read_body()
            await waiting.wait()
            exchange.reset()

        waiting = asyncio.Event()

        async def linger_at_the_end(body):
            if body.sent == body.size:
                waiting.set()
                await asyncio.Event().wait()

        server, body = await serve(script), SlowBody(1000, between=linger_at_the_end)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: body))
        assert len(server.requests[0].body) == 1000
        assert caught.value.bytes_uploaded == caught.value.total_size

    async def test_a_cut_off_answer_leaves_the_outcome_open(self, serve, connect, ask):
        async def script(exchange):
            await exchange.read_body()
            await exchange.answer(201, b'{"data', length=1000)
            exchange.writer.close()

        server = await serve(script)
        with pytest.raises(OSFConnectionError, match="cut off") as caught:
            await connect().request(ask("PUT", server.url, body=bytes_body(b"hello")))
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (5, 5)

    async def test_an_answer_that_stops_midway_leaves_the_outcome_open(self, serve, connect, ask):
        async def script(exchange):
            await exchange.read_body()
            await exchange.answer(201, b'{"data', length=1000)
            await never(exchange)

        server = await serve(script)
        with pytest.raises(OSFTimeoutError) as caught:
            await connect(upload_timeout=0.2).request(
                ask("PUT", server.url, body=bytes_body(b"hello"))
            )
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (5, 5)

    async def test_a_reset_midway_is_known_to_have_failed(self, serve, connect, ask):
        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await exchange.read_body(100_000)
            exchange.reset()

        server = await serve(script)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: SlowBody(500 * MIB)))
        assert caught.value.bytes_uploaded < caught.value.total_size == 500 * MIB

    async def test_what_had_left_before_a_reset_is_known(self, serve, connect, ask):
        half_way = asyncio.Event()

        async def wait_half_way(body):
            if body.sent == 4 * body.size // 8:
                half_way.set()
                await asyncio.Event().wait()

        async def script(exchange):
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await half_way.wait()
            await exchange.read_body(256 * KIB)
            exchange.reset()

        server = await serve(script)
        body = SlowBody(512 * KIB, between=wait_half_way)
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: body))
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (256 * KIB, 512 * KIB)

    @pytest.mark.parametrize("data", [b"", b"hello"])
    async def test_without_a_connection_it_is_known_to_have_failed(
        self, connect, ask, closed_port, data
    ):
        url = f"http://127.0.0.1:{closed_port}/"
        with pytest.raises(OSFConnectionError) as caught:
            await connect().request(ask("PUT", url, body=bytes_body(data)))
        assert caught.value.bytes_uploaded != len(data)

    async def test_a_source_that_cannot_be_read_is_the_error_that_is_raised(
        self, serve, connect, ask, stats
    ):
        failure = PermissionError(13, "not yours", "local.bin")

        async def fail(body):
            if body.sent:
                body.failure = failure
                raise failure

        server, body = await serve(accept), SlowBody(200_000, between=fail)
        with pytest.raises(PermissionError) as caught:
            await connect().request(ask("PUT", server.url, body=lambda: body))
        assert caught.value is failure
        assert body.closed
        assert stats.bytes_sent < 200_000

    async def test_a_body_that_is_shorter_than_it_said_is_no_upload(self, serve, connect, ask):
        async def end_early(body):
            if body.sent:
                raise StopAsyncIteration

        async def script(exchange):
            await exchange.read_body()
            exchange.writer.close()

        server = await serve(script)
        with pytest.raises((OSFConnectionError, OSFTimeoutError)) as caught:
            await connect(upload_timeout=0.3).request(
                ask("PUT", server.url, body=lambda: SlowBody(200_000, between=end_early))
            )
        assert caught.value.bytes_uploaded < 200_000

    @pytest.mark.parametrize("when", ["connecting", "asking", "sending", "waiting"])
    async def test_cancelling_closes_body_and_connection_and_leaves_no_task(
        self, serve, connect, ask, until, settle, monkeypatch, when
    ):
        reached = asyncio.Event()

        async def script(exchange):
            if when != "asking":
                await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await exchange.read_body(None if when == "waiting" else 1000)
            reached.set()
            await never(exchange)

        if when == "connecting":

            async def connecting(*_args, **_kwargs):
                reached.set()
                await asyncio.Event().wait()

            monkeypatch.setattr(aiohttp.TCPConnector, "connect", connecting)
        server, body = await serve(script), SlowBody(BIG if when == "waiting" else 50 * MIB)
        transport = connect(max_requests=1)
        before = asyncio.all_tasks()
        upload = asyncio.ensure_future(transport.request(ask("PUT", server.url, body=lambda: body)))
        await reached.wait()
        await settle()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert body.closed
        served = server._tasks
        await until(lambda: not asyncio.all_tasks() - before - served, patience=3)
        monkeypatch.undo()
        server.script = accept
        answer = await transport.request(ask("GET", server.url))
        assert answer.status == 200

    async def test_cancelling_while_the_body_is_closing_closes_body_and_answer(
        self, serve, connect, ask, until
    ):
        async def script(exchange):
            await exchange.read_body()
            await exchange.answer(201, b"{", length=1000)
            assert await exchange.reader.read() == b""
            closed.set()

        class LingeringBody(SlowBody):
            async def aclose(self):
                closing.set()
                await release.wait()
                await super().aclose()

        closing, release, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        server, body = await serve(script), LingeringBody(1000)
        asking = asyncio.ensure_future(connect().request(ask("PUT", server.url, body=lambda: body)))
        await closing.wait()
        asking.cancel()
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: body.closed, patience=3)
        await until(closed.is_set, patience=3)

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    async def test_an_answer_that_comes_with_the_cancellation_is_closed(
        self, serve, connect, ask, until, monkeypatch, method
    ):
        async def script(exchange):
            await exchange.read_body()
            await exchange.answer(403, b"{", length=1000)
            assert await exchange.reader.read() == b""
            closed.set()

        async def cancel_when_it_comes(request, handler):
            response = await middleware(request, handler)
            asking.cancel()
            return response

        closed = asyncio.Event()
        middleware = session._surface_lost_connections
        monkeypatch.setattr(session, "_surface_lost_connections", cancel_when_it_comes)
        server, transport = await serve(script), connect()
        body = bytes_body(b"x") if method == "PUT" else None
        asking = asyncio.ensure_future(transport.request(ask(method, server.url, body=body)))
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(closed.is_set, patience=3)


# -- limits ------------------------------------------------------------------------------------


class TestRequestsInFlight:
    @pytest.mark.parametrize("limit", [1, 3])
    async def test_never_more_than_the_limit(self, serve, connect, ask, until, settle, limit):
        release = asyncio.Event()

        async def script(_exchange):
            await release.wait()
            return 200, b"{}"

        server, transport = await serve(script), connect(max_requests=limit)
        asking = [
            asyncio.ensure_future(transport.request(ask("GET", server.url))) for _ in range(12)
        ]
        await until(lambda: server.open == limit)
        await settle()
        assert server.open == limit
        release.set()
        await asyncio.gather(*asking)
        assert server.most_open == limit
        assert len(server.requests) == 12

    async def test_a_stream_counts_until_it_is_closed(self, serve, connect, ask, settle):
        server, transport = await serve(accept), connect(max_requests=1)
        request = ask("GET", server.url)
        async with transport.stream(request):
            other = asyncio.ensure_future(transport.request(request))
            await settle()
            assert len(server.requests) == 1
        await other

    async def test_failures_give_their_place_back(self, serve, connect, ask, closed_port):
        server, transport = await serve(accept), connect(max_requests=1)
        for _ in range(3):
            with pytest.raises(OSFConnectionError):
                await transport.request(ask("GET", f"http://127.0.0.1:{closed_port}/"))
        assert (await transport.request(ask("GET", server.url))).status == 200


class TestRateLimit:
    @staticmethod
    def refuse(times, retry_after="7"):
        """Make a script that answers 429 so often, then 200."""
        left = [times]

        async def script(exchange):
            await exchange.read_body()
            if left[0]:
                left[0] -= 1
                headers = {} if retry_after is None else {"Retry-After": retry_after}
                return 429, {"error": "API rate-limiting active"}, headers
            return 200, b"{}"

        return script

    async def test_a_429_is_waited_for(self, serve, connect, ask, clock, stats):
        server = await serve(self.refuse(2))
        answer = await connect().request(ask("GET", server.url))
        assert answer.status == 200
        assert clock.pauses == [7, 7]
        assert stats.statuses == {429: 2, 200: 1}
        assert stats.requests["test"] == len(server.requests) == 3
        assert stats.retries == 0
        assert stats.seconds_waiting == 14

    async def test_every_attempt_has_a_fresh_body(self, serve, connect, ask):
        bodies = []

        def make():
            bodies.append(SlowBody(1000))
            return bodies[-1]

        server = await serve(self.refuse(2))
        await connect().request(ask("PUT", server.url, body=make))
        assert [len(each.body) for each in server.requests] == [1000, 1000, 1000]
        assert [body.closed for body in bodies] == [True, True, True]

    async def test_all_requests_wait_while_one_sleeps(
        self, serve, connect, ask, clock, until, settle, caplog
    ):
        release, sleep = asyncio.Event(), clock.sleep

        async def sleep_until_told(seconds):
            await release.wait()
            await sleep(seconds)

        clock.sleep = sleep_until_told
        server, transport = await serve(self.refuse(1)), connect()
        with caplog.at_level(logging.WARNING, "dvc_osf"):
            first = asyncio.ensure_future(transport.request(ask("GET", server.url)))
            await until(lambda: transport._gate._sleeper is not None)
            others = [
                asyncio.ensure_future(transport.request(ask("GET", server.url))) for _ in range(5)
            ]
            await settle()
            assert len(server.requests) == 1
            release.set()
            await asyncio.gather(first, *others)
        assert len(server.requests) == 7
        assert clock.pauses == [7]
        assert len(caplog.records) == 1

    async def test_a_crowd_that_is_refused_sleeps_once(
        self, serve, connect, ask, clock, stats, until
    ):
        everybody, sleep = asyncio.Event(), clock.sleep

        async def script(_exchange):
            if len(server.requests) > 8:
                return 200, b"{}"
            if len(server.requests) == 8:
                everybody.set()
            await everybody.wait()
            return 429, b"{}", {"Retry-After": "7"}

        async def sleep_when_all_were_refused(seconds):
            await until(lambda: stats.statuses[429] == 8)
            await sleep(seconds)

        clock.sleep = sleep_when_all_were_refused
        server, transport = await serve(script), connect()
        await asyncio.gather(*(transport.request(ask("GET", server.url)) for _ in range(8)))
        assert len(server.requests) == 16
        assert clock.pauses == [7]

    async def test_patience_ends_at_max_wait(self, serve, connect, ask, clock):
        server = await serve(self.refuse(100, "40"))
        with pytest.raises(OSFRateLimitError, match="pause of 40 s, after 80 s") as caught:
            await connect(max_wait=100).request(ask("GET", server.url))
        assert caught.value.status == 429
        assert clock.pauses == [40, 40]
        assert len(server.requests) == 3

    async def test_without_a_header_the_pause_is_a_second(self, serve, connect, ask, clock):
        server = await serve(self.refuse(1, None))
        await connect().request(ask("GET", server.url))
        assert clock.pauses == [1]

    async def test_a_date_is_understood(self, serve, connect, ask, clock):
        server = await serve(self.refuse(1, clock.http_date(30)))
        await connect().request(ask("GET", server.url))
        assert clock.pauses == [30]

    @pytest.mark.parametrize("form", ["zero", "past"])
    async def test_a_server_that_asks_for_no_pause_is_not_stormed_for_ever(
        self, serve, connect, ask, clock, form
    ):
        retry_after = "0" if form == "zero" else clock.http_date(-60)
        server = await serve(self.refuse(500, retry_after))
        with pytest.raises(OSFRateLimitError):
            await connect(max_wait=50).request(ask("GET", server.url))
        assert len(server.requests) <= 51

    async def test_a_download_waits_as_well(self, serve, connect, ask, clock):
        server, transport = await serve(self.refuse(1)), connect()
        async with transport.stream(ask("GET", server.url)) as response:
            assert response.status == 200
        assert clock.pauses == [7]

    async def test_a_place_is_free_while_a_request_waits(self, serve, connect, ask):
        server, transport = await serve(self.refuse(3)), connect(max_requests=1)
        await asyncio.gather(*(transport.request(ask("GET", server.url)) for _ in range(3)))
        assert server.most_open == 1
        assert len(server.requests) == 6

    async def test_closing_does_not_wait_for_the_pause(self, serve, connect, ask, clock, until):
        clock.sleep = lambda _seconds: asyncio.Event().wait()
        server, transport = await serve(self.refuse(1)), connect()
        asking = asyncio.ensure_future(transport.request(ask("GET", server.url)))
        await until(lambda: transport._gate._sleeper is not None)
        await transport.aclose()
        await asyncio.wait({asking}, timeout=20)
        assert asking.done()


# -- redirects ---------------------------------------------------------------------------------


class TestRedirects:
    async def test_a_redirect_to_storage_is_followed_without_the_token(self, serve, connect, ask):
        async def storage(_exchange):
            return 206, b"content"

        async def files(_exchange):
            return 302, b"", {"Location": location}

        store, server = await serve(storage), await serve(files)
        location = f"{store.url}/bucket/key%2Fx?X-Sig=a%2Bb%20c~&e=1+2"
        transport = connect(TOKEN)
        request = ask("GET", f"{server.url}/v1/x", headers={"Range": "bytes=0-6"})
        async with transport.stream(request) as response:
            content = b"".join([chunk async for chunk in transport.chunks(request, response)])
        assert content == b"content"
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        (asked,) = store.requests
        assert "authorization" not in asked.headers
        assert asked.headers["range"] == "bytes=0-6"
        assert asked.target == "/bucket/key%2Fx?X-Sig=a%2Bb%20c~&e=1+2"

    async def test_even_a_redirect_within_the_host_gets_no_token(self, serve, connect, ask):
        async def script(exchange):
            if exchange.target == "/a/b":
                return 307, b"", {"Location": "../c"}
            return 200, b"{}"

        server = await serve(script)
        async with connect(TOKEN).stream(ask("GET", f"{server.url}/a/b")) as response:
            assert response.status == 200
        assert server.targets == ["/a/b", "/c"]
        assert "authorization" not in server.requests[1].headers

    async def test_both_requests_are_counted_by_their_kinds(self, serve, connect, ask, stats):
        async def script(exchange):
            return (200, b"{}") if exchange.target == "/b" else (302, b"", {"Location": "/b"})

        server = await serve(script)
        async with connect().stream(ask("GET", f"{server.url}/a", kind="download")):
            pass
        assert stats.requests == {"download": 1, "storage": 1}
        assert stats.statuses == {302: 1, 200: 1}

    async def test_redirects_without_an_end_are_an_error(self, serve, connect, ask):
        async def script(_exchange):
            return 302, b"", {"Location": "/again"}

        server = await serve(script)
        with pytest.raises(OSFServerError, match="redirects without an end") as caught:
            async with connect().stream(ask("GET", server.url)):
                pass
        assert caught.value.path == "abc12/osfstorage/a.txt"
        assert len(server.requests) == 5

    async def test_a_redirect_to_nowhere_is_handed_out(self, serve, connect, ask):
        async def script(_exchange):
            return 302, b""

        server = await serve(script)
        async with connect().stream(ask("GET", server.url)) as response:
            assert response.status == 302

    @pytest.mark.parametrize("location", ["http://[bad/", "ftp://x/", "//[", "http://"])
    async def test_a_redirect_that_cannot_be_followed_is_an_error_of_ours(
        self, serve, connect, ask, location
    ):
        async def script(_exchange):
            return 302, b"", {"Location": location}

        server = await serve(script)
        with pytest.raises((OSFServerError, OSFConnectionError)):
            async with connect().stream(ask("GET", server.url)):
                pass

    async def test_a_redirect_does_not_hold_two_places(self, serve, connect, ask):
        async def script(exchange):
            return (200, b"{}") if exchange.target == "/b" else (302, b"", {"Location": "/b"})

        server = await serve(script)
        async with connect(max_requests=1).stream(ask("GET", f"{server.url}/a")) as response:
            assert response.status == 200


# -- proxies -----------------------------------------------------------------------------------


class TestProxies:
    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
    async def test_the_environments_proxy_is_used(self, serve, connect, ask, monkeypatch, variable):
        proxy = await serve(accept)
        monkeypatch.setenv(variable, proxy.url)
        answer = await connect(TOKEN).request(ask("GET", "http://files.osf.test/v1/x?a=%2B"))
        assert answer.status == 200
        assert proxy.targets == ["http://files.osf.test/v1/x?a=%2B"]

    async def test_https_goes_through_a_tunnel(self, serve, connect, ask, monkeypatch):
        async def script(_exchange):
            return 403, b""

        proxy = await serve(script)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(OSFConnectionError):
            await connect(TOKEN).request(ask("GET", "https://files.osf.test/v1/x"))
        (asked,) = proxy.requests
        assert (asked.method, asked.target) == ("CONNECT", "files.osf.test:443")
        assert "authorization" not in asked.headers

    @pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
    @pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "osf.test,127.0.0.1"])
    async def test_no_proxy_is_honoured(self, serve, connect, ask, monkeypatch, variable, hosts):
        server, proxy = await serve(accept), await serve(accept)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv(variable, hosts)
        await connect().request(ask("GET", server.url))
        assert len(server.requests) == 1
        assert proxy.requests == []

    async def test_no_proxy_may_name_a_port(self, serve, connect, ask, monkeypatch):
        server, proxy = await serve(accept), await serve(accept)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", f"127.0.0.1:{server.port}")
        await connect().request(ask("GET", server.url))
        assert proxy.requests == []

    async def test_a_suffix_in_no_proxy_covers_its_hosts(self, connect, ask, monkeypatch, mocked):
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
        monkeypatch.setenv("NO_PROXY", "osf.test")
        for host in ("files.osf.test", "example.test"):
            mocked.get(f"http://{host}/", payload={})
            await connect().request(ask("GET", f"http://{host}/"))
        proxies = {url: call["proxy"] for _, url, call in mocked.sent()}
        assert proxies["http://files.osf.test/"] is None
        assert proxies["http://example.test/"] == "http://proxy.test:3128"

    async def test_a_proxy_may_be_named_without_its_scheme(self, serve, connect, ask, monkeypatch):
        proxy = await serve(accept)
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        answer = await connect().request(ask("GET", "http://files.osf.test/"))
        assert answer.status == 200

    async def test_a_proxy_of_a_kind_that_is_not_supported_is_an_error_of_ours(
        self, connect, ask, monkeypatch
    ):
        monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1080")
        with pytest.raises(OSFConnectionError, match="proxy"):
            await connect().request(ask("GET", "http://files.osf.test/"))

    async def test_a_proxy_that_is_down_says_so(self, connect, ask, monkeypatch, closed_port):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
        with pytest.raises(OSFConnectionError, match="cannot connect"):
            await connect().request(ask("GET", "http://files.osf.test/"))


# -- TLS ---------------------------------------------------------------------------------------


def make_certificate(folder, *subject):
    """Make a certificate that signs itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, so there is no certificate to test with")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(
        [
            openssl,
            *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
            *files,
            *subject,
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1 that nobody else trusts."""
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    return make_certificate(tmp_path_factory.mktemp("tls"), *subject)


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "-subj", "/CN=other")


@pytest.fixture
async def tls_server(serve, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    return await serve(accept, context)


class TestTLS:
    async def test_a_certificate_that_nobody_signed_is_refused(self, tls_server, connect, ask):
        with pytest.raises(OSFCertificateError, match="is not trusted") as caught:
            await connect().request(ask("GET", tls_server.url))
        assert "ssl_verify" in str(caught.value)
        assert tls_server.requests == []

    async def test_verification_can_be_switched_off(self, tls_server, connect, ask):
        answer = await connect(ssl_verify=False).request(ask("GET", tls_server.url))
        assert answer.status == 200

    async def test_a_ca_file_can_be_named(self, tls_server, connect, ask, certificate):
        transport = connect(ssl_verify=str(certificate / "ca.pem"))
        assert (await transport.request(ask("GET", tls_server.url))).status == 200

    async def test_another_ca_file_does_not_help(self, tls_server, connect, ask, other_certificate):
        transport = connect(ssl_verify=str(other_certificate / "ca.pem"))
        with pytest.raises(OSFCertificateError):
            await transport.request(ask("GET", tls_server.url))

    async def test_a_ca_file_that_is_missing_is_named(self, connect, tmp_path):
        missing = str(tmp_path / "missing.pem")
        with pytest.raises((OSError, ValueError), match=r"ssl_verify|missing\.pem"):
            connect(ssl_verify=missing)

    async def test_a_server_without_tls_is_a_lost_connection(self, connect, ask):
        async def refuse(_reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(OSFConnectionError) as caught:
                await connect().request(ask("GET", f"https://127.0.0.1:{port}/"))
        assert not isinstance(caught.value, OSFCertificateError)


# -- totals ------------------------------------------------------------------------------------


class TestStats:
    async def test_totals_equal_what_the_server_saw(self, serve, connect, ask, stats):
        async def script(exchange):
            if exchange.target == "/lost":
                await exchange.read_body()
                exchange.reset()
                return None
            if exchange.target == "/missing":
                return 404, b"not here"
            if "expect" in exchange.headers:
                await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return await accept(exchange)

        server, transport = await serve(script), connect()
        await transport.request(ask("GET", f"{server.url}/", kind="listing"))
        await transport.request(ask("PUT", f"{server.url}/", body=bytes_body(b"x" * 10)))
        await transport.request(ask("PUT", f"{server.url}/", body=lambda: SlowBody(2 * MIB)))
        await transport.request(ask("GET", f"{server.url}/missing", kind="download"))
        with pytest.raises(OSFConnectionError):
            await transport.request(ask("PUT", f"{server.url}/lost", body=bytes_body(b"x" * 5)))
        assert stats.requests == {"listing": 1, "test": 3, "download": 1}
        assert stats.total == len(server.requests)
        assert stats.statuses == {200: 3, 404: 1}
        assert stats.bytes_sent == sum(len(each.body) for each in server.requests) == 15 + 2 * MIB
        answers = [b'{"size": 0}', b'{"size": 10}', b'{"size": 2097152}', b"not here"]
        assert stats.bytes_received == sum(map(len, answers))

    async def test_a_request_that_never_left_is_not_counted(self, connect, ask, stats, closed_port):
        with pytest.raises(OSFConnectionError):
            await connect().request(ask("GET", f"http://127.0.0.1:{closed_port}/"))
        assert stats.total == 0

    async def test_streamed_bytes_and_their_seconds_are_counted(self, serve, connect, ask, stats):
        content = hashlib.sha256(b"x").digest() * 10_000

        async def script(_exchange):
            return 200, content

        server, transport = await serve(script), connect()
        request = ask("GET", server.url)
        async with transport.stream(request) as response:
            got = b"".join([chunk async for chunk in transport.chunks(request, response)])
        assert got == content
        assert stats.bytes_received == len(content)
        assert stats.seconds_receiving > 0
        assert stats.download_rate > 0

    async def test_the_seconds_of_uploads_are_counted(self, serve, connect, ask, stats):
        server = await serve(accept)
        await connect().request(ask("PUT", server.url, body=bytes_body(b"hello")))
        assert stats.seconds_sending > 0
        assert stats.upload_rate > 0


class TestClosing:
    async def test_closing_closes_every_connection(self, serve, connect, ask, until):
        server, transport = await serve(accept), connect()
        await transport.request(ask("GET", server.url))
        assert server._tasks
        await transport.aclose()
        await until(lambda: not server._tasks)

    async def test_closing_twice_is_fine(self, connect):
        transport = connect()
        await transport.aclose()
        await transport.aclose()
