"""What stock DVC's commands ask of the OSF, counted in its own log; requests are rationed there."""

from __future__ import annotations

import hashlib
import json

import pytest

FILES = 300


def tracking(new_project, files=FILES):
    """Make a project that tracks a folder of so many files."""
    project = new_project()
    project.write({f"data/{number}": f"{number}" for number in range(files)})
    project.dvc("add", "data")
    return project


@pytest.fixture(scope="module")
def first_push(new_project):
    """Return a project whose data were pushed, and what that asked; tests leave it as it is."""
    project = tracking(new_project)
    with project.asked() as counts:
        assert f"{FILES + 1} files pushed" in project.dvc("push")
    return project, counts


@pytest.fixture
def project(first_push):
    return first_push[0]


@pytest.fixture(scope="module")
def prefixes():
    """Return the two-letter folders that the objects go to, with that of the folder's list."""
    hashes = {str(n): hashlib.md5(str(n).encode()).hexdigest() for n in range(FILES)}
    tree = [{"md5": hashes[name], "relpath": name} for name in sorted(hashes)]
    of_tree = hashlib.md5(json.dumps(tree, sort_keys=True).encode()).hexdigest()
    return {md5[:2] for md5 in [*hashes.values(), of_tree]}


def test_the_first_push_sends_each_object_once(first_push, prefixes):
    _, counts = first_push
    # One fact about the project; "d", "files" and "md5"; and the root, which had no "d", once more
    # when DVC opens the list of files: that it is missing is believed by a new listing only.
    assert counts == {"api": 1, "file": FILES + 1, "folder": len(prefixes) + 3, "listing": 2}


@pytest.mark.parametrize(
    "command", [("push",), ("status", "--cloud")], ids=lambda command: command[0]
)
def test_where_nothing_is_new_only_the_way_to_the_list_of_files_is_looked_up(project, command):
    with project.asked() as counts:
        project.dvc(*command)

    assert counts.pop("listing") == 5  # root, d, files, md5, and the folder of the list
    assert counts.pop("api") == 1
    assert counts.pop("download", 0) <= 1
    assert not counts


def test_loose_files_cost_a_listing_for_each_of_their_folders(new_project):
    project = tracking(new_project, 3)
    project.write({f"loose{number}": f"loose {number}" for number in range(3)})
    project.dvc("add", *(f"loose{number}" for number in range(3)))
    project.dvc("push")

    with project.asked() as counts:
        assert "up to date" in project.dvc("push")

    assert counts["listing"] <= 5 + 3


@pytest.mark.parametrize("command", [("push",), ("status", "--cloud"), ("pull",)])
def test_a_clone_looks_into_each_folder_once(project, command, tmp_path, prefixes):
    clone = project.clone(tmp_path)

    with clone.asked() as counts:
        clone.try_dvc(*command)

    objects = FILES + 1
    folders = len(prefixes) + 4
    assert counts.pop("api") == 1
    assert counts.pop("listing") <= folders
    downloads = counts.pop("download", 0)
    if command == ("pull",):
        # The list of files is read by DVC up to three times.
        assert objects <= downloads <= objects + 3
    else:
        assert downloads <= 3
    assert not counts


def test_collecting_lists_no_folder_twice_and_deletes_each_object_once(new_project):
    project = tracking(new_project)
    project.dvc("push")
    project.write({f"data/{number}": f"changed {number}" for number in range(20)})
    project.dvc("add", "data")
    project.dvc("push")

    with project.asked() as counts:
        assert "Removed 21 objects from remote" in project.dvc("gc", "-c", "-w", "-f")

    listed = [entry.path for entry in project.osf.requests if entry.path.endswith("/")]
    listed = [path for path in listed if "/providers/osfstorage/" in path]
    assert len(listed) == len(set(listed)) == counts.pop("listing")
    assert counts.pop("DELETE") == 21
    assert counts.pop("api") == 1
    assert not counts
    assert "in sync" in project.dvc("status", "--cloud")
