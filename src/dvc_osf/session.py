"""The aiohttp session: one that does nothing behind our back."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import aiohttp

from . import __version__
from .failures import LostConnectionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .config import Config

__all__ = ["open_session"]


def open_session(
    config: Config, leaving: Callable[[Any, Any, Any], Awaitable[None]]
) -> aiohttp.ClientSession:
    """Open a session that sends no request twice, keeps no cookie and decodes nothing.

    Parameters
    ----------
    config : Config
        For TLS.
    leaving : callable
        Called, as aiohttp calls what traces it, when a request's head has been written.

    Returns
    -------
    aiohttp.ClientSession
        The caller's to close.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leaving)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            # The transport's semaphore is the limit; a second one would only hide waiting.
            limit=0,
            ssl=_tls(config.ssl_verify),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": f"dvc-osf/{__version__} aiohttp/{aiohttp.__version__}",
            # What is stored is what shall arrive: sizes and checksums are those of the file.
            "Accept-Encoding": "identity",
        },
        auto_decompress=False,
        middlewares=(_surface_lost_connections,),
        trace_configs=[trace],
        response_class=_Response,
    )


class _Response(aiohttp.ClientResponse):
    """An answer without which, or after whose refusal, the connection is not used again.

    WaterButler closes it after a refusal, and does not say so. That must be settled here, where no
    other task can have taken the connection from the pool yet.
    """

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        protocol, wire = connection.protocol, connection.transport
        try:
            await super().start(connection)
        except BaseException:
            # aiohttp closes it, which waits for a server that reads no more to take what is left
            # of the body: for ever, or until it goes on with an upload that was given up.
            # Where there is none any more, the connection was lost in the same moment.
            if wire is not None:
                wire.abort()
            raise
        if self.status >= 400:
            if self.connection is not None:
                protocol.force_close()
            elif wire is not None:
                wire.close()
        return self


async def _surface_lost_connections(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from re-sending a PUT or DELETE by itself: whether to is our decision."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise LostConnectionError(str(error) or type(error).__name__) from error


def _tls(verify: bool | str) -> ssl.SSLContext | bool:
    if not isinstance(verify, str):
        return verify
    try:
        return ssl.create_default_context(cafile=verify)
    except OSError as error:
        raise ValueError(f"ssl_verify: {verify} is not a readable CA file ({error})") from None
