"""Counts of what a filesystem asked of the OSF; requests are money there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Stats"]


@dataclass
class Stats:
    """Running totals of one filesystem instance.

    Read any attribute at any time; :meth:`reset` starts again from nothing.

    Attributes
    ----------
    requests : collections.Counter
        Requests begun, by kind: ``"file PUT"``, ``"folder PUT"``, ``"listing"``, ``"download"``,
        ``"delete"``, ``"move"``, ``"copy"``, ``"revisions"``, ``"api"``.
    statuses : collections.Counter
        Answers received, by HTTP status.
    retries : int
        Requests sent again after a failure, not counting pauses after a 429.
    bytes_sent, bytes_received : int
        Bodies, in bytes.
    seconds_sending, seconds_receiving : float
        Seconds during which at least one such body was under way, per transfer, summed.
    seconds_waiting : float
        Seconds for which a 429 kept the gate closed.
    """

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    retries: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds_sending: float = 0.0
    seconds_receiving: float = 0.0
    seconds_waiting: float = 0.0

    @property
    def total(self) -> int:
        """Requests begun, of every kind."""
        return sum(self.requests.values())

    @property
    def upload_rate(self) -> float:
        """Bytes per second of an average upload's body."""
        return self.bytes_sent / self.seconds_sending if self.seconds_sending else 0.0

    @property
    def download_rate(self) -> float:
        """Bytes per second of an average download's body."""
        return self.bytes_received / self.seconds_receiving if self.seconds_receiving else 0.0

    def reset(self) -> None:
        """Set every total to nothing."""
        self.__init__()  # type: ignore[misc]
