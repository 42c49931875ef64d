"""A server that stores nothing and hashes nothing: the fastest OSF that there could be.

It says just enough of the OSF's protocol for one project: uploads go to a sink, downloads come
from a source in memory. Run in its own process; prints its address as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web
from common import PIECE


def entity(size: int, name: str = "file.bin", *, md5: str | None = None) -> dict[str, object]:
    return {
        "id": "osfstorage/5f0000000000000000000000",
        "attributes": {
            "kind": "file",
            "name": name,
            "path": "/5f0000000000000000000000",
            "size": size,
            "modified_utc": "2026-01-01T00:00:00+00:00",
            "extra": {"version": 1, "hashes": {"md5": md5}},
        },
    }


class BareServer:
    def __init__(self, size: int, md5: str | None) -> None:
        self.file = entity(size, md5=md5)
        self.size = size

    async def providers(self, request: web.Request) -> web.Response:
        root = f"http://{request.host}/v1/resources/abc12/providers/osfstorage/"
        item = {"attributes": {"provider": "osfstorage"}, "links": {"upload": root}}
        return web.json_response({"data": [item]})

    async def listing(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [self.file]})

    async def sink(self, request: web.Request) -> web.Response:
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        name = request.query.get("name", "file.bin")
        return web.json_response({"data": entity(size, name)}, status=201)

    async def source(self, request: web.Request) -> web.StreamResponse:
        first, last, status = 0, self.size - 1, 200
        headers = {}
        if requested := request.headers.get("Range"):
            first, last = map(int, requested.removeprefix("bytes=").split("-"))
            status, headers = 206, {"Content-Range": f"bytes {first}-{last}/{self.size}"}
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = last - first + 1
        await response.prepare(request)
        position = first
        while position <= last:
            offset = position % len(PIECE)
            piece = memoryview(PIECE)[offset : offset + min(len(PIECE), last + 1 - position)]
            await response.write(piece)
            position += len(piece)
        return response


async def main(size: int, md5: str | None) -> None:
    server = BareServer(size, md5)
    app = web.Application()
    root = "/v1/resources/abc12/providers/osfstorage/"
    app.router.add_get("/v2/nodes/abc12/files/", server.providers)
    app.router.add_get(root, server.listing)
    app.router.add_put(root, server.sink)
    app.router.add_put(root + "{id}", server.sink)
    app.router.add_get(root + "{id}", server.source)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
