"""The emulator as a program."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from .server import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Where the event loop cannot watch signals (Windows), it has to wake up to notice one.
_WAKE_SECONDS = 0.2


async def run(
    root: Path | str,
    port: int = 0,
    host: str = "127.0.0.1",
    announce: Callable[[str], object] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    root
        Directory that keeps everything across restarts.
    port
        Port of API v2 and the web pages, 0 for any that is free.
    host
        Address to listen on.
    announce
        Called once, when every port accepts connections, with one line of JSON (without a line
        feed) that holds ``api``, ``files``, ``web``, ``token`` and ``project``; by default it is
        written to standard output.
    """
    with _ended_by_signals() as (ended, wake):
        async with Emulator(root, port=port, host=host) as osf:
            facts = {
                "api": osf.api_url,
                "files": osf.files_url,
                "web": osf.web_url,
                "token": osf.token,
                "project": osf.project,
            }
            (announce or _print)(json.dumps(facts))
            while not ended.is_set():
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(ended.wait(), wake)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def _ended_by_signals() -> Iterator[tuple[asyncio.Event, float | None]]:
    """Yield an event that a signal sets, and how often to wake up to notice one."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    wake = None
    with ExitStack() as undo:
        try:
            for number in _SIGNALS:
                loop.add_signal_handler(number, ended.set)
                undo.callback(loop.remove_signal_handler, number)
        except NotImplementedError:
            wake = _WAKE_SECONDS
            for number in _SIGNALS:
                before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended.set))
                undo.callback(signal.signal, number, before)
        yield ended, wake
