"""A server that stores nothing and hashes nothing: the fastest OSF that there could be.

It says just enough of the OSF's protocol for one project: uploads go to a sink, downloads come
from a file by sendfile. No framework: what it costs, it takes from the client on a small machine.
Run in its own process; prints its address as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from urllib.parse import parse_qs, urlsplit

ROOT = "/v1/resources/abc12/providers/osfstorage/"
_BUFFER = 1024 * 1024


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


class BareServer(asyncio.BufferedProtocol):
    """One connection: one request after the other."""

    def __init__(self, path: str, md5: str) -> None:
        self.path = path
        self.size = os.path.getsize(path)
        self.file = entity(self.size, md5=md5)
        self.buffer = memoryview(bytearray(_BUFFER))
        self.head = b""
        self.left = 0
        self.name = ""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        if self.left:
            self.take(count)
            return
        self.head += self.buffer[:count]
        head, end, body = self.head.partition(b"\r\n\r\n")
        if end:
            self.head = b""
            self.begin(head.decode())
            if body:
                self.take(len(body))

    def begin(self, head: str) -> None:
        """Look at a request's head; answer it, unless its body comes first."""
        method, target, _ = head.split("\r\n", 1)[0].split()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        if method == "PUT":
            self.left = self.length = int(headers["content-length"])
            self.name = parse_qs(urlsplit(target).query).get("name", ["file.bin"])[0]
            if "expect" in headers:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif urlsplit(target).path == "/v2/nodes/abc12/files/":
            root = f"http://{headers['host']}{ROOT}"
            item = {"attributes": {"provider": "osfstorage"}, "links": {"upload": root}}
            self.answer("200 OK", {"data": [item]})
        elif urlsplit(target).path == ROOT:
            self.answer("200 OK", {"data": [self.file]})
        else:
            self.send_file(headers.get("range"))

    def take(self, count: int) -> None:
        """Drop a part of a body."""
        self.left -= count
        if not self.left:
            self.answer("201 Created", {"data": entity(self.length, self.name)})

    def answer(self, status: str, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    def send_file(self, asked: str | None) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "")
        first, last = map(int, found.groups()) if found else (0, self.size - 1)
        status = "206 Partial Content" if found else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {last - first + 1}\r\n"
        if found:
            head += f"Content-Range: bytes {first}-{last}/{self.size}\r\n"
        self.transport.write(f"{head}\r\n".encode())
        self.sending = asyncio.ensure_future(self.send_bytes(first, last - first + 1))

    async def send_bytes(self, first: int, count: int) -> None:
        with open(self.path, "rb") as file:  # noqa: ASYNC230 - at once, from the disk's cache
            await asyncio.get_running_loop().sendfile(self.transport, file, first, count)


async def main(path: str, md5: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BareServer(path, md5), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
