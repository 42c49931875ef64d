"""The record of the requests that reached the server."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["api", "files", "storage", "web"]

# What a log must not keep; everything else about a request may be of interest to a test.
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass
class LoggedRequest:
    """One HTTP request, recorded when it begins and completed in place.

    Parameters
    ----------
    host
        The part of the OSF that was asked.
    method, path, query, headers
        As sent; the path is still percent-encoded, the query is decoded, headers have lower-case
        names and no credentials.
    token
        The label of the token, ``"unknown"`` for one that the OSF does not know, None without.
    started, ended
        `time.monotonic`; `ended` is None while the request is being answered.
    status
        None while nothing was answered, and if the connection was cut.
    received, sent
        Bytes of the bodies that were read and written.
    faults
        The number of fault rules that applied.
    """

    host: Role
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    token: str | None = None
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int | None = None
    received: int = 0
    sent: int = 0
    faults: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as JSON can carry it."""
        return asdict(self)


class RequestLog:
    """The newest requests, oldest first.

    Parameters
    ----------
    limit
        Entries kept; a server that runs for weeks must not fill the memory.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self.entries: deque[LoggedRequest] = deque(maxlen=limit)
        self.total = 0

    def begin(
        self,
        host: Role,
        method: str,
        path: str,
        query: dict[str, str],
        headers: Mapping[str, str],
    ) -> LoggedRequest:
        """Record a request that has just arrived."""
        kept = {
            name.lower(): value
            for name, value in headers.items()
            if name.lower() not in _SECRET_HEADERS
        }
        entry = LoggedRequest(host, method, path, query, kept)
        self.entries.append(entry)
        self.total += 1
        return entry

    def clear(self) -> None:
        """Forget all requests."""
        self.entries.clear()
        self.total = 0
