"""Identifiers and times in the forms that the OSF gives them."""

from __future__ import annotations

import itertools
import secrets
import time
from datetime import datetime, timezone

# The OSF leaves out the characters that people confuse: 0 and o, 1 and l and i.
_GUID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_process = secrets.token_hex(5)
_counter = itertools.count(secrets.randbelow(1 << 24))


def new_id() -> str:
    """Return a new entity id: the time, the process and a counter as 24 hex characters."""
    return f"{int(time.time()):08x}{_process}{next(_counter) & 0xFFFFFF:06x}"


def new_guid() -> str:
    """Return a new guid of a node or a user: five characters."""
    return "".join(secrets.choice(_GUID_ALPHABET) for _ in range(5))


def now() -> str:
    """Return the time in UTC, as API v2 spells it."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")
