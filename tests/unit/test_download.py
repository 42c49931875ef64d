"""Downloads: resumed where they break, verified, and a file only when they are whole."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading

import pytest

from dvc_osf import download as download_module
from dvc_osf import sinks
from dvc_osf.api import OSFAPIClient
from dvc_osf.concurrency import BufferBudget, KeyedLocks
from dvc_osf.config import Config
from dvc_osf.download import Downloader
from dvc_osf.exceptions import (
    OSFConnectionError,
    OSFException,
    OSFIntegrityError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFServerError,
)
from dvc_osf.folders import FolderMaker
from dvc_osf.models import Entity
from dvc_osf.sources import FileSource, SmallFileSource
from dvc_osf.tree import Tree
from dvc_osf.upload import Uploader, UploadJob
from dvc_osf.utils import ProgressTracker

RANGE = 250_000
LARGE = 10 * RANGE + 7
MIB = 1024 * 1024


def content_of(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def downloader(osf, tree):
    return Downloader(osf, tree, BufferBudget(64 * MIB))


@pytest.fixture
def small_ranges(monkeypatch):
    """Make files large that are not."""
    monkeypatch.setattr(download_module, "RANGE_SIZE", RANGE)


@pytest.fixture
def read(downloader, place):
    """Return a coroutine function that reads a file into memory."""

    async def read(file, *limits):
        return await downloader.read(place(file.name), file, "cat_file", *limits)

    return read


@pytest.fixture
def fetch(downloader, place, tmp_path):
    """Return a coroutine function that reads a file into a local one, and returns that."""

    async def fetch(file, target=None, callback=None):
        target = target or tmp_path / "local"
        progress = ProgressTracker(callback)
        await downloader.to_file(place(file.name), file, str(target), progress, "get_file")
        return target

    return fetch


def requests(osf):
    """Return what was asked for: the first and last byte, or None twice for all of it."""
    return [(first, last) for _, first, last in osf.called("download")]


# What may become of an answer: functions of its first position and its bytes.


def cut_after(size, error=None):
    """Break the answer off; without an error, end it as if that were all."""
    return lambda start, content: (start, (content[:size], error))


def lost_after(size):
    return cut_after(size, OSFConnectionError("the answer was cut off"))


def corrupted(start, content):
    return start, bytes([content[0] ^ 0xFF]) + content[1:]


def with_more(start, content):
    return start, content + b"more"


def ignoring_the_range(content):
    return lambda _start, _part: (0, content)


def as_it_is(start, content):
    return start, content


class TestIntoMemory:
    @pytest.mark.parametrize("size", [1, 11, 100_000, 300_001])
    async def test_a_whole_file_is_one_request_without_a_range(self, osf, read, size):
        file = osf.add_file("a", content_of(size))
        assert await read(file) == content_of(size)
        assert requests(osf) == [(None, None)]

    async def test_an_empty_file_is_no_request(self, osf, read):
        assert await read(osf.add_file("a", b"")) == b""
        assert osf.calls == []

    @pytest.mark.parametrize(
        ("start", "end", "asked"),
        [
            (0, None, (None, None)),
            (0, 11, (None, None)),
            (0, 99, (None, None)),
            (2, 7, (2, 6)),
            (0, 5, (0, 4)),
            (5, None, (5, 10)),
            (10, 11, (10, 10)),
            (5, 99, (5, 10)),
        ],
    )
    async def test_a_part_is_a_closed_range_within_the_file(self, osf, read, start, end, asked):
        file = osf.add_file("a", b"version one")
        assert await read(file, start, end) == b"version one"[start:end]
        assert requests(osf) == [asked]

    @pytest.mark.parametrize(("start", "end"), [(5, 5), (7, 5), (11, None), (99, None), (99, 120)])
    async def test_nothing_is_no_request(self, osf, read, start, end):
        assert await read(osf.add_file("a", b"version one"), start, end) == b""
        assert osf.calls == []

    async def test_the_version_that_was_opened_is_read(self, osf, read):
        old = osf.add_file("a", b"old")
        osf._store(old.id, "a", b"newer", 2, "")
        assert await read(old) == b"old"

    async def test_of_a_server_that_ignores_the_range_the_part_is_taken(self, osf, read):
        content = content_of(350_000)
        file = osf.add_file("a", content)
        for start, end in ((0, 5), (2, 7), (99_999, 100_001), (100_000, 250_000), (340_000, None)):
            osf.after["download"] = [ignoring_the_range(content)]
            assert await read(file, start, end) == content[start:end]

    async def test_a_truncated_file_is_asked_for_again(self, osf, read, stats):
        file = osf.add_file("a", content_of(11))
        osf.after["download"] = [cut_after(5), lost_after(3)]
        assert await read(file) == content_of(11)
        assert len(requests(osf)) == 3
        assert stats.retries == 2

    async def test_a_broken_answer_goes_on_where_it_broke(self, osf, read):
        file = osf.add_file("a", content_of(350_000))
        osf.after["download"] = [lost_after(120_000), as_it_is]
        assert await read(file) == content_of(350_000)
        assert requests(osf) == [(None, None), (120_000, 349_999)]

    @pytest.mark.usefixtures("small_ranges")
    async def test_a_large_file_is_read_in_ranges(self, osf, read):
        assert await read(osf.add_file("a", content_of(LARGE))) == content_of(LARGE)
        assert len(requests(osf)) == 11

    async def test_a_truncated_part_is_asked_for_again(self, osf, read):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [cut_after(2)]
        assert await read(file, 2, 7) == b"rsion"

    async def test_a_file_that_is_too_long_is_asked_for_again(self, osf, read):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [with_more]
        assert await read(file) == b"version one"
        assert len(requests(osf)) == 2

    async def test_a_corrupted_file_is_asked_for_again(self, osf, read):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [corrupted]
        assert await read(file) == b"version one"
        assert len(requests(osf)) == 2

    async def test_a_file_that_stays_corrupted_is_an_error(self, osf, read):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [corrupted] * 9
        with pytest.raises(OSFIntegrityError, match="not the OSF's") as caught:
            await read(file)
        error = caught.value
        assert error.expected == hashlib.md5(b"version one").hexdigest()
        assert error.actual not in (None, error.expected)
        assert (error.path, error.operation) == ("abc12/osfstorage/a", "cat_file")
        assert error.attempts == 6
        assert len(requests(osf)) == 6

    async def test_a_file_that_stays_truncated_is_an_error(self, osf, read):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [cut_after(0)] * 9
        with pytest.raises(OSFConnectionError, match="11 bytes") as caught:
            await read(file)
        assert caught.value.path == "abc12/osfstorage/a"
        assert len(requests(osf)) == 6

    async def test_without_a_checksum_the_size_is_checked(self, osf, read):
        file = osf.add_file("a", b"version one", md5=None)
        osf.after["download"] = [cut_after(5)]
        assert await read(file) == b"version one"
        assert len(requests(osf)) == 2

    async def test_a_file_of_unknown_size_is_not_taken_for_an_empty_one(self, osf, read):
        # As other providers list what has no size, such as a document of Google's.
        file = osf.add_file("a", b"version one", size=None, md5=None)
        try:
            content = await read(file)
        except OSFException:
            return
        assert content == b"version one"

    @pytest.mark.parametrize("cls", [OSFNotFoundError, OSFPermissionError])
    async def test_a_refusal_is_final(self, osf, read, cls):
        osf.before["download"] = [cls("no", status=404)]
        with pytest.raises(cls):
            await read(osf.add_file("a"))
        assert len(requests(osf)) == 1


class TestSmallFiles:
    async def test_a_file_is_there_with_its_content(self, osf, fetch):
        local = await fetch(osf.add_file("a", content_of(300_001)))
        assert local.read_bytes() == content_of(300_001)
        assert os.listdir(local.parent) == ["local"]
        assert requests(osf) == [(None, None)]

    async def test_an_empty_file_is_there_without_a_request(self, osf, fetch):
        local = await fetch(osf.add_file("a", b""))
        assert local.read_bytes() == b""
        assert osf.calls == []

    async def test_a_file_that_is_there_is_replaced(self, osf, fetch, tmp_path):
        (tmp_path / "local").write_bytes(b"something much longer than the new content")
        local = await fetch(osf.add_file("a", b"new"))
        assert local.read_bytes() == b"new"
        assert os.listdir(tmp_path) == ["local"]

    async def test_a_broken_transfer_goes_on_where_it_broke(self, osf, fetch, stats):
        file = osf.add_file("a", content_of(350_000))
        osf.after["download"] = [lost_after(120_000), lost_after(30_000), as_it_is]
        local = await fetch(file)
        assert local.read_bytes() == content_of(350_000)
        assert requests(osf) == [(None, None), (120_000, 349_999), (150_000, 349_999)]
        assert stats.retries == 2

    async def test_it_goes_on_although_the_range_is_ignored(self, osf, fetch):
        content = content_of(350_000)
        file = osf.add_file("a", content)
        osf.after["download"] = [lost_after(120_000), ignoring_the_range(content)]
        assert (await fetch(file)).read_bytes() == content

    async def test_a_corrupted_file_is_asked_for_again(self, osf, fetch):
        file = osf.add_file("a", b"version one")
        osf.after["download"] = [corrupted]
        assert (await fetch(file)).read_bytes() == b"version one"
        assert requests(osf) == [(None, None)] * 2

    async def test_a_name_of_any_length_can_be_written(self, osf, fetch, tmp_path):
        target = tmp_path / ("é" * 127)
        await fetch(osf.add_file("a", b"x"), target)
        assert target.read_bytes() == b"x"

    async def test_a_relative_name_can_be_written(self, osf, fetch, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        await fetch(osf.add_file("a", b"x"), "local")
        assert (tmp_path / "local").read_bytes() == b"x"

    async def test_a_folder_that_is_missing_is_an_error_at_once(self, osf, fetch, tmp_path, stats):
        with pytest.raises(FileNotFoundError):
            await fetch(osf.add_file("a", b"x"), tmp_path / "missing" / "local")
        assert stats.retries == 0

    async def test_progress_ends_at_the_total(self, osf, fetch):
        heard = []
        await fetch(osf.add_file("a", content_of(250_000)), None, lambda *args: heard.append(args))
        assert heard == [(100_000, 250_000), (200_000, 250_000), (250_000, 250_000)]

    async def test_progress_begins_again_with_a_file_that_was_corrupted(self, osf, fetch):
        heard = []
        file = osf.add_file("a", content_of(150_000))
        osf.after["download"] = [corrupted]
        await fetch(file, None, lambda done, _total: heard.append(done))
        assert heard == [100_000, 150_000, 100_000, 150_000]


@pytest.mark.usefixtures("small_ranges")
class TestLargeFiles:
    async def test_a_large_file_is_read_in_ranges_that_cover_it(self, osf, fetch):
        local = await fetch(osf.add_file("a", content_of(LARGE)))
        assert local.read_bytes() == content_of(LARGE)
        assert os.listdir(local.parent) == ["local"]
        expected = [(start, min(start + RANGE, LARGE) - 1) for start in range(0, LARGE, RANGE)]
        assert sorted(requests(osf)) == expected

    async def test_however_large_a_file_is_it_takes_so_many_requests_and_not_more(
        self, osf, fetch, monkeypatch
    ):
        monkeypatch.setattr(download_module, "RANGE_SIZE", 100)
        file = osf.add_file("a", content_of(RANGE))
        assert (await fetch(file)).read_bytes() == content_of(RANGE)
        assert len(requests(osf)) == 128

    @pytest.mark.parametrize("size", [RANGE + 1, 2 * RANGE, 3 * RANGE - 1])
    async def test_the_last_range_ends_with_the_file(self, osf, fetch, size):
        assert (await fetch(osf.add_file("a", content_of(size)))).read_bytes() == content_of(size)
        assert max(last for _, last in requests(osf)) == size - 1

    async def test_up_to_one_range_it_is_one_request(self, osf, fetch):
        await fetch(osf.add_file("a", content_of(RANGE)))
        assert requests(osf) == [(None, None)]

    async def test_only_a_few_ranges_are_under_way_at_once(self, osf, fetch, until):
        release, waiting, most = asyncio.Event(), [0], [0]

        async def hold():
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
            await release.wait()
            waiting[0] -= 1

        file = osf.add_file("a", content_of(LARGE))
        osf.before["download"] = [hold] * 99
        fetching = asyncio.ensure_future(fetch(file))
        await until(lambda: waiting[0] == 4)
        release.set()
        await fetching
        assert most[0] == 4

    async def test_a_range_that_is_slow_does_not_hold_up_the_others(self, osf, fetch, until):
        release = asyncio.Event()
        file = osf.add_file("a", content_of(LARGE))
        osf.before["download"] = [release.wait]
        fetching = asyncio.ensure_future(fetch(file))
        # A window that slides: all others are through while the first is still on its way.
        await until(lambda: len(requests(osf)) == 11)
        release.set()
        assert (await fetching).read_bytes() == content_of(LARGE)

    async def test_a_range_that_breaks_goes_on_where_it_broke(self, osf, fetch):
        file = osf.add_file("a", content_of(2 * RANGE))
        osf.after["download"] = [lost_after(120_000)]
        assert (await fetch(file)).read_bytes() == content_of(2 * RANGE)
        assert len(requests(osf)) == 3
        # Whichever of the two came first.
        assert {120_000, RANGE + 120_000} & {first for first, _ in requests(osf)}

    async def test_of_a_server_that_ignores_ranges_each_part_is_taken(self, osf, fetch):
        content = content_of(2 * RANGE)
        file = osf.add_file("a", content)
        osf.after["download"] = [ignoring_the_range(content)] * 2
        assert (await fetch(file)).read_bytes() == content

    async def test_a_corrupted_range_is_noticed_and_all_is_asked_for_again(self, osf, fetch):
        file = osf.add_file("a", content_of(2 * RANGE))
        osf.after["download"] = [as_it_is, corrupted]
        assert (await fetch(file)).read_bytes() == content_of(2 * RANGE)
        assert len(requests(osf)) == 4

    async def test_pieces_larger_than_a_write_arrive_whole(self, osf, fetch, monkeypatch):
        monkeypatch.setattr(sinks, "_WRITE_SIZE", 70_000)
        file = osf.add_file("a", content_of(LARGE))
        assert (await fetch(file)).read_bytes() == content_of(LARGE)

    async def test_progress_ends_at_the_total(self, osf, fetch):
        heard = []
        await fetch(osf.add_file("a", content_of(LARGE)), None, lambda *args: heard.append(args))
        assert heard[-1] == (LARGE, LARGE)
        assert [done for done, _ in heard] == sorted(done for done, _ in heard)

    async def test_one_range_that_fails_ends_the_others(self, osf, fetch, tmp_path, until):
        others = []

        async def hang():
            others.append("begun")
            try:
                await asyncio.Event().wait()
            finally:
                others.append("ended")

        async def fail_when_all_are_there():
            await until(lambda: others.count("begun") == 3)
            raise OSFPermissionError("no", status=403)

        file = osf.add_file("a", content_of(LARGE))
        osf.before["download"] = [fail_when_all_are_there, hang, hang, hang]
        with pytest.raises(OSFPermissionError):
            await fetch(file)
        assert others.count("ended") == 3
        assert os.listdir(tmp_path) == []

    async def test_after_a_cancellation_no_thread_reads_from_what_others_opened(
        self, osf, fetch, monkeypatch, until, tmp_path
    ):
        # The number of a closed file may already be that of another, or of a transfer's socket.
        entered, release, hashed = threading.Event(), threading.Event(), []

        class SlowDigest:
            def update(self, piece):
                entered.set()
                release.wait(10)
                hashed.append(bytes(piece))

        content = content_of(LARGE)
        file = osf.add_file("a", content)
        (tmp_path / "foreign").write_bytes(b"foreign" * MIB)
        monkeypatch.setattr(sinks, "_HASH_SIZE", 10_000)
        monkeypatch.setattr(hashlib, "md5", lambda *_args, **_options: SlowDigest())
        fetching = asyncio.ensure_future(fetch(file))
        await until(entered.is_set)
        fetching.cancel()
        await asyncio.wait({fetching}, timeout=0.2)
        others = [(tmp_path / "foreign").open("rb") for _ in range(20)]
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await asyncio.get_running_loop().shutdown_default_executor()
        for other in others:
            other.close()
        assert content.startswith(b"".join(hashed))
        assert os.listdir(tmp_path) == ["foreign"]


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("size", [RANGE, LARGE], ids=["small", "large"])
class TestFailures:
    async def test_what_fails_leaves_nothing_behind(self, osf, fetch, tmp_path, size):
        file = osf.add_file("a", content_of(size))
        osf.after["download"] = [corrupted] * 99
        with pytest.raises(OSFIntegrityError):
            await fetch(file)
        assert os.listdir(tmp_path) == []

    async def test_what_fails_leaves_the_old_file_alone(self, osf, fetch, tmp_path, size):
        (tmp_path / "local").write_bytes(b"old")
        file = osf.add_file("a", content_of(size))
        osf.before["download"] = [OSFPermissionError("no", status=403)]
        with pytest.raises(OSFPermissionError):
            await fetch(file)
        assert (tmp_path / "local").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["local"]

    async def test_what_is_cancelled_leaves_nothing_behind(self, osf, fetch, tmp_path, until, size):
        file = osf.add_file("a", content_of(size))
        osf.before["download"] = [None, asyncio.Event().wait] * 9
        osf.after["download"] = [lost_after(120_000)] * 9
        fetching = asyncio.ensure_future(fetch(file))
        await until(lambda: len(requests(osf)) >= 2)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert os.listdir(tmp_path) == []

    async def test_the_file_appears_only_when_it_is_whole(self, osf, fetch, tmp_path, until, size):
        release = asyncio.Event()
        file = osf.add_file("a", content_of(size))
        osf.before["download"] = [None, release.wait]
        osf.after["download"] = [lost_after(120_000)]
        fetching = asyncio.ensure_future(fetch(file))
        await until(lambda: len(requests(osf)) >= 2)
        assert not (tmp_path / "local").exists()
        release.set()
        assert (await fetching).read_bytes() == content_of(size)

    async def test_an_osf_that_stays_down_is_asked_so_often_and_not_more(self, osf, fetch, size):
        file = osf.add_file("a", content_of(size))
        osf.before["download"] = [OSFServerError("down", status=503) for _ in range(999)]
        with pytest.raises(OSFServerError) as caught:
            await fetch(file)
        ranges = 1 if size == RANGE else 4
        assert len(requests(osf)) <= 6 * ranges
        assert caught.value.attempts == 6

    async def test_a_full_disk_is_an_error_at_once(self, osf, fetch, tmp_path, monkeypatch, size):
        def full(_source, _target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            await fetch(osf.add_file("a", content_of(size)))
        assert os.listdir(tmp_path) == []


class TestWithoutChecksum:
    async def test_a_file_longer_than_listed_is_not_cut_to_size_in_silence(
        self, osf, fetch, tmp_path
    ):
        file = osf.add_file("a", b"version one", md5=None)
        osf.after["download"] = [with_more] * 99
        with pytest.raises(OSFException):
            await fetch(file)
        assert os.listdir(tmp_path) == []

    async def test_a_file_that_is_too_long_once_is_asked_for_again(self, osf, fetch):
        file = osf.add_file("a", b"version one", md5=None)
        osf.after["download"] = [with_more]
        assert (await fetch(file)).read_bytes() == b"version one"
        assert len(requests(osf)) == 2

    async def test_a_file_of_unknown_size_does_not_become_an_empty_one(self, osf, fetch, tmp_path):
        file = osf.add_file("a", b"version one", size=None, md5=None)
        try:
            local = await fetch(file)
        except OSFException:
            assert os.listdir(tmp_path) == []
        else:
            assert local.read_bytes() == b"version one"


class TestBudget:
    @pytest.fixture
    def budget(self, downloader):
        return downloader._budget

    async def all_free(self, budget):
        for size in (56 * MIB, *[MIB] * 8):
            await asyncio.wait_for(budget.acquire(size), 5)

    async def test_after_a_success_all_of_it_is_free(self, osf, fetch, budget):
        await fetch(osf.add_file("a", content_of(3 * MIB)))
        await self.all_free(budget)

    async def test_after_a_failure_all_of_it_is_free(self, osf, fetch, budget):
        osf.before["download"] = [OSFPermissionError("no", status=403)]
        with pytest.raises(OSFPermissionError):
            await fetch(osf.add_file("a", content_of(3 * MIB)))
        await self.all_free(budget)

    @pytest.mark.usefixtures("small_ranges")
    @pytest.mark.parametrize("size", [RANGE, LARGE])
    async def test_after_a_cancellation_all_of_it_is_free(self, osf, fetch, budget, until, size):
        osf.before["download"] = [asyncio.Event().wait] * 9
        fetching = asyncio.ensure_future(fetch(osf.add_file("a", content_of(size))))
        await until(lambda: requests(osf))
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await self.all_free(budget)

    async def test_files_wait_for_it(self, osf, fetch, budget, settle):
        await budget.acquire(56 * MIB)
        fetching = asyncio.ensure_future(fetch(osf.add_file("a", content_of(3 * MIB))))
        await settle()
        # The request has its place; what arrives waits for a buffer.
        assert not fetching.done()
        budget.release(56 * MIB)
        await fetching


class TestBesideUploads:
    @pytest.mark.parametrize("others", ["downloads", "small uploads"])
    async def test_buffers_and_places_are_never_waited_for_crosswise(
        self, serve, clock, stats, recorded, tmp_path, place, until, settle, others
    ):
        # An upload has the only place and wants a buffer; others have all buffers and want a place.
        size = 7 * MIB
        asked_for_the_body = asyncio.Event()

        async def script(exchange):
            if exchange.target.startswith("/v2/"):
                return 200, recorded("providers", WB=server.url)
            if exchange.method == "GET":
                return 200, bytes(size)
            await asked_for_the_body.wait()
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await exchange.read_body()
            answer = recorded("file_created")
            facts = answer["data"]["attributes"]
            facts["name"] = exchange.target.rpartition("=")[2]
            facts["size"] = len(exchange.received)
            facts["extra"]["hashes"]["md5"] = hashlib.md5(exchange.received).hexdigest()
            return 201, answer

        def write(name, size):
            (tmp_path / name).write_bytes(bytes(size))
            return str(tmp_path / name)

        server = await serve(script)
        config = Config(api_url=f"{server.url}/v2", max_requests=1, buffer_size=16 * MIB)
        async with OSFAPIClient(None, config, stats=stats, clock=clock) as api:
            tree, budget = Tree(api, 60.0), BufferBudget(config.buffer_size)
            uploader, downloader = (
                Uploader(api, tree, FolderMaker(api, tree), KeyedLocks()),
                Downloader(api, tree, budget),
            )

            def upload(name, source):
                job = UploadJob(place(name), ProgressTracker(None), "put_file")
                return asyncio.ensure_future(uploader.upload(job, source))

            def download(name):
                file = Entity(id=name, kind="file", name=name, size=size)
                target = str(tmp_path / name)
                return asyncio.ensure_future(
                    downloader.to_file(place(name), file, target, ProgressTracker(None), "get_file")
                )

            await tree.provider(place(), "ls")
            large = FileSource(write("large", 6 * MIB), 6 * MIB, 2 * MIB, budget)
            work = [upload("large", large)]
            await until(lambda: "PUT" in server.methods)
            for name in ("one", "other"):
                if others == "downloads":
                    work.append(download(name))
                else:
                    work.append(upload(name, SmallFileSource(write(name, size), size, budget)))
            await settle()
            asked_for_the_body.set()
            try:
                await asyncio.wait_for(asyncio.gather(*work), 5)
            finally:
                await tree.aclose()


class TestPlacesAfterAFailure:
    async def test_a_download_that_waits_to_go_on_does_not_keep_its_buffer_from_others(
        self, serve, clock, stats, recorded, tmp_path, place, until
    ):
        # The only place is an upload's by then, which wants a buffer.
        size, back_off = 8 * MIB, asyncio.Event()

        async def script(exchange):
            if exchange.target.startswith("/v2/"):
                return 200, recorded("providers", WB=server.url)
            if exchange.method == "PUT":
                answer = recorded("file_created")
                await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await exchange.read_body()
                facts = answer["data"]["attributes"]
                facts["size"] = len(exchange.received)
                facts["extra"]["hashes"]["md5"] = hashlib.md5(exchange.received).hexdigest()
                return 201, answer
            if "range" in exchange.headers:
                first, _, last = exchange.headers["range"].removeprefix("bytes=").partition("-")
                part = bytes(int(last) - int(first) + 1)
                return 206, part, {"Content-Range": f"bytes {first}-{last}/{size}"}
            await exchange.answer(200, bytes(MIB), length=size)
            exchange.writer.close()
            return None

        sleep = clock.sleep

        async def sleep_until_told(seconds):
            await back_off.wait()
            await sleep(seconds)

        clock.sleep = sleep_until_told
        server = await serve(script)
        config = Config(
            api_url=f"{server.url}/v2",
            max_requests=1,
            buffer_size=8 * MIB,
            upload_chunk_size=2 * MIB,
            upload_timeout=5,
        )
        (tmp_path / "large").write_bytes(bytes(6 * MIB))
        async with OSFAPIClient(None, config, stats=stats, clock=clock) as api:
            tree, budget = Tree(api, 60.0), BufferBudget(config.buffer_size)
            await tree.provider(place(), "ls")
            file = Entity(id="f", kind="file", name="f", size=size, version=1)
            download = Downloader(api, tree, budget).to_file(
                place("f"), file, str(tmp_path / "f"), ProgressTracker(None), "get_file"
            )
            downloading = asyncio.ensure_future(download)
            await until(lambda: stats.retries == 1)
            source = FileSource(str(tmp_path / "large"), 6 * MIB, 2 * MIB, budget)
            job = UploadJob(place("a.txt"), ProgressTracker(None), "put_file")
            uploading = asyncio.ensure_future(
                Uploader(api, tree, FolderMaker(api, tree), KeyedLocks()).upload(job, source)
            )
            await until(lambda: "PUT" in server.methods)
            back_off.set()
            try:
                await asyncio.wait_for(asyncio.gather(downloading, uploading), 3)
            finally:
                await tree.aclose()
        assert (tmp_path / "f").stat().st_size == size


@pytest.mark.usefixtures("small_ranges")
class TestOpenFiles:
    @pytest.mark.parametrize("size", [RANGE, LARGE], ids=["small", "large"])
    async def test_a_file_that_opens_after_the_download_was_cancelled_is_closed(
        self, osf, fetch, slow_open, until, size
    ):
        fetching = asyncio.ensure_future(fetch(osf.add_file("a", content_of(size))))
        await until(slow_open.entered.is_set)
        fetching.cancel()
        await asyncio.sleep(0)
        slow_open.release.set()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await slow_open.all_closed()
