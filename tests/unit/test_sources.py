"""What is uploaded: read, hashed and handed out piece by piece, within a budget."""

from __future__ import annotations

import array
import asyncio
import hashlib
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import aiofiles.threadpool
import pytest

from dvc_osf import sources
from dvc_osf.concurrency import BufferBudget
from dvc_osf.exceptions import OSFException
from dvc_osf.messages import PIECE
from dvc_osf.sources import AsyncMD5, BytesSource, FileSource, SmallFileSource, md5_of
from dvc_osf.utils import ProgressTracker

MIB = 1024 * 1024
CHUNK = 2 * MIB


def content_of(size):
    return random.Random(size).randbytes(size)


class CountingBudget(BufferBudget):
    """Knows how much of it is out."""

    def __init__(self, total=64 * MIB):
        super().__init__(total)
        self.out = 0
        self.most = 0

    async def acquire(self, size):
        await super().acquire(size)
        self.out += size
        self.most = max(self.most, self.out)

    def release(self, size):
        super().release(size)
        self.out -= size


@pytest.fixture
def budget():
    return CountingBudget()


@pytest.fixture
def source_of(tmp_path, budget):
    """Return a function that writes a file and makes a source of it."""

    def make(size, chunk_size=CHUNK, budget=budget):
        file = tmp_path / f"file-{size}"
        file.write_bytes(content_of(size))
        return FileSource(str(file), size, chunk_size, budget)

    return make


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


async def read_all(body):
    try:
        return b"".join([bytes(piece) async for piece in body])
    finally:
        await body.aclose()


def nobody():
    return ProgressTracker(None)


class TestMD5:
    @pytest.mark.parametrize("size", [0, 1, 65535, 65536, 3 * MIB])
    async def test_it_is_pythons(self, size):
        data = content_of(size)
        assert await md5_of(data) == hashlib.md5(data).hexdigest()
        assert await md5_of(memoryview(data)) == hashlib.md5(data).hexdigest()

    async def test_chunks_are_hashed_in_the_order_of_the_calls(self):
        digest = AsyncMD5()
        chunks = [content_of(size) for size in (MIB, 1, 3 * MIB, 7, 0, MIB)]
        await asyncio.gather(*[digest.update(chunk) for chunk in chunks])
        assert digest.hexdigest() == hashlib.md5(b"".join(chunks)).hexdigest()
        digest.close()

    async def test_nothing_has_a_checksum_too(self):
        digest = AsyncMD5()
        assert digest.hexdigest() == hashlib.md5(b"").hexdigest()
        digest.close()


class TestBytes:
    async def test_bytes_are_what_is_sent(self):
        source = BytesSource(b"hello")
        assert source.size == 5
        assert await source.md5() == hashlib.md5(b"hello").hexdigest()
        assert await source.md5() == hashlib.md5(b"hello").hexdigest()
        for _ in range(2):
            assert await read_all(source.body(nobody())) == b"hello"

    async def test_each_attempt_begins_from_nothing(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=5)
        progress.update(3)
        BytesSource(b"hello").body(progress)
        assert progress.done == 0


class TestFiles:
    @pytest.mark.parametrize(
        "size",
        [1, PIECE, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + PIECE + 7, 5 * CHUNK - 3],
    )
    async def test_all_of_it_is_sent_whatever_its_size(self, source_of, budget, size):
        source = source_of(size)
        body = source.body(nobody())
        assert body.size == size
        assert await read_all(body) == content_of(size)
        assert body.failure is None
        assert budget.out == 0

    async def test_pieces_are_small_and_never_empty(self, source_of):
        body = source_of(2 * CHUNK + 5).body(nobody())
        sizes = [len(piece) async for piece in body]
        await body.aclose()
        assert min(sizes) > 0
        assert max(sizes) <= PIECE
        assert sum(sizes) == 2 * CHUNK + 5

    async def test_the_checksum_of_what_was_sent_needs_no_second_reading(self, source_of):
        source = source_of(3 * CHUNK + 1)
        await read_all(source.body(nobody()))
        os.unlink(source.path)
        assert await source.md5() == hashlib.md5(content_of(3 * CHUNK + 1)).hexdigest()

    async def test_it_is_known_although_nobody_asked_for_the_end(self, source_of):
        source = source_of(CHUNK)
        body, got = source.body(nobody()), 0
        async for piece in body:
            got += len(piece)
            if got == CHUNK:
                # The answer may come before anybody asks whether there is more.
                break
        await body.aclose()
        os.unlink(source.path)
        assert await source.md5() == hashlib.md5(content_of(CHUNK)).hexdigest()

    async def test_the_checksum_before_anything_is_sent_is_read_from_the_file(self, source_of):
        source = source_of(CHUNK + 1)
        assert await source.md5() == hashlib.md5(content_of(CHUNK + 1)).hexdigest()

    async def test_the_checksum_is_not_that_of_an_attempt_that_broke_off(self, source_of):
        source = source_of(3 * CHUNK)
        body = source.body(nobody())
        await anext(body)
        await body.aclose()
        assert await source.md5() == hashlib.md5(content_of(3 * CHUNK)).hexdigest()

    async def test_every_attempt_reads_the_file_anew(self, source_of, budget):
        source = source_of(2 * CHUNK)
        for _ in range(3):
            assert await read_all(source.body(nobody())) == content_of(2 * CHUNK)
        assert budget.out == 0

    async def test_of_a_file_that_grows_the_size_that_was_announced_is_sent(self, source_of):
        source = source_of(CHUNK + 1)
        append(source.path, b"more" * MIB)
        assert await read_all(source.body(nobody())) == content_of(CHUNK + 1)
        assert await source.md5() == hashlib.md5(content_of(CHUNK + 1)).hexdigest()

    @pytest.mark.parametrize("left", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1])
    async def test_a_file_that_shrinks_is_a_clear_error(self, source_of, budget, left):
        source = source_of(2 * CHUNK)
        os.truncate(source.path, left)
        body = source.body(nobody())
        with pytest.raises(OSFException, match="became shorter while it was read") as caught:
            await read_all(body)
        assert body.failure is caught.value
        assert source.path in str(caught.value)
        assert caught.value.total_size == 2 * CHUNK
        assert budget.out == 0
        with pytest.raises(OSFException, match="became shorter"):
            await source.md5()

    async def test_a_file_that_is_gone_is_the_error_that_it_is(self, source_of, budget):
        source = source_of(CHUNK)
        os.unlink(source.path)
        body = source.body(nobody())
        with pytest.raises(FileNotFoundError) as caught:
            await read_all(body)
        assert body.failure is caught.value
        assert budget.out == 0

    async def test_progress_follows_the_pieces(self, source_of):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=CHUNK + 1)
        await read_all(source_of(CHUNK + 1).body(progress))
        assert [done for done, _ in heard] == [
            *range(PIECE, CHUNK + 1, PIECE),
            CHUNK + 1,
        ]

    async def test_each_attempt_begins_from_nothing(self, source_of):
        progress = ProgressTracker(None, total=CHUNK)
        source = source_of(CHUNK)
        await read_all(source.body(progress))
        assert progress.done == CHUNK
        await source.body(progress).aclose()
        assert progress.done == 0


@pytest.fixture
def read_by(monkeypatch):
    """Return a function that says how files are read from now on."""

    def install(read):
        async def read_in_thread(self, size=-1):
            return await asyncio.to_thread(read, self._file, size)

        for name in ("AsyncFileIO", "AsyncBufferedReader", "AsyncBufferedIOBase"):
            monkeypatch.setattr(getattr(aiofiles.threadpool.binary, name), "read", read_in_thread)

    return install


class TestReadingGoesWrong:
    @pytest.mark.parametrize("error", [OSError(5, "Input/output error"), PermissionError(13, "no")])
    async def test_a_disk_that_fails_midway_is_the_error_that_it_is(
        self, source_of, budget, read_by, error
    ):
        reads = []

        def read(file, size):
            reads.append(size)
            if len(reads) == 2:
                raise error
            return file.read(size)

        source = source_of(3 * CHUNK)
        read_by(read)
        body = source.body(nobody())
        with pytest.raises(OSError, match=error.strerror) as caught:
            await read_all(body)
        assert caught.value is error
        assert body.failure is error
        assert budget.out == 0

    @pytest.mark.parametrize("kind", [MemoryError, RuntimeError, ValueError])
    async def test_any_other_failure_of_the_reader_ends_the_body_too(
        self, source_of, budget, read_by, kind
    ):
        def read(_file, _size):
            raise kind("cannot start new thread")

        source = source_of(3 * CHUNK)
        read_by(read)
        body = source.body(nobody())
        with pytest.raises(kind):
            await asyncio.wait_for(read_all(body), 3)
        assert isinstance(body.failure, kind)
        assert budget.out == 0

    async def test_a_disk_that_gives_less_than_was_asked_for_is_read_on(self, source_of, read_by):
        source = source_of(2 * CHUNK + 7)
        read_by(lambda file, size: file.read(min(size, 100_000)))
        assert await read_all(source.body(nobody())) == content_of(2 * CHUNK + 7)


class TestBudget:
    async def test_only_a_few_chunks_are_in_memory(self, source_of, budget):
        await read_all(source_of(12 * CHUNK).body(nobody()))
        assert CHUNK <= budget.most <= 4 * CHUNK

    async def test_reading_is_ahead_of_sending(self, source_of, budget, until):
        body = source_of(4 * CHUNK).body(nobody())
        await anext(body)
        # The first chunk is being sent, and the next is read already.
        await until(lambda: budget.out >= 2 * CHUNK)
        await body.aclose()

    async def test_nothing_is_read_before_it_is_wanted(self, source_of, budget, settle):
        body = source_of(4 * CHUNK).body(nobody())
        await settle()
        assert budget.most == 0
        await body.aclose()

    @pytest.mark.parametrize("pieces", [0, 1, 7, 8, 9, 20])
    async def test_a_body_that_is_closed_midway_gives_all_of_it_back(
        self, source_of, budget, pieces
    ):
        body = source_of(4 * CHUNK).body(nobody())
        for _ in range(pieces):
            await anext(body)
        await body.aclose()
        assert budget.out == 0
        await body.aclose()
        assert budget.out == 0

    async def test_a_task_that_is_cancelled_gives_all_of_it_back(self, source_of, budget, until):
        taken = []

        async def send(body):
            try:
                async for piece in body:
                    taken.append(len(piece))
                    if len(taken) == 3:
                        await asyncio.Event().wait()
            finally:
                await body.aclose()

        sending = asyncio.ensure_future(send(source_of(4 * CHUNK).body(nobody())))
        await until(lambda: len(taken) == 3)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert budget.out == 0

    async def test_a_task_that_is_cancelled_while_it_waits_for_bytes_gives_all_of_it_back(
        self, source_of, until
    ):
        budget = CountingBudget(16 * MIB)
        await budget.acquire(14 * MIB)
        sending = asyncio.ensure_future(read_all(source_of(CHUNK, budget=budget).body(nobody())))
        await until(lambda: budget._large._waiting)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        budget.release(14 * MIB)
        await asyncio.wait_for(budget.acquire(14 * MIB), 5)

    async def test_a_body_whose_closing_is_cancelled_gives_all_of_it_back(
        self, source_of, budget, monkeypatch, until, settle
    ):
        release, hashed = threading.Event(), threading.Event()

        class SlowDigest:
            def update(self, _chunk):
                release.wait(10)
                hashed.set()

            def hexdigest(self):
                return "0" * 32

        source = source_of(CHUNK)
        monkeypatch.setattr(hashlib, "md5", lambda *_args, **_options: SlowDigest())
        body = source.body(nobody())
        for _ in range(CHUNK // PIECE):
            await anext(body)
        # aiohttp asks whether there is more, and gives up when the answer comes.
        asking = asyncio.ensure_future(anext(body))
        await settle()
        asking.cancel()
        await until(body._reader.done)
        closing = asyncio.ensure_future(body.aclose())
        await settle()
        closing.cancel()
        await settle()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await until(lambda: budget.out == 0, patience=3)
        # Nor more than all of it, when the thread is through at last.
        await until(hashed.is_set)
        await asyncio.to_thread(release.wait)
        await settle()
        assert budget.out == 0

    async def test_a_body_may_be_closed_while_it_is_asked_for_more(
        self, source_of, budget, monkeypatch, settle
    ):
        release = threading.Event()

        class SlowDigest:
            def update(self, _chunk):
                release.wait(10)

            def hexdigest(self):
                return "0" * 32

        source = source_of(CHUNK)
        monkeypatch.setattr(hashlib, "md5", lambda *_args, **_options: SlowDigest())
        body = source.body(nobody())
        for _ in range(CHUNK // PIECE):
            await anext(body)
        # The answer has begun, so the body is closed; aiohttp's writer ends when all of it is read.
        asking = asyncio.ensure_future(anext(body))
        await settle()
        closing = asyncio.ensure_future(body.aclose())
        await settle()
        release.set()
        await closing
        with pytest.raises(StopAsyncIteration):
            await asking
        assert await source.md5() == "0" * 32
        assert budget.out == 0

    @pytest.mark.parametrize("total", [CHUNK // 2, CHUNK, 2 * CHUNK, 3 * CHUNK])
    async def test_a_small_budget_is_enough_for_many(self, source_of, total):
        budget = CountingBudget(total)
        sources = [source_of(3 * CHUNK + number, budget=budget) for number in range(4)]
        bodies = await asyncio.wait_for(
            asyncio.gather(*(read_all(source.body(nobody())) for source in sources)), 30
        )
        assert [len(body) for body in bodies] == [3 * CHUNK + number for number in range(4)]
        assert budget.out == 0


class TestOpenFiles:
    async def test_a_file_that_opens_after_the_upload_was_cancelled_is_closed(
        self, source_of, slow_open, until
    ):
        sending = asyncio.ensure_future(read_all(source_of(CHUNK).body(nobody())))
        await until(slow_open.entered.is_set)
        sending.cancel()
        await asyncio.sleep(0)
        slow_open.release.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await slow_open.all_closed()

    async def test_a_body_that_is_closed_while_its_file_is_closing_closes_it(
        self, source_of, slow_open, read_by
    ):
        threads, release = ThreadPoolExecutor(1), threading.Event()
        asyncio.get_running_loop().set_default_executor(threads)

        def read_and_be_busy(file, size):
            data = file.read(size)
            # Whatever comes next waits for its turn, as it does where many files are under way.
            threads.submit(release.wait, 10)
            return data

        slow_open.release.set()
        read_by(read_and_be_busy)
        body = source_of(CHUNK).body(nobody())
        for _ in range(CHUNK // PIECE):
            await anext(body)
        # The answer is there already.
        ending = asyncio.ensure_future(body.aclose())
        await asyncio.wait({ending}, timeout=0.1)
        release.set()
        await ending
        await slow_open.all_closed()

    async def test_a_small_file_is_not_open_while_it_is_sent(self, small_source, monkeypatch):
        files = []

        def keep(*args):
            files.append(open(*args))  # noqa: SIM115 - closed by whom it is tested on
            return files[-1]

        monkeypatch.setattr(sources, "open", keep, raising=False)
        body = small_source.body(nobody())
        await anext(body)
        assert [file.closed for file in files] == [True]
        await body.aclose()


@pytest.fixture
def small_source(tmp_path, budget):
    (tmp_path / "small").write_bytes(b"hello")
    return SmallFileSource(str(tmp_path / "small"), 5, budget)


class TestSmallFiles:
    async def test_a_small_file_is_read_when_its_turn_comes(self, small_source, budget):
        body = small_source.body(nobody())
        assert body.size == 5
        assert budget.out == 0
        assert bytes(await anext(body)) == b"hello"
        assert budget.out == 5
        with pytest.raises(StopAsyncIteration):
            await anext(body)
        await body.aclose()
        assert budget.out == 0
        await body.aclose()
        assert budget.out == 0

    async def test_every_attempt_reads_the_file_anew(self, small_source):
        assert await read_all(small_source.body(nobody())) == b"hello"
        with open(small_source.path, "wb") as file:  # noqa: ASYNC230
            file.write(b"HELLO")
        assert await read_all(small_source.body(nobody())) == b"HELLO"
        assert await small_source.md5() == hashlib.md5(b"HELLO").hexdigest()

    async def test_the_checksum_of_what_was_sent_needs_no_second_reading(self, small_source):
        await read_all(small_source.body(nobody()))
        os.unlink(small_source.path)
        assert await small_source.md5() == hashlib.md5(b"hello").hexdigest()

    async def test_the_checksum_before_anything_is_sent_is_read_from_the_file(self, small_source):
        assert await small_source.md5() == hashlib.md5(b"hello").hexdigest()

    async def test_each_attempt_begins_from_nothing(self, small_source):
        progress = ProgressTracker(None, total=5)
        progress.update(3)
        small_source.body(progress)
        assert progress.done == 0

    async def test_of_a_file_that_grows_the_size_that_was_announced_is_sent(self, small_source):
        append(small_source.path, b" again")
        assert await read_all(small_source.body(nobody())) == b"hello"
        assert await small_source.md5() == hashlib.md5(b"hello").hexdigest()

    async def test_a_file_that_shrinks_is_a_clear_error(self, small_source, budget):
        os.truncate(small_source.path, 3)
        body = small_source.body(nobody())
        with pytest.raises(OSFException, match="became shorter") as caught:
            await read_all(body)
        assert body.failure is caught.value
        assert budget.out == 0

    async def test_one_that_is_gone_is_the_error_that_it_is(self, small_source, budget):
        os.unlink(small_source.path)
        body = small_source.body(nobody())
        with pytest.raises(FileNotFoundError) as caught:
            await read_all(body)
        assert body.failure is caught.value
        assert budget.out == 0

    async def test_an_empty_one_is_sent_too(self, tmp_path, budget):
        (tmp_path / "empty").touch()
        source = SmallFileSource(str(tmp_path / "empty"), 0, budget)
        assert await read_all(source.body(nobody())) == b""
        assert await source.md5() == hashlib.md5(b"").hexdigest()

    async def test_one_that_is_cancelled_while_it_waits_gives_nothing_back(
        self, small_source, budget, settle
    ):
        for _ in range(8):
            await budget.acquire(MIB)
        waiting = asyncio.ensure_future(read_all(small_source.body(nobody())))
        await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert budget.out == 8 * MIB


class TestLayouts:
    @pytest.mark.parametrize(
        "data",
        [
            bytearray(b"hello"),
            memoryview(b"hello"),
            memoryview(b"xhxexlxlxox")[1::2],
            array.array("H", [1, 2, 3]),
            memoryview(array.array("d", [1.5, 2.5])),
            memoryview(b"123456").cast("B", (2, 3)),
            b"",
            memoryview(b""),
        ],
    )
    async def test_bytes_in_any_layout_are_bytes(self, data):
        source = BytesSource(data)
        expected = bytes(data)
        assert source.size == len(expected)
        assert await read_all(source.body(nobody())) == expected
        assert await source.md5() == hashlib.md5(expected).hexdigest()
