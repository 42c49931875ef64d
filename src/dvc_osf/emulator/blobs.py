"""The contents of files, stored once each under their SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from .tree import Content

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


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
    """A directory of contents, two levels deep.

    Parameters
    ----------
    root
        Where ``blobs/`` and ``incoming/`` are made; what a killed process left in the latter is
        removed.
    """

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._incoming = root / "incoming"
        self._blobs.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the content with this hash is."""
        return self._blobs / sha256[:2] / sha256[2:4] / sha256

    def incoming(self) -> Incoming:
        """Return a place for a content that is arriving."""
        return Incoming(self._incoming / uuid.uuid4().hex)

    def keep(self, incoming: Incoming, sha256: str) -> None:
        """Move a content that has arrived to its place."""
        path = self.path(sha256)
        if path.exists():
            incoming.discard()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(incoming.path, path)

    def keep_bytes(self, data: bytes, sha256: str) -> None:
        """Store a small content."""
        path = self.path(sha256)
        if path.exists():
            return
        temporary = self._incoming / uuid.uuid4().hex
        temporary.write_bytes(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, path)

    def discard(self, hashes: Iterable[str]) -> None:
        """Remove contents that no version has any more."""
        for sha256 in hashes:
            # Windows refuses while a download is reading; the content is harmless where it is.
            with suppress(OSError):
                self.path(sha256).unlink()
