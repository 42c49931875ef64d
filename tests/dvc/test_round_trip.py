"""Stock DVC pushes to an OSF and pulls from it."""

from __future__ import annotations

import random
import shutil

import pytest

from dvc_osf.emulator import EmulatorThread


@pytest.fixture(scope="module")
def osf(tmp_path_factory):
    """Serve an OSF that all tests here use."""
    with EmulatorThread(tmp_path_factory.mktemp("osf")) as emulator:
        yield emulator


@pytest.fixture
def remote(dvc, osf, tmp_path):
    """Run DVC in a project whose default remote is a folder of that OSF."""

    def run(*arguments: str, **variables: str):
        return dvc(*arguments, **{"OSF_TOKEN": osf.token, **variables})

    url = f"osf://{osf.project}/osfstorage/{tmp_path.name}"
    run("remote", "add", "--default", "o", url).check_returncode()
    run("remote", "modify", "o", "endpoint_url", osf.api_url).check_returncode()
    return run


@pytest.fixture
def data(dvc, tmp_path):
    """Track a tree of 41 different files."""
    data = tmp_path / "project" / "data"
    (data / "sub").mkdir(parents=True)
    for number in range(1, 41):
        (data / "sub" / f"{number}.txt").write_text(f"{number}\n" * number, encoding="utf-8")
    (data / "empty").touch()
    dvc("add", "data").check_returncode()
    return data


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_pushed_is_pulled(remote, data):
    before = contents(data)

    # The list of the folder's files is one more.
    assert "42 files pushed" in remote("push").stdout
    assert "Everything is up to date" in remote("push").stdout
    assert "are in sync" in remote("status", "--cloud").stdout

    shutil.rmtree(data)
    shutil.rmtree(data.parent / ".dvc" / "cache")
    remote("pull").check_returncode()
    assert contents(data) == before


def test_a_large_file_is_pushed_and_pulled(remote, data, osf):
    # More than a chunk of 5 MB.
    large = data.parent / "large.bin"
    large.write_bytes(random.Random(0).randbytes(6_000_000))
    before = large.read_bytes()
    remote("add", "large.bin").check_returncode()
    osf.clear_requests()

    assert "1 file pushed" in remote("push", "large.bin.dvc").stdout
    sent = [entry.received for entry in osf.requests if entry.query.get("kind") == "file"]
    assert sent == [6_000_000]

    large.unlink()
    shutil.rmtree(data.parent / ".dvc" / "cache")
    remote("pull", "large.bin.dvc").check_returncode()
    assert large.read_bytes() == before


def test_what_no_version_needs_is_collected(remote, data):
    remote("push").check_returncode()
    (data / "sub" / "7.txt").write_text("changed", encoding="utf-8")
    remote("add", "data").check_returncode()

    assert "2 files pushed" in remote("push").stdout
    # The old file and the old list of the folder's files.
    assert "Removed 2 objects from remote" in remote("gc", "-c", "-w", "-f").stdout
    assert "are in sync" in remote("status", "--cloud").stdout


@pytest.mark.usefixtures("data")
def test_a_wrong_token_is_named_but_not_shown(remote):
    done = remote("push", "--verbose", OSF_TOKEN="s3cret")

    assert done.returncode == 255
    assert "the OSF does not accept the token" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
