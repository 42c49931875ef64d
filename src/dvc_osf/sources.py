"""What is uploaded: bytes in memory, or a file that is read, hashed and sent at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from .exceptions import OSFException
from .localfiles import open_local
from .messages import PIECE, Body, BytesBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .concurrency import BufferBudget
    from .utils import ProgressTracker

__all__ = ["AsyncMD5", "BytesSource", "FileSource", "SmallFileSource", "Source", "md5_of"]

_HASH_INLINE_BELOW = 64 * 1024
_QUEUED_CHUNKS = 1
"""Chunks read ahead, beside the one being read."""

_CHUNKS_BEING_HASHED = 2
"""Chunks in the hashing thread's queue, the one being sent among them."""


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
    data : bytes-like
        All of them.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        # Other layouts than a row of bytes are copied into one.
        self.data = view.cast("B") if view.c_contiguous and view.nbytes else bytes(view)
        self.size = len(self.data)
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
            self.known_md5 = await asyncio.to_thread(_hash_file, self)
        return self.known_md5


class SmallFileSource(FileSource):
    """A local file below one chunk, read whole when its turn to be sent comes.

    Parameters
    ----------
    path : str
        The file.
    size : int
        Its bytes.
    budget : BufferBudget
        What it counts against.
    """

    def __init__(self, path: str, size: int, budget: BufferBudget) -> None:
        super().__init__(path, size, size, budget)

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body, which reads the file anew.

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
        return _SmallFileBody(self)


class _SmallFileBody:
    """A file that is in memory for as long as it is being sent.

    Buffers are taken here, where a request has its place already, and nowhere else: who held
    buffers and waited for a place could wait for one that has a place and waits for buffers.
    """

    def __init__(self, source: SmallFileSource) -> None:
        self.size = source.size
        self.failure: BaseException | None = None
        self.starved = False
        self._source = source
        self._body: BytesBody | None = None
        self._held = False

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if self._body is None:
            try:
                self._body = BytesBody(await self._read())
            except Exception as error:
                self.failure = error
                raise
        return await anext(self._body)

    async def _read(self) -> bytes:
        self.starved = True
        await self._source.budget.acquire(self.size)
        self.starved = False
        self._held = True
        data, self._source.known_md5 = await asyncio.to_thread(_read_whole, self._source)
        return data

    async def aclose(self) -> None:
        """Give the buffer back."""
        if self._held:
            self._held = False
            self._source.budget.release(self.size)


class AsyncMD5:
    """An MD5 accumulator with a thread of its own.

    Chunks wait in the thread's queue, so that it never idles while the event loop is busy.
    """

    def __init__(self) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dvc-osf-md5")

    def update(self, chunk: bytes) -> asyncio.Future[None]:
        """Take in the next chunk.

        Parameters
        ----------
        chunk : bytes
            Whatever comes next; unchanged until the future is done.

        Returns
        -------
        asyncio.Future
            Done when the chunk is hashed.
        """
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._digest.update, chunk)

    def hexdigest(self) -> str:
        """Return the checksum of all chunks so far; each must be done.

        Returns
        -------
        str
            Hexadecimal.
        """
        return self._digest.hexdigest()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class _FileBody:
    """The pipeline of one attempt: reader -> bounded queue -> MD5 in a thread -> wire.

    While one chunk is on its way to the socket, those before it are hashed in one thread and the
    next is read in another.
    """

    def __init__(self, source: FileSource, progress: ProgressTracker) -> None:
        self.size = source.size
        self.failure: BaseException | None = None
        self._source = source
        self._progress = progress
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(_QUEUED_CHUNKS)
        self._digest = AsyncMD5()
        self._reader: asyncio.Task[None] | None = None
        self._hashing: deque[asyncio.Future[None]] = deque()
        self._chunk = memoryview(b"")
        self._position = 0
        self._held = 0
        self._wanted = False
        self._short_of_buffers = False

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    @property
    def starved(self) -> bool:
        """Whether the wire waits for a chunk, and the reader for a buffer."""
        return self._wanted and self._short_of_buffers

    async def __anext__(self) -> memoryview:
        if not self._chunk:
            await self._next_chunk()
        piece, self._chunk = self._chunk[:PIECE], self._chunk[PIECE:]
        self._progress.update(len(piece))
        return piece

    async def _next_chunk(self) -> None:
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._read())
        if self._hashing:
            # What was hashed before it was sent is free now, else as soon as it is hashed: a body
            # that waits for its next chunk must hold none, or several could wait for each other.
            self._hashing[-1].add_done_callback(self._release)
        await self._hashed_but(0 if self._position >= self.size else _CHUNKS_BEING_HASHED - 1)
        if self._position >= self.size:
            raise StopAsyncIteration
        self._wanted = True
        chunk = await self._queue.get()
        self._wanted = False
        if isinstance(chunk, BaseException):
            self.failure = chunk
            raise chunk
        self._hashing.append(self._digest.update(chunk))
        self._position += len(chunk)
        self._chunk = memoryview(chunk)

    async def _hashed_but(self, left: int) -> None:
        """Wait until all chunks but so many are hashed."""
        while len(self._hashing) > left:
            # Shielded: aiohttp cancels its writer as soon as the answer is there.
            oldest = self._hashing[0]
            await asyncio.shield(oldest)
            # aiohttp's writer may wait here while the body is being closed.
            if self._hashing and self._hashing[0] is oldest:
                self._hashing.popleft()
        if self._position >= self.size and not self._hashing:
            self._source.known_md5 = self._digest.hexdigest()

    async def _read(self) -> None:
        left = self.size
        try:
            async with open_local(self._source.path, "rb") as file:
                while left > 0:
                    size = min(self._source.chunk_size, left)
                    self._short_of_buffers = True
                    await self._source.budget.acquire(self._source.chunk_size)
                    self._short_of_buffers = False
                    self._held += self._source.chunk_size
                    chunk = await _read_exactly(file, size)
                    _insist_on_size(chunk, size, self._source, self.size - left)
                    left -= size
                    await self._queue.put(chunk)
        except Exception as error:  # noqa: BLE001 - raised where the body is read
            await self._queue.put(error)

    def _release(self, _hashed: asyncio.Future[None] | None = None) -> None:
        if self._held > 0:
            self._held -= self._source.chunk_size
            self._source.budget.release(self._source.chunk_size)

    async def aclose(self) -> None:
        """Stop reading, and give every buffer back."""
        try:
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.gather(self._reader, return_exceptions=True)
            # The answer may come before aiohttp asks whether there is another piece.
            await self._hashed_but(0)
        finally:
            self._digest.close()
            while self._held > 0:
                self._release()


def _read_whole(source: FileSource) -> tuple[bytes, str]:
    """Read and hash a small file, all in one visit to a thread; return both."""
    with open(source.path, "rb") as file:
        data = file.read(source.size)
    _insist_on_size(data, source.size, source, 0)
    return data, hashlib.md5(data, usedforsecurity=False).hexdigest()


def _hash_file(source: FileSource) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    left = source.size
    with open(source.path, "rb", buffering=0) as file:
        while left > 0:
            piece = file.read(min(PIECE, left))
            _insist_on_size(piece, 1, source, source.size - left)
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


async def _read_exactly(file: Any, size: int) -> bytes:
    """Read so many bytes, or all to the file's end; some file systems give less at a time."""
    data: bytes = await file.read(size)
    while len(data) < size and (more := await file.read(size - len(data))):
        data += more
    return data


def _insist_on_size(data: bytes, least: int, source: FileSource, position: int) -> None:
    if len(data) < least:
        raise OSFException(
            f"{source.path} became shorter while it was read",
            hint="Upload it again when nothing writes to it",
            bytes_uploaded=position,
            total_size=source.size,
        )
