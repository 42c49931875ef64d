"""How tasks keep out of each other's way, and end together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random

import pytest

from dvc_osf.concurrency import (
    BufferBudget,
    KeyedLocks,
    finish,
    gather_or_cancel,
    in_background,
)

MIB = 1024 * 1024


class TestKeyedLocks:
    async def test_one_key_is_held_by_one_task_at_a_time(self):
        locks, inside, most = KeyedLocks(), 0, 0

        async def work():
            nonlocal inside, most
            async with locks.hold("a"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(work() for _ in range(10)))
        assert most == 1

    async def test_different_keys_do_not_wait_for_each_other(self):
        locks = KeyedLocks()
        async with locks.hold("a"), locks.hold("b"):
            pass

    async def test_waiters_come_in_turn(self):
        locks, order = KeyedLocks(), []

        async def work(number):
            async with locks.hold("a"):
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(work(number) for number in range(5)))
        assert order == [0, 1, 2, 3, 4]

    async def test_a_key_that_nobody_wants_is_forgotten(self, settle):
        locks = KeyedLocks()
        async with locks.hold("a"):
            waiting = asyncio.ensure_future(self._hold(locks, "a"))
            await settle()
            assert len(locks._locks) == 1
        await waiting
        assert locks._locks == {}

    async def test_an_error_inside_releases_it(self):
        locks = KeyedLocks()
        with pytest.raises(KeyError):
            async with locks.hold("a"):
                raise KeyError
        await self._hold(locks, "a")
        assert locks._locks == {}

    async def test_a_waiter_that_is_cancelled_leaves_no_trace(self, settle):
        locks = KeyedLocks()
        async with locks.hold("a"):
            waiting = [asyncio.ensure_future(self._hold(locks, "a")) for _ in range(2)]
            await settle()
            waiting[0].cancel()
            await settle()
            assert waiting[0].cancelled()
        await waiting[1]
        assert locks._locks == {}

    async def test_a_holder_that_is_cancelled_releases_it(self, settle):
        locks = KeyedLocks()

        async def forever():
            async with locks.hold("a"):
                await asyncio.Event().wait()

        holder = asyncio.ensure_future(forever())
        await settle()
        holder.cancel()
        await self._hold(locks, "a")
        assert locks._locks == {}

    @staticmethod
    async def _hold(locks, key):
        async with locks.hold(key):
            pass


class Holder:
    """A task that holds a part of a budget until it is told to stop."""

    def __init__(self, budget, size):
        self.size = size
        self.has_it = False
        self._stop = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(budget))

    async def _run(self, budget):
        async with budget.hold(self.size):
            self.has_it = True
            await self._stop.wait()
        self.has_it = False

    async def stop(self):
        self._stop.set()
        await self.task


@pytest.fixture
async def hold():
    holders = []

    def make(budget, size):
        holder = Holder(budget, size)
        holders.append(holder)
        return holder

    yield make
    for holder in holders:
        holder.task.cancel()
    await asyncio.gather(*(holder.task for holder in holders), return_exceptions=True)


class TestBufferBudget:
    async def test_large_buffers_fill_seven_eighths_and_not_a_byte_more(self, hold, settle):
        budget = BufferBudget(64 * MIB)
        first, second = hold(budget, 50 * MIB), hold(budget, 6 * MIB)
        await settle()
        assert first.has_it
        assert second.has_it
        third = hold(budget, 2 * MIB)
        await settle()
        assert not third.has_it
        await second.stop()
        await settle()
        assert third.has_it

    async def test_small_buffers_fill_one_eighth_and_not_a_byte_more(self, hold, settle):
        budget = BufferBudget(64 * MIB)
        small = [hold(budget, MIB) for _ in range(9)]
        await settle()
        assert sum(holder.has_it for holder in small) == 8
        await small[0].stop()
        await settle()
        assert small[8].has_it

    async def test_they_are_served_in_turn(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        first = hold(budget, 13 * MIB)
        large, fitting = hold(budget, 8 * MIB), hold(budget, 2 * MIB - 1)
        small_enough = hold(budget, MIB + 1)
        await settle()
        assert first.has_it
        # One byte is free: all wait, though the last might fit soon, so that the first is not
        # passed over for ever.
        assert not any(holder.has_it for holder in (large, fitting, small_enough))
        await first.stop()
        await settle()
        assert large.has_it
        assert fitting.has_it
        assert small_enough.has_it

    async def test_a_small_one_never_waits_behind_large_ones(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        hold(budget, 14 * MIB)
        queue = [hold(budget, 14 * MIB) for _ in range(3)]
        small = hold(budget, MIB)
        await settle()
        assert small.has_it
        assert not any(holder.has_it for holder in queue)

    async def test_more_than_there_is_counts_as_all_there_is(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        huge, other = hold(budget, 100 * MIB), hold(budget, 2 * MIB)
        await settle()
        assert huge.has_it
        assert not other.has_it
        await huge.stop()
        await settle()
        assert other.has_it
        await other.stop()
        again = hold(budget, 14 * MIB)
        await settle()
        assert again.has_it

    async def test_nothing_is_free(self, hold, settle):
        budget = BufferBudget(8 * MIB)
        nothing = hold(budget, 0)
        await settle()
        assert nothing.has_it

    async def test_a_waiter_that_is_cancelled_makes_room_for_the_next(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        hold(budget, 10 * MIB)
        blocked, fitting = hold(budget, 10 * MIB), hold(budget, 4 * MIB)
        await settle()
        assert not fitting.has_it
        blocked.task.cancel()
        await settle()
        assert fitting.has_it

    async def test_a_holder_that_is_cancelled_gives_its_bytes_back(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        holder = hold(budget, 14 * MIB)
        waiting = hold(budget, 14 * MIB)
        await settle()
        holder.task.cancel()
        await settle()
        assert waiting.has_it

    async def test_bytes_that_arrive_together_with_a_cancellation_are_given_back(
        self, hold, settle
    ):
        budget = BufferBudget(16 * MIB)
        holder, waiting = hold(budget, 14 * MIB), hold(budget, 14 * MIB)
        await settle()
        holder._stop.set()
        await holder.task
        # The bytes are the waiter's now, but it has not run yet.
        waiting.task.cancel()
        await settle()
        assert waiting.task.cancelled()
        everything = hold(budget, 14 * MIB)
        await settle()
        assert everything.has_it

    async def test_a_holder_and_a_waiter_may_be_cancelled_at_once(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        both = [hold(budget, 14 * MIB), hold(budget, 14 * MIB)]
        await settle()
        for holder in both:
            holder.task.cancel()
        ends = await asyncio.gather(*(holder.task for holder in both), return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
        everything = hold(budget, 14 * MIB)
        await settle()
        assert everything.has_it

    async def test_an_error_inside_gives_bytes_back(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        with pytest.raises(KeyError):
            async with budget.hold(14 * MIB):
                raise KeyError
        everything = hold(budget, 14 * MIB)
        await settle()
        assert everything.has_it

    async def test_taking_and_giving_by_hand(self, hold, settle):
        budget = BufferBudget(16 * MIB)
        await budget.acquire(14 * MIB)
        waiting = hold(budget, 2 * MIB)
        await settle()
        assert not waiting.has_it
        budget.release(14 * MIB)
        await settle()
        assert waiting.has_it

    @pytest.mark.parametrize("total", [2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 64 * MIB])
    @pytest.mark.parametrize("small", [MIB // 2, MIB])
    @pytest.mark.parametrize("large", [MIB + 1, 7 * MIB // 4, 3 * MIB])
    async def test_there_are_never_more_bytes_out_than_the_budget_has(
        self, hold, settle, total, small, large
    ):
        budget = BufferBudget(total)
        holders = [hold(budget, size) for size in [small, large] * 70 if size <= total]
        await settle()
        assert 0 < sum(holder.size for holder in holders if holder.has_it) <= total

    @pytest.mark.parametrize("seed", range(8))
    async def test_after_any_mixture_of_use_and_cancellation_all_of_it_is_free(self, seed):
        chance = random.Random(seed)
        total = 16 * MIB
        budget, out = BufferBudget(total), [0]

        async def use():
            size = chance.choice([1, MIB // 3, MIB, 2 * MIB, 5 * MIB, 14 * MIB])
            async with budget.hold(size):
                out[0] += size
                try:
                    assert out[0] <= total
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                finally:
                    out[0] -= size

        tasks = [asyncio.ensure_future(use()) for _ in range(60)]
        while not all(task.done() for task in tasks):
            if chance.random() < 0.5:
                for task in chance.sample(tasks, 3):
                    task.cancel()
            await asyncio.sleep(0)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError}
        for size in (14 * MIB, MIB, MIB):
            await asyncio.wait_for(budget.acquire(size), 10)


class TestGatherOrCancel:
    async def test_results_come_in_order(self):
        async def give(value, turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            return value

        assert await gather_or_cancel([give(1, 5), give(2, 0), give(3, 2)]) == [1, 2, 3]

    async def test_nothing_to_do_is_done(self):
        assert await gather_or_cancel([]) == []

    async def test_a_failure_ends_the_others_before_it_is_raised(self):
        ended = []

        async def forever(number):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append(number)

        async def fail():
            await asyncio.sleep(0)
            raise KeyError("x")

        with pytest.raises(KeyError):
            await gather_or_cancel([forever(1), fail(), forever(2)])
        assert ended == [1, 2]

    async def test_cancelling_the_caller_ends_all(self, settle):
        ended = []

        async def forever(number):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append(number)

        caller = asyncio.ensure_future(gather_or_cancel([forever(1), forever(2)]))
        await settle()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended == [1, 2]

    async def test_of_two_failures_the_first_is_raised_and_none_is_forgotten(self, caplog):
        async def fail(turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            raise KeyError(turns)

        with pytest.raises(KeyError, match="1"):
            await gather_or_cancel([fail(2), fail(1)])
        assert caplog.records == []


class TestInBackground:
    async def test_work_goes_on_beside_the_caller(self):
        begun = asyncio.Event()

        async def work():
            begun.set()

        async with in_background([work()]):
            await begun.wait()

    async def test_what_is_not_done_at_the_end_is_cancelled(self, settle):
        ended = []

        async def forever():
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        async with in_background([forever(), forever()]):
            await settle()
        assert ended == [True, True]

    async def test_its_failures_do_not_disturb_the_caller(self, settle):
        async def fail():
            raise KeyError

        async with in_background([fail()]):
            await settle()

    async def test_an_error_of_the_caller_ends_it_too(self, settle):
        ended = []

        async def forever():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            ended.append(True)

        async def fail():
            async with in_background([forever()]):
                await settle()
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert ended == [True]


class TestFinish:
    async def test_the_result_is_returned(self):
        async def work():
            return 7

        assert await finish(work()) == 7

    async def test_a_failure_is_raised(self):
        async def work():
            raise KeyError

        with pytest.raises(KeyError):
            await finish(work())

    @pytest.mark.parametrize("times", [1, 3])
    async def test_however_often_the_task_is_cancelled_the_work_is_done_first(self, settle, times):
        release, done = asyncio.Event(), []

        async def work():
            await release.wait()
            done.append(True)

        task = asyncio.ensure_future(finish(work()))
        await settle()
        for _ in range(times):
            task.cancel()
            await settle()
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [True]

    async def test_a_failure_after_a_cancellation_disturbs_nobody(self, settle, caplog):
        release = asyncio.Event()

        async def work():
            await release.wait()
            raise KeyError

        task = asyncio.ensure_future(finish(work()))
        await settle()
        task.cancel()
        await settle()
        release.set()
        await asyncio.wait({task})
        assert task.cancelled()
        del task
        gc.collect()
        await settle()
        assert caplog.records == []
