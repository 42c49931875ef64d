"""Uploads: one request each, and its outcome known before anything is sent twice."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exceptions import (
    OSFException,
    OSFIntegrityError,
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFPathError,
    OSFVersionConflictError,
)
from .readings import FileExistsConflictError
from .retry import look_until, patience_after

if TYPE_CHECKING:
    from .api import OSFAPIClient
    from .concurrency import KeyedLocks
    from .folders import FolderMaker
    from .messages import Body
    from .models import Entity
    from .paths import OSFPath
    from .sources import Source
    from .tree import Tree
    from .utils import ProgressTracker

__all__ = ["UploadJob", "Uploader"]

logger = logging.getLogger("dvc_osf")


@dataclass(frozen=True)
class UploadJob:
    """Where to upload to, and how.

    Attributes
    ----------
    place : OSFPath
        The file; its folders are created.
    progress : ProgressTracker
        Follows the bytes.
    operation : str
        For the log and the errors.
    exclusive : bool
        Refuse a file that exists instead of giving it a new version.
    """

    place: OSFPath
    progress: ProgressTracker
    operation: str
    exclusive: bool = False


class Uploader:
    """Stores files, one request each where one will do.

    Parameters
    ----------
    api : OSFAPIClient
        What sends.
    tree : Tree
        What knows the folders.
    folders : FolderMaker
        What makes those that are missing.
    locks : KeyedLocks
        Keeps writers of one path apart: concurrent PUTs to one file corrupt it on the OSF.
    """

    def __init__(
        self, api: OSFAPIClient, tree: Tree, folders: FolderMaker, locks: KeyedLocks
    ) -> None:
        self._api = api
        self._tree = tree
        self._folders = folders
        self._locks = locks

    async def upload(self, job: UploadJob, source: Source) -> Entity:
        """Store a source's bytes, verified.

        Parameters
        ----------
        job : UploadJob
            Where, and how.
        source : Source
            What to store.

        Returns
        -------
        Entity
            As the OSF has it, size and MD5 checked.

        Raises
        ------
        OSFIsADirectoryError
            The place is a provider's root.
        OSFVersionConflictError
            The file exists and the upload was exclusive.
        OSFIntegrityError
            The OSF stored other bytes, again and again.
        """
        place, operation = str(job.place), job.operation
        if not job.place.parts:
            raise OSFIsADirectoryError(
                "a file needs a name", path=place, operation=operation, hint=OSFPathError.hint
            )
        async with self._locks.hold(place):
            upload = _Upload(self._api, self._tree, self._folders, job, source)
            logger.debug("%s osf://%s: %d bytes begin", operation, place, source.size)
            try:
                with self._tree.doubting(job.place):
                    async for attempt in self._api.attempts(operation, place):
                        with attempt:
                            entity = await upload.attempt()
            except OSFException as error:
                await upload.clean_up(error)
                raise
            job.progress.finish()
            logger.debug("%s osf://%s: version %s stored", operation, place, entity.version)
            return entity


class _Upload:
    """One upload, over all its attempts."""

    def __init__(
        self,
        api: OSFAPIClient,
        tree: Tree,
        folders: FolderMaker,
        job: UploadJob,
        source: Source,
    ) -> None:
        self._api = api
        self._tree = tree
        self._folders = folders
        self._path = job.place
        self._progress = job.progress
        self._operation = job.operation
        self._exclusive = job.exclusive
        self._source = source
        self._patience: float | None = None
        """Seconds for which an earlier attempt may still arrive; None when none can."""
        self._damaged: Entity | None = None
        """What an earlier attempt stored, with other bytes than were sent."""
        self._wrong: set[str] = set()
        """The checksums of all that was so stored."""
        self._ours = False
        """Whether a file of that name can be the work of an earlier attempt."""

    async def attempt(self) -> Entity:
        """Try once, after making sure that no earlier try succeeded without saying so."""
        if self._patience is not None:
            entity = await look_until(self._look_up, self._patience, self._api.clock)
            if entity is not None:
                return entity
            self._patience = None
        try:
            entity = await self._send()
        except OSFException as error:
            error.path = error.path or str(self._path)
            error.operation = error.operation or self._operation
            error.chunk_size = self._progress.chunk_size
            self._patience = patience_after(error, self._api.config.upload_timeout)
            self._ours |= self._patience is not None
            raise
        return await self._verified(entity)

    async def _send(self) -> Entity:
        folder, known, entity = await self._tree.resolving(self._send_by_ids, self._path)
        entity = self._with_created(entity, known)
        if known is not None and known.id != entity.id:
            # Some add-ons put a new file in the place of the old one.
            self._tree.forget(self._path, known)
        self._tree.learn(self._path.parent, folder, entity)
        return entity

    async def _send_by_ids(self) -> tuple[Entity, Entity | None, Entity]:
        """Send to the file, or else into the folder, that the cache knows."""
        folder = await self._folders.ensure(self._path.parent, self._operation)
        # Whether the file exists for an exclusive creation is the server's to say.
        known = self._damaged if self._exclusive else self._tree.known_file(self._path)
        try:
            return folder, known, await self._put(folder, known)
        except OSFNotFoundError:
            # What an earlier attempt stored has been deleted, perhaps.
            self._damaged = None
            raise

    @staticmethod
    def _with_created(entity: Entity, known: Entity | None) -> Entity:
        """Enter the time of creation, which answers to a PUT leave out."""
        if entity.created is not None:
            return entity
        if entity.version == 1:
            return entity._replace(created=entity.modified)
        return entity._replace(created=known.created) if known is not None else entity

    async def _put(self, folder: Entity, known: Entity | None) -> Entity:
        if known is not None:
            return await self._upload_to(known)
        try:
            entity = await self._upload_to(folder)
            if self._exclusive and not self._ours and (entity.version or 1) > 1:
                raise self._exists("somebody created the file at the same moment")
            return entity
        except FileExistsConflictError as conflict:
            existing = conflict.existing or await self._look_for_file()
            if existing is None:
                raise
            same = existing.md5 is not None and existing.md5 == await self._source.md5()
            if same and (self._ours or not self._exclusive):
                # The answer may give the first version's size; the bytes are ours.
                return existing.with_size(self._source.size)
            if self._exclusive:
                raise self._exists() from conflict
        return self._with_created(await self._upload_to(existing), existing)

    async def _upload_to(self, target: Entity) -> Entity:
        """Send the bytes into a folder, or to a file that exists."""
        return await self._api.upload_file(
            await self._tree.provider(self._path, self._operation),
            target,
            self._body,
            str(self._path),
            name=self._path.name,
            operation=self._operation,
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
            "chunk_size": self._progress.chunk_size,
        }
        md5 = await self._source.md5()
        self._damaged = entity
        if entity.md5 is None and entity.size is None:
            # Some add-ons say more in a listing.
            entity = await self._look_for_file() or entity
        if entity.md5 is not None and entity.md5 != md5:
            self._wrong.add(entity.md5)
            raise OSFIntegrityError(
                "the OSF stored other bytes (MD5)", expected=md5, actual=entity.md5, **details
            )
        if entity.size is not None and entity.size != self._source.size:
            raise OSFIntegrityError(
                "the OSF stored another number of bytes",
                expected=str(self._source.size),
                actual=str(entity.size),
                **details,
            )
        return entity

    async def clean_up(self, error: OSFException) -> None:
        """Delete a file that was created with other bytes; of an older one, say what is damaged.

        The OSF says what it has stored only afterwards, and takes no single version back.
        """
        if self._damaged is None or not self._wrong:
            return
        file, path, hint = self._damaged, str(self._path), error.hint
        error.hint = f"Version {file.version} on the OSF is damaged. {hint}"
        with contextlib.suppress(OSFException):
            provider = await self._tree.provider(self._path, self._operation)
            versions = await self._api.versions(provider, file, path)
            if versions and all(version.md5 in self._wrong for version in versions):
                await self._api.delete(provider, file, path)
                self._tree.forget(self._path, file)
                error.hint = hint

    async def _look_up(self) -> Entity | None:
        """Look whether an earlier attempt has arrived; it may do so late."""
        file = await self._look_for_file()
        same = file is not None and file.md5 == await self._source.md5()
        return file if same else None

    async def _look_for_file(self) -> Entity | None:
        """Look what the OSF has at the path, whatever the cache believes."""
        try:
            return await self._tree.file(self._path, self._operation, refresh=True)
        except OSFNotFoundError:
            return None

    def _exists(self, message: str = "the file exists") -> OSFVersionConflictError:
        return OSFVersionConflictError(message, path=str(self._path), operation=self._operation)
