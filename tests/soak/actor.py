"""One task: it works in a folder of its own, and knows at any time what must be there."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from chaos import DAMAGED_ANSWER
from jobs import insist

from dvc_osf.exceptions import (
    OSFConnectionError,
    OSFIntegrityError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)
from model import DivergenceError, State

DOCUMENTED = (
    OSFConnectionError,
    OSFIntegrityError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
)
"""What an operation may end with because of the failures: they lasted for longer than retries."""

_LONGEST = 180.0
"""Seconds after which an operation hangs."""


@dataclass
class Tally:
    """What happened, over all tasks."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unnoticed: int = 0


class Actor:
    """Does one operation after the other, and compares.

    Parameters
    ----------
    name
        For the report.
    jobs
        What draws operations.
    folder
        Where they happen, as the store names it.
    truth
        The emulator's store.
    chaos
        What fails.
    tally
        Where everything is counted.
    offspring
        What knows the tasks of an operation.
    rng
        Where chance comes from.
    """

    def __init__(self, name, jobs, folder, truth, chaos, tally, offspring, rng):
        self.state = State()
        self._name = name
        self._jobs = jobs
        self._folder = folder
        self._truth = truth
        self._chaos = chaos
        self._tally = tally
        self._offspring = offspring
        self._rng = rng
        self._history = []

    async def run(self, seconds):
        """Work until the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            job = self._jobs.draw(self.state)
            try:
                await self._do(job)
            except Exception as error:
                story = "\n  ".join(self._history[-12:])
                raise DivergenceError(
                    f"{self._name}, {job.kind}: {error}\nafter\n  {story}"
                ) from error

    async def compare(self):
        """Insist that the store holds exactly what the model says."""
        found = await self._truth.snapshot(self._folder)
        if difference := found.differs_from(self.state):
            raise DivergenceError(f"the OSF is not as it should be:\n{difference}")

    async def _do(self, job):
        damage, failures = self._chaos.count(DAMAGED_ANSWER), self._chaos.count()
        work = self._offspring.start(job, job.run())
        impatient = self._rng.random() < 0.06
        await asyncio.wait({work}, timeout=self._rng.uniform(0, 0.5) if impatient else _LONGEST)
        if not work.done():
            if not impatient:
                raise DivergenceError(f"hangs: {work}")
            work.cancel()
            await asyncio.wait({work}, timeout=_LONGEST)
        if left := self._offspring.left_by(job):
            raise DivergenceError(f"{job.kind} has ended, but its tasks go on: {left}")
        if work.cancelled():
            self._note(job, "cancelled")
            self._tally.cancelled[job.kind] += 1
            await self._not_done(job, None)
        elif (error := work.exception()) is not None:
            self._note(job, repr(error))
            self._tally.errors[type(error).__name__] += 1
            await self._failed(job, error, nothing_failed=self._chaos.count() == failures)
        else:
            self._note(job, "done")
            await self._succeeded(job, work.result(), damage)

    def _note(self, job, outcome):
        changed = ""
        if job.change is not None:
            old, new = job.change.old, job.change.new
            paths = [f"{path}/" for path in old.folders ^ new.folders]
            paths += [
                path
                for path in old.files.keys() | new.files.keys()
                if old.files.get(path) is not new.files.get(path)
            ]
            changed = f" changing {', '.join(sorted(paths))}"
        self._history.append(f"{job.kind}{changed}: {outcome}")

    async def _succeeded(self, job, result, damage):
        if job.refuses is not None:
            raise DivergenceError(f"{job.kind} should have raised {job.refuses.__name__}")
        try:
            job.check(result)
        except DivergenceError:
            if not job.unverified or self._chaos.count(DAMAGED_ANSWER) == damage:
                raise
            self._tally.unnoticed += 1
        if job.change is not None:
            self.state = job.change.new
            await self.compare()
        self._tally.done[job.kind] += 1

    async def _failed(self, job, error, *, nothing_failed):
        """Accept a refusal that is right, and an error that is documented."""
        if job.refuses is not None and isinstance(error, job.refuses):
            await self.compare()
            self._tally.done[job.kind] += 1
            return
        expected = isinstance(error, DOCUMENTED) or _may_be_own_damage(job, error)
        if nothing_failed or not expected:
            raise error
        self._tally.failed[job.kind] += 1
        await self._not_done(job, error)

    async def _not_done(self, job, error):
        """Find out what was done all the same."""
        await self._truth.settled()
        if job.change is None or job.refuses is not None:
            await self.compare()
            return
        self.state = job.change.failed(await self._truth.snapshot(self._folder))
        if isinstance(error, OSFVersionConflictError):
            # Then it is there, and is not what was sent.
            insist(self.state in (job.change.old, job.change.new), False, "own damage")


def _may_be_own_damage(job, error):
    """Tell whether a creation may have met its own first attempt, damaged on the way.

    If the answer to that one was lost as well, nobody can know whose file it is.
    """
    return job.kind == "exclusive create" and isinstance(error, OSFVersionConflictError)
