"""Recordings 10, 11 and 20: requests that meet other requests."""

import ast
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from replaying.recordings import load
from replaying.wire import Wire

_RACER = re.compile(r"\[(\d+)x (.+?)\] (\d+) \d+ms +path=(\S+) ver=(\S+) size=(\S+) ::", re.DOTALL)
_FOUR = re.compile(r"4x PUT same new name -> distinct ids (\d) (\[.*\])")
_MEANWHILE = re.compile(r"(PUT .+): HTTP/1\.1 (\d+) .+? -> (.+)")


def _recorded_statuses(what):
    """Return the statuses that racers of a kind got, over all rounds."""
    return {
        int(match[3])
        for match in map(_RACER.match, load("10").log)
        if match and match[2].startswith(what)
    }


@pytest.fixture
def strict(osf, client):
    osf.settings.strict_duplicates = True
    # Long enough for all racers to meet on a busy machine.
    osf.settings.race_window = 0.2
    return client


def _at_once(*requests):
    """Send requests at the same moment, and return their answers."""
    barrier = threading.Barrier(len(requests))

    def run(request):
        barrier.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, requests))


def _puts(client, name, folder, count, contents=None):
    bodies = contents or [str(number).encode() * (1000 + number) for number in range(count)]
    return [lambda body=body: client.put(name, body, folder) for body in bodies]


def _path(reply):
    return json.loads(reply.body)["data"]["attributes"]["path"]


def test_two_creators_of_one_name_are_both_told_that_it_worked(strict):
    folder = strict.mkdir("conc")
    replies = _at_once(*_puts(strict, "same.bin", folder, 2))
    assert {reply.status for reply in replies} <= _recorded_statuses("PUT new same name diff")
    _listings_agree(strict, folder, replies)


def test_so_they_are_if_the_content_is_the_same(strict):
    folder = strict.mkdir("conc")
    replies = _at_once(*_puts(strict, "same2.bin", folder, 2, [b"abc", b"abc"]))
    assert {reply.status for reply in replies} <= _recorded_statuses("PUT new same name same")
    _listings_agree(strict, folder, replies)


def test_six_creators_make_several_files(strict):
    folder = strict.mkdir("conc")
    replies = _at_once(*_puts(strict, "six.bin", folder, 6))
    assert {reply.status for reply in replies} <= _recorded_statuses("PUT new") == {200, 201}
    assert len({_path(reply) for reply in replies}) > 1
    _listings_agree(strict, folder, replies)


def _listings_agree(client, folder, replies):
    listed = client.listing(folder)
    assert {path for _, _, path, _, _ in listed} == {_path(reply) for reply in replies}
    assert client.v2_listing(folder) == listed


@pytest.mark.parametrize("racers", [2, 6])
def test_creators_of_a_folder_succeed_or_hear_of_the_other(strict, racers):
    folder = strict.mkdir("conc")
    replies = _at_once(
        *[lambda: strict.put("samedir", b"", folder, "folder") for _ in range(racers)]
    )
    statuses = [reply.status for reply in replies]
    assert set(statuses) <= _recorded_statuses("mkdir") == {201, 409, 500}
    made = [_path(reply) for reply in replies if reply.status == 201]
    assert 1 <= len(made) <= 2
    assert [entry[2] for entry in strict.listing(folder)] == sorted(made)
    for reply in replies:
        if reply.status == 409:
            assert (
                '"samedir" because a file or folder already exists'
                in json.loads(reply.body)["message_long"]
            )


def test_five_uploads_to_one_file_corrupt_it(strict):
    recorded = [
        int(match[5])
        for match in map(_RACER.match, load("10").log)
        if match and match[2].startswith("PUT existing")
    ]
    path = strict.make("upd.bin", b"v1")
    replies = _at_once(
        *[
            lambda number=number: strict.wb("PUT", path, str(number).encode() * (1000 + number))
            for number in range(5)
        ]
    )
    assert {reply.status for reply in replies} == {200}
    versions = [json.loads(reply.body)["data"]["attributes"] for reply in replies]
    assert sorted(facts["extra"]["version"] for facts in versions) == sorted(recorded)
    assert strict.wb("GET", path).status == 400


def test_two_are_enough_and_naming_a_version_repairs_it(strict):
    (recorded,) = (entry for entry in load("20").log if "15 rounds" in entry)
    assert "((200, 200), 'GET 400'): 14" in recorded
    path = strict.make("upd.bin", b"v1")
    replies = _at_once(
        lambda: strict.wb("PUT", path, b"one"), lambda: strict.wb("PUT", path, b"other")
    )
    assert [reply.status for reply in replies] == [200, 200]
    assert strict.wb("GET", path).status == 400
    assert strict.wb("PUT", f"{path}?version=1", b"repaired").status == 200
    assert strict.wb("GET", path).body == b"repaired"


def test_four_creators(strict):
    recorded = [match.groups() for match in map(_FOUR.fullmatch, load("11").log) if match]
    statuses = {status for _, seen in recorded for status in ast.literal_eval(seen)}
    folder = strict.mkdir("conc")
    replies = _at_once(*_puts(strict, "four.bin", folder, 4))
    assert {reply.status for reply in replies} <= statuses
    # The name is taken now, by however many files.
    reply = strict.put("four.bin", b"late", folder)
    assert reply.status == 409
    assert _path(reply) in {_path(other) for other in replies}


def test_the_name_of_two_folders_is_taken_too(strict):
    folder = strict.mkdir("conc")
    _at_once(*[lambda: strict.put("dup", b"", folder, "folder") for _ in range(4)])
    reply = strict.put("dup", b"", folder, "folder")
    assert (reply.status, json.loads(reply.body)["data"]) == (409, {})


def test_thirty_uploads_of_different_names_all_succeed(strict):
    assert any("Counter({201: 30})" in entry for entry in load("11").log)
    folder = strict.mkdir("conc")
    replies = _at_once(*[lambda n=n: strict.put(f"p{n}", b"x", folder) for n in range(30)])
    assert [reply.status for reply in replies] == [201] * 30
    assert len(strict.listing(folder)) == 30


def test_of_two_deletions_one_finds_nothing(client):
    path = client.make("upd2.bin")
    replies = _at_once(*[lambda: client.wb("DELETE", path)] * 2)
    assert sorted(reply.status for reply in replies) == [204, 404]


def test_a_folder_that_goes_takes_the_upload_with_it(client):
    folder = client.mkdir("sub")
    with _upload(client, f"{folder}?kind=file&name=x.bin") as upload:
        assert client.wb("DELETE", folder).status == 204
    assert upload.reply.status == 404
    assert client.listing() == []


class _Upload:
    reply = None


@contextmanager
def _upload(client, place, size=200_000):
    """Send half of a body, let something else happen, and send the rest."""
    body = b"u" * size
    upload = _Upload()
    with Wire(client.osf.files_url) as wire:
        wire.send_head("PUT", client.root + place, client.headers("test-token-rw", body, None))
        wire.send(body[: size // 2])
        _arrived(client, size // 2)
        yield upload
        wire.send(body[size // 2 :])
        upload.reply = wire.reply()


def _arrived(client, count):
    """Wait until the emulator has taken in so many bytes of the latest upload."""
    while client.osf.requests[-1].received < count:
        pass


def _observed():
    """Return what happened during an upload, and what the upload's answer told."""
    log = [entry for entry in load("20").log if entry.startswith("PUT ")]
    for match in map(_MEANWHILE.match, log):
        yield match[1], int(match[2]), match[3]


def _rename(client, path, name):
    order = json.dumps({"action": "rename", "rename": name}).encode()
    assert client.wb("POST", path, order).status == 201


def _move(client, path, folder):
    order = json.dumps({"action": "move", "path": folder}).encode()
    assert client.wb("POST", path, order).status == 201


def _into(client, folder, other):
    inner = client.mkdir("sub3", folder)
    _move(client, inner, other)


_SCENES = {
    "renamed a.bin->a2.bin": ("a.bin", lambda client, path, _: _rename(client, path, "a2.bin")),
    "deleted": ("b.bin", lambda client, path, _: client.wb("DELETE", path)),
    "other PUT": ("c.bin", lambda client, path, _: client.wb("PUT", path, b"v2")),
    "other PUT creates same name": (None, lambda client, _, f: client.make("d.bin", b"x", f)),
    "folder of same name created": (None, lambda client, _, f: client.mkdir("e.bin", f)),
    "sub deleted": (None, lambda client, _, f: client.wb("DELETE", f)),
    "sub2 moved": (None, lambda client, _, f: _move(client, f, client.mkdir("elsewhere"))),
}


@pytest.mark.parametrize(("what", "status", "told"), list(_observed()))
def test_an_upload_commits_by_the_name_that_was(client, what, status, told):
    scene = max((scene for scene in _SCENES if scene in what), key=len)
    existing, act = _SCENES[scene]
    folder = client.mkdir("mid")
    name = told.split()[0] if status != 404 else "x.bin"
    path = client.make(existing, b"v1", folder) if existing else None
    with _upload(client, path or f"{folder}?kind=file&name={name}") as upload:
        act(client, path, folder)
    assert upload.reply.status == status
    if status == 404:
        assert "The requested resource could not be found" in told
        assert "The requested resource could not be found" in upload.reply.body.decode()
        return
    facts = json.loads(upload.reply.body)["data"]["attributes"]
    answered = f"{facts['name']} v{facts['extra']['version']} size={facts['size']}"
    assert answered == re.sub(r" /\w+", "", told.splitlines()[0])
    # A new file, unless the name was still, or again, somebody's.
    assert (facts["path"] == path) == (scene == "other PUT")
    if scene != "sub2 moved":
        assert facts["path"] in [entry[2] for entry in client.listing(folder)]
