"""Uploads: read, hash and send at once; know the outcome before anything is sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Protocol

import aiofiles

from .api import FileExistsAnswer
from .exceptions import (
    OSFException,
    OSFIntegrityError,
    OSFNotFoundError,
    OSFVersionConflictError,
)
from .retry import is_transient
from .transport import PIECE, Body, BytesBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .api import OSFAPIClient
    from .concurrency import BufferBudget, KeyedLocks
    from .models import Entity
    from .paths import OSFPath
    from .tree import Tree
    from .utils import ProgressTracker

__all__ = ["BytesSource", "FileSource", "Source", "Uploader"]

logger = logging.getLogger("dvc_osf")

_HASH_INLINE_BELOW = 64 * 1024
_QUEUED_CHUNKS = 1
"""Chunks read ahead: one in the queue, one being sent, one being read."""

_ANSWERED_BY_A_GATEWAY = frozenset({408, 502, 504})
"""Statuses after which the files host may still be at work on the request."""


class Source(Protocol):
    """What is to be uploaded; can be read more than once."""

    size: int

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body for one attempt."""

    async def md5(self) -> str:
        """Return the checksum of what was, or would be, sent."""


async def md5_of(data: bytes | memoryview) -> str:
    """Hash bytes in memory, in a thread where that takes long enough to matter.

    Parameters
    ----------
    data : bytes or memoryview
        All of them.

    Returns
    -------
    str
        Hexadecimal.
    """
    if len(data) < _HASH_INLINE_BELOW:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    digest = await asyncio.to_thread(hashlib.md5, data, usedforsecurity=False)
    return digest.hexdigest()


class BytesSource:
    """Bytes in memory.

    Parameters
    ----------
    data : bytes or memoryview
        All of them.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        self.size = len(data)
        self._md5: str | None = None

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body.

        Parameters
        ----------
        progress : ProgressTracker
            Hears of it when the upload is through.

        Returns
        -------
        Body
            For one attempt.
        """
        progress.restart()
        return BytesBody(self.data)

    async def md5(self) -> str:
        """Return the checksum.

        Returns
        -------
        str
            Hexadecimal.
        """
        if self._md5 is None:
            self._md5 = await md5_of(self.data)
        return self._md5


class FileSource:
    """A local file of at least one chunk, read and hashed while it is sent.

    Parameters
    ----------
    path : str
        The file; the size it has now is what will be sent.
    size : int
        Its bytes.
    chunk_size : int
        Bytes to read at once.
    budget : BufferBudget
        What its buffers count against.
    """

    def __init__(self, path: str, size: int, chunk_size: int, budget: BufferBudget) -> None:
        self.path = path
        self.size = size
        self.chunk_size = chunk_size
        self.budget = budget
        self.known_md5: str | None = None

    def body(self, progress: ProgressTracker) -> Body:
        """Return a fresh body, which opens the file anew.

        Parameters
        ----------
        progress : ProgressTracker
            Follows the bytes.

        Returns
        -------
        Body
            For one attempt.
        """
        progress.restart()
        return _FileBody(self, progress)

    async def md5(self) -> str:
        """Return the checksum of what was sent, or of the file where nothing was sent yet.

        Returns
        -------
        str
            Hexadecimal.
        """
        if self.known_md5 is None:
            digest = AsyncMD5()
            async with aiofiles.open(self.path, "rb") as file:
                left = self.size
                while left > 0:
                    chunk = await file.read(min(self.chunk_size, left))
                    if not chunk:
                        raise _shrunk(self)
                    left -= len(chunk)
                    await digest.update(chunk)
            self.known_md5 = digest.hexdigest()
        return self.known_md5


class AsyncMD5:
    """An MD5 accumulator that hashes in a worker thread, in the order of its calls."""

    def __init__(self) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)

    async def update(self, chunk: bytes) -> None:
        """Take in the next chunk.

        Parameters
        ----------
        chunk : bytes
            Whatever comes next.
        """
        await asyncio.to_thread(self._digest.update, chunk)

    def hexdigest(self) -> str:
        """Return the checksum of all chunks so far.

        Returns
        -------
        str
            Hexadecimal.
        """
        return self._digest.hexdigest()


class _FileBody:
    """The pipeline of one attempt: reader -> bounded queue -> MD5 in a thread -> wire.

    While one chunk is on its way to the socket, the same chunk is hashed in one thread and the
    next is read in another.
    """

    def __init__(self, source: FileSource, progress: ProgressTracker) -> None:
        self.size = source.size
        self._source = source
        self._progress = progress
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(_QUEUED_CHUNKS)
        self._digest = AsyncMD5()
        self._reader: asyncio.Task[None] | None = None
        self._hashing: asyncio.Task[None] | None = None
        self._chunk = memoryview(b"")
        self._position = 0
        self._held = 0
        self.failure: BaseException | None = None

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if not self._chunk:
            await self._next_chunk()
        piece, self._chunk = self._chunk[:PIECE], self._chunk[PIECE:]
        self._progress.update(len(piece))
        return piece

    async def _next_chunk(self) -> None:
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._read())
        await self._chunk_done()
        if self._position >= self.size:
            self._source.known_md5 = self._digest.hexdigest()
            raise StopAsyncIteration
        chunk = await self._queue.get()
        if isinstance(chunk, BaseException):
            self.failure = chunk
            raise chunk
        self._hashing = asyncio.ensure_future(self._digest.update(chunk))
        self._position += len(chunk)
        self._chunk = memoryview(chunk)

    async def _chunk_done(self) -> None:
        """Wait until the last chunk is hashed as well as sent; then its bytes are free again."""
        if self._hashing is not None:
            await self._hashing
            self._hashing = None
            self._release(min(self._source.chunk_size, self._held))

    async def _read(self) -> None:
        left = self.size
        try:
            async with aiofiles.open(self._source.path, "rb") as file:
                while left > 0:
                    size = min(self._source.chunk_size, left)
                    await self._source.budget.acquire(self._source.chunk_size)
                    self._held += self._source.chunk_size
                    chunk = await file.read(size)
                    if len(chunk) < size:
                        raise _shrunk(self._source)
                    left -= size
                    await self._queue.put(chunk)
        except (OSError, OSFException) as error:
            await self._queue.put(error)

    def _release(self, size: int) -> None:
        self._held -= size
        self._source.budget.release(size)

    async def aclose(self) -> None:
        """Stop reading and hashing, and give every buffer back."""
        tasks = [task for task in (self._reader, self._hashing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._held > 0:
            self._release(self._source.chunk_size)


def _shrunk(source: FileSource) -> OSFException:
    return OSFException(
        f"{source.path} became shorter while it was read",
        hint="Upload it again when nothing writes to it",
        total_size=source.size,
    )


class Uploader:
    """Stores files, one request each where one will do.

    Parameters
    ----------
    api : OSFAPIClient
        What sends.
    tree : Tree
        What knows the folders.
    locks : KeyedLocks
        Keeps writers of one path apart: concurrent PUTs to one file corrupt it on the OSF.
    """

    def __init__(self, api: OSFAPIClient, tree: Tree, locks: KeyedLocks) -> None:
        self._api = api
        self._tree = tree
        self._locks = locks

    async def upload(
        self,
        path: OSFPath,
        source: Source,
        progress: ProgressTracker,
        operation: str,
        *,
        exclusive: bool = False,
    ) -> Entity:
        """Store a source's bytes at a path, verified.

        Parameters
        ----------
        path : OSFPath
            The file; its folders are created.
        source : Source
            What to store.
        progress : ProgressTracker
            Follows the bytes.
        operation : str
            For the errors.
        exclusive : bool, optional
            Refuse a file that exists instead of giving it a new version.

        Returns
        -------
        Entity
            As the OSF has it, size and MD5 checked.

        Raises
        ------
        OSFVersionConflictError
            The file exists and the upload was exclusive.
        OSFIntegrityError
            The OSF stored other bytes, again and again.
        """
        async with self._locks.hold(str(path)):
            upload = _Upload(self._api, self._tree, path, source, progress, operation, exclusive)
            logger.debug("%s osf://%s: %d bytes begin", operation, path, source.size)
            try:
                async for attempt in self._api.attempts(operation, str(path)):
                    with attempt:
                        entity = await upload.attempt()
            except OSFException as error:
                logger.error("%s", error)  # noqa: TRY400 - the caller gets the traceback
                raise
            progress.finish()
            logger.debug("%s osf://%s: version %s stored", operation, path, entity.version)
            return entity


class _Upload:
    """One upload, over all its attempts."""

    def __init__(
        self,
        api: OSFAPIClient,
        tree: Tree,
        path: OSFPath,
        source: Source,
        progress: ProgressTracker,
        operation: str,
        exclusive: bool,
    ) -> None:
        self._api = api
        self._tree = tree
        self._path = path
        self._source = source
        self._progress = progress
        self._operation = operation
        self._exclusive = exclusive
        self._patience: float | None = None
        """Seconds for which an earlier attempt may still arrive; None when none can."""
        self._ours = False
        """Whether a file of that name can be the work of an earlier attempt."""

    async def attempt(self) -> Entity:
        """Try once, after making sure that no earlier try succeeded without saying so."""
        if self._patience is not None:
            entity = await self._look_up(self._patience)
            if entity is not None:
                return entity
            self._patience = None
        try:
            entity = await self._send()
        except OSFException as error:
            self._note_outcome(error)
            raise
        return await self._verified(entity)

    def _note_outcome(self, error: OSFException) -> None:
        """Remember whether the server may have got all of it."""
        everything_left = (
            error.bytes_uploaded is not None and error.bytes_uploaded == error.total_size
        )
        if not everything_left or not is_transient(error):
            return
        self._ours = True
        answered = error.status is not None and error.status not in _ANSWERED_BY_A_GATEWAY
        self._patience = 0.0 if answered else self._api.config.upload_timeout

    async def _send(self) -> Entity:
        folder = await self._tree.ensure_folder(self._path.parent, self._operation)
        known = self._tree.known_file(self._path)
        if known is not None and self._exclusive and not self._ours:
            raise self._exists()
        try:
            entity = await self._put(folder, known)
        except OSFNotFoundError:
            # An id in the cache is no longer true; resolve once more.
            if not self._tree.invalidate(self._path):
                raise
            folder = await self._tree.ensure_folder(self._path.parent, self._operation)
            entity = await self._put(folder, None)
        self._tree.learn(self._path.parent, folder, entity)
        return entity

    async def _put(self, folder: Entity, known: Entity | None) -> Entity:
        provider = await self._tree.provider(self._path, self._operation)
        if known is not None:
            return await self._api.update_file(
                provider, known, self._body, str(self._path), self._operation
            )
        try:
            entity = await self._api.create_file(
                provider, folder, self._path.name, self._body, str(self._path), self._operation
            )
            if self._exclusive and not self._ours and (entity.version or 1) > 1:
                raise self._exists("somebody created the file at the same moment")
            return entity
        except FileExistsAnswer as conflict:
            existing = conflict.existing
            if existing is None:
                raise
            same = existing.md5 is not None and existing.md5 == await self._source.md5()
            if same and (self._ours or not self._exclusive):
                # The answer may give the first version's size; the bytes are ours.
                return existing.with_size(self._source.size)
            if self._exclusive:
                raise self._exists() from conflict
        return await self._api.update_file(
            provider, existing, self._body, str(self._path), self._operation
        )

    def _body(self) -> Body:
        return self._source.body(self._progress)

    async def _verified(self, entity: Entity) -> Entity:
        """Compare what the OSF says it stored with what was sent."""
        details = {
            "path": str(self._path),
            "operation": self._operation,
            "bytes_uploaded": self._source.size,
            "total_size": self._source.size,
        }
        md5 = await self._source.md5()
        if entity.md5 is not None and entity.md5 != md5:
            self._ours = True
            raise OSFIntegrityError(
                "the OSF stored other bytes (MD5)", expected=md5, actual=entity.md5, **details
            )
        if entity.size is not None and entity.size != self._source.size:
            self._ours = True
            raise OSFIntegrityError(
                "the OSF stored another number of bytes",
                expected=str(self._source.size),
                actual=str(entity.size),
                **details,
            )
        return entity

    async def _look_up(self, patience: float) -> Entity | None:
        """Look whether an earlier attempt has arrived; it may do so late."""
        md5 = await self._source.md5()
        waited, pause = 0.0, 0.5
        while True:
            try:
                file = await self._tree.file(self._path, self._operation, refresh=True)
            except OSFNotFoundError:
                file = None
            if file is not None and file.md5 == md5 and file.size == self._source.size:
                return file
            if waited >= patience:
                return None
            await self._api.clock.sleep(pause)
            waited += pause
            pause = min(pause * 2, 30.0)

    def _exists(self, message: str = "the file exists") -> OSFVersionConflictError:
        return OSFVersionConflictError(message, path=str(self._path), operation=self._operation)
