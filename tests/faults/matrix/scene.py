"""One cell's stage: an OSF, a folder on the disk, a filesystem, and what can be seen from outside.

What is on the OSF is read from the emulator's own store, never through the filesystem.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from dvc_osf.retry import Clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from dvc_osf import OSFFileSystem
    from dvc_osf.emulator import EmulatorThread
    from dvc_osf.emulator.records import Content, Entity

    from .operations import Local, Remote

PATIENCE = 10.0
"""Seconds that a busy machine may take for what happens by itself."""


class FakeClock(Clock):
    """A clock whose pauses take no time, during which the server may finish its work."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.forward = 0.0
        self.pauses: list[float] = []
        self._meanwhile = meanwhile

    def time(self) -> float:
        return super().time() + self.forward

    def monotonic(self) -> float:
        return super().monotonic() + self.forward

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.forward += seconds
        await asyncio.sleep(0)
        # The first pause is that before another attempt, so that the first look comes too early.
        if len(self.pauses) > 1:
            await self._meanwhile()


class Scene:
    """Where an operation is played, once."""

    fs: OSFFileSystem

    def __init__(self, osf: EmulatorThread, folder: Path) -> None:
        self.osf = osf
        self._project = osf.project
        self.root = f"{self._project}/osfstorage"
        self.ids: dict[str, str] = {}
        self.clock = FakeClock(self._late_commits)
        self._folder = folder
        urls = (osf.api_url, osf.files_url, osf.storage_url)
        self._ports = {int(url.rpartition(":")[2].partition("/")[0]) for url in urls}

    # -- before ------------------------------------------------------------------------------

    def plant(self, remote: Remote, local: Local) -> None:
        """Put folders and files where they are to be before."""
        self.osf._call(lambda: self._plant(remote))
        for name, data in local.items():
            (self._folder / name).write_bytes(data)

    def _plant(self, remote: Remote) -> None:
        tree = self.osf.world.tree
        for path, versions in remote.items():
            above, _, name = path.rpartition("/")
            parent = tree.existing(self.ids[above]) if above else self._top
            if versions is None:
                self.ids[path] = tree.add_folder(parent, name).id
                continue
            file = tree.add_file(parent, name, self._content(versions[0]), None)
            for content in versions[1:]:
                file = tree.add_version(file, self._content(content), None)
            self.ids[path] = file.id

    def _content(self, data: bytes) -> Content:
        blobs = self.osf.world.blobs
        incoming = blobs.incoming()
        incoming.write([data])
        content = incoming.close()
        blobs.keep(incoming, content.sha256)
        return content

    @property
    def _top(self) -> Entity:
        world = self.osf.world
        return world.tree.existing(world.store.node(self._project).root)

    def local(self, name: str) -> str:
        """Return the path of a local file."""
        return str(self._folder / name)

    # -- afterwards --------------------------------------------------------------------------

    def remote_files(self) -> list[tuple[str, list[bytes] | None]]:
        """Return what the OSF holds; a duplicate is there twice."""
        return self.osf._call(lambda: self._below(self._top, ""))

    def _below(self, folder: Entity, path: str) -> list[tuple[str, list[bytes] | None]]:
        world = self.osf.world
        found: list[tuple[str, list[bytes] | None]] = []
        for child in world.tree.children(folder.id):
            if child.is_folder:
                found.append((path + child.name, None))
                found += self._below(child, f"{path}{child.name}/")
                continue
            contents = []
            for version in world.tree.versions(child.id):
                with world.blobs.open(version) as file:
                    contents.append(file.read())
            found.append((path + child.name, contents[::-1]))
        return sorted(found, key=lambda entry: entry[0])

    def local_files(self) -> Local:
        """Return what is on the disk, temporary files included."""
        return {path.name: path.read_bytes() for path in self._folder.iterdir()}

    async def believed(self) -> dict[str, int]:
        """Return the files, with their sizes, and the folders that the filesystem believes in."""
        found = await self.fs._find(self.root, withdirs=True, detail=True)
        return {
            path.removeprefix(self.root).strip("/"): info["size"]
            for path, info in found.items()
            if path != self.root
        }

    def counted(self) -> dict[str, int]:
        """Return the filesystem's own count of its requests."""
        kinds = {"move": "relocation", "copy": "relocation"}
        totals: dict[str, int] = {}
        for kind, count in self.fs.stats.requests.items():
            totals[kinds.get(kind, kind)] = totals.get(kinds.get(kind, kind), 0) + count
        return totals

    def logged(self) -> dict[str, int]:
        """Return the server's count of the same."""
        totals: dict[str, int] = {}
        for entry in self.osf.requests:
            totals[_kind(entry)] = totals.get(_kind(entry), 0) + 1
        return totals

    # -- waiting -----------------------------------------------------------------------------

    async def settled(self, *, silent: bool) -> None:
        """Wait until the server is through with what it was sent.

        Parameters
        ----------
        silent
            Whether it never is through with what the fault hit.
        """

        def busy() -> list[Any]:
            entries = [entry for entry in self.osf.requests if entry.ended is None]
            return [entry for entry in entries if not (silent and entry.faults)]

        await until(lambda: not busy(), busy)
        await self._late_commits()

    async def _late_commits(self) -> None:
        async def all_done() -> None:
            await asyncio.gather(*self.osf.world._tasks)

        loop = self.osf._loop
        assert loop is not None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(all_done(), loop))

    # -- what is open ------------------------------------------------------------------------

    def open_descriptors(self) -> dict[str, str]:
        """Return this process's open files and sockets, without the emulator's."""
        found: dict[str, str] = {}
        if not os.path.isdir("/proc/self/fd"):
            return found
        served = self._served_sockets()
        storage = str(self.osf.world.store.path.parent)
        for number in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                # The directory's own.
                continue
            if target not in served and not target.startswith(storage):
                found[number] = target
        return found

    def _served_sockets(self) -> set[str]:
        """Return the sockets at the emulator's end of its connections."""
        with open("/proc/self/net/tcp", encoding="ascii") as table:
            rows = [row.split() for row in list(table)[1:]]
        return {
            f"socket:[{row[9]}]"
            for row in rows
            if int(row[1].rpartition(":")[2], 16) in self._ports
        }

    @staticmethod
    def hashing_threads() -> list[str]:
        """Return the threads that uploads started and that still run."""
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith("dvc-osf")]


async def until(condition: Callable[[], object], describe: Callable[[], object]) -> None:
    """Wait for something that happens by itself."""
    deadline = Clock().monotonic() + PATIENCE
    while not condition():
        assert Clock().monotonic() < deadline, describe()
        await asyncio.sleep(0.002)


def _kind(entry: Any) -> str:
    """Name a logged request as the filesystem's totals do."""
    if entry.host == "api":
        return "api"
    if entry.method == "POST":
        return "relocation"
    if entry.method == "PUT":
        return f"{entry.query.get('kind', 'file')} PUT"
    if entry.method == "DELETE":
        return "delete"
    if "revisions" in entry.query:
        return "revisions"
    return "listing" if entry.path.endswith("/") else "download"
