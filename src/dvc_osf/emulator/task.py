"""A request to WaterButler, and what its URL names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import addons, wb_errors

if TYPE_CHECKING:
    from .addons import Dialect
    from .exchange import Exchange
    from .records import Entity
    from .store import Node


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
            return addons.entity(self.exchange, node, self.provider, self.path)
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
