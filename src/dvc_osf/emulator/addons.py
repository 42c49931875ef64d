"""The storage that a project has beside osfstorage: here S3, whose ids are paths.

Its files are in the same tree, below a root of their own; what differs is how a URL names them,
what the JSON says, and that a copy takes only the newest content along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from . import s3_json, wb_errors, wb_json
from .answer import Answer, Refusal
from .names import InvalidPathError, check_path
from .records import Content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .exchange import Exchange
    from .records import Entity, Version
    from .store import Node, Store
    from .world import World

OSFSTORAGE = "osfstorage"
ADDONS = ("s3",)


def add_provider(world: World, guid: str, provider: str) -> None:
    """Give a project another storage.

    Raises
    ------
    ValueError
        It is not one that the emulator knows.
    LookupError
        There is no such project.
    """
    if provider not in ADDONS:
        raise ValueError(f"the emulator has no provider {provider!r}, only {', '.join(ADDONS)}")
    node = world.store.node(guid)
    if node is None:
        raise LookupError(f"There is no project {guid}.")
    world.store.add_provider(node.id, provider)


class Dialect(Protocol):
    """How one provider's entities look in JSON; see `wb_json` for each."""

    def attributes(self, entity: Entity, materialized: str, *, size: int | None) -> dict[str, Any]:
        """Return an entity's attributes where it is described by itself."""

    def resource_object(
        self, entity: Entity, shown: dict[str, Any], resource: str, files_url: str
    ) -> dict[str, Any]:
        """Return an entity as the ``data`` of an answer."""

    def described(
        self, entity: Entity, materialized: str, resource: str, files_url: str
    ) -> dict[str, Any]:
        """Return a single entity."""

    def uploaded(
        self, entity: Entity, materialized: str, resource: str, files_url: str
    ) -> dict[str, Any]:
        """Return the answer to an upload."""

    def listed(self, entity: Entity, folder: str) -> dict[str, Any]:
        """Return the attributes of an entity in a folder's listing."""

    def listing(
        self, entities: Iterable[Entity], folder: str, resource: str, files_url: str
    ) -> dict[str, Any]:
        """Return a folder's children."""

    def revisions(self, versions: Iterable[Version], store: Store) -> list[dict[str, Any]]:
        """Return a file's list of versions."""


def dialect(provider: str) -> Dialect:
    """Return how a provider's entities look in JSON."""
    return wb_json if provider == OSFSTORAGE else s3_json


def entity(exchange: Exchange, node: Node, provider: str, path: str) -> Entity:
    """Return the entity of an add-on that the URL's path names.

    S3 has no folders, only keys: WaterButler does not look whether one is there before it puts
    something into it or deletes it.

    Raises
    ------
    Refusal
        404 if there is none, 400 for a path that is not its own normal form.
    """
    world = exchange.world
    try:
        check_path(path)
    except InvalidPathError as error:
        raise wb_errors.own(400, str(error)) from None
    found = at(world, node, provider, path)
    if found is not None:
        return found
    if path.endswith("/") and exchange.method == "PUT":
        return _make_folders(world, root(world, node, provider), path)
    if path.endswith("/") and exchange.method == "DELETE":
        exchange.accepted = True
        raise Refusal(Answer(204))
    raise wb_errors.missing(path)


def at(world: World, node: Node, provider: str, path: str) -> Entity | None:
    """Return what is at a path; one that ends with a slash names a folder."""
    found = root(world, node, provider)
    names = path.strip("/").split("/") if path != "/" else []
    for number, name in enumerate(names, 1):
        last = number == len(names)
        kind = "file" if last and not path.endswith("/") else "folder"
        named = world.tree.named(found.id, name, kind)
        if not named:
            return None
        found = named[0]
    return found


def root(world: World, node: Node, provider: str) -> Entity:
    """Return the root folder of a node's add-on, which it has."""
    return world.tree.existing(str(world.store.provider_root(node.id, provider)))


def _make_folders(world: World, folder: Entity, path: str) -> Entity:
    for name in path.strip("/").split("/"):
        named = world.tree.named(folder.id, name, "folder")
        folder = named[0] if named else world.tree.add_folder(folder, name)
    return folder


def version(world: World, entity: Entity, asked: str | None) -> Version:
    """Return the version of an add-on's file that is asked for, by S3's name of it.

    Raises
    ------
    Refusal
        400 for a version that does not exist.
    """
    versions = world.tree.versions(entity.id)
    if asked is None or asked.lower() == "latest":
        return versions[0]
    for found in versions:
        if s3_json.version_id(found) == asked:
            return found
    raise wb_errors.own(400, "Invalid version id specified")


def transfer(world: World, entity: Entity, folder: Entity, name: str, user: str | None) -> Entity:
    """Copy what is there now to or from an add-on, with all that is below; no older versions."""
    tree = world.tree
    with world.store.transaction():
        if entity.is_folder:
            made = tree.add_folder(folder, name)
            for child in tree.children(entity.id):
                transfer(world, child, made, child.name, user)
            return made
        newest = tree.versions(entity.id)[0]
        content = Content(newest.size, newest.md5, newest.sha256, world.blobs.small(newest))
        return tree.add_file(folder, name, content, user)
