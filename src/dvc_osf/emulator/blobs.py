"""The contents of files, stored once each under their SHA-256."""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from .answer import FileSlice
from .tree import Content

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

# Contents up to this many bytes are rows of the database.
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
    """The contents of all versions: small ones in the database, others as files.

    For a small content a row costs a fraction of a file; the files are in two levels of
    directories, so that none of these gets long.

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

    def keep_small(self, data: bytes, sha256: str) -> None:
        """Store a content of at most `SMALL` bytes."""
        self._db.execute("INSERT OR IGNORE INTO small_contents VALUES (?, ?)", (sha256, data))

    def size(self, sha256: str) -> int | None:
        """Return the size of a content in bytes, None if there is no such content."""
        small = self._small(sha256)
        if small is not None:
            return len(small)
        path = self._path(sha256)
        return path.stat().st_size if path.exists() else None

    def body(self, sha256: str, offset: int, count: int) -> bytes | FileSlice:
        """Return a part of a content, to be sent."""
        small = self._small(sha256)
        if small is not None:
            return small[offset : offset + count]
        return FileSlice(self._path(sha256), offset, count)

    def open(self, sha256: str) -> BinaryIO:
        """Return a content, to be read and closed by the caller."""
        small = self._small(sha256)
        return self._path(sha256).open("rb") if small is None else io.BytesIO(small)

    def discard(self, hashes: Iterable[str]) -> None:
        """Remove contents that no version has any more."""
        for sha256 in hashes:
            self._db.execute("DELETE FROM small_contents WHERE sha256 = ?", (sha256,))
            # Windows refuses while a download is reading; the content is harmless where it is.
            with suppress(OSError):
                self._path(sha256).unlink()

    def _path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256[2:4] / sha256

    def _small(self, sha256: str) -> bytes | None:
        row = self._db.execute(
            "SELECT data FROM small_contents WHERE sha256 = ?", (sha256,)
        ).fetchone()
        return row[0] if row else None
