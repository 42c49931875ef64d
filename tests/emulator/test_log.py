"""The log of requests: one entry for each, complete, without secrets."""

import asyncio

from dvc_osf.emulator import Emulator, Fault
from dvc_osf.emulator.log import RequestLog

from .conftest import until


async def test_an_entry_says_what_was_asked_and_answered(client, osf):
    await client.wb("PUT", "/?kind=file&name=a%20b", data=b"hello")
    await client.wb("GET", headers={"Range": "bytes=0-1"})
    put, get = osf.requests
    assert (put.host, put.method, put.status) == ("files", "PUT", 201)
    assert put.path == f"/v1/resources/{osf.project}/providers/osfstorage/"
    assert put.query == {"kind": "file", "name": "a b"}
    assert (put.received, get.received) == (5, 0)
    assert get.sent == int((await client.wb("GET")).headers["Content-Length"])
    assert get.headers["range"] == "bytes=0-1"
    assert 0 <= put.ended - put.started < 10


async def test_every_host_is_told_apart(client, osf):
    await client.v2("/")
    file = await client.file()
    osf.settings.storage_redirect = True
    location = (await client.wb("GET", file)).headers["Location"]
    await client.acting().request("GET", location)
    await client.request("GET", f"{osf.web_url}/{osf.project}/")
    assert [entry.host for entry in osf.requests] == ["api", "files", "files", "storage", "web"]


async def test_tokens_are_labels(client, osf):
    named = osf.add_token(label="mine")
    numbered = osf.add_token()
    for token in (osf.token, named, numbered, "guess", None):
        await client.acting(token).wb("GET")
    labels = [entry.token for entry in osf.requests]
    assert labels == ["first", "mine", "token-3", "unknown", None]
    text = repr(osf.requests) + str([entry.as_dict() for entry in osf.requests])
    assert not any(secret in text for secret in (osf.token, named, numbered, "guess"))


async def test_an_entry_is_there_while_the_request_is(client, osf):
    osf.add_fault(Fault(hang=True))
    asking = asyncio.create_task(client.wb("GET"))
    await until(lambda: osf.requests)
    (entry,) = osf.requests
    assert (entry.status, entry.ended) == (None, None)
    asking.cancel()
    await until(lambda: entry.ended)


async def test_every_request_on_a_connection_counts(osf, client):
    await asyncio.gather(*(client.put(f"f{number}") for number in range(50)))
    assert len(osf.requests) == 50
    assert {entry.status for entry in osf.requests} == {201}
    osf.clear_requests()
    assert osf.requests == []


async def test_controls_are_not_in_it(client, osf):
    await client.request("GET", f"{osf.web_url}/_emulator/stats")
    assert osf.requests == []


def test_it_keeps_the_newest_entries_only():
    log = RequestLog(limit=3)
    for number in range(5):
        log.begin("files", "GET", f"/{number}", {}, {})
    assert [entry.path for entry in log.entries] == ["/2", "/3", "/4"]
    assert log.total == 5


async def test_two_emulators_do_not_share_it(client, osf):
    async with Emulator() as other:
        await client.wb("GET")
        assert (len(osf.requests), other.requests) == (1, [])
