"""A file's versions: their checksums from WaterButler, and their sizes from API v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .concurrency import gather_or_cancel
from .exceptions import OSFNotFoundError
from .paths import DEFAULT_PROVIDER

if TYPE_CHECKING:
    from .api import OSFAPIClient
    from .models import Entity
    from .paths import OSFPath
    from .tree import Tree

__all__ = ["History"]

_REMEMBERED = 10_000
"""Files whose versions are remembered; a version, once made, stays as it is."""


class History:
    """Knows the versions of files.

    WaterButler alone tells a version's checksums, and API v2 alone its size; a download needs
    both to be known to be whole, so both are asked, at the same time.

    Parameters
    ----------
    api : OSFAPIClient
        What asks.
    tree : Tree
        What knows the providers.
    """

    def __init__(self, api: OSFAPIClient, tree: Tree) -> None:
        self._api = api
        self._tree = tree
        self._known: dict[str, tuple[Entity, ...]] = {}

    async def of(self, place: OSFPath, file: Entity) -> tuple[Entity, ...]:
        """Return a file as it was in each of its versions; always asked for.

        Parameters
        ----------
        place : OSFPath
            Where it is.
        file : Entity
            What the listing says of it.

        Returns
        -------
        tuple of Entity
            Newest first.

        Raises
        ------
        OSFNotFoundError
            The file is gone.
        NotImplementedError
            It is in add-on storage.
        """
        provider = await self._tree.provider(place, "versions")
        if provider.name != DEFAULT_PROVIDER:
            raise NotImplementedError(
                f"osf://{place}: only osfstorage has versions that can be listed and read; of "
                "add-on storage the newest content is read"
            )
        questions: list[Any] = [
            self._api.versions(provider, file, str(place)),
            self._api.version_sizes(file, str(place)),
        ]
        found, sizes = await gather_or_cancel(questions)
        history = tuple(
            file._replace(
                size=sizes.get(version.number),
                md5=version.md5,
                sha256=version.sha256,
                version=version.number,
                modified=version.modified,
            )
            for version in found
        )
        self._known.pop(file.id, None)
        self._known[file.id] = history
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return history

    async def at(self, place: OSFPath, file: Entity, number: int, operation: str) -> Entity:
        """Return a file as it was in one of its versions; asked for where that is not known.

        Parameters
        ----------
        place : OSFPath
            Where it is.
        file : Entity
            What the listing says of it.
        number : int
            The version, from 1.
        operation : str
            For the errors.

        Returns
        -------
        Entity
            With that version's size and checksums.

        Raises
        ------
        OSFNotFoundError
            There is no such version, or the file is gone.
        """
        if number == file.version:
            return file
        found = _numbered(self._known.get(file.id, ()), number)
        if found is None or found.size is None:
            history = await self.of(place, file)
            found = _numbered(history, number)
            if found is None:
                newest = history[0].version if history else file.version
                raise OSFNotFoundError(
                    f"the file has no version {number}; the latest is {newest}",
                    path=str(place),
                    operation=operation,
                    hint="See fs.versions(path) for those that there are",
                )
        return found


def _numbered(history: tuple[Entity, ...], number: int) -> Entity | None:
    return next((file for file in history if file.version == number), None)
