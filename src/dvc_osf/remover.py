"""Deleting: one request for a file, and one for a folder with all that is in it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .exceptions import OSFNotFoundError, OSFPathError, OSFPermissionError
from .models import Entity
from .tree import not_found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .api import OSFAPIClient
    from .concurrency import KeyedLocks
    from .paths import OSFPath
    from .tree import Tree

__all__ = ["Remover", "topmost"]


class Remover:
    """Deletes what paths name.

    Parameters
    ----------
    api : OSFAPIClient
        What asks.
    tree : Tree
        What knows the ids.
    locks : KeyedLocks
        Keeps a deletion apart from an upload to the same path.
    """

    def __init__(self, api: OSFAPIClient, tree: Tree, locks: KeyedLocks) -> None:
        self._api = api
        self._tree = tree
        self._locks = locks

    async def remove(self, place: OSFPath, *, files: bool = True, folders: bool = True) -> None:
        """Delete what a path names: every entity of it, for racing creates can make several.

        Parameters
        ----------
        place : OSFPath
            What to delete; for a provider's root, all of its content.
        files, folders : bool, optional
            Which kinds may go.

        Raises
        ------
        OSFNotFoundError
            Nothing is there.
        OSFPathError
            It is a project.
        """
        if place.provider is None:
            raise OSFPathError(
                "a project cannot be deleted",
                path=str(place),
                operation="rm",
                hint="Name a provider (osf://<project>/osfstorage) to delete all of its files",
            )
        async with self._locks.hold(str(place)):
            with self._tree.doubting(place):
                if not await self._delete(place, files=files, folders=folders):
                    # Believe a 404 only after looking: the cached ids may be old, the name in use
                    # anew.
                    self._tree.invalidate(place.parent)
                    await self._delete(place, files=files, folders=folders)

    async def _delete(self, place: OSFPath, *, files: bool, folders: bool) -> bool:
        """Delete what the tree knows of a path; tell whether anything was still there."""
        entities = await self._named(place, files=files, folders=folders)
        if not entities:
            raise not_found(place, "rm")
        provider = await self._tree.provider(place, "rm")
        deleted = False
        for entity in entities:
            with contextlib.suppress(OSFNotFoundError), _hint_at_checkout():
                await self._api.delete(provider, entity, str(place))
                deleted = True
            if entity.id:
                self._tree.forget(place, entity)
            else:
                self._tree.invalidate(place)
        return deleted

    async def _named(self, place: OSFPath, *, files: bool, folders: bool) -> list[Entity]:
        if not place.parts:
            return [Entity.root()] if folders else []
        children = await self._tree.children(place.parent, "rm")
        named: list[Entity] = []
        if files:
            named += children.files.get(place.name, ())
        if folders:
            named += children.folders.get(place.name, ())
        return named


@contextlib.contextmanager
def _hint_at_checkout() -> Iterator[None]:
    """Name a reason that the OSF does not give when it refuses to delete."""
    try:
        yield
    except OSFPermissionError as error:
        if type(error) is OSFPermissionError:
            error.hint = f"A file that is checked out cannot be deleted; is it? {error.hint}"
        raise


def topmost(places: Iterable[OSFPath]) -> list[OSFPath]:
    """Leave out what goes with a folder above it.

    Parameters
    ----------
    places : iterable of OSFPath
        Files and folders.

    Returns
    -------
    list of OSFPath
        Those that are below no other.
    """
    chosen: list[OSFPath] = []
    for place in sorted(places, key=lambda place: str(place).split("/")):
        if not chosen or not (place == chosen[-1] or place.is_below(chosen[-1])):
            chosen.append(place)
    return chosen
