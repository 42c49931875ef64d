"""To a real OSF and back."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [1, 4096, 5 * MIB, 9 * MIB + 1])
def test_bytes_come_back_as_they_were(fs, root, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "local").write_bytes(data)

    fs.put_file(str(tmp_path / "local"), f"{root}/trip/{size}")
    fs.get_file(f"{root}/trip/{size}", str(tmp_path / "back"))

    assert (tmp_path / "back").read_bytes() == data
    assert fs.cat_file(f"{root}/trip/{size}", 0, 10) == data[:10]


def test_a_tree_comes_back_as_it_was(fs, root, tmp_path):
    names = ["plain.txt", "with space.txt", "ünïcödé.txt", "100%.txt", "deep/er/file.bin"]
    for name in names:
        path = tmp_path / "there" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(100))

    fs.put(str(tmp_path / "there"), f"{root}/tree", recursive=True)
    fs.get(f"{root}/tree", str(tmp_path / "back"), recursive=True)

    for name in names:
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
