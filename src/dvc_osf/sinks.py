"""Where downloads land: memory, or a local file that is hashed behind the bytes that arrive.

The counterpart of :mod:`dvc_osf.sources`. A download asks its sink for a landing for each row of
bytes that it fetches; several rows may be under way at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from .concurrency import BufferBudget

__all__ = ["FileSink", "Landing", "MemorySink", "OrderedFileSink", "Sink"]

_WRITE_SIZE = 4 * 1024 * 1024
"""Bytes gathered before they are written: a write costs a hop to a thread."""

_HASH_SIZE = 4 * 1024 * 1024
"""Bytes hashed at once: threads that ask for the interpreter too often keep each other waiting."""

_HASH_INLINE_BELOW = 64 * 1024


class Landing(Protocol):
    """What takes a row of bytes, piece by piece."""

    async def take(self, piece: bytes) -> None:
        """Take the next piece."""


class Sink(Protocol):
    """What a download fills."""

    def landing(self, start: int, end: int) -> AbstractAsyncContextManager[Landing]:
        """Return what takes the bytes from one position to another; all of them, or the first."""


class MemorySink:
    """A part of a file, in memory.

    Parameters
    ----------
    start, end : int
        Which part.
    """

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._content = bytearray(end - start)

    @contextlib.asynccontextmanager
    async def landing(self, start: int, end: int) -> AsyncIterator[Landing]:
        """Take bytes into their place.

        Parameters
        ----------
        start, end : int
            Positions in the file.

        Yields
        ------
        Landing
            For pieces in order.
        """
        yield _Row(memoryview(self._content)[start - self._start : end - self._start])

    def content(self) -> bytes:
        """Return what has arrived.

        Returns
        -------
        bytes
            All of the part.
        """
        return bytes(self._content)


class _Row:
    """A row of bytes in memory, filled from its beginning."""

    def __init__(self, room: memoryview) -> None:
        self._room = room

    async def take(self, piece: bytes) -> None:
        self._room[: len(piece)] = piece
        self._room = self._room[len(piece) :]


class OrderedFileSink:
    """A local file that is written from its beginning to its end, and hashed on the way.

    Parameters
    ----------
    local : aiofiles file object
        Open for writing.
    budget : BufferBudget
        What the buffers count against.
    """

    def __init__(self, local: Any, budget: BufferBudget) -> None:
        self._local = local
        self._budget = budget
        self._digest = hashlib.md5(usedforsecurity=False)

    @contextlib.asynccontextmanager
    async def landing(self, start: int, end: int) -> AsyncIterator[Landing]:
        """Take bytes that follow those taken before.

        Parameters
        ----------
        start, end : int
            Positions in the file.

        Yields
        ------
        Landing
            For pieces in order.
        """
        async with _gathering(self._budget, end - start, self._write) as landing:
            yield landing

    async def _write(self, pieces: list[bytes]) -> None:
        await self._local.writelines(pieces)
        if sum(map(len, pieces)) < _HASH_INLINE_BELOW:
            _update(self._digest, pieces)
        else:
            await asyncio.to_thread(_update, self._digest, pieces)

    def md5(self) -> str:
        """Return the checksum of what was written.

        Returns
        -------
        str
            Hexadecimal.
        """
        return self._digest.hexdigest()


class FileSink:
    """A local file of known size that is written in several places at once.

    It is hashed from the disk's cache, in a thread that follows the bytes up to the first gap, so
    that hashing overlaps the transfer although the bytes arrive out of order.

    Parameters
    ----------
    path : str
        The file, which exists. Each thread opens it anew, for it may go on when the task that
        wanted its work is cancelled, and must not touch what others have opened meanwhile.
    size : int
        Its bytes.
    budget : BufferBudget
        What the buffers count against.
    """

    def __init__(self, path: str, size: int, budget: BufferBudget) -> None:
        self._path = path
        self._size = size
        self._budget = budget
        # One write at a time: threads that write to one file spin in the kernel for its lock.
        self._writing = asyncio.Lock()
        self._reached: dict[int, int] = {}
        """From the position at which each row begins to the one up to which it is there."""
        self._arrival = asyncio.Event()

    @contextlib.asynccontextmanager
    async def landing(self, start: int, end: int) -> AsyncIterator[Landing]:
        """Take bytes into their place.

        Parameters
        ----------
        start, end : int
            Positions in the file.

        Yields
        ------
        Landing
            For pieces in order.
        """
        self._reached.setdefault(start, start)

        async def write(pieces: list[bytes]) -> None:
            async with self._writing:
                await asyncio.to_thread(_write_part, self._path, self._reached[start], pieces)
            self._reached[start] += sum(map(len, pieces))
            self._arrival.set()

        async with _gathering(self._budget, end - start, write) as landing:
            yield landing

    async def md5(self) -> str:
        """Hash the file while it arrives.

        Returns
        -------
        str
            The checksum, in hexadecimal, when all of it has arrived.
        """
        digest = hashlib.md5(usedforsecurity=False)
        hashed = 0
        while hashed < self._size:
            await self._arrival.wait()
            self._arrival.clear()
            gap = self._first_gap(hashed)
            if gap > hashed:
                await asyncio.to_thread(_hash_part, self._path, hashed, gap, digest)
                hashed = gap
        return digest.hexdigest()

    def _first_gap(self, position: int) -> int:
        """Return up to where the file is there without a gap, at least from a position on."""
        for start in sorted(self._reached):
            if start > position:
                break
            position = max(position, self._reached[start])
        return position


@contextlib.asynccontextmanager
async def _gathering(
    budget: BufferBudget, size: int, write: Callable[[list[bytes]], Awaitable[None]]
) -> AsyncIterator[Landing]:
    """Gather pieces for writes of a good size; what has arrived is kept, whatever happens then."""
    gatherer = _Gatherer(budget, min(2 * _WRITE_SIZE, size), write)
    try:
        yield gatherer
        await gatherer.flush()
    except Exception:
        await gatherer.flush()
        raise
    finally:
        gatherer.release()


class _Gatherer:
    """Gathers pieces in buffers that are taken with the first piece.

    Not before: who held buffers and waited for a place among the requests could wait for one that
    has a place and waits for buffers.
    """

    def __init__(
        self, budget: BufferBudget, size: int, write: Callable[[list[bytes]], Awaitable[None]]
    ) -> None:
        self._budget = budget
        self._size = size
        self._write = write
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._holds = False

    async def take(self, piece: bytes) -> None:
        if not self._holds:
            await self._budget.acquire(self._size)
            self._holds = True
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= _WRITE_SIZE:
            await self.flush()

    async def flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._gathered = 0
        if pieces:
            await self._write(pieces)

    def release(self) -> None:
        if self._holds:
            self._holds = False
            self._budget.release(self._size)


def _update(digest: hashlib._Hash, pieces: list[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)


def _write_part(path: str, start: int, pieces: list[bytes]) -> None:
    """Write pieces into their place in a file."""
    with open(path, "r+b") as file:
        file.seek(start)
        file.writelines(pieces)


def _hash_part(path: str, start: int, end: int, digest: hashlib._Hash) -> None:
    """Hash a part of a file."""
    buffer = memoryview(bytearray(min(_HASH_SIZE, end - start)))
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        while start < end and (size := file.readinto(buffer[: end - start])):
            digest.update(buffer[:size])
            start += size
