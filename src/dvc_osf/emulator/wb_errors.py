"""WaterButler's refusals: its own, and those that it relays from the OSF."""

from __future__ import annotations

from typing import Any

from . import wb_json
from .answer import Answer, Refusal

JSON = "application/json; charset=UTF-8"
_REPORT = (
    "If this should not have occurred and the issue persists, please report it to "
    '<a href="mailto:support@osf.io">support@osf.io</a>.'
)
# The doubled words are the OSF's.
_UNRESOLVED = (
    "OSF was unable to resolve your request. If this issue persists, please report it to "
    'please report it to <a href="mailto:support@osf.io">support@osf.io</a>.'
)
_RELAYED = {
    400: ("Bad request", _REPORT),
    403: ("Forbidden", f"You do not have permission to perform this action. {_REPORT}"),
    404: ("Page not found", f"The requested resource could not be found. {_REPORT}"),
    410: ("Resource deleted", f"User has deleted this content. {_REPORT}"),
    500: ("Unable to resolve", _UNRESOLVED),
}


def json_answer(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    """Return an error."""
    return Answer(status, {"Content-Type": JSON, **(headers or {})}, wb_json.encode(value))


def own(status: int, message: str) -> Refusal:
    """Return an error in WaterButler's own words."""
    return Refusal(json_answer(status, {"code": status, "message": message}))


def internal() -> Refusal:
    """Return the answer to what WaterButler did not foresee."""
    return own(500, "Internal Server Error")


def relayed(status: int) -> Refusal:
    """Return an error in the OSF's words."""
    short, long = _RELAYED[status]
    value = {"message_short": short, "message_long": long, "code": status, "referrer": None}
    return Refusal(json_answer(status, value))


def html_page_not_found() -> Refusal:
    """Return the answer to a path for which the OSF itself has no route: its web page, wrapped."""
    page = (
        '\n\n<!DOCTYPE html>\n<html lang="en">\n<head>\n    <meta charset="utf-8">\n'
        "    <title>OSF | Page not found</title>\n</head>\n<body>\n</body>\n</html>\n"
    )
    return Refusal(json_answer(404, {"response": page}))


def explained(status: int, message: str) -> Refusal:
    """Return an error in the OSF's words with an explanation of its own."""
    value = {
        "message_long": message,
        "message_short": "Unable to resolve",
        "code": status,
        "referrer": None,
    }
    return Refusal(json_answer(status, value))


def folder_exists(name: str, path: str) -> Refusal:
    """Return the answer to a folder that somebody else has created meanwhile."""
    message = (
        f'Cannot create folder "{name}" because a file or folder already exists at path "{path}"'
    )
    return explained(409, message)


def locked() -> Refusal:
    """Return the answer to an upload to a file that somebody else has checked out."""
    return Refusal(
        json_answer(
            403,
            {
                "message_short": "Forbidden",
                "message_long": "File cannot be updated due to checkout status.",
                "code": 403,
                "referrer": None,
            },
        )
    )


def missing(path: str) -> Refusal:
    """Return the answer to a path with the wrong slash."""
    return own(404, f"Could not retrieve file or directory {path}")


def conflict(name: str, extant: dict[str, Any]) -> Refusal:
    """Return the 409 for a name that is taken, with what has it."""
    message = f'Cannot complete action: file or folder "{name}" already exists in this location'
    return Refusal(json_answer(409, {"message": message, "data": extant}))


def over_quota() -> Refusal:
    """Return the answer for a project that is full."""
    return own(507, "The quota on this osfstorage project has been exceeded")
