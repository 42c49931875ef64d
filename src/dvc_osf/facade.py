"""The synchronous face of asynchronous methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError

from .exceptions import OSFTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

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
        setattr(cls, name, _sync_method(cls, name))


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
    try:
        return sync(fs.loop, getattr(fs, name), *args, **kwargs)
    except FSTimeoutError as error:
        if isinstance(error.__cause__, OSFTimeoutError):
            raise error.__cause__ from None
        raise


def _sync_method(cls: type[Any], name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call_sync(self, f"_{name}", *args, **kwargs)

    call.__name__ = name
    call.__qualname__ = f"{cls.__name__}.{name}"
    documented = getattr(cls, f"_{name}").__doc__ or getattr(AsyncFileSystem, name, call).__doc__
    call.__doc__ = documented
    return call
