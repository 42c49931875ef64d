"""The rows of the matrix: what fails, what that does not apply to, and how it must end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dvc_osf import (
    OSFConnectionError,
    OSFException,
    OSFIntegrityError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
)

from .operations import LARGE, OVERFLOWING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .operations import Operation

Ending = type[OSFException] | None
"""How an operation ends: with this error, or with success."""

SUCCEEDS: Ending = None

SILENCE = 0.3
"""Seconds of silence after which a request is given up, where there will be any."""

# Why a fault has nothing to do with an operation.
NO_BODY = "the request has no body"
NO_LARGE_BODY = "the request's body is none that takes its time, or that the server is asked about"
NO_CONTENT = "the request stores no content"
NO_ANSWER = "the answer has no body"
NO_CHECKSUM = "the OSF has no checksum of a part of a file, so nobody can know"


def always(_: Operation) -> str | None:
    """Apply to every operation."""
    return None


def needs_large_body(operation: Operation) -> str | None:
    """Apply to large uploads."""
    return None if operation.sends >= LARGE else NO_LARGE_BODY


def needs_content(operation: Operation) -> str | None:
    """Apply to uploads."""
    return None if operation.stores else NO_CONTENT


def needs_answer(operation: Operation) -> str | None:
    """Apply where the answer says something."""
    return None if operation.answered_with else NO_ANSWER


def needs_checkable_answer(operation: Operation) -> str | None:
    """Apply where it can be known whether the answer is what the server meant."""
    return NO_CHECKSUM if operation.answered_with == "part" else needs_answer(operation)


UPLOADS = frozenset({"create", "update", "bulk put"})

WRITES = UPLOADS | {"folder create", "move", "replace", "copy"}
"""What can be looked up, so that it does not matter whether the server's answer arrives."""


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes
    ----------
    name
        Its heading.
    effect
        Tells the arguments of the emulator's fault.
    for_good
        How an operation ends when every try fails.
    but
        The operations that succeed all the same.
    elsewhere
        Those that end in yet another way.
    once
        How an operation ends when the first try fails.
    skips
        Tells why the fault has nothing to do with an operation; None where it has.
    silent
        Whether the server goes silent, so that time must be short.
    works
        Whether the server does what it was asked to, and only its answer is missing.
    damages
        Whether the OSF stores other bytes than were sent, before anybody can know.
    body
        Bytes of a large upload.
    expects_for
        Seconds for which an upload waits for ``100 Continue``, where they must be few.
    """

    name: str
    effect: Callable[[Operation], dict[str, Any]]
    for_good: Ending
    but: frozenset[str] = frozenset()
    elsewhere: Mapping[str, Ending] = field(default_factory=dict)
    once: Ending = SUCCEEDS
    skips: Callable[[Operation], str | None] = always
    silent: bool = False
    works: bool = False
    damages: bool = False
    body: int = LARGE
    expects_for: float | None = None

    def ending(self, operation: Operation, *, permanent: bool) -> Ending:
        """Return how an operation must end."""
        if not permanent:
            return self.once
        if operation.name in self.but:
            return SUCCEEDS
        return self.elsewhere.get(operation.name, self.for_good)


def does(**effect: Any) -> Callable[[Operation], dict[str, Any]]:
    """Fail in the same way whatever the operation."""
    return lambda _: effect


def _reset_in_request(operation: Operation) -> dict[str, Any]:
    """Reset in the middle of the body; where there is none, instead of reading the request."""
    if not operation.sends:
        return {"reset": True}
    return {"reset_after_received": (operation.sends + 1) // 2}


ROWS: tuple[Row, ...] = (
    Row("status 500", does(status=500), OSFServerError),
    Row("status 502", does(status=502), OSFServerError),
    Row("status 503", does(status=503), OSFServerError),
    Row("status 504", does(status=504), OSFTimeoutError),
    Row("status 408", does(status=408), OSFTimeoutError),
    Row("status 429", does(status=429, retry_after=8), OSFRateLimitError),
    Row("reset in the request", _reset_in_request, OSFConnectionError),
    Row(
        "reset in the answer",
        does(reset_after_sent=20),
        OSFConnectionError,
        but=WRITES,
        skips=needs_answer,
    ),
    Row("answer lost", does(lose_answer=True), OSFConnectionError, but=WRITES, works=True),
    Row(
        "committed late",
        does(late_commit=0.05),
        SUCCEEDS,
        skips=needs_content,
    ),
    Row(
        "stops reading",
        does(stop_reading_after=100_000),
        OSFTimeoutError,
        skips=needs_large_body,
        silent=True,
        body=OVERFLOWING,
        expects_for=SILENCE,
    ),
    Row(
        "no 100 Continue",
        does(swallow_expect=True),
        SUCCEEDS,
        skips=needs_large_body,
        expects_for=0.1,
    ),
    Row(
        "answer truncated",
        does(truncate=20),
        OSFConnectionError,
        but=WRITES,
        skips=needs_answer,
    ),
    Row(
        "answer corrupted",
        does(corrupt=0),
        OSFServerError,
        but=WRITES,
        elsewhere={"download": OSFIntegrityError, "bulk get": OSFIntegrityError},
        skips=needs_checkable_answer,
    ),
    Row(
        "upload corrupted",
        does(corrupt_received=0),
        OSFIntegrityError,
        skips=needs_content,
        damages=True,
    ),
    Row("hang", does(hang=True), OSFTimeoutError, silent=True, expects_for=0.1),
    Row(
        "early 403",
        does(status=403),
        OSFPermissionError,
        once=OSFPermissionError,
        skips=needs_large_body,
    ),
    Row(
        "early 413",
        does(status=413),
        OSFQuotaExceededError,
        once=OSFQuotaExceededError,
        skips=needs_large_body,
    ),
)
