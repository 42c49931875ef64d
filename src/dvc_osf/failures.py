"""What can go wrong below HTTP, in this package's words."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp

from .exceptions import (
    OSFCertificateError,
    OSFConnectionError,
    OSFException,
    OSFTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Request

__all__ = ["LostConnectionError", "StalledError", "presentable", "translate", "translated"]


class LostConnectionError(aiohttp.ClientConnectionError):
    """A connection that broke; aiohttp would answer its own kinds by sending the request again."""


class StalledError(asyncio.TimeoutError):
    """The watchdog's word for an upload that does not move."""


@contextlib.contextmanager
def translated(request: Request) -> Iterator[None]:
    """Turn what aiohttp raises into this package's errors.

    Parameters
    ----------
    request : Request
        What was asked.

    Yields
    ------
    None
        While it is.
    """
    try:
        yield
    except OSFException:
        raise
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        raise translate(error, request) from presentable(error)


def presentable(error: BaseException) -> BaseException | None:
    """Return an error of aiohttp's as a cause that may be shown.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    BaseException or None
        None for those that quote the request: its URL may be signed or hold a view-only key, and
        its headers hold the token.
    """
    quotes = isinstance(error, (aiohttp.ClientResponseError, aiohttp.InvalidURL))
    return None if quotes else error


def translate(error: BaseException, request: Request) -> OSFException:
    """Return this package's error for one of aiohttp's.

    Parameters
    ----------
    error : BaseException
        What was raised.
    request : Request
        What was asked.

    Returns
    -------
    OSFException
        Not raised; it quotes no URL but the host's, for others may be signed.
    """
    where: dict[str, Any] = {"operation": request.operation, "path": request.path}
    host = f"{request.url.scheme}://{request.url.authority}"
    if isinstance(error, StalledError):
        return OSFTimeoutError(str(error), **where)
    if isinstance(error, asyncio.TimeoutError):
        return OSFTimeoutError(f"{host} was silent for too long", **where)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return OSFCertificateError(f"the certificate of {host} is not trusted", **where)
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or error.os_error
        failure = OSFConnectionError(f"cannot connect to {host} ({reason})", **where)
        failure.unreachable = True
        return failure
    if isinstance(error, aiohttp.ClientPayloadError):
        return OSFConnectionError(f"the answer of {host} was cut off", **where)
    # Not the error's own text: it may quote a signed URL.
    return OSFConnectionError(f"the connection to {host} was lost", **where)
