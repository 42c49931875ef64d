"""DELETE and POST: entities that go, move, are copied or get another name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import addons, wb_errors, wb_json
from .answer import Answer
from .names import InvalidPathError, UnusableNameError, child_name, numbered

if TYPE_CHECKING:
    from .records import Entity
    from .store import Node
    from .task import Task
    from .world import World

_MAX_BODY = 1_000_000


def delete(task: Task, entity: Entity) -> Answer:
    """Delete an entity with all that is in it; of the root only what is in it, if confirmed."""
    world = task.exchange.world
    try:
        confirmed = int(task.arguments.get("confirm_delete", "0")) == 1
    except ValueError:
        raise wb_errors.internal() from None
    if entity.parent is None and not confirmed:
        message = "confirm_delete=1 is required for deleting root provider folder"
        raise wb_errors.own(400, message)
    _remove(world, entity)
    return Answer(204)


def _remove(world: World, entity: Entity) -> None:
    """Delete an entity, or everything in a root."""
    if world.tree.checked_out(entity.id):
        raise wb_errors.relayed(403)
    remove = world.tree.empty if entity.parent is None else world.tree.delete
    world.discard(remove(entity.id))


@dataclass
class _Order:
    """What the body of a POST asks for."""

    action: str
    path: str | None
    name: str | None
    conflict: str
    resource: str
    provider: str


async def post(task: Task) -> Answer:
    """Move, copy or rename an entity."""
    order = _understand(task, await _json(task))
    world = task.exchange.world
    source_node = task.node(task.resource, task.provider, write=order.action != "copy")
    source = task.entity(source_node)
    if order.action == "rename":
        node, folder = source_node, _parent(world, source)
    else:
        node, folder = _destination(task, order, source)
    if not folder.is_folder:
        raise wb_errors.relayed(404)
    name, replaced = _settle_name(task, order, source, folder)
    _check_self(world, source, folder, replaced)
    inside = task.provider == order.provider == "osfstorage"
    moves_in = node.id != source_node.id or task.provider != "osfstorage"
    if order.provider == "osfstorage" and moves_in and world.over_quota(node):
        raise wb_errors.over_quota()
    if replaced is not None:
        # Not atomic on the real server either: whatever fails from here on, the target is gone.
        _remove(world, replaced)
    if order.action == "copy":
        if inside:
            result = world.tree.copy(source, folder, name)
        else:
            result = addons.transfer(world, source, folder, name, task.exchange.caller.user)
    elif world.tree.checked_out(source.id):
        raise wb_errors.explained(405, "Cannot move file as it is checked out.")
    elif inside:
        result = world.tree.move(source, folder, name)
    else:
        result = addons.transfer(world, source, folder, name, task.exchange.caller.user)
        _remove(world, source)
    data = _result(task, order, result)
    return Answer(
        201 if replaced is None else 200,
        {"Content-Type": wb_errors.JSON},
        wb_json.encode({"data": data}),
    )


async def _json(task: Task) -> dict[str, Any]:
    length = task.exchange.body_length
    if length is None:
        raise wb_errors.own(411, "Content-Length is required")
    if length > _MAX_BODY:
        raise wb_errors.own(413, "Request body must be under 1Mb")
    task.exchange.accepted = True
    try:
        value = json.loads(await task.exchange.read())
    except ValueError:
        raise wb_errors.own(400, "Invalid json body") from None
    if not isinstance(value, dict):
        raise wb_errors.internal()
    return value


def _understand(task: Task, body: dict[str, Any]) -> _Order:
    action = body.get("action", "null")
    if action not in {"copy", "move", "rename"}:
        message = f'Auth action must be "copy", "move", or "rename", not "{action}"'
        raise wb_errors.own(400, message)
    if action == "rename" and not body.get("rename"):
        raise wb_errors.own(400, '"rename" field is required for renaming')
    return _Order(
        action=action,
        path=body.get("path"),
        name=body.get("rename") or None,
        conflict=body.get("conflict", "warn"),
        resource=body.get("resource", task.resource) if action != "rename" else task.resource,
        provider=body.get("provider", task.provider),
    )


def _parent(world: World, entity: Entity) -> Entity:
    parent = world.tree.get(entity.parent) if entity.parent is not None else None
    if parent is None:
        raise wb_errors.internal()
    return parent


def _destination(task: Task, order: _Order, source: Entity) -> tuple[Node, Entity]:
    if order.path is None:
        message = '"path" field is required for moves or copies'
        raise wb_errors.own(400, message)
    if not order.path.endswith("/"):
        message = '"path" field requires a trailing slash to indicate it is a folder'
        raise wb_errors.own(400, message)
    if source.parent is None and not order.name:
        message = '"rename" field is required for copying root'
        raise wb_errors.own(400, message)
    node = task.node(order.resource, order.provider, write=True)
    world = task.exchange.world
    if order.provider != "osfstorage":
        folder = addons.at(world, node, order.provider, order.path)
        if folder is None:
            raise wb_errors.missing(order.path)
        return node, folder
    folder = world.tree.get(node.root if order.path == "/" else order.path.strip("/"))
    if folder is None or folder.node != node.id:
        raise wb_errors.own(404, f"{order.path} not found")
    return node, folder


def _settle_name(
    task: Task, order: _Order, source: Entity, folder: Entity
) -> tuple[str, Entity | None]:
    """Return the name that the entity will have, and what has to make room for it."""
    tree = task.exchange.world.tree
    try:
        name = child_name(tree.materialized(folder), order.name or source.name)
    except InvalidPathError as error:
        raise wb_errors.own(400, str(error)) from None
    except UnusableNameError:
        raise wb_errors.relayed(404) from None
    taken = tree.named(folder.id, name, source.kind)
    if not taken:
        return name, None
    if order.conflict == "replace":
        return name, taken[0]
    if order.conflict == "warn":
        extant = {}
        if not taken[0].is_folder:
            materialized = tree.materialized(taken[0])
            json_of = addons.dialect(order.provider)
            extant = json_of.attributes(taken[0], materialized, size=taken[0].first_size)
        raise wb_errors.conflict(name, extant)
    number = 1
    while tree.named(folder.id, numbered(name, number), source.kind):
        number += 1
    return numbered(name, number), None


def _check_self(world: World, source: Entity, folder: Entity, replaced: Entity | None) -> None:
    if replaced is not None and replaced.id == source.id:
        path = world.tree.materialized(source)
        message = (
            f"Unable to move or copy '{path}'. Moving or copying a file or folder onto itself is"
            " not supported."
        )
        raise wb_errors.own(400, message)
    if world.tree.contains(source.id, folder):
        raise wb_errors.relayed(500)


def _result(task: Task, order: _Order, entity: Entity) -> dict[str, Any]:
    tree, url = task.exchange.world.tree, task.exchange.own_url
    json_of = addons.dialect(order.provider)
    materialized = tree.materialized(entity)
    shown = json_of.attributes(entity, materialized, size=entity.first_size)
    if entity.is_folder:
        shown["children"] = [
            json_of.listed(child, materialized) for child in tree.children(entity.id)
        ]
    return json_of.resource_object(entity, shown, order.resource, url)
