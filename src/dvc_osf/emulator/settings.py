"""What can be switched while the emulator runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """Switches of the whole emulator, in force from the next request on.

    Parameters
    ----------
    storage_redirect
        Answer downloads with 302 to a signed URL on the storage origin, as production does.
    redirect_lifetime
        Seconds for which such a URL is valid.
    strict_duplicates
        Reproduce the race of the real server: concurrent creates of one name make duplicates and
        concurrent uploads to one file corrupt its version list.
    race_window
        Seconds between looking and writing while `strict_duplicates` is on.
    rate_limit
        ``(requests, seconds)``: WaterButler's fixed window for each token, None for no limit.
    v2_throttle
        Apply API v2's limits for anonymous requests (3 file lists or 10 other requests a second).
    v2_shuffle
        Let the pages of an unsorted v2 listing lose and repeat entries, as the real ones do.
    late_commit
        Seconds between the last byte of an upload and its commit, which takes place even if the
        client has gone meanwhile.
    latency
        Seconds that every request waits before it is looked at.
    bandwidth
        Bytes per second for each request, in each direction; None for no limit.
    total_bandwidth
        Bytes per second for all requests together, in each direction; None for no limit.
    max_body
        The longest body that WaterButler reads, in bytes; above it the answer is a bare 400.
    """

    storage_redirect: bool = False
    redirect_lifetime: float = 60.0
    strict_duplicates: bool = False
    race_window: float = 0.05
    rate_limit: tuple[int, float] | None = None
    v2_throttle: bool = False
    v2_shuffle: bool = True
    late_commit: float = 0.0
    latency: float = 0.0
    bandwidth: float | None = None
    total_bandwidth: float | None = None
    max_body: int = 5_261_334_937
