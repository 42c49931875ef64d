"""POST and DELETE: what moves, is copied, is renamed, goes."""

import pytest


async def test_a_file_is_renamed_and_keeps_its_id_and_versions(client):
    file = await client.file("a", b"1")
    await client.wb("PUT", file, data=b"22")
    reply = await client.post(file, action="rename", rename="b")
    assert (reply.status, reply.id) == (201, file)
    assert reply.attributes["name"] == "b"
    assert reply.attributes["extra"]["version"] == 2
    assert reply.attributes["size"] == 1  # the first version's
    assert (await client.wb("GET", f"{file}?version=1")).body == b"1"


async def test_a_folder_shows_its_children_when_it_moves(client):
    folder, target = await client.mkdir("folder"), await client.mkdir("target")
    file = await client.file("a", b"1", folder)
    await client.wb("PUT", file, data=b"22")
    await client.mkdir("sub", folder)
    reply = await client.post(folder, action="move", path=f"/{target}")
    assert (reply.status, reply.id) == (201, folder.rstrip("/"))
    assert reply.attributes["materialized"] == "/target/folder/"
    children = {child["name"]: child for child in reply.attributes["children"]}
    assert children["a"]["materialized"] == "/target/folder/a"
    assert children["a"]["size"] == 2  # the newest version's
    assert set(children) == {"a", "sub"}
    assert await client.names() == ["target"]


async def test_a_copy_has_new_ids_and_all_versions(client):
    folder = await client.mkdir("folder")
    sub = await client.mkdir("sub", folder)
    file = await client.file("a", b"1", sub)
    await client.wb("PUT", file, data=b"22")
    reply = await client.post(folder, action="copy", path="/", rename="copy")
    assert (reply.status, reply.attributes["name"]) == (201, "copy")
    (inner,) = (await client.wb("GET", f"{reply.id}/")).data
    (copied,) = (await client.wb("GET", inner["attributes"]["path"])).data
    path = copied["attributes"]["path"]
    assert path.strip("/") != file
    assert [(await client.wb("GET", f"{path}?version={n}")).body for n in (1, 2)] == [b"1", b"22"]
    await client.wb("DELETE", folder)
    assert (await client.wb("GET", path)).body == b"22"


@pytest.mark.parametrize("action", ["rename", "move", "copy"])
class TestConflicts:
    """A name that is taken at the destination."""

    @pytest.fixture
    async def order(self, client, action):
        """Return a function that puts ``source`` where ``target.txt`` is."""
        home = await client.mkdir("home")
        source = await client.file("source", b"source", home)
        self.target = await client.file("target.txt", b"target", home)

        async def send(**more):
            body = {"action": action, "rename": "target.txt", **more}
            if action != "rename":
                body["path"] = f"/{home}"
            return await client.post(source, **body)

        send.home = home
        return send

    async def test_is_shown(self, client, order):
        for more in ({}, {"conflict": "warn"}):
            reply = await order(**more)
            assert reply.status == 409
            message = 'Cannot complete action: file or folder "target.txt" already exists'
            assert reply.json["message"].startswith(message)
            # Other than for a PUT these are the bare attributes.
            assert reply.data["path"] == f"/{self.target}"
        assert await client.names(order.home) == ["source", "target.txt"]

    async def test_can_be_kept_out_of(self, order):
        for number, conflict in ((1, "keep"), (2, "bogus")):
            reply = await order(conflict=conflict)
            assert (reply.status, reply.attributes["name"]) == (201, f"target ({number}).txt")

    async def test_can_be_replaced(self, client, order, action):
        reply = await order(conflict="replace")
        assert (reply.status, reply.attributes["name"]) == (200, "target.txt")
        assert (await client.wb("GET", reply.id)).body == b"source"
        assert (await client.wb("GET", self.target)).status == 404
        left = ["source", "target.txt"] if action == "copy" else ["target.txt"]
        assert await client.names(order.home) == left


async def test_a_folder_is_replaced_whole(client):
    one, two = await client.mkdir("one"), await client.mkdir("two")
    await client.file("a", b"1", one)
    await client.file("b", b"2", two)
    reply = await client.post(one, action="rename", rename="two")
    assert (reply.status, reply.data) == (409, {})
    reply = await client.post(one, action="rename", rename="two", conflict="replace")
    assert reply.status == 200
    assert await client.names(one) == ["a"]
    assert (await client.wb("GET", two)).status == 404


async def test_a_folder_may_take_the_name_of_a_file(client):
    folder = await client.mkdir("folder")
    await client.file("a")
    assert (await client.post(folder, action="rename", rename="a")).status == 201


async def test_nothing_moves_onto_itself(client):
    folder = await client.mkdir("folder")
    file = await client.file("a", b"1", folder)
    for body in ({"action": "rename", "rename": "a"}, {"action": "move", "path": f"/{folder}"}):
        assert (await client.post(file, **body)).status == 409
        reply = await client.post(file, conflict="replace", **body)
        assert reply.status == 400
        assert reply.json["message"].startswith("Unable to move or copy '/folder/a'.")
    assert (await client.wb("GET", file)).body == b"1"


@pytest.mark.parametrize("action", ["move", "copy"])
async def test_nothing_moves_into_itself(client, action):
    folder = await client.mkdir("folder")
    sub = await client.mkdir("sub", folder)
    for target in (folder, sub):
        reply = await client.post(folder, action=action, path=f"/{target}")
        assert (reply.status, reply.json["message_short"]) == (500, "Unable to resolve")
    assert await client.names(folder) == ["sub"]


async def test_across_projects(client, osf):
    other = client.acting(client.token, osf.add_project())
    folder = await client.mkdir("folder")
    file = await client.file("a", b"1", folder)
    reply = await client.post(folder, action="move", path="/", resource=other.project)
    assert (reply.status, reply.attributes["resource"]) == (201, other.project)
    assert (await other.wb("GET", file)).body == b"1"
    assert (await client.wb("GET", file)).status == 404
    reply = await other.post(file, action="copy", path="/", resource=client.project)
    assert (await client.wb("GET", reply.id)).body == b"1"


async def test_rights_on_both_sides(client, osf):
    public = osf.add_project(public=True, user=osf.add_user("Other"))
    theirs = client.acting(client.token, public)
    writer = osf.add_user("Writer")
    osf.add_contributor(public, writer)
    file = await client.acting(osf.add_token(writer), public).file("a", b"1")
    assert (await theirs.post(file, action="copy", path="/", resource=osf.project)).status == 201
    for body in (
        {"action": "move", "path": "/", "resource": osf.project},
        {"action": "rename", "rename": "b"},
        {"action": "copy", "path": "/", "rename": "b"},
    ):
        assert (await theirs.post(file, **body)).status == 403
    reader = client.acting(osf.add_token(scopes=["osf.full_read"]))
    own = await client.file("mine")
    assert (await reader.post(own, action="copy", path="/", rename="x")).status == 403


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"action": "rename", "rename": ""}, 400, '"rename" field is required for renaming'),
        (
            {"rename": "x"},
            400,
            'Auth action must be "copy", "move", or "rename", not "null"',
        ),
        ({"action": "move"}, 400, '"path" field is required for moves or copies'),
        (
            {"action": "move", "path": "/x"},
            400,
            '"path" field requires a trailing slash to indicate it is a folder',
        ),
        (
            {"action": "move", "path": "/5b032c1d579557bf8f6bd999/"},
            404,
            "/5b032c1d579557bf8f6bd999/ not found",
        ),
        ({"action": "rename", "rename": ".."}, 400, "Invalid path '/' specified"),
        (b"{bad", 400, "Invalid json body"),
        (b"", 400, "Invalid json body"),
        (b"[]", 500, "Internal Server Error"),
        (b" " * 1_000_001, 413, "Request body must be under 1Mb"),
    ],
)
async def test_orders_that_make_no_sense(client, body, status, message):
    file = await client.file()
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    reply = await client.wb("POST", file, **sent)
    assert (reply.status, reply.json) == (status, {"code": status, "message": message})


async def test_an_order_needs_a_length(client):
    async def unknown():
        yield b"{}"

    reply = await client.wb("POST", await client.file(), data=unknown())
    assert (reply.status, reply.json["message"]) == (411, "Content-Length is required")


async def test_other_things_that_do_not_work(client):
    file, other = await client.file("a"), await client.file("b")
    assert (await client.post("0" * 24, action="rename", rename="x")).status == 404
    assert (await client.post(file, action="rename", rename="x/y")).status == 404
    assert (await client.post(file, action="move", path=f"/{other}/")).status == 404
    assert (await client.post("/", action="copy", path="/")).status == 400
    assert (await client.post("/", action="rename", rename="x")).status == 500
    assert await client.names() == ["a", "b"]


class TestDelete:
    """What was deleted never comes back."""

    async def test_a_file(self, client):
        file = await client.file("a")
        assert (await client.wb("DELETE", f"{file}/")).status == 404
        reply = await client.wb("DELETE", file)
        assert (reply.status, reply.body) == (204, b"")
        for method in ("DELETE", "GET", "PUT"):
            assert (await client.wb(method, file)).status == 404
        again = await client.file("a")
        assert again != file
        assert len((await client.wb("GET", f"{again}?revisions=")).data) == 1

    async def test_a_folder_with_everything_in_it(self, client):
        folder = await client.mkdir("folder")
        sub = await client.mkdir("sub", folder)
        file = await client.file("a", b"1", sub)
        assert (await client.wb("DELETE", folder.rstrip("/"))).status == 404
        assert (await client.wb("DELETE", folder)).status == 204
        for path in (folder, sub, file):
            assert (await client.wb("GET", path)).status == 404
        assert (await client.put("x", b"", folder)).status == 404

    async def test_a_root_is_emptied_if_that_is_confirmed(self, client):
        await client.mkdir("folder")
        await client.file("a")
        for query, status in (("", 400), ("?confirm_delete=0", 400), ("?confirm_delete=x", 500)):
            assert (await client.wb("DELETE", f"/{query}")).status == status
        assert await client.names() == ["a", "folder"]
        assert (await client.wb("DELETE", "/?confirm_delete=1")).status == 204
        assert await client.names() == []

    async def test_contents_go_with_their_last_version(self, client, tmp_path):
        blobs = tmp_path / "osf" / "blobs"
        one = await client.file("one", b"x" * 100_000)
        two = await client.file("two", b"x" * 100_000)
        assert len([path for path in blobs.rglob("*") if path.is_file()]) == 1
        await client.wb("DELETE", one)
        assert (await client.wb("GET", two)).body == b"x" * 100_000
        await client.wb("DELETE", two)
        assert [path for path in blobs.rglob("*") if path.is_file()] == []
