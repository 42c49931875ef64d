"""The recordings: what was asked of a real OSF, and what it answered.

A recording is a text of blocks. A block begins with ``### title``, has the request in lines that
begin with ``> `` and the answer in lines that begin with ``< ``, and then the answer's body: JSON,
or a Python literal of bytes. Paragraphs after it, and blocks without a request, are observations.

Two abbreviations keep the copies here short: a body that repeats is ``(the body of no. n)``, and
in a list ``"= <id>"`` stands for the object with that id as it was last written out.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "recordings"
_HEADER = re.compile(r"(?:^| )([A-Z][A-Za-z-]*): ")
_ASKED = re.compile(r"token=(\S+) ?(.*?)(?: body=(b['\"].*))?", re.DOTALL)
_SAME = re.compile(r"\(the body of no\. (\d+)\)")


@dataclass
class Answer:
    """What came back: on the record, or from the emulator.

    `body` is what the JSON says, or the bytes.
    """

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Recorded:
    """A request and its answer; `number` counts from 1 within the recording."""

    recording: str
    number: int
    title: str
    method: str
    target: str
    token: str | None
    headers: dict[str, str]
    body: bytes
    answer: Answer
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        title = re.sub(r"[^\w ,.:=?&%()+-]+", "_", self.title)[:60]
        return f"{self.recording}-{self.number:02d}-{title}"


@dataclass
class Recording:
    """A file of recordings; `log` has the observations outside of any request."""

    key: str
    requests: list[Recorded]
    log: list[str]


def keys() -> list[str]:
    """Return the short names of all recordings, such as ``10b``."""
    return sorted(path.name.partition("_")[0] for path in FOLDER.glob("*.txt"))


@cache
def load(key: str) -> Recording:
    """Return a recording by its short name."""
    (path,) = FOLDER.glob(f"{key}_*.txt")
    recording = Recording(key, [], [])
    bodies = _Bodies()
    for block in re.split(r"(?m)^(?=### )", path.read_text(encoding="utf-8")):
        if "\n> " not in block:
            recording.log += _paragraphs(block)
            continue
        recording.requests.append(_request(recording, block, bodies))
    return recording


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\n+", text.strip()) if part.strip()]


def _request(recording: Recording, block: str, bodies: _Bodies) -> Recorded:
    lines = block.splitlines()
    title = lines[0].removeprefix("### ")
    asked = [line[2:] for line in lines if line.startswith("> ")]
    answered = [line[2:] for line in lines if line.startswith("< ")]
    rest = "\n".join(line for line in lines[1:] if not line.startswith(("> ", "< "))).strip()
    method, _, target = asked[0].partition(" ")
    match = _ASKED.fullmatch(asked[1])
    assert match is not None, asked[1]
    headers = _headers(match[2])
    answer_headers = dict(line.split(": ", 1) for line in answered[1:])
    body, notes = bodies.read(rest, json_only="json" in answer_headers.get("Content-Type", ""))
    return Recorded(
        recording.key,
        len(recording.requests) + 1,
        title,
        method,
        target,
        None if match[1] == "None" else match[1],
        headers,
        _whole(ast.literal_eval(match[3]) if match[3] else b"", headers),
        Answer(int(answered[0].split()[0]), answer_headers, body),
        notes,
    )


def _headers(text: str) -> dict[str, str]:
    parts = _HEADER.split(text)[1:]
    return {name: value.strip() for name, value in zip(parts[::2], parts[1::2], strict=True)}


def _whole(body: bytes, headers: dict[str, str]) -> bytes:
    # Of long bodies, all of one byte, the record has the beginning only.
    length = int(headers.get("Content-Length", 0))
    return body + body[-1:] * (length - len(body)) if length > len(body) else body


class _Bodies:
    """The bodies of one recording, with their abbreviations."""

    def __init__(self) -> None:
        self._bodies: list[Any] = []
        self._objects: dict[str, Any] = {}

    def read(self, text: str, *, json_only: bool) -> tuple[Any, list[str]]:
        """Return the body at the beginning of a text, and the paragraphs behind it."""
        same = _SAME.match(text)
        if same is not None:
            body, end = self._bodies[int(same[1]) - 1], same.end()
        elif text.startswith(("b'", 'b"')):
            literal, _, _ = text.partition("\n")
            body, end = ast.literal_eval(literal), len(literal)
        else:
            body, end = json.JSONDecoder().raw_decode(text)
            if not json_only:
                # A download that happens to be JSON was written out as such.
                body = text[:end].encode()
            body = self._resolved(body)
        self._bodies.append(body)
        return body, _paragraphs(text[end:])

    def _resolved(self, body: Any) -> Any:
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            body["data"] = [self._object(item) for item in body["data"]]
        return body

    def _object(self, item: Any) -> Any:
        if isinstance(item, str) and item.startswith("= "):
            return self._objects[item.removeprefix("= ")]
        self._objects[item["id"]] = item
        return item
