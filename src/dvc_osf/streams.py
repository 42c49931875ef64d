"""File objects for asynchronous code: read by blocks that are fetched ahead, written by one PUT."""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AbstractAsyncStreamedFile

from .concurrency import finish
from .files import IN_MEMORY
from .upload import UploadJob
from .utils import ProgressTracker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from typing_extensions import Self

    from .filesystem import OSFFileSystem
    from .models import Entity
    from .paths import OSFPath

__all__ = ["AsyncReader", "AsyncWriter"]


class _Stream(AbstractAsyncStreamedFile):  # type: ignore[misc] # fsspec is not typed
    """What both have in common: closing is awaited, so nobody else may close."""

    closed: bool
    loc: int

    async def __aenter__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        raise TypeError("use 'async with': this file is closed by an awaited request")

    def __del__(self) -> None:
        # fsspec's would make a coroutine that nobody awaits.
        self.closed = True

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


class AsyncReader(_Stream):
    """A file open for reading, pinned to the version that it had when it was opened.

    Made by :meth:`OSFFileSystem.open_async`. It keeps one block in memory, and a second one that
    is fetched ahead once a reader went on from one block to the next. Like any file it has one
    position, so one task at a time may read; where reading fails or is cancelled it stays.

    Parameters
    ----------
    fs : OSFFileSystem
        What reads; it stays the caller's.
    place : OSFPath
        Where the file is.
    file : Entity
        Which version of which file.
    block_size : int, optional
        Bytes of a block; 5 MiB by default.
    """

    def __init__(
        self, fs: OSFFileSystem, place: OSFPath, file: Entity, block_size: int | None = None
    ) -> None:
        if block_size is not None and block_size < 1:
            raise ValueError(f"block_size is {block_size}; it must be at least 1")
        super().__init__(fs, str(place), "rb", block_size, size=file.size, cache_type="none")
        self.details = fs._describe(place, file)
        self._place = place
        self._file = file
        self._block = b""
        self._start = 0
        self._ahead: asyncio.Task[bytes] | None = None

    async def read(self, length: int | None = -1) -> bytes:
        """Read from the current position on.

        Parameters
        ----------
        length : int, optional
            Bytes; by default, or below 0, up to the end.

        Returns
        -------
        bytes
            So many, or less at the end of the file.
        """
        self._check_open()
        position = self.loc
        left = max(self.size - position, 0)
        wanted = left if length is None or length < 0 else min(length, left)
        pieces = []
        while wanted:
            piece = await self._piece(position, wanted)
            pieces.append(piece)
            position += len(piece)
            wanted -= len(piece)
        # Only now, for who fails or is cancelled above gets nothing, and shall not miss anything.
        self.loc = position
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def readinto(self, buffer: Any) -> int:
        """Read into a buffer.

        Parameters
        ----------
        buffer : writable bytes-like
            To be filled.

        Returns
        -------
        int
            Bytes read: as many as there is room for, or less at the end of the file.
        """
        room = memoryview(buffer).cast("B")
        data = await self.read(len(room))
        room[: len(data)] = data
        return len(data)

    async def readline(self, limit: int | None = -1) -> bytes:
        """Read up to the end of the line.

        Parameters
        ----------
        limit : int, optional
            Bytes to return at most; no limit by default, or below 0.

        Returns
        -------
        bytes
            With the line's end, but for the file's last line.
        """
        self._check_open()
        position = self.loc
        most = self.size if limit is None or limit < 0 else limit
        pieces: list[bytes] = []
        while most and position < self.size:
            at = await self._reach(position)
            end = self._block.find(b"\n", at, at + most) + 1
            piece = self._block[at : end or at + most]
            pieces.append(piece)
            position += len(piece)
            most = 0 if end else most - len(piece)
        self.loc = position  # as in `read`
        return b"".join(pieces)

    async def readlines(self) -> list[bytes]:
        """Read all lines that are left.

        Returns
        -------
        list of bytes
            As of :meth:`readline`.
        """
        position = self.loc
        try:
            return [line async for line in self]
        except BaseException:
            # The lines before go to nobody.
            self.loc = position
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await self.readline():
            yield line

    async def chunks(self, size: int | None = None) -> AsyncIterator[bytes]:
        """Read what is left, piece by piece.

        Parameters
        ----------
        size : int, optional
            Bytes of a piece; a block by default.

        Yields
        ------
        bytes
            Not empty.
        """
        while chunk := await self.read(size or self.blocksize):
            yield chunk

    async def close(self) -> None:
        """Stop fetching ahead, and forget the blocks."""
        self.closed = True
        self._block = b""
        await self._forget_ahead()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _fetch_range(self, start: int, end: int) -> bytes:
        return await self.fs._read_pinned(self._place, self._file, start, end)  # type: ignore[no-any-return]

    async def _piece(self, position: int, wanted: int) -> bytes:
        """Return what is at a position, not more than is wanted."""
        if wanted > self.blocksize and not self._holds(position) and self._ahead is None:
            # More than a block, from anywhere: fetched as it is, in several ranges at once.
            return await self._fetch_range(position, position + wanted)
        at = await self._reach(position)
        return self._block[at : at + wanted]

    def _holds(self, position: int) -> bool:
        return self._start <= position < self._start + len(self._block)

    async def _reach(self, position: int) -> int:
        """Have the block that holds a position; return where in it that is."""
        if not self._holds(position):
            went_on = bool(self._block) and position == self._start + len(self._block)
            if went_on and self._ahead is not None:
                block = await self._take_ahead(self._ahead)
            else:
                await self._forget_ahead()
                block = await self._fetch_range(position, self._block_end(position))
            self._start, self._block = position, block
            behind = self._start + len(block)
            if went_on and behind < self.size:
                fetching = self._fetch_range(behind, self._block_end(behind))
                self._ahead = asyncio.ensure_future(fetching)
        return position - self._start

    async def _take_ahead(self, ahead: asyncio.Task[bytes]) -> bytes:
        """Wait for the block that is fetched ahead; who is cancelled meanwhile may read on."""
        try:
            return await asyncio.shield(ahead)
        finally:
            if ahead.done():
                self._ahead = None

    def _block_end(self, start: int) -> int:
        return int(min(start + self.blocksize, self.size))

    async def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


class AsyncWriter(_Stream):
    """A file open for writing: one upload when it is closed.

    What is written goes to memory, and beyond some MiB to a temporary file. Leaving ``async with``
    by an exception, or cancelled, stores nothing.

    Parameters
    ----------
    fs : OSFFileSystem
        What uploads; it stays the caller's.
    place : OSFPath
        Where the file shall be.
    exclusive : bool, optional
        Whether it must not exist.
    """

    def __init__(self, fs: OSFFileSystem, place: OSFPath, *, exclusive: bool = False) -> None:
        super().__init__(fs, str(place), "wb")
        self._place = place
        self._exclusive = exclusive
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by us
        self._turn = asyncio.Lock()

    async def write(self, data: Any) -> int:
        """Take in bytes.

        Parameters
        ----------
        data : bytes-like
            What to write.

        Returns
        -------
        int
            How many bytes were taken in: all.
        """
        size = memoryview(data).nbytes
        async with self._turn:
            self._check_open()
            if self.loc + size > IN_MEMORY:
                # Finished even if cancelled: nobody may close the file under a thread's hands.
                await finish(asyncio.to_thread(self._spool.write, data))
            else:
                self._spool.write(data)
            self.loc += size
        return size

    async def flush(self, force: bool = False) -> None:
        """Do nothing: the OSF has no upload in parts, so all waits for :meth:`close`.

        Parameters
        ----------
        force : bool, optional
            Not used.
        """
        del force
        self._check_open()

    async def close(self) -> None:
        """Upload what was written, in one request; a second time, do nothing."""
        async with self._turn:
            if self.closed:
                return
            self.closed = True
            job = UploadJob(self._place, ProgressTracker(), "write", exclusive=self._exclusive)
            with self._spool:
                self._spool.seek(0)
                await self.fs._upload_stream(self._spool, job)

    async def discard(self) -> None:
        """Forget what was written."""
        async with self._turn:
            self.closed = True
            self._spool.close()

    def __del__(self) -> None:
        if not self.closed:
            message = f"osf://{self.path} was never closed; nothing was uploaded"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)
            self.closed = True
            self._spool.close()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await (self.discard() if kind is not None else self.close())
