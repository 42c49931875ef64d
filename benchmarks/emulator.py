"""How fast the emulator is, next to a bare aiohttp handler that does the same work.

Run it as a program; it prints one line for each comparison. The servers are processes of their
own, the load comes from this one, and rounds alternate so that both see the same machine.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import aiohttp
from aiohttp import web

_PIECE = b"0123456789abcdef" * 65536


def serve_bare(root: Path) -> None:
    """Serve one directory: PUT hashes and stores, GET sends."""

    async def put(request: web.Request) -> web.Response:
        md5, sha256, size = hashlib.md5(), hashlib.sha256(), 0
        path = root / uuid.uuid4().hex
        with path.open("wb") as file:
            async for piece in request.content.iter_any():
                md5.update(piece)
                sha256.update(piece)
                file.write(piece)
                size += len(piece)
        answer = {"path": path.name, "size": size, "md5": md5.hexdigest()}
        return web.json_response({**answer, "sha256": sha256.hexdigest()}, status=201)

    async def write(request: web.Request) -> web.Response:
        path = root / uuid.uuid4().hex
        path.write_bytes(await request.read())
        return web.json_response({"path": path.name}, status=201)

    async def get(request: web.Request) -> web.FileResponse:
        return web.FileResponse(root / request.match_info["name"])

    app = web.Application(client_max_size=1 << 40)
    app.add_routes([web.put("/big", put), web.put("/small", write), web.get("/{name}", get)])
    sock = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{sock.getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    web.run_app(app, sock=sock, print=None, access_log=None)


async def _body(size: int):
    for _ in range(size // len(_PIECE)):
        yield _PIECE


class _Bare:
    def __init__(self, session, facts):
        self._session, self._url = session, facts["url"]

    async def upload(self, size):
        headers = {"Content-Length": str(size)}
        async with self._session.put(f"{self._url}/big", data=_body(size), headers=headers) as r:
            return f"{self._url}/{(await r.json())['path']}"

    async def small(self, data):
        async with self._session.put(f"{self._url}/small", data=data) as r:
            await r.read()


class _Emulated:
    def __init__(self, session, facts):
        self._session = session
        self._root = f"{facts['files']}/v1/resources/{facts['project']}/providers/osfstorage/"
        session.headers["Authorization"] = f"Bearer {facts['token']}"
        self._count = 0

    async def upload(self, size):
        url = f"{self._root}?kind=file&name={uuid.uuid4().hex}"
        headers = {"Content-Length": str(size)}
        async with self._session.put(url, data=_body(size), headers=headers) as r:
            return (await r.json())["data"]["links"]["download"]

    async def small(self, data):
        url = f"{self._root}?kind=file&name={uuid.uuid4().hex}"
        async with self._session.put(url, data=data) as r:
            assert r.status == 201
            await r.read()


async def _download(session, url):
    async with session.get(url) as r:
        async for _ in r.content.iter_any():
            pass


async def _many(side, count, width):
    number = iter(range(count))

    async def work():
        for n in number:
            await side.small(n.to_bytes(8, "big") * 512)

    await asyncio.gather(*(work() for _ in range(width)))


async def compare(bare, emulated, size: int, count: int, rounds: int) -> None:
    """Measure both sides in turn and print the best of each."""
    times: dict[tuple[str, str], float] = {}

    def note(what, who, start):
        took = time.perf_counter() - start
        times[what, who] = min(took, times.get((what, who), took))

    async with aiohttp.ClientSession() as one, aiohttp.ClientSession() as two:
        sides = {"bare": (_Bare(one, bare), one), "emulator": (_Emulated(two, emulated), two)}
        for _ in range(rounds):
            for who, (side, session) in sides.items():
                start = time.perf_counter()
                url = await side.upload(size)
                note("upload", who, start)
                start = time.perf_counter()
                await _download(session, url)
                note("download", who, start)
                start = time.perf_counter()
                await _many(side, count, 16)
                note("small", who, start)
    for what in ("upload", "download", "small"):
        slow, fast = times[what, "bare"], times[what, "emulator"]
        work = f"{count / fast:.0f} PUT/s" if what == "small" else f"{size / fast / 1e6:.0f} MB/s"
        times_text = f"{work}; bare {slow:.2f} s, ours {fast:.2f} s"
        sys.stdout.write(f"{what}: {slow / fast:.2f} of bare ({times_text})\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bare", type=Path)
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.bare:
        serve_bare(arguments.bare)
        return
    with tempfile.TemporaryDirectory() as root:
        bare_root = Path(root, "bare")
        bare_root.mkdir()
        commands = [
            [sys.executable, __file__, "--bare", str(bare_root)],
            [sys.executable, "-m", "dvc_osf.emulator", "--root", str(Path(root, "osf"))],
        ]
        servers = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
        try:
            facts = [json.loads(server.stdout.readline()) for server in servers]
            asyncio.run(compare(*facts, arguments.size, arguments.count, arguments.rounds))
        finally:
            for server in servers:
                server.terminate()
                server.wait()
                server.stdout.close()


if __name__ == "__main__":
    main()
