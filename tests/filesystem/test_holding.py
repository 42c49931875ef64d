"""A holding folder: what is removed is kept with its versions, and continued by what is written."""

from __future__ import annotations

import pytest


@pytest.fixture
def options(root):
    return {"version_aware": True, "holding_folder": f"{root}/data/.removed"}


@pytest.fixture
def fs(connect_both, options):
    return connect_both(**options)


@pytest.fixture
def later(connect_both, options):
    """Return a filesystem of another process, which knows nothing but what the OSF says."""
    return connect_both(**options)


@pytest.fixture
def data(root):
    return f"{root}/data"


def test_a_file_that_is_removed_is_gone(fs, data):
    fs.pipe_file(f"{data}/a", b"one")
    fs.rm_file(f"{data}/a")
    assert not fs.exists(f"{data}/a")
    assert fs.find(data) == []
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{data}/a")
    with pytest.raises(FileNotFoundError):
        fs.rm_file(f"{data}/a")


def test_its_versions_are_still_read_by_its_path(fs, later, data):
    fs.pipe_file(f"{data}/a", b"one")
    fs.pipe_file(f"{data}/a", b"two")
    fs.rm(f"{data}/a")
    for reader in (fs, later):
        assert reader.cat_file(f"{data}/a?version=1") == b"one"
        assert reader.cat_file(f"{data}/a", version=2) == b"two"
        assert reader.exists(f"{data}/a?version=2")
        assert not reader.exists(f"{data}/a?version=3")
        assert reader.info(f"{data}/a?version=1")["size"] == 3
        assert reader.find(f"{data}/a?version=1") == [f"{data}/a?version=1"]
        assert reader.ukey(f"{data}/a?version=1") != reader.ukey(f"{data}/a?version=2")


def test_what_is_written_to_its_path_is_its_next_version(fs, later, data):
    fs.pipe_file(f"{data}/sub/a", b"one")
    before = fs.info(f"{data}/sub/a")
    fs.rm(f"{data}/sub/a")
    later.pipe_file(f"{data}/sub/a", b"two")
    after = later.info(f"{data}/sub/a")
    assert (after["id"], after["version"], after["version_id"]) == (before["id"], 2, "2")
    assert later.cat_file(f"{data}/sub/a") == b"two"
    assert later.cat_file(f"{data}/sub/a?version=1") == b"one"
    fs.invalidate_cache()
    assert fs.find(data) == [f"{data}/sub/a"]


def test_a_folder_is_kept_by_one_request(fs, data, osf, plant):
    plant.files({"data/d/a": b"a", "data/d/e/b": b"b", "data/c": b"c"})
    fs.rm(f"{data}/d", recursive=True)
    moves = [request for request in osf.requests if request.method == "POST"]
    assert len(moves) == 1
    assert not [request for request in osf.requests if request.method == "DELETE"]
    assert fs.find(data) == [f"{data}/c"]
    assert fs.cat_file(f"{data}/d/e/b?version=1") == b"b"


def test_a_folder_that_comes_back_and_goes_again_is_merged_with_what_is_kept(fs, later, data):
    fs.pipe({f"{data}/d/a": b"a1", f"{data}/d/b": b"b1"})
    fs.rm(f"{data}/d", recursive=True)
    later.pipe({f"{data}/d/a": b"a2", f"{data}/d/c": b"c1"})
    later.rm(f"{data}/d", recursive=True)
    assert not later.exists(f"{data}/d")
    contents = {"a?version=1": b"a1", "a?version=2": b"a2", "b?version=1": b"b1"}
    for name, content in {**contents, "c?version=1": b"c1"}.items():
        assert later.cat_file(f"{data}/d/{name}") == content


def test_the_folder_is_hidden(fs, data, root):
    fs.pipe({f"{data}/a": b"a", f"{data}/b": b"b"})
    fs.rm_file(f"{data}/a")
    assert fs.ls(data, detail=False) == [f"{data}/b"]
    assert fs.find(root, withdirs=True) == [root, data, f"{data}/b"]
    assert [place for place, _, _ in fs.walk(root)] == [root, data]
    assert fs.du(data) == 1


def test_a_listing_of_versions_has_those_that_are_kept(fs, data):
    fs.pipe({f"{data}/a": b"a1", f"{data}/b": b"b1"})
    fs.pipe_file(f"{data}/a", b"a2")
    fs.rm_file(f"{data}/b")
    names = [f"{data}/a?version=1", f"{data}/a?version=2", f"{data}/b?version=1"]
    assert fs.ls(data, detail=False, versions=True) == names
    ids = {info["name"]: info["version_id"] for info in fs.ls(data, versions=True)}
    assert ids == dict(zip(names, "121", strict=True))


def test_a_file_that_somebody_else_made_meanwhile_is_kept_too(fs, data, plant):
    fs.pipe_file(f"{data}/a", b"ours")
    fs.rm_file(f"{data}/a")
    plant.files({"data2/a": b"x"})
    plant._known.clear()
    fs.invalidate_cache()
    fs.mv(f"{data}2/a", f"{data}/a")
    fs.rm_file(f"{data}/a")
    assert fs.cat_file(f"{data}/a?version=1") == b"ours"
    held = fs.ls(f"{data}/.removed", detail=False)
    assert {fs.cat_file(path) for path in held} == {b"ours", b"x"}


def test_what_is_removed_from_the_folder_is_deleted(fs, data, osf):
    fs.pipe_file(f"{data}/a", b"one")
    fs.rm_file(f"{data}/a")
    fs.rm(f"{data}/.removed", recursive=True)
    assert [request for request in osf.requests if request.method == "DELETE"]
    assert not fs.exists(f"{data}/a?version=1")


def test_what_is_elsewhere_is_deleted(fs, root, osf):
    fs.pipe_file(f"{root}/other", b"one")
    fs.rm_file(f"{root}/other")
    assert [request.method for request in osf.requests][-1] == "DELETE"


def test_an_upload_that_fails_leaves_what_is_kept_where_it_is(fs, data, osf):
    fs.pipe_file(f"{data}/a", b"one")
    fs.rm_file(f"{data}/a")
    osf.set_quota(osf.project, 1)
    with pytest.raises(OSError, match="quota"):
        fs.pipe_file(f"{data}/a", b"two")
    assert not fs.exists(f"{data}/a")
    assert fs.cat_file(f"{data}/a?version=1") == b"one"


def test_nothing_more_is_asked_where_nothing_was_removed(fs, data, asked):
    fs.pipe_file(f"{data}/a", b"one")
    asked()
    fs.pipe_file(f"{data}/b", b"two")
    assert asked() == {"file PUT": 1}


def test_a_folder_needs_a_name(connect, root):
    with pytest.raises(ValueError, match="holding folder needs a name"):
        connect(holding_folder=root)
