"""What the benchmarks share: a file, a bare client, and servers in processes of their own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiofiles
import aiohttp

PIECE = bytes(range(256)) * 4096  # 1 MiB


def make_file(path: str, mebibytes: int) -> str:
    """Write a file of so many MiB; return its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "wb") as file:
        for _ in range(mebibytes):
            file.write(PIECE)
            digest.update(PIECE)
    return digest.hexdigest()


async def bare_upload(url: str, path: str, token: str = "") -> None:
    """Send a file from the disk with a bare aiohttp client."""

    async def body():
        async with aiofiles.open(path, "rb") as file:
            while chunk := await file.read(1024 * 1024):
                yield chunk

    headers = {"Content-Length": str(os.path.getsize(path)), "Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, data=body(), headers=headers) as response,
    ):
        response.raise_for_status()
        await response.read()


async def bare_download(url: str, path: str, token: str = "") -> None:
    """Receive a file to the disk with a bare aiohttp client."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers) as response,
        aiofiles.open(path, "wb") as file,
    ):
        response.raise_for_status()
        async for piece in response.content.iter_chunked(1024 * 1024):
            await file.write(piece)


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    await action()
    return time.perf_counter() - begun


@contextlib.contextmanager
def served(*command: str) -> Iterator[dict[str, str]]:
    """Run a server in a process of its own; yield what it says of itself in its first line."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


@contextlib.contextmanager
def bare_server(path: str, md5: str) -> Iterator[str]:
    """Run the bare server on one file; yield its address."""
    with served(str(Path(__file__).with_name("bare_server.py")), path, md5) as facts:
        yield facts["url"]
