"""How close ``dvc push`` of many small files comes to what DVC and the line alone cost.

2,000 files of 4 KiB, 50 ms of latency for each request, ``-j 16``. The bound: 1.5 times the sum of
the line's share (2,000 / 16 x 50 ms) and the same push to a folder of this machine, in this run.
Usage: python benchmarks/dvc_push.py [files] [rounds]
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import aiohttp
from common import served

LATENCY = 0.05
JOBS = 16
SIZE = 4096
BOUND = 1.5


async def slow_down(facts: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{facts['web']}/_emulator/settings", json={"latency": LATENCY}) as response,
    ):
        response.raise_for_status()


class Project:
    """A DVC project that knows nothing of this machine's configuration."""

    def __init__(self, folder: Path, facts: dict[str, str]) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.site = folder / "site"
        self.environment = {
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(folder / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(folder / "system"),
            "DVC_SITE_CACHE_DIR": str(self.site),
            "OSF_TOKEN": facts["token"],
        }
        self.dvc("init", "--quiet", "--no-scm")

    def dvc(self, *arguments: str) -> float:
        """Run stock DVC; return the seconds that it took."""
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return time.perf_counter() - begun

    def push(self, remote: str, url: str, *options: str) -> float:
        """Push everything to a new remote, of which DVC knows nothing yet."""
        self.dvc("remote", "add", "--force", remote, url)
        for name, value in zip(options[::2], options[1::2], strict=True):
            self.dvc("remote", "modify", remote, name, value)
        shutil.rmtree(self.site, ignore_errors=True)
        return self.dvc("push", "--jobs", str(JOBS), "--remote", remote)


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    source = random.Random(0)
    line = files / JOBS * LATENCY
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served("-m", "dvc_osf.emulator", "--root", str(folder / "osf")) as facts:
            asyncio.run(slow_down(facts))
            project = Project(folder, facts)
            (project.folder / "data").mkdir()
            for number in range(files):
                (project.folder / "data" / str(number)).write_bytes(source.randbytes(SIZE))
            project.dvc("add", "--quiet", "data")
            for number in range(rounds):
                local = project.push("here", str(folder / f"remote-{number}"))
                url = f"osf://{facts['project']}/osfstorage/remote-{number}"
                remote = project.push("osf", url, "endpoint_url", facts["api"])
                ratios.append(remote / (line + local))
                print(
                    f"push to the OSF {remote:.1f} s; the line {line:.1f} s, "
                    f"push to a folder {local:.1f} s: ratio {ratios[-1]:.2f}"
                )
    print(f"dvc push: {median(ratios):.2f} of the line and DVC alone (at most {BOUND} wanted)")


if __name__ == "__main__":
    main()
