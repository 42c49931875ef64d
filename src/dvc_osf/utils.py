"""Small tools of uploads: sizes, chunks, checksums, progress."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from fsspec.callbacks import Callback

from .config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "ProgressTracker",
    "chunk_file",
    "compute_upload_checksum",
    "determine_upload_strategy",
    "format_bytes",
    "get_file_size",
    "validate_chunk_size",
]

logger = logging.getLogger("dvc_osf")


def format_bytes(size: float) -> str:
    """Write a number of bytes for people.

    Parameters
    ----------
    size : float
        Bytes.

    Returns
    -------
    str
        With a binary unit and one decimal.

    Examples
    --------
    >>> format_bytes(5 * 1024 * 1024)
    '5.0 MiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def validate_chunk_size(chunk_size: int) -> int:
    """Insist on a chunk size within the limits.

    Parameters
    ----------
    chunk_size : int
        Bytes.

    Returns
    -------
    int
        The same.

    Raises
    ------
    ValueError
        It is below :attr:`Config.UPLOAD_CHUNK_MIN_SIZE` or above
        :attr:`Config.UPLOAD_CHUNK_MAX_SIZE`.
    """
    low, high = Config.UPLOAD_CHUNK_MIN_SIZE, Config.UPLOAD_CHUNK_MAX_SIZE
    if not low <= chunk_size <= high:
        raise ValueError(
            f"a chunk of {format_bytes(chunk_size)} is not between {format_bytes(low)} and "
            f"{format_bytes(high)}"
        )
    return chunk_size


def determine_upload_strategy(size: int, chunk_size: int = Config.OSF_UPLOAD_CHUNK_SIZE) -> str:
    """Decide how a file is sent; either way it is one request.

    Parameters
    ----------
    size : int
        The file's bytes.
    chunk_size : int, optional
        Bytes of a chunk.

    Returns
    -------
    str
        ``"single"`` for a file below one chunk, which is sent from memory; ``"chunked"`` for the
        pipeline of reading, hashing and sending.
    """
    return "single" if size < chunk_size else "chunked"


def get_file_size(file: str | os.PathLike[str] | BinaryIO) -> int | None:
    """Return a file's size.

    Parameters
    ----------
    file : path or binary file object
        An object is measured from its current position to its end, and left where it was.

    Returns
    -------
    int or None
        Bytes; None for an object that cannot be measured, such as a pipe.
    """
    if isinstance(file, (str, os.PathLike)):
        return os.stat(file).st_size
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return end - here


def chunk_file(file: BinaryIO, chunk_size: int = Config.OSF_UPLOAD_CHUNK_SIZE) -> Iterator[bytes]:
    """Read a file object chunk by chunk.

    Parameters
    ----------
    file : binary file object
        Read from its current position; stays the caller's.
    chunk_size : int, optional
        Bytes of every chunk but the last.

    Yields
    ------
    bytes
        The next chunk, never empty.
    """
    while chunk := file.read(chunk_size):
        yield chunk


def compute_upload_checksum(
    file: BinaryIO | bytes | bytearray | memoryview,
    chunk_size: int = Config.OSF_UPLOAD_CHUNK_SIZE,
) -> str:
    """Compute the MD5 that the OSF will report for these bytes.

    Parameters
    ----------
    file : binary file object or bytes-like
        An object is read from its current position to its end.
    chunk_size : int, optional
        Bytes to hold in memory at once.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.md5(usedforsecurity=False)
    if isinstance(file, (bytes, bytearray, memoryview)):
        digest.update(file)
    else:
        for chunk in chunk_file(file, chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


class ProgressTracker:
    """Tells a callback how far a transfer is; never lets it disturb the transfer.

    Parameters
    ----------
    callback : fsspec.callbacks.Callback or callable, optional
        Either fsspec's kind, or a function ``callback(bytes_done, total_bytes)``. One that raises
        is logged, once, and not called again.
    total : int or None
        Bytes of the whole transfer, where known.

    Attributes
    ----------
    done, total : int
        Bytes that are through, and bytes in all (None where that is not known).
    chunk_size : int or None
        Bytes of a chunk, for a transfer whose chunks are counted.

    Raises
    ------
    TypeError
        The callback is neither.
    """

    def __init__(
        self,
        callback: Callback | Callable[[int, int | None], Any] | None = None,
        total: int | None = None,
    ) -> None:
        if callback is not None and not callable(callback) and not isinstance(callback, Callback):
            raise TypeError(
                f"callback is {callback!r}; pass a function of (bytes_done, total_bytes) or an "
                "fsspec.callbacks.Callback"
            )
        self._callback = callback
        self._reported: tuple[int, int | None] | None = None
        self._label = ""
        self.done = 0
        self.total: int | None = None
        self.chunk_size: int | None = None
        if total is not None:
            self.set_total(total)

    def set_total(self, total: int) -> None:
        """Say how much there is to transfer.

        Parameters
        ----------
        total : int
            Bytes.
        """
        self.total = total
        if isinstance(self._callback, Callback):
            self._call(self._callback.set_size, total)

    def count_chunks(self, chunk_size: int, label: str) -> None:
        """Log, at DEBUG, each chunk that is sent, by its number.

        Parameters
        ----------
        chunk_size : int
            Bytes of every chunk but the last.
        label : str
            The operation and the path.
        """
        self.chunk_size = chunk_size
        self._label = label

    def update(self, count: int) -> None:
        """Say that more bytes are through.

        Parameters
        ----------
        count : int
            How many more.
        """
        if self.chunk_size and self.total:
            self._log_chunks(self.chunk_size, self.total, self.done + count)
        self.move_to(self.done + count)

    def restart(self) -> None:
        """Go back to nothing: another attempt begins."""
        self.move_to(0)

    def finish(self) -> None:
        """Say that all is through; a plain function then surely has seen ``(total, total)``."""
        self.move_to(self.done if self.total is None else self.total)
        if self._reported != (self.done, self.total):
            self._report()

    def move_to(self, position: int) -> None:
        """Say how many bytes are through in all.

        Parameters
        ----------
        position : int
            Bytes.
        """
        step = position - self.done
        self.done = position
        if isinstance(self._callback, Callback):
            if step:
                self._call(self._callback.relative_update, step)
        elif step > 0:
            self._report()

    def _log_chunks(self, chunk_size: int, total: int, position: int) -> None:
        """Log the chunks that a step to a position completes."""
        last = -(-total // chunk_size)
        through = last if position >= total else position // chunk_size
        for number in range(self.done // chunk_size + 1, through + 1):
            sent = min(number * chunk_size, total)
            logger.debug(
                "%s: chunk %d of %d, %d of %d bytes sent", self._label, number, last, sent, total
            )

    def _report(self) -> None:
        if self._callback is not None and not isinstance(self._callback, Callback):
            self._reported = (self.done, self.total)
            self._call(self._callback, self.done, self.total)

    def _call(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            function(*args)
        except Exception:
            self._callback = None
            logger.exception("a progress callback failed and is not called again")
