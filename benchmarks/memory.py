"""How much memory transfers add to a process, against the bare server.

Each case runs in a fresh process and reports the growth of its peak resident memory.
Usage: python benchmarks/memory.py [MiB of the one large file] [MiB of each of 16 files]
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile

from common import bare_server, make_file

from dvc_osf import OSFFileSystem

REMOTE = "osf://abc12/osfstorage"
TOGETHER = 16


def peak() -> int:
    """Return the peak resident memory of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def run_case(case: str, url: str, source: str) -> None:
    fs = OSFFileSystem(asynchronous=True, endpoint_url=f"{url}/v2")
    await fs._info(f"{REMOTE}/file.bin")
    await fs._put_file(__file__, f"{REMOTE}/warm-up")
    before = peak()
    if case == "upload":
        await fs._put_file(source, f"{REMOTE}/file.bin")
    elif case == "download":
        await fs._get_file(f"{REMOTE}/file.bin", f"{source}.back")
        os.unlink(f"{source}.back")
    else:
        targets = [f"{REMOTE}/file-{number}.bin" for number in range(TOGETHER)]
        await asyncio.gather(*(fs._put_file(source, target) for target in targets))
    print((peak() - before) / 1024)
    await fs.aclose()


def measure(case: str, mebibytes: int, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source")
        md5 = make_file(source, mebibytes)
        with bare_server(source, md5) as url:
            child = [sys.executable, __file__, "--case", case, url, source]
            grown = float(subprocess.run(child, check=True, stdout=subprocess.PIPE).stdout)
    print(f"{case:12} {mebibytes:5} MiB: {grown:6.1f} MiB more (limit {limit})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        asyncio.run(run_case(*sys.argv[2:]))
    else:
        large = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
        each = int(sys.argv[2]) if len(sys.argv) > 2 else 256
        measure("upload", large, 64)
        measure("download", large, 64)
        measure("16 uploads", each, 256)
