"""Slow lines: a limit of bytes per second, for one request or for all of them together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Settings


class Pace:
    """A limit of bytes per second.

    Parameters
    ----------
    rate
        Bytes per second; None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._due = 0.0

    async def spend(self, count: int) -> None:
        """Wait until `count` more bytes are due."""
        if self._rate is None:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now) + count / self._rate
        await asyncio.sleep(self._due - now)


class Line:
    """One direction of the line that all requests share, as fast as the settings say now.

    Parameters
    ----------
    settings
        Their `total_bandwidth` counts.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pace = Pace(None)
        self._rate: float | None = None

    async def spend(self, count: int) -> None:
        """Wait until the line has had the time for `count` more bytes."""
        if self._rate != self._settings.total_bandwidth:
            self._rate = self._settings.total_bandwidth
            self._pace = Pace(self._rate)
        await self._pace.spend(count)
