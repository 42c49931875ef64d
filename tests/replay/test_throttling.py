"""Recordings 15 and 16: API v2's limits."""

import ast
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from replaying.recordings import load

_LINE = re.compile(r"(.+): (\[\(.*\)\])")
_REFUSED = re.compile(r"429: headers=(\[.*\]) body=(b'.*')")
_FILES = "/v2/nodes/63bkf/files/osfstorage/"
_TARGETS = {
    "files list": _FILES,
    "v2 root": "/v2/",
    "node detail": "/v2/nodes/63bkf/",
    "files detail": "/v2/files/6b032c1d579557bf8f6bd608/",
}
# Of the refusals' headers those that have nothing to do with the connection and the time.
_CONNECTION = {"Date", "Connection", "Server"}


def _log():
    return [line.strip() for entry in load("16").log for line in entry.splitlines()]


def _series():
    """Return what was asked, whether with a token, and the statuses."""
    for match in filter(None, map(_LINE.fullmatch, _log())):
        what, _, who = match[1].rpartition(" ")
        statuses = [status for status, _ in ast.literal_eval(match[2])]
        yield what, who == "token", statuses


@pytest.fixture
def throttled(osf, client):
    osf.settings.v2_throttle = True

    def statuses(what, *, token, count):
        secret = "test-token-rw" if token else None
        target = _TARGETS[what]
        if what == "files detail":
            target = "/v2/files" + path + "/"
        return [client.ask("GET", target, token=secret).status for _ in range(count)]

    path = client.make("hello.txt")
    return statuses


def test_the_series_are_refused_at_the_same_request(throttled):
    series = list(_series())
    assert len(series) == 6
    for what, token, statuses in series:
        # One limit counts for all that is no list of files: what was recorded last ran into it.
        assert throttled(what, token=token, count=len(statuses)) == statuses


def test_a_refusal_has_the_same_headers_and_body(throttled, client):
    refusals = [match for match in map(_REFUSED.fullmatch, _log()) if match]
    assert len(refusals) == 3
    throttled("files list", token=False, count=3)
    throttled("v2 root", token=False, count=10)
    path = client.make("other.txt")
    targets = (_FILES, "/v2/", f"/v2/files{path}/")
    for match, target in zip(refusals, targets, strict=True):
        reply = client.ask("GET", target, token=None)
        recorded = dict(ast.literal_eval(match[1]))
        assert reply.status == 429
        for name in recorded.keys() - _CONNECTION:
            assert reply.headers[name] == recorded[name]
        assert json.loads(reply.body) == json.loads(ast.literal_eval(match[2]))


def test_with_a_token_there_is_no_such_limit(throttled, client):
    note = load("15").requests[-1].notes[0]
    statuses = [status for status, _ in ast.literal_eval(note.partition("t): ")[2])]
    assert throttled("files list", token=True, count=len(statuses)) == statuses
    count = int(re.match(r"(\d+) parallel /users/me/", _log()[-1])[1])
    with ThreadPoolExecutor(count) as pool:
        replies = pool.map(lambda _: client.ask("GET", "/v2/users/me/"), range(count))
    assert {reply.status for reply in replies} == {200}
