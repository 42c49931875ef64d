"""What the emulator really holds, past all of HTTP."""

from __future__ import annotations

import asyncio

from model import DivergenceError, Snapshot

_TURNS = 10
"""Turns of the server's loop in which it accepts a connection, reads, and begins to answer."""

_LOOKS = 5000
"""So often is looked whether the server is through with something, every 20 ms."""


class Truth:
    """The emulator's store.

    Parameters
    ----------
    osf
        The emulator, in its thread.
    """

    def __init__(self, osf):
        self._osf = osf
        self._project = osf.project

    async def snapshot(self, folder):
        """Read what is below a folder, given by its names; no name may be there twice."""
        return await asyncio.to_thread(self._osf._call, lambda: self._read(folder))

    def _read(self, folder):
        tree, place = self._osf.world.tree, self._osf.world.store.node(self._project).root
        for name in folder.split("/"):
            (found,) = tree.named(place, name, "folder")
            place = found.id
        files, folders = {}, []
        self._descend(place, "", files, folders)
        return Snapshot(files, set(folders))

    def _descend(self, place, start, files, folders):
        for child in self._osf.world.tree.children(place):
            path = start + child.name
            if path in files or path in folders:
                raise DivergenceError(f"{path} is there twice")
            if child.is_folder:
                folders.append(path)
                self._descend(child.id, f"{path}/", files, folders)
            else:
                files[path] = child.md5

    async def settled(self):
        """Return when all that the server had begun is done, late commits among it."""
        for _ in range(2):
            # What a client has sent may still be on its way to the server's first look at it.
            for _ in range(_TURNS):
                await asyncio.sleep(0.01)
                await asyncio.to_thread(self._osf._call, lambda: None)
            await self._ended(await asyncio.to_thread(self._osf._call, self._under_way))

    def _under_way(self):
        world = self._osf.world
        entries = [entry for entry in world.log.entries if entry.ended is None]
        return entries, set(world._tasks)

    @staticmethod
    async def _ended(under_way):
        entries, tasks = under_way
        for _ in range(_LOOKS):
            if all(entry.ended for entry in entries) and all(task.done() for task in tasks):
                return
            await asyncio.sleep(0.02)
        raise DivergenceError(f"the server does not come to an end with {under_way}")

    async def trim_log(self):
        """Forget requests that are over: a soak has more of them than memory."""

        def trim():
            entries = self._osf.world.log.entries
            left = [entry for entry in entries if entry.ended is None]
            entries.clear()
            entries.extend(left)

        await asyncio.to_thread(self._osf._call, trim)
