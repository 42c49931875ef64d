"""Failures by rule: which requests they hit, and what those see."""

import asyncio
import contextlib
import hashlib
import time

import aiohttp
import pytest

from dvc_osf.emulator import Fault

from .conftest import until

LARGE = bytes(range(256)) * 4096


@pytest.fixture
async def file(client):
    return await client.file("large", LARGE)


async def statuses(client, count, path="/"):
    return [(await client.wb("GET", path)).status for _ in range(count)]


class TestRules:
    """Which requests a rule hits."""

    async def test_every_condition_must_hold(self, client, osf):
        osf.add_fault(Fault(method="put", path=r"name=a\b", host="files", status=503))
        assert (await client.put("b")).status == 201
        assert (await client.wb("GET", "/?name=a")).status == 200
        assert (await client.v2("/?name=a", "PUT")).status == 405
        assert (await client.put("a")).status == 503

    @pytest.mark.parametrize(
        ("rule", "hit"),
        [
            ({"nth": 2}, [2]),
            ({"every": 3}, [3, 6]),
            ({"after": 4}, [5, 6]),
            ({"after": 1, "nth": 1}, [2]),
            ({"times": 2}, [1, 2]),
            ({"after": 2, "times": 1}, [3]),
            ({"probability": 0.0}, []),
            ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
        ],
    )
    async def test_it_chooses_among_them(self, client, osf, rule, hit):
        fault = osf.add_fault(Fault(status=503, **rule))
        found = await statuses(client, 6)
        assert [n for n, status in enumerate(found, 1) if status == 503] == hit
        assert fault.hits == len(hit)

    async def test_chance_is_repeatable(self, client, osf):
        runs = []
        for seed in (7, 7, 8):
            osf.clear_faults()
            osf.add_fault(Fault(status=503, probability=0.5, seed=seed))
            runs.append(await statuses(client, 20))
        assert runs[0] == runs[1] != runs[2]
        assert 3 < runs[0].count(503) < 17

    async def test_effects_combine_and_the_older_rule_wins(self, client, osf):
        osf.add_fault(Fault(status=503))
        osf.add_fault(Fault(status=500, headers={"X-More": "1"}))
        reply = await client.wb("GET")
        assert (reply.status, osf.requests[-1].faults) == (503, 2)

    async def test_rules_can_be_taken_back(self, client, osf):
        osf.add_fault(Fault(status=503))
        osf.clear_faults()
        assert await statuses(client, 1) == [200]


class TestAnswers:
    """Statuses that no handler gave."""

    @pytest.mark.parametrize(
        ("fault", "content_type", "body"),
        [
            ({}, "application/json", b'{"code": 502, "message": "Bad Gateway"}'),
            ({"body": ""}, "text/plain", b""),
            ({"body": b"raw"}, "text/plain", b"raw"),
            ({"body": "<h1>502</h1>"}, "text/html", b"<h1>502</h1>"),
            ({"body": {"a": 1}}, "application/json", b'{"a": 1}'),
        ],
    )
    async def test_any_status_with_any_body(self, client, osf, fault, content_type, body):
        osf.add_fault(Fault(status=502, **fault))
        reply = await client.wb("GET")
        assert (reply.status, reply.body) == (502, body)
        assert reply.headers["Content-Type"].startswith(content_type)

    async def test_api_v2_has_its_own_shape(self, client, osf):
        osf.add_fault(Fault(status=503))
        assert (await client.v2("/")).json["errors"] == [{"detail": "Service Unavailable"}]

    @pytest.mark.parametrize("retry_after", [3, 1.5, "Sun, 22 Nov 2026 18:24:59 GMT", 1795371899])
    async def test_retry_after_in_any_form(self, client, osf, retry_after):
        osf.add_fault(Fault(status=429, retry_after=retry_after, headers={"X-Limit": "8"}))
        reply = await client.wb("GET")
        assert (reply.status, reply.headers["Retry-After"]) == (429, str(retry_after))
        assert reply.headers["X-Limit"] == "8"

    async def test_nothing_is_done(self, client, osf):
        osf.add_fault(Fault(method="PUT", status=500, times=1))
        assert (await client.put("a", LARGE[:1000])).status == 500
        assert await client.names() == []

    async def test_the_body_of_such_a_request_is_not_read(self, client, osf):
        osf.add_fault(Fault(method="PUT", status=500))
        with contextlib.suppress(aiohttp.ClientError):
            await client.put("a", b"x" * 20_000_000)
        assert osf.requests[-1].received == 0


class TestTime:
    """Slowness."""

    async def test_delay(self, client, osf):
        osf.add_fault(Fault(delay=0.1))
        osf.settings.latency = 0.1
        start = time.monotonic()
        assert await statuses(client, 1) == [200]
        assert time.monotonic() - start >= 0.2

    @pytest.mark.parametrize("how", ["fault", "setting"])
    async def test_bandwidth_in_both_directions(self, client, osf, how):
        if how == "fault":
            osf.add_fault(Fault(bandwidth=5_000_000, path="providers"))
        else:
            osf.settings.bandwidth = 5_000_000
        start = time.monotonic()
        file = await client.file("a", LARGE)
        middle = time.monotonic()
        assert (await client.wb("GET", file)).body == LARGE
        assert middle - start >= len(LARGE) / 5_000_000
        assert time.monotonic() - middle >= len(LARGE) / 5_000_000

    async def test_requests_share_the_bandwidth_of_the_line(self, client, osf):
        osf.settings.total_bandwidth = 20_000_000
        start = time.monotonic()
        files = await asyncio.gather(*(client.file(name, LARGE) for name in "abc"))
        middle = time.monotonic()
        answers = await asyncio.gather(*(client.wb("GET", file) for file in files))
        assert [answer.body for answer in answers] == [LARGE] * 3
        assert middle - start >= 3 * len(LARGE) / 20_000_000
        assert time.monotonic() - middle >= 3 * len(LARGE) / 20_000_000

    async def test_hang_until_the_client_gives_up(self, client, osf):
        osf.add_fault(Fault(hang=True))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.wb("GET"), 0.05)
        await until(lambda: osf.requests[-1].ended)
        assert osf.requests[-1].status is None


class TestConnections:
    """Connections that end too early."""

    async def test_reset_at_once(self, client, osf):
        osf.add_fault(Fault(reset=True))
        with pytest.raises(aiohttp.ClientOSError):
            await client.wb("GET")
        assert (osf.requests[-1].status, osf.requests[-1].received) == (None, 0)

    @pytest.mark.parametrize("limit", [1, 100_000, 900_000])
    async def test_reset_in_the_middle_of_the_request(self, client, osf, limit):
        osf.add_fault(Fault(method="PUT", reset_after_received=limit))
        with pytest.raises(aiohttp.ClientError):
            await client.put("a", LARGE)
        assert (osf.requests[-1].status, osf.requests[-1].received) == (None, limit)
        assert await client.names() == []

    @pytest.mark.parametrize("limit", [0, 1, 300_000])
    async def test_reset_in_the_middle_of_the_answer(self, client, osf, file, limit):
        osf.add_fault(Fault(method="GET", reset_after_sent=limit))
        with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
            await client.wb("GET", file)
        assert (osf.requests[-1].status, osf.requests[-1].sent) == (None, limit)

    async def test_the_answer_is_lost_after_the_work_was_done(self, client, osf):
        osf.add_fault(Fault(method="PUT", lose_answer=True))
        with pytest.raises(aiohttp.ClientError):
            await client.put("a", LARGE)
        assert await client.names() == ["a"]
        assert (osf.requests[0].status, osf.requests[0].received) == (None, len(LARGE))

    async def test_it_stops_reading(self, client, osf):
        osf.add_fault(Fault(method="PUT", stop_reading_after=100_000))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.put("a", b"x" * 50_000_000), 0.3)
        assert 100_000 <= osf.requests[-1].received < 50_000_000
        assert await client.names() == []

    async def test_it_never_invites(self, client, osf):
        osf.add_fault(Fault(method="PUT", swallow_expect=True))
        headers = {"Expect": "100-continue"}
        sending = client.wb("PUT", "/?name=a", data=b"x", headers=headers)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sending, 0.1)
        await until(lambda: osf.requests[-1].ended)
        assert await client.names() == []


class TestBodies:
    """Answers that are not what was stored."""

    async def test_truncated_under_the_full_length(self, client, osf, file):
        osf.add_fault(Fault(method="GET", truncate=1000))
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.wb("GET", file)
        assert (osf.requests[-1].status, osf.requests[-1].sent) == (200, 1000)

    async def test_truncated_with_a_matching_length(self, client, osf, file):
        osf.add_fault(Fault(method="GET", shorten=1000))
        reply = await client.wb("GET", file)
        assert (reply.status, reply.headers["Content-Length"]) == (200, "1000")
        assert reply.body == LARGE[:1000]

    async def test_shortening_leaves_short_answers_alone(self, client, osf):
        osf.add_fault(Fault(method="GET", shorten=1_000_000))
        assert (await client.wb("GET")).data == []

    @pytest.mark.parametrize(("offset", "at"), [(0, 0), (300_000, 300_000), (-1, len(LARGE) - 1)])
    async def test_one_byte_is_wrong(self, client, osf, file, offset, at):
        osf.add_fault(Fault(method="GET", corrupt=offset))
        body = (await client.wb("GET", file)).body
        assert len(body) == len(LARGE)
        assert [n for n in range(len(LARGE)) if body[n] != LARGE[n]] == [at]

    @pytest.mark.parametrize("size", [10, len(LARGE)])
    async def test_one_byte_arrives_wrong(self, client, osf, size):
        osf.add_fault(Fault(method="PUT", corrupt_received=7))
        reply = await client.put("a", LARGE[:size])
        wrong = LARGE[:7] + b"\xf8" + LARGE[8:size]
        assert reply.attributes["extra"]["hashes"]["md5"] == hashlib.md5(wrong).hexdigest()
        assert (await client.wb("GET", reply.id)).body == wrong

    async def test_json_too(self, client, osf):
        osf.add_fault(Fault(method="GET", shorten=5))
        assert (await client.wb("GET")).body == b'{"dat'

    async def test_an_archive_too(self, client, osf):
        await client.file("large", LARGE)
        osf.add_fault(Fault(method="GET", shorten=1000, times=1))
        assert len((await client.wb("GET", "/?zip=")).body) == 1000
        osf.add_fault(Fault(method="GET", truncate=1000))
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.wb("GET", "/?zip=")


async def test_storage_fails_on_its_own(client, osf, file):
    osf.settings.storage_redirect = True
    osf.add_fault(Fault(host="storage", status=503, times=1))
    location = (await client.wb("GET", file)).headers["Location"]
    anyone = client.acting()
    assert (await anyone.request("GET", location)).status == 503
    assert (await anyone.request("GET", location)).body == LARGE


async def test_bugs_of_the_emulator_are_answered_and_logged(client, osf, monkeypatch, caplog):
    monkeypatch.setattr(osf.world.tree, "count", None)
    reply = await client.wb("GET")
    assert (reply.status, reply.body) == (500, b"The emulator has a bug; see its log.")
    assert "TypeError" in caplog.text


async def test_what_cannot_be_sent_is_not_promised(client, osf, file, tmp_path, caplog):
    (blob,) = (path for path in (tmp_path / "osf" / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    with pytest.raises(aiohttp.ClientError):
        await client.wb("GET", file)
    assert "FileNotFoundError" in caplog.text
    assert osf.requests[-1].status is None
