"""What a single file or folder is."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest

from dvc_osf import OSFNotFoundError


def test_a_file_has_size_checksums_version_and_times(fs, plant, root):
    data = b"some bytes"
    (file_id,) = plant.files({"data/file.bin": data})

    info = fs.info(f"osf://{root}/data/file.bin")

    now = datetime.now(timezone.utc)
    assert timedelta(0) <= now - info.pop("modified") < timedelta(minutes=1)
    assert timedelta(0) <= now - info.pop("created") < timedelta(minutes=1)
    assert info == {
        "name": f"{root}/data/file.bin",
        "type": "file",
        "size": len(data),
        "id": file_id,
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "version": 1,
    }


def test_a_folder_has_its_id(fs, plant, root):
    (folder_id,) = plant.folders("data/sub")

    assert fs.info(f"{root}/data/sub") == {
        "name": f"{root}/data/sub",
        "type": "directory",
        "size": 0,
        "id": folder_id,
    }


@pytest.mark.parametrize("path", ["{guid}", "{guid}/osfstorage", "osf://{guid}/osfstorage/"])
def test_a_project_and_its_provider_are_folders(fs, osf, path):
    path = path.format(guid=osf.project)

    assert fs.info(path) == {
        "name": path.removeprefix("osf://").rstrip("/"),
        "size": 0,
        "type": "directory",
    }
    assert fs.isdir(path)
    assert not fs.isfile(path)
    assert fs.exists(path)


def test_sizes_and_versions_are_the_newest(fs, other, root):
    for data in (b"first", b"the second", b"3"):
        other.pipe_file(f"{root}/a", data)

    info = fs.info(f"{root}/a")

    assert (info["size"], info["version"]) == (1, 3)
    assert info["md5"] == hashlib.md5(b"3").hexdigest()
    assert info["created"] < info["modified"]
    assert fs.size(f"{root}/a") == 1


@pytest.mark.parametrize("rewritten", [False, True])
def test_what_was_just_written_is_described_as_everybody_sees_it(fs, other, root, rewritten):
    fs.pipe_file(f"{root}/a", b"one")
    if rewritten:
        fs.pipe_file(f"{root}/a", b"two")

    assert fs.info(f"{root}/a") == other.info(f"{root}/a")


def test_what_was_written_again_unchanged_keeps_its_times(fs, plant, root):
    plant.files({"a": b"same"})
    before = fs.info(f"{root}/a")

    fs.pipe_file(f"{root}/a", b"same")

    assert fs.info(f"{root}/a") == before
    assert fs.info(f"{root}/a", refresh=True) == before


def test_modified_has_the_servers_precision_after_a_write(fs, other, root):
    fs.pipe_file(f"{root}/a", b"one")

    assert fs.info(f"{root}/a")["modified"] == other.info(f"{root}/a")["modified"]


def test_what_is_missing_is_not_found(fs, root):
    with pytest.raises(OSFNotFoundError) as caught:
        fs.info(f"{root}/nothing")

    assert str(caught.value).startswith(f"info osf://{root}/nothing: no such file or folder")
    assert caught.value.path == f"{root}/nothing"
    assert caught.value.operation == "info"


def test_a_file_has_nothing_below_it(fs, plant, root):
    plant.files({"a": b"x"})

    assert not fs.exists(f"{root}/a/b")
    with pytest.raises(FileNotFoundError):
        fs.info(f"{root}/a/b")


def test_exists_isfile_and_isdir_agree(fs, plant, root):
    plant.files({"data/file": b"x"})
    plant.folders("empty")

    def kinds(path):
        return fs.exists(path), fs.isfile(path), fs.isdir(path)

    assert kinds(f"{root}/data/file") == (True, True, False)
    assert kinds(f"{root}/data") == (True, False, True)
    assert kinds(f"{root}/empty") == (True, False, True)
    assert kinds(f"{root}/nothing") == (False, False, False)
    assert kinds(f"{root}/nothing/at/all") == (False, False, False)


def test_a_name_can_be_a_file_and_a_folder(fs, plant, root):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    assert fs.info(f"{root}/twin")["type"] == "file"
    assert fs.isfile(f"{root}/twin")
    assert fs.isdir(f"{root}/twin")
    assert fs.info(f"{root}/twin/inside")["size"] == 6
    assert fs.cat_file(f"{root}/twin") == b"file"


def test_an_unknown_project_does_not_exist(fs):
    assert not fs.exists("zzzzz/osfstorage/a")
    assert not fs.isdir("zzzzz")
    assert not fs.isfile("zzzzz/osfstorage/a")
    with pytest.raises(OSFNotFoundError):
        fs.info("zzzzz/osfstorage/a")


def test_depth_fifty(fs, plant, root):
    deep = "/".join(f"level {number}" for number in range(50))
    plant.files({f"{deep}/file": b"down here"})

    assert fs.info(f"{root}/{deep}/file")["size"] == 9
    assert fs.cat_file(f"{root}/{deep}/file") == b"down here"
    assert fs.find(root) == [f"{root}/{deep}/file"]
    assert len(list(fs.walk(root))) == 51


def test_sizes_of_several(fs, plant, root):
    plant.files({"a": b"1", "b": b"22"})

    assert fs.sizes([f"{root}/b", f"{root}/a"]) == [2, 1]


def test_checkouts_do_not_hide_a_file(fs, osf, plant, root):
    plant.files({"a": b"x"})
    osf.checkout(osf.project, "/a", osf.user)

    assert fs.info(f"{root}/a")["size"] == 1


def test_ukey_changes_with_the_content_only(connect, other, root):
    fs = connect()
    fs.pipe_file(f"{root}/a", b"one")
    key = fs.ukey(f"{root}/a")

    fs.invalidate_cache()
    assert fs.ukey(f"{root}/a") == key
    other.pipe_file(f"{root}/a", b"two")
    fs.invalidate_cache()
    assert fs.ukey(f"{root}/a") != key
