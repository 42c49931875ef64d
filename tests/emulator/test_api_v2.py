"""API v2: accounts, projects, and its view of files."""

import pytest

NOT_FOUND = {"errors": [{"detail": "Not found."}], "meta": {"version": "2.0"}}


async def test_its_entrance_tells_who_asks(client, osf):
    reply = await client.v2("/")
    assert reply.json["meta"]["current_user"]["data"]["id"] == osf.user
    assert (await client.acting().v2("/")).json["meta"]["current_user"] is None


async def test_users_me_is_the_owner_of_the_token(client, osf):
    assert (await client.v2("/users/me/")).data["id"] == osf.user
    assert (await client.acting().v2("/users/me/")).status == 401
    assert (await client.acting().v2(f"/users/{osf.user}/")).data["id"] == osf.user
    assert (await client.v2("/users/zzzzz/")).status == 404


async def test_the_provider_entry_names_the_files_host_of_the_region(client, osf):
    entry = (await client.v2(f"/nodes/{client.project}/files/")).data[0]
    root = f"{osf.files_url}/v1/resources/{client.project}/providers/osfstorage/"
    assert entry["links"]["upload"] == root
    away = osf.add_project(region="de-1")
    upload = (await client.v2(f"/nodes/{away}/files/")).data[0]["links"]["upload"]
    assert not upload.startswith(osf.files_url)
    reply = await client.request("PUT", f"{upload}?name=a", data=b"a")
    assert reply.status == 201
    assert reply.data["links"]["download"].startswith(upload)
    children = (await client.v2(f"/nodes/{away}/files/osfstorage/")).data
    assert children[0]["links"]["upload"].startswith(upload)


async def test_a_folder_lists_with_a_slash_and_a_file_shows_without(client):
    folder = await client.mkdir("folder")
    file = await client.file("a.txt", b"hello", folder)
    base = f"/nodes/{client.project}/files/osfstorage"
    assert (await client.v2(f"{base}/")).names == ["folder"]
    assert (await client.v2(f"{base}/{folder}")).names == ["a.txt"]
    shown = await client.v2(f"{base}/{file}")
    assert shown.attributes["materialized_path"] == "/folder/a.txt"
    assert shown.attributes["size"] == 5
    for path in (folder.rstrip("/"), f"{file}/", "folder/", f"{folder}{file}", "0" * 24 + "/"):
        reply = await client.v2(f"{base}/{path}")
        assert (reply.status, reply.json) == (404, NOT_FOUND)


async def test_without_the_slash_the_way_is_shown(client):
    reply = await client.v2(f"/nodes/{client.project}/files/osfstorage")
    assert reply.status == 301
    assert reply.headers["Location"] == f"/v2/nodes/{client.project}/files/osfstorage/"


async def test_a_guid_may_be_upper_case(client):
    assert (await client.v2(f"/nodes/{client.project.upper()}/")).data["id"] == client.project


@pytest.mark.parametrize(
    "path", ["/nodes/zzzzz/", "/nodes/{user}/", "/nodes/{project}/files/github/", "/nothing/"]
)
async def test_what_does_not_exist(client, osf, path):
    path = path.format(user=osf.user, project=client.project)
    reply = await client.v2(path)
    assert (reply.status, reply.json) == (404, NOT_FOUND)


class TestPages:
    """A listing of many files, page by page."""

    @pytest.fixture
    async def listing(self, client, osf):
        root = osf.world.tree.get(osf.world.store.node(client.project).root)
        with osf.world.store.transaction():
            for number in range(120):
                osf.world.tree.add_folder(root, f"f{number:03d}")
        return f"/nodes/{client.project}/files/osfstorage/"

    async def walk(self, client, url):
        names = []
        while url:
            reply = await client.request("GET", url)
            names += reply.names
            url = reply.json["links"]["next"]
        return names

    async def test_the_default_order_loses_entries(self, client, osf, listing):
        for size, lost in ((10, 4), (100, 0), (7, 7), (50, 0)):
            url = f"{osf.api_url}{listing}?page[size]={size}"
            names = await self.walk(client, url)
            assert len(names) == 120
            assert len(set(names)) == 120 - lost
            assert await self.walk(client, url) == names

    async def test_sorted_it_is_complete(self, client, osf, listing):
        names = await self.walk(client, f"{osf.api_url}{listing}?sort=name&page[size]=7")
        assert names == [f"f{number:03d}" for number in range(120)]
        names = await self.walk(client, f"{osf.api_url}{listing}?sort=-name&page[size]=100")
        assert names[0] == "f119"

    async def test_the_loss_can_be_switched_off(self, client, osf, listing):
        osf.settings.v2_shuffle = False
        assert len(set(await self.walk(client, f"{osf.api_url}{listing}"))) == 120

    async def test_sizes_have_limits_and_a_default(self, client, listing):
        for asked, got in (("1000", 100), ("101", 100), ("0", 10), ("-1", 10), ("abc", 10)):
            reply = await client.v2(f"{listing}?page[size]={asked}")
            assert len(reply.data) == got
            assert reply.json["links"]["meta"] == {"total": 120, "per_page": got}

    async def test_out_of_range_there_is_no_page(self, client, listing):
        for page in ("13", "0", "-1", "x"):
            reply = await client.v2(f"{listing}?page={page}")
            assert reply.status == 404
            assert reply.json["errors"] == [{"detail": "Invalid page."}]

    async def test_links_lead_on_and_back(self, client, osf, listing):
        links = (await client.v2(f"{listing}?page=2&page[size]=50")).json["links"]
        base = f"{osf.api_url}{listing}"
        assert links["first"] == links["prev"] == f"{base}?page%5Bsize%5D=50"
        assert links["next"] == links["last"] == f"{base}?page=3&page%5Bsize%5D=50"

    async def test_newer_versions_of_the_api_say_it_differently(self, client, listing):
        url = f"{listing}?page[size]=50"
        for reply in (
            await client.v2(f"{url}&version=2.20"),
            await client.v2(url, headers={"Accept": "application/vnd.api+json;version=2.20"}),
        ):
            assert reply.json["meta"] == {"total": 120, "per_page": 50, "version": "2.20"}
            assert "self" in reply.json["links"]


class TestFilters:
    """A listing of a few files, filtered."""

    NAMES = ("F1.TXT", "a,b.txt", "f1.txt", "p%25q.txt", "uXv.txt", "u_v.txt", "xf1.txt")

    @pytest.fixture
    async def listing(self, client):
        for name in self.NAMES:
            await client.put(name)
        await client.mkdir("%C3%BCber")
        return f"/nodes/{client.project}/files/osfstorage/?sort=name&page[size]=100"

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("filter[name]=f1.txt", ["F1.TXT", "f1.txt", "xf1.txt"]),
            ("filter[name][eq]=f1", []),
            ("filter[name][eq]=F1.TXT", ["F1.TXT"]),
            ("filter[name][contains]=F1", ["F1.TXT"]),
            ("filter[name]=a%2Cb.txt", ["a,b.txt"]),
            ("filter[name]=%25", ["p%q.txt"]),
            ("filter[name]=_", ["u_v.txt"]),
            ("filter[name]=%C3%9CBER", ["über"]),
            ("filter[name,path]=xf1", ["xf1.txt"]),
            ("filter[kind]=folder", ["über"]),
            ("filter[name]=f1&filter[kind]=bogus", ["F1.TXT", "f1.txt", "xf1.txt"]),
            ("filter[tags]=x", []),
            ("info", []),
        ],
    )
    async def test_it_passes(self, client, listing, query, names):
        assert (await client.v2(f"{listing}&{query}")).names == names

    async def test_not_equal_and_everything(self, client, listing):
        assert len((await client.v2(f"{listing}&filter[name][ne]=f1.txt")).data) == 7
        assert len((await client.v2(f"{listing}&filter[name]=")).data) == 8

    @pytest.mark.parametrize(
        ("query", "status", "detail"),
        [
            ("filter[bogus]=x", 400, "'bogus' is not a valid field for this endpoint."),
            ("filter[last_touched][gt]=2020", 400, "Value 'last_touched' is not a filterable"),
            ("filter[name][like]=x", 400, "'like' is not a supported filter operator"),
        ],
    )
    async def test_it_is_refused(self, client, listing, query, status, detail):
        reply = await client.v2(f"{listing}&{query}")
        assert reply.status == status
        assert reply.json["errors"][0]["detail"].startswith(detail)
        assert reply.json["errors"][0]["source"] == {"parameter": "filter"}

    @pytest.mark.parametrize("query", ["filter[size]=9", "embed=versions"])
    async def test_some_of_it_breaks_the_server(self, client, listing, query):
        reply = await client.v2(f"{listing}&{query}")
        assert reply.status == 500
        assert reply.headers["Content-Type"].startswith("text/html")

    async def test_fields_can_be_chosen(self, client, listing):
        item = (await client.v2(f"{listing}&fields[files]=name,size")).data[0]
        assert item["attributes"] == {"name": "F1.TXT", "size": 4}
        assert "relationships" not in item
        item = (await client.v2(f"{listing}&fields[files]=name,target")).data[0]
        assert list(item["relationships"]) == ["target"]


async def test_a_file_shows_its_versions_newest_first(client):
    file = await client.file("a", b"1")
    await client.wb("PUT", file, data=b"22")
    versions = (await client.v2(f"/files/{file}/versions/")).data
    assert [(version["id"], version["attributes"]["size"]) for version in versions] == [
        ("2", 2),
        ("1", 1),
    ]
    assert (await client.v2(f"/files/{file}/versions/1/")).attributes["size"] == 1
    assert (await client.v2(f"/files/{file}/versions/3/")).status == 404
    shown = (await client.v2(f"/files/{file}/")).attributes
    assert (shown["current_version"], shown["size"]) == (2, 2)
    assert shown["date_created"].removesuffix("Z") == versions[1]["attributes"]["date_created"]


async def test_what_was_deleted_is_gone(client):
    folder = await client.mkdir("folder")
    file = await client.file("a", b"1", folder)
    await client.wb("DELETE", folder)
    for gone in (file, folder.rstrip("/")):
        reply = await client.v2(f"/files/{gone}/")
        assert reply.status == 410
        assert reply.json["errors"][0]["detail"] == "The requested file is no longer available."
    assert (await client.v2(f"/nodes/{client.project}/files/osfstorage/{folder}")).status == 404


async def test_a_project_lives_and_ends(client):
    document = {"data": {"type": "nodes", "attributes": {"title": "New", "category": "project"}}}
    made = await client.v2("/nodes/", "POST", json=document)
    assert made.status == 201
    guid = made.data["id"]
    assert len(guid) == 5
    assert made.attributes["public"] is False
    there = client.acting(client.token, guid)
    file = await there.file()
    change = {"data": {"type": "nodes", "id": guid, "attributes": {"public": True}}}
    changed = await client.v2(f"/nodes/{guid}/", "PATCH", json=change)
    assert changed.attributes["public"] is True
    assert (await there.acting(None, guid).wb("GET", file)).body == b"data"
    assert guid in [node["id"] for node in (await client.v2("/nodes/")).data]
    assert guid in [node["id"] for node in (await client.v2("/users/me/nodes/")).data]
    assert (await client.v2(f"/nodes/{guid}/", "DELETE")).status == 204
    for path, what in ((f"/nodes/{guid}/", "node"), (f"/nodes/{guid}/files/", "resource")):
        reply = await client.v2(path)
        assert reply.status == 410
        assert reply.json["errors"][0]["detail"] == f"The requested {what} is no longer available."
    assert (await client.v2(f"/files/{file}/")).status == 410
    for method in ("GET", "DELETE"):
        assert (await there.wb(method, file)).status == 410
    assert (await there.put("b")).json["message_short"] == "Resource deleted"


async def test_a_project_needs_a_title(client):
    for document in ({}, {"data": {}}, {"data": {"attributes": {}}}, []):
        assert (await client.v2("/nodes/", "POST", json=document)).status == 400
    assert (await client.v2("/nodes/", "POST", data=b"{")).status == 400


async def test_methods_that_a_view_does_not_have(client):
    reply = await client.v2("/users/me/", "DELETE")
    assert reply.status == 405
    assert reply.json["errors"] == [{"detail": 'Method "DELETE" not allowed.'}]
    assert (await client.v2("/nodes/", "DELETE")).status == 405
    assert (await client.v2("/users/zzzzz/nodes/")).status == 404
    options = await client.v2("/users/me/", "OPTIONS")
    assert (options.status, options.headers["Allow"]) == (200, "GET, PUT, PATCH, HEAD, OPTIONS")


async def test_a_registration_is_found_under_its_own_name_only(client, osf):
    folder = await client.mkdir("folder")
    await client.file("a", b"frozen", folder)
    guid = osf.make_registration(client.project)
    assert (await client.v2(f"/nodes/{guid}/")).status == 404
    shown = await client.v2(f"/registrations/{guid}/")
    assert shown.attributes["registration"] is True
    frozen = client.acting(client.token, guid)
    assert await frozen.names() == ["folder"]
    inside = (await frozen.wb("GET")).data[0]["attributes"]["path"]
    assert (await frozen.wb("GET", inside)).data[0]["attributes"]["size"] == 6
    assert (await frozen.put("b")).status == 403
    assert (await client.v2(f"/registrations/{guid}/files/osfstorage/")).names == ["folder"]
    assert guid in [node["id"] for node in (await client.v2("/registrations/")).data]
    with pytest.raises(LookupError):
        osf.make_registration("zzzzz")


async def test_a_version_of_the_api_that_is_none_is_the_first(client):
    assert "meta" in (await client.v2("/nodes/?version=x.y")).json["links"]


async def test_storage_usage_counts_every_version(client, osf):
    file = await client.file("a", b"x" * 10)
    await client.wb("PUT", file, data=b"x" * 7)
    attributes = (await client.v2(f"/nodes/{client.project}/storage/")).attributes
    assert attributes == {"storage_limit_status": "DEFAULT", "storage_usage": "17"}
    osf.set_quota(client.project, 17)
    attributes = (await client.v2(f"/nodes/{client.project}/storage/")).attributes
    assert attributes["storage_limit_status"] == "OVER_PUBLIC"


async def test_anonymous_callers_are_throttled(client, osf):
    osf.settings.v2_throttle = True
    osf.set_public(client.project)
    path = f"/nodes/{client.project}/files/osfstorage/"
    replies = [await client.acting().v2(path) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[-1].headers["Retry-After"] == "1"
    assert replies[-1].json["errors"] == [
        {"detail": "Request was throttled. Expected available in 1 second."}
    ]
    assert [(await client.acting().v2("/")).status for _ in range(11)] == [200] * 10 + [429]
    assert (await client.v2(path)).status == 200
