"""Moving and copying on the server: one request for a file or for a whole folder.

Onto a file that exists, the OSF's own ``conflict=replace`` deletes the target before it moves the
source, so a failure in between would lose the target. Here the target is first set aside under
another name in its folder, then the source takes its place, and only then is the old target
deleted. Whatever fails, both contents are still there; when the second step fails, the target is
put back.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from .concurrency import finish
from .exceptions import (
    OSFException,
    OSFNotFoundError,
    OSFPathError,
    OSFTimeoutError,
    OSFVersionConflictError,
)
from .paths import DEFAULT_PROVIDER
from .retry import give_up, look_until, patience_after
from .tree import not_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .api import OSFAPIClient
    from .concurrency import KeyedLocks
    from .folders import FolderMaker
    from .models import Entity, Provider
    from .paths import OSFPath
    from .tree import Tree

__all__ = ["Mover"]


class Mover:
    """Moves and copies entities without their bytes passing through this machine.

    Parameters
    ----------
    api : OSFAPIClient
        What asks.
    tree : Tree
        What knows the ids.
    folders : FolderMaker
        What makes those that are missing.
    locks : KeyedLocks
        Keeps other writers of both paths apart.
    """

    def __init__(
        self, api: OSFAPIClient, tree: Tree, folders: FolderMaker, locks: KeyedLocks
    ) -> None:
        self._api = api
        self._tree = tree
        self._folders = folders
        self._locks = locks

    async def file(self, action: str, source: OSFPath, target: OSFPath) -> None:
        """Move or copy a file, in the place of one that exists.

        Parameters
        ----------
        action : {"move", "copy"}
            Which.
        source, target : OSFPath
            From where to where.

        Raises
        ------
        OSFNotFoundError
            There is no such file.
        """
        _insist_on_names(action, source, target)
        if source == target:
            return

        async def go() -> None:
            file = await self._tree.file(source, action)
            if file is None:
                raise not_found(source, action)
            folder = await self._folders.ensure(target.parent, action)
            there = (await self._tree.children(target.parent, action)).files.get(target.name)
            if there:
                # Begun, it must not be left in the middle, with the target set aside.
                await finish(self._replace(action, source, file, target, folder, there))
            else:
                await self._relocate(action, source, file, target, folder)

        async with self._both(source, target):
            await self._tree.resolving(go, source, target)

    async def folder(self, action: str, source: OSFPath, target: OSFPath) -> None:
        """Move or copy a folder with all that is in it to a place that is free.

        Parameters
        ----------
        action : {"move", "copy"}
            Which.
        source, target : OSFPath
            From where to where.

        Raises
        ------
        OSFNotFoundError
            There is no such folder.
        OSFVersionConflictError
            A folder is there already.
        OSFPathError
            The target is inside the source.
        """
        _insist_on_names(action, source, target)
        if target == source or target.is_below(source):
            raise OSFPathError(
                "a folder cannot go into itself", path=str(target), operation=action, hint=""
            )

        async def go() -> None:
            folders = await self._tree.folders(source, action)
            if len(folders) > 1:
                raise OSFVersionConflictError(
                    "there are several folders of this name",
                    path=str(source),
                    operation=action,
                    hint="Move what is in them file by file",
                )
            into = await self._folders.ensure(target.parent, action)
            await self._relocate(action, source, folders[0], target, into)

        async with self._both(source, target):
            await self._tree.resolving(go, source, target)

    @contextlib.asynccontextmanager
    async def _both(self, source: OSFPath, target: OSFPath) -> AsyncIterator[None]:
        """Hold the locks of two paths that change.

        Always in one order, lest two tasks wait for each other.
        """
        first, second = sorted((str(source), str(target)))
        async with self._locks.hold(first), self._locks.hold(second):
            with self._tree.doubting(source, target):
                yield

    async def _replace(
        self,
        action: str,
        source: OSFPath,
        file: Entity,
        target: OSFPath,
        folder: Entity,
        there: list[Entity],
    ) -> None:
        """Set the target aside, take its place, delete it; at each moment both are somewhere."""
        # Where ids are paths, what is set aside has another one.
        aside: list[tuple[OSFPath, Entity]] = []
        for old in there:
            place = target.parent.child(f".{target.name[:200]}.{secrets.token_hex(6)}.replaced")
            aside.append((place, await self._relocate("move", target, old, place, folder)))
        try:
            await self._relocate(action, source, file, target, folder)
        except BaseException:
            for place, moved in aside:
                with contextlib.suppress(OSFException):
                    await self._relocate("move", place, moved, target, folder)
            raise
        provider = await self._tree.provider(target, action)
        for place, moved in aside:
            await self._api.delete(provider, moved, str(place))
            self._tree.forget(place, moved)

    async def _relocate(
        self, action: str, source: OSFPath, entity: Entity, target: OSFPath, folder: Entity
    ) -> Entity:
        """Move or copy to a free place, know that it happened, and return what is there."""
        provider = await self._tree.provider(source, action)
        target_provider = await self._tree.provider(target, action)
        limit = self._api.config.upload_timeout
        patience: float | None = None
        moved: Entity | None = None

        async def look() -> Entity | None:
            return await self._arrived(action, source, entity, target)

        async for attempt in self._api.attempts(action, str(source)):
            with attempt:
                if patience is not None:
                    moved = await look_until(look, patience, self._api.clock)
                    if moved is not None:
                        break
                try:
                    moved = await self._api.relocate(
                        action, provider, entity, target_provider, folder, target.name, str(source)
                    )
                except OSFException as error:
                    patience = patience_after(error, limit)
                    raise
        if moved is None:
            # The OSF goes on working at it.
            moved = await look_until(look, limit, self._api.clock)
        if moved is None:
            raise give_up(
                OSFTimeoutError(
                    f"the OSF has not completed the {action} after {limit:.0f} s",
                    path=str(source),
                    operation=action,
                    hint=f"Look at osf://{target}: it may complete later",
                )
            )
        if _keeps_versions(provider, target_provider):
            modified = moved.modified or entity.modified
            # The answer may give the first version's size.
            moved = entity._replace(id=moved.id, name=target.name, modified=modified)
        self._tree.learn(target.parent, folder, moved)
        if action == "move":
            self._tree.forget(source, entity)
        return moved

    async def _arrived(
        self, action: str, source: OSFPath, entity: Entity, target: OSFPath
    ) -> Entity | None:
        """Look whether an earlier request did its work, all of it."""
        provider = await self._tree.provider(source, action)
        keeps = _keeps_versions(provider, await self._tree.provider(target, action))
        if action == "move" and not keeps and await self._still_there(source, entity):
            # It is deleted when all of it has been copied.
            return None
        try:
            children = await self._tree.children(target.parent, action, refresh=True)
        except OSFNotFoundError:
            return None
        kind = children.folders if entity.is_folder else children.files
        for other in kind.get(target.name, ()):
            if action == "move":
                complete = other.id == entity.id or not keeps
            elif entity.is_folder:
                complete = await self._same_content(source, target)
            elif keeps:
                complete = (other.md5, other.version) == (entity.md5, entity.version)
            else:
                complete = _same_bytes(entity, other)
            if complete:
                return other
        return None

    async def _still_there(self, source: OSFPath, entity: Entity) -> bool:
        """Look whether what was to be moved is in its place."""
        try:
            children = await self._tree.children(source.parent, "move", refresh=True)
        except OSFNotFoundError:
            return False
        kind = children.folders if entity.is_folder else children.files
        return any(other.id == entity.id for other in kind.get(source.name, ()))

    async def _same_content(self, source: OSFPath, target: OSFPath) -> bool:
        """Compare two folders, all the way down."""
        here = await self._tree.children(source, "copy", refresh=True)
        there = await self._tree.children(target, "copy", refresh=True)
        if here.files.keys() != there.files.keys() or here.folders.keys() != there.folders.keys():
            return False
        if not all(_same_bytes(here.files[name][0], there.files[name][0]) for name in here.files):
            return False
        for name in here.folders:
            if not await self._same_content(source.child(name), target.child(name)):
                return False
        return True


def _keeps_versions(source: Provider, target: Provider) -> bool:
    """Tell whether a move keeps ids and versions: within osfstorage, also to another project."""
    return source.name == target.name == DEFAULT_PROVIDER


def _same_bytes(one: Entity, other: Entity) -> bool:
    """Compare two files by checksum, or by size where an add-on has no checksum."""
    if one.md5 is None or other.md5 is None:
        return one.size is not None and one.size == other.size
    return one.md5 == other.md5


def _insist_on_names(action: str, *places: OSFPath) -> None:
    for place in places:
        if not place.parts:
            raise OSFPathError(
                f"a project or provider is not something to {action}",
                path=str(place),
                operation=action,
                hint="Name a file or folder in it",
            )
