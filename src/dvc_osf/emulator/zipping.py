"""A folder as one zip archive, made while it is sent."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import TYPE_CHECKING

from .answer import Answer
from .names import content_disposition

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from .records import Entity, Version
    from .task import Task
    from .world import World

_PIECE = 256 * 1024


class _Outlet(io.RawIOBase):
    """A stream that cannot seek and keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._buffer += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken


def zipped(task: Task, folder: Entity) -> Answer:
    """Answer a download of a folder."""
    world = task.exchange.world
    name = folder.name or f"{task.provider}-archive"
    members = list(_members(world, folder))
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": content_disposition(f"{name}.zip"),
    }
    return Answer(200, headers, _archive(world, members))


def _members(world: World, folder: Entity) -> Iterator[tuple[str, Version | None]]:
    """Yield the name of every file with its newest version, and empty folders without."""
    # WaterButler walks breadth first: the files of a folder, then those of its folders.
    waiting = [(folder, "")]
    while waiting:
        parent, prefix = waiting.pop(0)
        for entity in world.tree.children(parent.id):
            if not entity.is_folder:
                yield prefix + entity.name, world.tree.version(entity.id, entity.versions)
            elif world.tree.count(entity.id):
                waiting.append((entity, f"{prefix}{entity.name}/"))
            else:
                yield f"{prefix}{entity.name}/", None


async def _archive(
    world: World, members: list[tuple[str, Version | None]]
) -> AsyncGenerator[bytes, None]:
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, version in members:
            if version is None:
                archive.writestr(name, b"")
                yield outlet.take()
                continue
            with (
                world.blobs.open(version) as source,
                archive.open(name, "w", force_zip64=True) as member,
            ):
                while piece := source.read(_PIECE):
                    await asyncio.to_thread(member.write, piece)
                    yield outlet.take()
    yield outlet.take()
