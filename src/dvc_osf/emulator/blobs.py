"""The contents of files, stored once each under their SHA-256."""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from .answer import FileSlice
from .records import Content

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from .records import Version

# Contents up to this many bytes are in the database.
SMALL = 64 * 1024


class Incoming:
    """A content that is arriving: hashed and written to a temporary file.

    Parameters
    ----------
    path
        The temporary file; it is created here, and removed by `discard` unless it was kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._size = 0

    def write(self, pieces: Iterable[bytes]) -> None:
        """Take the next bytes; may run in any thread, one call at a time."""
        for piece in pieces:
            self._file.write(piece)
            self._md5.update(piece)
            self._sha256.update(piece)
            self._size += len(piece)

    def close(self) -> Content:
        """Finish writing and tell what has arrived."""
        self._file.close()
        return Content(self._size, self._md5.hexdigest(), self._sha256.hexdigest())

    def discard(self) -> None:
        """Close and remove the temporary file if it is still there."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Blobs:
    """The contents of all versions.

    Small ones are in the database, with their versions; others are files under their SHA-256, in
    two levels of directories so that none of these gets long.

    Parameters
    ----------
    root
        Where ``blobs/`` and ``incoming/`` are made; what a killed process left in the latter is
        removed.
    db
        The database; it stays the caller's.
    """

    def __init__(self, root: Path, db: sqlite3.Connection) -> None:
        self._db = db
        self._blobs = root / "blobs"
        self._incoming = root / "incoming"
        self._blobs.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(exist_ok=True)

    def incoming(self) -> Incoming:
        """Return a place for a content that is arriving."""
        return Incoming(self._incoming / uuid.uuid4().hex)

    def keep(self, incoming: Incoming, sha256: str) -> None:
        """Move a content that has arrived to its place."""
        path = self._path(sha256)
        if path.exists():
            incoming.discard()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        incoming.path.replace(path)

    def body(self, version: Version, offset: int, count: int) -> bytes | FileSlice:
        """Return a part of a version's content, to be sent."""
        small = self.small(version)
        if small is not None:
            return small[offset : offset + count]
        return FileSlice(self._path(version.sha256), offset, count)

    def open(self, version: Version) -> BinaryIO:
        """Return a version's content, to be read and closed by the caller."""
        small = self.small(version)
        return self._path(version.sha256).open("rb") if small is None else io.BytesIO(small)

    def discard(self, hashes: Iterable[str]) -> None:
        """Remove contents that no version has any more."""
        for sha256 in hashes:
            # Windows refuses while a download is reading; the content is harmless where it is.
            with suppress(OSError):
                self._path(sha256).unlink()

    def _path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256[2:4] / sha256

    def small(self, version: Version) -> bytes | None:
        """Return a version's content if it is kept in the database."""
        row = self._db.execute(
            "SELECT data FROM versions WHERE entity = ? AND ordinal = ?",
            (version.entity, version.ordinal),
        ).fetchone()
        return row[0] if row else None
