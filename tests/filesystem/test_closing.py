"""Closing a filesystem while it is used: whoever waits has an error, and nothing is left."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dvc_osf import OSFClosedError, OSFFileSystem
from dvc_osf.emulator import Fault

MIB = 1024 * 1024
SLOW = {
    "exists": Fault(method="GET", path="osfstorage", delay=60),
    "ls": Fault(method="GET", path="osfstorage", delay=60),
    "info of a project": Fault(host="api", delay=60),
    "cat": Fault(method="GET", path="version", bandwidth=MIB),
    "get": Fault(method="GET", path="version", bandwidth=MIB),
    "pipe": Fault(method="PUT", bandwidth=MIB),
    "put": Fault(method="PUT", bandwidth=MIB),
    "rate limit": Fault(method="GET", path="version", status=429, retry_after=60),
}


def calls(fs, root, folder):
    return {
        "exists": lambda: fs._exists(f"{root}/d/a"),
        "ls": lambda: fs._ls(f"{root}/d"),
        "info of a project": lambda: fs._info(root.partition("/")[0]),
        "cat": lambda: fs._cat_file(f"{root}/large"),
        "get": lambda: fs._get_file(f"{root}/large", str(folder / "large")),
        "pipe": lambda: fs._pipe_file(f"{root}/new", bytes(9 * MIB)),
        "put": lambda: fs._put_file(str(folder / "source"), f"{root}/new"),
        "rate limit": lambda: fs._cat_file(f"{root}/d/a"),
    }


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "source").write_bytes(bytes(9 * MIB))
    return folder


def until_begun(osf):
    """Return when a request has met the fault."""
    while not any(entry.faults for entry in osf.requests):
        time.sleep(0.01)


@pytest.mark.parametrize("name", SLOW)
async def test_a_call_under_way_ends_with_an_error(osf, other, root, folder, name):
    other.pipe({f"{root}/large": bytes(9 * MIB), f"{root}/d/a": b"a"})
    fs = OSFFileSystem(
        osf.token, endpoint_url=osf.api_url, asynchronous=True, skip_instance_cache=True
    )
    osf.clear_requests()
    osf.add_fault(SLOW[name])
    call = asyncio.ensure_future(calls(fs, root, folder)[name]())
    await asyncio.to_thread(until_begun, osf)
    await fs.aclose()
    with pytest.raises(OSFClosedError, match="closed meanwhile"):
        await asyncio.wait_for(call, 20)
    assert [file.name for file in folder.iterdir()] == ["source"]
    osf.clear_faults()
    # It opens again by itself.
    assert await fs._exists(f"{root}/d/a")
    await fs.aclose()


async def test_who_is_cancelled_at_the_same_time_stays_cancelled(osf, other, root):
    other.pipe(f"{root}/a", b"a")
    fs = OSFFileSystem(
        osf.token, endpoint_url=osf.api_url, asynchronous=True, skip_instance_cache=True
    )
    osf.add_fault(Fault(method="GET", path="version", delay=60))
    call = asyncio.ensure_future(fs._cat_file(f"{root}/a"))
    await asyncio.to_thread(until_begun, osf)
    call.cancel()
    await fs.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize("method", ["exists", "cat_file", "find"])
def test_a_synchronous_call_of_another_thread_ends_with_an_error(osf, other, root, method):
    other.pipe(f"{root}/d/a", b"a")
    fs = OSFFileSystem(osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
    osf.clear_requests()
    osf.add_fault(Fault(method="GET", path="osfstorage", delay=60))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(getattr(fs, method), f"{root}/d/a")
        until_begun(osf)
        fs.close()
        with pytest.raises(OSFClosedError):
            call.result(20)


def test_an_interrupted_download_does_not_go_on(osf, other, root, folder, monkeypatch):
    other.pipe(f"{root}/large", bytes(9 * MIB))
    fs = OSFFileSystem(osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
    osf.add_fault(Fault(method="GET", path="version", bandwidth=MIB))

    def interrupted(loop, function):
        """Wait as fsspec does, until the transfer is under way and Ctrl-C comes."""
        asyncio.run_coroutine_threadsafe(function(), loop)
        until_begun(osf)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("dvc_osf.facade.sync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fs.get_file(f"{root}/large", str(folder / "large"))
    assert [file.name for file in folder.iterdir()] == ["source"]
    fs.close()
