"""Folders that are only left over: what this client deleted or moved away was the last in them.

Where folders are virtual, they appear with their first file and go with their last, as in object
stores. On the OSF the folder of the last file remains. To delete it would risk the file that
another client puts there at the same moment, for the OSF deletes a folder with whatever is in it;
so it stays, as an empty folder on the web page, and is shown as absent. It is used again when
something is written to it, seen again as soon as something is in it, and ``rm`` deletes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exceptions import OSFNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .children import Children
    from .paths import OSFPath

__all__ = ["Leftovers"]


class Leftovers:
    """Knows which folders may be left over, and looks whether they are.

    Parameters
    ----------
    listing : callable
        Returns what a folder holds, by its path, the operation and ``refresh=``.
    """

    def __init__(self, listing: Callable[..., Awaitable[Children]]) -> None:
        self._listing = listing
        self._thinned: set[str] = set()
        """Places from which this client took something, and those above them."""

    def took(self, path: OSFPath) -> None:
        """Note that this client deleted something, or moved it away.

        Parameters
        ----------
        path : OSFPath
            What it was; not what is below it.
        """
        self._thinned.discard(str(path))
        while path.parts:
            path = path.parent
            self._thinned.add(str(path))

    def gave(self, path: OSFPath) -> None:
        """Note that this client made something.

        Parameters
        ----------
        path : OSFPath
            What.
        """
        if self._thinned:
            self._thinned.discard(str(path))
            while path.parts:
                path = path.parent
                self._thinned.discard(str(path))

    async def include(self, path: OSFPath, operation: str, *, refresh: bool = False) -> bool:
        """Tell whether a folder is only left over; costs nothing where nothing was taken.

        Parameters
        ----------
        path : OSFPath
            A folder; a provider's root never is left over.
        operation : str
            For the errors.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        bool
            Whether there is neither a file in it nor a folder that is not left over itself.
        """
        if not path.parts or str(path) not in self._thinned:
            return False
        try:
            children = await self._listing(path, operation, refresh=refresh)
        except OSFNotFoundError as error:
            if error.status is not None:
                raise
            return True
        if not children.files:
            for name in list(children.folders):
                if not await self.include(path.child(name), operation, refresh=refresh):
                    break
            else:
                return True
        self._thinned.discard(str(path))
        return False
