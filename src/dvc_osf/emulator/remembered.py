"""Listings that have been put together before, for as long as nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Hashable

_MOST = 1024


class RememberedListings:
    """Bodies of listings, by what they depend on; all are forgotten at the first change.

    Parameters
    ----------
    db
        Where all that a listing shows is written.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._changes = 0
        self._bodies: dict[Hashable, bytes] = {}

    def find(self, key: Hashable) -> bytes | None:
        """Return a body that still holds."""
        if self._changes != self._db.total_changes or len(self._bodies) > _MOST:
            self._changes = self._db.total_changes
            self._bodies.clear()
        return self._bodies.get(key)

    def keep(self, key: Hashable, body: bytes) -> None:
        """Keep the body that was put together after `find` had none, in the same step."""
        self._bodies[key] = body
