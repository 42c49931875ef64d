"""A 429 in the middle of a push: one pause for all, and nothing else is noticed of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random

import pytest

from dvc_osf import transport as transport_module
from dvc_osf.emulator import Fault
from dvc_osf.retry import Clock, RateGate

TASKS = 16
FILES = 200
FOLDERS = 5
PAUSE = 5


class StoppedClock(Clock):
    """Time that passes by pauses alone, and pauses that last until everybody waits."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []
        self.everybody_waits = asyncio.Event()
        self.at_the_end = None

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        await self.everybody_waits.wait()
        self.at_the_end()
        self.now += seconds


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def gate(monkeypatch, clock):
    """Watch the filesystem's gate: who waits at it, and what has begun when it closes and opens."""

    class Watched(RateGate):
        waiting = 0
        begun_at_closing = None
        begun_at_opening = None

        async def wait(self):
            self.waiting += 1
            if self.waiting == TASKS and not self.is_open:
                self.begun_at_opening = self._stats.total
                clock.everybody_waits.set()
            await super().wait()
            self.waiting -= 1

        def close(self, *args):
            if self.is_open:
                self.begun_at_closing = self._stats.total
            return super().close(*args)

    made = []

    def make(*args):
        made.append(Watched(*args))
        return made[-1]

    monkeypatch.setattr(transport_module, "RateGate", make)
    return made


@pytest.fixture
def files(tmp_path):
    """Write files, of which every twentieth is so large that it is offered first."""
    names = {}
    for number in range(FILES):
        size = transport_module.EXPECT_FROM + number if number % 20 == 19 else 1000 + number
        path = tmp_path / "push" / f"{number % FOLDERS}" / f"{number:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(number).randbytes(size))
        names[path.relative_to(tmp_path / "push").as_posix()] = path
    return names


@pytest.mark.parametrize(
    ("after", "times"),
    [
        pytest.param(0, 1, id="at the first file, while others connect"),
        pytest.param(40, 1, id="in the middle"),
        pytest.param(60, None, id="for all that are under way"),
    ],
)
async def test_a_429_while_16_tasks_push_200_files_is_one_pause(
    osf_here, connect_here, root_here, asked_here, clock, gate, files, caplog, after, times
):
    fs = connect_here(max_requests=TASKS)
    fault = Fault(method="PUT", path="kind=file", after=after, times=times, status=429)
    fault.retry_after = PAUSE
    osf_here.add_fault(fault)
    clock.at_the_end = osf_here.clear_faults
    turns = iter(files.items())

    async def push():
        for name, path in turns:
            await fs._put_file(str(path), f"{root_here}/{name}")

    with caplog.at_level(logging.WARNING, "dvc_osf"):
        await asyncio.gather(*(push() for _ in range(TASKS)))

    (message,) = (record.getMessage() for record in caplog.records)
    assert message.endswith("the OSF's rate limit is reached; all requests pause for 5 s")
    assert clock.pauses == [PAUSE]
    assert fs.stats.seconds_waiting == PAUSE
    (gate,) = gate
    assert 0 < gate.begun_at_closing == gate.begun_at_opening
    assert fs.stats.retries == 0
    refused = fs.stats.statuses[429]
    assert 1 <= refused == fault.hits <= (times or TASKS)
    counts = asked_here()
    assert counts == {
        "api": 1,
        "listing": 1,
        "folder PUT": FOLDERS,
        "file PUT": FILES + refused,
    }
    assert counts == dict(fs.stats.requests)
    found = await connect_here()._find(root_here, detail=True)
    assert {name.removeprefix(f"{root_here}/"): info["md5"] for name, info in found.items()} == {
        name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in files.items()
    }
