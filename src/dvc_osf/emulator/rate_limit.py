"""WaterButler's limit for each token, and API v2's for anonymous callers."""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import wb_errors
from .answer import Refusal

if TYPE_CHECKING:
    from .exchange import Exchange


class FixedWindows:
    """Counters that start with a caller's first request and end with the window."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, key: str, window: float) -> tuple[int, float]:
        """Count a request; return its number in the window and the seconds left."""
        now = time.monotonic()
        end, number = self._windows.get(key, (0.0, 0))
        if end <= now:
            end, number = now + window, 0
        self._windows[key] = (end, number + 1)
        return number + 1, end - now


class SlidingWindow:
    """The times of the latest requests of each kind."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = defaultdict(deque)

    def wait(self, key: str, limits: tuple[tuple[int, float], ...]) -> float:
        """Count a request unless a limit ``(requests, seconds)`` is reached; return the wait."""
        now = time.monotonic()
        times = self._times[key]
        longest = max(seconds for _, seconds in limits)
        while times and times[0] <= now - longest:
            times.popleft()
        waits = [
            times[-requests] + seconds - now
            for requests, seconds in limits
            if len(times) >= requests and times[-requests] > now - seconds
        ]
        if not waits:
            times.append(now)
            return 0.0
        return max(waits)


def check_rate(exchange: Exchange) -> None:
    """Count a request to WaterButler.

    Raises
    ------
    Refusal
        429 when the caller's window is used up.
    """
    limit = exchange.world.settings.rate_limit
    if limit is None:
        return
    requests, window = limit
    credentials = exchange.request.headers.get("Authorization") or exchange.request.remote or ""
    key = hashlib.sha256(credentials.encode()).hexdigest()
    number, left = exchange.world.windows.count(key, window)
    if number <= requests:
        return
    wait = math.ceil(left)
    headers = {
        "Retry-After": wait,
        "X-Waterbutler-RateLimiting-Window": int(window),
        "X-Waterbutler-RateLimiting-Limit": requests,
        "X-Waterbutler-RateLimiting-Remaining": 0,
        # WaterButler's own local time, without a zone.
        "X-Waterbutler-RateLimiting-Reset": str(datetime.now() + timedelta(seconds=wait)),  # noqa: DTZ005
    }
    value = {
        "error": "API rate-limiting active due to too many requests",
        "headers": headers,
    }
    # On the wire Tornado spells the names in its own way.
    sent = {name.title(): str(text) for name, text in headers.items()}
    raise Refusal(wb_errors.json_answer(429, value, sent))
