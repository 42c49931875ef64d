"""Local files for asynchronous use; a cancelled task leaves none of them open."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING, Any

import aiofiles

from .concurrency import finish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Replacement", "open_local", "replacement_of"]


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


class Replacement:
    """A file that is to take another's place, or to become the content of a device or pipe.

    Parameters
    ----------
    target : str
        What it shall be. A link is followed: it stays one.

    Attributes
    ----------
    path : str
        Where it is meanwhile.

    Raises
    ------
    IsADirectoryError
        A folder is there.
    FileNotFoundError
        There is no folder to hold the target.
    """

    def __init__(self, target: str) -> None:
        self._goal = os.path.realpath(target)
        folder, name = os.path.split(self._goal)
        self._mode = _mode_of(self._goal)
        if self._mode is not None and stat.S_ISDIR(self._mode):
            raise IsADirectoryError(errno.EISDIR, "a folder is there", target)
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder)
        self._special = self._mode is not None and not stat.S_ISREG(self._mode)
        if self._special:
            folder = tempfile.gettempdir()
        # Names may be 255 bytes long already, so the temporary one does not build on them.
        self.path = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(6)}.part")
        if self._mode is not None:
            # Who may not read the old one shall not read the new one while it arrives.
            mode = 0o600 if self._special else stat.S_IMODE(self._mode) | stat.S_IWUSR
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))

    async def take_place(self) -> None:
        """Let it be what it is meant to be; done even if the task is cancelled meanwhile."""
        # Some file systems write a file out before it takes another's place.
        await finish(asyncio.to_thread(self._take_place))

    def _take_place(self) -> None:
        if self._special:
            with open(self.path, "rb") as content, open(self._goal, "wb") as goal:
                shutil.copyfileobj(content, goal)
            return
        if self._mode is not None:
            os.chmod(self.path, stat.S_IMODE(self._mode))
        os.replace(self.path, self._goal)

    def discard(self) -> None:
        """Remove what has not taken its place."""
        # Windows keeps what the hashing thread of a cancelled download still has open.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.unlink(self.path)


@contextlib.asynccontextmanager
async def replacement_of(target: str) -> AsyncIterator[Replacement]:
    """Make a replacement for a local file, which is gone afterwards unless it took its place.

    Parameters
    ----------
    target : str
        The file; it need not exist.

    Yields
    ------
    Replacement
        Empty, or not there yet.
    """
    new = Replacement(target)
    try:
        yield new
    finally:
        new.discard()


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
