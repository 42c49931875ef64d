"""Answers that come before the body was read, on the wire."""

import asyncio

import pytest

LARGE = 20_000_000


@pytest.fixture
def root(osf):
    return f"/v1/resources/{osf.project}/providers/osfstorage/"


async def answer(wire, osf, *request, body=b"", **headers):
    """Send a request and return the head and the rest of what comes back."""

    def talk():
        connection = wire(osf.files_url)
        connection.request(*request, **headers)
        connection.send(body)
        return connection.head(), connection.rest()

    return await asyncio.to_thread(talk)


async def test_expecting_clients_are_invited(osf, wire, root):
    def talk():
        connection = wire(osf.files_url)
        headers = {"Content_Length": 5, "Expect": "100-continue"}
        connection.request("PUT", f"{root}?name=a", osf.token, **headers)
        invitation = connection.head()
        connection.send(b"hello")
        return invitation, connection.head()

    invitation, head = await asyncio.to_thread(talk)
    assert invitation == b"HTTP/1.1 100 (Continue)\r\n\r\n"
    assert head.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\nServer: TornadoServer/6.5.1\r\n" in head


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("?name=taken", "owner", 409),
        ("?name=a", None, 403),
        ("{0:024d}/?name=a", "owner", 404),
        ("?kind=bogus&name=a", "owner", 400),
    ],
)
async def test_expecting_clients_get_the_refusal_instead(
    client, osf, wire, root, path, token, status
):
    await client.file("taken")
    sender = osf.token if token else None
    head, rest = await answer(
        wire,
        osf,
        "PUT",
        root + path.format(0),
        sender,
        Content_Length=LARGE,
        Expect="100-continue",
    )
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection:" not in head
    # The end of the connection comes right after, and unannounced.
    assert rest.startswith(b'{"')
    assert rest.endswith(b"}")


async def test_a_client_that_goes_on_sending_is_reset(client, osf, wire, root):
    await client.file("taken")

    def talk():
        connection = wire(osf.files_url)
        connection.request("PUT", f"{root}?name=taken", osf.token, Content_Length=LARGE)
        for _ in range(LARGE // 65536):
            connection.send(b"q" * 65536)

    with pytest.raises(ConnectionError):
        await asyncio.to_thread(talk)


async def test_a_small_body_does_not_hide_the_answer(client, osf, wire, root):
    await client.file("taken")
    head, _ = await answer(
        wire,
        osf,
        "PUT",
        f"{root}?name=taken",
        osf.token,
        body=b"q" * 200_000,
        Content_Length=200_000,
    )
    assert head.startswith(b"HTTP/1.1 409 ")


async def test_a_small_body_that_does_not_come_is_not_waited_for_long(osf, wire, root):
    head, _ = await answer(wire, osf, "PUT", f"{root}?name=a", None, Content_Length=100)
    assert head.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "0" * 24, 404), ("DELETE", "0" * 24, 404), ("PATCH", "", 405), ("GET", "a/b", 404)],
)
async def test_requests_without_a_body_end_the_connection_too(
    osf, wire, root, method, path, status
):
    head, rest = await answer(wire, osf, method, root + path, osf.token)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection:" not in head
    assert rest.endswith(b"}")


async def test_other_answers_leave_the_connection_open(osf, wire, root):
    def talk():
        connection = wire(osf.files_url)
        heads = []
        for query in ("", "?confirm_delete=0", ""):
            connection.request("DELETE" if query else "GET", root + query, osf.token)
            head = connection.head()
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            for _ in range(length):
                connection._sock.recv(1)
            heads.append(head[:12])
        return heads

    assert await asyncio.to_thread(talk) == [b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 200"]


async def test_a_body_beyond_all_limits_is_a_bare_400(osf, wire, root):
    head, rest = await answer(
        wire, osf, "PUT", f"{root}?name=a", osf.token, Content_Length=5_261_334_938
    )
    assert (head, rest) == (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"")
    assert osf.requests[-1].status == 400


async def test_the_largest_body_is_invited(osf, wire, root):
    def talk():
        connection = wire(osf.files_url)
        headers = {"Content_Length": 5_261_334_937, "Expect": "100-continue"}
        connection.request("PUT", f"{root}?name=a", osf.token, **headers)
        return connection.head()

    assert (await asyncio.to_thread(talk)).startswith(b"HTTP/1.1 100 ")


async def test_what_is_not_http_is_refused(osf, wire):
    def talk():
        connection = wire(osf.files_url)
        connection.send(b"nonsense\r\n\r\n")
        return connection.head()

    assert (await asyncio.to_thread(talk)).split()[1] == b"400"
    assert osf.requests == []
