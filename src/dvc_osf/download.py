"""Downloads: ranges at once, resumed where they break, and verified before they are a file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .concurrency import gather_or_cancel
from .exceptions import OSFConnectionError, OSFIntegrityError, OSFServerError
from .localfiles import open_local, replacement_of
from .retry import is_interruption, is_transient, never
from .sinks import FileSink, MemorySink, OrderedFileSink
from .sources import md5_of
from .utils import ProgressTracker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    import tenacity

    from .api import OSFAPIClient
    from .concurrency import BufferBudget
    from .models import Entity
    from .paths import OSFPath
    from .sinks import Sink
    from .tree import Tree

__all__ = ["DownloadJob", "Downloader", "size_of"]

RANGE_SIZE = 8 * 1024 * 1024
"""Bytes of one range of a large file, at least."""

RANGES_AT_ONCE = 4
"""Ranges of one file under way at once; several files share the instance's requests anyway."""

MOST_RANGES = 128
"""Ranges that a file is fetched in, at most: the OSF counts requests, not bytes."""


@dataclass(frozen=True)
class DownloadJob:
    """What to download, and for whom.

    Attributes
    ----------
    place : OSFPath
        Where the file is.
    file : Entity
        Which version of which file.
    operation : str
        For the log and the errors.
    progress : ProgressTracker
        Follows the bytes.
    """

    place: OSFPath
    file: Entity
    operation: str
    progress: ProgressTracker

    @property
    def steady(self) -> bool:
        """Whether all requests for the file bring the same content, or the checksum tells."""
        return self.file.pin is not None or self.file.md5 is not None

    @property
    def where(self) -> dict[str, Any]:
        """The job's part of an error."""
        return {"path": str(self.place), "operation": self.operation}


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
            Exactly what was asked for; the MD5 of a whole file is verified, where there is one.

        Raises
        ------
        OSFServerError
            Neither the listing nor the answer says how large the file is.
        OSFIntegrityError
            The bytes are damaged, again and again.
        """
        job = DownloadJob(path, file, operation, ProgressTracker())
        size = file.size
        if size is None:
            return (await self._read_unsized(job))[start:end]
        end = size if end is None else min(end, size)
        if start >= end:
            return b""
        async for attempt in self._attempts(job):
            with attempt:
                sink = MemorySink(start, end)
                await self._fill(job, sink, start, end)
                data = sink.content()
                if end - start == size:
                    _verify(job, await md5_of(data))
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
            The local file; replaced where it exists, but for its mode. A link stays a link, and a
            device or pipe is written to.
        progress : ProgressTracker
            Follows the bytes.
        operation : str
            For the errors.

        Raises
        ------
        OSFIntegrityError
            The bytes are damaged, again and again.
        """
        job = DownloadJob(path, file, operation, progress)
        if file.size is not None:
            progress.set_total(file.size)
        async for attempt in self._attempts(job):
            with attempt:
                progress.restart()
                async with replacement_of(target) as new:
                    _verify(job, await self._to_temporary(job, new.path))
                    await new.take_place()
        progress.finish()

    async def _to_temporary(self, job: DownloadJob, temporary: str) -> str:
        """Read a file into a local one; return the MD5 of what was written."""
        size = job.file.size
        async with open_local(temporary, "wb") as local:
            if size is None or size <= RANGE_SIZE:
                ordered = OrderedFileSink(local, self._budget)
                if size is None:
                    await self._fill_unsized(job, lambda _: ordered)
                else:
                    await self._fill(job, ordered, 0, size)
                return ordered.md5()
            await local.truncate(size)
        sink = FileSink(temporary, size, self._budget)
        _, md5 = await gather_or_cancel([self._fill(job, sink, 0, size), sink.md5()])
        return str(md5)

    async def _read_unsized(self, job: DownloadJob) -> bytes:
        """Read a file of which only the answer says how large it is."""
        async for attempt in self._attempts(job):
            with attempt:
                sinks: list[MemorySink] = []

                def sink(length: int, sinks: list[MemorySink] = sinks) -> MemorySink:
                    sinks.append(MemorySink(0, length))
                    return sinks[0]

                await self._fill_unsized(job, sink)
                data = sinks[0].content()
                _verify(job, await md5_of(data))
        return data

    async def _fill_unsized(self, job: DownloadJob, sink: Callable[[int], Sink]) -> None:
        """Fetch all of a file in one request, as long as the answer says that it is."""
        provider = await self._tree.provider(job.place, job.operation)
        async with self._api.download(provider, job.file, str(job.place), job.operation) as coming:
            if coming.length is None:
                raise OSFServerError(
                    "the OSF does not say how large this file is, so it cannot be known to be "
                    "whole",
                    hint="Download it from the project's page",
                    **job.where,
                )
            job.progress.set_total(coming.length)
            position = 0
            async with sink(coming.length).landing(0, coming.length) as landing:
                async for piece in coming.pieces:
                    await landing.take(piece)
                    position += len(piece)
                    job.progress.update(len(piece))
        if position != coming.length:
            raise OSFConnectionError(
                f"the answer ended after {position} of {coming.length} bytes", **job.where
            )

    async def _fill(self, job: DownloadJob, sink: Sink, start: int, end: int) -> None:
        """Fetch a part of a file by a sliding window of ranges."""
        # What nothing names and no checksum covers may change between two requests.
        ranges = _ranges(start, end) if job.steady else iter([(start, end)])

        async def fetch_next() -> None:
            for first, last in ranges:
                await self._fetch_range(job, sink, first, last)

        at_once = min(RANGES_AT_ONCE, -(-(end - start) // RANGE_SIZE))
        await gather_or_cancel(fetch_next() for _ in range(at_once))

    async def _fetch_range(self, job: DownloadJob, sink: Sink, start: int, end: int) -> None:
        """Fetch one range in order; where the connection breaks, go on from there."""
        position = start
        resumable = is_interruption if job.steady else never
        async for attempt in self._attempts(job, resumable):
            with attempt:
                if position >= end:
                    return
                async with (
                    sink.landing(position, end) as landing,
                    contextlib.aclosing(self._pieces(job, position, end)) as pieces,
                ):
                    async for piece in pieces:
                        await landing.take(piece)
                        position += len(piece)
                        job.progress.update(len(piece))

    async def _pieces(self, job: DownloadJob, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Fetch a part of a file in one request, exactly.

        WaterButler answers open, suffix and out-of-range requests wrongly, so only closed ranges
        within the file are sent; it may answer 200 with everything all the same.
        """
        whole = (start, end) == (0, job.file.size)
        provider = await self._tree.provider(job.place, job.operation)
        async with self._api.download(
            provider,
            job.file,
            str(job.place),
            job.operation,
            first=None if whole else start,
            last=None if whole else end - 1,
        ) as (begin, pieces, length):
            if whole and job.file.pin is None and length not in (None, end):
                raise OSFIntegrityError(
                    "the file has changed since it was listed",
                    expected=f"{end} bytes",
                    actual=f"{length} bytes",
                    hint="Try again",
                    **job.where,
                )
            position = begin
            async for piece in pieces:
                # All of the file may come where a part was asked for.
                wanted = piece[max(start - position, 0) : max(end - position, 0)]
                if wanted:
                    yield wanted
                position += len(piece)
                if position > end:
                    break
        if whole and position > end:
            raise OSFIntegrityError(
                f"more bytes came than the {end} that the OSF lists", **job.where
            )
        if position < end:
            raise OSFConnectionError(
                f"the answer ended after {position} of {end} bytes", **job.where
            )

    def _attempts(
        self, job: DownloadJob, retry_on: Callable[[BaseException], bool] = is_transient
    ) -> tenacity.AsyncRetrying:
        if job.file.pin is None and retry_on is is_transient:
            # The content may have been replaced: only a new listing can tell.
            retry_on = _is_transient_unless_changed
        return self._api.attempts(job.operation, str(job.place), retry_on)


def size_of(path: OSFPath, file: Entity, operation: str) -> int:
    """Return a file's size, for what reads parts of it.

    Parameters
    ----------
    path : OSFPath
        Where it is.
    file : Entity
        Which version of which file.
    operation : str
        For the error.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    OSFServerError
        The add-on that has it does not tell.
    """
    if file.size is None:
        raise OSFServerError(
            "the OSF does not say how large this file is, so it cannot be read in parts",
            path=str(path),
            operation=operation,
            hint="Read it whole, with cat_file or get_file",
        )
    return file.size


def _ranges(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Divide a part of a file into ranges to be fetched one after the other, or side by side."""
    size = max(RANGE_SIZE, -(-(end - start) // MOST_RANGES))
    return ((first, min(first + size, end)) for first in range(start, end, size))


def _verify(job: DownloadJob, md5: str) -> None:
    expected = job.file.md5
    if expected is not None and md5 != expected:
        raise OSFIntegrityError(
            "the bytes that arrived are not the OSF's (MD5)",
            expected=expected,
            actual=md5,
            **job.where,
        )


def _is_transient_unless_changed(error: BaseException) -> bool:
    return is_transient(error) and not isinstance(error, OSFIntegrityError)
