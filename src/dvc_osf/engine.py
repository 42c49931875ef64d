"""All that lives and dies with one event loop: connections, caches, locks and budgets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from .api import OSFAPIClient
from .browser import Browser
from .concurrency import BufferBudget, KeyedLocks
from .download import Downloader
from .remover import Remover
from .tree import Tree
from .upload import Uploader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .auth import TokenSource
    from .config import Config
    from .retry import Clock
    from .stats import Stats

__all__ = ["Engine", "close_engines"]

_CLOSING_PATIENCE = 2.0
"""Seconds to wait at exit for connections to close; they break with the process anyway."""


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
    view_only : str or None
        The key of a view-only link.
    expiry : float
        Seconds for which a listing is believed.
    """

    def __init__(
        self,
        config: Config,
        token: TokenSource,
        stats: Stats,
        clock: Clock,
        *,
        view_only: str | None,
        expiry: float,
    ) -> None:
        self.thread = threading.get_ident()
        locks = KeyedLocks()
        self.budget = BufferBudget(config.buffer_size)
        self.api = OSFAPIClient(token, config, view_only=view_only, stats=stats, clock=clock)
        self.tree = Tree(self.api, expiry)
        self.browser = Browser(self.api, self.tree)
        self.remover = Remover(self.api, self.tree, locks)
        self.uploader = Uploader(self.api, self.tree, locks)
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
            await self.tree.aclose()
            await self.api.aclose()

    async def aclose(self) -> None:
        """End requests in flight and close every connection."""
        await self._lifetime.aclose()


def close_engines(engines: dict[asyncio.AbstractEventLoop, Engine]) -> None:
    """Close what a filesystem leaves behind, from whichever thread drops it.

    Parameters
    ----------
    engines : dict
        By loop; emptied.
    """
    while engines:
        loop, engine = engines.popitem()
        if loop.is_closed() or not loop.is_running():
            continue
        closing = engine.aclose()
        try:
            future = asyncio.run_coroutine_threadsafe(closing, loop)
        except RuntimeError:
            closing.close()
            continue
        if engine.thread != threading.get_ident():
            with contextlib.suppress(Exception):
                future.result(_CLOSING_PATIENCE)
