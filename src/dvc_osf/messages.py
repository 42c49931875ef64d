"""What goes over the wire, as records: requests, their bodies, and small answers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from yarl import URL

__all__ = ["PIECE", "Answer", "Arriving", "Body", "BytesBody", "Request"]

PIECE = 256 * 1024
"""Bytes handed to the socket at once; what it does not take, asyncio copies."""

_PARSE_IN_THREAD_FROM = 1024 * 1024


class Body(Protocol):
    """A request's body of known size, made anew for every attempt.

    An iterator with a state, not an async generator: it must be possible to close it while
    aiohttp still waits for its next piece.

    Attributes
    ----------
    size : int
        Bytes in all.
    failure : BaseException or None
        Why the source could not be read; aiohttp would report it as a lost connection.
    """

    size: int
    failure: BaseException | None

    @property
    def starved(self) -> bool:
        """Whether the wire waits for this body, and this body for buffers that others have."""

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]: ...

    async def aclose(self) -> None:
        """Stop reading the source and close what was opened for it."""


class BytesBody:
    """A body that is in memory already.

    Parameters
    ----------
    data : bytes or memoryview
        The body.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        self.size = len(data)
        self.failure: BaseException | None = None
        self.starved = False
        self._sent = 0

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if self._sent >= self.size:
            raise StopAsyncIteration
        piece = memoryview(self.data)[self._sent : self._sent + PIECE]
        self._sent += len(piece)
        return piece

    async def aclose(self) -> None:
        """Do nothing; there is nothing open."""


@dataclass(frozen=True)
class Request:
    """What to ask, and in whose name.

    Attributes
    ----------
    method : str
        The HTTP verb.
    url : yarl.URL
        Where to; query included.
    kind : str
        The name under which it is counted.
    operation, path : str
        For errors and the log.
    body : callable, optional
        Makes a fresh body; called once per exchange.
    headers : Mapping[str, str], optional
        Extra headers.
    authorized : bool
        Whether the token goes along; false for storage hosts behind a redirect.
    """

    method: str
    url: URL
    kind: str
    operation: str
    path: str
    body: Callable[[], Body] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    authorized: bool = True


@dataclass(frozen=True)
class Answer:
    """A small answer, whole.

    Attributes
    ----------
    status : int
        The HTTP status.
    headers : Mapping[str, str]
        Case-insensitive.
    content : bytes
        The body.
    bytes_sent, bytes_to_send : int or None
        How much of the request's body had left, and how much there was; None without one.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    bytes_sent: int | None = None
    bytes_to_send: int | None = None

    async def json(self) -> Any:
        """Read the body as JSON, in a thread where it is large.

        Returns
        -------
        object
            The value; None where the body is no JSON.
        """
        try:
            if len(self.content) < _PARSE_IN_THREAD_FROM:
                return json.loads(self.content)
            return await asyncio.to_thread(json.loads, self.content)
        except ValueError:
            return None


class Arriving(NamedTuple):
    """A content, or a part of it, on its way.

    Attributes
    ----------
    start : int
        The position of the first byte that comes: 0 where the server ignored the range.
    pieces : AsyncGenerator of bytes
        The bytes as they arrive.
    length : int or None
        How many will come, where the answer says so.
    """

    start: int
    pieces: AsyncGenerator[bytes, None]
    length: int | None
