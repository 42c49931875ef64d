"""Remotes on the OSF's own versions: a file that changes keeps its id and its history there."""

from __future__ import annotations

import pytest

REMOVED = ".dvc-removed"


@pytest.fixture(params=["version_aware", "worktree"])
def project(request, new_project):
    project = new_project()
    project.dvc("remote", "modify", "o", request.param, "true")
    return project


def history(project, name):
    """Return the contents of a file's versions, the oldest first, by another client."""
    path = f"{project.root}/d/{name}"
    versions = project.fs.versions(path)
    return [project.fs.cat_file(path, version=info["version"]).decode() for info in versions[::-1]]


def test_files_have_their_own_names(project):
    project.write({"data/a": "a1", "data/sub/b": "b1", "single": "s1"})
    project.dvc("add", "data", "single")
    project.dvc("push")
    assert project.objects() == {"data/a", "data/sub/b", "single"}
    assert "version_id: '1'" in (project / "single.dvc").read_text()
    with project.asked() as asked:
        project.dvc("push")
    assert not asked.keys() & {"file", "new version", "DELETE", "POST"}


def test_a_file_that_changed_is_a_new_version_of_the_same_file(project, tmp_path):
    project.write({"data/a": "a1", "data/b": "b1"})
    project.dvc("add", "data")
    project.dvc("push")
    old = project.clone(tmp_path)
    before = project.fs.info(f"{project.root}/d/data/a")

    project.write({"data/a": "a2 is longer"})
    project.dvc("add", "data")
    project.dvc("push")
    after = project.fs.info(f"{project.root}/d/data/a")
    assert (before["id"], before["version"]) == (after["id"], 1)
    assert after["version"] == 2
    assert history(project, "data/a") == ["a1", "a2 is longer"]
    assert history(project, "data/b") == ["b1"]

    old.dvc("pull")
    assert (old / "data/a").read_text() == "a1"
    project.forget_cache()
    project.dvc("pull")
    assert (project / "data/a").read_text() == "a2 is longer"


def test_a_file_that_is_removed_keeps_its_versions(project, tmp_path):
    project.write({"data/a": "a1", "data/b": "b1"})
    project.dvc("add", "data")
    project.dvc("push")
    old = project.clone(tmp_path)

    # What DVC does to a file that a push replaces, ended before the new one is there.
    project.python(
        "from dvc.repo import Repo; remote = Repo('.').cloud.get_remote('o');"
        "remote.fs.remove([remote.fs.join(remote.path, 'data', 'a')])"
    )
    assert project.objects() == {"data/b", f"{REMOVED}/data/a"}
    old.dvc("pull")
    assert (old / "data/a").read_text() == "a1"

    project.write({"data/a": "a2"})
    project.dvc("add", "data")
    project.dvc("push")
    assert project.objects() == {"data/a", "data/b"}
    assert history(project, "data/a") == ["a1", "a2"]


def test_import_url_follows_versions(new_project):
    project = new_project()
    path = f"{project.root}/source/table"
    project.fs.pipe_file(path, b"one")
    # Not written to the .dvc file, as a token would be.
    project.dvc("import-url", "--version-aware", "remote://o/../source/table", "table")
    assert (project / "table").read_text() == "one"
    assert "version_id: '1'" in (project / "table.dvc").read_text()

    project.fs.pipe_file(path, b"two")
    (project / "table").unlink()
    project.forget_cache()
    project.dvc("pull")
    assert (project / "table").read_text() == "one"
    project.dvc("update", "table.dvc")
    assert (project / "table").read_text() == "two"
