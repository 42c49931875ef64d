"""The caller's file objects: read and written in threads of their own."""

from __future__ import annotations

import asyncio
import contextvars
import io
import os
import threading

import pytest

from dvc_osf.fileobjects import in_own_thread, write_all


class TestThreads:
    async def test_the_result_arrives(self):
        thread = await in_own_thread(lambda *args: (*args, threading.current_thread()), 1)
        assert thread[0] == 1
        assert thread[1] is not threading.current_thread()
        # No process waits for a file object that gives nothing any more.
        assert thread[1].daemon

    async def test_an_error_arrives(self):
        with pytest.raises(ZeroDivisionError):
            await in_own_thread(lambda: 1 / 0)

    async def test_an_error_that_no_future_takes_arrives_nevertheless(self):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await in_own_thread(lambda: next(iter(())))

    async def test_context_variables_are_those_of_the_task(self):
        variable = contextvars.ContextVar("variable", default=0)
        variable.set(7)
        assert await in_own_thread(variable.get) == 7

    async def test_any_number_may_wait_at_once(self):
        together = threading.Barrier(100, timeout=60)
        await asyncio.gather(*(in_own_thread(together.wait) for _ in range(100)))

    async def test_a_task_that_is_cancelled_does_not_wait(self):
        begun, go_on, ended = (threading.Event() for _ in range(3))

        def work():
            begun.set()
            go_on.wait(60)
            ended.set()

        task = asyncio.ensure_future(in_own_thread(work))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ended.is_set()
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 60)

    def test_a_loop_may_be_closed_before_the_end(self, recwarn):
        begun, go_on, threads = threading.Event(), threading.Event(), []

        def work():
            threads.append(threading.current_thread())
            begun.set()
            go_on.wait(60)

        async def begin():
            task = asyncio.ensure_future(in_own_thread(work))
            await asyncio.to_thread(begun.wait, 60)
            task.cancel()

        asyncio.run(begin())
        go_on.set()
        threads[0].join(60)
        assert not threads[0].is_alive()
        assert not recwarn.list


class Few(io.RawIOBase):
    """Takes at most so many bytes at a time, and says what it is told to say."""

    def __init__(self, most, says=len):
        super().__init__()
        self.most, self.says, self.taken = most, says, []

    def write(self, data):
        self.taken.append(bytes(data[: self.most]))
        return self.says(data[: self.most])


class TestWriting:
    def test_what_is_taken_in_part_is_followed_by_the_rest(self):
        target = Few(4)
        write_all(b"0123456789", target, "get_file osf://f")
        assert target.taken == [b"0123", b"4567", b"89"]

    def test_nothing_is_written_where_there_is_nothing(self):
        target = Few(4)
        write_all(b"", target, "get_file osf://f")
        assert target.taken == []

    @pytest.mark.parametrize("said", [None, 10, 11])
    def test_who_does_not_say_less_has_taken_all(self, said):
        target = Few(10, lambda _: said)
        write_all(b"0123456789", target, "get_file osf://f")
        assert target.taken == [b"0123456789"]

    def test_who_takes_nothing_is_not_asked_for_ever(self):
        with pytest.raises(OSError, match=r"get_file osf://f: .*no bytes"):
            write_all(b"0123456789", Few(0), "get_file osf://f")

    @pytest.mark.skipif(not hasattr(os, "set_blocking"), reason="needs pipes that do not block")
    def test_who_takes_no_more_and_does_not_wait_is_an_error(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with (
            os.fdopen(reading, "rb"),
            os.fdopen(writing, "wb", buffering=0) as target,
            pytest.raises(BlockingIOError, match=r"get_file osf://f: .* of 10000000 bytes"),
        ):
            write_all(bytes(10_000_000), target, "get_file osf://f")
