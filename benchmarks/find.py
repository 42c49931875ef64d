"""How close `find` comes to the least time that its listings can take.

The emulator, in a process of its own, lets every request wait for 50 ms. With N folders to list and
C requests at once, the least time is that of the root's listing and of ceil(N / C) rounds. It
should be exceeded by less than a third.
Usage: python benchmarks/find.py [folders] [files] [rounds]
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import tempfile
from pathlib import Path
from statistics import median

import aiohttp
from common import served, timed

from dvc_osf import OSFFileSystem

LATENCY = 0.05
MOST = 1.3


async def set_latency(facts: dict[str, str], seconds: float) -> None:
    """Let every request from now on wait."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{facts['web']}/_emulator/settings", json={"latency": seconds}) as response,
    ):
        response.raise_for_status()


async def plant(fs: OSFFileSystem, root: str, folders: int, files: int) -> None:
    """Make the tree: one folder by uploads, the rest as its copies."""
    await asyncio.gather(*(fs._pipe_file(f"{root}/0/{n}", b"%d" % n) for n in range(files)))
    await asyncio.gather(
        *(fs._copy(f"{root}/0", f"{root}/{n}", recursive=True) for n in range(1, folders))
    )


async def measure(facts: dict[str, str], folders: int, files: int, rounds: int) -> list[float]:
    """Return the seconds of each `find`, from the second request on."""
    fs = OSFFileSystem(
        facts["token"], asynchronous=True, endpoint_url=facts["api"], skip_instance_cache=True
    )
    root = f"{facts['project']}/osfstorage"
    await plant(fs, root, folders, files)
    await set_latency(facts, LATENCY)
    times = []
    for _ in range(rounds):
        reader = OSFFileSystem(
            facts["token"], asynchronous=True, endpoint_url=facts["api"], skip_instance_cache=True
        )
        # Where the files are is asked once per project: one request before all others.
        await reader._info(root)
        found: list[str] = []

        async def find(reader=reader, found=found) -> None:
            found += await reader._find(root)

        # What earlier rounds left behind is not this one's to clear away.
        gc.collect()
        times.append(await timed(find))
        assert len(found) == folders * files
        assert reader.stats.requests["listing"] == folders + 1
        await reader.aclose()
    await fs.aclose()
    return times


def main() -> None:
    folders, files, rounds = (
        int(sys.argv[place]) if len(sys.argv) > place else default
        for place, default in ((1, 256), (2, 40), (3, 5))
    )
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(folder) / "osf")
        with served("-m", "dvc_osf.emulator", "--root", root) as facts:
            times = asyncio.run(measure(facts, folders, files, rounds))
    at_once = OSFFileSystem(skip_instance_cache=True).config.max_requests
    ideal = LATENCY * (1 + math.ceil(folders / at_once))
    ratio = median(times) / ideal
    print(
        f"find over {folders} folders of {files} files: {median(times):.2f} s (median of {rounds}),"
        f" {ratio:.2f} times the least of {ideal:.2f} s, of at most {MOST}"
    )
    if ratio > MOST:
        sys.exit(1)


if __name__ == "__main__":
    main()
