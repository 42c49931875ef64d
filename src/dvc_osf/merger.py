"""Moving and copying folders onto folders that exist: entry by entry, and nothing lost.

The OSF replaces a folder whole, it does not merge; so here what the target lacks goes in one
request each, whole folders among it, and files that it has are replaced by the order of
:mod:`dvc_osf.mover`. A moved folder is deleted only after all of it has arrived and a new look at
it finds nothing but empty folders.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .children import Children
from .concurrency import gather_or_cancel, map_bounded
from .exceptions import OSFNotFoundError, OSFPathError, OSFVersionConflictError

if TYPE_CHECKING:
    from .mover import Mover
    from .paths import OSFPath
    from .remover import Remover
    from .tree import Tree

__all__ = ["Merger"]


@dataclass(frozen=True)
class _Step:
    """One request, or the few of a replacement."""

    source: OSFPath
    target: OSFPath
    whole_folder: bool


class Merger:
    """Moves and copies whole folders, to free places and onto others.

    Parameters
    ----------
    tree : Tree
        What knows the ids.
    mover : Mover
        What moves and copies single entities.
    remover : Remover
        What deletes emptied folders.
    limit : int
        How many steps at once.
    """

    def __init__(self, tree: Tree, mover: Mover, remover: Remover, limit: int) -> None:
        self._tree = tree
        self._mover = mover
        self._remover = remover
        self._limit = limit

    async def folder(self, action: str, source: OSFPath, target: OSFPath) -> None:
        """Move or copy a folder with all that is in it.

        When a step fails, those under way are finished, no other begins, and nothing is deleted:
        each file is at its old place or at its new one.

        Parameters
        ----------
        action : {"move", "copy"}
            Which.
        source, target : OSFPath
            From where to where; a provider's root stands for what is in it.

        Raises
        ------
        OSFNotFoundError
            There is no such folder.
        OSFPathError
            The target is inside the source, or one of them is a project.
        OSFVersionConflictError
            Something appeared in the source while it was moved.
        """
        if source == target:
            return
        for place in (source, target):
            if place.provider is None:
                raise OSFPathError(
                    f"a project is not something to {action}",
                    path=str(place),
                    operation=action,
                    hint="Name a provider, or a folder in it",
                )
        if target.is_below(source):
            raise OSFPathError(
                "a folder cannot go into itself", path=str(target), operation=action, hint=""
            )
        free = not await self._exists(target, action)
        steps = await self._plan(action, source, target, free=free)

        async def go(step: _Step) -> None:
            do = self._mover.folder if step.whole_folder else self._mover.file
            await do(action, step.source, step.target)

        await map_bounded(go, steps, self._limit)
        if action == "move" and steps != [_Step(source, target, whole_folder=True)]:
            await self.discard(source)

    async def discard(self, source: OSFPath) -> None:
        """Delete a folder out of which everything has been moved, after looking.

        Parameters
        ----------
        source : OSFPath
            The folder; a provider's root stays.

        Raises
        ------
        OSFVersionConflictError
            There still is a file in it, or in a folder in it.
        """
        left = await self._file_in(source)
        if left is not None:
            raise OSFVersionConflictError(
                "everything was moved, but this file is there now",
                path=str(left),
                operation="move",
                hint="It appeared meanwhile; move it too",
            )
        if source.parts:
            with contextlib.suppress(OSFNotFoundError):
                await self._remover.remove(source, files=False)

    async def _plan(
        self, action: str, source: OSFPath, target: OSFPath, *, free: bool
    ) -> list[_Step]:
        folders = await self._tree.folders(source, action)
        # Several folders of one name are shown as one, and become one.
        if free and len(folders) == 1 and source.parts:
            return [_Step(source, target, whole_folder=True)]
        here = await self._tree.children(source, action)
        there = Children() if free else await self._tree.children(target, action)
        files = [_Step(source.child(n), target.child(n), whole_folder=False) for n in here.files]
        below = await gather_or_cancel(
            self._plan(
                action, source.child(name), target.child(name), free=name not in there.folders
            )
            for name in here.folders
        )
        return files + [step for steps in below for step in steps]

    async def _exists(self, place: OSFPath, action: str) -> bool:
        try:
            await self._tree.folders(place, action)
        except OSFNotFoundError:
            return False
        return True

    async def _file_in(self, place: OSFPath) -> OSFPath | None:
        """Find a file in a folder, as the OSF has it now."""
        try:
            children = await self._tree.children(place, "move", refresh=True)
        except OSFNotFoundError:
            return None
        for name in children.files:
            return place.child(name)
        found = await gather_or_cancel(self._file_in(place.child(n)) for n in children.folders)
        return next((file for file in found if file is not None), None)
