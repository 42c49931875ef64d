"""Downloads: ranges at once, resumed where they break, and verified before they are a file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

import aiofiles

from .concurrency import gather_or_cancel
from .exceptions import OSFConnectionError, OSFIntegrityError
from .sources import md5_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

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
        size = file.size or 0
        end = size if end is None else min(end, size)
        if start >= end:
            return b""
        whole = start == 0 and end == size
        buffer = bytearray()

        async def gather(_position: int, piece: bytes) -> None:
            buffer.extend(piece)

        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                buffer.clear()
                await self._fetch(path, file, operation, start, end, gather)
                if whole:
                    self._verify(file, await md5_of(bytes(buffer)), path, operation)
        return bytes(buffer)

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
        progress.set_total(file.size or 0)
        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                progress.restart()
                async with _temporary_beside(target) as temporary:
                    if (file.size or 0) <= RANGE_SIZE:
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
        size = file.size or 0
        buffer = bytearray()

        async def gather(_position: int, piece: bytes) -> None:
            buffer.extend(piece)
            progress.update(len(piece))

        async with self._budget.hold(size):
            await self._resumed(path, file, operation, 0, size, gather)
            async with aiofiles.open(temporary, "wb") as local:
                await local.write(buffer)
            return await md5_of(bytes(buffer))

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
        async with aiofiles.open(temporary, "wb") as local:
            await local.truncate(size)

        async def worker() -> None:
            async with aiofiles.open(temporary, "r+b") as local:
                for index, start in upcoming:
                    end = min(start + RANGE_SIZE, size)
                    await self._range(path, file, operation, start, end, local, progress)
                    arrived[index].set()

        async def hasher() -> str:
            digest = hashlib.md5(usedforsecurity=False)
            async with aiofiles.open(temporary, "rb", buffering=0) as local:
                for event in arrived:
                    await event.wait()
                    await asyncio.to_thread(_hash_from, local.fileno(), RANGE_SIZE, digest)
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
        local: aiofiles.threadpool.binary.AsyncBufferedIOBase,
        progress: ProgressTracker,
    ) -> None:
        """Read one range into its place."""
        gathered: list[bytes] = []
        size = 0

        async def gather(_position: int, piece: bytes) -> None:
            nonlocal size
            gathered.append(piece)
            size += len(piece)
            progress.update(len(piece))
            if size >= _WRITE_SIZE:
                await local.writelines(gathered)
                gathered.clear()
                size = 0

        await local.seek(start)
        async with self._budget.hold(2 * _WRITE_SIZE):
            await self._resumed(path, file, operation, start, end, gather)
            await local.writelines(gathered)
            await local.flush()

    async def _resumed(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int,
        end: int,
        take: Callable[[int, bytes], Awaitable[None]],
    ) -> None:
        """Fetch a part of a file; where the connection breaks, go on from there."""
        position = start

        async def follow(at: int, piece: bytes) -> None:
            nonlocal position
            await take(at, piece)
            position = at + len(piece)

        async for attempt in self._api.attempts(operation, str(path)):
            with attempt:
                if position < end:
                    await self._fetch(path, file, operation, position, end, follow)

    async def _fetch(
        self,
        path: OSFPath,
        file: Entity,
        operation: str,
        start: int,
        end: int,
        take: Callable[[int, bytes], Awaitable[None]],
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
                    await take(max(position, start), wanted)
                position += len(piece)
                if position > end:
                    break
        if position < end or (whole and position > end):
            raise OSFConnectionError(
                f"the answer does not have the {end} bytes that the OSF lists",
                path=str(path),
                operation=operation,
            )

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


def _hash_from(descriptor: int, size: int, digest: hashlib._Hash) -> None:
    """Hash what comes next in a file, in pieces that stay in the processor's cache."""
    while size > 0 and (piece := os.read(descriptor, min(_HASH_SIZE, size))):
        digest.update(piece)
        size -= len(piece)


@contextlib.asynccontextmanager
async def _temporary_beside(target: str) -> AsyncIterator[str]:
    """Yield the name of a file in the target's folder that is gone afterwards."""
    folder, name = os.path.split(target)
    # Names may be 255 bytes long already, so the temporary one does not build on them.
    temporary = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(6)}.part")
    try:
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
