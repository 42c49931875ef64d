"""Answers on the wire, with the failures that were asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from .answer import Answer, Cut, FileSlice
from .exchange import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .exchange import Exchange
    from .faults import Fault

_PIECE = 256 * 1024
# The log learns about the progress of a large download in steps of this size.
_SENDFILE_STEP = 8 * 1024 * 1024
# Smaller bodies are read before an early answer, so that the client sees it on every platform.
_DRAINED_BODY = 256 * 1024


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
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=answer.headers
    )
    length = answer.declared_length
    if length is not None and effects.shorten is not None:
        length = min(length, effects.shorten)
    # Answers without a body have no length either.
    response.content_length = None if answer.status in (204, 304) else length
    for name, value in (effects.headers or {}).items():
        response.headers[name] = value
    try:
        await response.prepare(exchange.request)
        exchange.entry.status = answer.status
        if exchange.method != "HEAD" and answer.body:
            await _send_body(exchange, response, answer)
        await response.write_eof()
    except OSError as error:
        exchange.entry.status = None
        raise Cut from error
    if answer.closes:
        await _close_early(exchange)
    elif length != exchange.entry.sent and length is not None and exchange.method != "HEAD":
        exchange.drop()
    return response


async def _send_body(exchange: Exchange, response: web.StreamResponse, answer: Answer) -> None:
    body, entry = answer.body, exchange.entry
    if not _alters(exchange.effects) and exchange.bandwidth is None:
        if isinstance(body, bytes):
            await response.write(body)
            entry.sent += len(body)
            return
        if isinstance(body, FileSlice):
            await _send_file(exchange, body)
            return
    pace = Pace(exchange.bandwidth)
    async for piece in _altered(_pieces(body), exchange.effects, answer.declared_length or 0):
        await pace.spend(len(piece))
        await response.write(piece)
        entry.sent += len(piece)
    limit = exchange.effects.reset_after_sent
    if limit is not None and entry.sent >= limit:
        await _flush(exchange)
        exchange.reset()
        entry.status = None
        raise Cut


def _alters(effects: Fault) -> bool:
    return any(
        limit is not None
        for limit in (
            effects.reset_after_sent,
            effects.truncate,
            effects.shorten,
            effects.corrupt,
        )
    )


async def _send_file(exchange: Exchange, part: FileSlice) -> None:
    loop = asyncio.get_running_loop()
    transport = exchange.request.transport
    if transport is None:
        raise ConnectionResetError
    end = part.offset + part.count
    with part.path.open("rb") as file:
        for offset in range(part.offset, end, _SENDFILE_STEP):
            count = min(_SENDFILE_STEP, end - offset)
            exchange.entry.sent += await loop.sendfile(transport, file, offset, count)


async def _pieces(body: bytes | FileSlice | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        for start in range(0, len(body), _PIECE):
            yield body[start : start + _PIECE]
    elif isinstance(body, FileSlice):
        with body.path.open("rb") as file:
            file.seek(body.offset)
            left = body.count
            while left > 0:
                piece = file.read(min(_PIECE, left))
                left -= len(piece)
                yield piece
    else:
        async for piece in body:
            yield piece


async def _altered(
    pieces: AsyncIterator[bytes], effects: Fault, length: int
) -> AsyncIterator[bytes]:
    bad = effects.corrupt
    if bad is not None and bad < 0:
        bad += length
    limits = (effects.reset_after_sent, effects.truncate, effects.shorten)
    limit = min((limit for limit in limits if limit is not None), default=None)
    sent = 0
    async for whole in pieces:
        piece = whole if limit is None else whole[: limit - sent]
        if bad is not None and sent <= bad < sent + len(piece):
            at = bad - sent
            piece = piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
        sent += len(piece)
        yield piece
        if limit is not None and sent >= limit:
            return


async def _flush(exchange: Exchange) -> None:
    transport = exchange.request.transport
    while transport is not None and transport.get_write_buffer_size():
        if transport.is_closing():
            return
        await asyncio.sleep(0)


async def _close_early(exchange: Exchange) -> None:
    length = exchange.body_length
    small = length is not None and length <= _DRAINED_BODY and not exchange.expects_continue
    if small and not exchange.request.content.at_eof():
        try:
            await asyncio.wait_for(_drain(exchange), timeout=1)
        except asyncio.TimeoutError:
            pass
    exchange.request.protocol.close()


async def _drain(exchange: Exchange) -> None:
    try:
        while await exchange.request.content.readany():
            pass
    except (OSError, web.RequestPayloadError):
        return
