"""What the OSF's answers mean when they are not the ones hoped for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .auth import redact
from .exceptions import OSFException, OSFServerError, error_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .messages import Answer

__all__ = ["announced_length", "range_start", "read_error", "unreadable", "words_of"]


def read_error(
    answer: Answer, token: str | None, operation: str, path: str, project: str | None
) -> OSFException:
    """Turn an answer of status 300 or above into an error.

    Parameters
    ----------
    answer : Answer
        What the server said.
    token : str or None
        What must not be shown, even if the server repeats it.
    operation, path : str
        What was asked, of what.
    project : str or None
        For the link to its settings.

    Returns
    -------
    OSFException
        Not raised.
    """
    if answer.status < 400:
        return OSFServerError(
            "the OSF redirects where it should answer",
            status=answer.status,
            operation=operation,
            path=path,
            hint="Check endpoint_url (OSF_API_URL)",
        )
    words = redact(words_of(answer.content), token) or "the OSF refused or failed"
    if answer.status == 401 and token is not None:
        words = f"the OSF does not accept the token: {words}"
    return error_for_status(
        answer.status,
        words,
        project=project,
        operation=operation,
        path=path,
        request_id=answer.headers.get("X-Waterbutler-Request-Id"),
        bytes_uploaded=answer.bytes_sent,
        total_size=answer.bytes_to_send,
    )


def announced_length(headers: Mapping[str, str]) -> int | None:
    """Return how many bytes of content an answer announces.

    Parameters
    ----------
    headers : Mapping of str to str
        The answer's.

    Returns
    -------
    int or None
        None where it does not say, or says it of the compressed content.
    """
    length = headers.get("Content-Length", "")
    if not length.isdecimal() or headers.get("Content-Encoding", "identity") != "identity":
        return None
    return int(length)


def unreadable(answer: Answer, operation: str, path: str) -> OSFServerError:
    """Return the error for an answer that was damaged on its way, or was never the OSF's.

    Parameters
    ----------
    answer : Answer
        One of success.
    operation, path : str
        What was asked, of what.

    Returns
    -------
    OSFServerError
        Worth a retry; not raised.
    """
    error = OSFServerError(
        "the OSF's answer cannot be read",
        status=answer.status,
        operation=operation,
        path=path,
        bytes_uploaded=answer.bytes_sent,
        total_size=answer.bytes_to_send,
        hint="Try again; check endpoint_url (OSF_API_URL) if it stays",
    )
    error.damaged = True
    return error


def words_of(content: bytes) -> str:
    """Find the message in any of the shapes in which the OSF says what is wrong.

    Parameters
    ----------
    content : bytes
        WaterButler's, API v2's or a relayed JSON, or a gateway's HTML.

    Returns
    -------
    str
        The message; empty where there is none.
    """
    try:
        found = json.loads(content)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    if isinstance(errors, list):
        details = [str(error.get("detail", "")) for error in errors if isinstance(error, dict)]
        return "; ".join(filter(None, details)).rstrip(".")
    for key in ("message_long", "message", "error", "message_short"):
        # The OSF appends "If this ... report it to <a href=...>", sometimes to nothing.
        text = str(found.get(key) or "").partition("If this ")[0].strip().rstrip(".")
        if text:
            return text
    return ""


def range_start(header: str | None, first: int | None, path: str, operation: str) -> int:
    """Read the first position from a Content-Range and insist that it is the one asked for.

    Parameters
    ----------
    header : str or None
        ``bytes 0-4/15``.
    first : int or None
        What was asked for.
    path, operation : str
        For the error.

    Returns
    -------
    int
        The position.

    Raises
    ------
    OSFServerError
        Another range came.
    """
    start = (header or "").removeprefix("bytes ").partition("-")[0]
    if not start.isdigit() or int(start) != first:
        raise OSFServerError(
            f"the files host sent the range {header!r} instead of one from {first}",
            path=path,
            operation=operation,
            status=500,
        )
    return int(start)
