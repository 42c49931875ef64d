"""Every operation under every fault, once and for good."""

from __future__ import annotations

import asyncio
import gc

import pytest
from matrix import page
from matrix.faults import ROWS, SILENCE, SUCCEEDS
from matrix.operations import MIB, OPERATIONS, RANGE
from matrix.scene import until

from dvc_osf import OSFException, OSFFileSystem, download, transport
from dvc_osf.emulator import Fault

CELLS = [
    pytest.param(operation, row, id=f"{operation.name}-{row.name}".replace(" ", "_"))
    for row in ROWS
    for operation in OPERATIONS
    if row.skips(operation) is None
]


# After a failure, fsspec forgets the coroutines of a bulk operation that it had not begun.
@pytest.mark.filterwarnings("ignore:coroutine 'OSFFileSystem._(get|put)_file' was never awaited")
@pytest.mark.parametrize("permanent", [False, True], ids=["once", "for_good"])
@pytest.mark.parametrize(("operation", "row"), CELLS)
async def test_it_ends_as_the_table_says(scene, monkeypatch, operation, row, permanent):
    operation = operation.with_body(row.body)
    scene.plant(operation.remote, operation.local)
    monkeypatch.setattr(download, "RANGE_SIZE", RANGE)
    if row.expects_for is not None:
        monkeypatch.setattr(transport, "EXPECT_PATIENCE", row.expects_for)
    tasks, descriptors = asyncio.all_tasks(), scene.open_descriptors()
    scene.fs = _filesystem(scene, operation, row)
    await operation.prepare(scene)
    scene.osf.clear_requests()
    scene.fs.stats.reset()
    faults = _put_in_force(scene, operation, row, permanent=permanent)

    error = result = None
    try:
        result = await operation.run(scene)
    except OSFException as failure:
        error = failure

    await scene.settled(silent=row.silent)
    hit = [fault.hits for fault in faults]
    assert any(hit) if permanent else hit == [1] * len(hit)
    _check_counts(scene, operation, error)
    if row.once is not SUCCEEDS:
        # Refused before any of the body has left, and not tried again.
        assert [entry.received for entry in scene.osf.requests if entry.faults] == [0]
    assert (type(error) if error else None) is row.ending(operation, permanent=permanent), error
    if error is None:
        assert result == operation.result(scene)
        assert scene.remote_files() == sorted(_remote_after(operation, row).items())
        assert scene.local_files() == operation.local_after()
    else:
        _check_what_is_left(scene, operation, row, error)
    scene.osf.clear_faults()
    assert await scene.believed() == _sizes(scene)

    del error
    await scene.fs.aclose()
    del scene.fs
    await until(lambda: asyncio.all_tasks() == tasks, asyncio.all_tasks)
    await until(lambda: scene.open_descriptors() == descriptors, scene.open_descriptors)
    await until(lambda: not scene.hashing_threads(), scene.hashing_threads)
    # What was forgotten without being closed warns when it is collected, and warnings are errors.
    gc.collect()


def _filesystem(scene, operation, row):
    times = {"timeout": SILENCE, "upload_timeout": SILENCE} if row.silent else {}
    fs = OSFFileSystem(
        token=scene.osf.token,
        endpoint_url=scene.osf.api_url,
        upload_chunk_size=MIB,
        max_retries=2,
        max_wait=20,
        skip_instance_cache=True,
        asynchronous=True,
        **operation.options,
        **times,
    )
    fs.clock = scene.clock
    return fs


def _put_in_force(scene, operation, row, *, permanent):
    """Let the fault hit every request of the operation's own kind, or one of them."""
    rule = row.effect(operation) | ({} if permanent else {"times": 1, "after": operation.passed})
    hit = operation.hit_for_good(scene) if permanent else operation.hit(scene)
    return [scene.osf.add_fault(Fault(**which, **rule)) for which in hit]


def _remote_after(operation, row):
    """Return what is on the OSF after success.

    What arrives damaged is a version all the same: the OSF tells its checksum when it is stored,
    and no version can be taken back.
    """
    after = operation.remote_after()
    if not row.damages:
        return after
    repaired = {
        path: [*after[path][:-1], _damaged(after[path][-1]), after[path][-1]]
        for path in operation.hit_files()
    }
    return after | repaired


def _damaged(content):
    return bytes([content[0] ^ 0xFF]) + content[1:]


def _check_what_is_left(scene, operation, row, error):
    """After a failure: what was there before, or a part of what was to be, but nothing wrong."""
    before, after = operation.remote, operation.remote_after()
    if row.works:
        before = after
    if row.damages:
        hit = operation.hit_files()
        # The damaged version of an older file stays. A new file is deleted, but for one that was
        # still under way when another failed.
        before = before | {
            path: [*before[path], _damaged(after[path][-1])] for path in hit if path in before
        }
        hit -= {error.path.removeprefix(f"{scene.root}/")}
        after = after | {path: [_damaged(after[path][-1])] for path in hit}
    remote, local = scene.remote_files(), scene.local_files()
    assert len(dict(remote)) == len(remote)
    assert operation.partial(dict(remote), before, after)
    assert operation.partial(local, operation.local, operation.local_after())


def _check_counts(scene, operation, error):
    logged, counted = scene.logged(), scene.counted()
    if error is not None and operation.abandons:
        # Those under way when one file failed were cancelled; not all had reached the server.
        assert logged.keys() <= counted.keys()
        assert all(logged[kind] <= counted[kind] for kind in logged)
    else:
        assert logged == counted


def _sizes(scene):
    return {
        path: 0 if versions is None else len(versions[-1])
        for path, versions in scene.remote_files()
    }


def test_the_page_is_up_to_date():
    assert page.PAGE.read_text(encoding="utf-8") == page.page()
