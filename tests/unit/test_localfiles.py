"""Local files for asynchronous use; a cancelled task leaves none of them open."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import aiofiles.threadpool
import pytest

from dvc_osf.localfiles import open_local


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    return str(file)


async def read(path):
    async with open_local(path, "rb") as file:
        return await file.read()


async def test_a_file_is_open_inside_and_closed_afterwards(path, slow_open):
    slow_open.release.set()
    async with open_local(path, "rb") as file:
        assert await file.read() == b"content"
        assert not slow_open.files[0].closed
    assert slow_open.files[0].closed


async def test_what_is_written_is_there_afterwards(path):
    async with open_local(path, "r+b") as file:
        await file.seek(3)
        await file.writelines([b"T", b"ENT"])
    assert await read(path) == b"conTENT"


async def test_an_error_inside_closes_it(path, slow_open):
    async def fail():
        async with open_local(path, "rb"):
            raise KeyError

    slow_open.release.set()
    with pytest.raises(KeyError):
        await fail()
    assert slow_open.files[0].closed


async def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        await read(str(tmp_path / "missing"))


@pytest.mark.parametrize("times", [1, 2])
async def test_a_file_that_opens_after_the_task_was_cancelled_is_closed(
    path, slow_open, until, settle, times
):
    reading = asyncio.ensure_future(read(path))
    await until(slow_open.entered.is_set)
    for _ in range(times):
        reading.cancel()
        await settle()
    slow_open.release.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert slow_open.files[0].closed


async def test_a_file_that_does_not_open_after_the_task_was_cancelled_is_no_matter(
    tmp_path, slow_open, until, settle
):
    reading = asyncio.ensure_future(read(str(tmp_path / "missing")))
    await until(slow_open.entered.is_set)
    reading.cancel()
    await settle()
    slow_open.release.set()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_file_that_is_closing_while_the_task_is_cancelled_is_closed(
    path, slow_open, monkeypatch, settle
):
    threads, release = ThreadPoolExecutor(1), threading.Event()
    asyncio.get_running_loop().set_default_executor(threads)

    async def read_and_be_busy(self):
        threads.submit(release.wait, 10)
        return self._file.readable()

    slow_open.release.set()
    monkeypatch.setattr(aiofiles.threadpool.binary.AsyncBufferedReader, "read", read_and_be_busy)
    reading = asyncio.ensure_future(read(path))
    await asyncio.wait({reading}, timeout=0.1)
    reading.cancel()
    await settle()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert slow_open.files[0].closed
