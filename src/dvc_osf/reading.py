"""Reading: fsspec's names for downloads, into memory and into local files."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from glob import has_magic
from typing import TYPE_CHECKING, Any

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import make_path_posix
from fsspec.utils import other_paths

from .concurrency import gather_or_cancel
from .download import size_of
from .exceptions import OSFIntegrityError, OSFIsADirectoryError, OSFNotFoundError, OSFPathError
from .fileobjects import in_own_thread, write_all
from .paths import OSFPath, split_version
from .ranges import MAX_GAP, by_path, merge
from .utils import ProgressTracker
from .versions import VersionsFileSystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from .models import Entity
    from .ranges import Block, Range

__all__ = ["ReadingFileSystem"]


class ReadingFileSystem(VersionsFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that reads."""

    async def _cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        *,
        version: int | str | None = None,
        **_: Any,
    ) -> bytes:
        """Read a file, or a part of it, into memory.

        Parameters
        ----------
        path : str
            The file.
        start, end : int, optional
            Positions as in a slice: negative ones count from the end.
        version : int, optional
            Which version, from 1; the newest by default.
        **_
            Ignored, as other filesystems' options are.

        Returns
        -------
        bytes
            Exactly what was asked for; the MD5 of a whole file is verified.
        """

        async def read(place: OSFPath, file: Entity) -> bytes:
            downloader = (await self._engine()).downloader
            if file.size is None:
                # Some add-ons do not say; positions count from what arrives.
                return (await downloader.read(place, file, "cat_file"))[start:end]
            first, last, _step = slice(start, end).indices(file.size)
            return await downloader.read(place, file, "cat_file", first, last)

        data: bytes = await self._with_file(path, version, "cat_file", read)
        return data

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        *,
        version: int | str | None = None,
        **_: Any,
    ) -> list[Any]:
        """Read many ranges of many files at once; neighbours in a file are one request.

        Parameters
        ----------
        paths : list of str
            A file for each range.
        starts, ends : int, None or list of int or None
            Positions as in a slice, for each range or for all.
        max_gap : int, optional
            Bytes between two ranges of a file that are fetched along rather than by a request
            of their own: the OSF counts requests, not bytes. 65,536 by default, also for None.
        batch_size : int, optional
            Not used: requests in flight are bounded anyway.
        on_error : {"return", "raise"}, optional
            Whether a failure is put into the place of its range's bytes, or raised.
        version : int, optional
            Which version of each file, from 1; the newest by default.
        **_
            Ignored, as other filesystems' options are.

        Returns
        -------
        list of bytes or Exception
            In the order of the ranges.
        """
        del batch_size
        results: list[Any] = [b""] * len(paths)

        async def settle(
            work: Awaitable[None], numbers: Iterable[int], but: tuple[type[Exception], ...] = ()
        ) -> None:
            try:
                await work
            except but:
                raise
            except Exception as error:
                if on_error != "return":
                    raise
                for number in numbers:
                    results[number] = error

        async def fetch(place: OSFPath, file: Entity, block: Block) -> None:
            downloader = (await self._engine()).downloader
            data = await downloader.read(place, file, "cat_ranges", block.start, block.end)
            for number, first, last in block.ranges:
                results[number] = data[first - block.start : last - block.start]

        async def read(path: str, ranges: list[Range]) -> None:
            async def read_blocks(place: OSFPath, file: Entity) -> None:
                size = size_of(place, file, "cat_ranges")
                blocks = merge(ranges, size, MAX_GAP if max_gap is None else max_gap)
                await gather_or_cancel(
                    # A file that is not found may have got another id: see _with_file.
                    settle(fetch(place, file, block), block.numbers, but=(OSFNotFoundError,))
                    for block in blocks
                )

            await self._with_file(path, version, "cat_ranges", read_blocks)

        await gather_or_cancel(
            settle(read(path, ranges), [number for number, _, _ in ranges])
            for path, ranges in by_path(paths, starts, ends).items()
        )
        return results

    async def _get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Any = DEFAULT_CALLBACK,
        *,
        version: int | str | None = None,
        **_: Any,
    ) -> None:
        """Download a file; the local one appears only whole and verified.

        Parameters
        ----------
        rpath : str
            The file on the OSF; a folder makes a local folder, but no file object takes it.
        lpath : str or writable binary file object
            Where to put it.
        callback : fsspec.callbacks.Callback or callable, optional
            Follows the bytes.
        version : int, optional
            Which version, from 1; the newest by default.
        **_
            Ignored, as other filesystems' options are.
        """
        progress = ProgressTracker(callback)

        async def read(place: OSFPath, file: Entity) -> bytes:
            downloader = (await self._engine()).downloader
            return await downloader.read(place, file, "get_file")

        async def download(place: OSFPath, file: Entity) -> None:
            downloader = (await self._engine()).downloader
            await downloader.to_file(place, file, os.fspath(lpath), progress, "get_file")

        if hasattr(lpath, "write"):
            data = await self._with_file(rpath, version, "get_file", read)
            place = f"osf://{self._strip_protocol(rpath)}"
            await in_own_thread(write_all, data, lpath, f"get_file {place}")
            progress.set_total(len(data))
            progress.finish()
            return
        try:
            await self._with_file(rpath, version, "get_file", download)
        except OSFIsADirectoryError:
            os.makedirs(lpath, exist_ok=True)

    async def _get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Download files, and folders with what is in them.

        Parameters
        ----------
        rpath : str or list of str
            What to download; patterns are expanded. A version at the end of a path is not part of
            the local name, so two of a file need a list of local names.
        lpath : str or list of str
            Where to.
        recursive : bool, optional
            Whether folders are downloaded.
        callback : fsspec.callbacks.Callback, optional
            Counts the files, with a branch for each one's bytes.
        maxdepth : int, optional
            With ``recursive``, how many levels.
        **kwargs
            As for fsspec.

        Raises
        ------
        OSFPathError
            A version would have the same local name as something else.
        """
        if isinstance(rpath, str) and isinstance(lpath, (str, os.PathLike)):
            name = self._strip_protocol(rpath)
            if has_magic(name) and not await self._is_pattern(name):
                # fsspec would take the name for a pattern when it decides what goes where.
                names = await self._expand_path(rpath, recursive=recursive, maxdepth=maxdepth)
                if not recursive or maxdepth is not None:
                    names = [name for name in names if await self._isfile(name)]
                if not names:
                    return None
                local = make_path_posix(os.fspath(lpath))
                goal = local.endswith("/") or await asyncio.to_thread(os.path.isdir, local)
                into = goal and not rpath.endswith("/")
                rpath, lpath = names, other_paths(await self._bare(names), local, exists=into)
        elif self._has_versions(rpath) and isinstance(lpath, (str, os.PathLike)):
            names = await self._expand_path(rpath, recursive=recursive, maxdepth=maxdepth)
            local = make_path_posix(os.fspath(lpath))
            bare = await self._bare(names)
            rpath, lpath = names, other_paths(bare, local, flatten=True)
            _insist_on_one_each(names, bare, lpath)
        return await super()._get(
            rpath, lpath, recursive=recursive, callback=callback, maxdepth=maxdepth, **kwargs
        )

    def _has_versions(self, paths: Any) -> bool:
        """Tell whether there may be versions at the ends of some paths of a list."""
        if not self.version_aware or not isinstance(paths, list):
            return False
        return any(split_version(path)[1] is not None for path in paths)

    async def _bare(self, paths: list[str]) -> list[str]:
        """Take the versions off paths; what really has a name that ends like that keeps it."""
        if not self._has_versions(paths):
            return paths
        places = [await self._locate(path, None, "get") for path in paths]
        return [str(place) for place, _ in places]

    async def _with_file(
        self,
        path: str,
        version: int | str | None,
        operation: str,
        use: Callable[[OSFPath, Entity], Awaitable[Any]],
    ) -> Any:
        """Use a file's record; where it turns out to be outdated, resolve the path once more."""
        tree = (await self._engine()).tree
        bare = OSFPath.parse(split_version(path)[0] if self.version_aware else path)
        file: Entity | None = None

        async def go() -> Any:
            nonlocal file
            place, file = await self._file(path, version, operation)
            return await use(place, file)

        try:
            return await tree.resolving(go, bare)
        except OSFIntegrityError:
            # Add-ons without versions give the content of today for the record of yesterday.
            if file is None or file.pin is not None:
                raise
            tree.invalidate(bare)
        return await go()

    async def _file(
        self, path: str, version: int | str | None, operation: str
    ) -> tuple[OSFPath, Entity]:
        """Resolve a path to a file; believe that there is none only by a new listing."""
        place, number = await self._locate(path, version, operation)
        if number is not None:
            return place, await self._version(place, number, operation)
        engine = await self._engine()
        since = engine.tree.moment
        try:
            return place, await engine.browser.file(place, operation)
        except OSFNotFoundError as error:
            again = error.status is None and place.parts
            if not again or not await engine.tree.look_again(place, operation, since):
                raise
        return place, await engine.browser.file(place, operation)

    async def _read_pinned(self, place: OSFPath, file: Entity, start: int, end: int) -> bytes:
        """Read a part of a file as it was when it was opened."""
        return await (await self._engine()).downloader.read(place, file, "read", start, end)


def _insist_on_one_each(names: list[str], bare: list[str], goals: list[str]) -> None:
    """Refuse downloads of versions that would replace, or be replaced by, another of them."""
    times = Counter(goals)
    for name, path, goal in zip(names, bare, goals, strict=True):
        if name != path and times[goal] > 1:
            raise OSFPathError(
                f"another file of the same call would have the local name {goal!r}, too",
                path=name,
                operation="get",
                hint="Give a list of local names",
            )
