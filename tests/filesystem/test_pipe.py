"""Uploading from memory."""

from __future__ import annotations

import array

import pytest

from dvc_osf import OSFVersionConflictError


def test_bytes_are_one_request(fs, other, root, asked):
    fs.pipe_file(f"osf://{root}/f", b"some bytes")

    assert asked() == {"api": 1, "file PUT": 1}
    assert other.cat_file(f"{root}/f") == b"some bytes"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        bytearray(b"array"),
        memoryview(b"view"),
        memoryview(b"every other")[::2],
        memoryview(array.array("i", [1, 2, 3])),
        bytes(300_000),
        memoryview(array.array("i", [1, 2, 3] * 100_000)),
    ],
    ids=lambda value: f"{type(value).__name__} {len(value)}",
)
def test_anything_like_bytes_is_stored(fs, other, root, value):
    fs.pipe_file(f"{root}/f", value)

    assert other.cat_file(f"{root}/f") == bytes(value)


def test_an_array_by_columns_is_stored_by_rows(fs, other, root):
    np = pytest.importorskip("numpy", reason="only numpy makes such arrays")
    rows = np.arange(12).reshape(3, 4)

    fs.pipe_file(f"{root}/f", np.asfortranarray(rows))

    assert other.cat_file(f"{root}/f") == rows.tobytes()


def test_several_are_stored_at_once(fs, other, root):
    fs.pipe({f"{root}/a": b"1", f"osf://{root}/deep/b": b"22"})
    fs.pipe(f"{root}/c", b"333")

    assert other.find(root) == [f"{root}/a", f"{root}/c", f"{root}/deep/b"]


def test_folders_appear_with_their_files(fs, other, root):
    fs.pipe_file(f"{root}/a/b/c/d", b"x")

    assert other.isdir(f"{root}/a/b/c")
    assert fs.isdir(f"{root}/a/b/c")
    assert fs.ls(f"{root}/a/b", detail=False) == [f"{root}/a/b/c"]


def test_a_folder_may_stand_where_a_file_has_the_name(fs, other, plant, root):
    plant.files({"twin": b"file"})

    fs.pipe_file(f"{root}/twin/inside", b"deeper")

    assert other.cat_file(f"{root}/twin") == b"file"
    assert other.cat_file(f"{root}/twin/inside") == b"deeper"


def test_creating_refuses_a_file_that_exists(fs, other, plant, root):
    plant.files({"f": b"old"})

    with pytest.raises(OSFVersionConflictError) as caught:
        fs.pipe_file(f"{root}/f", b"new", mode="create")
    assert f"pipe_file osf://{root}/f: the file exists" in str(caught.value)
    fs.pipe_file(f"{root}/g", b"new", mode="create")

    assert other.cat(f"{root}/*") == {f"{root}/f": b"old", f"{root}/g": b"new"}


def test_what_was_written_is_known_without_asking(fs, root, asked):
    fs.pipe_file(f"{root}/new/f", b"some bytes")
    asked()

    assert fs.info(f"{root}/new/f")["size"] == 10
    assert fs.exists(f"{root}/new/f")
    assert fs.ls(f"{root}/new", detail=False) == [f"{root}/new/f"]
    assert fs.find(f"{root}/new") == [f"{root}/new/f"]
    assert asked() == {}


def test_what_another_client_wrote_into_a_known_folder_is_overwritten(fs, other, root):
    fs.ls(root)
    other.pipe_file(f"{root}/f", b"theirs")

    fs.pipe_file(f"{root}/f", b"ours")

    assert other.info(f"{root}/f")["version"] == 2
    assert other.cat_file(f"{root}/f") == b"ours"


def test_a_folder_that_another_client_made_is_used(fs, other, root):
    fs.ls(root)
    other.pipe_file(f"{root}/d/theirs", b"1")

    fs.pipe_file(f"{root}/d/ours", b"2")

    assert len(other.ls(root)) == 1
    assert len(other.ls(f"{root}/d")) == 2


def test_a_folder_that_another_client_deleted_is_made_again(fs, other, plant, root):
    plant.files({"d/e/f": b"old"})
    fs.find(root)
    other.rm(f"{root}/d", recursive=True)

    fs.pipe_file(f"{root}/d/e/g", b"new")

    assert other.find(root) == [f"{root}/d/e/g"]


def test_a_file_that_another_client_deleted_is_made_again(fs, other, plant, root):
    plant.files({"d/f": b"old"})
    fs.info(f"{root}/d/f")
    other.rm_file(f"{root}/d/f")

    fs.pipe_file(f"{root}/d/f", b"new")

    assert other.info(f"{root}/d/f")["version"] == 1
    assert other.cat_file(f"{root}/d/f") == b"new"


def test_a_file_needs_a_name(fs, osf, root):
    for place in (root, osf.project):
        with pytest.raises(IsADirectoryError, match="needs a name"):
            fs.pipe_file(place, b"x")
