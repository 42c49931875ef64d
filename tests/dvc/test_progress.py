"""What a user of DVC sees of a transfer: bars that move with the bytes, and reasons for waiting."""

from __future__ import annotations

import io
import logging

import pytest
from dvc_objects.fs import LocalFileSystem, generic
from fsspec.callbacks import Callback

import dvc_osf
from dvc_osf import OSFFileSystem
from dvc_osf.emulator.faults import Fault
from dvc_osf.remote import OSFRemoteFileSystem

dvc_osf.register()

SIZE = 12_000_000


class Recorder(Callback):
    """A progress bar that remembers all of its positions, and has one below it for each file."""

    def __init__(self, **options):
        super().__init__(**options)
        self.sizes = []
        self.steps = []
        self.children = {}

    def set_size(self, size):
        super().set_size(size)
        self.sizes.append(size)

    def relative_update(self, inc=1):
        super().relative_update(inc)
        self.steps.append(inc)

    def branched(self, path_1, path_2, **kwargs):
        del path_2, kwargs
        return self.children.setdefault(path_1, Recorder())


@pytest.fixture
def remote(served_osf):
    OSFFileSystem.clear_instance_cache()
    yield OSFRemoteFileSystem(token=served_osf.token, endpoint_url=served_osf.api_url)
    OSFFileSystem.clear_instance_cache()


@pytest.fixture
def place(served_osf):
    return f"{served_osf.add_project()}/osfstorage"


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(SIZE))
    return path


def assert_smooth(bar):
    """Let no single step be more than a tenth of the way."""
    assert set(bar.sizes) == {SIZE}
    assert sum(bar.steps) == bar.value == SIZE
    assert max(bar.steps) <= SIZE / 10


def test_a_bar_moves_with_the_bytes_of_an_upload_and_of_a_download(remote, place, large, tmp_path):
    up, down = Recorder(), Recorder()

    remote.put_file(str(large), f"{place}/large", callback=up)
    remote.get_file(f"{place}/large", str(tmp_path / "got"), callback=down)

    assert_smooth(up)
    assert_smooth(down)


def test_a_bar_moves_with_the_bytes_of_a_file_object(remote, place):
    bar = Recorder()

    remote.put_file(io.BytesIO(bytes(SIZE)), f"{place}/large", callback=bar, size=SIZE)

    assert_smooth(bar)


def test_each_file_of_many_has_a_bar_of_its_own(remote, place, large, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"12345")
    sources, targets = [str(large), str(small)], [f"{place}/large", f"{place}/small"]
    up, down = Recorder(), Recorder()

    generic.copy(LocalFileSystem(), sources, remote, targets, callback=up, batch_size=2)
    got = [str(tmp_path / "got large"), str(tmp_path / "got small")]
    generic.copy(remote, targets, LocalFileSystem(), got, callback=down, batch_size=2)

    for bar, names in ((up, sources), (down, targets)):
        assert bar.value == 2
        assert_smooth(bar.children[names[0]])
        assert bar.children[names[1]].value == bar.children[names[1]].size == 5


class TestLog:
    @pytest.fixture
    def said(self):
        """Set DVC's logging up as its command line does, and return what is said through it."""
        records = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = records.append
        logging.getLogger("dvc").addHandler(handler)
        yield records
        logging.getLogger("dvc").removeHandler(handler)

    def test_a_warning_is_said_by_dvc_once_however_many_remotes_there_are(self, said, remote):
        OSFRemoteFileSystem(token="another")

        logging.getLogger("dvc_osf").warning("a pause of %d s", 3)

        assert [record.getMessage() for record in said] == ["a pause of 3 s"]
        assert remote

    @pytest.mark.usefixtures("remote")
    def test_an_error_is_left_to_dvc_which_reports_what_is_raised(self, said):
        logging.getLogger("dvc_osf").error("it failed")

        assert said == []

    def test_a_program_that_uses_dvcs_filesystem_hears_of_it_as_of_dvcs_own_warnings(self, python):
        done = python(
            "-c",
            "import logging, dvc_osf.remote\n"
            "dvc_osf.remote.OSFRemoteFileSystem()\n"
            "logging.getLogger('dvc_osf').warning('a pause')\n",
        )

        assert (done.returncode, done.stderr) == (0, "WARNING: a pause\n")

    def test_a_push_says_why_it_pauses(self, new_project):
        project = new_project()
        project.write({"file": "content"})
        project.dvc("add", "file")
        pause = Fault(method="PUT", path="kind=file", times=1, status=429, retry_after=1)
        project.osf.add_fault(pause)

        done = project.try_dvc("push")

        assert done.returncode == 0
        (line,) = (line for line in done.stderr.splitlines() if "rate limit" in line)
        assert line.startswith("WARNING: put_file osf://")
        assert line.endswith("all requests pause for 1 s")

    def test_a_verbose_push_tells_of_each_upload(self, new_project):
        project = new_project()
        project.write({"file": "content"})
        project.dvc("add", "file")

        said = project.dvc("push", "--verbose")

        assert "7 bytes begin" in said
        assert "version 1 stored" in said
