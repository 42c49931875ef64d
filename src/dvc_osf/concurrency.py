"""How tasks of one event loop keep out of each other's way, and end together."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from .exceptions import OSFClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

__all__ = [
    "BufferBudget",
    "KeyedLocks",
    "finish",
    "gather_or_cancel",
    "in_background",
    "map_bounded",
    "share",
]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_SMALL = 1024 * 1024
"""Buffers up to this many bytes (and an eighth of all) have a share of the budget to themselves."""


class KeyedLocks:
    """One lock per key, made when it is first wanted and forgotten when nobody wants it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key.

        Parameters
        ----------
        key : str
            What shall be touched by one task at a time.

        Yields
        ------
        None
            While it is held.
        """
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


class BufferBudget:
    """Bytes that may lie in buffers at once, served in turn.

    Small buffers never wait behind large ones: an eighth of the budget is theirs alone.

    Parameters
    ----------
    total : int
        Bytes in all.
    """

    def __init__(self, total: int) -> None:
        self._small = _Pool(total // 8)
        self._large = _Pool(total - total // 8)
        self._small_limit = min(_SMALL, total // 8)

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold a number of bytes of the budget.

        Parameters
        ----------
        size : int
            Bytes; more than the whole budget counts as the whole.

        Yields
        ------
        None
            While they are held.
        """
        await self.acquire(size)
        try:
            yield
        finally:
            self.release(size)

    async def acquire(self, size: int) -> None:
        """Wait until that many bytes are free, and take them.

        Parameters
        ----------
        size : int
            Bytes.
        """
        await self._pool(size).acquire(size)

    def release(self, size: int) -> None:
        """Give bytes back.

        Parameters
        ----------
        size : int
            What was acquired.
        """
        self._pool(size).release(size)

    def _pool(self, size: int) -> _Pool:
        return self._small if size <= self._small_limit else self._large


class _Pool:
    """A counting semaphore of many units at once, first come, first served."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int) -> None:
        size = min(size, self._total)
        if not self._waiting and self._free >= size:
            self._free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += size
            with contextlib.suppress(ValueError):
                self._waiting.remove((size, turn))
            self._serve()
            raise

    def release(self, size: int) -> None:
        self._free += min(size, self._total)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)


async def gather_or_cancel(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await all at once; when one fails, or the caller is cancelled, end the others first.

    Parameters
    ----------
    awaitables : iterable of awaitable
        What to do.

    Returns
    -------
    list
        The results, in order.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await _end(tasks)


async def map_bounded(
    work: Callable[[_Item], Awaitable[_Result]], items: Iterable[_Item], limit: int
) -> list[_Result]:
    """Work on many items, a bounded number at once, with no more tasks than that.

    When one fails, no other begins, and those under way are finished: what has been asked of a
    server is better awaited than forgotten.

    Parameters
    ----------
    work : callable
        What to do with an item.
    items : iterable
        On what.
    limit : int
        How many at once.

    Returns
    -------
    list
        The results, in order.

    Raises
    ------
    Exception
        The first failure.
    """
    items = list(items)
    numbers = iter(range(len(items)))
    results: dict[int, _Result] = {}
    failures: list[Exception] = []

    async def worker() -> None:
        while not failures and (number := next(numbers, None)) is not None:
            try:
                results[number] = await work(items[number])
            except Exception as error:  # noqa: BLE001, PERF203 - raised when all is quiet
                failures.append(error)

    await gather_or_cancel(worker() for _ in range(min(limit, len(items))))
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(items))]


async def finish(work: Awaitable[_Result]) -> _Result:
    """Await something that must be finished, however often the task is cancelled meanwhile.

    Parameters
    ----------
    work : awaitable
        What to do.

    Returns
    -------
    object
        Its result.

    Raises
    ------
    asyncio.CancelledError
        The task was cancelled; the work is done all the same.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:  # noqa: PERF203 - one turn, but for cancellation
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # Whoever cancelled does not want to hear of a failure either.
            task.exception()
        raise cancelled
    return task.result()


async def share(work: asyncio.Task[_Result]) -> _Result:
    """Await a task that others await too: it goes on when this one is cancelled.

    Parameters
    ----------
    work : asyncio.Task
        What they all wait for.

    Returns
    -------
    object
        Its result.

    Raises
    ------
    OSFClosedError
        The task was ended, and not by who waits for it.
    """
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if work.cancelled():
            raise OSFClosedError("the filesystem was closed meanwhile") from None
        raise


@contextlib.asynccontextmanager
async def in_background(awaitables: Iterable[Awaitable[Any]]) -> AsyncIterator[None]:
    """Work ahead of the caller; what is not done when the block ends is cancelled.

    Parameters
    ----------
    awaitables : iterable of awaitable
        What to do; failures are the caller's to meet again.

    Yields
    ------
    None
        While they run.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        yield
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
