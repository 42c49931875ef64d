"""GET and HEAD: contents, ranges, versions, listings, archives."""

import asyncio
import hashlib
import io
import json
import random
import zipfile

import aiohttp
import pytest
import yarl

from .conftest import until

DATA = b"abcdefghijKLMNO"


@pytest.fixture
async def file(client):
    """Return a file whose first version is shorter than its second."""
    file = await client.file("data.txt", b"0123456789")
    await client.wb("PUT", file, data=DATA)
    return file


class TestRanges:
    """WaterButler itself understands closed ranges only."""

    @pytest.mark.parametrize(
        ("asked", "got"),
        [("bytes=0-4", DATA[:5]), ("bytes=14-14", DATA[14:]), ("bytes=0-14", DATA)],
    )
    async def test_within_the_file_they_are_right(self, client, file, asked, got):
        reply = await client.wb("GET", file, headers={"Range": asked})
        assert (reply.status, reply.body) == (206, got)
        assert reply.headers["Content-Range"] == f"bytes {asked[6:]}/15"

    @pytest.mark.parametrize(
        "asked",
        ["5-", "-5", "-500", "15-", "100-", "5-2", "0-", "abc", "0-1,3-4", "-0", "items=0-4"],
    )
    async def test_other_forms_get_the_whole_file(self, client, file, asked):
        header = asked if "=" in asked else f"bytes={asked}"
        reply = await client.wb("GET", file, headers={"Range": header})
        assert (reply.status, reply.body) == (200, DATA)
        assert "Content-Range" not in reply.headers

    @pytest.mark.parametrize(
        ("asked", "length", "got"), [("0-1000", 1001, DATA), ("100-200", 101, b"")]
    )
    async def test_beyond_the_end_the_length_is_a_lie(self, client, osf, file, asked, length, got):
        url = f"{osf.files_url}/v1/resources/{osf.project}/providers/osfstorage/{file}"
        headers = {"Authorization": f"Bearer {osf.token}", "Range": f"bytes={asked}"}
        async with client.session.get(url, headers=headers) as response:
            assert (response.status, response.content_length) == (200, length)
            assert await response.content.read(len(got)) == got
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.content.read()

    async def test_of_a_large_file(self, client):
        data = bytes(range(256)) * 4096
        file = await client.file("large", data)
        headers = {"Range": "bytes=700000-900000"}
        assert (await client.wb("GET", file, headers=headers)).body == data[700_000:900_001]


async def test_versions(client, file):
    for query, body in (("version=1", b"0123456789"), ("revision=2", DATA), ("version=", DATA)):
        assert (await client.wb("GET", f"{file}?{query}")).body == body
    reply = await client.wb("GET", f"{file}?version=1", headers={"Range": "bytes=2-4"})
    assert (reply.body, reply.headers["Content-Range"]) == (b"234", "bytes 2-4/10")
    for bad in ("3", "0", "abc", "-1"):
        reply = await client.wb("GET", f"{file}?version={bad}")
        assert (reply.status, reply.json["message_short"]) == (400, "Bad request")


async def test_metadata_is_of_the_newest_version_with_the_size_of_the_first(client, file):
    for query in ("meta=", "meta=&version=1"):
        attributes = (await client.wb("GET", f"{file}?{query}")).attributes
        assert attributes["size"] == 10
        assert attributes["extra"]["version"] == 2
        assert attributes["extra"]["hashes"]["md5"] == hashlib.md5(DATA).hexdigest()
    listed = (await client.wb("GET")).data[0]["attributes"]
    assert listed["size"] == 15


async def test_head_has_the_metadata_in_a_header(client, file):
    reply = await client.wb("HEAD", file)
    assert reply.status == 200
    assert reply.headers["Content-Length"] == "10"
    assert reply.headers["Last-Modified"].endswith(" GMT")
    metadata = json.loads(reply.headers["X-Waterbutler-Metadata"])
    assert metadata == (await client.wb("GET", f"{file}?meta=")).data
    assert (await client.wb("HEAD", await client.mkdir("folder"))).status == 501
    missing = await client.wb("HEAD", "0" * 24)
    assert (missing.status, missing.body) == (404, b"")


async def test_revisions_are_listed_newest_first(client, osf, file):
    for query in ("revisions=", "versions="):
        newest, first = (await client.wb("GET", f"{file}?{query}")).data
        assert (newest["id"], first["id"]) == ("2", "1")
        assert newest["attributes"]["extra"]["user"]["url"] == f"/{osf.user}/"
        assert "size" not in newest["attributes"]


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("data.txt", "filename=\"data.txt\"; filename*=UTF-8''data.txt"),
        ('foo"\\.txt', 'filename="foo\\"\\\\.txt"; filename*=UTF-8\'\'foo%22%5C.txt'),
        ("ünï\n文", "filename=\"uni_\"; filename*=UTF-8''%C3%BCn%C3%AF%0A%E6%96%87"),
    ],
)
async def test_a_download_is_named(client, name, disposition):
    file = await client.file(str(yarl.URL.build(query_string="").with_query(n=name))[3:])
    reply = await client.wb("GET", file)
    assert reply.headers["Content-Disposition"] == f"attachment; {disposition}"
    reply = await client.wb("GET", f"{file}?displayName=other.csv")
    assert 'filename="other.csv"' in reply.headers["Content-Disposition"]
    assert reply.headers["Content-Type"] == "text/csv"


async def test_a_listing_is_revalidated(client):
    first = await client.wb("GET")
    tag = first.headers["Etag"]
    for asked in (tag, f'"x", W/{tag}', "*"):
        reply = await client.wb("GET", headers={"If-None-Match": asked})
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["Etag"] == tag
    await client.put("new")
    reply = await client.wb("GET", headers={"If-None-Match": tag})
    assert (reply.status, len(reply.data)) == (200, 1)


async def test_a_content_is_not_revalidated(client, file):
    reply = await client.wb("GET", file)
    assert "Etag" not in reply.headers
    empty = await client.wb("GET", await client.file("empty", b""))
    assert empty.headers["Etag"] == '"da39a3ee5e6b4b0d3255bfef95601890afd80709"'


async def test_a_long_listing_is_complete(client, osf):
    root = osf.world.tree.get(osf.world.store.node(osf.project).root)
    with osf.world.store.transaction():
        for number in range(2000):
            osf.world.tree.add_folder(root, f"{number}")
    names = (await client.wb("GET")).names
    assert sorted(names, key=int) == [f"{number}" for number in range(2000)]


async def test_a_wrong_slash_is_not_found(client, file):
    folder = await client.mkdir("folder")
    for path in (f"{file}/", folder.rstrip("/")):
        reply = await client.wb("GET", path)
        assert reply.status == 404
        assert reply.json["message"] == f"Could not retrieve file or directory /{path}"


async def test_names_are_not_paths(client):
    await client.file("data.txt")
    reply = await client.wb("GET", "data.txt")
    assert (reply.status, reply.json["code"]) == (404, 404)
    reply = await client.wb("GET", "folder/data.txt")
    assert (reply.status, list(reply.json)) == (404, ["response"])
    assert "<html" in reply.json["response"]


async def test_a_root_has_no_id(client, osf):
    root = osf.world.store.node(osf.project).root
    reply = await client.wb("GET", f"{root}/")
    assert (reply.status, reply.json["message"]) == (400, "Must specify path")


async def test_a_folder_is_downloaded_as_an_archive(client):
    folder = await client.mkdir("folder")
    await client.put("a.txt", b"hello", folder)
    large = bytes(range(256)) * 4000
    await client.put("large", large, folder)
    sub = await client.mkdir("sub", folder)
    await client.put("%C3%BC", b"", sub)
    await client.mkdir("empty", sub)
    reply = await client.wb("GET", f"{folder}?zip=")
    assert reply.headers["Content-Type"] == "application/zip"
    assert 'filename="folder.zip"' in reply.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["a.txt", "large", "sub/empty/", "sub/ü"]
        assert archive.read("large") == large
        assert archive.read("a.txt") == b"hello"
    root = await client.wb("GET", "/?zip=")
    assert 'filename="osfstorage-archive.zip"' in root.headers["Content-Disposition"]


class TestRedirect:
    """Production sends downloads to a signed URL at a storage host."""

    @pytest.fixture
    async def location(self, client, osf, file):
        osf.settings.storage_redirect = True
        reply = await client.wb("GET", file)
        assert (reply.status, reply.body) == (302, b"")
        location = reply.headers["Location"]
        assert location.startswith(osf.storage_url)
        assert not osf.storage_url.startswith(osf.files_url)
        return location

    async def test_it_serves_ranges_correctly(self, client, location):
        anyone = client.acting()
        for asked, status, body, content_range in (
            (None, 200, DATA, None),
            ("bytes=5-", 206, DATA[5:], "bytes 5-14/15"),
            ("bytes=-5", 206, DATA[-5:], "bytes 10-14/15"),
            ("bytes=-500", 206, DATA, "bytes 0-14/15"),
            ("bytes=0-1000", 206, DATA, "bytes 0-14/15"),
            ("bytes=-", 200, DATA, None),
            ("bytes=0-1,3-4", 200, DATA, None),
            ("bytes=15-", 416, None, "bytes */15"),
            ("bytes=5-2", 416, None, "bytes */15"),
            ("bytes=-0", 416, None, "bytes */15"),
        ):
            headers = {"Range": asked} if asked else {}
            reply = await anyone.request("GET", location, headers=headers)
            assert (reply.status, reply.headers.get("Content-Range")) == (status, content_range)
            assert body is None or reply.body == body
        assert (await anyone.request("HEAD", location)).headers["Content-Length"] == "15"

    async def test_it_refuses_a_token(self, client, location):
        reply = await client.request("GET", location)
        assert reply.status == 400
        assert b"InvalidArgument" in reply.body

    async def test_it_refuses_what_is_not_signed(self, client, location):
        anyone = client.acting()
        for damage in (
            location.replace("Signature=", "Signature=x"),
            location.replace("%2B", "+").replace("%3D", "=").replace("attachment", "inline"),
            location.split("?")[0],
        ):
            assert (await anyone.request("GET", damage)).status == 403
        assert (await anyone.request("PUT", location, data=b"x")).status == 405

    async def test_it_expires(self, client, osf, file):
        osf.settings.storage_redirect = True
        osf.settings.redirect_lifetime = -1
        location = (await client.wb("GET", file)).headers["Location"]
        reply = await client.acting().request("GET", location)
        assert (reply.status, b"ExpiredToken" in reply.body) == (400, True)

    async def test_what_was_deleted_is_not_there(self, client, file, location):
        await client.wb("DELETE", file)
        assert (await client.acting().request("GET", location)).status == 404

    async def test_it_can_be_avoided(self, client, osf, file):
        osf.settings.storage_redirect = True
        reply = await client.wb("GET", f"{file}?direct")
        assert (reply.status, reply.body) == (200, DATA)

    async def test_it_keeps_the_version(self, client, osf, file):
        osf.settings.storage_redirect = True
        location = (await client.wb("GET", f"{file}?version=1")).headers["Location"]
        assert (await client.acting().request("GET", location)).body == b"0123456789"


@pytest.mark.parametrize("query", ["", "?zip=", "?slow"])
async def test_a_client_may_go_away(client, osf, wire, query):
    data = random.Random(1).randbytes(30_000_000)
    file = await client.file("large", data)
    if query == "?slow":
        osf.settings.bandwidth = 10_000_000
    path = f"/v1/resources/{osf.project}/providers/osfstorage/{file if 'zip' not in query else ''}"
    connection = wire(osf.files_url)
    connection.request("GET", path + query, osf.token)
    await asyncio.to_thread(connection.head)
    connection.close()
    await until(lambda: osf.requests[-1].ended)
    assert osf.requests[-1].status is None
    assert osf.requests[-1].sent < len(data)


async def test_browsers_are_told_what_they_may_do(client, file):
    asked = {"Origin": "http://x", "Access-Control-Request-Method": "PUT"}
    reply = await client.wb("OPTIONS", file, headers=asked)
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, PUT, POST, DELETE"
    assert reply.headers["Access-Control-Allow-Origin"] == "http://x"
    assert (await client.wb("GET", headers=asked)).headers["Access-Control-Allow-Origin"]


async def test_waterbutler_says_how_it_is(client, osf):
    reply = await client.acting().request("GET", f"{osf.files_url}/status")
    assert reply.json == {"status": "up", "version": "26.0.0"}
    for path in ("/v1/resourcesx", f"/v1/resources/{osf.project}/providers/osfstorage"):
        reply = await client.request("GET", osf.files_url + path)
        assert (reply.status, reply.headers["Content-Type"]) == (404, "text/plain")


async def test_every_success_has_a_request_id(client, file):
    replies = [await client.wb(method, path) for method, path in (("GET", "/"), ("GET", file))]
    ids = {reply.headers["X-Waterbutler-Request-Id"] for reply in replies}
    assert len(ids) == 2
    assert "X-Waterbutler-Request-Id" not in (await client.wb("GET", "0" * 24)).headers


async def test_patch_is_not_supported(client, file):
    reply = await client.wb("PATCH", file, data=b"x")
    assert reply.status == 405
    assert reply.json["message"].startswith('Method "patch" not supported')
