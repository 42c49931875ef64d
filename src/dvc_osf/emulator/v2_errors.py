"""API v2's refusals."""

from __future__ import annotations

from typing import Any

from .answer import Answer, Refusal
from .v2_json import encode

JSON = "application/vnd.api+json; charset=utf-8"
_SERVER_ERROR = (
    '\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Server Error (500)</title>\n</head>\n'
    "<body>\n  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)


def error(
    status: int,
    detail: str,
    *,
    source: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Refusal:
    """Return an error; one with a source has the longer shape."""
    problem: dict[str, Any] = {"detail": detail}
    if source is not None:
        problem = {"source": source, "detail": detail, "meta": {}, "status": str(status)}
    body = encode({"errors": [problem], "meta": {"version": "2.0"}})
    return Refusal(Answer(status, {"Content-Type": JSON, **(headers or {})}, body))


def unauthorized(detail: str = "Authentication credentials were not provided.") -> Refusal:
    """Return the answer to missing or wrong credentials."""
    return error(401, detail, headers={"WWW-Authenticate": 'Documentation realm="api"'})


def not_found() -> Refusal:
    """Return the answer to what does not exist."""
    return error(404, "Not found.")


def gone(what: str) -> Refusal:
    """Return the answer to what was deleted."""
    return error(410, f"The requested {what} is no longer available.", source={})


def forbidden() -> Refusal:
    """Return the answer to a caller without the right."""
    return error(403, "You do not have permission to perform this action.")


def out_of_scope() -> Refusal:
    """Return the answer to a token without the scope."""
    return error(403, "The user has not authorized access to this view.")


def server_error() -> Refusal:
    """Return the page with which API v2 breaks down."""
    headers = {"Content-Type": "text/html; charset=utf-8", "Vary": "Cookie, origin"}
    return Refusal(Answer(500, headers, _SERVER_ERROR.encode()))
