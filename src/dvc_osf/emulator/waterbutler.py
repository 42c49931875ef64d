"""WaterButler v1: which request is which, and the checks that come before all work."""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import download, moves, upload, wb_errors, wb_json
from .answer import Answer, Refusal
from .names import query_argument
from .task import Task

if TYPE_CHECKING:
    from .exchange import Exchange

_PATTERN = re.compile(r"/v1/resources/(\w+)/providers/(\w+)(/.*)")
_CORS = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": (
        "Range, Content-Type, Authorization, Cache-Control, X-Requested-With, X-CSRFToken"
    ),
    "Access-Control-Expose-Headers": (
        "Range, Accept-Ranges, Content-Range, Content-Length, Content-Encoding"
    ),
    "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
}
_NO_ROUTE = (
    "Traceback (most recent call last):\n"
    '  File ".../tornado/web.py", line 1825, in _execute\n'
    "    result = self.prepare()\n"
    '  File ".../tornado/web.py", line 2615, in prepare\n'
    "    raise HTTPError(self._status_code)\n"
    "tornado.web.HTTPError: HTTP 404: Not Found\n"
)


async def answer(exchange: Exchange) -> Answer:
    """Answer a request to a files host."""
    result = await _answer(exchange)
    result.headers["Server"] = "TornadoServer/6.5.1"
    origin = exchange.request.headers.get("Origin")
    if origin:
        result.headers.update({"Access-Control-Allow-Origin": origin, **_CORS})
    return result


async def _answer(exchange: Exchange) -> Answer:
    if exchange.path == "/status":
        body = wb_json.encode({"status": "up", "version": "26.0.0"})
        return download.cacheable(exchange, Answer(200, {"Content-Type": wb_errors.JSON}, body))
    match = _PATTERN.fullmatch(unquote(exchange.path))
    if match is None:
        return Answer(404, {"Content-Type": "text/plain"}, _NO_ROUTE.encode())
    if exchange.method == "OPTIONS":
        return Answer(204, {"Access-Control-Allow-Methods": "GET, PUT, POST, DELETE"})
    try:
        result = await _dispatch(exchange, *match.groups())
    except Refusal as refusal:
        # Tornado ends a connection, without having said so, when it answers before it has come
        # to read the body; even if there is none.
        refusal.answer.closes = not exchange.accepted
        return refusal.answer
    result.headers["X-Waterbutler-Request-Id"] = str(uuid.uuid4())
    return result


async def _dispatch(exchange: Exchange, resource: str, provider: str, path: str) -> Answer:
    _check_rate(exchange)
    task = Task(exchange, resource, provider, path, _arguments(exchange))
    method = exchange.method
    if method == "PUT":
        return await upload.put(task)
    if method == "POST":
        return await moves.post(task)
    if method not in {"GET", "HEAD", "DELETE"}:
        raise wb_errors.own(
            405,
            f'Method "{method.lower()}" not supported, currently supported methods are '
            "PUT, GET, HEAD, DELETE",
        )
    entity = task.entity(task.node(resource, provider, write=method == "DELETE"))
    exchange.accepted = True
    if method == "DELETE":
        return moves.delete(task, entity)
    if method == "HEAD":
        return download.head(task, entity)
    return await download.get(task, entity)


def _arguments(exchange: Exchange) -> dict[str, str]:
    arguments = {}
    for name, value in exchange.query_pairs:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise wb_errors.internal() from None
        arguments[name] = query_argument(value)
    return arguments


def _check_rate(exchange: Exchange) -> None:
    """Count a request to WaterButler.

    Raises
    ------
    Refusal
        429 when the caller's window is used up.
    """
    limit = exchange.world.settings.rate_limit
    if limit is None:
        return
    requests, window = limit
    credentials = exchange.request.headers.get("Authorization") or exchange.request.remote or ""
    key = hashlib.sha256(credentials.encode()).hexdigest()
    number, left = exchange.world.windows.count(key, window)
    if number <= requests:
        return
    wait = math.ceil(left)
    headers = {
        "Retry-After": wait,
        "X-Waterbutler-RateLimiting-Window": int(window),
        "X-Waterbutler-RateLimiting-Limit": requests,
        "X-Waterbutler-RateLimiting-Remaining": 0,
        # WaterButler's own local time, without a zone.
        "X-Waterbutler-RateLimiting-Reset": str(datetime.now() + timedelta(seconds=wait)),  # noqa: DTZ005
    }
    value = {
        "error": "API rate-limiting active due to too many requests",
        "headers": headers,
    }
    # On the wire Tornado spells the names in its own way.
    sent = {name.title(): str(text) for name, text in headers.items()}
    raise Refusal(wb_errors.json_answer(429, value, sent))
