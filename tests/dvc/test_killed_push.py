"""A ``dvc push`` that is killed in the middle: what it leaves, and how the next one goes on."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import subprocess
import sys
import time

import pytest

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread, Fault

MIB = 1024 * 1024
LARGE = 8 * MIB


def until(condition):
    """Look again and again until a condition holds; pytest's timeout ends a broken test."""
    while not condition():
        time.sleep(0.01)


@pytest.fixture
def osf(tmp_path):
    with EmulatorThread(tmp_path / "osf") as emulator:
        yield emulator


@pytest.fixture
def remote(dvc, osf):
    """Run DVC in a project whose default remote is a folder of that OSF."""

    def run(*arguments, **options):
        return dvc(*arguments, OSF_TOKEN=osf.token, **options)

    url = f"osf://{osf.project}/osfstorage/store"
    run("remote", "add", "--default", "o", url).check_returncode()
    run("remote", "modify", "o", "endpoint_url", osf.api_url).check_returncode()
    return run


@pytest.fixture
def data(dvc, tmp_path):
    """Track a tree of small files and a large one."""
    data = tmp_path / "project" / "data"
    data.mkdir()
    (data / "large").write_bytes(random.Random(0).randbytes(LARGE))
    for number in range(1, 21):
        (data / f"{number}").write_bytes(random.Random(number).randbytes(1000 * number))
    dvc("add", "data").check_returncode()
    return data


@contextlib.contextmanager
def running(arguments, **options):
    """Run a program of our own, and let it not outlive a test that fails."""
    with subprocess.Popen(arguments, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def objects(osf):
    """Read all that the remote holds: the name of each object, and its content."""
    fs = OSFFileSystem(token=osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
    paths = fs.find(f"{osf.project}/osfstorage/store/files/md5")
    # There may be folders and nothing in them yet.
    found = fs.cat(paths) if paths else {}
    fs.close()
    return {"".join(path.split("/")[-2:]): data for path, data in found.items()}


def test_a_push_that_is_killed_leaves_whole_objects_and_the_next_one_completes(
    remote, osf, data, clean_environment, tmp_path
):
    osf.add_fault(Fault(method="PUT", path="kind=file", bandwidth=2 * MIB))

    def on_the_way():
        return [
            entry
            for entry in osf.requests
            if entry.method == "PUT" and MIB <= entry.received < LARGE and entry.ended is None
        ]

    with running(
        [sys.executable, "-m", "dvc", "push", "--jobs", "4"],
        cwd=data.parent,
        env={**clean_environment, "OSF_TOKEN": osf.token},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as push:
        until(lambda: on_the_way() or push.poll() is not None)
        assert push.poll() is None
        push.kill()
    until(lambda: all(entry.ended is not None for entry in osf.requests))
    osf.clear_faults()

    left = objects(osf)
    # The list of the folder's files is one more.
    assert len(left) < 22
    for name, content in left.items():
        assert hashlib.md5(content).hexdigest() == name.removesuffix(".dir")

    remote("push").check_returncode()
    assert len(objects(osf)) == 22
    assert "are in sync" in remote("status", "--cloud").stdout
    clone = tmp_path / "clone"
    (clone / ".dvc").mkdir(parents=True)
    shutil.copy(data.parent / ".dvc" / "config", clone / ".dvc")
    shutil.copy(data.parent / "data.dvc", clone)
    remote("pull", cwd=clone).check_returncode()
    assert {path.name: path.read_bytes() for path in (clone / "data").iterdir()} == {
        path.name: path.read_bytes() for path in data.iterdir()
    }
