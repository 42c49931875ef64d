"""WaterButler's fixed window for each token."""

import pytest

NAMES = ("Window", "Limit", "Remaining", "Reset")


@pytest.fixture(autouse=True)
def limit(osf):
    osf.settings.rate_limit = (3, 20)


async def test_too_many_requests_are_refused(client):
    assert [(await client.wb("GET")).status for _ in range(5)] == [200, 200, 200, 429, 429]


async def test_the_refusal_says_how_long(client):
    for _ in range(4):
        reply = await client.wb("GET")
    assert 18 <= int(reply.headers["Retry-After"]) <= 20
    shown = [reply.headers[f"X-Waterbutler-RateLimiting-{name}"] for name in NAMES]
    assert shown[:3] == ["20", "3", "0"]
    assert reply.json["error"] == "API rate-limiting active due to too many requests"
    assert reply.json["headers"]["Retry-After"] == int(reply.headers["Retry-After"])
    assert list(reply.json["headers"])[1:] == [
        f"X-Waterbutler-RateLimiting-{name}" for name in NAMES
    ]


async def test_every_kind_of_request_counts_and_is_refused(client):
    for method in ("GET", "HEAD", "DELETE"):
        assert (await client.wb(method, "0" * 24)).status == 404
    for method in ("GET", "HEAD", "DELETE", "PUT", "POST"):
        reply = await client.wb(method, "x", data=b"x" if method in {"PUT", "POST"} else None)
        assert reply.status == 429
        assert "Retry-After" in reply.headers


async def test_callers_are_told_apart(client, osf):
    for _ in range(4):
        await client.wb("GET")
    assert (await client.acting(osf.add_token()).wb("GET")).status == 200
    assert (await client.acting("guess").wb("GET")).status == 403
    assert (await client.acting().wb("GET")).status == 403
    assert (await client.v2("/")).status == 200


async def test_the_window_ends(client, osf):
    osf.settings.rate_limit = (1, 0.2)
    assert (await client.wb("GET")).status == 200
    assert (await client.wb("GET")).headers["Retry-After"] == "1"
    while (await client.wb("GET")).status == 429:
        pass
