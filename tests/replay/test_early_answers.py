"""Recordings 05, 17, 17b and 23: answers that come before the body was read."""

import ast
import gc
import io
import json
import re

import aiohttp
import pytest
from replaying.recordings import load
from replaying.wire import Wire

_EXPECT = re.compile(r"Expect: 100-continue, (.+): first bytes after \d+ ms (b'.*') then (b'.*')")
_CLIENT = re.compile(r"\w+ [\d.]+ (?:expect100=(\w+) )?size=(\d+) (\d+) -> (.*)")
# Too small for a whole body to vanish in.
_SEND_BUFFER = 64 * 1024
_NOWHERE = "/5b032c1d579557bf8f6bd999/"


def _expectations():
    return [match.groups() for match in map(_EXPECT.fullmatch, load("17").log) if match]


def _clients():
    """Return whether a client expected a 100, how much it sent, and what it saw."""
    found = set()
    for key in ("17", "17b"):
        for match in filter(None, map(_CLIENT.fullmatch, load(key).log)):
            seen = ast.literal_eval(match[4])[0] if match[4].startswith("(") else None
            found.add((match[1] == "True", int(match[2]), int(match[3]), seen))
    return sorted(found, key=str)


def _ask(client, status):
    """Return the target and the token that lead to a status."""
    folder = _NOWHERE if status == 404 else "/"
    token = "test-token-ro" if status == 403 else "test-token-rw"
    return f"{client.root}{folder}?kind=file&name=taken", token


@pytest.mark.parametrize(("case", "first", "then"), _expectations())
def test_whoever_expects_a_100_gets_it_or_the_refusal(client, case, first, then):
    client.make("taken")
    target, token = _ask(client, 0 if "new" in case else int(case))
    if "new" in case:
        target = f"{client.root}/?kind=file&name=new"
    body = b"x" * 1000
    headers = client.headers(token, body, {"Expect": "100-continue"})
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", target, headers)
        line = wire.next_line()
        assert line == ast.literal_eval(first).split(b"\r\n")[0]
        if line.startswith(b"HTTP/1.1 100"):
            wire.send(body)
            assert wire.next_line() == ast.literal_eval(then).split(b"\r\n")[0]
        else:
            # Nothing follows but the end of the connection.
            assert not ast.literal_eval(then)
            wire.rest()


@pytest.mark.parametrize(("expect", "size", "status", "seen"), _clients())
def test_who_sends_before_reading_gets_the_status_or_a_reset(client, expect, size, status, seen):
    client.make("taken")
    target, token = _ask(client, status)
    body = bytes(size)
    headers = client.headers(token, body, {"Expect": "100-continue"} if expect else None)
    with Wire(client.osf.files_url, send_buffer=_SEND_BUFFER) as wire:
        wire.send_head("PUT", target, headers)
        if seen is None:
            with pytest.raises(ConnectionError):
                wire.send(body)
            return
        if not expect:
            wire.send(body)
        assert wire.reply().status == seen == status


# The bare client of this test may leave a socket that was reset while it wrote to it.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("expect", "size", "status", "seen"), _clients())
async def test_aiohttp_never_sees_anything_else(client, expect, size, status, seen):
    client.make("taken")
    target, token = _ask(client, status)
    headers = {"Authorization": f"Bearer {token}", "Content-Length": str(size)}
    url, body = client.osf.files_url + target, io.BytesIO(bytes(size))
    async with aiohttp.ClientSession() as session:
        try:
            async with session.put(url, data=body, headers=headers, expect100=expect) as answer:
                assert answer.status == status
        except (aiohttp.ClientConnectionError, ConnectionError):
            # Versions since the recorded one may find the answer that came before the reset.
            assert seen is None
    gc.collect()


def test_a_bad_token_is_refused_before_the_body_is_sent(client):
    (recorded,) = (entry for entry in load("05").log if "100-continue with bad token" in entry)
    assert "b'HTTP/1.1 500" in recorded
    headers = client.headers("bad", bytes(1000), {"Expect": "100-continue"})
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", f"{client.root}/?kind=file&name=zz.bin", headers)
        # Recording 06 has 403 for every such request.
        assert wire.reply().status == 403


def test_six_gibibytes_are_refused_with_a_bare_status(client):
    (recorded,) = (entry for entry in load("05").log if "6 GiB" in entry)
    headers = client.headers("test-token-rw", b"", {"Content-Length": 6 << 30})
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", f"{client.root}/?kind=file&name=huge", headers)
        assert wire.rest() == ast.literal_eval(recorded.splitlines()[1])


@pytest.mark.parametrize("target", ["new", "existing"])
def test_an_upload_that_is_cut_off_leaves_nothing(client, target):
    assert any("CUT-OFF uploads" in note for note in load("05").requests[2].notes)
    path = client.make("cr.bin", b"ABCDE")
    before = client.listing()
    place = path if target == "existing" else "/?kind=file&name=cut.bin"
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", client.root + place, client.headers("test-token-rw", bytes(10), None))
        wire.send(b"12345")
    assert client.listing() == before
    assert client.wb("GET", path).body == b"ABCDE"


def test_a_connection_ends_after_an_early_answer(client):
    answers = [ast.literal_eval(note.partition(": ")[2]) for note in _notes("keepalive after 409")]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 409", b""]
    client.make("taken")
    target = f"{client.root}/?kind=file&name=taken"
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", target, client.headers("test-token-rw", b"data", None))
        wire.send(b"data")
        assert wire.reply().status == 409
        assert wire.rest() == b""


def test_a_folder_needs_no_length_and_nobody_a_user_agent(client):
    for beginning in ("folder PUT without Content-Length", "PUT without User-Agent"):
        (note,) = _notes(beginning)
        assert "HTTP/1.1 201 Created" in note
    assert (
        client.put("nocl", kind="folder", body=b"", headers={"Content-Length": None}).status == 201
    )
    assert client.put("noua.txt", b"abc", headers={"User-Agent": None}).status == 201


def _notes(beginning):
    return [
        note
        for exchange in load("23").requests
        for note in exchange.notes
        if note.startswith(beginning)
    ]


def test_etags_follow_the_version_not_the_content(client):
    (recorded,) = (entry for entry in load("23").log if entry.startswith("etag: "))
    assert len(set(re.findall(r"\b[0-9a-f]{8}\b", recorded))) == 3
    path = client.make("e", b"1")
    etags = [_etag(client, path)]
    for body in (b"2", b"1"):
        client.wb("PUT", path, body)
        etags.append(_etag(client, path))
    assert len(set(etags)) == 3


def _etag(client, path):
    listed = json.loads(client.wb("GET").body)["data"]
    (facts,) = (e["attributes"] for e in listed if e["attributes"]["path"] == path)
    alone = json.loads(client.wb("GET", f"{path}?meta=").body)["data"]["attributes"]
    assert facts["etag"] == alone["etag"]
    return facts["etag"]
