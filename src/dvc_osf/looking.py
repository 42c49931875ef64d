"""Looking around: fsspec's listings and descriptions, complete or an error."""

from __future__ import annotations

import errno
from glob import has_magic
from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractFileSystem

from .base import BaseFileSystem
from .concurrency import map_bounded
from .paths import OSFPath, as_text

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterable

__all__ = ["LookingFileSystem"]


class LookingFileSystem(BaseFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that lists and describes."""

    async def _ls(
        self, path: str, detail: bool = True, *, refresh: bool = False, **_: Any
    ) -> list[Any]:
        browser = (await self._engine()).browser
        infos = await browser.ls(OSFPath.parse(path), refresh=refresh)
        return infos if detail else sorted(info["name"] for info in infos)

    async def _info(self, path: str, *, refresh: bool = False, **_: Any) -> dict[str, Any]:
        browser = (await self._engine()).browser
        return await browser.info(OSFPath.parse(path), refresh=refresh)

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        """Tell whether something is there; only "not found" means that nothing is."""
        try:
            await self._info(path, **kwargs)
        except FileNotFoundError:
            return False
        return True

    async def _isdir(self, path: str) -> bool:
        """Tell whether a folder is there; a file may have the same name."""
        return await (await self._engine()).browser.is_folder(OSFPath.parse(path))

    async def _isfile(self, path: str) -> bool:
        """Tell whether a file is there; only "not found" means that none is."""
        try:
            return bool((await self._info(path))["type"] == "file")
        except FileNotFoundError:
            return False

    async def _walk(
        self, path: str, maxdepth: int | None = None, topdown: bool = True, **kwargs: Any
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        _check_depth(maxdepth)
        options = {key: kwargs[key] for key in ("on_error", "detail") if key in kwargs}
        browser = (await self._engine()).browser
        visits = browser.walk(OSFPath.parse(path), maxdepth=maxdepth, topdown=topdown, **options)
        async for visit in visits:
            yield visit

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        prefix: str | None = None,
        detail: bool = False,
        **_: Any,
    ) -> Any:
        _check_depth(maxdepth)
        browser = (await self._engine()).browser
        found = await browser.find(
            OSFPath.parse(path), maxdepth=maxdepth, withdirs=withdirs, prefix=prefix or ""
        )
        return found if detail else list(found)

    async def _du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **_: Any,
    ) -> Any:
        """Return how large files are.

        Parameters
        ----------
        path : str
            A file or folder.
        total : bool, optional
            Whether to return the sum.
        maxdepth : int, optional
            How many levels.
        withdirs : bool, optional
            Whether to list folders too, with the size 0.
        **_
            Ignored, as other filesystems' options are.

        Returns
        -------
        int or dict of str to int
            Bytes of all files, or of each by its path. Some add-ons do not tell sizes: a file of
            unknown size counts as 0 in the sum, and has None for a size of its own.
        """
        found = await self._find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(size or 0 for size in sizes.values()) if total else sizes

    def tree(self, path: str = "/", *args: Any, **kwargs: Any) -> str:
        """Draw what is below a place.

        Parameters
        ----------
        path : str, optional
            Where to begin.
        *args, **kwargs
            ``recursion_limit``, ``max_display``, ``display_size`` and so on, as for fsspec.

        Returns
        -------
        str
            Lines. With ``display_size``, a file of unknown size is shown with 0 bytes.
        """
        drawn: str = _Drawn(self).tree(path, *args, **kwargs)
        return drawn

    async def _expand_path(
        self,
        path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        recursive: bool = False,
        maxdepth: int | None = None,
        assume_literal: bool = False,
    ) -> list[str]:
        """Turn paths and patterns into the paths that they mean.

        A name may hold any character of a pattern: where something of just that name is there,
        it is meant, and nothing else.

        Parameters
        ----------
        path : str, os.PathLike, or iterable of them
            Paths or glob patterns.
        recursive : bool, optional
            Whether to add what is below folders.
        maxdepth : int, optional
            How many levels of it.
        assume_literal : bool, optional
            Take no path for a pattern.

        Returns
        -------
        list of str
            Canonical, sorted, without repetitions.

        Raises
        ------
        FileNotFoundError
            Nothing was found.
        """
        _check_depth(maxdepth)
        text = as_text(path)
        paths = [text] if isinstance(text, str) else text
        names = [self._strip_protocol(name) for name in paths]

        async def expand(name: str) -> list[str]:
            if assume_literal or not await self._is_pattern(name):
                if not recursive:
                    return [name]
                return list(await self._find(name, maxdepth=maxdepth, withdirs=True))
            found: list[str] = await self._glob(name, maxdepth=maxdepth)
            if not found or not recursive or maxdepth == 1:
                return found
            # The pattern itself has gone down one level.
            less = None if maxdepth is None else maxdepth - 1
            return found + await self._expand_path(found, True, less, assume_literal=True)

        expanded = set().union(*await map_bounded(expand, names, self.config.max_requests))
        if not expanded:
            raise FileNotFoundError(errno.ENOENT, "no such file or folder", ", ".join(paths))
        return sorted(expanded)

    async def _is_pattern(self, path: str) -> bool:
        """Tell whether a path is a glob pattern, and not the name of something that is there."""
        return has_magic(path) and not await self._exists(path)


class _Drawn:
    """What fsspec's drawing asks of a filesystem, with a number for each size."""

    tree = AbstractFileSystem.tree

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def ls(self, path: str, **options: Any) -> list[Any]:
        return [{**info, "size": info["size"] or 0} for info in self._fs.ls(path, **options)]


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")
