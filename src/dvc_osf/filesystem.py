"""OSFFileSystem: fsspec's names on top of the tree, the transfers and the client."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
import weakref
from glob import has_magic
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec.asyn import AsyncFileSystem, get_loop
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.core import get_compression

from .auth import TokenSource
from .concurrency import gather_or_cancel
from .config import Config
from .engine import EnginePool
from .exceptions import (
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFVersionConflictError,
)
from .facade import add_sync_methods
from .files import CompressedFile, OSFFile, OSFWriteFile, TextFile
from .paths import OSFPath, strip_protocol
from .remover import topmost
from .sources import BytesSource, FileSource, SmallFileSource, Source
from .stats import Stats
from .tree import not_found
from .upload import UploadJob
from .utils import ProgressTracker, determine_upload_strategy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .engine import Engine
    from .models import Entity
    from .retry import Clock

__all__ = ["OSFFile", "OSFFileSystem", "OSFWriteFile"]


class OSFFileSystem(AsyncFileSystem):  # type: ignore[misc] # fsspec is not typed
    """The Open Science Framework as a filesystem.

    Paths are ``osf://<project>/<provider>/<path>``; ``osf://abc12/data.csv`` is short for
    ``osf://abc12/osfstorage/data.csv``. All options but the first are by keyword; those that are
    None come from ``OSF_*`` variables, then from defaults (see ``docs/configuration.md``).

    Parameters
    ----------
    token : str, optional
        Personal access token; else the file ``credentialpath``, else ``OSF_TOKEN``, else anonymous.
    endpoint_url : str, optional
        Root of API v2; ``https://api.osf.io/v2`` by default.
    files_url : str, optional
        Root of WaterButler, instead of the one that API v2 names for the project.
    view_only : str, optional
        Key of a view-only link.
    timeout : float, optional
        Seconds of silence allowed for a request without a body; 60.
    upload_timeout : float, optional
        Seconds an upload may go without progress; 300.
    upload_chunk_size : int or str, optional
        Bytes of a chunk (``"5MB"``), 1 MB to 100 MB; smaller files go in one piece.
    max_retries : int, optional
        How often a failed request is sent again; 5.
    max_wait : float, optional
        Seconds a request may wait for the OSF's rate limit; 3,900.
    max_requests : int, optional
        Requests in flight; 16.
    buffer_size : int or str, optional
        Bytes of buffers in memory; 64 MiB.
    ssl_verify : bool or str, optional
        False to trust any certificate, or the path of a CA file.
    create_folders : bool, optional
        Whether ``mkdir`` makes a folder, for people who want empty ones on the web page. By
        default it does nothing, and folders appear with their first file.
    credentialpath : str, optional
        A file that holds the token.
    use_listings_cache : bool, optional
        Whether to believe a listing for a while.
    listings_expiry_time : float, optional
        For how many seconds; 60.
    asynchronous : bool, optional
        For use from a running event loop, by the names that begin with an underscore.
    loop : asyncio.AbstractEventLoop, optional
        The loop for synchronous use; fsspec's own by default.
    batch_size : int, optional
        Files that a bulk operation works on at once; ``max_requests`` by default.

    Attributes
    ----------
    stats : Stats
        What was asked of the OSF so far.

    Notes
    -----
    The filesystem owns its connections. They close with :meth:`aclose`, when the event loop ends
    (``asyncio.run``), or when the instance or the process does. One instance may serve several
    event loops; each has its own connections and caches.
    """

    protocol: ClassVar[str] = "osf"
    root_marker = ""
    _pid: int  # fsspec's
    async_impl = True
    cachable = True
    # These two are not arguments that make another filesystem of it.
    _extra_tokenize_attributes = ()

    def __init__(
        self,
        token: str | None = None,
        *,
        endpoint_url: str | None = None,
        files_url: str | None = None,
        view_only: str | None = None,
        timeout: float | None = None,
        upload_timeout: float | None = None,
        upload_chunk_size: int | str | None = None,
        max_retries: int | None = None,
        max_wait: float | None = None,
        max_requests: int | None = None,
        buffer_size: int | str | None = None,
        ssl_verify: bool | str | None = None,
        create_folders: bool = False,
        credentialpath: str | None = None,
        use_listings_cache: bool = True,
        listings_expiry_time: float | None = 60.0,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.config = Config.resolve(
            api_url=endpoint_url,
            files_url=files_url,
            timeout=timeout,
            upload_timeout=upload_timeout,
            upload_chunk_size=upload_chunk_size,
            max_retries=max_retries,
            max_wait=max_wait,
            max_requests=max_requests,
            buffer_size=buffer_size,
            ssl_verify=ssl_verify,
        )
        super().__init__(
            asynchronous=asynchronous,
            loop=loop,
            batch_size=batch_size or self.config.max_requests,
        )
        self.create_folders = create_folders
        self.stats = Stats()
        self._token = TokenSource(token, credentialpath)
        view_only = view_only or os.environ.get("OSF_VIEW_ONLY") or None
        expiry = float("inf") if listings_expiry_time is None else float(listings_expiry_time)
        if not use_listings_cache:
            expiry = 0.0
        self._engines = EnginePool(
            self.config, self._token, self.stats, view_only=view_only, expiry=expiry
        )
        weakref.finalize(self, self._engines.close)

    # -- lifecycle ---------------------------------------------------------------------------

    async def _engine(self) -> Engine:
        return await self._engines.current()

    @property
    def clock(self) -> Clock:
        """What back-off and pauses are measured by; to be set before the first request."""
        return self._engines.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._engines.clock = clock

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that synchronous calls run on; after a fork, the child's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop: asyncio.AbstractEventLoop | None = None if self.asynchronous else get_loop()
        return self._loop

    async def aclose(self) -> None:
        """Close the running loop's connections; the next call opens new ones."""
        await self._engines.aclose()

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._engines.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.config.api_url}>"

    def to_dict(self, *, include_password: bool = True) -> dict[str, Any]:
        """Describe the filesystem for :meth:`from_dict`, without its secrets.

        Parameters
        ----------
        include_password : bool, optional
            As for fsspec; the token is left out either way, and comes from ``OSF_TOKEN`` again.

        Returns
        -------
        dict
            Fit for JSON.
        """
        described: dict[str, Any] = super().to_dict(include_password=include_password)
        for secret in ("token", "view_only"):
            described.pop(secret, None)
        described["args"] = ()
        return described

    def invalidate_cache(self, path: str | None = None) -> None:
        """Stop believing listings.

        Parameters
        ----------
        path : str, optional
            A place: the listings of it, above it and below it; by default, all.
        """
        self._engines.invalidate(None if path is None else OSFPath.parse(path))
        super().invalidate_cache(path)

    # -- paths -------------------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        return strip_protocol(path)

    def unstrip_protocol(self, name: str) -> str:
        """Return the URL of a path.

        Parameters
        ----------
        name : str
            Canonical path or URL.

        Returns
        -------
        str
            Beginning with ``osf://``.
        """
        return f"osf://{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        return cls._strip_protocol(path).rpartition("/")[0]  # type: ignore[no-any-return]

    # -- looking -----------------------------------------------------------------------------

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

    # -- reading -----------------------------------------------------------------------------

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

    # -- writing -----------------------------------------------------------------------------

    async def _put_file(
        self,
        lpath: Any,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **_: Any,
    ) -> None:
        """Upload a local file; folders are created, and what exists gets a new version.

        Parameters
        ----------
        lpath : str
            The local file; a folder makes a folder where ``create_folders`` is on.
        rpath : str
            Its path on the OSF.
        callback : fsspec.callbacks.Callback or callable, optional
            Follows the bytes.
        mode : {"overwrite", "create"}, optional
            ``"create"`` refuses a file that exists.
        **_
            Ignored, as other filesystems' options are.

        Raises
        ------
        OSFVersionConflictError
            The file exists and the mode is ``"create"``.
        OSFQuotaExceededError, OSFPermissionError, OSFFileLockedError
            The OSF refuses.
        OSFIntegrityError
            The OSF stored other bytes, again and again.
        """
        if await asyncio.to_thread(os.path.isdir, lpath):
            await self._makedirs(rpath, exist_ok=True)
        else:
            await self._upload_file(lpath, _job(rpath, "put_file", mode, callback))

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        await self._upload(_job(path, "pipe_file", mode), BytesSource(value))

    async def _upload_file(self, lpath: str, job: UploadJob) -> None:
        """Upload a local file, by the strategy that its size asks for."""
        size = (await asyncio.to_thread(os.stat, lpath)).st_size
        job.progress.set_total(size)
        if determine_upload_strategy(size, self.config.upload_chunk_size) == "single":
            await self._put_file_simple(lpath, size, job)
        else:
            await self._put_file_chunked(lpath, size, job)

    async def _put_file_simple(self, lpath: str, size: int, job: UploadJob) -> None:
        """Send a file below one chunk from memory."""
        budget = (await self._engine()).budget
        await self._upload(job, SmallFileSource(lpath, size, budget))

    async def _put_file_chunked(self, lpath: str, size: int, job: UploadJob) -> None:
        """Send a file by the pipeline, in chunks, read and hashed on the way."""
        budget = (await self._engine()).budget
        await self._upload(job, FileSource(lpath, size, self.config.upload_chunk_size, budget))

    async def _upload_stream(self, stream: Any, job: UploadJob) -> None:
        """Upload a file object's bytes; from a temporary file, for the size must be known."""
        with tempfile.NamedTemporaryFile(delete=False) as local:
            try:
                await asyncio.to_thread(shutil.copyfileobj, stream, local)
                local.close()
                await self._upload_file(local.name, job)
            finally:
                local.close()
                os.unlink(local.name)

    async def _upload(self, job: UploadJob, source: Source) -> None:
        await (await self._engine()).uploader.upload(job, source)

    async def _put(self, lpath: Any, rpath: Any, *args: Any, **kwargs: Any) -> Any:
        """Upload files, or one file object.

        Parameters
        ----------
        lpath : str, list of str, or readable binary file object
            What to upload; an object is read from its current position to its end.
        rpath : str or list of str
            Where to.
        *args, **kwargs
            ``recursive``, ``callback``, ``maxdepth`` and so on, as for fsspec.
        """
        if not hasattr(lpath, "read"):
            return await super()._put(lpath, rpath, *args, **kwargs)
        mode, callback = kwargs.get("mode", "overwrite"), kwargs.get("callback")
        await self._upload_stream(lpath, _job(rpath, "put", mode, callback))
        return None

    # -- folders and deletion ----------------------------------------------------------------

    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: folders appear with their first file (but see ``create_folders``)."""
        place = OSFPath.parse(path)
        if self.create_folders and place.parts:
            if not create_parents:
                await (await self._engine()).tree.folders(place.parent, "mkdir")
            await (await self._engine()).tree.ensure_folder(place, "mkdir")

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing, as :meth:`_mkdir`."""
        if self.create_folders and not exist_ok and await self._isdir(path):
            raise OSFVersionConflictError(
                "the folder exists", path=self._strip_protocol(path), operation="makedirs", hint=""
            )
        await self._mkdir(path)

    async def _rmdir(self, path: str) -> None:
        """Do nothing: folders are virtual (but see ``create_folders``)."""
        if not self.create_folders:
            return
        if await self._ls(path, refresh=True):
            raise OSError(
                errno.ENOTEMPTY, "the folder is not empty", f"osf://{self._strip_protocol(path)}"
            )
        await (await self._engine()).remover.remove(OSFPath.parse(path), files=False)

    async def _rm_file(self, path: str, **_: Any) -> None:
        place = OSFPath.parse(path)
        engine = await self._engine()
        await engine.browser.file(place, "rm_file")
        await engine.remover.remove(place, folders=False)

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_: Any,
    ) -> None:
        """Delete files, and folders with all that is in them in one request each.

        Parameters
        ----------
        path : str or list of str
            Paths or glob patterns.
        recursive : bool, optional
            Whether folders may go.
        batch_size : int, optional
            Not used: requests in flight are bounded anyway.
        maxdepth : int, optional
            With ``recursive``, delete only the files of so many levels.
        **_
            Ignored.

        Raises
        ------
        OSFNotFoundError
            A path names nothing.
        OSFIsADirectoryError
            A path is a folder, and ``recursive`` is not set.
        """
        del batch_size
        by_level = recursive and maxdepth is not None
        names = await self._expand_path(path, recursive=by_level, maxdepth=maxdepth)
        if by_level:
            names = [name for name in names if await self._isfile(name)]
        if by_level or not recursive:
            await gather_or_cancel(self._rm_file(name) for name in names)
        else:
            remover = (await self._engine()).remover
            places = topmost(OSFPath.parse(name) for name in names)
            await gather_or_cancel(remover.remove(place) for place in places)

    # -- moving and copying ------------------------------------------------------------------

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

    # -- file objects ------------------------------------------------------------------------

    def open(self, path: str, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        """Open a file.

        Parameters
        ----------
        path : str
            The file.
        mode : str, optional
            ``r``, ``w`` or ``x``, with ``b`` for bytes. Appending and reading while writing are
            not possible on the OSF.
        *args, **kwargs
            ``block_size``, ``cache_type``, ``compression``, ``encoding`` and so on, as for fsspec.

        Returns
        -------
        file object
            To be closed, best by ``with``. Leaving ``with`` by an exception stores nothing.

        Raises
        ------
        NotImplementedError
            The mode is one for appending or for reading and writing.
        """
        kind = _kind_of(mode)
        if "t" in kind:
            options = ("encoding", "errors", "newline")
            text = {key: kwargs.pop(key) for key in options if key in kwargs}
            return TextFile(self.open(path, f"{kind[0]}b", *args, **kwargs), **text)
        compression = get_compression(path, kwargs.pop("compression", None))
        stream = super().open(path, kind, *args, **kwargs)
        return CompressedFile(stream, compression) if compression else stream

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> OSFFile | OSFWriteFile:
        if mode == "rb":
            return OSFFile(self, path, block_size, cache_options=cache_options, **kwargs)
        if mode == "xb" and self._is_taken(path):
            raise OSFVersionConflictError(
                "the file exists", path=self._strip_protocol(path), operation="open"
            )
        return OSFWriteFile(self, path, mode, block_size, autocommit=autocommit)

    def _is_taken(self, path: str) -> bool:
        """Ask the OSF, not the cache, whether a file exists."""
        try:
            return bool(self.info(path, refresh=True)["type"] == "file")
        except FileNotFoundError:
            return False


def _kind_of(mode: str) -> str:
    """Normalize a mode: one of r, w and x, then b or t."""
    if not set(mode) <= set("rwxabt+") or len(set(mode)) != len(mode):
        raise ValueError(f"{mode!r} is not a mode")
    letters = sorted(set(mode) & set("rwxa"))
    if len(letters) != 1 or {"b", "t"} <= set(mode):
        raise ValueError(f"{mode!r} is not a mode")
    if letters == ["a"] or "+" in mode:
        raise NotImplementedError(
            f"mode {mode!r}: the OSF stores whole files; read it, and write all of it anew"
        )
    return letters[0] + ("b" if "b" in mode else "t")


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")


def _job(path: str, operation: str, mode: str, callback: Any = None) -> UploadJob:
    progress = ProgressTracker(callback)
    return UploadJob(OSFPath.parse(path), progress, operation, exclusive=mode == "create")


add_sync_methods(
    OSFFileSystem,
    "cat cat_file cat_ranges copy cp_file du exists expand_path find get get_file glob info isdir "
    "isfile ls makedirs mkdir mv pipe pipe_file put put_file rm rm_file rmdir size sizes",
)
