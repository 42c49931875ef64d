"""Folders are virtual, as in object stores; or real, for those who ask for it."""

from __future__ import annotations

import pytest

from dvc_osf import OSFNotFoundError


def test_mkdir_and_rmdir_do_nothing_and_succeed(fs, plant, root, asked):
    plant.files({"full/f": b"x"})

    fs.mkdir(f"{root}/new")
    fs.mkdir(f"{root}/full")
    fs.mkdir(f"{root}/a/b", create_parents=False)
    fs.makedirs(f"{root}/a/b/c")
    fs.makedirs(f"{root}/full", exist_ok=True)
    fs.rmdir(f"{root}/full")
    fs.rmdir(f"{root}/nothing")

    assert asked() == {}
    assert fs.find(root) == [f"{root}/full/f"]
    assert not fs.exists(f"{root}/new")


@pytest.fixture
def fs_real(connect_both):
    """Return a filesystem whose folders are real."""
    return connect_both(create_folders=True, max_retries=0)


def test_mkdir_makes_a_folder(fs_real, other, root, asked):
    fs_real.mkdir(f"osf://{root}/new")

    assert asked() == {"api": 1, "listing": 1, "folder PUT": 1}
    assert other.isdir(f"{root}/new")
    assert fs_real.ls(f"{root}/new") == []


def test_makedirs_makes_all_of_them_once(fs_real, other, root, asked):
    fs_real.makedirs(f"{root}/a/b/c")
    fs_real.makedirs(f"{root}/a/b/d", exist_ok=True)
    fs_real.makedirs(f"{root}/a/b/d", exist_ok=True)

    assert asked() == {"api": 1, "listing": 1, "folder PUT": 4}
    assert other.find(root, withdirs=True) == [
        root,
        f"{root}/a",
        f"{root}/a/b",
        f"{root}/a/b/c",
        f"{root}/a/b/d",
    ]


def test_mkdir_can_insist_on_a_parent(fs_real, other, root):
    with pytest.raises(OSFNotFoundError):
        fs_real.mkdir(f"{root}/nothing/new", create_parents=False)
    assert other.ls(root) == []
    fs_real.mkdir(f"{root}/new", create_parents=False)
    assert other.isdir(f"{root}/new")


def test_making_an_existing_folder_again_makes_no_second_one(fs_real, other, plant, root):
    plant.folders("here")

    fs_real.makedirs(f"{root}/here", exist_ok=True)

    assert len(other.ls(root)) == 1


def test_makedirs_can_insist_on_a_new_folder(fs_real, plant, root):
    plant.folders("here")

    with pytest.raises(FileExistsError):
        fs_real.makedirs(f"{root}/here", exist_ok=False)


def test_rmdir_removes_an_empty_folder(fs_real, other, plant, root, asked):
    plant.folders("empty")

    fs_real.rmdir(f"{root}/empty")

    assert asked()["delete"] == 1
    assert not other.exists(f"{root}/empty")
    assert not fs_real.exists(f"{root}/empty")


def test_rmdir_refuses_a_full_folder(fs_real, other, plant, root, asked):
    plant.files({"full/f": b"x"})

    with pytest.raises(OSError, match="not empty") as caught:
        fs_real.rmdir(f"{root}/full")
    assert f"{root}/full" in str(caught.value)
    assert "delete" not in asked()
    assert other.exists(f"{root}/full/f")


def test_rmdir_sees_what_another_client_has_put_there(fs_real, other, plant, root):
    plant.folders("d")
    assert fs_real.ls(f"{root}/d") == []
    other.pipe_file(f"{root}/d/f", b"x")

    with pytest.raises(OSError, match="not empty"):
        fs_real.rmdir(f"{root}/d")
    assert other.exists(f"{root}/d/f")


def test_rmdir_of_a_missing_folder_is_not_found(fs_real, root):
    with pytest.raises(FileNotFoundError):
        fs_real.rmdir(f"{root}/nothing")


def test_rmdir_of_a_file_removes_nothing(fs_real, other, plant, root):
    plant.files({"f": b"x"})

    with pytest.raises(OSError) as caught:  # noqa: PT011 - the next line says which
        fs_real.rmdir(f"{root}/f")
    assert not isinstance(caught.value, FileNotFoundError)
    assert other.exists(f"{root}/f")


def test_rmdir_of_an_empty_project_is_refused(fs_real, osf, root):
    with pytest.raises((OSError, ValueError)):
        fs_real.rmdir(osf.project)
    assert fs_real.ls(root) == []


def test_a_file_of_the_name_is_in_the_way(fs_real, other, root):
    other.pipe_file(f"{root}/a", b"a")
    with pytest.raises(FileExistsError, match="a file of that name exists"):
        fs_real.mkdir(f"{root}/a")
    assert other.find(root, withdirs=True) == [root, f"{root}/a"]


def test_a_file_is_no_folder_to_remove(fs_real, other, root):
    other.pipe_file(f"{root}/a", b"a")
    with pytest.raises(NotADirectoryError, match="this is a file"):
        fs_real.rmdir(f"{root}/a")
    assert other.cat_file(f"{root}/a") == b"a"
