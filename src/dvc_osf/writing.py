"""Writing: fsspec's names for uploads, folders and deletion."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
import tempfile
from dataclasses import replace
from glob import has_magic
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK

from .concurrency import map_bounded
from .exceptions import OSFNotFoundError, OSFPathError, OSFVersionConflictError
from .fileobjects import in_own_thread, read_all
from .files import OSFWriteFile
from .paths import OSFPath, split_version
from .reading import ReadingFileSystem
from .remover import topmost
from .sources import BytesSource, FileSource, SmallFileSource, Source
from .upload import UploadJob
from .utils import ProgressTracker, determine_upload_strategy

__all__ = ["WritingFileSystem"]


class WritingFileSystem(ReadingFileSystem):
    """The storey of :class:`~dvc_osf.filesystem.OSFFileSystem` that writes and deletes."""

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
            The local file, which may be a pipe; a folder makes a folder where ``create_folders``
            is on.
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
        status = await asyncio.to_thread(os.stat, lpath)
        if stat.S_ISDIR(status.st_mode):
            await self._makedirs(rpath, exist_ok=True)
        elif self._intrans:
            await self._defer(lpath, rpath, mode, "put_file")
        else:
            job = _job(rpath, "put_file", mode, callback)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                await self._upload_file(lpath, status.st_size, job)
            else:
                # Pipes have no size, and the system's own files (/proc) are empty by theirs.
                await self._upload_stream(lpath, job)

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        await self._store(path, value, mode, "pipe_file")

    async def _store(self, path: str, value: bytes, mode: str, operation: str) -> None:
        """Upload bytes, at once or at the end of a transaction."""
        if self._intrans:
            await self._defer(io.BytesIO(value), path, mode, operation)
        else:
            await self._upload(_job(path, operation, mode), BytesSource(value))

    async def _defer(self, stream: Any, path: str, mode: str, operation: str) -> None:
        """Keep a file's bytes, or an object's, for the end of the transaction under way."""
        if self.asynchronous:
            raise NotImplementedError(
                "a transaction ends by synchronous calls; use it with a synchronous filesystem"
            )
        mode = "xb" if mode == "create" else "wb"
        file = OSFWriteFile(self, self._strip_protocol(path), mode, autocommit=False)
        self.transaction.files.append(file)
        with file:
            await in_own_thread(read_all, stream, file, f"{operation} osf://{file.path}")

    async def _touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        """Make an empty file, or empty one by a new version; one request.

        Parameters
        ----------
        path : str
            The file.
        truncate : bool, optional
            False to leave a file that exists alone.
        **_
            Ignored, as other filesystems' options are.

        Raises
        ------
        NotImplementedError
            The file exists and shall not be truncated: the OSF has no request that would change
            nothing but its time.
        """
        mode = "overwrite" if truncate else "create"
        try:
            await self._store(path, b"", mode, "touch")
        except OSFVersionConflictError as error:
            if truncate:
                raise
            raise NotImplementedError(
                f"osf://{self._strip_protocol(path)} exists, and the OSF cannot change its time "
                "alone; write it anew, or pass truncate=True to empty it"
            ) from error

    async def _upload_file(self, lpath: str, size: int, job: UploadJob) -> None:
        """Upload a local file, by the strategy that its size asks for."""
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
        """Send a file by the pipeline, read and hashed on the way."""
        budget = (await self._engine()).budget
        chunk_size = self.config.upload_chunk_size
        await self._upload_chunks(job, FileSource(lpath, size, chunk_size, budget))

    async def _upload_chunks(self, job: UploadJob, source: FileSource) -> None:
        """Send one chunk after the other, all in one request; log and errors say which."""
        job.progress.count_chunks(source.chunk_size, f"{job.operation} osf://{job.place}")
        await self._upload(job, source)

    async def _upload_stream(self, stream: Any, job: UploadJob) -> None:
        """Upload what a file object, or the file of a path, gives to its end.

        From a temporary file, for the size must be known.
        """
        with tempfile.NamedTemporaryFile(delete=False) as local:
            try:
                label = f"{job.operation} osf://{job.place}"
                await in_own_thread(read_all, stream, local, label)
                size = local.tell()
                local.close()
                await self._upload_file(local.name, size, job)
            finally:
                local.close()
                os.unlink(local.name)

    def _refuse_version(self, place: OSFPath, operation: str) -> None:
        """Insist that what is to be written is not called like a version."""
        if self.version_aware and split_version(place.name)[1] is not None:
            raise OSFPathError(
                "versions cannot be written, only made by writing the file",
                path=str(place),
                operation=operation,
                hint="Write to the path without ?version=",
            )

    async def _upload(self, job: UploadJob, source: Source) -> None:
        self._refuse_version(job.place, job.operation)
        engine = await self._engine()
        kept = await engine.holder.continued(job.place) if engine.holder else None
        if kept is None or job.exclusive:
            await engine.uploader.upload(job, source)
        else:
            # Only then to its place: what is seen there is never the removed version.
            await engine.uploader.upload(replace(job, place=kept), source)
            await engine.mover.file("move", kept, job.place)

    async def _put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Upload files, or one file object.

        Parameters
        ----------
        lpath : str, list of str, or readable binary file object
            What to upload; an object is read from its current position to its end.
        rpath : str or list of str
            Where to.
        recursive : bool, optional
            Whether folders are uploaded.
        callback : fsspec.callbacks.Callback or callable, optional
            fsspec's kind counts the files, with a branch for each one's bytes; a function hears of
            the bytes of all, with a total of None until the last file has begun.
        *args, **kwargs
            ``batch_size``, ``maxdepth`` and so on, as for fsspec.
        """
        if not hasattr(lpath, "read"):
            lpath, rpath = await self._meant(lpath, rpath)
            return await super()._put(lpath, rpath, recursive, callback, *args, **kwargs)
        mode = kwargs.get("mode", "overwrite")
        if self._intrans:
            return await self._defer(lpath, rpath, mode, "put")
        await self._upload_stream(lpath, _job(rpath, "put", mode, callback))
        return None

    async def _meant(self, lpath: Any, rpath: Any) -> tuple[Any, Any]:
        """Take a local file that is there for what it is, though its name be a pattern."""
        if not isinstance(lpath, (str, os.PathLike)) or not isinstance(rpath, str):
            return lpath, rpath
        name = os.fspath(lpath)
        if not has_magic(name) or not await asyncio.to_thread(os.path.isfile, name):
            return lpath, rpath
        if rpath.endswith("/") or await self._isdir(rpath):
            rpath = f"{rpath.rstrip('/')}/{os.path.basename(name)}"
        return [name], [rpath]

    # -- folders and deletion ----------------------------------------------------------------

    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Do nothing: folders appear with their first file (but see ``create_folders``)."""
        place = OSFPath.parse(path)
        if self.create_folders and place.parts:
            engine = await self._engine()
            if not create_parents:
                await engine.tree.folders(place.parent, "mkdir")
            await engine.folders.ensure(place.parent, "mkdir")
            if await engine.tree.file(place, "mkdir") is not None:
                # The OSF would make a folder of the same name.
                raise OSFVersionConflictError(
                    "a file of that name exists", path=str(place), operation="mkdir", hint=""
                )
            await engine.folders.ensure(place, "mkdir")

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
        if not await self._isdir(path) and await self._exists(path):
            raise NotADirectoryError(
                errno.ENOTDIR, "this is a file", f"osf://{self._strip_protocol(path)}"
            )
        if await self._ls(path, refresh=True):
            raise OSError(
                errno.ENOTEMPTY, "the folder is not empty", f"osf://{self._strip_protocol(path)}"
            )
        await (await self._engine()).remover.remove(OSFPath.parse(path), files=False)

    async def _rm_file(self, path: str, **_: Any) -> None:
        place = OSFPath.parse(path)
        engine = await self._engine()
        await engine.browser.file(place, "rm_file")
        await self._remove(place, folders=False)

    async def _remove(self, place: OSFPath, *, folders: bool = True) -> None:
        """Delete what a path names, or keep it where there is a folder for that."""
        engine = await self._engine()
        if engine.holder and engine.holder.covers(place):
            await engine.holder.keep(place, folders=folders)
        else:
            await engine.remover.remove(place, folders=folders)

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
            How many deletions at once; ``max_requests`` by default.
        maxdepth : int, optional
            With ``recursive``, delete only the files of so many levels.
        **_
            Ignored.

        Raises
        ------
        OSFNotFoundError
            A path names nothing; the others of a list are deleted nevertheless.
        OSFIsADirectoryError
            A path is a folder, and ``recursive`` is not set.
        """
        by_level = recursive and maxdepth is not None
        names = await self._expand_path(path, recursive=by_level, maxdepth=maxdepth)
        if by_level:
            names = [name for name in names if await self._isfile(name)]
        if recursive and not by_level:
            names = [str(place) for place in topmost(OSFPath.parse(name) for name in names)]
        missing: list[OSFNotFoundError] = []

        async def remove(name: str) -> None:
            try:
                if by_level or not recursive:
                    await self._rm_file(name)
                else:
                    await self._remove(OSFPath.parse(name))
            except OSFNotFoundError as error:
                missing.append(error)

        await map_bounded(remove, names, batch_size or self.config.max_requests)
        if missing:
            raise missing[0]


def _job(path: str, operation: str, mode: str, callback: Any = None) -> UploadJob:
    if mode not in ("overwrite", "create"):
        raise ValueError(
            f"osf://{OSFPath.parse(path)}: {operation} knows the modes 'overwrite' and 'create', "
            f"not {mode!r}"
        )
    progress = ProgressTracker(callback)
    return UploadJob(OSFPath.parse(path), progress, operation, exclusive=mode == "create")
