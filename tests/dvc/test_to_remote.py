"""--to-remote sends each object once, to its place, and leaves nothing else behind."""

from __future__ import annotations

import hashlib
import shutil

import pytest

FILES = {"a": "a" * 1000, "b": "b" * 2000, "sub/c": "c" * 3000, "sub/same as a": "a" * 1000}


@pytest.fixture(scope="module")
def project(new_project):
    return new_project()


@pytest.fixture
def outside(tmp_path):
    """Return a folder that is not in the project."""
    for name, text in FILES.items():
        path = tmp_path / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "outside"


@pytest.fixture(autouse=True)
def _own_remote(project, request):
    """Let each test push to a folder of its own."""
    project.folder_of_remote = request.node.name.replace("[", "-").replace("]", "")
    url = f"osf://{project.root}/{project.folder_of_remote}"
    project.dvc("remote", "modify", "o", "url", url)


def uploads(project):
    """Return how many bytes went up, by request, and what else changed anything."""
    files = [entry for entry in project.osf.requests if entry.host == "files"]
    sent = sorted(entry.received for entry in files if entry.query.get("kind") == "file")
    other = [
        entry.method
        for entry in files
        if entry.method not in {"GET", "PUT"}
        or (entry.method == "PUT" and "kind" not in entry.query)
    ]
    return sent, other


def object_of(text):
    md5 = hashlib.md5(text.encode()).hexdigest()
    return f"files/md5/{md5[:2]}/{md5[2:]}"


@pytest.mark.parametrize("command", ["add", "import-url"])
def test_a_file_goes_up_once_and_comes_back(project, outside, command):
    project.osf.clear_requests()
    project.dvc(command, str(outside / "b"), *out(command, "file"), "--to-remote")

    assert uploads(project) == ([2000], [])
    assert project.objects(project.folder_of_remote) == {object_of(FILES["b"])}
    assert not (project / "file").exists()
    project.dvc("pull", "file.dvc")
    assert (project / "file").read_text(encoding="utf-8") == FILES["b"]
    (project / "file").unlink()
    (project / "file.dvc").unlink()


@pytest.mark.parametrize("command", ["add", "import-url"])
def test_a_folder_goes_up_once_and_comes_back(project, outside, command):
    project.osf.clear_requests()
    project.dvc(command, str(outside), *out(command, "folder"), "--to-remote")

    sent, other = uploads(project)
    # Of two equal files one is sent; the list of files is the smallest.
    assert sent[1:] == [1000, 2000, 3000]
    assert len(sent) == 4
    assert other == []
    objects = project.objects(project.folder_of_remote)
    (tree,) = objects - {object_of(text) for text in FILES.values()}
    assert tree.endswith(".dir")

    project.forget_cache()
    project.dvc("pull", "folder.dvc")
    pulled = {
        path.relative_to(project / "folder").as_posix(): path.read_text(encoding="utf-8")
        for path in (project / "folder").rglob("*")
        if path.is_file()
    }
    assert pulled == FILES
    shutil.rmtree(project / "folder")
    (project / "folder.dvc").unlink()


def test_what_the_remote_has_is_not_sent_again(project, outside):
    project.dvc("add", str(outside), "--to-remote", "--out", "folder")
    project.osf.clear_requests()

    project.dvc("add", "--force", str(outside), "--to-remote", "--out", "folder")

    assert uploads(project) == ([], [])
    (project / "folder.dvc").unlink()


def out(command, name):
    return ("--out", name) if command == "add" else (name,)
