"""Requests exactly as they were made, and answers exactly as they come."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yarl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

_TIMEOUT = 20.0
# So much of a longer body is sent before looking whether an answer has come already.
_FIRST_PART = 64 * 1024
_EARLY_SECONDS = 0.3
_NO_BODY = {204, 304}


@dataclass
class Reply:
    """An answer as it came.

    `interim` has the status lines that came before it; `complete` tells whether the body has the
    length that its headers promise.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[bytes] = field(default_factory=list)
    complete: bool = True


class Wire:
    """A connection to one of the emulator's hosts.

    Parameters
    ----------
    send_buffer
        How much the operating system may keep of what was sent, in bytes; None for its default.
    """

    def __init__(self, url: str, send_buffer: int | None = None) -> None:
        parts = yarl.URL(url)
        self.host = f"{parts.host}:{parts.port}"
        self._sock = socket.create_connection((parts.host, parts.port), timeout=_TIMEOUT)
        if send_buffer is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send_head(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def send_unless_answered(self, body: bytes) -> None:
        """Send a body; stop after its beginning if the answer has come by then."""
        self.send(body[:_FIRST_PART])
        if len(body) <= _FIRST_PART:
            return
        if not select.select([self._sock], [], [], _EARLY_SECONDS)[0]:
            # The answer that came meanwhile, if one did, can still be read.
            with suppress(ConnectionError):
                self.send(body[_FIRST_PART:])

    def reply(self, method: str = "GET") -> Reply:
        """Return the next answer."""
        interim = []
        while True:
            head = self._head()
            status = int(head[0].split()[1])
            if status >= 200:
                break
            interim.append(head[0])
        headers = {}
        for line in head[1:]:
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name] = value
        body, complete = b"", True
        if method != "HEAD" and status not in _NO_BODY:
            body, complete = self._body({name.lower(): v for name, v in headers.items()})
        return Reply(status, headers, body, interim, complete)

    def next_line(self) -> bytes:
        """Return the next line of the answer."""
        return self._head()[0]

    def _head(self) -> list[bytes]:
        while b"\r\n\r\n" not in self._read:
            piece = self._sock.recv(65536)
            if not piece:
                raise ConnectionError(f"The connection ended after {self._read!r}.")
            self._read += piece
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        return head.split(b"\r\n")

    def _body(self, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks(), True
        length = int(headers.get("content-length", 0))
        with suppress(ConnectionError):
            self._take_in(length)
        body, self._read = self._read[:length], self._read[length:]
        return body, len(body) == length

    def _take_in(self, count: int) -> None:
        while len(self._read) < count:
            piece = self._sock.recv(65536)
            if not piece:
                return
            self._read += piece

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._read:
                self._take_in(len(self._read) + 1)
            size, self._read = self._read.split(b"\r\n", 1)
            count = int(size, 16)
            self._take_in(count + 2)
            body, self._read = body + self._read[:count], self._read[count + 2 :]
            if not count:
                return body

    def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        read, self._read = self._read, b""
        with suppress(ConnectionError):
            while piece := self._sock.recv(65536):
                read += piece
        return read
