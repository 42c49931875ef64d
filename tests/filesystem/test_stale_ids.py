"""Ids that another client has made void: whoever meets them resolves once more, all at once too."""

from __future__ import annotations

import pytest

FILES = 20


@pytest.fixture
def paths(fs, other, root):
    """Return files that the filesystem has listed, and that have been made anew since."""
    paths = [f"{root}/d/{number}" for number in range(FILES)]
    fs.pipe(dict.fromkeys(paths, b"old"))
    assert len(fs.find(f"{root}/d")) == FILES
    other.rm(f"{root}/d", recursive=True)
    other.pipe(dict.fromkeys(paths, b"new"))
    return paths


def test_many_files_are_read_at_once(fs, paths):
    assert fs.cat(paths) == dict.fromkeys(paths, b"new")


def test_many_files_are_downloaded_at_once(fs, paths, tmp_path):
    fs.get(paths, f"{tmp_path}/local/")
    assert {file.read_bytes() for file in (tmp_path / "local").iterdir()} == {b"new"}
    assert len(list((tmp_path / "local").iterdir())) == FILES


def test_many_files_are_written_at_once(fs, other, paths):
    fs.pipe(dict.fromkeys(paths, b"newer"))
    assert other.cat(paths) == dict.fromkeys(paths, b"newer")
    assert len(other.find(paths[0].rpartition("/")[0])) == FILES


def test_many_files_are_copied_at_once(fs, other, root, paths):
    targets = [f"{root}/e/{number}" for number in range(FILES)]
    fs.copy(paths, targets)
    assert other.cat(targets) == dict.fromkeys(targets, b"new")


def test_many_files_go_into_a_folder_that_is_gone(fs, other, root, paths):
    other.rm(f"{root}/d", recursive=True)
    fs.pipe(dict.fromkeys(paths, b"newer"))
    assert other.cat(paths) == dict.fromkeys(paths, b"newer")


def test_the_listing_is_asked_for_once_more_and_not_by_each(fs, osf, paths):
    osf.clear_requests()
    fs.cat(paths)
    listings = [entry for entry in osf.requests if entry.path.endswith("/")]
    # The root and the folder; some may begin when the first is doubted, and doubt the second.
    assert len(listings) <= 2 * 3
