"""The emulator's own interface over HTTP, next to API v2."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .addons import add_provider
from .faults import Fault

if TYPE_CHECKING:
    from .world import World


async def respond(world: World, request: web.BaseRequest) -> web.Response:
    """Answer a request below ``/_emulator/``; such requests are not in the log."""
    what = request.path.removeprefix("/_emulator/").strip("/")
    try:
        value = await _act(world, request, what)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    except LookupError:
        return web.json_response({"error": f"no such thing as {what}"}, status=404)
    return web.json_response(value)


async def _act(world: World, request: web.BaseRequest, what: str) -> Any:
    method = request.method
    body = json.loads(await request.text() or "null") if request.can_read_body else None
    if what == "faults":
        return _faults(world, method, body)
    if what == "requests":
        if method == "DELETE":
            world.log.clear()
        return [entry.as_dict() for entry in world.log.entries]
    if what == "settings":
        return _settings(world, body if method in {"PATCH", "PUT", "POST"} else None)
    if what == "providers" and isinstance(body, dict):
        add_provider(world, body["project"], body["provider"])
        return body
    if what == "stats":
        return _stats(world)
    raise LookupError(what)


def _faults(world: World, method: str, body: Any) -> list[dict[str, Any]]:
    rules = world.faults.rules
    if method == "DELETE":
        rules.clear()
    elif method == "POST":
        for rule in body if isinstance(body, list) else [body]:
            rules.append(Fault(**rule))
    return [asdict(rule) for rule in rules]


def _settings(world: World, changes: dict[str, Any] | None) -> dict[str, Any]:
    names = {field.name for field in fields(world.settings)}
    for name, value in (changes or {}).items():
        if name not in names:
            raise ValueError(f"no such setting as {name}")
        setattr(world.settings, name, tuple(value) if isinstance(value, list) else value)
    return asdict(world.settings)


def _stats(world: World) -> dict[str, Any]:
    by_method: dict[str, int] = {}
    by_status: dict[str, int] = {}
    for entry in world.log.entries:
        by_method[entry.method] = by_method.get(entry.method, 0) + 1
        by_status[str(entry.status)] = by_status.get(str(entry.status), 0) + 1
    return {
        "requests": world.log.total,
        "by_method": by_method,
        "by_status": by_status,
        "received": sum(entry.received for entry in world.log.entries),
        "sent": sum(entry.sent for entry in world.log.entries),
    }
