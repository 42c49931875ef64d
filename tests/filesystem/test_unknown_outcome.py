"""A change whose outcome is unknown: what was believed before is not believed any more."""

from __future__ import annotations

import asyncio

import pytest

from dvc_osf.emulator import Fault
from dvc_osf.exceptions import OSFConnectionError, OSFPermissionError, OSFServerError


@pytest.fixture
def fs(connect_both, plant, root, asked):
    """Return a filesystem that never tries again, and knows what it could see."""
    plant.files({"a/f": b"old", "b/d/g": b"g"})
    fs = connect_both(max_retries=0, create_folders=True)
    fs.find(root)
    asked()
    return fs


@pytest.fixture
def lossy(fs, osf):
    """Return the filesystem; a change is made, but the answer is lost."""
    osf.add_fault(Fault(host="files", method="PUT", times=1, lose_answer=True))
    osf.add_fault(Fault(host="files", method="POST", times=1, lose_answer=True))
    osf.add_fault(Fault(host="files", method="DELETE", times=1, lose_answer=True))
    return fs


def test_a_new_version_is_seen(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.pipe_file(f"{root}/a/f", b"newer")
    assert lossy.info(f"{root}/a/f")["size"] == 5
    assert lossy.cat_file(f"{root}/a/f") == b"newer"


def test_a_new_file_is_seen(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.pipe_file(f"{root}/a/new", b"x")
    assert lossy.exists(f"{root}/a/new")


def test_a_new_folder_is_seen(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.mkdir(f"{root}/a/new")
    assert lossy.isdir(f"{root}/a/new")


def test_a_deleted_file_is_gone(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.rm_file(f"{root}/a/f")
    assert not lossy.exists(f"{root}/a/f")


def test_a_deleted_folder_is_gone_with_what_was_in_it(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.rm(f"{root}/b", recursive=True)
    assert not lossy.exists(f"{root}/b/d/g")
    assert lossy.find(root) == [f"{root}/a/f"]


@pytest.mark.parametrize("action", ["mv", "cp_file"])
def test_a_file_is_seen_where_it_went(lossy, root, action):
    with pytest.raises(OSFConnectionError):
        getattr(lossy, action)(f"{root}/a/f", f"{root}/b/f")
    assert lossy.exists(f"{root}/b/f")
    assert lossy.exists(f"{root}/a/f") == (action == "cp_file")


def test_a_folder_is_seen_where_it_went(lossy, root):
    with pytest.raises(OSFConnectionError):
        lossy.mv(f"{root}/b", f"{root}/c", recursive=True)
    assert lossy.find(root) == [f"{root}/a/f", f"{root}/c/d/g"]


def test_after_a_refusal_all_is_believed_as_before(fs, osf, root, asked):
    osf.add_fault(Fault(host="files", method="PUT", times=1, status=403))
    with pytest.raises(OSFPermissionError):
        fs.pipe_file(f"{root}/a/f", b"newer")
    asked()
    fs.find(root)
    assert asked() == {}


def test_only_what_may_have_changed_is_asked_for_again(fs, osf, root, asked):
    osf.add_fault(Fault(host="files", method="PUT", times=1, status=500))
    with pytest.raises(OSFServerError):
        fs.pipe_file(f"{root}/a/f", b"newer")
    asked()
    fs.find(root)
    assert asked() == {"listing": 1}


async def until(condition):
    """Let the server work until a condition holds."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("what the test waits for does not happen")


async def test_a_change_that_was_cancelled_is_seen(osf_here, connect_here, plant_here, root_here):
    await plant_here.put({"f": b"old"})
    fs = connect_here()
    await fs._find(root_here)
    osf_here.settings.late_commit = 0.1

    writing = asyncio.ensure_future(fs._pipe_file(f"{root_here}/f", b"newer"))
    await until(lambda: osf_here.requests[-1].received == 5)
    writing.cancel()
    await asyncio.wait({writing})
    await until(lambda: osf_here.requests[-1].ended is not None)
    assert (await fs._info(f"{root_here}/f"))["size"] == 5
