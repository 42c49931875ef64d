"""The web pages."""

import hashlib
import re

import pytest


@pytest.fixture
async def page(client, osf):
    """Return a function that reads a page without credentials."""

    async def read(path):
        return await client.acting().request("GET", osf.web_url + path)

    return read


@pytest.fixture
async def tree(client):
    folder = await client.mkdir("data%20%3Cb%3E")
    file = await client.file("a.csv", b"1,2,3", folder)
    await client.wb("PUT", file, data=b"1,2,3,4")
    await client.file("top")
    return folder, file


@pytest.mark.usefixtures("tree")
async def test_a_project_shows_all_its_files(page, client):
    reply = await page(f"/{client.project}/")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    html = reply.body.decode()
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>OSF | Example project</title>" in html
    assert "data &lt;b&gt;</a>/" in html
    assert "<b>" not in html
    rows = re.findall(r'<tr class="(folder|file)">(.*)</tr>', html)
    assert [kind for kind, _ in rows] == ["folder", "file", "file"]
    assert re.sub("<[^>]*>", "|", rows[1][1]).split("|")[2] == "a.csv"
    # Size, version, and the MD5 of the newest version.
    assert '<td class="number">7</td><td class="number">2</td>' in rows[1][1]
    assert f"<code>{hashlib.md5(b'1,2,3,4').hexdigest()}</code>" in rows[1][1]


@pytest.mark.parametrize(
    "path", ["", "/files", "/files/", "/files/osfstorage", "/files/osfstorage/"]
)
@pytest.mark.usefixtures("tree")
async def test_it_has_several_addresses(page, client, path):
    assert b"a.csv" in (await page(f"/{client.project}{path}")).body


async def test_a_folder_and_a_file_have_pages_too(page, client, tree):
    folder, file = tree
    html = (await page(f"/{client.project}/files/osfstorage/{folder}")).body.decode()
    assert "a.csv" in html
    assert "top" not in html
    html = (await page(f"/{client.project}/files/osfstorage/{file}")).body.decode()
    assert html.count('<tr class="version">') == 2
    assert "Test User One" in html


async def test_a_click_downloads_although_the_project_is_private(page, client, tree):
    html = (await page(f"/{client.project}/")).body.decode()
    links = re.findall(r'class="download" href="([^"]*)"', html)
    assert len(links) == 2
    reply = await page(links[0])
    assert reply.status == 302
    assert (await client.acting().request("GET", reply.headers["Location"])).body == b"1,2,3,4"
    html = (await page(f"/{client.project}/files/osfstorage/{tree[1]}")).body.decode()
    links = re.findall(r'class="download" href="([^"]*)"', html)
    reply = await page(links[-1].replace("&amp;", "&"))
    assert (await client.acting().request("GET", reply.headers["Location"])).body == b"1,2,3"


async def test_a_public_project_needs_no_key(page, client, osf, tree):
    osf.set_public(osf.project)
    html = (await page(f"/{client.project}/")).body.decode()
    assert "view_only" not in html
    reply = await page(f"/download/{tree[1]}/?version=1")
    root = f"{osf.files_url}/v1/resources/{osf.project}/providers/osfstorage"
    assert reply.headers["Location"] == f"{root}/{tree[1]}?version=1"


async def test_the_entrance_lists_the_projects(page, osf):
    guid = osf.add_project("Another <project>", public=True)
    html = (await page("/")).body.decode()
    assert f'<a href="/{guid}/">Another &lt;project&gt;</a>' in html
    assert f'<a href="/{osf.project}/">' in html


@pytest.mark.parametrize(
    "path",
    ["/zzzzz/", "/a/b/c", "/download/0/", "/{project}/files/osfstorage/0", "/download/{folder}"],
)
async def test_pages_that_do_not_exist(page, client, tree, path):
    path = path.format(project=client.project, folder=tree[0])
    assert (await page(path)).status == 404


async def test_a_deleted_project_says_so(page, client):
    await client.v2(f"/nodes/{client.project}/", "DELETE")
    assert (await page(f"/{client.project}/")).status == 410
    assert client.project not in (await page("/")).body.decode()


async def test_pages_are_only_read(client, osf):
    assert (await client.request("POST", osf.web_url + "/", data=b"")).status == 405
    reply = await client.request("HEAD", osf.web_url + "/")
    assert (reply.status, reply.body) == (200, b"")
