"""Moving and copying on the server, by fsspec's rules of where things go."""

from __future__ import annotations

from glob import has_magic
from typing import Any

from .paths import OSFPath
from .tree import not_found
from .writing import WritingFileSystem

__all__ = ["MovingFileSystem"]


class MovingFileSystem(WritingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that moves and copies."""

    async def _cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy a file on the server; of a folder, make the folder."""
        if await self._isfile(path1):
            mover = (await self._engine()).mover
            await mover.file("copy", OSFPath.parse(path1), OSFPath.parse(path2))
        elif await self._isdir(path1):
            await self._makedirs(path2, exist_ok=True)
        else:
            raise not_found(OSFPath.parse(path1), "cp_file")

    async def _copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy on the server; a whole folder to a free place is one request.

        Parameters
        ----------
        path1, path2 : str or list of str
            From where to where, as for fsspec.
        recursive : bool, optional
            Whether folders are copied with what is in them.
        on_error : {"raise", "ignore"}, optional
            What to do about files that are gone meanwhile.
        maxdepth : int, optional
            With ``recursive``, how many levels.
        **kwargs
            As for fsspec.
        """
        if recursive and maxdepth is None:
            target = await self._free_target(path1, path2)
            if target is not None:
                await (await self._engine()).mover.folder("copy", OSFPath.parse(path1), target)
                return
        await super()._copy(path1, path2, recursive, on_error, maxdepth, **kwargs)

    async def _mv(
        self, path1: str, path2: str, recursive: bool = False, maxdepth: int | None = None, **_: Any
    ) -> None:
        """Move on the server, keeping ids and versions; a folder to a free place is one request.

        Parameters
        ----------
        path1, path2 : str
            From where to where; into ``path2`` where that is a folder.
        recursive : bool, optional
            Whether folders may be moved.
        maxdepth : int, optional
            Move only so many levels of a folder.
        **_
            Ignored.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder, and ``recursive`` is not set.
        """
        source, target = OSFPath.parse(path1), OSFPath.parse(path2)
        mover = (await self._engine()).mover
        if await self._isfile(path1):
            if path2.endswith("/") or await self._isdir(path2):
                target = target.child(source.name)
            await mover.file("move", source, target)
            return
        if not recursive:
            await (await self._engine()).browser.file(source, "mv")
        free = None if maxdepth is not None else await self._free_target(path1, path2)
        if free is not None:
            await mover.folder("move", source, free)
            return
        await self._copy(path1, path2, recursive=True, maxdepth=maxdepth)
        await self._rm(path1, recursive=True, maxdepth=maxdepth)

    async def _free_target(self, path1: Any, path2: Any) -> OSFPath | None:
        """Return where one folder, as a whole, would go; None where it must go piece by piece."""
        if not isinstance(path1, str) or not isinstance(path2, str) or has_magic(path1):
            return None
        source, target = OSFPath.parse(path1), OSFPath.parse(path2)
        if not source.parts or await self._isfile(path1):
            return None
        if not path1.endswith("/") and (path2.endswith("/") or await self._isdir(path2)):
            target = target.child(source.name)
        inside = f"{target}/".startswith(f"{source}/")
        return None if inside or not target.parts or await self._isdir(str(target)) else target
