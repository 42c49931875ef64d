"""An OSF for each test, and filesystems that talk to it."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest
import yarl

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import Emulator, EmulatorThread
from dvc_osf.retry import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dvc_osf.emulator.controls import Controls


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """Let no setting of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(("OSF_", "FSSPEC_OSF")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class FakeClock(Clock):
    """A clock whose pauses take no time; it can be put forward."""

    def __init__(self) -> None:
        self.forward = 0.0
        self.pauses: list[float] = []

    def time(self) -> float:
        return super().time() + self.forward

    def monotonic(self) -> float:
        return super().monotonic() + self.forward

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.forward += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of all filesystems of the test."""
    return FakeClock()


@pytest.fixture
def osf(tmp_path) -> Iterator[EmulatorThread]:
    """Serve an OSF of the test's own from a thread."""
    with EmulatorThread(tmp_path / "osf") as emulator:
        yield emulator


@pytest.fixture
async def osf_here(tmp_path):
    """Serve an OSF of the test's own from the test's event loop."""
    async with Emulator(tmp_path / "osf") as emulator:
        yield emulator


class Native:
    """An asynchronous filesystem whose coroutines are called as if they were functions.

    What it returns, and what it asks of the OSF, must be the same as through the synchronous
    methods, so tests that take the fixture `fs` run with both.
    """

    def __init__(self, fs: OSFFileSystem, loop: asyncio.AbstractEventLoop) -> None:
        self.fs = fs
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.fs, f"_{name}", None)
        if inspect.isasyncgenfunction(method):
            return lambda *args, **kwargs: self._generate(method(*args, **kwargs))
        if inspect.iscoroutinefunction(method):
            return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))
        return getattr(self.fs, name)

    def _generate(self, results: Any) -> Any:
        try:
            while True:
                yield self._loop.run_until_complete(anext(results))
        except StopAsyncIteration:
            return
        finally:
            self._loop.run_until_complete(results.aclose())

    def close(self) -> None:
        """Close the filesystem's connections."""
        self._loop.run_until_complete(self.fs.aclose())


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run the native methods."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def options_for(osf: Controls, options: dict[str, Any]) -> dict[str, Any]:
    return {"token": osf.token, "endpoint_url": osf.api_url, "skip_instance_cache": True} | options


@pytest.fixture
def connect(osf, clock) -> Iterator[Callable[..., OSFFileSystem]]:
    """Make synchronous filesystems, all of their own, with the first user's token."""
    made = []

    def make(**options: Any) -> OSFFileSystem:
        fs = OSFFileSystem(**options_for(osf, options))
        fs.clock = clock
        made.append(fs)
        return fs

    yield make
    for fs in made:
        fs.close()


@pytest.fixture
def connect_native(connect, loop) -> Iterator[Callable[..., Native]]:
    """Make asynchronous filesystems whose coroutines are called as if they were functions."""
    made = []

    def make(**options: Any) -> Native:
        made.append(Native(connect(**options, asynchronous=True), loop))
        return made[-1]

    yield make
    for fs in made:
        fs.close()


@pytest.fixture(params=["sync", "native"])
def connect_both(request) -> Callable[..., Any]:
    """Make filesystems that are called synchronously or natively, by the test's parameter."""
    name = "connect" if request.param == "sync" else "connect_native"
    return request.getfixturevalue(name)


@pytest.fixture
def fs(connect_both):
    """Return a filesystem that never tries again by itself."""
    return connect_both(max_retries=0)


@pytest.fixture
def other(connect):
    """Return a second filesystem, whose cache knows nothing of the first one's doings."""
    return connect(use_listings_cache=False)


@pytest.fixture
async def connect_here(osf_here, clock):
    """Make asynchronous filesystems for the OSF in the test's event loop."""
    made = []

    def make(**options: Any) -> OSFFileSystem:
        fs = OSFFileSystem(**options_for(osf_here, options), asynchronous=True)
        fs.clock = clock
        made.append(fs)
        return fs

    yield make
    for fs in made:
        await fs.aclose()


@pytest.fixture
def root(osf) -> str:
    """Return the path of the first project's storage."""
    return f"{osf.project}/osfstorage"


@pytest.fixture
def root_here(osf_here) -> str:
    """Return the path of the first project's storage."""
    return f"{osf_here.project}/osfstorage"


class Planter:
    """Puts files and folders into an OSF by requests of its own, which it takes out of the log."""

    def __init__(self, osf: Controls) -> None:
        self._osf = osf
        self._known: dict[tuple[str, str], str] = {}

    async def put(
        self, contents: dict[str, bytes | None], project: str | None = None
    ) -> dict[str, str]:
        """Make files, and folders where the content is None; return the ids by path."""
        guid = project or self._osf.project
        ids = {}
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._osf.token}"}
        ) as session:
            for path, data in contents.items():
                parent, _, name = path.rpartition("/")
                if data is None:
                    ids[path] = await self._folder(session, guid, path)
                else:
                    folder = await self._folder(session, guid, parent)
                    ids[path] = await self._put(session, guid, folder, "file", name, data)
        self._osf.clear_requests()
        return ids

    async def _folder(self, session: aiohttp.ClientSession, guid: str, path: str) -> str:
        if not path:
            return ""
        if (guid, path) not in self._known:
            parent, _, name = path.rpartition("/")
            folder = await self._folder(session, guid, parent)
            self._known[guid, path] = await self._put(session, guid, folder, "folder", name, None)
        return self._known[guid, path]

    async def _put(
        self,
        session: aiohttp.ClientSession,
        guid: str,
        folder: str,
        kind: str,
        name: str,
        data: bytes | None,
    ) -> str:
        place = f"{folder}/" if folder else ""
        query = f"?kind={kind}&name={quote(name, safe='')}"
        headers = {"Content-Length": str(len(data or b""))}
        body = io.BytesIO(data) if data else None
        url = self._url(guid, place + query)
        async with session.put(url, data=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            return (await answer.json())["data"]["attributes"]["path"].strip("/")

    def _url(self, guid: str, place: str) -> yarl.URL:
        world = self._osf.world
        files_url = self._osf._call(lambda: world.files_url(world.store.node(guid)))
        url = f"{files_url}/v1/resources/{guid}/providers/osfstorage/{place}"
        return yarl.URL(url, encoded=True)

    async def remove(self, path: str, project: str | None = None) -> None:
        """Delete a file or folder that was put."""
        guid = project or self._osf.project
        entity = self._osf._call(lambda: self._entity(guid, path))
        url = self._url(guid, entity.id + ("/" if entity.is_folder else ""))
        async with (
            aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {self._osf.token}"}
            ) as session,
            session.delete(url) as answer,
        ):
            assert answer.status == 204
        self._osf.clear_requests()

    def copies(self, path: str, names: Iterable[str], project: str | None = None) -> None:
        """Copy a file or folder that was put, to other names in its folder."""
        guid = project or self._osf.project
        tree = self._osf.world.tree

        def copy() -> None:
            entity = self._entity(guid, path)
            folder = tree.get(entity.parent)
            for name in names:
                tree.copy(entity, folder, name)

        self._osf._call(copy)

    def rename(self, path: str, name: str, project: str | None = None) -> None:
        """Give a file or folder another name, even one that is taken, as racing clients do."""
        guid = project or self._osf.project
        tree = self._osf.world.tree

        def rename() -> None:
            entity = self._entity(guid, path)
            tree.move(entity, tree.get(entity.parent), name)

        self._osf._call(rename)

    def _entity(self, guid: str, path: str) -> Any:
        world = self._osf.world
        entity = world.tree.get(world.store.node(guid).root)
        for name in path.split("/"):
            folder = entity.id
            found = world.tree.named(folder, name, "folder")
            entity = (found or world.tree.named(folder, name, "file"))[0]
        return entity


class SyncPlanter(Planter):
    """The same for tests that are not asynchronous."""

    def files(self, contents: dict[str, bytes], project: str | None = None) -> list[str]:
        """Make files, in folders that appear with them; return their ids."""
        return list(asyncio.run(self.put(contents, project)).values())

    def folders(self, *paths: str, project: str | None = None) -> list[str]:
        """Make folders; return their ids."""
        return list(asyncio.run(self.put(dict.fromkeys(paths), project)).values())

    def delete(self, path: str, project: str | None = None) -> None:
        """Delete a file or folder that was put."""
        asyncio.run(self.remove(path, project))


@pytest.fixture
def plant(osf) -> SyncPlanter:
    """Put files and folders into the OSF."""
    return SyncPlanter(osf)


@pytest.fixture
def plant_here(osf_here) -> Planter:
    """Put files and folders into the OSF in the test's event loop."""
    return Planter(osf_here)


def kind_of(entry: Any) -> str:
    """Name a logged request as the filesystem's totals do."""
    if entry.host == "api":
        return "api"
    if entry.host == "storage":
        return "storage"
    if entry.method == "PUT":
        return f"{entry.query.get('kind', 'file')} PUT"
    if entry.method == "DELETE":
        return "delete"
    if "revisions" in entry.query:
        return "revisions"
    return "listing" if entry.path.endswith("/") else "download"


def take_log(osf: Controls) -> dict[str, int]:
    """Count the requests in the server's log by kind, and empty the log."""
    kinds: dict[str, int] = {}
    for entry in osf.requests:
        kinds[kind_of(entry)] = kinds.get(kind_of(entry), 0) + 1
    osf.clear_requests()
    return kinds


@pytest.fixture
def asked(osf) -> Callable[[], dict[str, int]]:
    """Count the requests that reached the server since the last time, by kind."""
    return lambda: take_log(osf)


@pytest.fixture
def asked_here(osf_here) -> Callable[[], dict[str, int]]:
    """Count the requests that reached the server in the test's loop since the last time."""
    return lambda: take_log(osf_here)


@pytest.fixture
def most_at_once() -> Callable[[list[Any]], int]:
    """Tell how many of some logged requests were under way at the same time."""

    def count(entries: list[Any]) -> int:
        marks = [(entry.started, 1) for entry in entries]
        marks += [(entry.ended, -1) for entry in entries]
        at_once = most = 0
        for _, step in sorted(marks):
            at_once += step
            most = max(most, at_once)
        return most

    return count
