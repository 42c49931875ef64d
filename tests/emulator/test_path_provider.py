"""S3 as an add-on: ids that are paths, ETags for checksums, copies without history."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import aiohttp
import pytest

from dvc_osf.emulator import s3_json


@pytest.fixture
def s3(osf, client):
    """Ask WaterButler for something in the project's S3."""
    osf.add_provider(osf.project)

    async def ask(method, path="/", **options):
        url = f"{osf.files_url}/v1/resources/{osf.project}/providers/s3{path}"
        return await client.request(method, url, **options)

    return ask


async def move(ask, path, folder, provider="s3", action="move", **more):
    body = {"action": action, "path": folder, "provider": provider, **more}
    return await ask("POST", path, json=body)


class TestEnabling:
    async def test_a_project_has_no_s3_before_it_is_added(self, client):
        url = f"{client.osf.files_url}/v1/resources/{client.project}/providers/s3/"
        assert (await client.request("GET", url)).status == 400
        client.osf.add_provider(client.project, "s3")
        assert (await client.request("GET", url)).data == []

    async def test_it_can_be_added_over_http_and_twice(self, osf, session, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"a")
        order = {"project": osf.project, "provider": "s3"}
        async with session.post(f"{osf.web_url}/_emulator/providers", json=order) as answer:
            assert answer.status == 200
        assert (await s3("GET")).names == ["a"]

    async def test_other_providers_and_projects_are_refused(self, osf):
        with pytest.raises(ValueError, match="no provider 'floppy'"):
            osf.add_provider(osf.project, "floppy")
        with pytest.raises(LookupError, match="zzzzz"):
            osf.add_provider("zzzzz")

    @pytest.mark.usefixtures("s3")
    async def test_api_v2_lists_it_beside_osfstorage(self, client):
        reply = await client.v2(f"/nodes/{client.project}/files/")
        assert reply.names == ["osfstorage", "s3"]
        assert reply.data[1]["links"]["upload"].endswith(f"/{client.project}/providers/s3/")

    async def test_osfstorage_does_not_reach_into_it(self, osf, client, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"a")
        root = osf.world.store.provider_root(osf.project, "s3")
        hidden = osf.world.tree.named(root, "a", "file")[0]
        assert (await client.wb("GET", hidden.id)).status == 404
        assert (await client.v2(f"/files/{hidden.id}/")).status == 404
        assert osf.world.tree.usage(osf.project) == 0


class TestShapes:
    async def test_an_upload_is_described_by_the_headers_of_s3(self, s3):
        reply = await s3("PUT", "/?kind=file&name=a.txt", data=b"data")
        md5 = hashlib.md5(b"data", usedforsecurity=False).hexdigest()
        assert reply.status == 201
        assert reply.data["id"] == "s3/a.txt"
        assert reply.attributes["path"] == reply.attributes["materialized"] == "/a.txt"
        assert reply.attributes["size"] == "4"
        assert reply.attributes["extra"]["hashes"] == {"md5": f'"{md5}"'}
        assert reply.attributes["created_utc"] is None
        assert "version" not in reply.attributes["extra"]

    async def test_a_listing_has_numbers_for_sizes_and_bare_tags(self, s3):
        await s3("PUT", "/?kind=folder&name=d")
        await s3("PUT", "/d/?kind=file&name=a", data=b"data")
        file = (await s3("GET", "/d/")).data[0]["attributes"]
        folder = (await s3("GET", "/")).data[0]["attributes"]
        assert (file["path"], file["size"]) == ("/d/a", 4)
        assert file["extra"]["hashes"]["md5"] == hashlib.md5(b"data").hexdigest()
        assert (folder["kind"], folder["path"], folder["name"]) == ("folder", "/d/", "d")

    async def test_the_tag_of_an_upload_in_parts_is_no_checksum(self, s3, monkeypatch):
        monkeypatch.setattr(s3_json, "ONE_PIECE_BELOW", 4)
        reply = await s3("PUT", "/?kind=file&name=a", data=b"data")
        assert reply.attributes["extra"]["hashes"]["md5"].strip('"').endswith("-1")

    async def test_versions_have_words_and_texts_for_names(self, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"one")
        await s3("PUT", "/a", data=b"second")
        newest, oldest = (await s3("GET", "/a?revisions=")).data
        assert newest["attributes"]["version"] == "Latest"
        assert (await s3("GET", f"/a?version={oldest['id']}")).body == b"one"
        assert (await s3("GET", "/a?version=Latest")).body == b"second"
        assert (await s3("GET", "/a?version=7")).status == 400


class TestPaths:
    @pytest.mark.parametrize("name", ["a b", "ü", "50%", "a+b", "q?x", "#1", "a&b", "%2e"])
    async def test_a_name_is_found_under_its_quoted_path(self, s3, name):
        reply = await s3("PUT", f"/?kind=file&name={quote(name, safe='')}", data=b"data")
        assert reply.attributes["path"] == f"/{name}"
        assert (await s3("GET", f"/{quote(name)}")).body == b"data"

    async def test_what_is_not_there_is_404(self, s3):
        for path in ("/a", "/d/", "/d/a"):
            assert (await s3("GET", path)).status == 404
        assert (await s3("DELETE", "/a")).status == 404

    async def test_an_upload_into_no_folder_makes_it_and_deleting_none_is_no_error(self, s3):
        assert (await s3("PUT", "/d/e/?kind=file&name=a", data=b"data")).status == 201
        assert (await s3("GET", "/d/e/a")).body == b"data"
        assert (await s3("DELETE", "/x/")).status == 204

    async def test_a_path_that_is_not_normal_is_refused(self, s3):
        assert (await s3("GET", "/d/../a")).status == 400

    async def test_a_taken_name_is_a_conflict_that_shows_the_file(self, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"data")
        await s3("PUT", "/?kind=folder&name=d")
        taken = await s3("PUT", "/?kind=file&name=a", data=b"other")
        assert (taken.status, taken.data["attributes"]["path"]) == (409, "/a")
        assert (await s3("PUT", "/?kind=folder&name=d")).status == 409
        assert (await s3("GET", "/a")).body == b"data"

    async def test_a_folder_goes_with_all_that_is_in_it(self, s3):
        await s3("PUT", "/d/?kind=file&name=a", data=b"data")
        assert (await s3("DELETE", "/d/")).status == 204
        assert (await s3("GET", "/d/a")).status == 404
        assert (await s3("GET")).names == []

    async def test_the_root_is_emptied_only_when_that_is_confirmed(self, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"data")
        assert (await s3("DELETE", "/")).status == 400
        assert (await s3("DELETE", "/?confirm_delete=1")).status == 204
        assert (await s3("GET")).names == []

    async def test_ranges_are_served_without_a_redirect(self, osf, s3):
        osf.settings.storage_redirect = True
        await s3("PUT", "/?kind=file&name=a", data=b"0123456789")
        reply = await s3("GET", "/a", headers={"Range": "bytes=2-4"})
        assert (reply.status, reply.body) == (206, b"234")


class TestMoves:
    async def test_a_move_changes_the_ids_of_all_that_is_below(self, s3):
        await s3("PUT", "/d/?kind=file&name=a", data=b"data")
        reply = await move(s3, "/d/", "/", rename="e")
        assert (reply.status, reply.attributes["path"]) == (201, "/e/")
        assert (await s3("GET", "/e/a")).body == b"data"
        assert (await s3("GET", "/d/a")).status == 404

    async def test_a_copy_has_no_history(self, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"one")
        await s3("PUT", "/a", data=b"second")
        assert (await move(s3, "/a", "/", action="copy", rename="b")).status == 201
        assert len((await s3("GET", "/b?revisions=")).data) == 1
        assert len((await s3("GET", "/a?revisions=")).data) == 2

    @pytest.mark.parametrize("size", [4, 200_000], ids=["in the database", "in a file"])
    async def test_contents_go_to_osfstorage_and_back(self, client, s3, size):
        data = bytes(size)
        file = await client.file("a", data)
        body = {"action": "move", "path": "/", "provider": "s3", "rename": "b"}
        moved = await client.post(file, **body)
        assert (moved.status, moved.data["id"]) == (201, "s3/b")
        assert (await client.wb("GET", file)).status == 404
        assert (await s3("GET", "/b")).body == data
        back = await move(s3, "/b", "/", provider="osfstorage", action="copy")
        assert back.attributes["extra"]["version"] == 1
        assert (await client.wb("GET", back.id)).body == data

    async def test_a_taken_target_is_a_conflict(self, client, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"data")
        file = await client.file("a", b"other")
        reply = await client.post(file, action="move", path="/", provider="s3")
        assert reply.status == 409
        assert (await s3("GET", "/a")).body == b"data"
        replaced = await client.post(
            file, action="move", path="/", provider="s3", conflict="replace"
        )
        assert replaced.status == 200
        assert (await s3("GET", "/a")).body == b"other"

    async def test_a_target_folder_that_does_not_exist_is_404(self, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"data")
        assert (await move(s3, "/a", "/nowhere/")).status == 404

    async def test_a_full_project_takes_nothing_from_s3(self, osf, s3):
        await s3("PUT", "/?kind=file&name=a", data=b"data")
        osf.set_quota(osf.project, 0)
        assert (await move(s3, "/a", "/", provider="osfstorage")).status == 507
        assert (await s3("PUT", "/?kind=file&name=b", data=b"data")).status == 201


async def test_everything_survives_a_restart(tmp_path):
    from dvc_osf.emulator import Emulator

    root = tmp_path / "kept"
    async with Emulator(root) as osf:
        osf.add_provider(osf.project)
        headers = {"Authorization": f"Bearer {osf.token}"}
        place = f"/v1/resources/{osf.project}/providers/s3/"
        async with aiohttp.ClientSession(osf.files_url, headers=headers) as session:
            await session.put(f"{place}?kind=file&name=a", data=b"data")
    async with (
        Emulator(root) as osf,
        aiohttp.ClientSession(osf.files_url, headers=headers) as session,
        session.get(f"{place}a") as answer,
    ):
        assert await answer.read() == b"data"
