"""WaterButler v1: which request is which, and the checks that come before all work."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import addons, download, moves, upload, wb_errors, wb_json
from .answer import Answer, Refusal
from .names import query_argument
from .rate_limit import check_rate

if TYPE_CHECKING:
    from .addons import Dialect
    from .exchange import Exchange
    from .records import Entity
    from .store import Node

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


@dataclass
class Task:
    """A request to WaterButler, understood so far.

    Parameters
    ----------
    resource
        The guid as the client wrote it.
    path
        The part of the URL after the provider: ``/``, ``/<id>`` or ``/<id>/``; the id of
        something in an add-on is its path.
    arguments
        The query as WaterButler sees it.
    """

    exchange: Exchange
    resource: str
    provider: str
    path: str
    arguments: dict[str, str]

    @property
    def version(self) -> str | None:
        """The version asked for, None for the newest."""
        return self.arguments.get("version") or self.arguments.get("revision") or None

    @property
    def json(self) -> Dialect:
        """How the provider's entities look."""
        return addons.dialect(self.provider)

    def node(self, guid: str, provider: str, *, write: bool) -> Node:
        """Return a node that the caller may use.

        Raises
        ------
        Refusal
            404, 410, 403, 400 for a provider that the node does not have, 500 for a user's guid.
        """
        store, caller = self.exchange.world.store, self.exchange.caller
        node = store.node(guid)
        if node is None:
            status = 500 if store.user(guid.lower()) else 404
            raise wb_errors.relayed(status)
        if node.deleted:
            raise wb_errors.relayed(410)
        allowed = caller.may_write if write else caller.may_read
        if not allowed(store, node):
            raise wb_errors.relayed(403)
        if provider != "osfstorage" and store.provider_root(node.id, provider) is None:
            raise wb_errors.relayed(400)
        return node

    def entity(self, node: Node) -> Entity:
        """Return the entity that the URL's path names.

        Raises
        ------
        Refusal
            404 if there is none or the slash is wrong, 400 for a version that does not exist.
        """
        if self.provider != "osfstorage":
            return addons.entity(self, node)
        tree = self.exchange.world.tree
        if self.path == "/":
            return tree.existing(node.root)
        entity_id = self.path.strip("/")
        if "/" in entity_id:
            raise wb_errors.html_page_not_found()
        entity = tree.get(entity_id)
        if entity is None or entity.node != node.id:
            raise wb_errors.relayed(404)
        if not entity.is_folder:
            self._check_version(entity)
        if entity.is_folder != self.path.endswith("/"):
            raise wb_errors.missing(self.path)
        if entity.parent is None:
            raise wb_errors.own(400, "Must specify path")
        return entity

    def _check_version(self, entity: Entity) -> None:
        # The OSF looks the version up before it knows what is to be done with it; after racing
        # uploads the newest one, by its number, may be missing or there several times.
        asked = self.version or str(entity.versions)
        if not asked.isdecimal():
            raise wb_errors.relayed(400)
        found = self.exchange.world.tree.identified(entity.id, int(asked))
        if len(found) != 1:
            raise wb_errors.relayed(500 if found else 400)


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
    check_rate(exchange)
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
