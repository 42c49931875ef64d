"""The emulator in a thread of its own, for programs that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from .controls import Controls
from .server import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from .settings import Settings
    from .world import World

T = TypeVar("T")


class EmulatorThread(Controls):
    """An OSF on an event loop in a daemon thread; all methods may be called from any thread.

    It is a context manager. The parameters are those of `Emulator`.
    """

    def __init__(
        self,
        root: Path | str | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: Settings | None = None,
    ) -> None:
        self._emulator = Emulator(root, port=port, host=host, settings=settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def world(self) -> World:
        """The emulated OSF behind the listeners; touch it in its own thread only."""
        return self._emulator.world

    def start(self) -> None:
        """Start the thread and wait until every host accepts connections."""
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="osf-emulator", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """Drop all connections and wait for the end of the thread."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = self._loop = self._stop = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
                return
            raise

    async def _serve(self, started: Future[None]) -> None:
        self._stop = asyncio.Event()
        async with self._emulator:
            self._loop = asyncio.get_running_loop()
            started.set_result(None)
            await self._stop.wait()

    def _call(self, work: Callable[[], T]) -> T:
        if self._loop is None:
            raise RuntimeError("The emulator is not running: use it in a 'with' block.")
        result: Future[T] = Future()

        def do() -> None:
            try:
                result.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- the caller gets it
                result.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        return result.result()

    def _open_region(self, region: str) -> None:
        self._emulator._open_region(region)  # noqa: SLF001 -- the same object, on two threads
