"""Local files for asynchronous use; a cancelled task leaves none of them open."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiofiles

from .concurrency import finish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        file = await finish(opening)
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            await finish(opening.result().close())
        raise
    try:
        yield file
    finally:
        await finish(file.close())
