"""Facts about files and projects beyond what a listing shows: times, checksums, addresses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from .exceptions import OSFIsADirectoryError, OSFPathError
from .looking import LookingFileSystem
from .paths import OSFPath

if TYPE_CHECKING:
    from datetime import datetime

    from .models import Entity, ProjectInfo

__all__ = ["FactsFileSystem"]


class FactsFileSystem(LookingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that tells facts."""

    async def _created(self, path: str) -> datetime:
        """Tell when a file's first version was stored, or when a project was made.

        Parameters
        ----------
        path : str
            A file, or a project or its storage.

        Returns
        -------
        datetime.datetime
            Aware.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder: the OSF keeps no times of folders.
        """
        return await self._time(path, "created")

    async def _modified(self, path: str) -> datetime:
        """Tell when a file's newest version was stored, or when something happened in a project.

        Parameters
        ----------
        path : str
            A file, or a project or its storage. Of a version at its end, the time is that one's.

        Returns
        -------
        datetime.datetime
            Aware.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder: the OSF keeps no times of folders.
        """
        return await self._time(path, "modified")

    async def _time(self, path: str, which: Literal["created", "modified"]) -> datetime:
        place = OSFPath.parse(path)
        if place.project and not place.parts:
            if place.provider is not None:
                await self._info(path)
            facts: Any = await (await self._engine()).api.project_facts(place.project, which)
        else:
            _, facts = await self._content(path, which, "the OSF keeps no times of folders")
        time: datetime | None = getattr(facts, which)
        if time is None:
            raise NotImplementedError(
                f"osf://{place}: its storage does not tell when it was {which}"
            )
        return time

    async def _checksum(self, path: str, *, refresh: bool = False) -> int:
        """Return a number that stands for a file's content, whatever its path or version.

        Parameters
        ----------
        path : str
            The file, or one of its versions.
        refresh : bool, optional
            Ask the OSF even where the cache knows; a version stays as it is.

        Returns
        -------
        int
            The MD5 (``info(path)["md5"]`` is the same in hexadecimal); where the storage tells
            none, a hash of the file's id and version.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder.
        """
        _, file = await self._content(path, "checksum", "a folder has no checksum", refresh=refresh)
        return int(file.md5 or _digest(file.id, file.version, file.size, file.modified)[:32], 16)

    async def _ukey(self, path: str) -> str:
        """Return a key that changes when a file's content does, and otherwise stays.

        Parameters
        ----------
        path : str
            The file, or one of its versions.

        Returns
        -------
        str
            64 hexadecimal digits, made of the checksums, or of what else tells versions apart.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder.
        """
        _, file = await self._content(path, "ukey", "a folder has no key of its content")
        if file.md5 or file.sha256:
            return _digest(file.md5, file.sha256)
        return _digest(file.id, file.version, file.size, file.modified)

    async def _url(self, path: str, *, view_only: bool = False) -> str:
        """Return where a browser, or any other program, downloads a file's newest version.

        Of a public project, anybody may download it there; of a private one, whoever sends a token
        along (``Authorization: Bearer <token>``). The token itself is never part of the URL.

        Parameters
        ----------
        path : str
            The file; where it has a version at its end, the URL is that version's.
        view_only : bool, optional
            Whether to put the filesystem's view-only key in. Who has such a URL can read the whole
            project, until the link is deleted on the project's page.

        Returns
        -------
        str
            A URL of the files host (WaterButler), which names the file by its id: it outlives
            renaming and new versions.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder.
        ValueError
            ``view_only`` is set, and the filesystem has no such key.
        """
        place, file = await self._content(path, "url", "a folder has no URL for its content")
        engine = await self._engine()
        provider = await engine.tree.provider(place, "url")
        version = await self._version_in(path, "url")
        return engine.api.link(provider, file, version=version, view_only=view_only)

    async def _sign(self, path: str, expiration: int = 100, **_: Any) -> NoReturn:
        """Refuse: the OSF has no links that expire.

        Parameters
        ----------
        path : str
            Some file.
        expiration : int, optional
            Seconds for which a link should be good.
        **_
            Ignored.

        Raises
        ------
        NotImplementedError
            Always; it says what can be done instead.
        """
        raise NotImplementedError(
            f"osf://{OSFPath.parse(path)}: the OSF makes no links that expire (after {expiration} "
            "s). A public project's url() is open to anybody; for a private one, make a view-only "
            "link on its page and use url(path, view_only=True), good until that link is deleted"
        )

    async def _project_info(self, path: str) -> ProjectInfo:
        """Return what the OSF says about a project: who may do what, where its files are, how full.

        Parameters
        ----------
        path : str
            The project, component or registration, or anything in it.

        Returns
        -------
        ProjectInfo
            Asked anew each time: three requests, four for a registration, and one fewer where the
            caller may not write.

        Raises
        ------
        OSFNotFoundError
            There is no such project.
        OSFPermissionError, OSFAuthenticationError
            The caller may not see it.
        """
        place = OSFPath.parse(path)
        if not place.project:
            raise OSFPathError("this names no project", operation="project_info")
        return await (await self._engine()).api.project_info(place.project)

    async def _version_in(self, path: str, operation: str) -> int | None:
        """Tell which version a path names; at this storey, none."""
        del path, operation
        return None

    async def _content(
        self, path: str, operation: str, why_not: str, *, refresh: bool = False
    ) -> tuple[OSFPath, Entity]:
        """Resolve a path to a file, and say of a folder why it will not do."""
        place = OSFPath.parse(path)
        browser = (await self._engine()).browser
        try:
            return place, await browser.file(place, operation, refresh=refresh)
        except OSFIsADirectoryError:
            raise OSFIsADirectoryError(why_not, path=str(place), operation=operation) from None


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()
