"""What a handler decides to answer, before it becomes bytes on a connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@dataclass(frozen=True)
class FileSlice:
    """A part of a file on disk: `count` bytes from `offset` on."""

    path: Path
    offset: int
    count: int


@dataclass
class Answer:
    """A response.

    Parameters
    ----------
    body
        Bytes, a part of a file, or pieces of unknown total length (sent chunked).
    length
        Content-Length where it is not the true one: the OSF lies at times.
    closes
        Close the connection afterwards without having said so, as Tornado does when it answers
        before it has read the whole request.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FileSlice | AsyncGenerator[bytes, None] = b""
    length: int | None = None
    closes: bool = False

    @property
    def reason(self) -> str:
        """The reason phrase; the same one on every version of Python."""
        return {413: "Content Too Large"}.get(self.status) or HTTPStatus(self.status).phrase

    @property
    def declared_length(self) -> int | None:
        """Content-Length, None for a chunked body."""
        return self.body_length if self.length is None else self.length

    @property
    def body_length(self) -> int | None:
        """The true length of the body, None if it is not known beforehand."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return self.body.count if isinstance(self.body, FileSlice) else None


class Refusal(Exception):  # noqa: N818 -- an outcome of the protocol, not an error of ours
    """An answer that ends the handling of a request wherever it is raised."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Cut(Exception):  # noqa: N818 -- likewise
    """The connection is gone, or was dropped on purpose: there is nobody to answer."""
