"""GET and HEAD: listings, metadata, versions and contents."""

from __future__ import annotations

import asyncio
import hashlib
import json
import posixpath
import re
import sqlite3
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

from . import addons, storage, wb_errors, wb_json, zipping
from .answer import Answer
from .names import content_disposition
from .tree import children

if TYPE_CHECKING:
    from pathlib import Path

    from .addons import Dialect
    from .exchange import Exchange
    from .records import Entity
    from .task import Task

# Longer listings are put together in a thread, on a snapshot of the database.
_INLINE_LISTING = 500
_CLOSED_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
# WaterButler overrides the type for these only; everything else is a stream of bytes.
_CONTENT_TYPES = {".csv": "text/csv", ".md": "text/x-markdown"}


async def get(task: Task, entity: Entity) -> Answer:
    """Answer a GET of an entity."""
    if entity.is_folder:
        if "zip" in task.arguments:
            return zipping.zipped(task, entity)
        return await _listing(task, entity)
    if "meta" in task.arguments:
        materialized = task.exchange.world.tree.materialized(entity)
        data = task.json.described(entity, materialized, task.resource, task.exchange.own_url)
        return _json(task.exchange, {"data": data})
    if "versions" in task.arguments or "revisions" in task.arguments:
        world = task.exchange.world
        versions = task.json.revisions(world.tree.versions(entity.id), world.store)
        return _json(task.exchange, {"data": versions})
    return _content(task, entity)


def head(task: Task, entity: Entity) -> Answer:
    """Answer a HEAD of an entity; the length is, in osfstorage, that of the first version."""
    if entity.is_folder:
        return Answer(501, {"Content-Type": "text/html; charset=UTF-8"}, length=0)
    materialized = task.exchange.world.tree.materialized(entity)
    data = task.json.described(entity, materialized, task.resource, task.exchange.own_url)
    modified = datetime.fromisoformat(str(entity.modified)).replace(tzinfo=timezone.utc)
    headers = {
        "Content-Type": "application/octet-stream",
        "Last-Modified": format_datetime(modified, usegmt=True),
        "X-Waterbutler-Metadata": json.dumps(data),
    }
    answer = Answer(200, headers, length=data["attributes"]["sizeInt"])
    return cacheable(task.exchange, answer)


async def _listing(task: Task, folder: Entity) -> Answer:
    world = task.exchange.world
    place = (world.tree.materialized(folder), task.resource, task.exchange.own_url)
    key = (task.provider, folder.id, *place)
    body = world.listings.find(key)
    if body is None and world.tree.count(folder.id) <= _INLINE_LISTING:
        body = wb_json.encode(task.json.listing(world.tree.children(folder.id), *place))
        world.listings.keep(key, body)
    elif body is None:
        body = await asyncio.to_thread(
            _long_listing, task.json, world.store.path, folder.id, *place
        )
    return cacheable(task.exchange, Answer(200, {"Content-Type": wb_errors.JSON}, body))


def _long_listing(
    dialect: Dialect, database: Path, folder: str, materialized: str, resource: str, files_url: str
) -> bytes:
    db = sqlite3.connect(database)
    try:
        return wb_json.encode(
            dialect.listing(children(db, folder), materialized, resource, files_url)
        )
    finally:
        db.close()


def _content(task: Task, entity: Entity) -> Answer:
    exchange, world = task.exchange, task.exchange.world
    if task.provider == "osfstorage":
        wanted = int(task.version) if task.version else entity.versions
        version = world.tree.identified(entity.id, wanted)[0]
    else:
        version = addons.version(world, entity, task.version)
    name = task.arguments.get("displayName") or entity.name
    disposition = content_disposition(name)
    redirects = task.provider == "osfstorage" and world.settings.storage_redirect
    if redirects and "direct" not in task.arguments:
        location = storage.signed_url(world, version, disposition)
        headers = {"Location": location, "Content-Type": "text/html; charset=UTF-8"}
        return Answer(302, headers)
    extension = posixpath.splitext(name)[1]
    headers = {
        "Content-Type": _CONTENT_TYPES.get(extension, "application/octet-stream"),
        "Content-Disposition": disposition,
    }
    first, last = _wanted_range(exchange)
    if last is None:
        answer = Answer(200, headers, world.blobs.body(version, 0, version.size))
    else:
        count = max(min(last + 1, version.size) - first, 0)
        # What lies beyond the end is promised all the same, with the wrong status.
        answer = Answer(
            200 if last >= version.size else 206,
            headers,
            world.blobs.body(version, first, count),
            length=last - first + 1,
        )
    if answer.status == 206:
        headers["Content-Range"] = f"bytes {first}-{last}/{version.size}"
    # Tornado computes an ETag where nothing was written yet when a request ends.
    return answer if answer.body_length else cacheable(exchange, answer)


def _wanted_range(exchange: Exchange) -> tuple[int, int | None]:
    """Return the range if WaterButler understands it, else ``(0, None)``."""
    match = _CLOSED_RANGE.fullmatch(exchange.request.headers.get("Range", ""))
    if match is None or int(match[2]) < int(match[1]):
        return 0, None
    return int(match[1]), int(match[2])


def _json(exchange: Exchange, value: object) -> Answer:
    return cacheable(exchange, Answer(200, {"Content-Type": wb_errors.JSON}, wb_json.encode(value)))


def cacheable(exchange: Exchange, answer: Answer) -> Answer:
    """Add an ETag, and answer 304 to a client that has it already."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    etag = f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"'
    asked = exchange.request.headers.get("If-None-Match", "")
    known = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    if etag in known or "*" in known:
        return Answer(304, {"Etag": etag})
    answer.headers["Etag"] = etag
    return answer
