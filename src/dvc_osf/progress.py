"""Progress of many files at once, told to a function that knows of bytes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.callbacks import DEFAULT_CALLBACK, Callback

from .utils import ProgressTracker

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["as_callback"]


def as_callback(callback: Any) -> Any:
    """Return a callback for many files at once, as fsspec's methods want one.

    Parameters
    ----------
    callback : fsspec.callbacks.Callback, callable or None
        A function ``callback(bytes_done, total_bytes)`` hears of the bytes of all files together;
        the total is None until the last of them has begun.

    Returns
    -------
    fsspec.callbacks.Callback
        The same, where it is one.

    Raises
    ------
    TypeError
        It is neither.
    """
    if callback is None:
        return DEFAULT_CALLBACK
    if isinstance(callback, Callback) or hasattr(callback, "branch_coro"):
        return callback
    return _Sum(callback)


class _Sum(Callback):  # type: ignore[misc] # fsspec is not typed
    """Counts files for fsspec, and adds up their bytes for a function."""

    def __init__(self, function: Callable[[int, int | None], Any]) -> None:
        super().__init__()
        self._progress = ProgressTracker(function)
        self._bytes = 0
        self._sized = 0

    def branched(self, path_1: str, path_2: str, **kwargs: Any) -> _Part:
        del path_1, path_2, kwargs
        return _Part(self)

    def relative_update(self, inc: int = 1) -> None:
        super().relative_update(inc)
        if self.value == self.size:
            # Nothing moved where all files are empty; the total may be known only now.
            self._progress.finish()

    def grow(self, step: int, *, first: bool) -> None:
        """Take in what a file has turned out to be larger than was known."""
        self._bytes += step
        self._sized += first
        if self._sized == self.size:
            self._progress.set_total(self._bytes)

    def move(self, step: int) -> None:
        """Take in that so many more bytes are through, or fewer."""
        self._progress.move_to(self._progress.done + step)


class _Part(Callback):  # type: ignore[misc] # fsspec is not typed
    """Hears of one file's bytes."""

    size: int | None

    def __init__(self, whole: _Sum) -> None:
        super().__init__()
        self._whole = whole

    def set_size(self, size: int) -> None:
        before, self.size = self.size, size
        self._whole.grow(size - (before or 0), first=before is None)

    def relative_update(self, inc: int = 1) -> None:
        self._whole.move(inc)

    def close(self) -> None:
        if self.size is None:
            # A folder, among the files of a download.
            self.set_size(0)
