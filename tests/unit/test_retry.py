"""When to try again, and the gate that a 429 closes for everybody; no test waits."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from dvc_osf.exceptions import (
    OSFAuthenticationError,
    OSFCertificateError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFIntegrityError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
    error_for_status,
)
from dvc_osf.retry import (
    Clock,
    RateGate,
    attempts,
    is_interruption,
    is_transient,
    look_until,
    patience_after,
    retry_after_seconds,
)

PLACE = "abc12/osfstorage/a"


class TestWhatIsWorthAnotherTry:
    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_a_server_in_trouble_is(self, status):
        assert is_transient(error_for_status(status, "x"))

    @pytest.mark.parametrize(
        "status", [400, 401, 403, 404, 405, 409, 410, 411, 413, 423, 429, 501, 507]
    )
    def test_a_refusal_is_not(self, status):
        assert not is_transient(error_for_status(status, "x"))

    @pytest.mark.parametrize("cls", [OSFConnectionError, OSFIntegrityError, OSFTimeoutError])
    def test_a_lost_connection_silence_and_damage_are(self, cls):
        assert is_transient(cls("x"))

    @pytest.mark.parametrize(
        "cls",
        [
            OSFAuthenticationError,
            OSFCertificateError,
            OSFException,
            OSFFileLockedError,
            OSFNotFoundError,
            OSFPermissionError,
            OSFQuotaExceededError,
            OSFRateLimitError,
            OSFServerError,
            OSFVersionConflictError,
            OSError,
            TimeoutError,
            ConnectionError,
            ValueError,
            asyncio.CancelledError,
            KeyboardInterrupt,
        ],
    )
    def test_anything_else_is_not(self, cls):
        assert not is_transient(cls("x"))


class Work:
    """Fails as it is told, then succeeds."""

    def __init__(self, clock, stats, *failures, max_retries=5):
        self.failures = list(failures)
        self.calls = 0
        self._policy = attempts(max_retries, clock, stats, "put_file", PLACE)

    async def run(self):
        async for attempt in self._policy:
            with attempt:
                self.calls += 1
                if self.failures:
                    raise self.failures.pop(0)
                result = "done"
        return result


class TestAttempts:
    async def test_what_works_is_done_once(self, clock, stats):
        work = Work(clock, stats)
        assert await work.run() == "done"
        assert (work.calls, stats.retries, clock.pauses) == (1, 0, [])

    async def test_a_passing_failure_is_outlasted(self, clock, stats):
        work = Work(clock, stats, OSFConnectionError("x"), OSFServerError("y", status=503))
        assert await work.run() == "done"
        assert (work.calls, stats.retries) == (3, 2)

    @pytest.mark.parametrize("max_retries", [0, 1, 4])
    async def test_after_the_last_try_the_error_says_how_many_there_were(
        self, clock, stats, max_retries
    ):
        failures = [OSFServerError("down", status=503) for _ in range(9)]
        work = Work(clock, stats, *failures, max_retries=max_retries)
        with pytest.raises(OSFServerError) as caught:
            await work.run()
        assert work.calls == max_retries + 1
        assert stats.retries == max_retries
        assert caught.value is failures[max_retries]
        assert caught.value.attempts == max_retries + 1
        if max_retries:
            assert f"{max_retries + 1} attempts" in str(caught.value)

    @pytest.mark.parametrize(
        "error",
        [
            OSFVersionConflictError("exists", status=409),
            OSFPermissionError("no", status=403),
            OSFQuotaExceededError("full", status=507),
            OSFRateLimitError("enough", status=429),
            ValueError("ours"),
        ],
    )
    async def test_a_refusal_is_final_at_once(self, clock, stats, error):
        work = Work(clock, stats, error)
        with pytest.raises(type(error)) as caught:
            await work.run()
        assert caught.value is error
        assert (work.calls, stats.retries, clock.pauses) == (1, 0, [])

    async def test_a_refusal_after_failures_says_how_many_tries_there_were(self, clock, stats):
        work = Work(clock, stats, OSFConnectionError("x"), OSFPermissionError("no", status=403))
        with pytest.raises(OSFPermissionError) as caught:
            await work.run()
        assert caught.value.attempts == 2

    async def test_cancellation_is_not_outlasted(self, clock, stats):
        work = Work(clock, stats, asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            await work.run()
        assert work.calls == 1

    async def test_pauses_grow_and_differ_and_have_a_limit(self, clock, stats):
        failures = [OSFConnectionError("x") for _ in range(12)]
        await Work(clock, stats, *failures, max_retries=12).run()
        assert len(clock.pauses) == 12
        for number, pause in enumerate(clock.pauses):
            least = min(0.5 * 2**number, 30)
            assert least <= pause <= least + 0.5
        assert len(set(clock.pauses)) == 12

    async def test_each_new_try_is_announced(self, clock, stats, caplog):
        error = OSFServerError("the OSF failed", status=503, path=PLACE)
        with caplog.at_level(logging.WARNING, "dvc_osf"):
            await Work(clock, stats, error, OSFConnectionError("lost")).run()
        first, second = (record.getMessage() for record in caplog.records)
        assert first.startswith(
            f"put_file osf://{PLACE}: the OSF failed (HTTP 503); attempt 2 of 6"
        )
        assert f"follows in {clock.pauses[0]:.1f} s" in first
        assert "lost; attempt 3 of 6" in second
        assert error.hint not in first

    @pytest.mark.parametrize(
        "error",
        [
            OSFPermissionError("no", status=403, path=PLACE, operation="put_file"),
            OSFQuotaExceededError("full", status=507, path=PLACE, operation="put_file"),
            OSFRateLimitError("enough", status=429, path=PLACE, operation="put_file"),
        ],
    )
    async def test_a_refusal_is_logged_as_an_error(self, clock, stats, caplog, error):
        with caplog.at_level(logging.DEBUG, "dvc_osf"), pytest.raises(type(error)):
            await Work(clock, stats, error).run()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert record.getMessage() == str(error)
        assert f"put_file osf://{PLACE}" in record.getMessage()

    async def test_what_is_tried_again_and_given_up_is_warnings_and_an_error(
        self, clock, stats, caplog
    ):
        failures = [OSFConnectionError("lost") for _ in range(3)]
        with caplog.at_level(logging.DEBUG, "dvc_osf"), pytest.raises(OSFConnectionError):
            await Work(clock, stats, *failures, max_retries=2).run()
        levels = [record.levelno for record in caplog.records]
        assert levels == [logging.WARNING, logging.WARNING, logging.ERROR]
        assert "3 attempts" in caplog.records[-1].getMessage()

    @pytest.mark.parametrize(
        "error",
        [OSFNotFoundError("gone", status=404), OSFVersionConflictError("exists", status=409)],
    )
    async def test_that_something_is_there_or_not_is_an_answer(self, clock, stats, caplog, error):
        with caplog.at_level(logging.DEBUG, "dvc_osf"), pytest.raises(type(error)):
            await Work(clock, stats, error).run()
        assert caplog.records == []

    async def test_the_policy_can_be_asked_for_again(self, clock, stats):
        for _ in range(2):
            work = Work(clock, stats, OSFConnectionError("x"), max_retries=1)
            assert await work.run() == "done"


class TestInterruptions:
    @pytest.mark.parametrize("cls", [OSFConnectionError, OSFTimeoutError])
    def test_a_transfer_goes_on_after_a_lost_connection(self, cls):
        assert is_interruption(cls("x"))

    def test_damaged_bytes_are_fetched_anew(self):
        assert not is_interruption(OSFIntegrityError("x"))

    def test_a_refusal_is_no_interruption(self):
        assert not is_interruption(OSFPermissionError("x", status=403))

    async def test_a_policy_may_be_narrower(self, clock, stats):
        async def damaged():
            async for attempt in attempts(5, clock, stats, "get_file", PLACE, is_interruption):
                with attempt:
                    raise OSFIntegrityError("damaged")

        with pytest.raises(OSFIntegrityError) as caught:
            await damaged()
        assert caught.value.attempts == 1
        assert clock.pauses == []

    async def test_what_a_narrower_policy_leaves_is_not_given_up(self, clock, stats, caplog):
        async def damaged_once():
            async for attempt in attempts(5, clock, stats, "get_file", PLACE, is_interruption):
                with attempt:
                    if stats.retries == 0:
                        raise OSFIntegrityError("damaged")

        with caplog.at_level(logging.ERROR, "dvc_osf"):
            async for attempt in attempts(5, clock, stats, "get_file", PLACE):
                with attempt:
                    await damaged_once()
        assert stats.retries == 1
        assert caplog.records == []

    @pytest.mark.parametrize("status", [403, 503])
    async def test_a_policy_around_another_does_not_log_again(self, clock, stats, caplog, status):
        async def inner():
            async for attempt in attempts(0, clock, stats, "ls", PLACE):
                with attempt:
                    raise error_for_status(status, "no")

        async def outer():
            async for attempt in attempts(2, clock, stats, "put_file", PLACE):
                with attempt:
                    await inner()

        with caplog.at_level(logging.DEBUG, "dvc_osf"), pytest.raises(OSFException):
            await outer()
        assert [record.levelno for record in caplog.records] == [logging.ERROR]

    async def test_a_policy_around_another_does_not_multiply_tries(self, clock, stats):
        tries = []

        async def inner():
            async for attempt in attempts(2, clock, stats, "ls", PLACE):
                with attempt:
                    tries.append(1)
                    raise OSFServerError("down", status=503)

        async def outer():
            async for attempt in attempts(2, clock, stats, "put_file", PLACE):
                with attempt:
                    await inner()

        with pytest.raises(OSFServerError) as caught:
            await outer()
        assert len(tries) == 3
        assert stats.retries == 2
        assert caught.value.attempts == 3


class TestPatience:
    @pytest.mark.parametrize(
        "error",
        [
            OSFConnectionError("reset", bytes_uploaded=3, total_size=9),
            OSFConnectionError("refused"),
            OSFConnectionError("refused", total_size=0),
            OSFPermissionError("no", status=403, bytes_uploaded=9, total_size=9),
            OSFVersionConflictError("x", status=409, bytes_uploaded=9, total_size=9),
            OSFCertificateError("x", bytes_uploaded=9, total_size=9),
            ValueError("x"),
        ],
    )
    def test_what_did_not_leave_whole_or_was_refused_cannot_arrive_late(self, error):
        assert patience_after(error, 300) is None

    @pytest.mark.parametrize("status", [500, 503])
    def test_after_the_servers_own_answer_one_look_is_enough(self, status):
        error = OSFServerError("x", status=status, bytes_uploaded=9, total_size=9)
        assert patience_after(error, 300) == 0

    @pytest.mark.parametrize(
        ("cls", "status"),
        [
            (OSFConnectionError, None),
            (OSFTimeoutError, None),
            (OSFServerError, 502),
            (OSFTimeoutError, 504),
            (OSFTimeoutError, 408),
        ],
    )
    def test_after_a_lost_answer_it_may_arrive_for_as_long_as_a_request_lives(self, cls, status):
        error = cls("x", status=status, bytes_uploaded=9, total_size=9)
        assert patience_after(error, 300) == 300

    def test_an_empty_body_can_have_left_too(self):
        assert patience_after(OSFConnectionError("x", bytes_uploaded=0, total_size=0), 300) == 300


class TestLooking:
    @staticmethod
    def appearing_after(looks):
        seen = []

        async def look():
            seen.append(1)
            return "found" if len(seen) > looks else None

        return look, seen

    async def test_what_is_there_is_found_at_once(self, clock):
        look, seen = self.appearing_after(0)
        assert await look_until(look, 300, clock) == "found"
        assert (len(seen), clock.pauses) == (1, [])

    async def test_what_appears_late_is_found_late(self, clock):
        look, _ = self.appearing_after(4)
        assert await look_until(look, 300, clock) == "found"
        assert clock.pauses == [0.5, 1, 2, 4]

    async def test_without_patience_one_look_is_all(self, clock):
        look, seen = self.appearing_after(1)
        assert await look_until(look, 0, clock) is None
        assert (len(seen), clock.pauses) == (1, [])

    async def test_pauses_grow_to_a_limit_until_patience_ends(self, clock):
        look, seen = self.appearing_after(10**6)
        assert await look_until(look, 300, clock) is None
        assert 300 <= sum(clock.pauses) <= 330
        assert max(clock.pauses) == 30
        assert len(seen) == len(clock.pauses) + 1


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("18", 18),
            ("0", 0),
            ("1.5", 1.5),
            ("3600", 3600),
            (None, 1),
            ("", 1),
            ("soon", 1),
            ("-5", 1),
            ("nan", 1),
            ("Mon, 99 Foo 2026 99:99:99 GMT", 1),
            ("2026-11-22 18:24:59.505674", 1),
        ],
    )
    def test_seconds_are_read_and_nonsense_is_a_second(self, clock, value, seconds):
        assert retry_after_seconds(value, clock) == seconds

    def test_an_epoch_is_a_moment(self, clock):
        assert retry_after_seconds(str(clock.now + 25), clock) == 25
        assert retry_after_seconds(f"{clock.now + 25.5:.1f}", clock) == pytest.approx(25.5)

    def test_an_http_date_is_a_moment(self, clock):
        assert retry_after_seconds(clock.http_date(40), clock) == 40

    @pytest.mark.parametrize("form", ["epoch", "date"])
    def test_a_moment_that_is_past_asks_for_no_pause(self, clock, form):
        value = str(clock.now - 60) if form == "epoch" else clock.http_date(-60)
        assert retry_after_seconds(value, clock) == 0


@pytest.fixture
def gate(clock, stats):
    return RateGate(clock, stats, max_wait=100.0)


class TestRateGate:
    async def test_an_open_gate_lets_everybody_pass(self, gate, clock):
        await gate.wait()
        assert clock.pauses == []

    async def test_one_sleeps_and_all_wait(self, gate, clock, stats, settle):
        gate.close(10, 0, "ls", PLACE)
        passed = [asyncio.ensure_future(gate.wait()) for _ in range(5)]
        assert not any(task.done() for task in passed)
        await asyncio.gather(*passed)
        await settle()
        assert clock.pauses == [10]
        assert stats.seconds_waiting == 10

    async def test_the_gate_opens_again(self, gate, clock):
        gate.close(10, 0, "ls", PLACE)
        await gate.wait()
        await gate.wait()
        assert clock.pauses == [10]

    async def test_it_may_close_again_before_those_who_waited_have_passed(self, gate, clock):
        async def pass_and_close():
            await gate.wait()
            gate.close(5, 0, "ls", PLACE)

        gate.close(10, 0, "ls", PLACE)
        first = asyncio.ensure_future(pass_and_close())
        await asyncio.sleep(0)
        await gate.wait()
        await first
        assert clock.pauses == [10, 5]

    async def test_a_second_429_extends_the_pause_of_all(self, gate, clock, stats, monkeypatch):
        sleep, extended = clock.sleep, []

        async def sleep_and_be_refused(seconds):
            await sleep(seconds)
            if not extended:
                extended.append(gate.close(30, 0, "ls", PLACE))

        monkeypatch.setattr(clock, "sleep", sleep_and_be_refused)
        gate.close(10, 0, "ls", PLACE)
        await gate.wait()
        assert clock.pauses == [10, 30]
        assert stats.seconds_waiting == 40

    async def test_a_shorter_second_429_does_not_shorten_it(self, gate, clock):
        gate.close(10, 0, "ls", PLACE)
        gate.close(2, 0, "ls", PLACE)
        await gate.wait()
        assert clock.pauses == [10]

    async def test_it_says_how_long_a_request_will_have_waited(self, gate):
        assert gate.close(10, 0, "ls", PLACE) == 10
        assert gate.close(5, 10, "ls", PLACE) == 15
        await gate.wait()

    async def test_a_pause_beyond_max_wait_is_an_error(self, gate, clock):
        with pytest.raises(OSFRateLimitError, match="pause of 101 s, after 0 s") as caught:
            gate.close(101, 0, "ls", PLACE)
        error = caught.value
        assert (error.status, error.operation, error.path) == (429, "ls", PLACE)
        assert "max_wait" in str(error)
        await gate.wait()
        assert clock.pauses == []

    async def test_pauses_of_one_request_add_up_to_max_wait(self, gate):
        with pytest.raises(OSFRateLimitError, match="pause of 50 s, after 60 s"):
            gate.close(50, 60, "ls", PLACE)
        assert gate.close(40, 60, "ls", PLACE) == 100
        await gate.wait()

    async def test_without_patience_the_first_429_is_an_error(self, clock, stats):
        with pytest.raises(OSFRateLimitError):
            RateGate(clock, stats, max_wait=0).close(1, 0, "ls", PLACE)

    async def test_the_pause_is_announced_once(self, gate, caplog):
        with caplog.at_level(logging.WARNING, "dvc_osf"):
            for _ in range(4):
                gate.close(10, 0, "ls", PLACE)
            await gate.wait()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "all requests pause for 10 s" in record.getMessage()
        assert f"ls osf://{PLACE}" in record.getMessage()

    async def test_cancelling_one_who_waits_does_not_open_the_gate(self, gate, clock, settle):
        release = asyncio.Event()

        async def sleep(seconds):
            clock.pauses.append(seconds)
            await release.wait()
            clock.now += seconds

        clock.sleep = sleep
        gate.close(10, 0, "ls", PLACE)
        one, other = (asyncio.ensure_future(gate.wait()) for _ in range(2))
        await settle()
        one.cancel()
        await settle()
        assert one.cancelled()
        assert not other.done()
        release.set()
        await other
        assert clock.pauses == [10]

    async def test_closing_ends_the_pause_at_once(self, gate, clock, stats, settle):
        clock.sleep = lambda _seconds: asyncio.Event().wait()
        gate.close(10, 0, "ls", PLACE)
        await settle()
        await gate.aclose()
        assert stats.seconds_waiting == 0
        await gate.wait()

    async def test_closing_an_open_gate_does_nothing(self, gate):
        await gate.aclose()

    async def test_who_waits_when_the_session_closes_is_not_taken_for_cancelled(
        self, gate, clock, settle
    ):
        clock.sleep = lambda _seconds: asyncio.Event().wait()
        gate.close(10, 0, "ls", PLACE)
        waiting = asyncio.ensure_future(gate.wait())
        await settle()
        await gate.aclose()
        await settle()
        assert waiting.done()
        assert not waiting.cancelled()


class TestClock:
    async def test_the_real_clock_is_pythons(self):
        clock = Clock()
        assert abs(clock.time() - time.time()) < 5
        assert abs(clock.monotonic() - time.monotonic()) < 5
        before = time.monotonic()
        await clock.sleep(0.01)
        assert time.monotonic() - before >= 0.009
