"""File objects that are the caller's, and may wait for anything when they are read or written.

One that is read may belong to a filesystem whose own work needs asyncio's threads. Were it read in
one of these, as many readers as there are threads would wait for each other for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import shutil
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_own_thread", "read_all"]

_Result = TypeVar("_Result")


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
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def run() -> None:
        result: _Result | None = None
        failure: BaseException | None = None
        try:
            result = context.run(work, *args)
        except StopIteration as error:
            # No future takes this one.
            failure = RuntimeError("StopIteration was raised in a thread")
            failure.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            failure = error
        try:
            # The loop may be closed by now, and then nobody waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, failure)
        finally:
            del failure

    threading.Thread(target=run, name="dvc-osf-file-object", daemon=True).start()
    return await done


def read_all(source: Any, target: Any) -> None:
    """Copy what a file object gives, from where it is to its end.

    Parameters
    ----------
    source : readable binary file object or path
        An object stays the caller's; a file is opened, which for a pipe means to wait for a writer.
    target : writable binary file object
        Takes the bytes.
    """
    if hasattr(source, "read"):
        shutil.copyfileobj(source, target)
    else:
        with open(source, "rb") as file:
            shutil.copyfileobj(file, target)
