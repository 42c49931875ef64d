"""How close uploads and downloads of one large file come to what is possible.

The limits, in the same run: a bare aiohttp client that only moves the bytes between disk and
socket, and ``hashlib.md5`` over the same bytes. Usage: python benchmarks/transfer.py [MiB] [rounds]
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiofiles
import aiohttp
from common import bare_server, make_file

from dvc_osf import OSFFileSystem

CHUNK = 5 * 1024 * 1024


def hash_file(path: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)


async def bare_upload(url: str, path: str) -> None:
    async def body():
        async with aiofiles.open(path, "rb") as file:
            while chunk := await file.read(1024 * 1024):
                yield chunk

    headers = {"Content-Length": str(os.path.getsize(path))}
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{url}?kind=file&name=file.bin", data=body(), headers=headers) as response,
    ):
        response.raise_for_status()
        await response.read()


async def bare_download(url: str, path: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}5f0000000000000000000000") as response,
        aiofiles.open(path, "wb") as file,
    ):
        async for piece in response.content.iter_chunked(1024 * 1024):
            await file.write(piece)


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await action()
    return time.perf_counter() - begun


async def measure(url: str, source: str, folder: str, rounds: int) -> dict[str, list[float]]:
    root = f"{url}/v1/resources/abc12/providers/osfstorage/"
    target = os.path.join(folder, "target")
    remote = "osf://abc12/osfstorage/file.bin"
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        fs = OSFFileSystem(asynchronous=True, endpoint_url=f"{url}/v2", skip_instance_cache=True)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "md5": lambda: asyncio.to_thread(hash_file, source),
            "bare upload": lambda: bare_upload(root, source),
            "our upload": lambda fs=fs: fs._put_file(source, remote),
            "bare download": lambda: bare_download(root, target),
            "our download": lambda fs=fs: fs._get_file(remote, target),
        }
        for name, step in steps.items():
            # Replacing a file makes some file systems write it out at once: not our business here.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            times.setdefault(name, []).append(await timed(step))
        await fs.aclose()
    return times


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source")
        md5 = make_file(source, mebibytes)
        with bare_server(source, md5) as url:
            times = asyncio.run(measure(url, source, folder, rounds))
    for name, values in times.items():
        print(f"{name:14} {mebibytes / median(values):8.0f} MiB/s   (median of {rounds})")
    for way in ("upload", "download"):
        pairs = zip(times[f"our {way}"], times[f"bare {way}"], times["md5"], strict=True)
        ratios = sorted(max(bare, md5) / ours for ours, bare, md5 in pairs)
        print(
            f"{way}: {median(ratios):.2f} of the slower of the bare client and MD5 "
            f"(from {ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
