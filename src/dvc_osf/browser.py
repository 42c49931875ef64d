"""What is where: the answers to fsspec's looking methods, complete or an error."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .concurrency import gather_or_cancel, in_background
from .exceptions import OSFIsADirectoryError, OSFNotFoundError
from .models import describe, describe_folder, describe_project
from .paths import OSFPath
from .tree import not_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .api import OSFAPIClient
    from .models import Entity
    from .tree import Tree

__all__ = ["Browser"]

Info = dict[str, Any]


class Browser:
    """Describes files and folders in fsspec's words.

    Parameters
    ----------
    api : OSFAPIClient
        What knows the providers.
    tree : Tree
        What knows the rest.
    version_aware : bool
        As for :func:`dvc_osf.models.describe`.
    virtual_folders : bool, optional
        Whether a folder goes with the last file that is deleted from it; see
        :mod:`dvc_osf.leftovers`.
    hidden : OSFPath or None
        A folder that is left out of listings.
    """

    def __init__(
        self,
        api: OSFAPIClient,
        tree: Tree,
        *,
        version_aware: bool,
        virtual_folders: bool = False,
        hidden: OSFPath | None = None,
    ) -> None:
        self._api = api
        self._tree = tree
        self._virtual_folders = virtual_folders
        self._hidden = hidden
        self._describe = partial(describe, version_aware=version_aware)

    async def info(self, place: OSFPath, *, refresh: bool = False) -> Info:
        """Describe a place; where a file and a folder share the name, the file.

        Parameters
        ----------
        place : OSFPath
            Anything from the root down.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        dict
            See :func:`dvc_osf.models.describe`.

        Raises
        ------
        OSFNotFoundError
            Nothing is there.
        """
        if place.project and not place.parts:
            if place.provider is None:
                await self._api.providers(place.project, "info", refresh=refresh)
            else:
                await self._tree.provider(place, "info")
        if not place.parts:
            return describe_folder(str(place))
        file = await self._tree.file(place, "info", refresh=refresh)
        if file is not None:
            return self._describe(str(place), file)
        folders = await self._tree.folders(place, "info")
        if await self._left_over(place, "info", refresh=refresh):
            raise not_found(place, "info")
        return self._describe(str(place), folders[0])

    async def _left_over(self, place: OSFPath, operation: str, *, refresh: bool = False) -> bool:
        if not self._virtual_folders:
            return False
        return await self._tree.leftovers.include(place, operation, refresh=refresh)

    async def is_folder(self, place: OSFPath) -> bool:
        """Tell whether a folder is there, whatever else has its name.

        Parameters
        ----------
        place : OSFPath
            Where.

        Returns
        -------
        bool
            False only when the OSF says that there is none.
        """
        try:
            if not place.parts:
                await self.info(place)
                return True
            await self._tree.folders(place, "isdir")
        except OSFNotFoundError:
            return False
        return not await self._left_over(place, "isdir")

    async def file(self, place: OSFPath, operation: str, *, refresh: bool = False) -> Entity:
        """Resolve a path to a file.

        Parameters
        ----------
        place : OSFPath
            Where.
        operation : str
            For the errors.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        Entity
            The file.

        Raises
        ------
        OSFIsADirectoryError
            A folder is there.
        OSFNotFoundError
            Nothing is there.
        """
        if place.parts:
            file = await self._tree.file(place, operation, refresh=refresh)
            if file is not None:
                return file
        if await self.is_folder(place):
            raise OSFIsADirectoryError("this is a folder", path=str(place), operation=operation)
        raise not_found(place, operation)

    async def ls(
        self, place: OSFPath, operation: str = "ls", *, refresh: bool = False
    ) -> list[Info]:
        """Describe what a folder holds, or the file that a path names.

        Parameters
        ----------
        place : OSFPath
            Where.
        operation : str, optional
            For the errors.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        list of dict
            Of namesakes, the one that counts.

        Raises
        ------
        OSFNotFoundError
            Nothing is there.
        """
        infos = await self._folder(place, operation, refresh=refresh)
        if infos is None:
            file = await self._tree.file(place, operation)
            if file is None:
                raise not_found(place, operation)
            infos = [self._describe(str(place), file)]
        return infos

    async def _folder(
        self, place: OSFPath, operation: str, *, refresh: bool = False
    ) -> list[Info] | None:
        """Describe what a folder holds; None where its parent has no such folder."""
        if not place.project:
            return [describe_project(project) for project in await self._api.projects(operation)]
        if place.provider is None:
            providers = await self._api.providers(place.project, operation, refresh=refresh)
            return [describe_folder(f"{place.project}/{name}") for name in sorted(providers)]
        try:
            children = await self._tree.children(place, operation, refresh=refresh)
        except OSFNotFoundError as error:
            if error.status is not None or not place.parts:
                raise
            return None
        if await self._left_over(place, operation):
            return None
        shown = [
            namesakes[0]
            for name, namesakes in list(children.folders.items())
            if place.child(name) != self._hidden
            and not await self._left_over(place.child(name), operation, refresh=refresh)
        ]
        shown += [namesakes[0] for namesakes in children.files.values()]
        inside = f"{place}/"
        return [self._describe(inside + entity.name, entity) for entity in shown]

    async def find(
        self,
        place: OSFPath,
        *,
        maxdepth: int | None = None,
        withdirs: bool = False,
        prefix: str = "",
    ) -> dict[str, Info]:
        """Find all files below a place; folders are listed at once as they become known.

        Parameters
        ----------
        place : OSFPath
            Where to begin; a file finds itself.
        maxdepth : int, optional
            How many levels to visit.
        withdirs : bool, optional
            Whether to return folders too, the beginning among them.
        prefix : str, optional
            What the path below the beginning must begin with; folders that cannot hold such
            paths are not listed.

        Returns
        -------
        dict of str to dict
            By path, sorted; empty where nothing is there.
        """
        found: dict[str, Info] = {}

        async def descend(folder: OSFPath, levels: int | None, only: str) -> None:
            # Of a prefix with slashes, all names but the last are those of folders.
            name, slash, rest = only.partition("/")
            infos = [
                info
                for info in await self._folder(folder, "find") or ()
                if (name_of(info) == name if slash else name_of(info).startswith(name))
            ]
            folders = [info for info in infos if info["type"] == "directory"]
            if not slash:
                # Where a file and a folder share a name, the file counts.
                found.update({info["name"]: info for info in folders if withdirs})
                found.update({info["name"]: info for info in infos if info["type"] == "file"})
            if levels != 1:
                less = None if levels is None else levels - 1
                below = [_inside(folder, name_of(info)) for info in folders]
                await gather_or_cancel(descend(child, less, rest) for child in below)

        try:
            await descend(place, maxdepth, prefix)
            if (place.parts and not found) or (withdirs and place.project):
                info = await self.info(place)
                if info["type"] == "file" or withdirs:
                    found[info["name"]] = info
        except OSFNotFoundError as error:
            # An absent beginning finds nothing; an absent project is a mistake.
            if error.status is not None:
                raise
        return {name: found[name] for name in sorted(found)}

    async def walk(
        self,
        place: OSFPath,
        *,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: str | Callable[[OSError], None] = "omit",
        detail: bool = False,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        """Walk the folders below a place; sibling folders are listed at once.

        Parameters
        ----------
        place : OSFPath
            Where to begin.
        maxdepth : int, optional
            How many levels to visit.
        topdown : bool, optional
            Whether a folder comes before those in it; the caller may then strike names out of
            its folders, to leave them out.
        on_error : {"omit", "raise"} or callable, optional
            What to do when the beginning is not there. Any other failure is raised, always.
        detail : bool, optional
            Whether to yield dicts by name instead of lists of names.

        Yields
        ------
        tuple of str, folders and files
            As :func:`os.walk`.
        """
        infos = await self._folder(place, "walk")
        if infos is None:
            error = not_found(place, "walk")
            if on_error == "raise":
                raise error
            if callable(on_error):
                on_error(error)
        folders: Any = {name_of(i): i for i in infos or () if i["type"] == "directory"}
        files: Any = {name_of(i): i for i in infos or () if i["type"] == "file"}
        if not detail:
            folders, files = list(folders), list(files)
        if topdown:
            yield str(place), folders, files
        if maxdepth != 1:
            less = None if maxdepth is None else maxdepth - 1
            below = [_inside(place, name) for name in folders]
            async with in_background(self._folder(child, "walk") for child in below):
                for child in below:
                    async for visit in self.walk(
                        child, maxdepth=less, topdown=topdown, detail=detail
                    ):
                        yield visit
        if not topdown:
            yield str(place), folders, files


def _inside(place: OSFPath, name: str) -> OSFPath:
    """Return what is in a place, by a name that the OSF gave: it may be one that it refuses."""
    if not place.project:
        return OSFPath(name)
    return OSFPath(place.project, name) if place.provider is None else place.child(name)


def name_of(info: Info) -> str:
    """Return the last name of what is described.

    Parameters
    ----------
    info : dict
        From :func:`dvc_osf.models.describe`.

    Returns
    -------
    str
        Its name within its folder.
    """
    return str(info["name"].rpartition("/")[2])
