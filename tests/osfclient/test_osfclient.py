"""The OSF's usual command-line client, `osf` of osfclient, works with the embedded OSF."""

import sys
import time
import types
import warnings
from pathlib import Path

import pytest

from dvc_osf.emulator import EmulatorThread, Fault

with warnings.catch_warnings():
    # It is older than some warnings of Python.
    warnings.simplefilter("ignore")
    program = pytest.importorskip("osfclient.__main__", reason="osfclient is not installed")
    sessions = pytest.importorskip("osfclient.models.session")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
_LARGE = bytes(range(256)) * 8192


@pytest.fixture
def osf(tmp_path):
    with EmulatorThread(tmp_path / "emulator") as emulator:
        yield emulator


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Work in a directory of the test's own."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def run(osf, work, monkeypatch, capsys):
    """Return a function that runs the command and returns the lines that it printed."""

    class Session(sessions.OSFSession):
        def __init__(self):
            super().__init__()
            assert self.base_url == "https://api.osf.io/v2/"
            self.base_url = f"{osf.api_url}/"
            # In the second that it waits it notices that WaterButler has ended a connection
            # without a word; without the waiting it must not use one twice.
            self.headers["Connection"] = "close"

    monkeypatch.setattr("osfclient.models.core.OSFSession", Session)
    # It waits for a second between any two requests.
    patient = types.SimpleNamespace(time=time.time, sleep=lambda _seconds: None)
    monkeypatch.setattr(sessions, "time", patient)
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    monkeypatch.setenv("OSF_PROJECT", osf.project)
    monkeypatch.delenv("OSF_USERNAME", raising=False)
    assert work.is_dir()

    def command(*arguments):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["osf", *arguments])
        program.main()
        return capsys.readouterr().out.splitlines()

    return command


def _write(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


_FILES = {
    "a.txt": b"a",
    "empty": b"",
    "large.bin": _LARGE,
    "sub/deeper/b.txt": b"b",
    "sub/ünï %20.txt": b"names",
}


@pytest.fixture
def uploaded(run, work):
    for name, content in _FILES.items():
        _write(work / "data" / name, content)
    run("upload", "-r", "data", "stored")
    return {f"stored/data/{name}": content for name, content in _FILES.items()}


def test_what_it_uploads_it_lists(run, uploaded):
    assert sorted(run("list")) == sorted(f"osfstorage/{name}" for name in uploaded)


def test_what_it_uploads_it_clones(run, uploaded):
    run("clone", "copy")
    assert _contents("copy/osfstorage") == uploaded
    Path("copy/osfstorage/stored/data/a.txt").write_bytes(b"spoilt")
    run("clone", "--update", "copy")
    assert _contents("copy/osfstorage") == uploaded


def test_it_fetches_one_file(run, uploaded):
    run("fetch", "osfstorage/stored/data/large.bin", "fetched.bin")
    assert Path("fetched.bin").read_bytes() == uploaded["stored/data/large.bin"]


def test_it_overwrites_when_forced_and_not_before(run, osf):
    for content in (b"one", b"two"):
        _write("file.txt", content)
        if content == b"two":
            with pytest.raises(FileExistsError):
                run("upload", "file.txt", "file.txt")
            run("upload", "--force", "file.txt", "file.txt")
        else:
            run("upload", "file.txt", "file.txt")
    run("fetch", "file.txt", "fetched.txt")
    assert Path("fetched.txt").read_bytes() == b"two"
    assert [entry.status for entry in osf.requests if entry.method == "PUT"] == [201, 409, 409, 200]


def test_it_updates_what_differs_only(run, osf):
    _write("file.txt", b"one")
    run("upload", "file.txt", "file.txt")
    run("upload", "--update", "file.txt", "file.txt")
    assert [entry.status for entry in osf.requests if entry.method == "PUT"] == [201, 409]
    _write("file.txt", b"two")
    run("upload", "--update", "file.txt", "file.txt")
    assert osf.requests[-1].status == 200
    run("fetch", "file.txt", "fetched.txt")
    assert Path("fetched.txt").read_bytes() == b"two"


def test_it_takes_a_reset_for_a_large_file_that_exists(run, osf):
    _write("large.bin", _LARGE)
    run("upload", "large.bin", "large.bin")
    osf.add_fault(Fault(method="PUT", reset_after_received=1_000_000, times=1))
    _write("large.bin", _LARGE[::-1])
    run("upload", "--force", "large.bin", "large.bin")
    run("fetch", "large.bin", "fetched.bin")
    assert Path("fetched.bin").read_bytes() == _LARGE[::-1]


def test_it_removes(run, uploaded):
    run("remove", "stored/data/a.txt")
    assert "osfstorage/stored/data/a.txt" not in run("list")
    assert len(run("list")) == len(uploaded) - 1


def test_it_shows_the_page_of_a_file(run, osf, uploaded):
    assert uploaded
    (url,) = run("geturl", "stored/data/a.txt")
    assert url.startswith(f"{osf.web_url}/{osf.project}/files/osfstorage/")


def test_a_public_project_needs_no_token(run, osf, uploaded, monkeypatch):
    osf.set_public(osf.project)
    monkeypatch.delenv("OSF_TOKEN")
    assert len(run("list")) == len(uploaded)


def test_a_bad_token_and_an_unknown_project_are_refused(run, monkeypatch):
    with pytest.raises(RuntimeError, match="404"):
        run("-p", "zzzzz", "list")
    monkeypatch.setenv("OSF_TOKEN", "bad")
    with pytest.raises(SystemExit):
        run("list")
