"""PUT: new files, new versions and new folders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import wb_errors, wb_json
from .answer import Answer, Cut, Refusal
from .names import InvalidPathError, UnusableNameError, child_name
from .receive import receive

if TYPE_CHECKING:
    from .exchange import Exchange
    from .receive import Received
    from .records import Entity
    from .store import Node
    from .task import Task

_TWINS = 2


@dataclass(frozen=True)
class Target:
    """Where a PUT leads, as it was when the request began.

    Parameters
    ----------
    folder
        Id of the parent.
    path
        The materialized path of what will be there.
    """

    node: Node
    folder: str
    name: str
    path: str


async def put(task: Task) -> Answer:
    """Create or replace a file, or create a folder."""
    exchange = task.exchange
    _refuse_oversize(exchange)
    kind = task.arguments.get("kind", "file")
    _check_headers(exchange, kind)
    node = task.node(task.resource, task.provider, write=True)
    entity = task.entity(node)
    if not entity.is_folder:
        _check_file(task, kind)
        path = exchange.world.tree.materialized(entity)
        return await _put_file(task, Target(node, str(entity.parent), entity.name, path))
    target = _child(task, node, entity)
    _refuse_taken(task, target, kind)
    exchange.accepted = True
    if kind == "folder":
        return await _put_folder(task, target)
    return await _put_file(task, target)


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


def _check_file(task: Task, kind: str) -> None:
    if "name" in task.arguments:
        raise wb_errors.own(400, "'name' parameter doesn't apply to actions on files")
    if kind == "folder":
        message = 'Path must be a folder (and end with a "/") if trying to create a subfolder'
        raise wb_errors.own(409, message)
    task.exchange.accepted = True


def _child(task: Task, node: Node, folder: Entity) -> Target:
    if "name" not in task.arguments:
        raise wb_errors.own(400, "Missing required parameter 'name'")
    path = task.exchange.world.tree.materialized(folder)
    try:
        name = child_name(path, task.arguments["name"])
    except InvalidPathError as error:
        raise wb_errors.own(400, str(error)) from None
    except UnusableNameError:
        raise wb_errors.internal() from None
    return Target(node, folder.id, name, path + name)


def _refuse_taken(task: Task, target: Target, kind: str) -> None:
    taken = task.exchange.world.tree.named(target.folder, target.name, kind)
    if not taken:
        return
    extant = {}
    if kind == "file":
        url = task.exchange.own_url
        extant = task.json.described(taken[0], target.path, task.resource, url)
    raise wb_errors.conflict(target.name, extant)


async def _put_folder(task: Task, target: Target) -> Answer:
    world, tree = task.exchange.world, task.exchange.world.tree
    if world.settings.strict_duplicates:
        await asyncio.sleep(world.settings.race_window)
        # Most often one creator wins such a race, sometimes two do.
        if len(tree.named(target.folder, target.name, "folder")) >= _TWINS:
            raise wb_errors.folder_exists(target.name, f"{target.path}/")
    parent = tree.get(target.folder)
    if parent is None:
        raise wb_errors.relayed(404)
    folder = tree.add_folder(parent, target.name)
    shown = task.json.attributes(folder, f"{target.path}/", size=None)
    return _done(
        201, task.json.resource_object(folder, shown, task.resource, task.exchange.own_url)
    )


async def _put_file(task: Task, target: Target) -> Answer:
    exchange, world = task.exchange, task.exchange.world
    if task.provider == "osfstorage" and world.over_quota(target.node):
        async for _ in exchange.body():
            pass
        raise wb_errors.over_quota()
    received = await receive(exchange)
    late = exchange.effects.late_commit
    if late is not None:
        world.continue_in_background(_commit_later(task, target, received, late))
        return Answer(200)
    try:
        if world.settings.late_commit:
            await asyncio.sleep(world.settings.late_commit)
        entity, created = await _commit(task, target, received)
    finally:
        received.discard()
    shown = task.json.uploaded(entity, target.path, task.resource, exchange.own_url)
    return _done(201 if created else 200, shown)


def _done(status: int, data: dict[str, object]) -> Answer:
    return Answer(status, {"Content-Type": wb_errors.JSON}, wb_json.encode({"data": data}))


async def _commit_later(task: Task, target: Target, received: Received, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
        await _commit(task, target, received)
    except Refusal:
        # There is nobody left who could be told.
        return
    finally:
        received.discard()


async def _commit(task: Task, target: Target, received: Received) -> tuple[Entity, bool]:
    # The OSF commits by the place and name that the file had when the request began, whatever
    # has become of the file since.
    world, tree = task.exchange.world, task.exchange.world.tree
    user = task.exchange.caller.user
    same = tree.named(target.folder, target.name, "file")
    if world.settings.strict_duplicates:
        await asyncio.sleep(world.settings.race_window)
    node, parent = world.store.node(target.node.id), tree.get(target.folder)
    if node is None or node.deleted:
        raise wb_errors.relayed(410)
    if parent is None:
        raise wb_errors.relayed(404)
    if len(same) > 1:
        raise wb_errors.relayed(500)
    if same and same[0].checkout not in {None, user}:
        raise wb_errors.locked()
    if same and tree.get(same[0].id) is None:
        raise wb_errors.relayed(404)
    with world.store.transaction():
        received.keep(world.blobs)
        if not same:
            return tree.add_file(parent, target.name, received.content, user), True
        return tree.add_version(same[0], received.content, user), False
