"""Two answers, recorded and played back: where do they differ?

Ids, times and hosts differ by their nature. What the recording calls one thing has one name in
the emulator; the pairs are learnt where they appear first, and from then on they have to fit.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .recordings import Recorded
    from .wire import Reply

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|\+00:00|)")
_HOSTS = re.compile(r"\{(?:API|WEB|MFR)\}")
# The hosts of the recorded server all had URLs of this length.
_STAND_IN = "http://localhost:0000"
# Headers that must not be there unless they were recorded.
_TELLING = (
    "Content-Disposition",
    "Content-Range",
    "Etag",
    "Location",
    "Retry-After",
    "Transfer-Encoding",
    "WWW-Authenticate",
    "X-Waterbutler-Metadata",
    "X-Waterbutler-Request-Id",
    "X-Waterbutler-Ratelimiting-Limit",
)
# Headers whose values differ by their nature.
_OWN = {"Etag", "X-Waterbutler-Request-Id", "X-Waterbutler-Ratelimiting-Reset"}
_WINDOW = 20


class Vocabulary:
    """What the ids and times of a recording are called in the emulator.

    Parameters
    ----------
    files_url, web_url
        The emulator's hosts.
    shared
        The ids and times that are the same in both.
    """

    def __init__(self, files_url: str, web_url: str, shared: Iterable[str]) -> None:
        self._hosts = [
            (web_url, "{OSF}"),
            (web_url.replace(":", "%3A").replace("/", "%2F"), "{OSF}"),
            (files_url, "{WB}"),
        ]
        self._emulated = {word: word for word in shared}
        self._recorded = {word: word for word in shared}

    def learn(self, recorded: str, emulated: str) -> None:
        """Remember what something is called, unless it is known already."""
        if recorded not in self._emulated and emulated not in self._recorded:
            self._emulated[recorded] = emulated
            self._recorded[emulated] = recorded

    def to_emulator(self, text: str) -> str:
        """Return a part of a recorded request as the emulator has to see it."""
        for recorded, emulated in self._emulated.items():
            if recorded != emulated:
                text = text.replace(recorded, emulated)
        return text

    def recorded(self, text: str) -> str:
        """Return a part of an answer of the emulator in the recording's words."""
        for host, name in self._hosts:
            text = text.replace(host, name)
        for emulated, recorded in self._recorded.items():
            if recorded != emulated and emulated in text:
                text = text.replace(emulated, recorded)
        return text

    def stand_ins(self, text: str) -> str:
        """Return a text with hosts of the length of the recorded ones."""
        for host, _ in self._hosts:
            encoded = "%" in host
            stand_in = _STAND_IN.replace(":", "%3A").replace("/", "%2F")
            text = text.replace(host, stand_in if encoded else _STAND_IN)
        return text


def neutral(text: str) -> str:
    """Return a recorded text without the difference between the web's hosts, which are one here."""
    return _HOSTS.sub("{OSF}", text)


def differences(exchange: Recorded, reply: Reply, words: Vocabulary) -> list[tuple[str, str]]:
    """Return where the two differ: the place, such as ``body.data.id``, and how."""
    recorded = exchange.answer
    found = []
    if recorded.status != reply.status:
        found.append(("status", _unequal(recorded.status, reply.status)))
    found += _body(exchange, reply, words)
    found += _headers(exchange, reply, words)
    return found


def _unequal(recorded: object, emulated: object) -> str:
    return f"recorded {recorded!r}, emulated {emulated!r}"


def _body(exchange: Recorded, reply: Reply, words: Vocabulary) -> Iterator[tuple[str, str]]:
    expected = exchange.answer.body
    if isinstance(expected, bytes):
        if exchange.answer.headers.get("Content-Type") == "application/zip":
            yield from _zip(expected, reply.body)
        elif expected != reply.body:
            yield "body", _unequal(expected, reply.body)
        return
    try:
        emulated = json.loads(reply.body)
    except ValueError:
        yield "body", f"not JSON: {reply.body[:200]!r}"
        return
    expected = json.loads(neutral(json.dumps(expected)))
    ordered = "sort=" in exchange.target
    _arrange(expected, emulated, ordered=ordered)
    _learn(expected, emulated, words)
    yield from Comparison(words).values("body", expected, emulated)
    if reply.body != _written(emulated_as_sent := json.loads(reply.body), exchange):
        yield "body", f"not written as the OSF writes JSON: {emulated_as_sent!r}"


def _written(value: Any, exchange: Recorded) -> bytes:
    """Return JSON as the answering part of the OSF writes it."""
    if exchange.target.startswith("/v2"):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return json.dumps(value).replace("</", "<\\/").encode()


def _arrange(expected: Any, emulated: Any, *, ordered: bool) -> None:
    """Bring lists of entities, which have no order, into the same one."""
    if isinstance(expected, dict) and isinstance(emulated, dict):
        for name in _common(expected, emulated):
            _arrange(expected[name], emulated[name], ordered=ordered)
    elif isinstance(expected, list) and isinstance(emulated, list) and not ordered:
        for entries in (expected, emulated):
            if all(isinstance(entry, dict) and "kind" in _facts(entry) for entry in entries):
                entries.sort(key=lambda entry: (_facts(entry)["name"], _facts(entry)["kind"]))


def _common(expected: dict[str, Any], emulated: dict[str, Any]) -> list[str]:
    return [name for name in expected if name in emulated]


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    return entry.get("attributes", entry)


def _learn(expected: Any, emulated: Any, words: Vocabulary) -> None:
    if isinstance(expected, dict) and isinstance(emulated, dict):
        if "title" in expected.get("attributes", {}) and "id" in emulated:
            words.learn(expected["id"], emulated["id"])
        for name in _common(expected, emulated):
            _learn(expected[name], emulated[name], words)
    elif isinstance(expected, list) and isinstance(emulated, list):
        for one, other in zip(expected, emulated, strict=False):
            _learn(one, other, words)
    elif isinstance(expected, str) and isinstance(emulated, str):
        ids = _ID.findall(expected), _ID.findall(emulated)
        for one, other in zip(*ids, strict=False):
            words.learn(one, other)
        times = _TIME.fullmatch(expected), _TIME.fullmatch(emulated)
        if times[0] and times[1] and times[0][2] and times[1][2]:
            words.learn(_moment(times[0]), _moment(times[1]))


def _moment(match: re.Match[str]) -> str:
    return f"{match[1]}.{match[2]:0<6}"


class Comparison:
    """The values of two bodies, place by place.

    Parameters
    ----------
    words
        What things are called.
    """

    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def values(self, place: str, expected: Any, emulated: Any) -> Iterator[tuple[str, str]]:
        """Yield where two values differ."""
        if type(expected) is not type(emulated):
            yield place, _unequal(expected, emulated)
        elif place.endswith("Retry-After"):
            if not 0 < emulated <= _WINDOW:
                yield place, _unequal(expected, emulated)
        elif isinstance(expected, dict):
            yield from self._objects(place, expected, emulated)
        elif isinstance(expected, list):
            if len(expected) != len(emulated):
                yield place, _unequal(_names(expected), _names(emulated))
                return
            for one, other in zip(expected, emulated, strict=True):
                yield from self.values(place, one, other)
        elif isinstance(expected, str):
            yield from self._texts(place, expected, emulated)
        elif expected != emulated:
            yield place, _unequal(expected, emulated)

    def _objects(
        self, place: str, expected: dict[str, Any], emulated: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        if list(expected) != list(emulated):
            yield place, _unequal(list(expected), list(emulated))
        for name in _common(expected, emulated):
            if name == "etag":
                # It is made of version and id, both compared for themselves.
                made = [_etag(side) == side["etag"] for side in (expected, emulated)]
                if made != [True, True]:
                    yield f"{place}.etag", _unequal(*made)
                continue
            yield from self.values(f"{place}.{name}", expected[name], emulated[name])

    def _texts(self, place: str, expected: str, emulated: str) -> Iterator[tuple[str, str]]:
        times = _TIME.fullmatch(expected), _TIME.fullmatch(emulated)
        if times[0] and times[1]:
            yield from self._times(place, times[0], times[1])
            return
        translated = self._words.recorded(emulated)
        if place == "body.response":
            # The OSF's own web page for what it does not find: long, and of no interest.
            expected, translated = expected[:50], translated[:50]
        if expected != translated:
            yield place, _unequal(expected, translated)

    def _times(
        self, place: str, expected: re.Match[str], emulated: re.Match[str]
    ) -> Iterator[tuple[str, str]]:
        same_form = (expected[3], expected[2] is None) == (emulated[3], emulated[2] is None)
        if not same_form:
            yield place, _unequal(expected[0], emulated[0])
        elif expected[2] is None or " " in expected[1]:
            return
        elif self._words.recorded(_moment(emulated)) != _moment(expected):
            yield place, _unequal(expected[0], self._words.recorded(emulated[0]))
        elif emulated[0] != expected[0] and _moment(emulated) == _moment(expected):
            yield place, _unequal(expected[0], emulated[0])


def _names(entries: list[Any]) -> list[Any]:
    return [_facts(entry).get("name") if isinstance(entry, dict) else entry for entry in entries]


def _etag(facts: Mapping[str, Any]) -> str:
    version = f"{facts['extra']['version']}::{facts['path']}" if facts["kind"] == "file" else None
    return hashlib.sha256(f"osfstorage::{version}".encode()).hexdigest()


def _zip(expected: bytes, emulated: bytes) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(io.BytesIO(emulated)) as archive:
        there = {info.filename: archive.read(info) for info in archive.infolist()}
    try:
        with zipfile.ZipFile(io.BytesIO(expected)) as archive:
            recorded = {info.filename: archive.read(info) for info in archive.infolist()}
    except zipfile.BadZipFile:
        # The record of a large one has its beginning only.
        names = re.findall(rb"PK\x03\x04.{26}([^\x00-\x1f]+)\x01\x00\x10", expected, re.DOTALL)
        missing = [name for name in names if name.decode() not in there]
        if missing or not names:
            yield "body", f"members are missing: {missing}"
        return
    if recorded != there:
        yield "body", _unequal(recorded, there)


def _headers(exchange: Recorded, reply: Reply, words: Vocabulary) -> Iterator[tuple[str, str]]:
    recorded = {name.title(): value for name, value in exchange.answer.headers.items()}
    emulated = {name.title(): value for name, value in reply.headers.items()}
    for name in sorted(recorded.keys() | {telling.title() for telling in _TELLING}):
        expected, got = recorded.get(name), emulated.get(name)
        if expected is None or got is None:
            equal = expected is got
        elif name == "Content-Length":
            expected, got = str(_recorded_length(exchange)), str(_length(reply, words, exchange))
            equal = expected == got
        elif name == "Retry-After":
            equal = got.isdecimal() and 0 < int(got) <= _WINDOW
        elif name == "X-Waterbutler-Metadata":
            yield from _metadata(json.loads(expected), json.loads(got), words)
            continue
        else:
            expected, got = neutral(expected), words.recorded(got)
            equal = name in _OWN or expected == got
        if not equal:
            yield f"header {name}", _unequal(expected, got)


def _metadata(expected: Any, emulated: Any, words: Vocabulary) -> Iterator[tuple[str, str]]:
    expected = json.loads(neutral(json.dumps(expected)))
    _learn(expected, emulated, words)
    yield from Comparison(words).values("header X-Waterbutler-Metadata", expected, emulated)


def _recorded_length(exchange: Recorded) -> int:
    return int(exchange.answer.headers["Content-Length"])


def _length(reply: Reply, words: Vocabulary, exchange: Recorded) -> int | None:
    """Return the length that the answer would have with the recorded hosts and times."""
    length = int(reply.headers["Content-Length"])
    if isinstance(exchange.answer.body, bytes):
        # The record of a traceback leaves parts of it out.
        return _recorded_length(exchange) if b".../" in exchange.answer.body else length
    if length != len(reply.body):
        return length
    return len(words.stand_ins(reply.body.decode()).encode()) + _fractions(exchange, reply)


def _fractions(exchange: Recorded, reply: Reply) -> int:
    """Return by how much the recorded times are longer than the emulator's."""
    recorded = json.dumps(exchange.answer.body, ensure_ascii=False)
    return sum(
        sign * len(match[2])
        for sign, text in ((1, recorded), (-1, reply.body.decode()))
        for match in _TIME.finditer(text)
        if match[2]
    )
