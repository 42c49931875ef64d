"""A request while it is on its way: whether it has left, and how much of its body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from .messages import Body

__all__ = ["EXPECT_FROM", "Flight", "Offered"]

EXPECT_FROM = 256 * 1024
"""Bytes of a body from which on the server is asked first, with ``Expect: 100-continue``."""


class Flight:
    """What is to be known of a request while it is on its way.

    Parameters
    ----------
    kind : str
        The name under which it is counted.
    waited : float
        Seconds that it has spent at the gate before.

    Attributes
    ----------
    waited : float
        Seconds that it will have spent at the gate when that opens again.
    begun : asyncio.Future
        Done when the request has left.
    bytes_sent, bytes_to_send : int or None
        How much of its body has left, and how much there is; None without one.
    """

    def __init__(self, kind: str, waited: float) -> None:
        self.kind = kind
        self.waited = waited
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.bytes_sent: int | None = None
        self.bytes_to_send: int | None = None

    def bytes_of(self, body: Body, offered: Offered, tracker: aiohttp.UploadTracker) -> int | None:
        """Return how much of a body has left.

        Parameters
        ----------
        body : Body
            The body.
        offered : Offered
            The same, as it was given to aiohttp.
        tracker : aiohttp.UploadTracker
            What aiohttp knows of it.

        Returns
        -------
        int or None
            None where not even the request has. Equal to the body's size exactly when the server
            may have all of it.
        """
        if not self.begun.done():
            return None
        if offered.taken:
            sent = max(offered.sent, tracker.bytes_written)
            return body.size if offered.given == body.size else sent
        # A small body leaves with its headers; a large one is offered first, and was not taken.
        return body.size if body.size < EXPECT_FROM else 0


class Offered:
    """A body that remembers whether its first piece was asked for, and how much has left.

    Parameters
    ----------
    body : Body
        The body.
    tracker : aiohttp.UploadTracker
        What aiohttp knows of it, for as long as the connection lives.

    Attributes
    ----------
    taken : bool
        Whether it was.
    given, sent : int
        Bytes that were taken so far, and those that had left when the last piece was.
    """

    def __init__(self, body: Body, tracker: aiohttp.UploadTracker) -> None:
        self._pieces = aiter(body)
        self._tracker = tracker
        self._first: bytes | memoryview | None = None
        self.taken = False
        self.given = 0
        self.sent = 0

    async def prepare(self) -> None:
        """Read the first piece, so that it can leave as soon as it is asked for."""
        self._first = await anext(self._pieces, None)

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        return self

    async def __anext__(self) -> bytes | memoryview:
        self.taken = True
        self.sent = self._tracker.bytes_written
        piece, self._first = self._first, None
        if piece is None:
            piece = await anext(self._pieces)
        self.given += len(piece)
        return piece
