"""The demonstration as a whole, in small."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from dvc_osf.demo import run
from dvc_osf.demo.osf import LocalOSF

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Run the demo on a machine whose settings are hostile; return its folder and its output."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    home = tmp_path_factory.mktemp("home")
    (home / "config").write_text("this is no configuration [", encoding="utf-8")
    (home / ".gitconfig").write_text("[commit]\n\tgpgSign = true\n", encoding="utf-8")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.setenv("GIT_DIR", str(home / "elsewhere"))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home))
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        patch.setenv("OSF_TOKEN", "another account's")
        patch.setenv("OSF_MAX_RETRIES", "nonsense")
        run(keep=folder, files=12, size=2 * MIB, out=out)
    return folder, out.getvalue()


def test_it_tells_what_was_pushed_and_that_it_came_back(kept):
    _, output = kept

    assert "sources          12 files" in output
    assert "random.bin       2.0 MiB" in output
    # Which files are equal depends on the version of Python.
    contents = int(re.search(r"uploaded once: (\d+) different contents", output)[1])
    assert 2 < contents <= 13
    assert "Everything is up to date" in output
    assert "13 of 13 files are what they were" in output
    assert f" {contents + 1} x upload" in output
    assert " 2 x delete" in output
    assert "errors" not in output
    assert "Verified: all 13 files came back" in output


def test_its_lines_end_in_one_column(kept):
    _, output = kept

    timed = [line for line in output.splitlines() if re.search(r"\d\.\d\d s$", line)]
    assert len(timed) > 15
    assert {len(line) for line in timed} == {78}


def test_it_keeps_a_project_that_can_be_gone_on_with(kept):
    folder, output = kept
    project = folder / "project"

    port = re.search(rf"--root {re.escape(str(folder / 'osf'))} --port (\d+)", output)[1]
    config = (project / ".dvc" / "config").read_text(encoding="utf-8")
    assert f"endpoint_url = http://127.0.0.1:{port}/v2" in config
    assert (project / "random.bin").stat().st_size == 2 * MIB
    assert (project / ".git").is_dir()

    with LocalOSF(folder / "osf", folder / "log") as osf:
        assert f"url = osf://{osf.project}/osfstorage/dvc" in config
        token = osf.token.encode()
    files = [path for path in project.rglob("*") if path.is_file()]
    assert not [path for path in files if token in path.read_bytes()]
    assert token.decode() not in output


def test_its_osf_has_ended(kept):
    _, output = kept

    url = urlsplit(re.search(r"address +(\S+)", output)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname, url.port))


def start(folder, *arguments, **variables):
    """Start the demo in a process that puts its temporary files in a folder."""
    # Where the tests run in the background, SIGINT may be ignored from the start.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dvc_osf.cli import main; main()"
    )
    names = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", code, "demo", *arguments],
        env={**os.environ, **names, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_git_it_works_as_well_and_leaves_nothing_behind(tmp_path):
    temporary, programs = tmp_path / "temporary", tmp_path / "programs"
    temporary.mkdir()
    programs.mkdir()
    with start(temporary, "--files", "3", "--size", "1", PATH=str(programs)) as process:
        output, errors = process.communicate()

    assert process.returncode == 0, output + errors
    assert "$ dvc init --quiet --no-scm" in output
    assert "$ git" not in output
    assert "Verified: all 4 files" in output
    assert errors == ""
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals to send")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_when_it_is_stopped_its_osf_ends_too(number, status, tmp_path):
    with start(tmp_path, "--files", "3", "--size", "1") as process:
        try:
            osf = next(
                int(line.split()[1])
                for line in process.stdout
                if line.strip().startswith("process ")
            )
            process.send_signal(number)
            _, errors = process.communicate()
        finally:
            process.kill()

    assert process.returncode == status
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.kill(osf, 0)
    assert list(tmp_path.iterdir()) == []
