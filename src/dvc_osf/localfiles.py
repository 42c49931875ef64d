"""Local files for asynchronous use; a cancelled task leaves none of them open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiofiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

__all__ = ["open_local"]


@contextlib.asynccontextmanager
async def open_local(path: str, mode: str, *, buffering: int = -1) -> AsyncIterator[Any]:
    """Open a local file through aiofiles.

    aiofiles alone forgets a file that a thread opens while the task that wanted it is cancelled.

    Parameters
    ----------
    path : str
        The file.
    mode : str
        As for :func:`open`; binary.
    buffering : int, optional
        As for :func:`open`.

    Yields
    ------
    aiofiles file object
        Closed afterwards.
    """
    opening = asyncio.ensure_future(aiofiles.open(path, mode, buffering=buffering).__aenter__())  # type: ignore[call-overload] # the mode is a variable
    try:
        file = await _to_the_end(opening)
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            await _to_the_end(opening.result().close())
        raise
    try:
        yield file
    finally:
        await _to_the_end(file.close())


async def _to_the_end(work: Awaitable[Any]) -> Any:
    """Await something that must be finished, however often the task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
