"""One request while it is being answered: its parts, its body, its place in the log."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web

from .access import Caller
from .answer import Cut
from .faults import NO_EFFECTS
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .faults import Fault
    from .log import LoggedRequest, Role
    from .world import World

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
# How often a handler that answers nobody looks whether the client is still there.
_WATCH_SECONDS = 0.1


class Exchange:
    """A request and what is known about it.

    Parameters
    ----------
    world
        What all handlers share.
    request
        aiohttp's request.
    host
        The part of the OSF that was asked.
    own_url
        The URL of the listener that took the request.
    """

    def __init__(self, world: World, request: web.BaseRequest, host: Role, own_url: str) -> None:
        self.world = world
        self.request = request
        self.host: Role = host
        self.own_url = own_url
        self.method = request.method
        self.target = request.raw_path
        self.path, _, self.raw_query = self.target.partition("?")
        self.query_pairs = parse_qsl(
            self.raw_query, keep_blank_values=True, errors="surrogateescape"
        )
        self.query = dict(self.query_pairs)
        self.caller = Caller()
        self.effects: Fault = NO_EFFECTS
        # Whether WaterButler has got past the checks that it makes before it reads a body.
        self.accepted = False
        self.entry: LoggedRequest = world.log.begin(
            host, self.method, self.path, self.query, request.headers
        )

    @property
    def bandwidth(self) -> float | None:
        """The limit for this request in bytes per second."""
        return self.effects.bandwidth or self.world.settings.bandwidth

    @property
    def at_full_speed(self) -> bool:
        """Whether nothing slows this request down."""
        return self.bandwidth is None and self.world.settings.total_bandwidth is None

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends the body."""
        return self.request.headers.get("Expect", "").lower() == "100-continue"

    @property
    def body_length(self) -> int | None:
        """Content-Length of the request; None if it did not say."""
        return self.request.content_length

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the request's body as it arrives.

        Raises
        ------
        Cut
            The client went away before the end, or a fault applies.
        """
        await self._invite_body()
        content = self.request.content
        paid = Pace(self.bandwidth)
        while True:
            try:
                piece = await content.readany()
            except (OSError, web.RequestPayloadError) as error:
                raise Cut from error
            if not piece:
                return
            start = self.entry.received
            self.entry.received += len(piece)
            await self._body_faults()
            await paid.spend(len(piece))
            await self.world.line_in.spend(len(piece))
            yield inverted(piece, self.effects.corrupt_received, start)

    async def read(self) -> bytes:
        """Return the whole body of a small request."""
        pieces = [piece async for piece in self.body()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _invite_body(self) -> None:
        if not self.expects_continue or self.effects.swallow_expect:
            return
        transport = self.request.transport
        if transport is not None:
            transport.write(b"HTTP/1.1 100 (Continue)\r\n\r\n")

    async def _body_faults(self) -> None:
        effects, received = self.effects, self.entry.received
        limit = effects.reset_after_received
        if limit is not None and received >= limit:
            self.entry.received = limit
            self.reset()
            raise Cut
        limit = effects.stop_reading_after
        if limit is not None and received >= limit:
            await self.hang()

    async def hang(self) -> None:
        """Wait until the client gives up or the emulator ends.

        Raises
        ------
        Cut
            Always, in the end.
        """
        while self.connected and not self.world.closing.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.world.closing.wait(), _WATCH_SECONDS)
        self.reset()
        raise Cut

    @property
    def connected(self) -> bool:
        """Whether somebody is still there to be answered."""
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    def reset(self) -> None:
        """Drop the connection so that the client sees a reset."""
        transport = self.request.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()

    def drop(self) -> None:
        """Close the connection after what was written, however unfinished."""
        if self.request.transport is not None:
            self.request.protocol.force_close()


def inverted(piece: bytes, offset: int | None, start: int) -> bytes:
    """Return a piece of a body with one byte inverted, if the offset in the body is within it.

    Parameters
    ----------
    start
        Where in the body the piece begins.
    """
    if offset is None or not start <= offset < start + len(piece):
        return piece
    at = offset - start
    return piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
