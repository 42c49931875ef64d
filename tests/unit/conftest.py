"""What unit tests share: a clock that never waits, raw servers, and an OSF of records."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import json
import os
import socket
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import formatdate
from pathlib import Path
from unittest.mock import Mock

import aiofiles.threadpool
import aiohttp
import aioresponses
import hypothesis
import pytest
from yarl import URL

from dvc_osf.auth import TokenSource
from dvc_osf.config import Config
from dvc_osf.exceptions import OSFNotFoundError, OSFVersionConflictError
from dvc_osf.messages import Arriving, Request
from dvc_osf.models import Entity, Provider, Version
from dvc_osf.paths import OSFPath
from dvc_osf.readings import FileExistsConflictError, Listing
from dvc_osf.retry import Clock, attempts
from dvc_osf.stats import Stats
from dvc_osf.transport import Transport
from dvc_osf.tree import Tree

# A machine that is busy is no reason to fail.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")

DATA = Path(__file__).parent / "data"
NOW = 1_800_000_000.0
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _no_outside_influence(monkeypatch):
    """Nothing of the calling environment may change what a test sees."""
    for name in list(os.environ):
        if name.startswith(("OSF_", "FSSPEC_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def recorded():
    """Return a function that loads JSON as a real OSF answered it."""

    def load(name, **hosts):
        text = (DATA / f"{name}.json").read_text(encoding="utf-8")
        for placeholder, url in hosts.items():
            text = text.replace(f"{{{placeholder}}}", url)
        return json.loads(text)

    return load


# -- time ------------------------------------------------------------------------------------


class FakeClock(Clock):
    """Time that passes only by sleeping, and sleeping that takes no time."""

    def __init__(self):
        self.now = NOW
        self.pauses = []

    def time(self):
        return self.now

    def monotonic(self):
        return self.now - NOW + 100.0

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def pass_by(self, seconds):
        self.now += seconds

    def http_date(self, seconds_from_now):
        return formatdate(self.now + seconds_from_now, usegmt=True)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def stats():
    return Stats()


async def _until(condition, patience=20.0):
    """Let other tasks run until a condition holds; the patience only ends a broken test."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not condition():
        if loop.time() > deadline:
            pytest.fail("what the test waits for does not happen")
        await asyncio.sleep(0.001)


@pytest.fixture
def until():
    return _until


class SlowOpen:
    """Files that take as long to open as the test likes."""

    def __init__(self):
        self.entered = threading.Event()
        self.release = threading.Event()
        self.files = []
        self._open = aiofiles.threadpool.sync_open

    def __call__(self, *args, **kwargs):
        self.entered.set()
        self.release.wait(10)
        self.files.append(self._open(*args, **kwargs))
        return self.files[-1]

    async def all_closed(self):
        """Wait until whatever was opened is closed again."""
        await _until(lambda: self.files)
        try:
            await _until(lambda: all(file.closed for file in self.files), patience=1)
        finally:
            for file in self.files:
                file.close()


@pytest.fixture
def slow_open(monkeypatch):
    """Make opening local files slow, and keep them all."""
    slow = SlowOpen()
    monkeypatch.setattr(aiofiles.threadpool, "sync_open", slow)
    return slow


@pytest.fixture
def settle():
    """Return a coroutine function that lets every task that can run do so."""

    async def run():
        for _ in range(20):
            await asyncio.sleep(0)

    return run


# -- aioresponses ----------------------------------------------------------------------------


class _Response(aiohttp.ClientResponse):
    """What aioresponses builds on aiohttp 3.14 and later (aioresponses#289)."""

    def __init__(self, *args, **kwargs):
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


class _Mocked(aioresponses.aioresponses):
    def add(self, *args, response_class=_Response, **kwargs):
        super().add(*args, response_class=response_class, **kwargs)

    def sent(self):
        """Return ``(method, URL, keyword arguments)`` of every request."""
        return [
            (method, str(url), call.kwargs)
            for (method, url), calls in self.requests.items()
            for call in calls
        ]


@pytest.fixture
def mocked():
    """Return what stands in for the network: aioresponses."""
    with _Mocked() as mock:
        yield mock


# -- raw servers -----------------------------------------------------------------------------


@dataclass
class Exchange:
    """One request as a server meets it, and the means to answer."""

    method: str
    target: str
    headers: dict
    connection: int
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)
    received: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def body(self):
        return bytes(self.received)

    @property
    def length(self):
        return int(self.headers.get("content-length", 0))

    async def read_body(self, size=None):
        wanted = self.length if size is None else size
        while len(self.received) < wanted:
            piece = await self.reader.read(min(MIB, wanted - len(self.received)))
            if not piece:
                break
            self.received += piece

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status, body=b"", headers=None, *, length=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        fields = {"Content-Length": str(len(body) if length is None else length)}
        if status == 204:
            fields = {}
        fields.update(headers or {})
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{key}: {fields[key]}" for key in fields)]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def reset(self):
        """Break the connection as a crash does: by RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class RawServer:
    """An HTTP server in which a coroutine function decides about every byte.

    The script gets the exchange; what it returns, if anything, is the answer: ``(status, body)``
    or ``(status, body, headers)``.
    """

    def __init__(self, script):
        self.script = script
        self.requests = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._tasks = set()

    async def start(self, tls=None):
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=tls, limit=4 * MIB
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    async def stop(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        connection = self.connections
        # CancelledError: before Python 3.12 a stream server would complain about it.
        with contextlib.suppress(
            asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError
        ):
            while await self._exchange(reader, writer, connection):
                pass
        writer.transport.abort()

    async def _exchange(self, reader, writer, connection):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {key.lower(): value for key, value in pairs}
        exchange = Exchange(method, target, headers, connection, reader, writer)
        self.requests.append(exchange)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            result = await self.script(exchange)
            if result is not None:
                if "expect" in headers and not exchange.received:
                    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await exchange.read_body()
                await exchange.answer(*result)
        finally:
            self.open -= 1
        return not writer.is_closing()

    @property
    def methods(self):
        return [request.method for request in self.requests]

    @property
    def targets(self):
        return [request.target for request in self.requests]


@pytest.fixture
async def serve():
    """Return a coroutine function that starts a raw server with a script."""
    servers = []

    async def start(script, tls=None):
        server = RawServer(script)
        await server.start(tls)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def connect(clock, stats):
    """Return a function that makes a transport; all share the test's clock and totals."""
    made = []

    def make(token=None, **options):
        options.setdefault("timeout", 20)
        transport = Transport(Config(**options), TokenSource(token), stats, clock)
        made.append(transport)
        return transport

    yield make
    for transport in made:
        await transport.aclose()


@pytest.fixture
def ask():
    """Return a function that makes a request."""

    def make(method, url, **details):
        details.setdefault("kind", "test")
        details.setdefault("operation", "put_file")
        details.setdefault("path", "abc12/osfstorage/a.txt")
        return Request(method, URL(url, encoded=True), **details)

    return make


# -- an OSF of records -----------------------------------------------------------------------


class FakeOSF:
    """Stands in for ``OSFAPIClient``: folders and files as records, with every call noted.

    ``before`` and ``after`` hold, by the name of a method, what happens before and after it does
    its work, once each: an error to raise, or a function to call (and await).
    """

    def __init__(self, clock, stats, **options):
        self.clock = clock
        self.stats = stats
        self.config = Config.resolve(**options)
        self.folders = {"": {}}
        self.contents = {}
        self.calls = []
        self.before = defaultdict(list)
        self.after = defaultdict(list)
        self._ids = 0

    # -- what somebody else does, unseen

    def new_id(self):
        self._ids += 1
        return f"id{self._ids:04d}"

    def add_folder(self, name, parent=""):
        folder = Entity(id=self.new_id(), kind="folder", name=name)
        self.folders[parent][folder.id] = folder
        self.folders[folder.id] = {}
        return folder

    def add_file(self, name, content=b"content", parent="", **facts):
        file = self._store(self.new_id(), name, content, 1, parent)
        if facts:
            file = file._replace(**facts)
            self.folders[parent][file.id] = file
        return file

    def remove(self, entity, parent=""):
        del self.folders[parent][entity.id]
        self.folders.pop(entity.id, None)

    def forget_providers(self, project=""):
        """Forget nothing, for there is one provider for ever."""

    def _store(self, id_, name, content, version, parent):
        self.clock.pass_by(0.001)
        file = Entity(
            id=id_,
            kind="file",
            name=name,
            size=len(content),
            md5=hashlib.md5(content).hexdigest(),
            version=version,
            modified=datetime.fromtimestamp(self.clock.now, timezone.utc),
        )
        self.folders[parent][id_] = file
        self.contents[id_, version] = content
        return file

    # -- the client's methods

    def attempts(self, operation, path, *retry_on):
        return attempts(self.config.max_retries, self.clock, self.stats, operation, path, *retry_on)

    async def provider(self, project, name, operation="ls"):
        await self._note("provider", project, name, operation)
        return Provider(project, name, f"http://files.test/v1/resources/{project}/providers/{name}")

    async def list_folder(self, provider, folder, path, *, etag=None):
        del provider
        await self._note("list", folder.id, etag)
        children = self._folder(folder.id, path)
        own = hashlib.sha1(repr(sorted(children.items())).encode()).hexdigest()
        listing = None if etag == own else Listing(tuple(children.values()), own)
        await self._play(self.after["list"])
        return listing

    async def versions(self, provider, file, path):
        del provider, path
        await self._note("versions", file.id)
        return [
            Version(number, None, hashlib.md5(content).hexdigest(), None)
            for (id_, number), content in self.contents.items()
            if id_ == file.id
        ]

    async def create_folder(self, provider, parent, name, path):
        del provider
        await self._note("create_folder", parent.id, name)
        siblings = self._folder(parent.id, path).values()
        if any(child.is_folder and child.name == name for child in siblings):
            raise OSFVersionConflictError("exists", status=409, path=path, operation="mkdir")
        folder = self.add_folder(name, parent.id)
        await self._play(self.after["create_folder"])
        return folder

    async def upload_file(self, provider, target, body, path, *, name, operation="put_file"):
        del provider
        kind = "create" if target.is_folder else "update"
        await self._note(kind, target.id, name)
        if target.is_folder:
            siblings = self._folder(target.id, path).values()
            same = [child for child in siblings if not child.is_folder and child.name == name]
            if same:
                error = FileExistsConflictError(
                    "exists", status=409, path=path, operation=operation
                )
                # The size in such an answer may be the first version's.
                error.existing = same[0].with_size(-1)
                raise error
            file = self._store(self.new_id(), name, await self._receive(body), 1, target.id)
        else:
            file = await self._update(target, body, path)
        answer = await self._play(self.after[kind])
        return answer or file

    async def _update(self, file, body, path):
        for parent, children in self.folders.items():
            if file.id in children:
                known = children[file.id]
                content = await self._receive(body)
                version = known.version + (self.contents[file.id, known.version] != content)
                return self._store(file.id, known.name, content, version, parent)
        raise OSFNotFoundError("no such file", status=404, path=path)

    @contextlib.asynccontextmanager
    async def download(self, provider, file, path, operation, *, first=None, last=None):
        del provider, operation
        await self._note("download", file.id, first, last)
        if (file.id, file.version) not in self.contents:
            raise OSFNotFoundError("no such file", status=404, path=path)
        content = self.contents[file.id, file.version]
        start = 0
        if first is not None:
            start, content = first, content[first : last + 1]
        answer = (start, content)
        for change in self.after["download"][:1]:
            del self.after["download"][0]
            answer = change(start, content)
        start, content = answer
        pieces = self._pieces(content)
        async with contextlib.aclosing(pieces):
            yield Arriving(start, pieces, None)

    @staticmethod
    async def _pieces(content):
        ending = None
        if isinstance(content, tuple):
            content, ending = content
        for at in range(0, len(content), 100_000):
            yield content[at : at + 100_000]
        if ending is not None:
            raise ending

    # -- inner workings

    @staticmethod
    async def _receive(make_body):
        body = make_body()
        try:
            return b"".join([bytes(piece) async for piece in body])
        finally:
            await body.aclose()

    def _folder(self, id_, path):
        if id_ not in self.folders:
            raise OSFNotFoundError("no such folder", status=404, path=path, operation="ls")
        return self.folders[id_]

    async def _note(self, name, *details):
        self.calls.append((name, *details))
        await asyncio.sleep(0)
        await self._play(self.before[name])

    @staticmethod
    async def _play(script):
        """Do the next thing of a script, once: raise it, or call it and return its result."""
        if not script:
            return None
        event = script.pop(0)
        if isinstance(event, BaseException):
            raise event
        result = None if event is None else event()
        return await result if inspect.isawaitable(result) else result

    def called(self, name):
        """Return the details of the calls of one method."""
        return [details for called, *details in self.calls if called == name]


@pytest.fixture
def osf(clock, stats):
    return FakeOSF(clock, stats)


@pytest.fixture
def place():
    """Return a function that makes a path in one project."""
    return lambda text="": OSFPath.parse(f"abc12/osfstorage/{text}")


@pytest.fixture
async def tree(osf):
    """Return what resolves paths and caches listings for a minute."""
    tree = Tree(osf, 60.0)
    yield tree
    await tree.aclose()


@pytest.fixture
async def forgetful(osf):
    """Return a tree that caches nothing."""
    tree = Tree(osf, 0)
    yield tree
    await tree.aclose()
