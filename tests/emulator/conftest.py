"""An emulator in the test's own event loop, and a plain client for it."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yarl

from dvc_osf.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


@dataclass
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def attributes(self) -> Any:
        return self.data["attributes"]

    @property
    def id(self) -> str:
        return self.attributes["path"].strip("/")

    @property
    def names(self) -> list[str]:
        return [item["attributes"]["name"] for item in self.data]


class Client:
    """Requests to one project, without any of the cleverness of a filesystem."""

    def __init__(self, osf: Emulator, session: aiohttp.ClientSession, token: str | None) -> None:
        self.osf = osf
        self.session = session
        self.token = token
        self.project = osf.project

    def acting(self, token: str | None = None, project: str | None = None) -> Client:
        """Return a client with another token (None: without) or for another project."""
        other = Client(self.osf, self.session, token)
        other.project = project or self.project
        return other

    async def request(self, method: str, url: str, **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        data = options.get("data")
        if isinstance(data, bytes) and len(data) > 1 << 20:
            options["data"] = io.BytesIO(data)
            headers.setdefault("Content-Length", str(len(data)))
        async with self.session.request(
            method, yarl.URL(url, encoded=True), headers=headers, allow_redirects=False, **options
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def v2(self, path: str, method: str = "GET", **options: Any) -> Reply:
        return await self.request(method, f"{self.osf.api_url}{path}", **options)

    async def wb(self, method: str, path: str = "/", **options: Any) -> Reply:
        """Ask WaterButler; the path begins with a slash or is an id."""
        url = f"{self.osf.files_url}/v1/resources/{self.project}/providers/osfstorage"
        return await self.request(method, f"{url}/{path.lstrip('/')}", **options)

    async def put(self, name: str, data: bytes = b"data", folder: str = "/") -> Reply:
        return await self.wb("PUT", f"{folder}?kind=file&name={name}", data=data)

    async def mkdir(self, name: str, folder: str = "/") -> str:
        reply = await self.wb("PUT", f"{folder}?kind=folder&name={name}")
        assert reply.status == 201
        return reply.id + "/"

    async def file(self, name: str = "file", data: bytes = b"data", folder: str = "/") -> str:
        reply = await self.put(name, data, folder)
        assert reply.status == 201
        return reply.id

    async def post(self, path: str, /, **body: Any) -> Reply:
        return await self.wb("POST", path, json=body)

    async def names(self, folder: str = "/") -> list[str]:
        return sorted((await self.wb("GET", folder)).names)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the emulator does by itself."""
    while not condition():  # noqa: ASYNC110 -- no event tells what a server has done
        await asyncio.sleep(0)


class Wire:
    """A connection whose bytes a test sends and reads one by one."""

    def __init__(self, url: str) -> None:
        parts = yarl.URL(url)
        self._sock = socket.create_connection((parts.host, parts.port), timeout=10)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def request(self, method: str, target: str, token: str | None, **headers: object) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: osf"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def head(self) -> bytes:
        """Return everything up to the end of the next headers."""
        read = b""
        while not read.endswith(b"\r\n\r\n"):
            byte = self._sock.recv(1)
            if not byte:
                break
            read += byte
        return read

    def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        read = b""
        while piece := self._sock.recv(65536):
            read += piece
        return read

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
async def osf(tmp_path) -> AsyncIterator[Emulator]:
    """Return an OSF of the test's own."""
    async with Emulator(tmp_path / "osf") as emulator:
        yield emulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    # WaterButler ends connections unannounced after early errors: nothing to be used twice.
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest.fixture
def client(osf, session) -> Client:
    """Return a client with the first token, for the first project."""
    return Client(osf, session, osf.token)


@pytest.fixture
def wire():
    """Return a function that opens connections; they end with the test."""
    opened: list[Wire] = []

    def connect(url: str) -> Wire:
        opened.append(Wire(url))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()
