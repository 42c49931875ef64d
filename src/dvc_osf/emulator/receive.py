"""Bodies of uploads on their way to the disk."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .blobs import SMALL
from .records import Content

if TYPE_CHECKING:
    from .blobs import Blobs, Incoming
    from .exchange import Exchange

# Hashing and writing take pieces of about this size to a thread.
_BATCH = 512 * 1024


@dataclass(frozen=True)
class Received:
    """A body that has arrived: small ones in memory, others in a temporary file.

    Whoever holds it calls `keep` once it is part of the store, and `discard` in any case.
    """

    content: Content
    incoming: Incoming | None = None

    def keep(self, blobs: Blobs) -> None:
        """Move the temporary file to its place."""
        if self.incoming is not None:
            blobs.keep(self.incoming, self.content.sha256)

    def discard(self) -> None:
        """Remove the temporary file if it is still there."""
        if self.incoming is not None:
            self.incoming.discard()


async def receive(exchange: Exchange) -> Received:
    """Read the whole body of an upload.

    Raises
    ------
    Cut
        The body ended before its announced length; nothing of it stays.
    """
    length = exchange.body_length or 0
    if length <= SMALL:
        data = await exchange.read()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return Received(Content(length, md5, hashlib.sha256(data).hexdigest(), data))
    incoming = exchange.world.blobs.incoming()
    try:
        await _spool(exchange, incoming)
    except BaseException:
        incoming.discard()
        raise
    return Received(incoming.close(), incoming)


async def _spool(exchange: Exchange, incoming: Incoming) -> None:
    # One batch is hashed and written in a thread while the next one arrives.
    loop = asyncio.get_running_loop()
    writing: asyncio.Future[None] | None = None
    batch: list[bytes] = []
    size = 0
    try:
        async for piece in exchange.body():
            batch.append(piece)
            size += len(piece)
            if size < _BATCH:
                continue
            if writing is not None:
                await writing
            writing = loop.run_in_executor(None, incoming.write, batch)
            batch, size = [], 0
        if writing is not None:
            await writing
        writing = loop.run_in_executor(None, incoming.write, batch)
        await writing
    finally:
        # The file must not be closed under the thread's hands.
        if writing is not None and not writing.done():
            await asyncio.wait([writing])
