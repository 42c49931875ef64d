"""Versions: what there is of a file beside the newest, and paths that name one of them.

An older version is named by the argument ``version`` of whatever reads. On a filesystem made with
``version_aware=True`` it may also stand at the end of a path: ``osf://abc12/data.csv?version=3``.
A question mark is legal in a name on the OSF. So, there, what really has a name that ends like that
is itself, as listings name it; its neighbour's version is then named by the argument only.
"""

from __future__ import annotations

from glob import has_magic
from typing import TYPE_CHECKING, Any

from .exceptions import OSFIsADirectoryError, OSFNotFoundError
from .facts import FactsFileSystem
from .models import describe
from .paths import OSFPath, split_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .models import Entity

__all__ = ["VersionsFileSystem"]

_NO_SUCH_VERSION = (FileNotFoundError, OSFIsADirectoryError)
"""What it means to ask for a version that is not there; a folder has none."""


class VersionsFileSystem(FactsFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that knows older versions."""

    async def _versions(self, path: str) -> list[dict[str, Any]]:
        """List the versions of a file, in one request for checksums and one for sizes.

        Parameters
        ----------
        path : str
            The file; a version at its end makes no difference.

        Returns
        -------
        list of dict
            What :meth:`info` says of each version, newest first: ``name``, ``version`` (from 1),
            ``size`` (bytes), ``md5``, ``sha256``, ``modified`` and so on. ``size`` is None where
            the OSF does not tell.

        Raises
        ------
        OSFNotFoundError
            There is no such file.
        OSFIsADirectoryError
            It is a folder.
        """
        place, _ = await self._locate(path, None, "versions")
        engine = await self._engine()

        async def look() -> tuple[Entity, ...]:
            return await engine.history.of(place, await engine.browser.file(place, "versions"))

        history = await engine.tree.resolving(look, place)
        return [self._describe(place, version) for version in history]

    async def _info(
        self, path: str, *, version: int | str | None = None, refresh: bool = False, **_: Any
    ) -> dict[str, Any]:
        """Describe a file or folder.

        Parameters
        ----------
        path : str
            Where.
        version : int, optional
            Describe the file as it was in this version, from 1.
        refresh : bool, optional
            Ask the OSF even where the listings' cache knows.
        **_
            Ignored, as other filesystems' options are.

        Returns
        -------
        dict
            See :func:`dvc_osf.models.describe`; ``name`` is the path without the version.

        Raises
        ------
        OSFNotFoundError
            Nothing is there, or no such version.
        """
        place, number = await self._locate(path, version, "info")
        if number is None:
            return await super()._info(str(place), refresh=refresh)
        return self._describe(place, await self._version(place, number, "info"))

    async def _exists(self, path: str, *, version: int | str | None = None, **kwargs: Any) -> bool:
        """Tell whether something is there, or a version of it; only "not found" means no."""
        place, number = await self._locate(path, version, "exists")
        if number is None:
            return await super()._exists(str(place), **kwargs)
        try:
            if await self._home(place, number, "exists") is None:
                # Not one that the listing knows of; somebody may have made it since.
                await self._version(place, number, "exists")
        except _NO_SUCH_VERSION:
            return False
        return True

    async def _isfile(self, path: str) -> bool:
        """Tell whether a file is there, or the version of one that a path names."""
        try:
            return await super()._isfile(path)
        except OSFIsADirectoryError:
            return False

    async def _ls(
        self, path: str, detail: bool = True, *, versions: bool = False, **kwargs: Any
    ) -> list[Any]:
        """Describe what a folder holds.

        Parameters
        ----------
        path : str
            The folder, or a file; one with a version at its end lists itself.
        detail : bool, optional
            Whether to return dicts instead of paths.
        versions : bool, optional
            Whether to name each version of each file, those of removed files that are kept among
            them. Of older versions no size is told, for the listing has none.
        **kwargs
            ``refresh``; others are ignored, as other filesystems' options are.

        Returns
        -------
        list of dict or of str
            Unordered, or paths in order.
        """
        version = await self._named(path, "ls")
        if version is not None:
            name = self._strip_protocol(path)
            return [version | {"name": name} if versions else version] if detail else [name]
        if not versions:
            return await super()._ls(path, detail, **kwargs)
        place = OSFPath.parse(path)
        holder = (await self._engine()).holder
        held = await holder.files_in(place) if holder else {}
        try:
            infos = await super()._ls(path, **kwargs)
        except FileNotFoundError:
            if not held:
                raise
            infos = []
        names = {info["name"] for info in infos}
        removed = {place.child(name): file for name, file in held.items()}
        infos += [self._describe(p, file) for p, file in removed.items() if str(p) not in names]
        found = [version for info in infos for version in _each_version(info)]
        return found if detail else sorted(info["name"] for info in found)

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        """Find all files below a path; one with a version at its end finds itself.

        Parameters
        ----------
        path : str
            Where to begin.
        maxdepth : int, optional
            How many levels to visit.
        withdirs : bool, optional
            Whether to return folders too.
        **kwargs
            ``detail``, ``prefix``; others are ignored, as other filesystems' options are.

        Returns
        -------
        list of str, or dict of str to dict
            Paths that can be read: that of a version has it at its end, though what :meth:`info`
            says of it, which is the value with ``detail``, has the name without.
        """
        try:
            version = await self._named(path, "find")
        except OSFNotFoundError as error:
            # As for any path: an absent one finds nothing, an absent project is a mistake.
            if error.status is not None:
                raise
            version = None
        if version is None:
            return await super()._find(path, maxdepth=maxdepth, withdirs=withdirs, **kwargs)
        found = {self._strip_protocol(path): version}
        return found if kwargs.get("detail") else list(found)

    async def _named(self, path: str, operation: str) -> dict[str, Any] | None:
        """Describe the version that a path names; None where it names none, or a folder."""
        place, number = await self._locate(path, None, operation)
        if number is None:
            return None
        try:
            return self._describe(place, await self._version(place, number, operation))
        except OSFIsADirectoryError:
            return None

    async def _glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """Find paths by a pattern; a path with a version at its end names itself."""
        bare, number = split_version(path)
        if not self.version_aware or number is None or has_magic(bare):
            return await super()._glob(path, maxdepth=maxdepth, **kwargs)
        try:
            found = {self._strip_protocol(path): await self._info(path)}
        except _NO_SUCH_VERSION:
            found = {}
        return found if kwargs.get("detail") else list(found)

    async def _version_in(self, path: str, operation: str) -> int | None:
        _, number = await self._locate(path, None, operation)
        return number

    async def _content(
        self, path: str, operation: str, why_not: str, *, refresh: bool = False
    ) -> tuple[OSFPath, Entity]:
        """Resolve a path to a file, as it was in the version that the path may name."""
        place, number = await self._locate(path, None, operation)
        if number is None:
            return await super()._content(str(place), operation, why_not, refresh=refresh)
        return place, await self._version(place, number, operation)

    async def _locate(
        self, path: str, version: int | str | None, operation: str
    ) -> tuple[OSFPath, int | None]:
        """Tell which place and which version a path means, and an argument beside it."""
        if version is not None:
            return OSFPath.parse(path), _number(version)
        bare, number = split_version(path)
        if not self.version_aware or number is None:
            return OSFPath.parse(path), None
        literal = OSFPath.parse(path)
        if literal.parts:
            try:
                beside = await (await self._engine()).tree.children(literal.parent, operation)
                if literal.name in beside.files or literal.name in beside.folders:
                    return literal, None
            except OSFNotFoundError as error:
                # There is not even the folder, or not the project: of which more is said below.
                if error.status is not None:
                    raise
        return OSFPath.parse(bare), number

    async def _version(self, place: OSFPath, number: int, operation: str) -> Entity:
        """Return a file as it was in a version; where its id is gone, resolve the path again."""
        engine = await self._engine()
        home = await self._home(place, number, operation) or place

        async def look() -> Entity:
            file = await engine.browser.file(home, operation)
            return await engine.history.at(home, file, number, operation)

        return await engine.tree.resolving(look, home)

    async def _home(self, place: OSFPath, number: int, operation: str) -> OSFPath | None:
        """Return where the file is that has a version: at its path, or kept though removed."""
        engine = await self._engine()
        try:
            file = await engine.browser.file(place, operation)
        except (OSFNotFoundError, OSFIsADirectoryError):
            kept = engine.holder and await engine.holder.find(place, number)
            if not kept:
                raise
            return kept
        if 1 <= number <= (file.version or 0):
            return place
        return await engine.holder.find(place, number) if engine.holder else None

    def _describe(self, place: OSFPath, file: Entity) -> dict[str, Any]:
        return describe(str(place), file, version_aware=self.version_aware)


def _each_version(info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a description for each version of a file, and that of a folder as it is."""
    newest = info.get("version")
    if newest is None:
        yield info
        return
    for number in range(1, newest + 1):
        name = f"{info['name']}?version={number}"
        if number == newest:
            yield {**info, "name": name}
        else:
            known = {"name": name, "version": number}
            if "version_id" in info:
                known["version_id"] = str(number)
            yield info | dict.fromkeys(("size", "md5", "sha256", "modified")) | known


def _number(version: int | str) -> int:
    """Read a version's number; DVC keeps it as text."""
    try:
        return int(version)
    except (TypeError, ValueError):
        raise ValueError(f"{version!r} is not a version; the OSF counts them from 1") from None
