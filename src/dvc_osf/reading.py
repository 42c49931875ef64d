"""Reading: fsspec's names for downloads, into memory and into local files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fsspec.callbacks import DEFAULT_CALLBACK

from .exceptions import OSFIsADirectoryError, OSFNotFoundError
from .looking import LookingFileSystem
from .paths import OSFPath
from .utils import ProgressTracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .models import Entity

__all__ = ["ReadingFileSystem"]


class ReadingFileSystem(LookingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that reads."""

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        async def read(place: OSFPath, file: Entity) -> bytes:
            first, last, _step = slice(start, end).indices(file.size or 0)
            downloader = (await self._engine()).downloader
            return await downloader.read(place, file, "cat_file", first, last)

        data: bytes = await self._with_file(OSFPath.parse(path), "cat_file", read)
        return data

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **_: Any
    ) -> None:
        """Download a file; the local one appears only whole and verified.

        Parameters
        ----------
        rpath : str
            The file on the OSF; a folder makes a local folder.
        lpath : str or writable binary file object
            Where to put it.
        callback : fsspec.callbacks.Callback or callable, optional
            Follows the bytes.
        **_
            Ignored, as other filesystems' options are.
        """
        progress = ProgressTracker(callback)
        place = OSFPath.parse(rpath)

        async def download(place: OSFPath, file: Entity) -> None:
            downloader = (await self._engine()).downloader
            if hasattr(lpath, "write"):
                lpath.write(await downloader.read(place, file, "get_file"))
                progress.set_total(file.size or 0)
                progress.finish()
            else:
                await downloader.to_file(place, file, os.fspath(lpath), progress, "get_file")

        try:
            await self._with_file(place, "get_file", download)
        except OSFIsADirectoryError:
            os.makedirs(lpath, exist_ok=True)

    async def _with_file(
        self, place: OSFPath, operation: str, use: Callable[[OSFPath, Entity], Awaitable[Any]]
    ) -> Any:
        """Use a file's record; where its id turns out to be gone, resolve the path once more."""
        file = await self._file(place, operation)
        try:
            return await use(place, file)
        except OSFNotFoundError:
            if not (await self._engine()).tree.invalidate(place):
                raise
        return await use(place, await self._file(place, operation))

    async def _file(self, place: OSFPath, operation: str) -> Entity:
        """Resolve a path to a file."""
        return await (await self._engine()).browser.file(place, operation)

    async def _read_pinned(self, place: OSFPath, file: Entity, start: int, end: int) -> bytes:
        """Read a part of a file as it was when it was opened."""
        return await (await self._engine()).downloader.read(place, file, "read", start, end)
