"""What is uploaded: bytes in memory, or a file that is read, hashed and sent at once."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Protocol

import aiofiles

from .exceptions import OSFException
from .messages import PIECE, Body, BytesBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .concurrency import BufferBudget
    from .utils import ProgressTracker

__all__ = ["AsyncMD5", "BytesSource", "FileSource", "Source", "md5_of"]

_HASH_INLINE_BELOW = 64 * 1024
_QUEUED_CHUNKS = 1
"""Chunks read ahead: one in the queue, one being sent, one being read."""


class Source(Protocol):
    """What is to be uploaded; can be read more than once."""

    size: int

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body for one attempt."""

    async def md5(self) -> str:
        """Return the checksum of what was, or would be, sent."""


async def md5_of(data: bytes | memoryview) -> str:
    """Hash bytes in memory, in a thread where that takes long enough to matter.

    Parameters
    ----------
    data : bytes or memoryview
        All of them.

    Returns
    -------
    str
        Hexadecimal.
    """
    if len(data) < _HASH_INLINE_BELOW:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    digest = await asyncio.to_thread(hashlib.md5, data, usedforsecurity=False)
    return digest.hexdigest()


class BytesSource:
    """Bytes in memory.

    Parameters
    ----------
    data : bytes or memoryview
        All of them.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        self.size = len(data)
        self._md5: str | None = None

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body.

        Parameters
        ----------
        progress : ProgressTracker
            Hears of it when the upload is through.

        Returns
        -------
        Body
            For one attempt.
        """
        progress.restart()
        return BytesBody(self.data)

    async def md5(self) -> str:
        """Return the checksum.

        Returns
        -------
        str
            Hexadecimal.
        """
        if self._md5 is None:
            self._md5 = await md5_of(self.data)
        return self._md5


class FileSource:
    """A local file of at least one chunk, read and hashed while it is sent.

    Parameters
    ----------
    path : str
        The file; the size it has now is what will be sent.
    size : int
        Its bytes.
    chunk_size : int
        Bytes to read at once.
    budget : BufferBudget
        What its buffers count against.
    """

    def __init__(self, path: str, size: int, chunk_size: int, budget: BufferBudget) -> None:
        self.path = path
        self.size = size
        self.chunk_size = chunk_size
        self.budget = budget
        self.known_md5: str | None = None

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body, which opens the file anew.

        Parameters
        ----------
        progress : ProgressTracker
            Follows the bytes.

        Returns
        -------
        Body
            For one attempt.
        """
        progress.restart()
        return _FileBody(self, progress)

    async def md5(self) -> str:
        """Return the checksum of what was sent, or of the file where nothing was sent yet.

        Returns
        -------
        str
            Hexadecimal.
        """
        if self.known_md5 is None:
            digest = AsyncMD5()
            async with aiofiles.open(self.path, "rb") as file:
                left = self.size
                while left > 0:
                    chunk = await file.read(min(self.chunk_size, left))
                    if not chunk:
                        raise _shrunk(self)
                    left -= len(chunk)
                    await digest.update(chunk)
            self.known_md5 = digest.hexdigest()
        return self.known_md5


class AsyncMD5:
    """An MD5 accumulator that hashes in a worker thread, in the order of its calls."""

    def __init__(self) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)

    async def update(self, chunk: bytes) -> None:
        """Take in the next chunk.

        Parameters
        ----------
        chunk : bytes
            Whatever comes next.
        """
        await asyncio.to_thread(self._digest.update, chunk)

    def hexdigest(self) -> str:
        """Return the checksum of all chunks so far.

        Returns
        -------
        str
            Hexadecimal.
        """
        return self._digest.hexdigest()


class _FileBody:
    """The pipeline of one attempt: reader -> bounded queue -> MD5 in a thread -> wire.

    While one chunk is on its way to the socket, the same chunk is hashed in one thread and the
    next is read in another.
    """

    def __init__(self, source: FileSource, progress: ProgressTracker) -> None:
        self.size = source.size
        self._source = source
        self._progress = progress
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(_QUEUED_CHUNKS)
        self._digest = AsyncMD5()
        self._reader: asyncio.Task[None] | None = None
        self._hashing: asyncio.Task[None] | None = None
        self._chunk = memoryview(b"")
        self._position = 0
        self._held = 0
        self.failure: BaseException | None = None

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if not self._chunk:
            await self._next_chunk()
        piece, self._chunk = self._chunk[:PIECE], self._chunk[PIECE:]
        self._progress.update(len(piece))
        return piece

    async def _next_chunk(self) -> None:
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._read())
        await self._chunk_done()
        if self._position >= self.size:
            self._source.known_md5 = self._digest.hexdigest()
            raise StopAsyncIteration
        chunk = await self._queue.get()
        if isinstance(chunk, BaseException):
            self.failure = chunk
            raise chunk
        self._hashing = asyncio.ensure_future(self._digest.update(chunk))
        self._position += len(chunk)
        self._chunk = memoryview(chunk)

    async def _chunk_done(self) -> None:
        """Wait until the last chunk is hashed as well as sent; then its bytes are free again."""
        if self._hashing is not None:
            await self._hashing
            self._hashing = None
            self._release(min(self._source.chunk_size, self._held))

    async def _read(self) -> None:
        left = self.size
        try:
            async with aiofiles.open(self._source.path, "rb") as file:
                while left > 0:
                    size = min(self._source.chunk_size, left)
                    await self._source.budget.acquire(self._source.chunk_size)
                    self._held += self._source.chunk_size
                    chunk = await file.read(size)
                    if len(chunk) < size:
                        raise _shrunk(self._source)
                    left -= size
                    await self._queue.put(chunk)
        except (OSError, OSFException) as error:
            await self._queue.put(error)

    def _release(self, size: int) -> None:
        self._held -= size
        self._source.budget.release(size)

    async def aclose(self) -> None:
        """Stop reading and hashing, and give every buffer back."""
        tasks = [task for task in (self._reader, self._hashing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._held > 0:
            self._release(self._source.chunk_size)


def _shrunk(source: FileSource) -> OSFException:
    return OSFException(
        f"{source.path} became shorter while it was read",
        hint="Upload it again when nothing writes to it",
        total_size=source.size,
    )
