"""Uploads that the OSF stores with other bytes, whatever is tried: no such file is left behind."""

from __future__ import annotations

import pytest

from dvc_osf import OSFIntegrityError, OSFPermissionError
from dvc_osf.emulator import Fault
from dvc_osf.emulator.records import Content

DAMAGED = b"\x8cew"


@pytest.fixture
def failing(connect, osf, root):
    """Upload a few bytes where every upload is damaged; return the filesystem and the error."""
    osf.add_fault(Fault(method="PUT", path="kind=file", corrupt_received=0))

    def upload(**options):
        fs = connect(max_retries=2)
        with pytest.raises(OSFIntegrityError) as caught:
            fs.pipe_file(f"{root}/f", b"sew", **options)
        return fs, caught.value

    return upload


@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_a_new_file_is_deleted(failing, other, root, mode):
    fs, error = failing(mode=mode)

    assert other.ls(root) == fs.ls(root) == []
    assert "damaged." not in str(error)


def test_another_version_of_a_file_is_named(failing, other, plant, root):
    plant.files({"f": b"old"})

    _, error = failing()

    assert "Version 2 on the OSF is damaged" in str(error)
    assert other.info(f"{root}/f")["version"] == 2
    assert other.cat_file(f"{root}/f") == DAMAGED


def test_a_file_that_somebody_else_has_written_to_meanwhile_is_left(
    failing, osf, other, root, clock, monkeypatch
):
    tree = osf.world.tree
    (pause, theirs) = (clock.sleep, Content(3, "0" * 32, "1" * 64, b"one"))

    def write():
        folder = osf.world.store.node(root.partition("/")[0]).root
        (file,) = tree.named(folder, "f", "file")
        tree.add_version(file, theirs, None)

    async def sleep(seconds):
        osf._call(write)
        await pause(seconds)

    monkeypatch.setattr(clock, "sleep", sleep)
    _, error = failing()

    assert "is damaged" in str(error)
    assert other.info(f"{root}/f")["version"] > 2


def test_a_file_that_must_not_be_deleted_is_named(failing, osf, other, root):
    osf.add_fault(Fault(method="DELETE", status=403))

    _, error = failing()

    assert not isinstance(error, OSFPermissionError)
    assert "Version 1 on the OSF is damaged" in str(error)
    assert other.cat_file(f"{root}/f") == DAMAGED
