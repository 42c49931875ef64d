"""Times, checksums and addresses of files."""

from __future__ import annotations

import hashlib
from datetime import timedelta, timezone

import aiohttp
import pytest

from dvc_osf import OSFIsADirectoryError, OSFNotFoundError

FACTS = ["created", "modified", "checksum", "ukey", "url"]


def download(url, **headers):
    """Fetch a URL with a client that knows nothing of the OSF; return status and body."""
    import asyncio

    async def fetch():
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers) as response,
        ):
            return response.status, await response.read()

    return asyncio.run(fetch())


# -- times ---------------------------------------------------------------------------------------


def test_the_times_of_a_file_are_those_of_its_versions(fs, other, root):
    other.pipe_file(f"{root}/f", b"one")
    other.pipe_file(f"{root}/f", b"two")

    created, modified = fs.created(f"osf://{root}/f"), fs.modified(f"{root}/f")

    assert created < modified
    assert created.utcoffset() == timedelta(0)
    assert modified.astimezone(timezone.utc) == modified
    info = fs.info(f"{root}/f")
    assert (created, modified) == (info["created"], info["modified"])


def test_the_times_cost_nothing_beyond_the_listing(fs, plant, root, asked):
    plant.files({"f": b"x"})
    fs.ls(root)
    asked()

    assert fs.created(f"{root}/f") == fs.modified(f"{root}/f")
    assert asked() == {}


def test_a_folder_has_no_times(fs, plant, root):
    plant.folders("d")

    for which in ("created", "modified"):
        with pytest.raises(OSFIsADirectoryError, match="the OSF keeps no times of folders"):
            getattr(fs, which)(f"{root}/d")
        with pytest.raises(OSFIsADirectoryError, match="the OSF keeps no times of folders"):
            getattr(fs, which)("osf://")


@pytest.mark.parametrize("place", ["{guid}", "{guid}/osfstorage"])
def test_a_project_has_times(fs, osf, place):
    node = osf.world.store.node(osf.project)

    created = fs.created(place.format(guid=osf.project))

    assert created.isoformat().startswith(node.created[:23])
    assert created.tzinfo is not None
    assert fs.modified(place.format(guid=osf.project)) >= created


def test_the_times_of_a_project_are_one_request(fs, osf, asked):
    fs.created(osf.project)
    assert asked() == {"api": 1}


def test_a_provider_that_is_missing_has_no_times(fs, osf):
    with pytest.raises(OSFNotFoundError, match="no storage provider 'github'"):
        fs.created(f"{osf.project}/github")


# -- checksums -----------------------------------------------------------------------------------


def test_the_checksum_of_a_file_is_its_md5(fs, plant, root):
    plant.files({"f": b"some bytes"})

    assert fs.checksum(f"{root}/f") == int(hashlib.md5(b"some bytes").hexdigest(), 16)
    assert f"{fs.checksum(f'{root}/f'):032x}" == fs.info(f"{root}/f")["md5"]


@pytest.mark.parametrize("fact", ["checksum", "ukey"])
def test_a_key_changes_with_the_content_only(fs, other, root, fact):
    other.pipe({f"{root}/a": b"one", f"{root}/b": b"one", f"{root}/c": b"two"})
    key = getattr(fs, fact)

    assert key(f"{root}/a") == key(f"{root}/b") != key(f"{root}/c")
    before = key(f"{root}/a")
    other.pipe_file(f"{root}/a", b"one")
    fs.invalidate_cache()
    assert key(f"{root}/a") == before
    other.pipe_file(f"{root}/a", b"another")
    fs.invalidate_cache()
    assert key(f"{root}/a") != before
    fs.pipe_file(f"{root}/a", b"one")
    assert key(f"{root}/a") == before


def test_a_key_is_known_at_once_after_a_write(fs, root, asked):
    fs.pipe_file(f"{root}/f", b"one")
    first = fs.ukey(f"{root}/f")
    fs.pipe_file(f"{root}/f", b"two")
    asked()

    assert fs.ukey(f"{root}/f") != first
    assert asked() == {}


def test_a_checksum_can_be_asked_anew(fs, other, root):
    other.pipe_file(f"{root}/f", b"one")
    old = fs.checksum(f"{root}/f")
    other.pipe_file(f"{root}/f", b"two")

    assert fs.checksum(f"{root}/f") == old
    assert fs.checksum(f"{root}/f", refresh=True) != old
    assert fs.checksum(f"{root}/f") != old


def test_files_without_checksums_are_told_apart_by_version(connect_both, osf, plant, root):
    plant.files({"f": b"one"})
    no_hashes = "UPDATE entities SET md5 = NULL, sha256 = NULL"
    osf._call(lambda: osf.world.store.db.execute(no_hashes))
    fs = connect_both(use_listings_cache=False)
    keys = fs.ukey(f"{root}/f"), fs.checksum(f"{root}/f")
    assert keys == (fs.ukey(f"{root}/f"), fs.checksum(f"{root}/f"))

    osf._call(lambda: osf.world.store.db.execute("UPDATE entities SET versions = versions + 1"))

    assert fs.ukey(f"{root}/f") != keys[0]
    assert fs.checksum(f"{root}/f") != keys[1]


# -- addresses -----------------------------------------------------------------------------------


def test_the_url_of_a_public_file_is_open_to_anybody(fs, osf, plant, root):
    plant.files({"d/ü 100%.csv": b"1,2"})
    osf.set_public(osf.project)

    url = fs.url(f"{root}/d/ü 100%.csv")

    assert url.startswith(
        f"{osf.files_url}/v1/resources/{root}".replace("/osfs", "/providers/osfs")
    )
    assert osf.token not in url
    assert download(url) == (200, b"1,2")


def test_the_url_of_a_private_file_wants_a_token(fs, osf, plant, root):
    plant.files({"f": b"x"})

    url = fs.url(f"{root}/f")

    assert osf.token not in url
    assert download(url)[0] == 403
    assert download(url, Authorization=f"Bearer {osf.token}") == (200, b"x")


def test_a_url_outlives_renaming_and_new_versions(connect, osf, plant, root):
    plant.files({"f": b"x"})
    osf.set_public(osf.project)
    fs = connect()
    url = fs.url(f"{root}/f")
    fs.mv(f"{root}/f", f"{root}/d/g")
    fs.pipe_file(f"{root}/d/g", b"newer")

    assert fs.url(f"{root}/d/g") == url
    assert download(url) == (200, b"newer")


def test_a_url_of_another_region_leads_there(fs, osf, plant):
    german = osf.add_project("German", region="de-1", public=True)
    plant.files({"f": b"x"}, german)

    url = fs.url(f"{german}/osfstorage/f")

    assert url.startswith(osf.world.files_urls["de-1"])
    assert download(url) == (200, b"x")


def test_the_view_only_key_is_in_a_url_only_when_told_so(connect_both, osf, plant, root):
    plant.files({"f": b"x"})
    key = osf.add_view_only_link(osf.project)
    fs = connect_both(token=None, view_only=key)

    assert key not in fs.url(f"{root}/f")
    assert download(fs.url(f"{root}/f", view_only=True)) == (200, b"x")


def test_without_a_view_only_key_there_is_none_to_put_in(fs, plant, root):
    plant.files({"f": b"x"})

    with pytest.raises(ValueError, match="no view_only key"):
        fs.url(f"{root}/f", view_only=True)


def test_nothing_is_signed(connect_both, osf, plant, root, asked):
    plant.files({"f": b"x"})
    key = osf.add_view_only_link(osf.project)
    fs = connect_both(view_only=key)

    with pytest.raises(NotImplementedError, match=r"no links that expire \(after 60 s\)") as caught:
        fs.sign(f"{root}/f", expiration=60)
    assert "url(path, view_only=True)" in str(caught.value)
    assert key not in str(caught.value)
    assert asked() == {}


# -- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", FACTS)
def test_what_is_missing_has_no_facts(fs, root, fact):
    with pytest.raises(OSFNotFoundError) as caught:
        getattr(fs, fact)(f"{root}/nothing")
    assert caught.value.operation == fact
    assert caught.value.path == f"{root}/nothing"


@pytest.mark.parametrize("fact", ["checksum", "ukey", "url"])
def test_a_folder_has_no_content_of_its_own(fs, plant, root, fact):
    plant.folders("d")

    for place in (f"{root}/d", root):
        with pytest.raises(OSFIsADirectoryError, match="a folder has no") as caught:
            getattr(fs, fact)(place)
        assert caught.value.operation == fact


@pytest.mark.parametrize("fact", FACTS)
def test_of_a_file_and_a_folder_of_one_name_the_file_has_the_facts(fs, plant, root, fact):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    assert getattr(fs, fact)(f"{root}/twin")
