"""What the demonstration prints: steps, what was done in each, how long it took."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dvc_osf.utils import format_bytes

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from typing import TextIO

    from .osf import Traffic

__all__ = ["Report"]

_MIB = 1024 * 1024
# Columns: where the times end, and how wide the names of facts are.
_WIDTH = 78
_LABEL = 17


class Report:
    """Plain text for a terminal or a file, written as things happen.

    Parameters
    ----------
    out : text file, optional
        Where to write; stays the caller's. By default standard output.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._steps = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long this report has been in the making."""
        return time.monotonic() - self._began

    def text(self, text: str = "") -> None:
        """Write lines as they are.

        Parameters
        ----------
        text : str
            The lines, without the last line feed.
        """
        self._write(text + "\n")

    def step(self, title: str) -> None:
        """Begin the next step.

        Parameters
        ----------
        title : str
            What it is for.
        """
        self._steps += 1
        self.text(f"\n{self._steps}. {title}")

    @contextmanager
    def work(self, what: str) -> Iterator[None]:
        """Write what is being done and, in the end, how long it took.

        Parameters
        ----------
        what : str
            A command or a phrase.
        """
        line = f"   {what}"
        self._write(line)
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.text("  <- stopped here")
            raise
        seconds = f"{time.monotonic() - began:.2f} s"
        self.text(seconds.rjust(max(_WIDTH - len(line), len(seconds) + 1)))

    def fact(self, label: str, text: str) -> None:
        """Write something about the last line of work.

        Parameters
        ----------
        label : str
            A word or two.
        text : str
            The fact.
        """
        self.text(f"     {label:<{_LABEL}}{text}")

    def traffic(self, traffic: Traffic, seconds: float) -> None:
        """Write what the last line of work cost.

        Parameters
        ----------
        traffic : Traffic
            What reached the OSF.
        seconds : float
            How long the work took.
        """
        if traffic.uploaded:
            self.fact("uploaded", _amount(traffic.uploaded, traffic.bytes_uploaded, seconds))
        if traffic.downloaded:
            self.fact("downloaded", _amount(traffic.downloaded, traffic.bytes_downloaded, seconds))
        if traffic.requests:
            self.fact("requests", f"{traffic.requests.total():,}: {_listed(traffic.requests)}")
        if traffic.refused:
            self.fact("errors", _listed(traffic.refused))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _amount(files: int, size: int, seconds: float) -> str:
    if size < _MIB:
        # What such a command is busy with is not its files.
        return format_bytes(size)
    return (
        f"{format_bytes(size)}: {size / seconds / _MIB:,.1f} MiB/s, {files / seconds:,.1f} files/s"
    )


def _listed(counts: Counter[Any]) -> str:
    return ", ".join(f"{number:,} x {what}" for what, number in counts.most_common())
