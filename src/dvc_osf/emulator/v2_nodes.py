"""API v2's projects and registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import v2_errors
from .answer import Answer
from .v2_nodes_json import node_object
from .v2_query import Page, collection, ordered_nodes

if TYPE_CHECKING:
    from .store import Node
    from .v2_view import View

_CHANGEABLE = {"title", "description", "category", "public"}


async def nodes(view: View) -> Answer:
    """Answer ``/v2/nodes/``: everything that the caller may find, or a new project."""
    if not view.caller.may_use_nodes:
        raise v2_errors.out_of_scope()
    if view.exchange.method == "POST":
        return await _create(view)
    if view.exchange.method not in {"GET", "HEAD"}:
        raise v2_errors.error(405, f'Method "{view.exchange.method}" not allowed.')
    return _findable(view, "nodes")


async def registrations(view: View) -> Answer:
    """Answer ``/v2/registrations/``."""
    if not view.caller.may_use_nodes:
        raise v2_errors.out_of_scope()
    return _findable(view, "registrations")


def _findable(view: View, kind: str) -> Answer:
    store = view.world.store
    found = {node.id: node for node in store.nodes_of(view.caller.user, kind)}
    found |= {node.id: node for node in store.public_nodes(kind)}
    return _page(view, list(found.values()))


async def of_user(view: View, guid: str, kind: str) -> Answer:
    """Answer ``/v2/users/<guid>/nodes/`` and the like: components are among them."""
    if not (view.caller.may_use_users and view.caller.may_use_nodes):
        raise v2_errors.out_of_scope()
    if guid == "me" and view.caller.user is None:
        raise v2_errors.unauthorized()
    store = view.world.store
    user = store.user(view.caller.user if guid == "me" else guid.lower())
    if user is None:
        raise v2_errors.not_found()
    visible = [node for node in store.nodes_of(user.id, kind) if view.caller.may_read(store, node)]
    return _page(view, visible)


async def children(view: View, kind: str, guid: str) -> Answer:
    """Answer ``/v2/nodes/<guid>/children/``: components that the caller may see, or a new one."""
    node = view.node(kind, guid)
    if view.exchange.method == "POST":
        return await _create(view, node)
    store = view.world.store
    found = [child for child in store.components(node.id) if view.caller.may_read(store, child)]
    return _page(view, found)


def _page(view: View, found: list[Node]) -> Answer:
    page = Page.asked(view.exchange)
    page.check(len(found))
    found = ordered_nodes(view.exchange, found)
    shown = found[page.offset : page.offset + page.size]
    data = [node_object(view.world, view.caller, node) for node in shown]
    return view.answer(collection(view.exchange, view.shapes, page, len(found), data))


async def _create(view: View, parent: Node | None = None) -> Answer:
    store = view.world.store
    if view.caller.user is None or not view.caller.may_create:
        raise view.denied()
    if parent is not None and not view.caller.may_write(store, parent):
        raise view.denied()
    attributes = await view.attributes()
    title = attributes.get("title")
    if not title:
        pointer = {"pointer": "/data/attributes/title"}
        raise v2_errors.error(400, "This field is required.", source=pointer)
    node = store.add_node(
        view.caller.user,
        title=str(title),
        public=bool(attributes.get("public", False)),
        description=str(attributes.get("description", "")),
        category=str(attributes.get("category", "project")),
    )
    if parent is not None:
        store.make_component(node.id, parent.id)
    return view.answer(view.shapes.single(node_object(view.world, view.caller, node)), 201)


async def detail(view: View, kind: str, guid: str) -> Answer:
    """Answer ``/v2/nodes/<guid>/``: show, change or delete a project."""
    node = view.node(kind, guid, "node")
    if view.exchange.method in {"GET", "HEAD"}:
        return view.answer(view.shapes.single(node_object(view.world, view.caller, node)))
    if not view.caller.may_administer(view.world.store, node):
        raise view.denied()
    store = view.world.store
    if view.exchange.method == "DELETE":
        store.change_node(node.id, deleted=1)
        return Answer(204)
    attributes = await view.attributes()
    changes = {name: attributes[name] for name in sorted(_CHANGEABLE & attributes.keys())}
    store.change_node(node.id, **changes)
    changed = store.node(node.id) or node
    return view.answer(view.shapes.single(node_object(view.world, view.caller, changed)))


async def storage(view: View, guid: str) -> Answer:
    """Answer ``/v2/nodes/<guid>/storage/``: whoever may write is told how full a project is."""
    if not view.caller.may_use_contributors:
        raise v2_errors.out_of_scope()
    node = view.node("nodes", guid)
    if not view.caller.may_write(view.world.store, node):
        raise view.denied()
    usage = view.world.tree.usage(node.id)
    return view.answer(view.shapes.single(view.shapes.storage(node, usage)))
