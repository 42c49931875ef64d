"""The emulator as a whole: its listeners, from start to end."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from .controls import Controls
from .respond import respond
from .world import DEFAULT_REGION, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from .log import Role
    from .settings import Settings

T = TypeVar("T")

# Room for the longest name that WaterButler takes, percent-encoded.
_MAX_LINE = 64 * 1024
_READ_BUFFER = 1024 * 1024
# Requests that are still being answered when the emulator ends get this long.
_SHUTDOWN_SECONDS = 0.2
_BACKLOG = 1024


class Emulator(Controls):
    """An OSF in this process, in the running event loop.

    It is an asynchronous context manager; it owns its listeners and its database, and ends with
    all its connections.

    Parameters
    ----------
    root
        Directory that keeps everything across restarts; None for a temporary one that is removed
        in the end.
    port
        Port of API v2 and the web pages, 0 for any that is free. The other hosts take free ones.
    host
        Address to listen on.
    settings
        Switches to start with.

    Examples
    --------
    >>> async with Emulator() as osf:  # doctest: +SKIP
    ...     print(osf.api_url, osf.token, osf.project)
    """

    def __init__(
        self,
        root: Path | str | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: Settings | None = None,
    ) -> None:
        self._root = None if root is None else Path(root)
        self._temporary: Path | None = None
        self._port = port
        self._host = host
        self._given_settings = settings
        self._world: World | None = None
        self._runners: list[web.ServerRunner] = []
        self._starting: list[asyncio.Task[None]] = []

    @property
    def world(self) -> World:
        """The emulated OSF behind the listeners."""
        if self._world is None:
            raise RuntimeError("The emulator is not running: use it in an 'async with' block.")
        return self._world

    async def start(self) -> None:
        """Open the store and accept connections on every host."""
        root = self._root
        if root is None:
            root = self._temporary = Path(tempfile.mkdtemp(prefix="dvc-osf-emulator-"))
        self._world = world = World(root)
        try:
            if self._given_settings is not None:
                world.settings = self._given_settings
            if world.store.fact("secret") is None:
                world.store.remember("secret", secrets.token_hex(32))
            world.first_steps()
            world.web_url = self._listen("api", self._port)
            world.storage_url = self._listen("storage")
            for region in {DEFAULT_REGION, *world.store.regions()}:
                self._open_region(region)
            await asyncio.gather(*self._starting)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Drop all connections, end all work and close the store."""
        if self._world is None:
            return
        self._world.closing.set()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        await self._world.close()
        self._world = None
        self._runners.clear()
        self._starting.clear()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _call(self, work: Callable[[], T]) -> T:
        return work()

    def _open_region(self, region: str) -> None:
        if region not in self.world.files_urls:
            self.world.files_urls[region] = self._listen("files")

    def _listen(self, role: Role, port: int = 0) -> str:
        """Bind a port now and serve it as soon as the loop runs; return the URL."""
        world = self.world
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        sock = socket.create_server((self._host, port), family=family, backlog=_BACKLOG)
        name = f"[{self._host}]" if ":" in self._host else self._host
        url = f"http://{name}:{sock.getsockname()[1]}"

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await respond(world, request, role, url)

        server = web.Server(
            handle,
            access_log=None,
            lingering_time=0,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            read_bufsize=_READ_BUFFER,
            auto_decompress=False,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        self._runners.append(runner)
        self._starting.append(asyncio.get_running_loop().create_task(_serve(runner, sock)))
        return url


async def _serve(runner: web.ServerRunner, sock: socket.socket) -> None:
    await runner.setup()
    await web.SockSite(runner, sock).start()
