"""Names that look like patterns: what is there is meant, and nothing else."""

from __future__ import annotations

import pytest

NAMES = ["a*b", "what?", "[x]", "**", "a[*]"]
BESIDE = ["acb", "a-and-b", "whatx", "x", "ac"]


@pytest.fixture
def tree(plant, root):
    """Plant files and folders whose names look like patterns, and some that would match them."""
    plant.files(
        {f"files/{name}": name.encode() for name in NAMES + BESIDE}
        | {f"folders/{name}/f": name.encode() for name in NAMES + BESIDE}
    )
    return root


def names_in(fs, path):
    return {name.rpartition("/")[2] for name in fs.ls(path, detail=False)}


@pytest.mark.parametrize("name", NAMES)
def test_rm_deletes_just_that(fs, other, tree, name):
    fs.rm(f"{tree}/files/{name}")
    fs.rm(f"{tree}/folders/{name}", recursive=True)

    assert names_in(other, f"{tree}/files") == set(NAMES + BESIDE) - {name}
    assert names_in(other, f"{tree}/folders") == set(NAMES + BESIDE) - {name}


@pytest.mark.parametrize("name", NAMES)
def test_cat_returns_just_that(fs, tree, name):
    assert fs.cat(f"{tree}/files/{name}") == name.encode()
    assert fs.cat([f"{tree}/files/{name}"]) == {f"{tree}/files/{name}": name.encode()}


@pytest.mark.parametrize("name", NAMES)
def test_get_downloads_just_that_to_where_it_was_told(fs, tree, tmp_path, name):
    fs.get(f"{tree}/files/{name}", str(tmp_path / "local"))
    fs.get(f"{tree}/folders/{name}", str(tmp_path / "folder"), recursive=True)
    (tmp_path / "into").mkdir()
    fs.get(f"{tree}/files/{name}", str(tmp_path / "into"))
    fs.get(f"{tree}/folders/{name}/", tmp_path / "into", recursive=True)
    fs.get(f"{tree}/folders/{name}", str(tmp_path / "none"))

    assert (tmp_path / "local").read_bytes() == name.encode()
    assert (tmp_path / "folder" / "f").read_bytes() == name.encode()
    assert {path.name for path in (tmp_path / "into").iterdir()} == {name, "f"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("name", NAMES)
def test_cp_and_mv_take_just_that_to_where_they_were_told(fs, osf, other, tree, action, name):
    fs.find(tree)
    osf.clear_requests()

    getattr(fs, action)(f"{tree}/files/{name}", f"{tree}/target")
    getattr(fs, action)(f"{tree}/folders/{name}", f"{tree}/folder", recursive=True)
    posts = [entry for entry in osf.requests if entry.method == "POST"]

    assert len(posts) == 2
    assert other.cat_file(f"{tree}/target") == name.encode()
    assert other.find(f"{tree}/folder") == [f"{tree}/folder/f"]
    left = set(NAMES + BESIDE) - ({name} if action == "mv" else set())
    assert names_in(other, f"{tree}/files") == left
    assert names_in(other, f"{tree}/folders") == left


def test_a_pattern_that_is_no_name_still_matches(fs, tree):
    assert fs.expand_path(f"{tree}/files/a?b") == [f"{tree}/files/a*b", f"{tree}/files/acb"]
    assert fs.expand_path(f"{tree}/files/a*b") == [f"{tree}/files/a*b"]
    assert fs.expand_path([f"{tree}/files/wh*", f"{tree}/files/x"]) == [
        f"{tree}/files/what?",
        f"{tree}/files/whatx",
        f"{tree}/files/x",
    ]


def test_looking_for_the_name_costs_no_request_more(fs, tree, asked):
    fs.expand_path(f"{tree}/files/a?b")

    assert asked() == {"api": 1, "listing": 2}


@pytest.mark.parametrize("paths", ["nothing*", ["nothing*", "no?"]])
def test_what_matches_nothing_is_not_found(fs, tree, paths):
    names = [f"{tree}/{path}" for path in ([paths] if isinstance(paths, str) else paths)]

    with pytest.raises(FileNotFoundError, match=r"nothing\*"):
        fs.expand_path(names[0] if isinstance(paths, str) else names)
