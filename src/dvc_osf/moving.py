"""Moving and copying on the server, by fsspec's rules of where things go."""

from __future__ import annotations

from typing import Any

from fsspec.utils import other_paths

from .concurrency import map_bounded
from .exceptions import OSFNotFoundError, OSFPathError
from .paths import OSFPath, as_text, strip_protocol
from .transactions import TransactingFileSystem
from .tree import not_found

__all__ = ["MovingFileSystem"]


class MovingFileSystem(TransactingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that moves and copies."""

    async def _cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy a file on the server; of a folder, make the folder where folders are real."""
        await self._relocate("copy", path1, path2)

    async def _copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **_: Any,
    ) -> None:
        """Copy on the server; a whole folder to a free place is one request.

        Onto a folder that exists, a folder is merged: what the target lacks is one request each.

        Parameters
        ----------
        path1 : str or list of str
            What to copy; patterns are expanded.
        path2 : str or list of str
            Where to, by fsspec's rules: into ``path2`` where that is a folder or ends with a
            slash, unless ``path1`` ends with one; a list pairs with the list ``path1``.
        recursive : bool, optional
            Whether folders are copied with what is in them. Where a file and a folder share the
            name, both are; the folder alone where ``path1`` ends with a slash.
        on_error : {"raise", "ignore"}, optional
            What to do about files that are gone meanwhile; ``"ignore"`` by default with
            ``recursive``.
        maxdepth : int, optional
            With ``recursive``, how many levels.
        batch_size : int, optional
            How many at once; ``max_requests`` by default.
        **_
            Ignored.

        Raises
        ------
        OSFNotFoundError
            There is no such file or folder.
        """
        path1, path2 = as_text(path1), as_text(path2)
        on_error = on_error or ("ignore" if recursive else "raise")
        await self._transfer(
            "copy", path1, path2, recursive, maxdepth, batch_size, ignore=on_error == "ignore"
        )

    async def _mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **_: Any,
    ) -> None:
        """Move on the server, keeping ids and versions; a folder to a free place is one request.

        Onto a folder that exists, a folder is merged, and deleted when all of it has arrived.
        When that fails in the middle, each file is at its old place or at its new one.

        Parameters
        ----------
        path1, path2 : str or list of str
            From where to where, as for copying.
        recursive : bool, optional
            Whether folders may be moved.
        maxdepth : int, optional
            Move only the files of so many levels of a folder.
        batch_size : int, optional
            How many at once; ``max_requests`` by default.
        **_
            Ignored.

        Raises
        ------
        OSFIsADirectoryError
            It is a folder, and ``recursive`` is not set.
        OSFNotFoundError
            There is no such file or folder.
        OSFPathError
            A folder would go into itself.
        """
        path1, path2 = as_text(path1), as_text(path2)
        if not recursive:
            browser = (await self._engine()).browser
            for name in [path1] if isinstance(path1, str) else path1:
                if not await self._is_pattern(self._strip_protocol(name)):
                    await browser.file(OSFPath.parse(name), "mv")
        await self._transfer("move", path1, path2, recursive, maxdepth, batch_size)

    async def _transfer(
        self,
        action: str,
        path1: Any,
        path2: Any,
        recursive: bool,
        maxdepth: int | None,
        batch_size: int | None,
        *,
        ignore: bool = False,
    ) -> None:
        """Move or copy whatever the paths mean."""
        whole = recursive and maxdepth is None
        pairs = await self._pairs(action, path1, path2, recursive, maxdepth, whole=whole)
        _insist_on_order(action, pairs)
        if (
            action == "copy"
            and whole
            and any(_is_inside(target, source) for source, target in pairs)
        ):
            # A folder that is copied into itself: what is in it now, and not the copy too.
            whole = False
            pairs = await self._pairs(action, path1, path2, recursive, maxdepth, whole=whole)

        async def go(pair: tuple[str, str]) -> None:
            try:
                await self._relocate(action, *pair, whole=whole)
            except OSFNotFoundError:
                if not ignore:
                    raise

        await map_bounded(go, pairs, batch_size or self.config.max_requests)

    async def _relocate(self, action: str, path1: str, path2: str, *, whole: bool = False) -> None:
        """Move or copy a file, or a whole folder, or make a folder like another."""
        source, target = OSFPath.parse(path1), OSFPath.parse(path2)
        self._refuse_version(target, action)
        _, number = await self._locate(path1, None, action)
        if number is not None:
            raise OSFPathError(
                f"the OSF does not {action} a version by itself",
                path=path1,
                operation=action,
                hint="Read it, and write it to the new path",
            )
        engine = await self._engine()
        is_file = await self._isfile(path1)
        # A file and a folder may share a name; all of it is both, and with a slash the folder.
        slash = path1.endswith("/")
        is_folder = (whole or slash or not is_file) and await self._isdir(path1)
        if not is_file and not is_folder:
            raise not_found(source, action)
        if is_folder and whole:
            # First, for it may be refused: then the file stays too.
            await engine.merger.folder(action, source, target)
        elif is_folder:
            await self._makedirs(path2, exist_ok=True)
        if is_file and not (is_folder and slash):
            await engine.mover.file(action, source, target)

    async def _pairs(
        self,
        action: str,
        path1: Any,
        path2: Any,
        recursive: bool,
        maxdepth: int | None,
        *,
        whole: bool,
    ) -> list[tuple[str, str]]:
        """Find out what goes where; folders as a whole, or each file of them."""
        if isinstance(path1, list) and isinstance(path2, list):
            return list(zip(path1, path2, strict=True))
        listed = not isinstance(path1, str)
        pattern = not listed and await self._is_pattern(self._strip_protocol(path1))
        names = await self._expand_path(path1, recursive=recursive and not whole, maxdepth=maxdepth)
        slashed = _named_as_folders(path1) if recursive else set()
        if not listed and (not recursive or maxdepth is not None):
            names = [
                name
                for name in names
                if not await self._isdir(name) or (name not in slashed and await self._isfile(name))
            ]
        if not names:
            return []
        if whole and not listed and not pattern and not await self._exists(path1):
            raise not_found(OSFPath.parse(path1), action)
        if listed or pattern or not isinstance(path2, str):
            # As fsspec has it: the only file goes into path2, a folder's content becomes path2's.
            into = pattern and len(names) == 1 and (not whole or await self._isfile(names[0]))
            targets = other_paths(names, path2, into, flatten=listed)
        else:
            source, target = self._strip_protocol(path1), path2.rstrip("/")
            if not path1.endswith("/") and (path2.endswith("/") or await self._isdir(path2)):
                target = f"{target}/{source.rpartition('/')[2]}"
            targets = [target + name[len(source) :] for name in names]
        pairs = [
            (f"{name}/" if name in slashed else name, target)
            for name, target in zip(names, targets, strict=True)
        ]
        if not whole or len(pairs) == 1:
            return pairs
        folders = {n for n in names if not await self._isfile(n) or await self._isdir(n)}
        return [pair for pair in pairs if not _is_below(OSFPath.parse(pair[0]), folders)]


def _named_as_folders(paths: str | list[str]) -> set[str]:
    """Return those paths that are given with a slash at the end, and not without it too."""
    given = [paths] if isinstance(paths, str) else paths
    folders = {strip_protocol(path) for path in given if path.endswith("/")}
    return folders - {strip_protocol(path) for path in given if not path.endswith("/")}


def _is_below(place: OSFPath, folders: set[str]) -> bool:
    while place.parts:
        place = place.parent
        if str(place) in folders:
            return True
    return False


def _is_inside(path: str, other: str) -> bool:
    return OSFPath.parse(path).is_below(OSFPath.parse(other))


def _insist_on_order(action: str, pairs: list[tuple[str, str]]) -> None:
    """Refuse what would replace something that comes or goes by the same call."""
    taken: set[OSFPath] = set()
    # What is copied stays, whatever becomes of its source.
    sources = {OSFPath.parse(source) for source, _ in pairs if action == "move"}
    for source, target in pairs:
        place = OSFPath.parse(target)
        if place in taken or (place in sources and place != OSFPath.parse(source)):
            raise OSFPathError(
                "two of them would meet here, and one file would be lost",
                path=str(place),
                operation=action,
                hint="Give them different names, or take one after the other",
            )
        taken.add(place)
