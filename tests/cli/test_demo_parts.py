"""The demonstration's parts: its data, its OSF, its programs; and how it fails."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import zlib
from types import SimpleNamespace

import pytest

from dvc_osf.demo import DemoError, run, story
from dvc_osf.demo.data import compare, copy_sources, fingerprints, write_random
from dvc_osf.demo.osf import LocalOSF, Traffic
from dvc_osf.demo.programs import Programs
from dvc_osf.demo.report import Report
from dvc_osf.demo.stage import Stage


class SilentOSF:
    """An OSF to which nobody talks."""

    def take_traffic(self):
        return Traffic.of([])


class IdlePrograms:
    """Programs that do nothing and say something."""

    def __init__(self, says=""):
        self.says = says

    def run(self, _command):
        return self.says


@pytest.fixture
def stage(tmp_path):
    """Return a stage with two files on which commands do nothing."""
    project = tmp_path / "project"
    (project / "sources").mkdir(parents=True)
    (project / "sources" / "a.py").write_text("a = 1\n", encoding="utf-8")
    (project / "random.bin").write_bytes(bytes(range(256)))
    return Stage(project, tmp_path, SilentOSF(), IdlePrograms(), Report(io.StringIO()))


def entry(host, method, path="/v1/resources/abc12/providers/osfstorage/", **facts):
    return {
        "host": host,
        "method": method,
        "path": path,
        "query": {},
        "status": 200,
        "received": 0,
        "sent": 0,
        **facts,
    }


# --- the data


def test_the_standard_library_has_over_a_thousand_sources(tmp_path):
    number = copy_sources(tmp_path / "sources")

    assert number > 1_000
    assert len(fingerprints(tmp_path, "sources")) == number


def test_packages_help_out_where_the_standard_library_is_small(tmp_path, monkeypatch):
    for place in ("stdlib/a.py", "stdlib/site-packages/b.py", "purelib/c/d.py", "purelib/c.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / name))

    assert copy_sources(tmp_path / "sources") == 2
    assert fingerprints(tmp_path / "sources", "a.py", "c").keys() == {"a.py", "c/d.py"}


def test_the_random_file_is_always_the_same_and_does_not_compress(tmp_path):
    for name in ("one", "two"):
        write_random(tmp_path / name, 1024**2 + 1)
    content = (tmp_path / "one").read_bytes()

    assert len(content) == 1024**2 + 1
    assert content == (tmp_path / "two").read_bytes()
    assert len(zlib.compress(content)) > len(content)


def test_equal_trees_compare_equal():
    compare({"a": "1", "b": "2"}, {"b": "2", "a": "1"})


@pytest.mark.parametrize(
    ("after", "complaint"),
    [
        ({"a": "1"}, "1 missing: b"),
        ({"a": "1", "b": "2", "c": "3"}, "1 not there before: c"),
        ({"a": "1", "b": "0"}, "1 with other content: b"),
    ],
)
def test_any_difference_is_named(after, complaint):
    with pytest.raises(DemoError, match=complaint):
        compare({"a": "1", "b": "2"}, after)


def test_many_differences_are_counted_and_the_first_are_named():
    with pytest.raises(DemoError, match=r"9 missing: 0, 1, 2, 3, 4, \.\.\.$"):
        compare({str(number): "" for number in range(9)}, {})


# --- how it fails


def test_a_pulled_file_that_differs_is_a_failure(stage):
    before = story._hash(stage)
    story._pull(stage, before)
    (stage.project / "random.bin").write_bytes(bytes(range(255, -1, -1)))

    with pytest.raises(DemoError, match=r"1 with other content: random\.bin"):
        story._pull(stage, before)


def test_a_file_that_was_not_pulled_is_a_failure(stage):
    before = story._hash(stage)
    (stage.project / "random.bin").unlink()

    with pytest.raises(DemoError, match=r"1 missing: random\.bin"):
        story._pull(stage, before)


def test_a_push_that_uploads_less_than_everything_is_a_failure(stage):
    with pytest.raises(DemoError, match="files uploaded: 0 instead of 3"):
        story._push(stage, story._hash(stage))


def test_a_status_that_is_not_in_sync_is_a_failure(stage):
    with pytest.raises(DemoError, match="the OSF does not have"):
        story._check_in_sync(stage)


def test_a_folder_with_something_in_it_is_not_used(tmp_path):
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(DemoError, match="is not empty"):
        run(keep=tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DemoError, match="cannot keep anything in"):
        run(keep=tmp_path / "file" / "kept")


def test_without_dvc_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dvc", None)

    with pytest.raises(DemoError, match=r'pip install "dvc-osf\[dvc\]"'):
        run()


# --- the programs


def test_a_command_that_fails_is_shown_with_what_it_said(tmp_path):
    with pytest.raises(
        DemoError, match=r"'dvc push' ended with status 253 and said:\n.*not inside"
    ):
        Programs(tmp_path, tmp_path, "token").run("dvc push")


def test_stopped_work_is_marked():
    out = io.StringIO()
    with pytest.raises(DemoError), Report(out).work("$ dvc push"):
        raise DemoError

    assert out.getvalue() == "   $ dvc push  <- stopped here\n"


# --- the OSF


def test_requests_are_counted_by_kind():
    folder, file = "/v1/resources/abc12/providers/osfstorage/f/", "/v1/resources/abc12/x/y"
    traffic = Traffic.of(
        [
            entry("api", "GET", "/v2/nodes/abc12/files/"),
            entry("files", "GET", folder),
            entry("files", "PUT", folder, query={"kind": "folder", "name": "00"}, status=201),
            entry("files", "PUT", folder, query={"name": "a"}, status=201, received=5),
            entry("files", "PUT", folder, query={"name": "b"}, status=409, received=7),
            entry("files", "PUT", file, received=7),
            entry("files", "GET", file, status=206, sent=20),
            entry("files", "GET", file, status=206, sent=10),
            entry("files", "GET", file, status=None, sent=1),
            entry("files", "GET", file, query={"revisions": ""}),
            entry("files", "DELETE", file, status=204),
            entry("files", "POST", file, status=201),
        ]
    )

    assert traffic == Traffic(
        requests={
            "API v2": 1,
            "listing": 1,
            "new folder": 1,
            "upload": 3,
            "download": 3,
            "metadata": 1,
            "delete": 1,
            "move or copy": 1,
        },
        refused={409: 1},
        uploaded=2,
        downloaded=1,
        bytes_uploaded=19,
        bytes_downloaded=31,
    )


def test_errors_are_reported_too():
    out = io.StringIO()
    log = [entry("files", "PUT", query={"name": "a"}, status=status) for status in (503, 503, 201)]
    Report(out).traffic(Traffic.of(log), 1.0)

    assert [line.split(maxsplit=1) for line in out.getvalue().splitlines()] == [
        ["uploaded", "0 B"],
        ["requests", "3: 3 x upload"],
        ["errors", "2 x 503"],
    ]


def test_the_osf_counts_afresh_each_time(tmp_path):
    with LocalOSF(tmp_path / "osf", tmp_path / "log") as osf:
        osf._http.open(osf.api_url + "/").close()

        assert osf.take_traffic().requests == {"API v2": 1}
        assert not osf.take_traffic().requests
        assert osf.port == int(osf.api_url.split(":")[2].removesuffix("/v2"))


def test_an_osf_that_cannot_start_says_why(tmp_path):
    (tmp_path / "osf").touch()

    with (
        pytest.raises(DemoError, match=r"(?s)did not start: .*FileExistsError"),
        LocalOSF(tmp_path / "osf", tmp_path / "log"),
    ):
        pass


def test_an_osf_that_has_gone_is_a_failure(tmp_path):
    with LocalOSF(tmp_path / "osf", tmp_path / "log") as osf:
        pass

    assert osf.process_id is None
    with pytest.raises(DemoError, match="does not answer any more"):
        osf.take_traffic()


def test_an_osf_that_does_not_end_is_killed(tmp_path, monkeypatch):
    osf = LocalOSF(tmp_path / "osf", tmp_path / "log")
    with osf:
        process = osf._process
        monkeypatch.setattr(process, "terminate", lambda: None)
        wait = process.wait

        def give_up(timeout=None):
            if timeout is None:
                return wait()
            raise subprocess.TimeoutExpired("emulator", timeout)

        monkeypatch.setattr(process, "wait", give_up)

    assert process.returncode


def test_what_a_folder_holds_is_deleted_though_it_is_write_protected(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "object").touch(mode=0o444)

    story._delete(cache)
    story._delete(cache)
    assert not cache.exists()


def test_the_changed_file_is_one_of_its_kind():
    before = {"a.py": "1", "b.py": "1", "c.bin": "2", "d.py": "3"}

    assert story._only_one_of_its_kind(before) == "d.py"


def test_the_stage_commits_nothing_without_git(stage, monkeypatch):
    monkeypatch.setattr("dvc_osf.demo.stage.has_git", lambda: False)
    monkeypatch.setattr(stage.programs, "run", SimpleNamespace)

    stage.commit("Data")
