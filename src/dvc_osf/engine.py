"""All that lives and dies with one event loop: connections, caches, locks and budgets."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .api import OSFAPIClient
from .browser import Browser
from .concurrency import BufferBudget, KeyedLocks
from .download import Downloader
from .folders import FolderMaker
from .history import History
from .holding import Holder
from .merger import Merger
from .mover import Mover
from .remover import Remover
from .retry import Clock
from .tree import Tree
from .upload import Uploader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .auth import TokenSource
    from .config import Config
    from .paths import OSFPath
    from .stats import Stats

__all__ = ["Engine", "EnginePool", "Traits"]

_CLOSING_PATIENCE = 2.0
"""Seconds to wait at exit for connections to close; they break with the process anyway."""


@dataclass(frozen=True)
class Traits:
    """What a filesystem is made to be, beyond its settings.

    Attributes
    ----------
    view_only : str or None
        The key of a view-only link.
    expiry : float
        Seconds for which a listing is believed.
    version_aware : bool
        Whether descriptions of files name the version as DVC's ``version_aware`` remotes expect.
    holding : OSFPath or None
        The folder that keeps what is removed.
    virtual_folders : bool
        Whether a folder goes with the last file that is deleted from it.
    """

    view_only: str | None = None
    expiry: float = 60.0
    version_aware: bool = False
    holding: OSFPath | None = None
    virtual_folders: bool = True


class Engine:
    """The machinery of one filesystem on one event loop.

    Closes by itself when the loop ends (``asyncio.run`` shuts asynchronous generators down).

    Parameters
    ----------
    config : Config
        The filesystem's settings.
    token : TokenSource
        Its token.
    stats : Stats
        Its totals.
    clock : Clock
        What pauses are measured by.
    traits : Traits
        What it is made to be.
    """

    def __init__(
        self, config: Config, token: TokenSource, stats: Stats, clock: Clock, traits: Traits
    ) -> None:
        self.thread = threading.get_ident()
        locks = KeyedLocks()
        self.budget = BufferBudget(config.buffer_size)
        self.api = OSFAPIClient(token, config, view_only=traits.view_only, stats=stats, clock=clock)
        self.tree = Tree(self.api, traits.expiry)
        self.folders = FolderMaker(self.api, self.tree)
        self.browser = Browser(
            self.api,
            self.tree,
            version_aware=traits.version_aware,
            virtual_folders=traits.virtual_folders,
            hidden=traits.holding,
        )
        self.history = History(self.api, self.tree)
        self.remover = Remover(self.api, self.tree, locks)
        self.mover = Mover(self.api, self.tree, self.folders, locks)
        self.merger = Merger(self.tree, self.mover, self.remover, config.max_requests)
        self.holder = traits.holding and Holder(self.tree, self.mover, self.remover, traits.holding)
        self.uploader = Uploader(self.api, self.tree, self.folders, locks)
        self.downloader = Downloader(self.api, self.tree, self.budget)
        self.closed = False
        self._lifetime: AsyncGenerator[None, None] = self._live()

    async def start(self) -> None:
        """Tie the engine's life to the loop's; never suspends."""
        await anext(self._lifetime)

    async def _live(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.closed = True
            await self.api.aclose()
            await self.tree.aclose()

    async def aclose(self) -> None:
        """End requests in flight and close every connection."""
        await self._lifetime.aclose()


class EnginePool:
    """The engines of one filesystem, one for each event loop that it is used on.

    Knows nothing of the filesystem itself, so that dropping that one closes these.

    Parameters
    ----------
    config, token, stats, traits
        As for :class:`Engine`.

    Attributes
    ----------
    clock : Clock
        What the engines yet to be made measure pauses by.
    """

    def __init__(self, config: Config, token: TokenSource, stats: Stats, traits: Traits) -> None:
        self.clock = Clock()
        self._config = config
        self._token = token
        self._stats = stats
        self._traits = traits
        self._engines: dict[asyncio.AbstractEventLoop, Engine] = {}
        self._pid = os.getpid()
        _pools.add(self)

    async def current(self) -> Engine:
        """Return the running loop's engine, made at the first call.

        Returns
        -------
        Engine
            Open.
        """
        loop = asyncio.get_running_loop()
        engine = self._engines.get(loop)
        if engine is None or engine.closed:
            for other in [known for known in self._engines if known.is_closed()]:
                del self._engines[other]
            engine = Engine(self._config, self._token, self._stats, self.clock, self._traits)
            await engine.start()
            self._engines[loop] = engine
        return engine

    def leave_parent_process(self) -> None:
        """Start anew in a forked child: connections and loops are the parent's.

        The inherited ones are kept for ever, for their finalizers would take the parent's
        connections off the event queue that both processes share.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._engines))
        self._engines = {}
        self._pid = os.getpid()

    def invalidate(self, place: OSFPath | None) -> None:
        """Let every loop's tree stop believing listings.

        Parameters
        ----------
        place : OSFPath or None
            As for :meth:`Tree.invalidate`.
        """
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        for loop, engine in list(self._engines.items()):
            if loop is here:
                # At once: what this very task asks next may be answered without a turn of the loop.
                engine.tree.invalidate(place)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(engine.tree.invalidate, place)

    async def aclose(self) -> None:
        """Close the running loop's engine."""
        engine = self._engines.pop(asyncio.get_running_loop(), None)
        if engine is not None:
            await engine.aclose()

    def close(self) -> None:
        """Close every engine, from whichever thread; at exit, or when a filesystem is dropped."""
        if self._pid != os.getpid():
            return
        while self._engines:
            loop, engine = self._engines.popitem()
            if not loop.is_closed() and loop.is_running():
                _close_from_outside(loop, engine)


_pools: weakref.WeakSet[EnginePool] = weakref.WeakSet()


def _leave_parent_process() -> None:
    for pool in list(_pools):
        pool.leave_parent_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parent_process)


def _close_from_outside(loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
    closing = engine.aclose()
    try:
        future = asyncio.run_coroutine_threadsafe(closing, loop)
    except RuntimeError:
        # The loop ended between the question and the request.
        closing.close()
        return
    if engine.thread != threading.get_ident():
        with contextlib.suppress(Exception):
            future.result(_CLOSING_PATIENCE)
