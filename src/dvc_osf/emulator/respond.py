"""From a request to its answer: the failures first, then the part of the OSF that was asked."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

from aiohttp import web

from . import control, pages, storage, v2, v2_errors, waterbutler, wb_errors
from .access import identify
from .answer import Answer, Cut, Refusal
from .exchange import Exchange
from .transmit import transmit

if TYPE_CHECKING:
    from .log import Role
    from .world import World

_logger = logging.getLogger("dvc_osf.emulator")
_HOSTS = {
    "api": v2.answer,
    "files": waterbutler.answer,
    "storage": storage.answer,
    "web": pages.answer,
}


async def respond(
    world: World, request: web.BaseRequest, host: Role, own_url: str
) -> web.StreamResponse:
    """Answer one request on one of the listeners.

    Parameters
    ----------
    host
        What the listener serves; the API's also serves the web pages and the controls.
    own_url
        The listener's URL.
    """
    if host == "api" and request.path.startswith("/_emulator/"):
        return await control.respond(world, request)
    if host == "api" and not request.path.startswith("/v2"):
        host = "web"
    exchange = Exchange(world, request, host, own_url)
    authorization = request.headers.get("Authorization", "")
    view_only = exchange.query.get("view_only") or None
    exchange.caller = identify(authorization, view_only, world.store)
    exchange.entry.token = exchange.caller.label
    try:
        return await transmit(exchange, await _answer(exchange))
    except Cut:
        pass
    except Exception:
        exchange.entry.status = None
        _logger.exception("%s %s", exchange.method, exchange.path)
    finally:
        exchange.entry.ended = time.monotonic()
    # aiohttp wants a response even where nobody must get one.
    exchange.reset()
    return web.Response()


async def _answer(exchange: Exchange) -> Answer:
    try:
        answer = await _fail(exchange) or await _HOSTS[exchange.host](exchange)
        await exchange.world.store.settled()
    except Refusal as refusal:
        return refusal.answer
    except Cut:
        raise
    except Exception:
        _logger.exception("%s %s", exchange.method, exchange.path)
        return Answer(500, {"Content-Type": "text/plain"}, b"The emulator has a bug; see its log.")
    return answer


async def _fail(exchange: Exchange) -> Answer | None:
    world = exchange.world
    effects, hits = world.faults.effects(exchange.host, exchange.method, exchange.target)
    exchange.effects, exchange.entry.faults = effects, hits
    wait = world.settings.latency + (effects.delay or 0.0)
    if wait:
        await asyncio.sleep(wait)
    if effects.reset:
        exchange.reset()
        raise Cut
    if effects.hang:
        await exchange.hang()
    if effects.status is None:
        return None
    return _failure(exchange, effects.status)


def _failure(exchange: Exchange, status: int) -> Answer:
    effects = exchange.effects
    body = effects.body
    if body is None:
        shaped = v2_errors.error if exchange.host == "api" else wb_errors.own
        answer = shaped(status, Answer(status).reason).answer
    elif isinstance(body, (dict, list)):
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        answer = Answer(status, headers, json.dumps(body).encode())
    else:
        text = body.encode() if isinstance(body, str) else body
        html = text.lstrip().startswith(b"<")
        headers = {"Content-Type": "text/html; charset=UTF-8" if html else "text/plain"}
        answer = Answer(status, headers, text)
    if effects.retry_after is not None:
        answer.headers["Retry-After"] = str(effects.retry_after)
    answer.closes = bool(exchange.body_length)
    return answer
