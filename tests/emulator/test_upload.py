"""PUT: what becomes of an upload."""

import asyncio
import hashlib

import aiohttp
import pytest

from dvc_osf.emulator import Fault

from .conftest import until

UNRESOLVED = "Unable to resolve"


async def test_a_new_file(client):
    data = b"hello"
    folder = await client.mkdir("folder")
    reply = await client.put("a.txt", data, folder)
    assert reply.status == 201
    attributes = reply.attributes
    assert attributes["size"] == attributes["sizeInt"] == 5
    assert attributes["materialized"] == "/folder/a.txt"
    assert attributes["extra"]["version"] == 1
    assert attributes["extra"]["hashes"] == {
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert attributes["created_utc"] is None
    assert "." not in attributes["modified_utc"]
    assert (await client.wb("GET", folder)).data[0]["attributes"]["created_utc"] is not None


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
async def test_what_was_sent_is_what_comes_back(client, size):
    data = (b"0123456789" * (size // 10 + 1))[:size]
    reply = await client.put("a", data)
    assert reply.attributes["extra"]["hashes"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert (await client.wb("GET", reply.id)).body == data


async def test_a_new_version_unless_it_is_the_newest_again(client):
    file = await client.file("a", b"1")
    versions = []
    for data in (b"22", b"333", b"333", b"1"):
        reply = await client.wb("PUT", file, data=data)
        assert reply.status == 200
        versions.append((reply.attributes["extra"]["version"], reply.attributes["size"]))
    assert versions == [(2, 2), (3, 3), (3, 3), (4, 1)]
    assert len((await client.wb("GET", f"{file}?revisions=")).data) == 4


async def test_an_existing_name_is_a_conflict_that_shows_what_is_there(client):
    file = await client.file("a", b"12345")
    await client.wb("PUT", file, data=b"12")
    reply = await client.put("a", b"other")
    assert reply.status == 409
    message = 'Cannot complete action: file or folder "a" already exists in this location'
    assert reply.json["message"] == message
    assert reply.id == file
    assert reply.attributes["extra"]["version"] == 2
    # The hashes are those of the newest version, the size is that of the first.
    assert reply.attributes["extra"]["hashes"]["md5"] == hashlib.md5(b"12").hexdigest()
    assert reply.attributes["size"] == 5


async def test_an_existing_folder_is_a_conflict_that_shows_nothing(client):
    await client.mkdir("a")
    reply = await client.wb("PUT", "/?kind=folder&name=a")
    assert (reply.status, reply.data) == (409, {})


async def test_a_file_and_a_folder_may_share_a_name(client):
    await client.mkdir("a")
    await client.file("a")
    assert await client.names() == ["a", "a"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/?kind=file", 400, "Missing required parameter 'name'"),
        ("/?kind=bogus&name=x", 400, "Kind must be file, folder or unspecified"),
        ("{file}?name=a", 400, "'name' parameter doesn't apply to actions on files"),
        ("{file}?kind=folder", 409, 'Path must be a folder (and end with a "/") if trying'),
        ("{file}/?name=x", 404, "Could not retrieve file or directory /{file}/"),
        ("{folder}?name=x", 404, "Could not retrieve file or directory /{folder}"),
        ("{root}/?name=x", 400, "Must specify path"),
    ],
)
async def test_what_makes_no_sense(client, osf, path, status, message):
    known = {
        "file": await client.file(),
        "folder": (await client.mkdir("folder")).rstrip("/"),
        "root": osf.world.store.node(osf.project).root,
    }
    reply = await client.wb("PUT", path.format(**known))
    assert (reply.status, reply.json["code"]) == (status, status)
    assert reply.json["message"].startswith(message.format(**known))


@pytest.mark.parametrize("folder", ["0" * 24, "names", "a/b"])
async def test_a_folder_that_does_not_exist(client, folder):
    for kind in ("file", "folder"):
        assert (await client.wb("PUT", f"{folder}/?kind={kind}&name=x")).status == 404


async def test_a_folder_takes_no_body_and_a_file_needs_a_length(client):
    reply = await client.wb("PUT", "/?kind=folder&name=x", data=b"xx")
    assert (reply.status, reply.json["message"]) == (
        413,
        "Folder creation requests may not have a body",
    )

    async def unknown():
        yield b"hello"

    reply = await client.wb("PUT", "/?name=x", data=unknown())
    assert (reply.status, reply.json["message"]) == (
        411,
        "Content-Length is required for file uploads",
    )
    assert await client.names() == []


async def test_headers_that_other_servers_honour_are_ignored(client):
    file = await client.file("a", b"0123456789")
    for headers in (
        {"Content-Range": "bytes 5-9/10"},
        {"If-Match": '"bogus"'},
        {"If-None-Match": "*"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ):
        data = str(headers).encode()
        assert (await client.wb("PUT", file, data=data, headers=headers)).status == 200
        assert (await client.wb("GET", file)).body == data


class TestNames:
    """Names that stay, names that change, names that are refused."""

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("with%20space.txt", "with space.txt"),
            ("a+b.txt", "a b.txt"),
            ("plus%2Bplus", "plus+plus"),
            ("%C3%BCn%C3%AF-%E6%96%87-%F0%9F%98%80", "ünï-文-😀"),
            ("e%CC%81-nfd", "e\u0301-nfd"),
            ("pct%2520lit", "pct%20lit"),
            ("100%25", "100%"),
            ("quo%22te%27", "quo\"te'"),
            ("hash%23q%3F%26%3B%3A%2A%7C%3C%3E", "hash#q?&;:*|<>"),
            ("back%5Cslash", "back\\slash"),
            (".hidden", ".hidden"),
            ("...", "..."),
            ("trail.dot.", "trail.dot."),
            ("tab%09in", "tab\tin"),
            ("new%0Aline", "new\nline"),
            ("~tilde", "~tilde"),
            ("CON", "CON"),
            ("c" * 1000, "c" * 1000),
            # What follows is changed.
            ("%20lead", "lead"),
            ("trail%20%0A", "trail"),
            ("nul%00x", "nul x"),
            ("trail/", "trail"),
            ("x1&name=x2", "x2"),
        ],
    )
    async def test_they_come_back_as(self, client, sent, kept):
        reply = await client.put(sent)
        assert (reply.status, reply.attributes["name"]) == (201, kept)
        assert (await client.wb("GET")).names == [kept]
        assert (await client.v2(f"/nodes/{client.project}/files/osfstorage/")).names == [kept]
        assert (await client.put(sent)).status == 409

    @pytest.mark.parametrize(
        ("sent", "status", "message"),
        [
            ("..", 400, "Invalid path '/' specified"),
            (".", 400, "Invalid path '/folder' specified"),
            ("%2Flead", 400, "Invalid path '/folder//lead' specified"),
            ("%2F", 400, "Invalid path '/folder//' specified"),
            ("a%2F..%2Fb", 400, "Invalid path '/folder/b' specified"),
            ("../", 400, "Invalid path '//' specified"),
            ("a%2Fb", 500, "Internal Server Error"),
            ("a/b", 500, "Internal Server Error"),
            ("", 500, "Internal Server Error"),
            ("%20", 500, "Internal Server Error"),
            ("%FF%FE", 500, "Internal Server Error"),
        ],
    )
    async def test_they_are_refused(self, client, sent, status, message):
        folder = await client.mkdir("folder")
        for kind in ("file", "folder"):
            reply = await client.wb("PUT", f"{folder}?kind={kind}&name={sent}")
            assert (reply.status, reply.json) == (status, {"code": status, "message": message})
        assert await client.names(folder) == []


class TestQuota:
    """A project that is full."""

    async def test_it_refuses_uploads_and_copies_from_elsewhere(self, client, osf):
        file = await client.file("a", b"x" * 50)
        other = client.acting(client.token, osf.add_project())
        elsewhere = await other.file("b")
        osf.set_quota(osf.project, 50)
        for reply in (
            await client.put("new", b"x"),
            await client.put("empty", b""),
            await client.put("large", b"x" * 3_000_000),
            await client.wb("PUT", file, data=b"y" * 100),
            await client.wb("PUT", file, data=b"x" * 50),
            await other.post(elsewhere, action="copy", path="/", resource=osf.project),
        ):
            assert reply.status == 507
            message = "The quota on this osfstorage project has been exceeded"
            assert reply.json == {"code": 507, "message": message}

    async def test_it_still_lets_things_be_moved_copied_and_deleted(self, client, osf):
        file = await client.file("a", b"x" * 50)
        osf.set_quota(osf.project, 1)
        folder = await client.mkdir("folder")
        assert (await client.post(file, action="copy", path=f"/{folder}")).status == 201
        assert (await client.post(file, action="rename", rename="b")).status == 201
        assert (await client.wb("DELETE", file)).status == 204
        osf.set_quota(osf.project, None)
        assert (await client.put("new")).status == 201

    async def test_what_arrives_does_not_count(self, client, osf):
        osf.set_quota(osf.project, 10)
        assert (await client.put("a", b"x" * 1000)).status == 201
        assert (await client.put("b", b"")).status == 507


class TestCheckout:
    """A file that somebody has locked."""

    @pytest.fixture
    async def other(self, client, osf):
        user = osf.add_user("Other One")
        osf.add_contributor(osf.project, user)
        other = client.acting(osf.add_token(user))
        other.user = user
        return other

    async def test_only_the_owner_of_the_lock_uploads(self, client, osf, other):
        folder = await client.mkdir("folder")
        file = await client.file("a", b"1", folder)
        osf.checkout(osf.project, "/folder/a", other.user)
        reply = await client.wb("PUT", file, data=b"2")
        assert reply.status == 403
        assert reply.json["message_long"] == "File cannot be updated due to checkout status."
        reply = await other.wb("PUT", file, data=b"2")
        assert (reply.status, reply.attributes["extra"]["checkout"]) == (200, other.user)
        listed = (await client.wb("GET", folder)).data[0]
        assert listed["attributes"]["extra"]["checkout"] == {"_id": other.user}
        conflict = await client.put("a", b"3", folder)
        assert conflict.attributes["extra"]["checkout"] == other.user

    async def test_nobody_moves_or_deletes_it(self, client, osf, other):
        folder = await client.mkdir("folder")
        file = await client.file("a", b"1", folder)
        target = await client.file("b", b"2", folder)
        osf.checkout(osf.project, file, other.user)
        for caller in (client, other):
            reply = await caller.post(file, action="rename", rename="c")
            assert reply.status == 405
            assert reply.json["message_long"] == "Cannot move file as it is checked out."
            assert (await caller.wb("DELETE", file)).status == 403
            assert (await caller.wb("DELETE", folder)).status == 403
        reply = await client.post(target, action="rename", rename="a", conflict="replace")
        assert reply.status == 403
        assert (await client.wb("GET", file)).body == b"1"
        copied = await client.post(file, action="copy", path="/", rename="copy")
        assert copied.attributes["extra"]["checkout"] is None

    async def test_api_v2_checks_out_and_in(self, client, osf, other):
        file = await client.file("a", b"1")

        async def change(caller, user):
            document = {"data": {"id": file, "type": "files", "attributes": {"checkout": user}}}
            return await caller.v2(f"/files/{file}/", "PATCH", json=document)

        assert (await change(client, other.user)).status == 403
        out = await change(other, other.user)
        assert "checkout" not in out.attributes
        related = out.data["relationships"]["checkout"]["links"]["related"]
        assert related["meta"] == {"id": other.user}
        assert (await client.wb("PUT", file, data=b"2")).status == 403
        nothing = {"data": {"attributes": {}}}
        assert (await other.v2(f"/files/{file}/", "PATCH", json=nothing)).status == 200
        osf.set_public(osf.project)
        assert (await change(client.acting(), None)).status == 401
        # An administrator may take the lock away.
        assert (await change(client, None)).attributes["checkout"] is None
        assert (await client.wb("PUT", file, data=b"2")).status == 200

    async def test_what_cannot_be_checked_out(self, osf):
        for path in ("/nothing", "/no/folder"):
            with pytest.raises(LookupError):
                osf.checkout(osf.project, path, osf.user)
        with pytest.raises(LookupError):
            osf.checkout("zzzzz", "/a", osf.user)


class Slow:
    """A body that is sent in two halves; the test decides when the second one goes."""

    def __init__(self):
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def __aiter__(self):
        yield b"x" * 100_000
        self.begun.set()
        await self.go.wait()
        yield b"y" * 100_000


@pytest.fixture
async def slow_upload(client):
    """Return a function that begins an upload, does something, and ends the upload."""

    async def upload(path, meanwhile):
        body = Slow()
        headers = {"Content-Length": "200000"}
        sending = asyncio.create_task(client.wb("PUT", path, data=aiter(body), headers=headers))
        await body.begun.wait()
        await meanwhile
        body.go.set()
        return await sending

    return upload


class TestMeanwhile:
    """A PUT commits by the folder and the name that its file had when it began."""

    async def test_the_file_is_renamed(self, client, slow_upload):
        file = await client.file("a", b"1")
        reply = await slow_upload(file, client.post(file, action="rename", rename="a2"))
        assert (reply.status, reply.attributes["name"]) == (201, "a")
        assert reply.id != file
        assert await client.names() == ["a", "a2"]

    async def test_the_file_is_deleted(self, client, slow_upload):
        file = await client.file("a", b"1")
        reply = await slow_upload(file, client.wb("DELETE", file))
        assert (reply.status, reply.attributes["extra"]["version"]) == (201, 1)

    async def test_another_upload_adds_a_version(self, client, slow_upload):
        file = await client.file("a", b"1")
        reply = await slow_upload(file, client.wb("PUT", file, data=b"2"))
        assert (reply.status, reply.attributes["extra"]["version"]) == (200, 3)

    async def test_another_upload_creates_the_file(self, client, slow_upload):
        reply = await slow_upload("/?name=a", client.put("a"))
        assert (reply.status, reply.attributes["extra"]["version"]) == (200, 2)

    async def test_a_folder_takes_the_name(self, client, slow_upload):
        reply = await slow_upload("/?name=a", client.mkdir("a"))
        assert reply.status == 201

    async def test_the_folder_is_deleted(self, client, slow_upload):
        folder = await client.mkdir("folder")
        reply = await slow_upload(f"{folder}?name=a", client.wb("DELETE", folder))
        assert (reply.status, reply.json["message_short"]) == (404, "Page not found")

    async def test_the_folder_moves(self, client, slow_upload):
        folder = await client.mkdir("folder")
        move = client.post(folder, action="rename", rename="moved")
        reply = await slow_upload(f"{folder}?name=a", move)
        assert reply.status == 201
        assert await client.names(folder) == ["a"]

    async def test_the_project_is_deleted(self, client, osf, slow_upload):
        guid = osf.add_project()
        client.project = guid
        reply = await slow_upload("/?name=a", client.v2(f"/nodes/{guid}/", "DELETE"))
        assert reply.status == 410

    async def test_the_content_is_deleted_elsewhere(self, client, slow_upload):
        data = b"x" * 100_000 + b"y" * 100_000
        twin = await client.file("twin", data)
        reply = await slow_upload("/?name=a", client.wb("DELETE", twin))
        assert (await client.wb("GET", reply.id)).body == data


async def test_half_a_body_leaves_nothing(client, osf, tmp_path):
    body = Slow()
    headers = {"Content-Length": "200000"}
    sending = asyncio.create_task(client.wb("PUT", "/?name=a", data=aiter(body), headers=headers))
    await body.begun.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await until(lambda: osf.requests[-1].ended)
    assert osf.requests[-1].status is None
    assert await client.names() == []
    assert list((tmp_path / "osf" / "incoming").iterdir()) == []


@pytest.mark.parametrize("sent", [0, 10])
async def test_half_a_small_body_leaves_nothing_either(client, osf, wire, sent):
    path = f"/v1/resources/{osf.project}/providers/osfstorage/?name=a"
    connection = wire(osf.files_url)
    connection.request("PUT", path, osf.token, Content_Length=100)
    connection.send(b"x" * sent)
    await until(lambda: osf.requests and osf.requests[-1].received == sent)
    connection.close()
    await until(lambda: osf.requests[-1].ended)
    assert osf.requests[-1].status is None
    assert await client.names() == []


class TestRaces:
    """Requests at the same time."""

    async def test_one_name_ends_up_as_one_file(self, client):
        replies = await asyncio.gather(*(client.put("a", bytes([n])) for n in range(6)))
        statuses = sorted(reply.status for reply in replies)
        assert statuses.count(201) == 1
        assert set(statuses) <= {200, 201, 409}
        assert await client.names() == ["a"]

    async def test_strictly_one_name_ends_up_as_many_files(self, client, osf):
        osf.settings.strict_duplicates = True
        replies = await asyncio.gather(*(client.put("a", bytes([n])) for n in range(3)))
        assert [reply.status for reply in replies] == [201] * 3
        ids = [reply.id for reply in replies]
        assert await client.names() == ["a"] * 3
        # While there are duplicates, none of them can be updated.
        reply = await client.wb("PUT", ids[0], data=b"fix")
        assert (reply.status, reply.json["message_short"]) == (500, UNRESOLVED)
        assert (await client.put("a")).status == 409
        for duplicate in ids[1:]:
            assert (await client.wb("DELETE", duplicate)).status == 204
        assert (await client.wb("PUT", ids[0], data=b"fix")).status == 200

    async def test_strictly_folders_become_twins_too(self, client, osf):
        osf.settings.strict_duplicates = True
        path = "/?kind=folder&name=a"
        replies = await asyncio.gather(*(client.wb("PUT", path) for _ in range(4)))
        assert sorted(reply.status for reply in replies) == [201, 201, 409, 409]
        (message,) = {reply.json["message_long"] for reply in replies if reply.status == 409}
        assert message == (
            'Cannot create folder "a" because a file or folder already exists at path "/a/"'
        )
        assert (await client.wb("PUT", path)).data == {}

    async def test_strictly_two_uploads_to_one_file_corrupt_it(self, client, osf):
        file = await client.file("a", b"1")
        osf.settings.strict_duplicates = True
        puts = (client.wb("PUT", file, data=data) for data in (b"22", b"333"))
        replies = await asyncio.gather(*puts)
        assert [reply.status for reply in replies] == [200, 200]
        for reply in (
            await client.wb("GET", file),
            await client.wb("GET", f"{file}?meta="),
            await client.wb("GET", f"{file}?revisions="),
            await client.wb("GET", f"{file}?version=3"),
            await client.wb("PUT", file, data=b"recover"),
            await client.wb("DELETE", file),
        ):
            assert (reply.status, reply.json["message_short"]) == (400, "Bad request")
        assert (await client.wb("GET", f"{file}?version=1")).body == b"1"
        reply = await client.wb("GET", f"{file}?version=2")
        assert (reply.status, reply.json["message_short"]) == (500, UNRESOLVED)
        versions = (await client.v2(f"/files/{file}/versions/")).data
        assert [version["id"] for version in versions] == ["2", "2", "1"]
        # Naming a version that exists gets an upload past the check that fails.
        repaired = await client.wb("PUT", f"{file}?version=1", data=b"recovered")
        assert (repaired.status, repaired.attributes["extra"]["version"]) == (200, 4)
        assert (await client.wb("GET", file)).body == b"recovered"

    async def test_one_folder_is_created_once(self, client):
        replies = await asyncio.gather(
            *(client.wb("PUT", "/?kind=folder&name=a") for _ in range(6))
        )
        assert sorted(reply.status for reply in replies) == [201] + [409] * 5


class TestLateCommit:
    """An upload whose client has gone."""

    async def appear(self, client):
        while not (names := await client.names()):
            continue
        return names

    async def test_it_is_committed_although_nobody_waits(self, client, osf):
        osf.settings.late_commit = 0.2
        sending = asyncio.create_task(client.put("a"))
        await until(lambda: osf.requests and osf.requests[-1].received)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        osf.settings.late_commit = 0.0
        assert await client.names() == []
        assert await self.appear(client) == ["a"]

    async def test_the_connection_is_dropped_before(self, client, osf):
        osf.add_fault(Fault(method="PUT", late_commit=0.2))
        with pytest.raises(aiohttp.ClientOSError):
            await client.put("a", b"x" * 100_000)
        assert await client.names() == []
        assert await self.appear(client) == ["a"]

    async def test_it_may_find_its_folder_gone(self, client, osf, tmp_path):
        folder = await client.mkdir("folder")
        osf.add_fault(Fault(method="PUT", late_commit=0.05))
        with pytest.raises(aiohttp.ClientOSError):
            await client.put("a", b"x" * 100_000, folder)
        await client.wb("DELETE", folder)
        await until(lambda: not list((tmp_path / "osf" / "incoming").iterdir()))
        assert await client.names() == []
