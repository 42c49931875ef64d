"""A bulk operation that fails or is cancelled: all of it ends, nothing of it happens later."""

from __future__ import annotations

import asyncio
import gc

import pytest
from fsspec.callbacks import Callback

from dvc_osf.emulator import Fault
from dvc_osf.exceptions import OSFPermissionError

FILES = 8


@pytest.fixture
def local(tmp_path):
    """Write files to upload."""
    folder = tmp_path / "push"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}").write_bytes(b"%d" % number)
    return f"{folder}/"


@pytest.fixture
async def fs(connect_here, plant_here, root_here):
    """Return a filesystem that knows a folder with files in it."""
    await plant_here.put({f"here/{number}": b"%d" % number for number in range(FILES)})
    fs = connect_here(batch_size=4)
    await fs._find(root_here)
    return fs


async def until(condition):
    """Let the server work until a condition holds."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("what the test waits for does not happen")


@pytest.fixture
def bulk(fs, root_here, local, tmp_path):
    """Return bulk operations by name, each with what the requests of its files have in common."""
    here = f"{root_here}/here/"
    paths = [f"{here}{number}" for number in range(FILES)]
    values = {f"{root_here}/new/{number}": b"x" for number in range(FILES)}
    return {
        "put": (fs._put, (local, f"{root_here}/new/"), {"recursive": True}, "name=[0-9]"),
        "pipe": (fs._pipe, (values,), {}, "name=[0-9]"),
        "get": (fs._get, (here, f"{tmp_path}/pull/"), {"recursive": True}, "version="),
        "cat": (fs._cat, (paths,), {}, "version="),
        "cat_ranges": (fs._cat_ranges, (paths, 0, 1), {}, "version="),
        "copy": (fs._copy, (paths, list(values)), {}, "providers/osfstorage/[0-9a-f]+$"),
    }


@pytest.mark.parametrize("name", ["put", "pipe", "get", "cat", "cat_ranges", "copy"])
async def test_no_task_is_left_and_no_request_is_sent_any_more(osf_here, fs, bulk, name):
    method, args, kwargs, path = bulk[name]
    fault = osf_here.add_fault(Fault(host="files", path=path, hang=True))
    before = asyncio.all_tasks()
    work = asyncio.ensure_future(method(*args, **kwargs))
    await until(lambda: fault.hits >= 4)
    made = asyncio.all_tasks() - before

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [task for task in made if not task.done() and "_run_coro" in repr(task)] == []
    osf_here.clear_faults()
    count = fs.stats.total
    await until(lambda: all(entry.ended for entry in osf_here.requests))
    assert fs.stats.total == count


async def test_what_had_not_begun_does_not_begin(osf_here, fs, root_here):
    values = {f"{root_here}/new/{number}": b"x" for number in range(FILES)}
    work = asyncio.ensure_future(fs._pipe(values))
    # Its files have tasks now, which have had no turn yet.
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    for _ in range(20):
        await asyncio.sleep(0)
    assert [entry.method for entry in osf_here.requests if entry.method == "PUT"] == []


@pytest.mark.parametrize("name", ["put", "pipe", "get"])
async def test_a_failure_ends_all_of_it_and_nothing_complains(osf_here, bulk, name):
    method, args, kwargs, path = bulk[name]
    osf_here.add_fault(Fault(host="files", path=path, status=403))

    # What is dropped without having been awaited is an error here.
    with pytest.raises(OSFPermissionError):
        await method(*args, **kwargs)
    gc.collect()


async def test_a_failure_in_the_moment_of_the_cancellation_is_not_complained_of(fs, monkeypatch):
    complaints, begun = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def fail(*_args, **_kwargs):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSFPermissionError("no")

    monkeypatch.setattr(fs, "_pipe_file", fail)
    work = asyncio.ensure_future(fs._pipe({"abc12/a": b"x", "abc12/b": b"x"}))
    await begun.wait()
    work.cancel()
    await asyncio.wait({work})
    assert work.cancelled()
    del work
    gc.collect()
    assert complaints == []


async def test_a_callback_counts_files_and_branches_as_ever(bulk):
    class Counting(Callback):
        branches = 0

        def branched(self, *args, **kwargs):
            self.branches += 1
            return super().branched(*args, **kwargs)

    method, args, _, _ = bulk["put"]
    callback = Counting()
    # By its place, as fsspec's methods allow.
    await method(*args, True, callback)
    assert (callback.size, callback.value, callback.branches) == (FILES, FILES, FILES)
