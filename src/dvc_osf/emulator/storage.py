"""The storage behind WaterButler: signed URLs on another origin, and what they serve."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from .answer import Answer, Refusal

if TYPE_CHECKING:
    from .exchange import Exchange
    from .records import Version
    from .world import World

_OBJECT = re.compile(r"/osf-storage/([0-9a-f]{24})/(\d+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def signed_url(world: World, version: Version, disposition: str) -> str:
    """Return a URL that serves a content to whoever has it, for a while."""
    path = f"/osf-storage/{version.entity}/{version.ordinal}"
    expires = str(int(time.time() + world.settings.redirect_lifetime))
    signature = _signature(world, path, expires, disposition)
    # Base64 with its +, / and =, percent-encoded: a client that re-encodes it breaks it.
    return (
        f"{world.storage_url}{path}?Expires={expires}&Signature={quote(signature, safe='')}"
        f"&response-content-disposition={quote(disposition, safe='')}"
    )


def _signature(world: World, path: str, expires: str, disposition: str) -> str:
    secret = world.recall("secret").encode()
    message = f"{path}\n{expires}\n{disposition}".encode()
    return base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()


async def answer(exchange: Exchange) -> Answer:
    """Answer a request to the storage origin."""
    version = _signed_version(exchange)
    blobs = exchange.world.blobs
    headers = {
        "Server": "UploadServer",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": exchange.query["response-content-disposition"],
        "Accept-Ranges": "bytes",
        "ETag": f'"{version.md5}"',
    }
    wanted = _wanted(exchange.request.headers.get("Range", ""), version.size)
    if wanted is None:
        return Answer(200, headers, blobs.body(version, 0, version.size))
    first, last = wanted
    if first > last:
        refusal = _error(416, "InvalidRange", "The requested range cannot be satisfied.")
        refusal.answer.headers["Content-Range"] = f"bytes */{version.size}"
        raise refusal
    headers["Content-Range"] = f"bytes {first}-{last}/{version.size}"
    return Answer(206, headers, blobs.body(version, first, last - first + 1))


def _signed_version(exchange: Exchange) -> Version:
    """Return what a request may have.

    Raises
    ------
    Refusal
        405, 400 for a token or an old signature, 403 for a wrong one, 404.
    """
    if exchange.method not in {"GET", "HEAD"}:
        raise _error(405, "MethodNotAllowed", "The specified method is not allowed.")
    if "Authorization" in exchange.request.headers:
        message = "Only one auth mechanism allowed; a signed URL takes no Authorization header."
        raise _error(400, "InvalidArgument", message)
    _check_signature(exchange)
    match = _OBJECT.fullmatch(exchange.path)
    version = exchange.world.tree.version(match[1], int(match[2])) if match else None
    if version is None:
        raise _error(404, "NoSuchKey", "The specified key does not exist.")
    return version


def _check_signature(exchange: Exchange) -> None:
    query = exchange.query
    expires = query.get("Expires", "")
    disposition = query.get("response-content-disposition", "")
    right = _signature(exchange.world, exchange.path, expires, disposition)
    if not hmac.compare_digest(right.encode(), query.get("Signature", "").encode()):
        message = "The request signature we calculated does not match the one you provided."
        raise _error(403, "SignatureDoesNotMatch", message)
    if time.time() > float(expires):
        raise _error(400, "ExpiredToken", "The provided token has expired.")


def _wanted(header: str, size: int) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        return max(size - int(match[2]), 0), size - 1
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    return first, last


def _error(status: int, code: str, message: str) -> Refusal:
    body = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    headers = {"Server": "UploadServer", "Content-Type": "application/xml; charset=UTF-8"}
    return Refusal(Answer(status, headers, body.encode()))
