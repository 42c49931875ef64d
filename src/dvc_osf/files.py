"""File objects: reading by ranges, writing by one upload at the end."""

from __future__ import annotations

import codecs
import contextlib
import io
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

from fsspec.compression import compr
from fsspec.spec import AbstractBufferedFile

from .download import size_of
from .facade import call_sync
from .paths import OSFPath
from .upload import UploadJob
from .utils import ProgressTracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from .filesystem import OSFFileSystem
    from .models import Entity
    from .writing import WritingFileSystem

__all__ = ["IN_MEMORY", "OSFFile", "OSFWriteFile"]

IN_MEMORY = 5 * 1024 * 1024
"""Bytes that a file being written may take in memory before it goes to the disk."""


class _AllOrNothing:
    """Leaving ``with`` by an exception stores nothing: half a file is not what was meant."""

    def close(self) -> None:
        raise NotImplementedError

    def discard(self) -> None:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        else:
            self.close()


class OSFFile(AbstractBufferedFile):  # type: ignore[misc] # fsspec is not typed
    """A file open for reading, pinned to the version that it had when it was opened.

    Made by :meth:`OSFFileSystem.open`. The filesystem stays the caller's.

    Parameters
    ----------
    fs : OSFFileSystem
        What reads.
    path : str
        The canonical path.
    block_size : int, optional
        Bytes to read ahead.
    version : int, optional
        Which version, from 1; the newest by default.
    entity : Entity, optional
        The record of the version, where it is known; by default it is looked up.
    **kwargs
        As for :class:`fsspec.spec.AbstractBufferedFile`.

    Raises
    ------
    OSFNotFoundError
        There is no such file.
    OSFIsADirectoryError
        It is a folder.
    OSFServerError
        The add-on that has it does not say how large it is.
    """

    closed: bool

    def __init__(
        self,
        fs: OSFFileSystem,
        path: str,
        block_size: int | str | None = None,
        *,
        version: int | str | None = None,
        entity: Entity | None = None,
        **kwargs: Any,
    ) -> None:
        # fsspec's local caches pass a size, even an unknown one; the listing's is right.
        kwargs.pop("size", None)
        if entity is None:
            self._place, self._entity = call_sync(fs, "_file", path, version, "open")
        else:
            self._place, self._entity = OSFPath.parse(path), entity
        size = size_of(self._place, self._entity, "open")
        self._cache_options = kwargs.get("cache_options")
        super().__init__(fs, path, "rb", block_size, size=size, **kwargs)
        self.details = fs._describe(self._place, self._entity)

    def __reduce__(self) -> tuple[Any, ...]:
        # fsspec would open the newest version anew, which may be another one.
        options = {
            "cache_type": self.cache.name,
            "cache_options": self._cache_options,
            **self.kwargs,
        }
        place = str(self._place)
        return (_reopen, (self.fs, place, self.blocksize, self._entity, self.loc, options))

    def _fetch_range(self, start: int, end: int) -> bytes:
        """Read bytes of the opened version; called by fsspec's block caches."""
        data: bytes = call_sync(self.fs, "_read_pinned", self._place, self._entity, start, end)
        return data


def _reopen(
    fs: OSFFileSystem,
    path: str,
    block_size: int,
    entity: Entity,
    position: int,
    options: dict[str, Any],
) -> OSFFile:
    """Make an open file again from its pickle, of the same version and at the same place."""
    file = OSFFile(fs, path, block_size, entity=entity, **options)
    file.seek(position)
    return file


class OSFWriteFile(_AllOrNothing, AbstractBufferedFile):  # type: ignore[misc] # fsspec is not typed
    """A file open for writing.

    What is written goes to memory, and beyond some MiB to a temporary file; closing uploads all
    of it in one request, for the OSF has no upload in parts. Leaving a ``with`` block by an
    exception uploads nothing.

    Parameters
    ----------
    fs : OSFFileSystem
        What uploads.
    path : str
        The canonical path.
    mode : str, optional
        ``"wb"`` or ``"w"`` (text, UTF-8), or with ``x`` for a file that must not exist.
    chunk_size : int, optional
        Bytes to gather before they go to the spool.
    autocommit : bool, optional
        Upload when closed; otherwise when :meth:`commit` is called, as transactions do.
    **kwargs
        As for :class:`fsspec.spec.AbstractBufferedFile`.
    """

    closed: bool

    def __init__(
        self,
        fs: WritingFileSystem,
        path: str,
        mode: str = "wb",
        chunk_size: int | str | None = None,
        *,
        autocommit: bool = True,
        **kwargs: Any,
    ) -> None:
        self.exclusive = "x" in mode
        self.text = "b" not in mode
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by us
        super().__init__(fs, path, "wb", chunk_size, autocommit=autocommit, **kwargs)

    def write(self, data: Any) -> int:
        """Take in bytes, or text where the mode is one of text.

        Parameters
        ----------
        data : bytes-like or str
            What to write.

        Returns
        -------
        int
            Bytes, or characters, taken in.
        """
        if self.text and isinstance(data, str):
            super().write(data.encode())
            return len(data)
        return int(super().write(data))

    def _upload_chunk(self, final: bool = False) -> bool:
        """Move what fsspec gathered to the spool; at the end, upload the spool."""
        self.buffer.seek(0)
        self._spool.write(self.buffer.read())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Upload what was written, unless it was discarded."""
        if self._spool.closed:
            return
        try:
            self._spool.seek(0)
            job = UploadJob(
                OSFPath.parse(self.path), ProgressTracker(), "write", exclusive=self.exclusive
            )
            call_sync(self.fs, "_upload_stream", self._spool, job)
        finally:
            self._spool.close()

    def close(self) -> None:
        """Upload what was written, unless that is done or waits for :meth:`commit`."""
        if self.closed:
            return
        try:
            # fsspec's own close would also forget listings; the upload has entered itself there.
            if not self.forced:
                self.flush(force=True)
        finally:
            self.closed = True

    def discard(self) -> None:
        """Forget what was written."""
        self._spool.close()
        self.buffer = io.BytesIO()
        self.closed = True

    def abandon(self) -> None:
        """Forget what was written, and warn: nobody has closed the file. For finalizers."""
        # No request from here: a finalizer may run on any thread, even the event loop's.
        if not self.closed:
            message = f"osf://{self.path} was never closed; nothing was uploaded"
            # Before the warning, which may be an error, and then again that of who finalizes next.
            self.discard()
            warnings.warn(message, ResourceWarning, source=self, stacklevel=3)

    def __del__(self) -> None:
        self.abandon()


class _CompressorsEnd:
    """What a compressor writes to: a file that somebody else closes.

    Closing a compressor, which its finalizer does as well, writes what it still has. Where the
    file was discarded before, or collected, that goes nowhere.

    Parameters
    ----------
    stream : OSFWriteFile
        The file.
    """

    def __init__(self, stream: OSFWriteFile) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes if self._stream.closed else self._stream.write(data)

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def close(self) -> None:
        pass


class CompressedFile(_AllOrNothing):
    """A compressor on top of one of the above; closing closes both.

    fsspec leaves the lower file to the garbage collector, which must not upload anything here.

    Parameters
    ----------
    stream : OSFFile or OSFWriteFile
        The file.
    compression : str
        fsspec's name of the method.
    """

    def __init__(self, stream: OSFFile | OSFWriteFile, compression: str) -> None:
        self._stream = stream
        lower = _CompressorsEnd(stream) if isinstance(stream, OSFWriteFile) else stream
        self._compressor = compr[compression](lower, mode=stream.mode[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compressor, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._compressor)

    def __next__(self) -> bytes:
        line: bytes = next(self._compressor)
        return line

    def __enter__(self) -> Self:
        return self

    @property
    def closed(self) -> bool:
        """Whether the file is closed, or was discarded."""
        return self._stream.closed

    def write(self, data: Any) -> int:
        """Compress bytes.

        Parameters
        ----------
        data : bytes-like
            What to write.

        Returns
        -------
        int
            Bytes taken in.
        """
        # The compressor does not know that the file below it may have been discarded.
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return int(self._compressor.write(data))

    def close(self) -> None:
        """Write what the compressor still has, and close the file."""
        try:
            self._compressor.close()
        except BaseException:
            self.discard()
            raise
        self._stream.close()

    def discard(self) -> None:
        """Forget what was written."""
        if isinstance(self._stream, OSFWriteFile):
            self._stream.discard()
        else:
            self._stream.close()
        # What it writes goes nowhere any more, and why the file is discarded matters more.
        with contextlib.suppress(Exception):
            self._compressor.close()

    def abandon(self) -> None:
        """Forget what was written, and warn: nobody has closed the file. For finalizers."""
        if isinstance(self._stream, OSFWriteFile):
            self._stream.abandon()


class TextFile(io.TextIOWrapper):
    """Text on top of one of the above.

    Neither leaving ``with`` by an exception nor never closing it stores anything.

    Parameters
    ----------
    buffer : OSFFile, OSFWriteFile or CompressedFile
        The file.
    *args, **kwargs
        As for :class:`io.TextIOWrapper`.
    """

    def __init__(self, buffer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(buffer, *args, **kwargs)
        # Python leaves the byte order mark out where it cannot ask whether this is the beginning,
        # and finds none when it reads.
        marked = codecs.lookup(self.encoding).name in {"utf-16", "utf-32"}
        self._mark = "\ufeff" if marked and self.writable() and not self.seekable() else ""

    def write(self, text: str) -> int:
        """Write text.

        Parameters
        ----------
        text : str
            What to write.

        Returns
        -------
        int
            Characters taken in.
        """
        if self._mark and text:
            mark, self._mark = self._mark, ""
            super().write(mark)
        return super().write(text)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and isinstance(self.buffer, (OSFWriteFile, CompressedFile)):
            self.buffer.discard()
        super().__exit__(kind, error, trace)

    def __del__(self) -> None:
        # The one of TextIOWrapper closes, which would upload as much as there is.
        with contextlib.suppress(ValueError):  # of `buffer`, where it was detached or never set
            if isinstance(self.buffer, (OSFWriteFile, CompressedFile)):
                self.buffer.abandon()
        super().__del__()
