"""What the benchmarks share: a file, and the bare server in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PIECE = bytes(range(256)) * 4096  # 1 MiB


def make_file(path: str, mebibytes: int) -> str:
    """Write a file of so many MiB; return its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "wb") as file:
        for _ in range(mebibytes):
            file.write(PIECE)
            digest.update(PIECE)
    return digest.hexdigest()


@contextlib.contextmanager
def bare_server(path: str, md5: str) -> Iterator[str]:
    """Run the bare server on one file; yield its address."""
    script = str(Path(__file__).with_name("bare_server.py"))
    with subprocess.Popen([sys.executable, script, path, md5], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()
