"""Moving and copying on the server: one request a file or folder, and nothing lost in between."""

from __future__ import annotations

import pytest

from dvc_osf import OSFException, OSFIsADirectoryError, OSFNotFoundError, OSFPathError
from dvc_osf.emulator import Fault


@pytest.fixture
def tree(plant, root):
    """Plant a folder of two levels; return its path."""
    plant.files({"a/1.txt": b"one", "a/deep/2.txt": b"two", "other/3.txt": b"three"})
    return f"{root}/a"


def contents(fs, path):
    return {name.removeprefix(f"{path}/"): fs.cat_file(name) for name in fs.find(path)}


WHOLE = {"1.txt": b"one", "deep/2.txt": b"two"}


@pytest.mark.parametrize("action", ["cp", "mv"])
def test_a_folder_to_a_free_place_is_one_request(connect, other, osf, tree, root, action):
    fs = connect()
    fs.ls(root)
    osf.clear_requests()

    getattr(fs, action)(tree, f"{root}/b", recursive=True)

    assert [entry.method for entry in osf.requests if entry.method != "GET"] == ["POST"]
    assert contents(other, f"{root}/b") == WHOLE
    assert other.exists(tree) == (action == "cp")
    assert contents(fs, f"{root}/b") == WHOLE
    assert fs.exists(tree) == (action == "cp")


def test_a_moved_file_keeps_its_id_and_versions(connect, other, plant, root):
    plant.files({"f": b"old"})
    fs = connect()
    fs.pipe_file(f"{root}/f", b"new content")
    before = fs.info(f"{root}/f")

    fs.mv(f"{root}/f", f"{root}/new/folder/g")

    after = other.info(f"{root}/new/folder/g")
    assert (after["id"], after["version"], after["size"]) == (before["id"], 2, 11)
    assert fs.info(f"{root}/new/folder/g")["size"] == 11
    assert not fs.exists(f"{root}/f")


def test_a_copied_file_is_another(connect, other, plant, root):
    plant.files({"f": b"x"})
    fs = connect()

    fs.cp_file(f"{root}/f", f"{root}/g")

    assert other.info(f"{root}/g")["id"] != other.info(f"{root}/f")["id"]
    assert other.cat_file(f"{root}/g") == b"x"


@pytest.mark.parametrize("action", ["cp_file", "mv"])
def test_onto_a_file_that_exists(connect, other, plant, root, action):
    plant.files({"f": b"source", "g": b"target"})
    fs = connect()

    getattr(fs, action)(f"{root}/f", f"{root}/g")

    assert other.cat_file(f"{root}/g") == b"source"
    names = {"f", "g"} if action == "cp_file" else {"g"}
    assert {name.rpartition("/")[2] for name in other.ls(root, detail=False)} == names


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("status", [403, 507])
def test_a_failure_in_the_middle_of_replacing_loses_nothing(
    connect, osf, other, plant, root, nth, status
):
    plant.files({"f": b"source", "g": b"target"})
    fs = connect()
    osf.add_fault(Fault(method="POST", nth=nth, status=status))

    with pytest.raises(OSFException):
        fs.mv(f"{root}/f", f"{root}/g")

    assert contents(other, root) == {"f": b"source", "g": b"target"}


def test_a_failure_after_replacing_leaves_the_old_target_aside(connect, osf, other, plant, root):
    plant.files({"f": b"source", "g": b"target"})
    fs = connect()
    osf.add_fault(Fault(method="DELETE", status=403))

    with pytest.raises(OSFException):
        fs.mv(f"{root}/f", f"{root}/g")

    assert sorted(contents(other, root).values()) == [b"source", b"target"]
    assert other.cat_file(f"{root}/g") == b"source"


@pytest.mark.parametrize("action", ["cp", "mv"])
@pytest.mark.parametrize(
    "fault", [{"lose_answer": True}, {"status": 503}, {"status": 502}], ids=str
)
def test_a_lost_answer_is_looked_up(connect, osf, other, tree, root, action, fault):
    fs = connect()
    osf.add_fault(Fault(method="POST", times=1, **fault))

    getattr(fs, action)(tree, f"{root}/b", recursive=True)

    assert contents(other, f"{root}/b") == WHOLE
    assert len(other.ls(root)) == (3 if action == "cp" else 2)


@pytest.mark.parametrize("action", ["cp", "mv"])
def test_into_a_folder_that_exists(connect, other, tree, root, action):
    fs = connect()

    getattr(fs, action)(tree, f"{root}/other", recursive=True)

    assert contents(other, f"{root}/other/a") == WHOLE
    assert other.cat_file(f"{root}/other/3.txt") == b"three"
    assert other.exists(tree) == (action == "cp")


def test_a_file_into_a_folder_that_exists(connect, other, tree, root):
    connect().mv(f"{tree}/1.txt", f"{root}/other")

    assert other.cat_file(f"{root}/other/1.txt") == b"one"


@pytest.mark.parametrize("action", ["cp", "mv"])
def test_to_another_project(connect, osf, other, tree, action):
    elsewhere = f"{osf.add_project(title='elsewhere')}/osfstorage"

    getattr(connect(), action)(tree, f"{elsewhere}/b", recursive=True)

    assert contents(other, f"{elsewhere}/b") == WHOLE
    assert other.exists(tree) == (action == "cp")


def test_what_cannot_be_moved_is_refused_before_any_request(connect, osf, tree, root):
    fs = connect()
    fs.find(root)
    osf.clear_requests()

    with pytest.raises(OSFIsADirectoryError):
        fs.mv(tree, f"{root}/b")
    with pytest.raises(OSFNotFoundError):
        fs.mv(f"{root}/nothing", f"{root}/b")
    with pytest.raises(OSFNotFoundError):
        fs.cp_file(f"{root}/nothing", f"{root}/b")
    with pytest.raises(OSFPathError):
        fs.cp_file(f"{tree}/1.txt", root)
    assert osf.requests == []


def test_moving_a_file_onto_itself_changes_nothing(connect, osf, other, tree):
    fs = connect()
    fs.find(tree)
    osf.clear_requests()

    fs.mv(f"{tree}/1.txt", f"{tree}/1.txt")

    assert osf.requests == []
    assert other.cat_file(f"{tree}/1.txt") == b"one"


def test_two_files_that_would_be_copied_to_one_place_are_refused(fs, other, root):
    other.pipe({f"{root}/x/n": b"1", f"{root}/y/n": b"2"})
    with pytest.raises(OSFPathError, match="one file would be lost"):
        fs.copy([f"{root}/x/n", f"{root}/y/n"], f"{root}/z")
    assert other.find(root) == [f"{root}/x/n", f"{root}/y/n"]
