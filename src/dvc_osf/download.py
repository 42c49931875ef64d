"""Downloads: ranges at once, resumed where they break, and verified before they are a file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Any

from .concurrency import gather_or_cancel
from .exceptions import OSFConnectionError, OSFIntegrityError, OSFServerError
from .localfiles import open_local
from .retry import is_interruption
from .sources import md5_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from typing_extensions import Self

    from .api import OSFAPIClient
    from .concurrency import BufferBudget
    from .models import Entity
    from .paths import OSFPath
    from .tree import Tree
    from .utils import ProgressTracker

__all__ = ["Downloader"]

RANGE_SIZE = 8 * 1024 * 1024
"""Bytes of one range of a large file."""

RANGES_AT_ONCE = 4
"""Ranges of one file under way at once; several files share the instance's requests anyway."""

_WRITE_SIZE = 2 * 1024 * 1024
"""Bytes gathered before they are written: a write costs a hop to a thread."""

_HASH_SIZE = 256 * 1024


class Downloader:
    """Reads files, pinned to the version of the record that they are read by.

    Parameters
    ----------
    api : OSFAPIClient
        What asks.
    tree : Tree
        What knows the providers.
    budget : BufferBudget
        What the buffers count against.
    """

    def __init__(self, api: OSFAPIClient, tree: Tree, budget: BufferBudget) -> None:
        self._api = api
        self._tree = tree
        self._budget = budget

    async def read(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int = 0,
        end: int | None = None,
    ) -> bytes:
        """Read a file, or a part of it, into memory.

        Parameters
        ----------
        path : OSFPath
            Where it is.
        file : Entity
            Which version of which file.
        operation : str
            For the errors.
        start, end : int, optional
            Positions within the file, as in a slice.

        Returns
        -------
        bytes
            Exactly what was asked for; the MD5 of a whole file is verified.

        Raises
        ------
        OSFIntegrityError
            The bytes are damaged, again and again.
        """
        size = _known_size(file, path, operation)
        end = size if end is None else min(end, size)
        if start >= end:
            return b""
        whole = start == 0 and end == size
        buffer = bytearray()

        async def gather(piece: bytes) -> None:
            buffer.extend(piece)

        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                buffer.clear()
                await self._fetch(path, file, operation, start, end, gather)
                data = bytes(buffer)
                if whole:
                    self._verify(file, await md5_of(data), path, operation)
        return data

    async def to_file(
        self,
        path: OSFPath,
        file: Entity,
        target: str,
        progress: ProgressTracker,
        operation: str,
    ) -> None:
        """Read a file into a local one, which appears only when it is whole and verified.

        Parameters
        ----------
        path : OSFPath
            Where it is.
        file : Entity
            Which version of which file.
        target : str
            The local file; replaced where it exists.
        progress : ProgressTracker
            Follows the bytes.
        operation : str
            For the errors.

        Raises
        ------
        OSFIntegrityError
            The bytes are damaged, again and again.
        """
        size = _known_size(file, path, operation)
        progress.set_total(size)
        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                progress.restart()
                async with _temporary_beside(target) as temporary:
                    if size <= RANGE_SIZE:
                        md5 = await self._in_one(path, file, temporary, progress, operation)
                    else:
                        md5 = await self._in_ranges(path, file, temporary, progress, operation)
                    self._verify(file, md5, path, operation)
                    os.replace(temporary, target)
        progress.finish()

    async def _in_one(
        self,
        path: OSFPath,
        file: Entity,
        temporary: str,
        progress: ProgressTracker,
        operation: str,
    ) -> str:
        """Read a small file in one request; return its MD5."""
        digest = hashlib.md5(usedforsecurity=False)

        async def write(pieces: list[bytes]) -> None:
            await local.writelines(pieces)
            for piece in pieces:
                digest.update(piece)

        async with open_local(temporary, "wb") as local:
            await self._store(path, file, operation, 0, file.size or 0, write, progress)
        return digest.hexdigest()

    async def _in_ranges(
        self,
        path: OSFPath,
        file: Entity,
        temporary: str,
        progress: ProgressTracker,
        operation: str,
    ) -> str:
        """Read a large file by a sliding window of ranges; return its MD5.

        The file is hashed from the disk's cache behind the ranges that have arrived, so that
        hashing overlaps the transfer although ranges arrive out of order.
        """
        size = file.size or 0
        starts = list(range(0, size, RANGE_SIZE))
        arrived = [asyncio.Event() for _ in starts]
        upcoming = iter(enumerate(starts))
        async with open_local(temporary, "wb") as local:
            await local.truncate(size)

        async def worker() -> None:
            async with open_local(temporary, "r+b") as local:
                for index, start in upcoming:
                    end = min(start + RANGE_SIZE, size)
                    await self._range(path, file, operation, start, end, local, progress)
                    arrived[index].set()

        async def hasher() -> str:
            digest = hashlib.md5(usedforsecurity=False)
            for start, event in zip(starts, arrived, strict=True):
                await event.wait()
                await asyncio.to_thread(_hash_range, temporary, start, digest)
            return digest.hexdigest()

        workers = [worker() for _ in range(min(RANGES_AT_ONCE, len(starts)))]
        *_, md5 = await gather_or_cancel([*workers, hasher()])
        return str(md5)

    async def _range(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int,
        end: int,
        local: Any,
        progress: ProgressTracker,
    ) -> None:
        """Read one range into its place."""
        await local.seek(start)
        await self._store(path, file, operation, start, end, local.writelines, progress)
        await local.flush()

    async def _store(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int,
        end: int,
        write: Callable[[list[bytes]], Awaitable[None]],
        progress: ProgressTracker,
    ) -> None:
        """Fetch a part of a file in order; where the connection breaks, go on from there."""
        position = start
        async for attempt in self._api.attempts(operation, str(path), is_interruption):
            with attempt:
                if position >= end:
                    return
                async with _Gatherer(self._budget, min(2 * _WRITE_SIZE, end - start), write) as got:
                    try:
                        await self._fetch(path, file, operation, position, end, got.take, progress)
                    finally:
                        # What has arrived is kept, whether or not more did.
                        await got.flush()
                        position += got.total

    async def _fetch(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int,
        end: int,
        take: Callable[[bytes], Awaitable[None]],
        progress: ProgressTracker | None = None,
    ) -> None:
        """Fetch a part of a file in one request, exactly.

        WaterButler answers open, suffix and out-of-range requests wrongly, so only closed ranges
        within the file are sent; it may answer 200 with everything all the same.
        """
        size = file.size or 0
        whole = start == 0 and end == size
        provider = await self._tree.provider(path, operation)
        async with self._api.download(
            provider,
            file,
            str(path),
            operation,
            first=None if whole else start,
            last=None if whole else end - 1,
        ) as (begin, pieces):
            position = begin
            async for piece in pieces:
                # All of the file may come where a part was asked for.
                wanted = piece[max(start - position, 0) : max(end - position, 0)]
                if wanted:
                    await take(wanted)
                    if progress is not None:
                        progress.update(len(wanted))
                position += len(piece)
                if position > end:
                    break
        where: dict[str, Any] = {"path": str(path), "operation": operation}
        if whole and position > end:
            raise OSFIntegrityError(f"more bytes came than the {end} that the OSF lists", **where)
        if position < end:
            raise OSFConnectionError(f"the answer ended after {position} of {end} bytes", **where)

    @staticmethod
    def _verify(file: Entity, md5: str, path: OSFPath, operation: str) -> None:
        if file.md5 is not None and md5 != file.md5:
            raise OSFIntegrityError(
                "the bytes that arrived are not the OSF's (MD5)",
                expected=file.md5,
                actual=md5,
                path=str(path),
                operation=operation,
            )


class _Gatherer:
    """Gathers pieces for writes of a good size, in buffers that are taken with the first piece.

    Not before: who held buffers and waited for a place among the requests could wait for one that
    has a place and waits for buffers.
    """

    def __init__(
        self, budget: BufferBudget, size: int, write: Callable[[list[bytes]], Awaitable[None]]
    ) -> None:
        self.total = 0
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
            self.total += sum(map(len, pieces))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._holds:
            self._budget.release(self._size)


def _known_size(file: Entity, path: OSFPath, operation: str) -> int:
    if file.size is None:
        raise OSFServerError(
            "the OSF does not say how large this file is, so it cannot be known to be whole",
            path=str(path),
            operation=operation,
            hint="Download it from the project's page",
        )
    return file.size


def _hash_range(path: str, start: int, digest: hashlib._Hash) -> None:
    """Hash one range of a file, in pieces that stay in the processor's cache.

    Opens the file itself: the thread may go on when the task that wanted it is cancelled.
    """
    left = RANGE_SIZE
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        while left > 0 and (piece := file.read(min(_HASH_SIZE, left))):
            digest.update(piece)
            left -= len(piece)


@contextlib.asynccontextmanager
async def _temporary_beside(target: str) -> AsyncIterator[str]:
    """Yield the name of a file in the target's folder that is gone afterwards."""
    folder, name = os.path.split(target)
    # Names may be 255 bytes long already, so the temporary one does not build on them.
    temporary = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(6)}.part")
    try:
        yield temporary
    finally:
        # Windows keeps what the hashing thread of a cancelled download still has open.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.unlink(temporary)
