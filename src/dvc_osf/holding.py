"""Keeping what is removed: on the OSF a deletion takes all versions with it, a move takes none.

A filesystem with a holding folder moves there what it is told to remove, and hides that folder. The
path of a file below it says where the file was, so its versions are still found by their old path,
and the next file that is written to that path continues them. Nothing has to be remembered: what
is on the OSF says it all, whenever a process ends. To purge means to remove from the holding
folder itself, which deletes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .concurrency import gather_or_cancel
from .exceptions import OSFNotFoundError
from .paths import OSFPath
from .tree import not_found

if TYPE_CHECKING:
    from .children import Children
    from .models import Entity
    from .mover import Mover
    from .remover import Remover
    from .tree import Tree

__all__ = ["Holder"]


class Holder:
    """Moves what is removed into a holding folder, and finds it there.

    Parameters
    ----------
    tree : Tree
        What knows the folders.
    mover : Mover
        What moves.
    remover : Remover
        What deletes the folders that were emptied.
    folder : OSFPath
        The holding folder; it holds what is removed from the folder that it is in.
    """

    def __init__(self, tree: Tree, mover: Mover, remover: Remover, folder: OSFPath) -> None:
        self._tree = tree
        self._mover = mover
        self._remover = remover
        self._folder = folder

    def covers(self, place: OSFPath) -> bool:
        """Tell whether what is removed from a place is kept.

        Parameters
        ----------
        place : OSFPath
            Any.

        Returns
        -------
        bool
            True beside the holding folder and below its neighbours; false within it.
        """
        return place.is_below(self._folder.parent) and not (
            place == self._folder or place.is_below(self._folder)
        )

    def held(self, place: OSFPath) -> OSFPath:
        """Return where what is removed from a place is kept.

        Parameters
        ----------
        place : OSFPath
            One that is covered.

        Returns
        -------
        OSFPath
            In the holding folder.
        """
        below = place.parts[len(self._folder.parent.parts) :]
        return OSFPath(place.project, place.provider, (*self._folder.parts, *below))

    # -- removing ----------------------------------------------------------------------------

    async def keep(self, place: OSFPath, *, folders: bool = True) -> None:
        """Remove what a path names, by moving it into the holding folder.

        Parameters
        ----------
        place : OSFPath
            One that is covered.
        folders : bool, optional
            Whether a folder may go.

        Raises
        ------
        OSFNotFoundError
            Nothing is there.
        """
        there = await self._tree.children(place.parent, "rm")
        namesakes = list(there.files.get(place.name, ()))
        is_folder = folders and place.name in there.folders
        if not namesakes and not is_folder:
            raise not_found(place, "rm")
        for file in namesakes:
            await self._keep_file(place, file)
        if is_folder:
            await self._keep_folder(place)

    async def _keep_file(self, place: OSFPath, file: Entity) -> None:
        held = self.held(place)
        if await self._files_at(held):
            # Somebody else made a file where one of ours had been: both have a first version.
            held = held.parent.child(f"{held.name[:200]}.{file.id}")
        await self._mover.file("move", place, held)

    async def _keep_folder(self, place: OSFPath) -> None:
        held = self.held(place)
        children = await self._tree.children(place, "rm")
        folders = await self._tree.folders(place, "rm")
        if len(folders) == 1 and not await self._has_folder(held):
            await self._mover.folder("move", place, held)
            return
        names = {*children.files, *children.folders}
        await gather_or_cancel(self.keep(place.child(name)) for name in sorted(names))
        await self._remover.remove(place, files=False)

    # -- finding -----------------------------------------------------------------------------

    async def find(self, place: OSFPath, version: int | None = None) -> OSFPath | None:
        """Find where a file that was removed is kept.

        Parameters
        ----------
        place : OSFPath
            Where it was.
        version : int, optional
            A version that it must have; by default the file that a new one continues is found.

        Returns
        -------
        OSFPath or None
            None where nothing is kept.
        """
        if not self.covers(place):
            return None
        held = self.held(place)
        for path, file in await self._files_at(held):
            if version is None or 1 <= version <= (file.version or 0):
                return path
        return None

    async def continued(self, place: OSFPath) -> OSFPath | None:
        """Find the file whose next version is what will be written to a path.

        Parameters
        ----------
        place : OSFPath
            Where to.

        Returns
        -------
        OSFPath or None
            None where a file is there, or none was.
        """
        try:
            if await self._tree.file(place, "put_file") is not None:
                return None
        except OSFNotFoundError as error:
            if error.status is not None:
                raise
        return await self.find(place)

    async def files_in(self, folder: OSFPath) -> dict[str, Entity]:
        """Return the files that were removed from a folder.

        Parameters
        ----------
        folder : OSFPath
            Where they were.

        Returns
        -------
        dict of str to Entity
            By the name that they had.
        """
        if folder != self._folder.parent and not self.covers(folder):
            return {}
        children = await self._children(self.held(folder))
        if children is None:
            return {}
        return {name: files[0] for name, files in children.files.items()}

    async def _files_at(self, held: OSFPath) -> list[tuple[OSFPath, Entity]]:
        """Return what is kept of a path: as a rule one file, the one of just that name first."""
        children = await self._children(held.parent)
        if children is None:
            return []
        found = children.files.get(held.name, [])[:1]
        for name, namesakes in sorted(children.files.items()):
            if name == f"{held.name[:200]}.{namesakes[0].id}":
                found = [*found, namesakes[0]]
        return [(held.parent.child(file.name), file) for file in found]

    async def _has_folder(self, held: OSFPath) -> bool:
        children = await self._children(held.parent)
        return children is not None and held.name in children.folders

    async def _children(self, folder: OSFPath) -> Children | None:
        try:
            return await self._tree.children(folder, "rm")
        except OSFNotFoundError as error:
            if error.status is not None:
                raise
            return None
