"""The synchronous face of asynchronous methods."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError

from .exceptions import OSFClosedError, OSFTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["add_sync_methods", "call_sync"]

_CLEANING_PATIENCE = 5.0
"""Seconds that a call which was interrupted may take to end."""


def add_sync_methods(cls: type[Any], names: str) -> None:
    """Give a filesystem class a method ``name`` for each of its methods ``_name``.

    fsspec does so for some of its own names; ours differ in that an :class:`OSFTimeoutError`
    arrives as itself, where fsspec replaces any TimeoutError by one that says nothing.

    Parameters
    ----------
    cls : type
        The filesystem.
    names : str
        Without the underscore, separated by spaces.
    """
    for name in names.split():
        generates = inspect.isasyncgenfunction(getattr(cls, f"_{name}"))
        method = _sync_generator(name) if generates else _sync_method(name)
        method.__name__ = name
        method.__qualname__ = f"{cls.__name__}.{name}"
        inherited = getattr(AsyncFileSystem, name, method).__doc__
        method.__doc__ = getattr(cls, f"_{name}").__doc__ or inherited
        setattr(cls, name, method)


def call_sync(fs: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call an asynchronous method of a filesystem from synchronous code.

    Parameters
    ----------
    fs : AsyncFileSystem
        Whose.
    name : str
        The method's.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    object
        What it returns.
    """
    return _run(fs, getattr(fs, name), *args, **kwargs)


def _run(fs: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    call = _Call(function, args, kwargs)
    try:
        return sync(fs.loop, call)
    except FSTimeoutError as error:
        if isinstance(error.__cause__, OSFTimeoutError):
            raise error.__cause__ from None
        raise
    except KeyboardInterrupt:
        # fsspec only stops waiting; the transfer would go on behind the caller's back.
        call.end()
        raise


class _Call:
    """A call on the loop's thread that the thread which waits for it can end."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = threading.Event()

    async def __call__(self) -> Any:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            return await self._function(*self._args, **self._kwargs)
        except asyncio.CancelledError:
            # fsspec would return None, as if all were well.
            raise OSFClosedError("the call was ended before it was done") from None
        finally:
            self._over.set()

    def end(self) -> None:
        """Cancel the call, and give it a moment to clean up after itself."""
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._over.wait(_CLEANING_PATIENCE)


def _sync_method(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call_sync(self, f"_{name}", *args, **kwargs)

    return call


def _sync_generator(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        results = getattr(self, f"_{name}")(*args, **kwargs)
        try:
            while True:
                yield _run(self, results.__anext__)
        except StopAsyncIteration:
            return

    return call
