"""fsspec's methods for many files at once, made to end all of their work when they end.

When one of the files fails, fsspec leaves the coroutines of those to come unused, for Python to
complain of; when the caller is cancelled, the files under way go on, and may be written long after
the caller has turned to something else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK

from .progress import as_callback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

__all__ = ["BulkFileSystem"]

_FOR_ONE_FILE = frozenset({"_cat_file", "_pipe_file", "_size"})


class BulkFileSystem(AsyncFileSystem):  # type: ignore[misc] # fsspec is not typed
    """A filesystem whose bulk methods leave nothing behind, however they end."""

    async def _cat(self, *args: Any, **kwargs: Any) -> Any:
        return await self._in_bulk("_cat", *args, **kwargs)

    async def _pipe(self, *args: Any, **kwargs: Any) -> Any:
        return await self._in_bulk("_pipe", *args, **kwargs)

    async def _sizes(self, *args: Any, **kwargs: Any) -> Any:
        return await self._in_bulk("_sizes", *args, **kwargs)

    async def _get(self, *args: Any, **kwargs: Any) -> Any:
        return await self._in_bulk_between("_get", *args, **kwargs)

    async def _put(self, *args: Any, **kwargs: Any) -> Any:
        return await self._in_bulk_between("_put", *args, **kwargs)

    async def _in_bulk_between(
        self,
        name: str,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        callback = as_callback(callback)
        return await self._in_bulk(name, path1, path2, recursive, callback, *args, **kwargs)

    async def _in_bulk(self, name: str, *args: Any, **kwargs: Any) -> Any:
        work = _Work()
        # The callback is where fsspec makes the coroutines of transfers.
        args = tuple(_Follower(arg, work) if hasattr(arg, "branch_coro") else arg for arg in args)
        try:
            return await getattr(AsyncFileSystem, name)(_Bulk(self, work), *args, **kwargs)
        finally:
            await work.aclose()


class _Work:
    """What one call of a bulk method does for single files."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def follow(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., _Later]:
        """Return a method that begins when it is awaited, and ends with this work."""

        def later(*args: Any, **kwargs: Any) -> _Later:
            return _Later(lambda: self._run(method, *args, **kwargs))

        return later

    async def _run(self, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        task = asyncio.current_task()
        if self._closed or task is None:
            raise asyncio.CancelledError
        self._tasks.add(task)
        result = await method(*args, **kwargs)
        # Those that fail are kept, for somebody has to look at the error.
        self._tasks.discard(task)
        return result

    async def aclose(self) -> None:
        """End what is under way; what has not begun yet does not begin."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Later:
    """An awaitable that may be dropped, as no coroutine may."""

    def __init__(self, begin: Callable[[], Awaitable[Any]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, None, Any]:
        return self._begin().__await__()


class _Bulk:
    """A filesystem as a bulk method sees it."""

    def __init__(self, fs: AsyncFileSystem, work: _Work) -> None:
        self._fs = fs
        self._work = work

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fs, name)
        return self._work.follow(found) if name in _FOR_ONE_FILE else found


class _Follower:
    """A callback as a bulk method sees it."""

    def __init__(self, callback: Any, work: _Work) -> None:
        self._callback = callback
        self._work = work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._callback, name)

    def branch_coro(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., _Later]:
        return self._work.follow(self._callback.branch_coro(method))
