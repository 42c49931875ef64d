"""Touching: an empty file by one request."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("truncate", [True, False])
def test_a_new_file_is_empty(fs, other, root, asked, truncate):
    fs.ls(root)
    asked()

    fs.touch(f"{root}/f", truncate=truncate)

    assert asked() == {"file PUT": 1}
    assert other.cat_file(f"{root}/f") == b""
    assert fs.info(f"{root}/f")["size"] == 0


def test_folders_appear_with_it(fs, other, root):
    fs.touch(f"{root}/a/b/f")

    assert other.find(root) == [f"{root}/a/b/f"]


def test_a_file_that_exists_is_emptied_by_a_new_version(fs, other, plant, root, asked):
    plant.files({"f": b"content"})
    fs.ls(root)
    asked()

    fs.touch(f"osf://{root}/f")

    assert asked() == {"file PUT": 1}
    info = other.info(f"{root}/f")
    assert (info["size"], info["version"]) == (0, 2)
    assert fs.cat_file(f"{root}/f") == b""


def test_touching_an_empty_file_again_makes_no_version(fs, other, root):
    fs.touch(f"{root}/f")
    fs.touch(f"{root}/f")

    assert other.info(f"{root}/f")["version"] == 1


@pytest.mark.parametrize("content", [b"content", b""])
@pytest.mark.parametrize("known", [True, False])
def test_the_time_alone_cannot_be_changed(fs, other, plant, root, content, known):
    plant.files({"f": content})
    if known:
        fs.ls(root)

    with pytest.raises(NotImplementedError, match=f"osf://{root}/f exists"):
        fs.touch(f"{root}/f", truncate=False)

    assert other.cat_file(f"{root}/f") == content
    assert other.info(f"{root}/f")["version"] == 1


def test_a_folder_is_not_touched(fs, root):
    with pytest.raises(IsADirectoryError):
        fs.touch(root)
