"""Looking around: fsspec's listings and descriptions, complete or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import BaseFileSystem
from .paths import OSFPath

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        found = await self._find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")
