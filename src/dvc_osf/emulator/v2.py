"""API v2: which request is which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import v2_errors, v2_files, v2_nodes, v2_users
from .answer import Answer, Refusal
from .v2_view import View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from .exchange import Exchange

    Handler = Callable[..., Awaitable[Answer]]

_READ = "GET, HEAD, OPTIONS"
_NODES = r"/v2/(nodes|registrations)/(\w+)/"
# The path, the methods as the Allow header spells them, and the handler of all of them.
_ROUTES: tuple[tuple[re.Pattern[str], str, Handler], ...] = tuple(
    (re.compile(pattern), methods, handler)
    for pattern, methods, handler in (
        (r"/v2/", "OPTIONS, GET", v2_users.root),
        (r"/v2/guids/(\w+)/", _READ, v2_users.guid),
        (r"/v2/users/(\w+)/", "GET, PUT, PATCH, HEAD, OPTIONS", v2_users.detail),
        (r"/v2/users/(\w+)/(nodes|registrations)/", _READ, v2_nodes.of_user),
        (r"/v2/nodes/", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS", v2_nodes.nodes),
        (r"/v2/registrations/", _READ, v2_nodes.registrations),
        (_NODES, "GET, PUT, PATCH, DELETE, HEAD, OPTIONS", v2_nodes.detail),
        (r"/v2/nodes/(\w+)/storage/", _READ, v2_nodes.storage),
        (
            _NODES + r"children/",
            "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
            v2_nodes.children,
        ),
        (_NODES + r"files/", _READ, v2_files.providers),
        (_NODES + r"files/(\w+)/", _READ, v2_files.listing),
        (_NODES + r"files/(\w+)/(.+)", _READ, v2_files.listing),
        (r"/v2/files/(\w+)/", "GET, PUT, PATCH, HEAD, OPTIONS", v2_files.detail),
        (r"/v2/files/(\w+)/versions/", _READ, v2_files.versions),
        (r"/v2/files/(\w+)/versions/(\d+)/", _READ, v2_files.version),
    )
)
_SLASHES = re.compile("/+")
# Anonymous callers may list files three times a second, and ask for other things ten times.
_LIST_LIMITS = ((3, 1.0), (75, 60.0))
_OTHER_LIMITS = ((10, 1.0), (100, 3600.0))


async def answer(exchange: Exchange) -> Answer:
    """Answer a request to API v2."""
    # The OSF's front end makes one slash of several; osfclient relies on it.
    path = _SLASHES.sub("/", unquote(exchange.path))
    route = _route(path)
    if route is None and _route(path + "/") is not None:
        query = f"?{exchange.raw_query}" if exchange.raw_query else ""
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Location": f"{exchange.path}/{query}",
            "Vary": "origin",
        }
        return Answer(301, headers, _nothing())
    match, allow, handler = route or (None, _READ, _nowhere)
    try:
        result = await _handle(exchange, match, allow, handler)
    except Refusal as refusal:
        result = refusal.answer
    defaults = {
        "Server": "gunicorn",
        "Content-Type": v2_errors.JSON,
        "Vary": "Accept, Cookie, origin",
        "Allow": allow,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
    result.headers = {**defaults, **result.headers}
    if result.status == 500:
        # The page comes from Django itself, which knows nothing of the view.
        del result.headers["Allow"]
    return result


def _route(path: str) -> tuple[re.Match[str], str, Handler] | None:
    for pattern, allow, handler in _ROUTES:
        match = pattern.fullmatch(path)
        if match is not None:
            return match, allow, handler
    return None


async def _handle(
    exchange: Exchange, match: re.Match[str] | None, allow: str, handler: Handler
) -> Answer:
    if exchange.method == "OPTIONS":
        return Answer(200)
    caller = exchange.caller
    if caller.rejected is not None:
        refusal = v2_errors.unauthorized(caller.rejected)
        if exchange.request.headers.get("Authorization", "").startswith("Basic"):
            # Refused before anybody has looked for a cookie.
            refusal.answer.headers["Vary"] = "Accept, origin"
        raise refusal
    if caller.user is None and exchange.world.settings.v2_throttle:
        _throttle(exchange, lists=handler is v2_files.listing)
    if exchange.method not in allow.split(", ") and exchange.method != "HEAD":
        raise v2_errors.error(405, f'Method "{exchange.method}" not allowed.')
    return await handler(View(exchange), *(match.groups() if match else ()))


def _throttle(exchange: Exchange, *, lists: bool) -> None:
    limits = _LIST_LIMITS if lists else _OTHER_LIMITS
    wait = exchange.world.throttle.wait("files" if lists else "other", limits)
    if wait:
        seconds = max(round(wait + 0.5), 1)
        unit = "second" if seconds == 1 else "seconds"
        raise v2_errors.error(
            429,
            f"Request was throttled. Expected available in {seconds} {unit}.",
            headers={"Retry-After": str(seconds)},
        )


async def _nothing() -> AsyncGenerator[bytes, None]:
    """Be a body without a known length, and without anything in it."""
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


async def _nowhere(_view: View) -> Answer:
    raise v2_errors.not_found()
