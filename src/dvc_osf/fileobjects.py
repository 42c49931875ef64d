"""File objects that are the caller's, and may wait for anything when they are read or written.

One that is read may belong to a filesystem whose own work needs asyncio's threads. Were it read in
one of these, as many readers as there are threads would wait for each other for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import io
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_own_thread", "read_all", "write_all"]

_Result = TypeVar("_Result")

_AT_ONCE = 256 * 1024
"""Bytes to ask a file object for."""


async def in_own_thread(work: Callable[..., _Result], *args: Any) -> _Result:
    """Run a function in a thread that is there for nothing else.

    Parameters
    ----------
    work : callable
        What to do; goes on where the task is cancelled meanwhile, and keeps no process alive.
    *args
        Its arguments.

    Returns
    -------
    object
        Its result.
    """
    done: Future[_Result] = Future()
    # Begun, so that who stops waiting for it does not cancel it.
    done.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(work, *args))
        except StopIteration as error:
            # asyncio's futures do not take this one.
            failure = RuntimeError("StopIteration was raised in a thread")
            failure.__cause__ = error
            done.set_exception(failure)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="dvc-osf-file-object", daemon=True).start()
    return await asyncio.wrap_future(done)


def read_all(source: Any, target: Any, label: str) -> None:
    """Copy what a file object gives, from where it is to its end.

    Parameters
    ----------
    source : readable binary file object or path
        An object stays the caller's; a file is opened, which for a pipe means to wait for a writer.
    target : writable binary file object
        Takes the bytes.
    label : str
        The operation and the path, for the error.

    Raises
    ------
    BlockingIOError
        The object has nothing to give now, and does not wait until it has.
    """
    if not hasattr(source, "read"):
        with open(source, "rb") as file:
            read_all(file, target, label)
        return
    while data := source.read(_AT_ONCE):
        target.write(data)
    if data is None:
        raise BlockingIOError(
            errno.EAGAIN,
            f"{label}: the file object has no bytes now and does not wait until it has; pass one "
            "that does",
        )


def write_all(data: bytes, target: Any, label: str) -> None:
    """Write bytes to a file object, however few of them it takes at a time.

    Parameters
    ----------
    data : bytes
        All of them.
    target : writable binary file object
        Stays the caller's. One whose ``write`` does not say how much it took has taken all.
    label : str
        The operation and the path, for the errors.

    Raises
    ------
    BlockingIOError
        The object takes no more now, and does not wait until it does.
    OSError
        It takes nothing, and does not say why.
    """
    rest: bytes | memoryview = data
    while rest:
        taken = target.write(rest)
        if taken is None and isinstance(target, (io.FileIO, socket.SocketIO)):
            written = len(data) - len(rest)
            raise BlockingIOError(
                errno.EAGAIN,
                f"{label}: the file object took {written} of {len(data)} bytes and does not wait "
                "until it can take more; pass one that does",
            )
        if not isinstance(taken, int):
            return
        if taken <= 0:
            raise OSError(errno.EIO, f"{label}: the file object takes no bytes")
        rest = memoryview(rest)[taken:]
