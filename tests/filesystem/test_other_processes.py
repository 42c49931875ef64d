"""What other processes wrote since the last listing: reading finds it all the same."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("path", ["new", "a/new", "a/x/y/new"])
def test_a_file_that_another_process_wrote_is_read(fs, plant, root, path):
    plant.files({"a/old": b"old"})
    fs.find(root)

    plant.files({path: b"new"})

    assert fs.cat_file(f"{root}/{path}") == b"new"
    assert fs.info(f"{root}/{path}")["size"] == 3


def test_a_file_that_is_missing_costs_one_listing_once_more(fs, plant, root, asked):
    plant.files({"a/old": b"old"})
    fs.find(root)
    asked()

    for path in ("a/nothing", "a/no/folder", "nothing"):
        with pytest.raises(FileNotFoundError):
            fs.cat_file(f"{root}/{path}")
        assert asked() == {"listing": 1}


def test_a_listing_made_for_the_purpose_is_believed(fs, plant, root, asked):
    plant.files({"a/old": b"old"})

    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{root}/a/nothing")

    assert asked() == {"api": 1, "listing": 2}  # the root and the folder, and neither again


def test_files_missing_at_the_same_time_share_the_second_look(fs, plant, root, asked):
    plant.files({"a/old": b"old"})
    fs.find(root)
    asked()

    found = fs.cat([f"{root}/a/{n}" for n in range(12)], on_error="return")

    assert all(isinstance(error, FileNotFoundError) for error in found.values())
    assert asked()["listing"] <= 2


def test_a_folder_that_another_process_replaced_is_looked_into(fs, plant, root):
    plant.files({"a/old": b"old"})
    fs.find(root)
    plant.delete("a")
    plant._known.clear()
    plant.files({"a/new": b"new"})

    assert fs.cat_file(f"{root}/a/new") == b"new"
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{root}/a/old")
