"""fsspec's own tools on top of filesystems."""

from __future__ import annotations

import fsspec
import pytest
from fsspec.generic import rsync


def test_open_files_writes_and_reads_a_set_of_files(url, options, other, asked):
    with fsspec.open_files(f"{url}/part-*.txt", "w", num=3, **options) as files:
        for number, file in enumerate(files):
            file.write(f"part {number}")

    assert asked()["file PUT"] == 3
    assert [other.cat_file(f"{url}/part-{n}.txt") for n in range(3)] == [
        b"part 0",
        b"part 1",
        b"part 2",
    ]
    with fsspec.open_files(f"{url}/part-*.txt", "r", **options) as files:
        assert [file.read() for file in files] == ["part 0", "part 1", "part 2"]


def test_a_local_copy_is_kept_by_filecache(url, options, other, asked, tmp_path):
    other.pipe_file(f"{url}/a.txt", b"content")
    cached = f"filecache::{url}/a.txt"
    places = {"osf": options, "filecache": {"cache_storage": str(tmp_path / "cache")}}

    with fsspec.open(cached, **places) as file:
        assert file.read() == b"content"
    asked()
    with fsspec.open(cached, **places) as file:
        assert file.read() == b"content"

    assert asked() == {}


@pytest.fixture
def sync(options):
    """Return fsspec's rsync with the OSF's options."""
    how = {"default_method": "options", "storage_options": {"osf": options, "file": {}}}

    def run(source, target, **rules):
        return rsync(source, target, inst_kwargs=how | {"skip_instance_cache": True}, **rules)

    return run


def test_rsync_sends_what_changed_and_nothing_else(url, root, sync, other, asked, tmp_path):
    local = tmp_path / "local"
    (local / "deep").mkdir(parents=True)
    (local / "a.txt").write_bytes(b"a")
    (local / "deep" / "b.txt").write_bytes(b"b")

    sync(local.as_uri(), f"{url}/copy")
    assert asked()["file PUT"] == 2
    sync(local.as_uri(), f"{url}/copy")
    assert asked()["file PUT"] == 0

    (local / "a.txt").write_bytes(b"longer")
    (local / "deep" / "b.txt").unlink()
    sync(local.as_uri(), f"{url}/copy", delete_missing=True)

    requests = asked()
    assert (requests["file PUT"], requests["DELETE"]) == (1, 1)
    assert other.find(f"{url}/copy") == [f"{root}/copy/a.txt"]
    assert other.cat_file(f"{url}/copy/a.txt") == b"longer"


def test_rsync_brings_a_folder_here(url, sync, other, tmp_path):
    other.pipe({f"{url}/data/a.txt": b"a", f"{url}/data/deep/b.txt": b"b"})

    sync(f"{url}/data", (tmp_path / "here").as_uri())

    assert (tmp_path / "here" / "a.txt").read_bytes() == b"a"
    assert (tmp_path / "here" / "deep" / "b.txt").read_bytes() == b"b"
