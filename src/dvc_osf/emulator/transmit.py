"""Answers on the wire, with the failures that were asked for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext, suppress
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import web

from .answer import Answer, Cut, FileSlice
from .exchange import inverted
from .faults import NO_EFFECTS
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractContextManager

    from .exchange import Exchange
    from .faults import Fault

_PIECE = 256 * 1024
# The log learns about the progress of a large download in steps of this size.
_SENDFILE_STEP = 8 * 1024 * 1024
# Smaller bodies are read before an early answer, so that the client sees it on every platform.
_DRAINED_BODY = 256 * 1024
_DRAIN_SECONDS = 1.0


async def transmit(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    """Send an answer and return what aiohttp wants to see.

    Raises
    ------
    Cut
        The connection was dropped, by the client or by a fault.
    """
    effects = exchange.effects
    if effects.lose_answer or effects.late_commit is not None:
        exchange.reset()
        raise Cut
    answer.headers.update(effects.headers or {})
    plain = isinstance(answer.body, bytes) and answer.length is None
    untouched = effects is NO_EFFECTS and exchange.at_full_speed
    try:
        if plain and untouched:
            response = await _send_whole(exchange, answer)
        else:
            response = await _send_streamed(exchange, answer, untouched=untouched)
    except ConnectionError as error:
        exchange.entry.status = None
        raise Cut from error
    if answer.closes:
        await _close_early(exchange)
    return response


async def _send_whole(exchange: Exchange, answer: Answer) -> web.StreamResponse:
    """Send a short answer: headers and body in one piece."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    response = web.Response(
        status=answer.status, reason=answer.reason, headers=answer.headers, body=body or None
    )
    await response.prepare(exchange.request)
    exchange.entry.status = answer.status
    if exchange.method != "HEAD":
        exchange.entry.sent = len(body)
    await response.write_eof()
    return response


async def _send_streamed(
    exchange: Exchange, answer: Answer, *, untouched: bool
) -> web.StreamResponse:
    """Send an answer whose body is long, or is to be damaged on the way."""
    length = answer.declared_length
    if length is not None and exchange.effects.shorten is not None:
        length = min(length, exchange.effects.shorten)
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=answer.headers
    )
    response.content_length = length
    with _source(answer) as source:
        await response.prepare(exchange.request)
        exchange.entry.status = answer.status
        if exchange.method == "HEAD":
            return response
        if untouched and isinstance(answer.body, FileSlice) and source is not None:
            await _send_file(exchange, answer.body, source)
        else:
            await _send_pieces(exchange, response, answer, source)
        promised = exchange.entry.sent if length is None else length
        if promised != exchange.entry.sent or exchange.effects.truncate == exchange.entry.sent:
            exchange.drop()
        else:
            await response.write_eof()
    return response


def _source(answer: Answer) -> AbstractContextManager[BinaryIO | None]:
    # Opened before anything is sent: what cannot be opened must not be promised.
    if isinstance(answer.body, FileSlice):
        return answer.body.path.open("rb")
    return nullcontext()


async def _send_pieces(
    exchange: Exchange, response: web.StreamResponse, answer: Answer, source: BinaryIO | None
) -> None:
    entry = exchange.entry
    pace = Pace(exchange.bandwidth)
    damage = _Damage(exchange.effects, answer.declared_length or 0)
    async with aclosing(_pieces(answer.body, source)) as pieces:
        async for whole in pieces:
            piece = damage.apply(whole)
            await pace.spend(len(piece))
            await exchange.world.line_out.spend(len(piece))
            await response.write(piece)
            entry.sent += len(piece)
            if damage.complete:
                break
    limit = exchange.effects.reset_after_sent
    if limit is not None and entry.sent >= limit:
        await _flush(exchange, response)
        exchange.reset()
        entry.status = None
        raise Cut


class _Damage:
    """What faults do to a body on its way out.

    Parameters
    ----------
    length
        The whole body's, in bytes.
    """

    def __init__(self, effects: Fault, length: int) -> None:
        limits = (effects.reset_after_sent, effects.truncate, effects.shorten)
        self._limit = min((limit for limit in limits if limit is not None), default=None)
        self._wrong = effects.corrupt
        if self._wrong is not None and self._wrong < 0:
            self._wrong += length
        self._passed = 0

    @property
    def complete(self) -> bool:
        """Whether nothing more may be sent."""
        return self._limit is not None and self._passed >= self._limit

    def apply(self, piece: bytes) -> bytes:
        """Return what is left of the next piece."""
        if self._limit is not None:
            piece = piece[: self._limit - self._passed]
        start, self._passed = self._passed, self._passed + len(piece)
        return inverted(piece, self._wrong, start)


async def _send_file(exchange: Exchange, part: FileSlice, source: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    end = part.offset + part.count
    for offset in range(part.offset, end, _SENDFILE_STEP):
        count = min(_SENDFILE_STEP, end - offset)
        transport = exchange.request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        exchange.entry.sent += await loop.sendfile(transport, source, offset, count)


async def _pieces(
    body: bytes | FileSlice | AsyncGenerator[bytes, None], source: BinaryIO | None
) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        for start in range(0, len(body), _PIECE):
            yield body[start : start + _PIECE]
    elif isinstance(body, FileSlice):
        if source is not None:
            source.seek(body.offset)
            for start in range(0, body.count, _PIECE):
                yield source.read(min(_PIECE, body.count - start))
    else:
        async with aclosing(body):
            async for piece in body:
                yield piece


async def _flush(exchange: Exchange, response: web.StreamResponse) -> None:
    """Wait until the client has taken what was written."""
    transport = exchange.request.transport
    # Preparing a response once more just returns its writer.
    writer = await response.prepare(exchange.request)
    if transport is not None and writer is not None:
        transport.set_write_buffer_limits(high=0)
        await writer.drain()


async def _close_early(exchange: Exchange) -> None:
    length = exchange.body_length
    small = length is not None and length <= _DRAINED_BODY and not exchange.expects_continue
    if small and not exchange.request.content.at_eof():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_drain(exchange), timeout=_DRAIN_SECONDS)
    exchange.request.protocol.close()


async def _drain(exchange: Exchange) -> None:
    try:
        while await exchange.request.content.readany():
            pass
    except (OSError, web.RequestPayloadError):
        return
