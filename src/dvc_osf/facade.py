"""The synchronous face of asynchronous methods."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError

from .exceptions import OSFTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["add_sync_methods", "call_sync"]


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
    try:
        return sync(fs.loop, function, *args, **kwargs)
    except FSTimeoutError as error:
        if isinstance(error.__cause__, OSFTimeoutError):
            raise error.__cause__ from None
        raise


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
