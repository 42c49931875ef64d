"""Every command of stock DVC that talks to a remote, as a user types it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

DATA = {f"data/{number}": f"{number}\n" for number in range(12)} | {"data/sub/empty": ""}
SCRIPT = "import pathlib; pathlib.Path('out').write_text(pathlib.Path('in').read_text() * 2)\n"


@pytest.fixture(scope="module")
def project(new_project):
    """Return a project whose data are pushed and committed; tests leave that as it is."""
    project = new_project()
    project.write(DATA | {"single": "one file\n"})
    project.dvc("add", "data", "single")
    project.dvc("push")
    project.commit()
    return project


@pytest.fixture
def clone(project, tmp_path):
    """Return somebody's clone of it, without any data."""
    return project.clone(tmp_path)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


PULLED = {name.removeprefix("data/"): text for name, text in DATA.items()}


class TestTransfers:
    def test_pull_fetches_what_was_pushed(self, clone):
        clone.dvc("pull")

        assert contents(clone / "data") == PULLED
        assert (clone / "single").read_text(encoding="utf-8") == "one file\n"

    def test_fetch_fills_the_cache_only(self, clone):
        assert "15 files fetched" in clone.dvc("fetch")

        assert not (clone / "data").exists()
        clone.dvc("checkout")
        assert contents(clone / "data") == PULLED

    def test_status_says_what_is_where(self, clone):
        assert "deleted:" in clone.dvc("status", "--cloud")
        clone.dvc("fetch")
        assert "are in sync" in clone.dvc("status", "--cloud")

    def test_data_status_says_what_is_not_in_the_remote(self, clone):
        clone.dvc("pull")
        assert "Not in remote" not in clone.dvc("data", "status", "--not-in-remote")

        clone.write({"single": "changed, and not pushed\n"})
        clone.dvc("add", "single")
        clone.commit()

        said = clone.dvc("data", "status", "--not-in-remote")
        assert "single" in said.partition("Not in remote")[2]

    @pytest.mark.parametrize("jobs", ["1", "8", "64"])
    def test_any_number_of_jobs_moves_the_same_files(self, new_project, jobs, tmp_path):
        project = new_project()
        project.write(DATA)
        project.dvc("add", "data")

        assert "14 files pushed" in project.dvc("push", "-j", jobs)

        clone = project.clone(tmp_path)
        clone.dvc("pull", "-j", jobs)
        assert contents(clone / "data") == PULLED

    def test_two_pushes_at_once_into_new_folders_leave_every_object_readable(
        self, new_project, tmp_path
    ):
        # The real OSF lets two clients make the same folder at the same moment.
        one = new_project()
        one.osf.settings.strict_duplicates = True
        try:
            one.write({f"data/{number}": f"of both {number}" for number in range(60)})
            one.dvc("add", "data")
            other = one.clone(tmp_path)
            shutil.copytree(one / ".dvc/cache", other / ".dvc/cache")

            pushes = [
                subprocess.Popen(
                    [sys.executable, "-m", "dvc", "push"],
                    cwd=each.folder,
                    env=each.environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for each in (one, other)
            ]
            for push in pushes:
                said, _ = push.communicate(timeout=100)
                assert push.returncode == 0, said
        finally:
            one.osf.settings.strict_duplicates = False

        other.forget_cache()
        other.dvc("pull")
        assert len(contents(other / "data")) == 60
        assert "in sync" in other.dvc("status", "--cloud")


class TestCollecting:
    def test_gc_deletes_what_no_commit_needs_from_the_remote_that_is_named(self, new_project):
        project = new_project()
        project.add_remote("second", f"osf://{project.root}/e")
        project.write({"data/a": "a", "data/b": "b"})
        project.dvc("add", "data")
        project.dvc("push")
        project.dvc("push", "-r", "second")
        project.write({"data/b": "changed"})
        project.dvc("add", "data")
        before = project.objects("d")
        assert before == project.objects("e")

        said = project.dvc("gc", "--workspace", "--cloud", "--force", "--remote", "second")

        assert "Removed 2 objects from remote" in said
        assert len(project.objects("e")) == 1
        assert project.objects("d") == before
        project.dvc("push", "-r", "second")
        assert "in sync" in project.dvc("status", "--cloud", "-r", "second")

        project.dvc("gc", "--workspace", "--cloud", "--force")
        assert project.objects("d") < before

    def test_gc_looks_only_below_the_remotes_folder(self, new_project):
        project = new_project()
        mine = f"{project.root}/ab/cdef"
        project.fs.pipe_file(mine, b"not an object of DVC")
        project.write({"a": "a"})
        project.dvc("add", "a")
        project.dvc("push")

        project.dvc("gc", "--workspace", "--cloud", "--force")

        assert project.fs.cat_file(mine) == b"not an object of DVC"


@pytest.fixture(scope="module")
def source(project):
    """Put files on the OSF that DVC did not put there; return the folder's URL."""
    for name, text in {"a": "a\n", "sub/b": "b\n"}.items():
        project.fs.pipe_file(f"{project.root}/source/{name}", text.encode())
    return f"osf://{project.root}/source"


class TestImports:
    @pytest.fixture
    def importing(self, clone, source):
        clone.add_remote("source", source)
        return clone

    def test_import_url_and_update(self, importing):
        importing.dvc("import-url", "remote://source/", "imported")
        assert contents(importing / "imported") == {"a": "a\n", "sub/b": "b\n"}
        assert "up to date" in importing.dvc("status", "imported.dvc").lower()

        importing.fs.pipe_file(f"{importing.root}/source/a", b"changed\n")
        try:
            assert "imported.dvc" in importing.dvc("status")
            importing.dvc("update", "imported.dvc")
        finally:
            importing.fs.pipe_file(f"{importing.root}/source/a", b"a\n")

        assert contents(importing / "imported") == {"a": "changed\n", "sub/b": "b\n"}

    def test_get_url_and_ls_url(self, importing):
        assert importing.dvc("ls-url", "-R", "remote://source/").split() == ["a", "sub/b"]

        importing.dvc("get-url", "remote://source/sub", "got")
        assert contents(importing / "got") == {"b": "b\n"}
        config = f"endpoint_url={importing.osf.api_url}"
        url = f"osf://{importing.root}/source/a"
        importing.dvc("get-url", url, "file", "--fs-config", config)
        assert (importing / "file").read_text(encoding="utf-8") == "a\n"

    def test_add_with_out_copies_into_the_project(self, importing):
        importing.dvc("add", "remote://source/a", "--out", "copied")

        assert (importing / "copied").read_text(encoding="utf-8") == "a\n"
        assert "deps" not in (importing / "copied.dvc").read_text(encoding="utf-8")

    def test_import_takes_the_data_of_another_project(self, project, new_project):
        user = new_project()

        user.dvc("import", str(project.folder), "data")
        assert contents(user / "data") == PULLED
        user.forget_cache()
        user.dvc("pull")
        assert contents(user / "data") == PULLED

        user.dvc("get", str(project.folder), "single")
        assert (user / "single").read_text(encoding="utf-8") == "one file\n"


def test_the_run_cache_is_pushed_and_pulled(new_project, tmp_path):
    project = new_project()
    project.write({"in": "once\n", "double.py": SCRIPT})
    run = ["stage", "add", "-n", "double", "-d", "in", "-o", "out"]
    project.dvc(*run, f"{sys.executable} double.py")
    project.dvc("repro")
    project.dvc("push", "--run-cache")
    clone = project.clone(tmp_path)

    clone.dvc("pull", "--run-cache")

    # Nothing has to be run again, even where nobody wrote down what came out.
    (clone / "dvc.lock").unlink()
    (clone / "double.py").unlink()
    clone.write({"double.py": "raise SystemExit('run again')"})
    assert "is cached" in clone.dvc("repro")
    assert (clone / "out").read_text(encoding="utf-8") == "once\nonce\n"


class TestAPI:
    def test_open_read_and_get_url(self, clone):
        said = clone.python(
            "import dvc.api\n"
            "print(dvc.api.read('single'), end='')\n"
            "with dvc.api.open('data/7') as file: print(file.read(), end='')\n"
            "print(dvc.api.get_url('single'))\n"
        ).splitlines()

        assert said[:2] == ["one file", "7"]
        assert said[2].startswith(f"{clone.url}/files/md5/")

    def test_the_filesystem_of_a_project(self, project, clone):
        said = clone.python(
            "from dvc.api import DVCFileSystem\n"
            f"fs = DVCFileSystem({str(project.folder)!r}, rev='HEAD')\n"
            "print(sorted(fs.find('data', dvc_only=True))[-1])\n"
            "print(fs.cat('data/11').decode(), end='')\n"
            "fs.get('data', 'all', recursive=True)\n"
        )

        assert said.splitlines() == ["data/sub/empty", "11"]
        assert contents(clone / "all") == PULLED


class TestConfiguration:
    def test_a_remote_is_listed_modified_renamed_and_removed(self, clone):
        clone.dvc("remote", "modify", "o", "jobs", "8")
        clone.dvc("remote", "rename", "o", "storage")

        assert clone.dvc("remote", "list").split()[:2] == ["storage", clone.url]
        clone.dvc("pull")
        assert contents(clone / "data") == PULLED

        clone.dvc("remote", "remove", "storage")
        assert not clone.dvc("remote", "list").strip()

    def test_doctor_names_the_remote(self, clone):
        assert "Remotes: osf" in clone.dvc("doctor")
