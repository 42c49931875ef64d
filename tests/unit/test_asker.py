"""Who asks the OSF, and when asking again is given up."""

from __future__ import annotations

import pytest

from dvc_osf.asker import Asker
from dvc_osf.auth import TokenSource
from dvc_osf.config import Config
from dvc_osf.exceptions import OSFConnectionError

RETRIES = 3


@pytest.fixture
async def asker(clock, stats):
    """Return one that has not asked anything."""
    asker = Asker(Config(max_retries=RETRIES), TokenSource(), stats, clock, None)
    yield asker
    await asker.aclose()


@pytest.fixture
def tries(asker):
    """Return a function that lets an operation fail to connect, and says how often it tried."""

    async def fail():
        failure = OSFConnectionError("cannot connect")
        failure.unreachable = True
        number = 0
        try:
            async for attempt in asker.attempts("ls", "abc12"):
                with attempt:
                    number += 1
                    raise failure
        except OSFConnectionError:
            return number

    return fail


async def test_until_there_is_an_answer_those_that_follow_try_once(stats, tries):
    assert await tries() == RETRIES + 1
    assert await tries() == 1
    stats.statuses[200] += 1
    assert await tries() == RETRIES + 1
    assert await tries() == 1


@pytest.mark.parametrize("before", [0, 2])
async def test_answers_that_are_no_longer_counted_were_answers(stats, tries, before):
    stats.statuses[200] += before
    assert await tries() == RETRIES + 1
    stats.statuses[200] += 5

    stats.reset()
    stats.statuses[200] += before

    assert await tries() == RETRIES + 1
