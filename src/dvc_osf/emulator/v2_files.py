"""API v2's view of files: where they are, what they are, which versions they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import v2_errors
from .v2_query import Page, collection, entity_page

if TYPE_CHECKING:
    from .answer import Answer
    from .records import Entity
    from .store import Node
    from .v2_view import View


async def providers(view: View, kind: str, guid: str) -> Answer:
    """Answer ``/v2/nodes/<guid>/files/``."""
    node = view.node(kind, guid)
    names = ["osfstorage", *view.world.store.providers(node.id)]
    page = Page.asked(view.exchange)
    page.check(len(names))
    shown = names[page.offset : page.offset + page.size]
    data = [view.shapes.provider(node, name) for name in shown]
    return view.answer(collection(view.exchange, view.shapes, page, len(names), data))


async def listing(view: View, kind: str, guid: str, provider: str, rest: str = "") -> Answer:
    """Answer ``/v2/nodes/<guid>/files/osfstorage/`` and everything below it."""
    node = view.node(kind, guid)
    if provider != "osfstorage":
        raise v2_errors.not_found()
    entity = view.world.tree.get(rest.rstrip("/") or node.root)
    wants_folder = not rest or rest.endswith("/")
    if entity is None or entity.node != node.id or entity.is_folder != wants_folder:
        raise v2_errors.not_found()
    if not entity.is_folder:
        return _single(view, entity, node)
    page = Page.asked(view.exchange)
    total, entities = entity_page(view.exchange, view.world.store, entity.id, page)
    folder = view.world.tree.materialized(entity)
    data = [
        view.shapes.entity(child, node, f"{folder}{child.name}{'/' if child.is_folder else ''}")
        for child in entities
    ]
    return view.answer(collection(view.exchange, view.shapes, page, total, data))


async def detail(view: View, entity_id: str) -> Answer:
    """Answer ``/v2/files/<id>/``: show a file or folder, or check a file out and in."""
    entity, node = _find(view, entity_id)
    if view.exchange.method in {"GET", "HEAD"}:
        return _single(view, entity, node)
    if not view.caller.may_write(view.world.store, node):
        raise view.denied()
    attributes = await view.attributes()
    if "checkout" in attributes:
        entity = _check_out(view, entity, node, attributes["checkout"])
    return _single(view, entity, node)


def _check_out(view: View, entity: Entity, node: Node, user: str | None) -> Entity:
    own = {None, view.caller.user}
    foreign = entity.checkout not in own
    if user not in own or (foreign and not view.caller.may_administer(view.world.store, node)):
        raise v2_errors.forbidden()
    return view.world.tree.set_checkout(entity.id, user)


async def versions(view: View, entity_id: str) -> Answer:
    """Answer ``/v2/files/<id>/versions/``."""
    entity, node = _find(view, entity_id)
    found = view.world.tree.versions(entity.id)
    page = Page.asked(view.exchange)
    page.check(len(found))
    data = [
        view.shapes.file_version(entity, node, version)
        for version in found[page.offset : page.offset + page.size]
    ]
    return view.answer(collection(view.exchange, view.shapes, page, len(found), data))


async def version(view: View, entity_id: str, number: str) -> Answer:
    """Answer ``/v2/files/<id>/versions/<number>/``."""
    entity, node = _find(view, entity_id)
    found = view.world.tree.identified(entity.id, int(number))
    if not found:
        raise v2_errors.not_found()
    return view.answer(view.shapes.single(view.shapes.file_version(entity, node, found[0])))


def _find(view: View, entity_id: str) -> tuple[Entity, Node]:
    if not view.caller.may_use_nodes:
        raise v2_errors.out_of_scope()
    world = view.world
    entity = world.tree.get(entity_id)
    if entity is None or "/" in entity.node:
        # What is in an add-on has no id of the OSF's before somebody asks for one.
        raise (v2_errors.gone("file") if world.tree.deleted(entity_id) else v2_errors.not_found())
    node = world.store.node(entity.node)
    if node is None or node.deleted:
        raise v2_errors.gone("file")
    if not view.caller.may_read(world.store, node):
        raise view.denied()
    return entity, node


def _single(view: View, entity: Entity, node: Node) -> Answer:
    materialized = view.world.tree.materialized(entity)
    return view.answer(view.shapes.single(view.shapes.entity(entity, node, materialized)))
