"""PUT: new files, new versions and new folders."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import wb_errors, wb_json
from .answer import Answer, Cut, Refusal
from .names import InvalidPathError, UnusableNameError, child_name
from .receive import receive

if TYPE_CHECKING:
    from .exchange import Exchange
    from .receive import Received
    from .tree import Entity
    from .waterbutler import Task


async def put(task: Task) -> Answer:
    """Create or replace a file, or create a folder."""
    exchange = task.exchange
    _refuse_oversize(exchange)
    kind = task.arguments.get("kind", "file")
    _check_headers(exchange, kind)
    node = task.node(task.resource, task.provider, write=True)
    entity = task.entity(node)
    if not entity.is_folder:
        if "name" in task.arguments:
            raise wb_errors.own(400, "'name' parameter doesn't apply to actions on files")
        if kind == "folder":
            message = 'Path must be a folder (and end with a "/") if trying to create a subfolder'
            raise wb_errors.own(409, message)
        return await _put_file(task, str(entity.parent), entity.name)
    if "name" not in task.arguments:
        raise wb_errors.own(400, "Missing required parameter 'name'")
    name = _checked_name(task, entity, task.arguments["name"])
    _refuse_taken(task, entity, name, kind)
    if kind == "folder":
        return await _put_folder(task, entity, name)
    return await _put_file(task, entity.id, name)


def _refuse_oversize(exchange: Exchange) -> None:
    length = exchange.body_length
    if length is None or length <= exchange.world.settings.max_body:
        return
    # Tornado itself, before any handler: no headers, no body.
    transport = exchange.request.transport
    if transport is not None:
        transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        exchange.entry.status = 400
        exchange.drop()
    raise Cut


def _check_headers(exchange: Exchange, kind: str) -> None:
    if kind not in {"file", "folder"}:
        message = f"Kind must be file, folder or unspecified (interpreted as file), not {kind}"
        raise wb_errors.own(400, message)
    if exchange.body_length is None and kind == "file":
        raise wb_errors.own(411, "Content-Length is required for file uploads")
    if exchange.body_length and kind == "folder":
        raise wb_errors.own(413, "Folder creation requests may not have a body")


def _checked_name(task: Task, folder: Entity, name: str) -> str:
    try:
        return child_name(task.exchange.world.tree.materialized(folder), name)
    except InvalidPathError as error:
        raise wb_errors.own(400, str(error)) from None
    except UnusableNameError:
        raise wb_errors.internal() from None


def _refuse_taken(task: Task, folder: Entity, name: str, kind: str) -> None:
    tree = task.exchange.world.tree
    taken = tree.named(folder.id, name, kind)
    if not taken:
        return
    extant = {}
    if kind == "file":
        materialized = tree.materialized(taken[0])
        extant = wb_json.described(taken[0], materialized, task.resource, task.exchange.own_url)
    raise wb_errors.conflict(name, extant)


async def _put_folder(task: Task, parent: Entity, name: str) -> Answer:
    world, tree = task.exchange.world, task.exchange.world.tree
    task.exchange.accepted = True
    if world.settings.strict_duplicates:
        await asyncio.sleep(world.settings.race_window)
    elif tree.named(parent.id, name, "folder"):
        path = f"{tree.materialized(parent)}{name}/"
        message = (
            f'Cannot create folder "{name}" because a file or folder already exists at path '
            f'"{path}"'
        )
        raise wb_errors.explained(409, message)
    if tree.get(parent.id) is None:
        raise wb_errors.relayed(404)
    folder = tree.add_folder(parent, name)
    shown = wb_json.attributes(folder, tree.materialized(folder), size=None)
    data = wb_json.resource_object(folder, shown, task.resource, task.exchange.own_url)
    return Answer(201, {"Content-Type": wb_errors.JSON}, wb_json.encode({"data": data}))


async def _put_file(task: Task, parent_id: str, name: str) -> Answer:
    exchange, world = task.exchange, task.exchange.world
    exchange.accepted = True
    if _over_quota(task):
        async for _ in exchange.body():
            pass
        raise wb_errors.over_quota()
    received = await receive(exchange)
    late = exchange.effects.late_commit
    if late is not None:
        world.continue_in_background(_commit_later(task, parent_id, name, received, late))
        return Answer(200)
    try:
        await asyncio.sleep(world.settings.late_commit)
        entity, created = await _commit(task, parent_id, name, received)
    finally:
        received.discard()
    materialized = world.tree.materialized(entity)
    data = wb_json.uploaded(entity, materialized, task.resource, exchange.own_url)
    return Answer(
        201 if created else 200,
        {"Content-Type": wb_errors.JSON},
        wb_json.encode({"data": data}),
    )


def _over_quota(task: Task) -> bool:
    world = task.exchange.world
    node = world.store.node(task.resource)
    return node is not None and world.over_quota(node)


async def _commit_later(
    task: Task, parent_id: str, name: str, received: Received, seconds: float
) -> None:
    try:
        await asyncio.sleep(seconds)
        await _commit(task, parent_id, name, received)
    except Refusal:
        # There is nobody left who could be told.
        return
    finally:
        received.discard()


async def _commit(task: Task, parent_id: str, name: str, received: Received) -> tuple[Entity, bool]:
    # The OSF commits by the place and name that the file had when the request began, whatever
    # has become of the file since.
    world, tree = task.exchange.world, task.exchange.world.tree
    same = tree.named(parent_id, name, "file")
    if world.settings.strict_duplicates:
        await asyncio.sleep(world.settings.race_window)
    parent = tree.get(parent_id)
    if parent is None:
        raise wb_errors.relayed(404)
    task.node(task.resource, task.provider, write=True)
    if len(same) > 1:
        raise wb_errors.relayed(500)
    # From here on nothing waits: no delete may find the content without its version.
    if not same:
        received.keep(world.blobs)
        return tree.add_file(parent, name, received.content, task.exchange.caller.user), True
    if same[0].checkout not in {None, task.exchange.caller.user}:
        raise wb_errors.locked()
    received.keep(world.blobs)
    return tree.add_version(same[0], received.content, task.exchange.caller.user), False
