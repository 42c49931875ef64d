"""How close uploads and downloads of one large file come to what is possible.

The limits, in the same run: a bare aiohttp client that only moves the bytes between disk and
socket, and ``hashlib.md5`` over the same bytes. What the event loop and the other threads worked
meanwhile shows that transfer and hashing overlap.

Usage: python benchmarks/transfer.py [MiB] [rounds]
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

from common import bare_download, bare_server, bare_upload, make_file, timed

from dvc_osf import OSFFileSystem

CHUNK = 5 * 1024 * 1024


def hash_file(path: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)


def busy() -> tuple[float, float]:
    """Return the processor seconds of this thread, and those of all others of the process."""
    loop = time.thread_time()
    return loop, time.process_time() - loop


async def measure(url: str, source: str, folder: str, rounds: int) -> dict[str, list[float]]:
    root = f"{url}/v1/resources/abc12/providers/osfstorage/"
    target = os.path.join(folder, "target")
    remote = "osf://abc12/osfstorage/file.bin"
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        fs = OSFFileSystem(asynchronous=True, endpoint_url=f"{url}/v2", skip_instance_cache=True)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "md5": lambda: asyncio.to_thread(hash_file, source),
            "bare upload": lambda: bare_upload(f"{root}?kind=file&name=file.bin", source),
            "our upload": lambda fs=fs: fs._put_file(source, remote),
            "bare download": lambda: bare_download(f"{root}5f0000000000000000000000", target),
            "our download": lambda fs=fs: fs._get_file(remote, target),
        }
        for name, step in steps.items():
            # Replacing a file makes some file systems write it out at once: not our business here.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            before = busy()
            took = await timed(step)
            times.setdefault(name, []).append(took)
            for who, begun, ended in zip(("loop", "threads"), before, busy(), strict=True):
                times.setdefault(f"{name}: {who}", []).append((ended - begun) / took)
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
    for name in ("md5", "bare upload", "our upload", "bare download", "our download"):
        print(f"{name:14} {mebibytes / median(times[name]):8.0f} MiB/s   (median of {rounds})")
    for way in ("upload", "download"):
        pairs = zip(times[f"our {way}"], times[f"bare {way}"], times["md5"], strict=True)
        ratios = sorted(max(bare, md5) / ours for ours, bare, md5 in pairs)
        print(
            f"{way}: {median(ratios):.2f} of the slower of the bare client and MD5 "
            f"(from {ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
        loop, threads = (median(times[f"our {way}: {who}"]) for who in ("loop", "threads"))
        print(
            f"{way}: of each second, the event loop worked for {loop:.2f} s and the threads that "
            f"read, write and hash for {threads:.2f} s; more than 1 in all is overlap"
        )


if __name__ == "__main__":
    main()
