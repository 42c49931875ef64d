"""The web pages: a project's files to look at, and download links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .answer import Answer

if TYPE_CHECKING:
    from .exchange import Exchange

_DOWNLOAD = re.compile(r"/download/(\w+)/?")


async def answer(exchange: Exchange) -> Answer:
    """Answer a request for a page."""
    match = _DOWNLOAD.fullmatch(exchange.path)
    if match is not None:
        return _download(exchange, match[1])
    return Answer(404, {"Content-Type": "text/html; charset=utf-8"}, b"<h1>Page not found</h1>")


def _download(exchange: Exchange, entity_id: str) -> Answer:
    world = exchange.world
    entity = world.tree.get(entity_id)
    node = world.store.node(entity.node) if entity else None
    if entity is None or node is None:
        headers = {"Content-Type": "text/html; charset=utf-8"}
        return Answer(404, headers, b"<h1>Page not found</h1>")
    query = f"?{exchange.raw_query}" if exchange.raw_query else ""
    place = f"/v1/resources/{node.id}/providers/osfstorage{entity.path}{query}"
    return Answer(
        302,
        {
            "Location": f"{world.files_url(node)}{place}",
            "Content-Type": "text/html; charset=utf-8",
            "Access-Control-Allow-Origin": world.web_url,
            "Access-Control-Allow-Credentials": "true",
        },
    )
