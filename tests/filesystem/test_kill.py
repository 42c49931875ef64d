"""A process that is killed in the middle of an upload: the OSF shows all of it or nothing."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time

import pytest

from dvc_osf.emulator import Fault

MIB = 1024 * 1024
SIZE = 12 * MIB

PROGRAM = """
import sys
from dvc_osf import OSFFileSystem
token, api_url, local, path = sys.argv[1:]
OSFFileSystem(token=token, endpoint_url=api_url).put_file(local, path)
"""


def until(condition):
    """Look again and again until a condition holds; pytest's timeout ends a broken test."""
    while not condition():
        time.sleep(0.01)


@pytest.fixture
def new(tmp_path):
    """Write a file of several chunks."""
    path = tmp_path / "new"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.fixture
def upload(osf, new):
    """Upload it by a process of its own, in a block that it does not outlive."""

    @contextlib.contextmanager
    def run(path):
        command = [sys.executable, "-c", PROGRAM, osf.token, osf.api_url, str(new), path]
        with subprocess.Popen(command) as process:
            try:
                yield process
            finally:
                process.kill()

    return run


@pytest.fixture
def kill_when(osf, upload):
    """Upload, kill the process when its upload is as far as a condition says, let things settle."""

    def run(path, condition):
        with upload(path) as process:

            def is_far_enough():
                return any(map(condition, osf.requests))

            until(lambda: is_far_enough() or process.poll() is not None)
            assert process.poll() is None
            process.kill()
        until(lambda: all(entry.ended is not None for entry in osf.requests))
        osf.clear_faults()

    return run


def in_the_middle(entry):
    return entry.method == "PUT" and MIB <= entry.received < SIZE


def at_the_end(entry):
    return entry.method == "PUT" and entry.received == SIZE


def versions(osf, path):
    """Return the sizes of all versions that the OSF has of a file, the oldest first."""

    project, _, *folders, name = path.split("/")

    def read():
        tree, folder = osf.world.tree, osf.world.store.node(project).root
        for parent in folders:
            (found,) = tree.named(folder, parent, "folder") or [None]
            if found is None:
                return []
            folder = found.id
        files = tree.named(folder, name, "file")
        assert len(files) <= 1
        return [version.size for file in files for version in reversed(tree.versions(file.id))]

    return osf._call(read)


def test_a_new_file_does_not_appear(osf, other, upload, kill_when, new, root):
    osf.add_fault(Fault(method="PUT", path="kind=file", bandwidth=4 * MIB))
    kill_when(f"{root}/a/b/f", in_the_middle)

    assert versions(osf, f"{root}/a/b/f") == []
    assert other.find(root) == []

    with upload(f"{root}/a/b/f") as again:
        assert again.wait() == 0
    assert other.cat_file(f"{root}/a/b/f") == new.read_bytes()
    assert versions(osf, f"{root}/a/b/f") == [SIZE]


def test_a_file_that_exists_stays_as_it_is(osf, other, upload, kill_when, new, root):
    other.pipe_file(f"{root}/a/f", b"old")
    osf.clear_requests()
    osf.add_fault(Fault(method="PUT", path="kind=file", bandwidth=4 * MIB))
    kill_when(f"{root}/a/f", in_the_middle)

    assert versions(osf, f"{root}/a/f") == [3]
    assert other.cat_file(f"{root}/a/f") == b"old"

    with upload(f"{root}/a/f") as again:
        assert again.wait() == 0
    assert other.cat_file(f"{root}/a/f") == new.read_bytes()
    assert versions(osf, f"{root}/a/f") == [3, SIZE]


def test_a_file_that_had_arrived_is_whole_and_is_not_stored_twice(
    osf, other, upload, kill_when, new, root
):
    osf.settings.late_commit = 0.2
    kill_when(f"{root}/f", at_the_end)
    osf.settings.late_commit = 0.0

    assert versions(osf, f"{root}/f") in ([], [SIZE])

    with upload(f"{root}/f") as again:
        assert again.wait() == 0
    assert other.cat_file(f"{root}/f") == new.read_bytes()
    assert versions(osf, f"{root}/f") == [SIZE]
