"""The emulator's controls over HTTP."""

import pytest


@pytest.fixture
def control(client):
    async def send(method, what, **options):
        return await client.acting().request(
            method, f"{client.osf.web_url}/_emulator/{what}", **options
        )

    return send


async def test_faults(control, client):
    rules = await control("POST", "faults", json={"path": "providers", "status": 503, "times": 1})
    assert [rule["status"] for rule in rules.json] == [503]
    assert (await client.wb("GET")).status == 503
    assert (await client.wb("GET")).status == 200
    await control("POST", "faults", json=[{"status": 500}, {"status": 501}])
    assert len((await control("GET", "faults")).json) == 3
    assert (await control("GET", "faults")).json[0]["hits"] == 1
    assert (await control("DELETE", "faults")).json == []
    assert (await client.wb("GET")).status == 200


async def test_requests_and_their_sums(control, client):
    await client.put("a", b"12345")
    await client.wb("GET")
    entries = (await control("GET", "requests")).json
    assert [(entry["method"], entry["status"]) for entry in entries] == [("PUT", 201), ("GET", 200)]
    stats = (await control("GET", "stats")).json
    assert stats["requests"] == 2
    assert stats["by_method"] == {"PUT": 1, "GET": 1}
    assert stats["by_status"] == {"201": 1, "200": 1}
    assert stats["received"] == 5
    assert stats["sent"] == sum(entry["sent"] for entry in entries)
    assert (await control("DELETE", "requests")).json == []


async def test_settings(control, client, osf):
    assert (await control("GET", "settings")).json["storage_redirect"] is False
    changed = await control(
        "PATCH", "settings", json={"storage_redirect": True, "rate_limit": [2, 60]}
    )
    assert changed.json["storage_redirect"] is True
    assert osf.settings.rate_limit == (2, 60)
    file = await client.file()
    assert (await client.wb("GET", file)).status == 302
    assert (await client.wb("GET", file)).status == 429


@pytest.mark.parametrize(
    ("method", "what", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("PATCH", "settings", {"nothing": 1}, 400),
        ("POST", "faults", {"nothing": 1}, 400),
        ("POST", "faults", b"{", 400),
    ],
)
async def test_mistakes_are_told(control, method, what, body, status):
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    reply = await control(method, what, **sent)
    assert reply.status == status
    assert reply.json["error"]
