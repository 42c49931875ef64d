"""Making folders: each once, however many tasks want it, and never a second of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .concurrency import KeyedLocks
from .exceptions import OSFNotFoundError, OSFVersionConflictError
from .retry import is_transient

if TYPE_CHECKING:
    from .api import OSFAPIClient
    from .models import Entity
    from .paths import OSFPath
    from .tree import Tree

__all__ = ["FolderMaker"]


class FolderMaker:
    """Makes the folders that something is to be written into.

    Parameters
    ----------
    api : OSFAPIClient
        What creates.
    tree : Tree
        What knows which are there.
    """

    def __init__(self, api: OSFAPIClient, tree: Tree) -> None:
        self._api = api
        self._tree = tree
        self._locks = KeyedLocks()

    async def ensure(self, path: OSFPath, operation: str) -> Entity:
        """Return a folder, created with its parents where it does not exist.

        Parameters
        ----------
        path : OSFPath
            The folder.
        operation : str
            For the errors.

        Returns
        -------
        Entity
            The folder; the oldest where there are several.
        """
        known = self._tree.known_folder(path)
        if known is not None:
            return known
        async with self._locks.hold(str(path)):
            try:
                return await self._find_or_create(path, operation)
            except OSFNotFoundError:
                if not path.parent.parts:
                    raise
            # The parent's id in the cache led nowhere: somebody deleted it.
            self._tree.invalidate(path.parent)
            return await self._find_or_create(path, operation)

    async def _find_or_create(self, path: OSFPath, operation: str) -> Entity:
        parent = await self.ensure(path.parent, operation)
        existing = await self._look_for(path, operation)
        if existing is not None:
            return existing
        with self._tree.doubting(path):
            return await self._create(parent, path, operation)

    async def _create(self, parent: Entity, path: OSFPath, operation: str) -> Entity:
        provider = await self._tree.provider(path, operation)
        looked = True
        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                # A second create after a lost answer could make a second folder: look first.
                existing = None if looked else await self._look_for(path, operation, refresh=True)
                if existing is not None:
                    return existing
                try:
                    folder = await self._api.create_folder(provider, parent, path.name, str(path))
                except OSFVersionConflictError:
                    # The answer does not say which id it has.
                    existing = await self._look_for(path, operation, refresh=True)
                    if existing is None:
                        raise
                    return existing
                except Exception as error:
                    looked = not is_transient(error)
                    raise
        self._tree.learn(path.parent, parent, folder)
        self._tree.learn_empty(path, folder)
        return folder

    async def _look_for(
        self, path: OSFPath, operation: str, *, refresh: bool = False
    ) -> Entity | None:
        children = await self._tree.children(path.parent, operation, refresh=refresh)
        namesakes = children.folders.get(path.name)
        return namesakes[0] if namesakes else None
