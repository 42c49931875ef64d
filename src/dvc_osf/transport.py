"""One HTTP exchange with the OSF, done right: bounded, gated, watched and counted.

Knows HTTP and the token, but nothing of projects, folders or files.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from .concurrency import finish
from .exceptions import OSFClosedError, OSFException, OSFServerError
from .failures import StalledError, presentable, translate, translated
from .flight import EXPECT_FROM, Flight, Offered
from .messages import Answer, Body, BytesBody, Request
from .retry import Clock, RateGate, retry_after_seconds
from .session import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from .auth import TokenSource
    from .config import Config
    from .stats import Stats

__all__ = ["Transport"]

EXPECT_PATIENCE = 2.0
"""Seconds to wait for the server to ask for the body; a proxy may swallow the question."""

_NO_EXPECT = 417
"""What a proxy answers that does not know how to pass the question on."""

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class _HeldBackError(Exception):
    """The gate closed after a request had passed it, and before any of it had left."""


class Transport:
    """Sends requests from one event loop.

    Owns the aiohttp session, which closes with :meth:`aclose` or with the loop.

    Parameters
    ----------
    config : Config
        Timeouts, limits and TLS.
    token : TokenSource
        Asked at every request.
    stats : Stats
        Where requests are counted.
    clock : Clock
        What the gate sleeps by.
    """

    def __init__(self, config: Config, token: TokenSource, stats: Stats, clock: Clock) -> None:
        self._config = config
        self._token = token
        self._stats = stats
        self._clock = clock
        self._slots = asyncio.Semaphore(config.max_requests)
        self._gate = RateGate(clock, stats, config.max_wait)
        self._asking: set[asyncio.Task[Any]] = set()
        """Tasks that wait for a place, for an answer or for more of one."""
        self._ended: set[asyncio.Task[Any]] = set()
        """Those of them that are not to wait any longer."""
        self._closed = False
        self._deaf_hosts: set[str | None] = set()
        self._proxies: dict[URL, str | None] = {}
        self._session = open_session(config, self._count)

    async def aclose(self) -> None:
        """Close every connection; who waits for an answer has an error instead."""
        self._closed = True
        # Closing the session would leave them waiting for ever.
        self._ended = self._asking - {asyncio.current_task()}
        for task in self._ended:
            task.cancel()
        await self._gate.aclose()
        await self._session.close()

    async def request(self, request: Request) -> Answer:
        """Send a request and read its answer whole.

        Parameters
        ----------
        request : Request
            What to ask.

        Returns
        -------
        Answer
            Whatever the server said, errors included, except 429, which is waited for.

        Raises
        ------
        OSFConnectionError, OSFTimeoutError
            No answer arrived. For a body, ``bytes_uploaded`` equals ``total_size`` exactly when
            the server may have received all of it, so that the outcome is unknown.
        OSFRateLimitError
            429 for longer than ``max_wait``.
        """
        async with self._exchange(request) as (response, flight):
            try:
                answer = await self.read(request, response)
            except OSFException as error:
                error.bytes_uploaded, error.total_size = flight.bytes_sent, flight.bytes_to_send
                raise
            return dataclasses.replace(
                answer, bytes_sent=flight.bytes_sent, bytes_to_send=flight.bytes_to_send
            )

    async def read(self, request: Request, response: aiohttp.ClientResponse) -> Answer:
        """Read an answer whole.

        Parameters
        ----------
        request : Request
            For the errors.
        response : aiohttp.ClientResponse
            What has begun to arrive.

        Returns
        -------
        Answer
            All of it.
        """
        with translated(request):
            content = await response.read()
        self._stats.bytes_received += len(content)
        return Answer(response.status, response.headers, content)

    @contextlib.asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand out its answer while the body arrives.

        Redirects are followed without the token: they lead to storage hosts with signed URLs.

        Parameters
        ----------
        request : Request
            What to ask.

        Yields
        ------
        aiohttp.ClientResponse
            The last answer; its ``content`` raises this package's errors only when read through
            :meth:`chunks`.

        Raises
        ------
        OSFConnectionError, OSFTimeoutError, OSFRateLimitError
            As for :meth:`request`.
        OSFServerError
            Redirects without an end.
        """
        for _ in range(_MAX_REDIRECTS):
            async with self._exchange(request) as (response, _):
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    yield response
                    return
            try:
                # encoded=True: a signature covers the URL's very characters.
                url = request.url.join(URL(location, encoded=True))
            except ValueError:
                raise OSFServerError(
                    "the files host redirects to what is no URL",
                    operation=request.operation,
                    path=request.path,
                ) from None
            request = Request(
                "GET",
                url,
                "storage",
                request.operation,
                request.path,
                headers=request.headers,
                authorized=False,
            )
        raise OSFServerError(
            "the files host redirects without an end",
            operation=request.operation,
            path=request.path,
        )

    async def chunks(
        self, request: Request, response: aiohttp.ClientResponse
    ) -> AsyncGenerator[bytes, None]:
        """Read an answer's body piece by piece, as pieces arrive.

        Parameters
        ----------
        request : Request
            For the errors.
        response : aiohttp.ClientResponse
            From :meth:`stream`.

        Yields
        ------
        bytes
            The next piece.
        """
        begun = time.monotonic()
        try:
            with translated(request):
                async for chunk in response.content.iter_any():
                    self._stats.bytes_received += len(chunk)
                    yield chunk
        finally:
            self._stats.seconds_receiving += time.monotonic() - begun

    @contextlib.asynccontextmanager
    async def _exchange(
        self, request: Request
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, Flight]]:
        """Send a request as soon as a slot is free and the gate open; outlast 429s."""
        with self._until_closed(request):
            async with self._answered(request) as exchange:
                yield exchange

    @contextlib.contextmanager
    def _until_closed(self, request: Request) -> Iterator[None]:
        """Turn the end that :meth:`aclose` puts to a task's waiting into an error."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp, too, wants to be called by a task
        nested = task in self._asking
        self._asking.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._ended:
                raise
            if hasattr(task, "uncancel") and task.uncancel():
                # Somebody else has cancelled it as well.
                raise
            raise _closed(request) from None
        finally:
            if not nested:
                self._asking.discard(task)
                self._ended.discard(task)

    @contextlib.asynccontextmanager
    async def _answered(
        self, request: Request
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, Flight]]:
        waited = 0.0
        while True:
            async with self._slots:
                await self._gate.wait()
                if self._closed:
                    raise _closed(request)
                flight = Flight(request.kind, waited)
                try:
                    response = await self._send(request, flight)
                except _HeldBackError:
                    continue
                try:
                    if response.status != 429:
                        yield response, flight
                        return
                    waited = flight.waited
                finally:
                    if response.content.at_eof():
                        response.release()
                    else:
                        response.close()

    async def _count(self, _session: Any, context: Any, _params: Any) -> None:
        """Count a request when it leaves, so that the totals are those of the server's log.

        This is also the last moment to look at the gate: it may have closed while a connection was
        made, a body's beginning was read, or a host left the offer of a body unanswered.
        """
        if not self._gate.is_open:
            raise _HeldBackError
        flight: Flight = context.trace_request_ctx
        self._stats.requests[flight.kind] += 1
        if not flight.begun.done():
            flight.begun.set_result(None)

    async def _send(self, request: Request, flight: Flight) -> aiohttp.ClientResponse:
        with translated(request):
            if request.body is None:
                return await self._start(request, flight, silence=self._config.timeout)
            return await self._stream_upload(request, request.body, flight)

    async def _start(
        self, request: Request, flight: Flight, *, silence: float, **options: Any
    ) -> aiohttp.ClientResponse:
        """Hand a request to aiohttp and return when its answer begins.

        A 429 closes the gate here, before anything else is awaited and others have their turn.
        """
        headers = dict(request.headers)
        token = self._token.get() if request.authorized else None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        response = await self._session.request(
            request.method,
            request.url,
            headers=headers | options.pop("extra_headers", {}),
            allow_redirects=False,
            proxy=self._proxy(request.url),
            trace_request_ctx=flight,
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._config.timeout,
                sock_connect=self._config.timeout,
                # Begins after a request's last byte.
                sock_read=silence,
            ),
            **options,
        )
        self._stats.statuses[response.status] += 1
        if response.status == 429:
            pause = retry_after_seconds(response.headers.get("Retry-After"), self._clock)
            try:
                flight.waited = self._gate.close(
                    pause, flight.waited, request.operation, request.path
                )
            except OSFException:
                response.close()
                raise
        return response

    async def _stream_upload(
        self, request: Request, make_body: Callable[[], Body], flight: Flight
    ) -> aiohttp.ClientResponse:
        """Send a body; where the server does not take up the offer of one, just send it."""
        host = request.url.host
        while True:
            body = make_body()
            ask_first = body.size >= EXPECT_FROM and host not in self._deaf_hosts
            begun = time.monotonic()
            response = None
            try:
                response = await self._watched(request, body, flight, ask_first=ask_first)
            finally:
                self._stats.seconds_sending += time.monotonic() - begun
                await self._close_body(body, response)
            if response is not None and not (ask_first and response.status == _NO_EXPECT):
                return response
            if response is not None:
                response.close()
            self._deaf_hosts.add(host)

    @staticmethod
    async def _close_body(body: Body, response: aiohttp.ClientResponse | None) -> None:
        try:
            await finish(body.aclose())
        except asyncio.CancelledError:
            if response is not None:
                response.close()
            raise

    async def _watched(
        self, request: Request, body: Body, flight: Flight, *, ask_first: bool
    ) -> aiohttp.ClientResponse | None:
        """Send one body under a watchdog.

        Returns None where the server was asked first and did not react: no byte of the body has
        left then, so that sending it again is safe.
        """
        tracker = aiohttp.UploadTracker()
        flight.bytes_to_send = body.size
        offered = Offered(body, tracker)
        in_memory = body.data if isinstance(body, BytesBody) and body.size < EXPECT_FROM else None

        async def send() -> aiohttp.ClientResponse:
            if not ask_first and in_memory is None:
                # aiohttp keeps the headers until the first piece is there to go with them.
                await offered.prepare()
            return await self._start(
                request,
                flight,
                silence=self._config.upload_timeout,
                data=offered if in_memory is None else in_memory,
                # Without it aiohttp would send chunks, which WaterButler answers with 411.
                extra_headers={"Content-Length": str(body.size)},
                skip_auto_headers=("Content-Type",),
                expect100=ask_first,
                upload_tracker=tracker,
            )

        sending = asyncio.ensure_future(send())
        try:
            if ask_first:
                # The patience begins when the question has left.
                first: set[asyncio.Future[Any]] = {sending, flight.begun}
                await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({sending}, timeout=EXPECT_PATIENCE)
                if not sending.done() and not offered.taken:
                    return None
            await self._progress(sending, tracker, body)
            return await sending
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            failure = body.failure or translate(error, request)
            if not isinstance(failure, OSFException):
                raise failure from None
            failure.bytes_uploaded = flight.bytes_of(body, offered, tracker)
            failure.total_size = body.size
            raise failure from presentable(error)
        except asyncio.CancelledError:
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                # The answer came in the same moment; nobody else will close it.
                sending.result().close()
            raise
        finally:
            flight.bytes_sent = flight.bytes_of(body, offered, tracker)
            self._stats.bytes_sent += flight.bytes_sent or 0
            flight.begun.cancel()
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _progress(
        self, sending: asyncio.Future[Any], tracker: aiohttp.UploadTracker, body: Body
    ) -> None:
        """Return when the answer begins; raise when nothing moves for ``upload_timeout``."""
        limit = self._config.upload_timeout
        sent, moved = -1, time.monotonic()
        while not sending.done():
            await asyncio.wait({sending}, timeout=limit / 10)
            now = time.monotonic()
            if tracker.bytes_written != sent or body.starved:
                sent, moved = tracker.bytes_written, now
            elif now - moved >= limit:
                what = "the answer" if sent >= body.size else "the upload"
                raise StalledError(f"{what} made no progress for {limit:.0f} s")

    def _proxy(self, url: URL) -> str | None:
        """Find the proxy that the environment names for a URL.

        aiohttp's own ``trust_env`` would also read netrc, which must never replace the token.
        """
        origin = url.origin()
        if origin not in self._proxies:
            bypass = urllib.request.proxy_bypass(f"{origin.host}:{origin.port}")
            proxy = None if bypass else urllib.request.getproxies().get(origin.scheme)
            if proxy and "://" not in proxy:
                proxy = f"http://{proxy}"
            self._proxies[origin] = proxy
        return self._proxies[origin]


def _closed(request: Request) -> OSFClosedError:
    return OSFClosedError(
        "the filesystem was closed meanwhile", operation=request.operation, path=request.path
    )
