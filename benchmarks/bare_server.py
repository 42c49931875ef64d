"""A server that stores nothing and hashes nothing: the fastest OSF that there could be.

It says just enough of the OSF's protocol for one project: uploads go to a sink, downloads come
from a file. Run in its own process; prints its address as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from aiohttp import web


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
    def __init__(self, path: str, md5: str) -> None:
        self.file = entity(os.path.getsize(path), md5=md5)
        self.path = path

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
        # sendfile: the server shall cost the machine as little as it can.
        return web.FileResponse(self.path)


async def main(path: str, md5: str) -> None:
    server = BareServer(path, md5)
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
    asyncio.run(main(*sys.argv[1:]))
