"""How close one large file comes to a bare client on a line of limited speed.

The emulator, in a process of its own, moves 100 MiB/s in each direction, for all requests together.
Usage: python benchmarks/limited.py [MiB] [rounds]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
from common import bare_download, bare_upload, make_file, served, timed

from dvc_osf import OSFFileSystem

MIB = 1024 * 1024
LINE = 100 * MIB


async def limit(facts: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{facts['web']}/_emulator/settings", json={"total_bandwidth": LINE}
        ) as response,
    ):
        response.raise_for_status()


async def measure(
    facts: dict[str, str], source: str, folder: str, rounds: int
) -> dict[str, list[float]]:
    token, project = facts["token"], facts["project"]
    root = f"{facts['files']}/v1/resources/{project}/providers/osfstorage/"
    times: dict[str, list[float]] = {}
    await limit(facts)
    for number in range(rounds):
        fs = OSFFileSystem(
            token, asynchronous=True, endpoint_url=facts["api"], skip_instance_cache=True
        )
        remote = f"osf://{project}/osfstorage/ours-{number}"
        target = os.path.join(folder, f"target-{number}")
        name = f"bare-{number}"

        async def fetch_bare(fs=fs, name=name, target=target) -> None:
            file = await fs._info(f"osf://{project}/osfstorage/{name}")
            await bare_download(f"{root}{file['id']}", f"{target}-bare", token)

        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "bare upload": lambda name=name: bare_upload(
                f"{root}?kind=file&name={name}", source, token
            ),
            "our upload": lambda fs=fs, remote=remote: fs._put_file(source, remote),
            "bare download": fetch_bare,
            "our download": lambda fs=fs, remote=remote, target=target: fs._get_file(
                remote, target
            ),
        }
        for step, action in steps.items():
            times.setdefault(step, []).append(await timed(action))
        os.unlink(target)
        os.unlink(f"{target}-bare")
        await fs._rm(f"osf://{project}/osfstorage", recursive=True)
        await fs.aclose()
    return times


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source")
        make_file(source, mebibytes)
        with served("-m", "dvc_osf.emulator", "--root", os.path.join(folder, "osf")) as facts:
            times = asyncio.run(measure(facts, source, folder, rounds))
    for name, values in times.items():
        print(f"{name:14} {mebibytes / median(values):6.1f} MiB/s   (median of {rounds})")
    for way in ("upload", "download"):
        pairs = zip(times[f"our {way}"], times[f"bare {way}"], strict=True)
        ratios = sorted(bare / ours for ours, bare in pairs)
        print(
            f"{way}: {median(ratios):.2f} of the bare client (from {ratios[0]:.2f} to "
            f"{ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
