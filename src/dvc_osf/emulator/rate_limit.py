"""How the requests of one caller are counted: WaterButler's way, and API v2's."""

from __future__ import annotations

import time
from collections import defaultdict, deque


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
