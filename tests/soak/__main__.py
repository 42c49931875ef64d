"""Random operations from 16 tasks under random failures, checked against a model.

Each task owns a folder, so that what must be in it is known at any time; two filesystems share
the tasks. Usage: ``python tests/soak [--seed N] [--seconds N]``; it prints its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from actor import Actor, Tally
from chaos import Chaos
from jobs import KIB, Jobs
from offspring import Offspring
from store import Truth

from dvc_osf import OSFFileSystem, download
from dvc_osf.emulator import EmulatorThread
from dvc_osf.retry import Clock
from model import DivergenceError

TASKS = 16
MOST_GROWTH = 96 * KIB
"""KiB by which the resident memory may grow after the first third."""

_SPEED = 4.0


class FastClock(Clock):
    """A clock that runs several times as fast: pauses are of no interest here."""

    def monotonic(self):
        return super().monotonic() * _SPEED

    async def sleep(self, seconds):
        await super().sleep(seconds / _SPEED)


def resident():
    """Return the resident memory of this process in KiB; 0 where that cannot be found out."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return int(status.read_text(encoding="utf-8").partition("VmRSS:")[2].split()[0])


def open_files():
    """Return what the process has open; nothing where that cannot be found out."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return Counter()
    # What is closed meanwhile, such as the listing of the folder itself, leads nowhere.
    paths = [f"{folder}/{name}" for name in os.listdir(folder)]
    return Counter(os.readlink(path).partition(":")[0] for path in paths if os.path.lexists(path))


def connect(osf, max_retries=2):
    fs = OSFFileSystem(
        token=osf.token,
        endpoint_url=osf.api_url,
        asynchronous=True,
        skip_instance_cache=True,
        create_folders=True,
        timeout=4,
        upload_timeout=8,
        upload_chunk_size=1024 * KIB,
        buffer_size=8 * 1024 * KIB,
        max_retries=max_retries,
    )
    fs.clock = FastClock()
    return fs


class Soak:
    """The whole of it.

    Parameters
    ----------
    osf
        The emulator.
    seed
        What all chance comes from.
    seconds
        How long to go on.
    folder
        A local one.
    """

    def __init__(self, osf, seed, seconds, folder):
        self._seconds = seconds
        self._truth = Truth(osf)
        self._osf = osf
        # One of them gives up at once, so that much is left half done.
        self._filesystems = [connect(osf), connect(osf, max_retries=0)]
        self._root = f"{osf.project}/osfstorage"
        self.chaos = Chaos(osf, random.Random(seed))
        self.tally = Tally()
        self._seed = seed
        self._folder = folder
        self._memory = []
        self._complaints = []
        self._offspring = Offspring()

    async def run(self):
        """Do it, and insist that nothing is left."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: self._complaints.append(context))
        loop.set_task_factory(self._offspring)
        shared = await self._plant()
        actors = [self._actor(number, shared) for number in range(TASKS)]
        watching = asyncio.ensure_future(self._watch())
        work = [asyncio.ensure_future(self.chaos.run(self._seconds))]
        work += [asyncio.ensure_future(actor.run(self._seconds)) for actor in actors]
        try:
            await asyncio.gather(*work)
        finally:
            for task in [watching, *work]:
                task.cancel()
            await asyncio.gather(watching, *work, return_exceptions=True)
        await self._truth.settled()
        sent, arrived = sum(f.stats.total for f in self._filesystems), self._osf.world.log.total
        if sent != arrived:
            raise DivergenceError(f"{sent} requests were sent, and {arrived} arrived")
        for actor in actors:
            await actor.compare()
        await self._read_back(actors, shared)
        await self._nothing_is_held()
        for fs in self._filesystems:
            await fs.aclose()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            raise DivergenceError(f"tasks are left: {left}")
        gc.collect()
        if self._complaints:
            raise DivergenceError(f"asyncio complains: {self._complaints}")
        if self._memory and self._memory[-1] - self._memory[len(self._memory) // 3] > MOST_GROWTH:
            raise DivergenceError(f"memory grows: {self._memory} KiB")

    async def _plant(self):
        rng = random.Random(self._seed)
        sizes = {"small": 2000, "empty": 0, "large": 1500 * KIB}
        shared = {f"{self._root}/shared/{name}": rng.randbytes(sizes[name]) for name in sizes}
        for path, data in shared.items():
            await self._filesystems[0]._pipe_file(path, data)
        for number in range(TASKS):
            await self._filesystems[0]._mkdir(f"{self._root}/{number}")
        return shared

    def _actor(self, number, shared):
        rng = random.Random(f"{self._seed}/{number}")
        scratch = Path(self._folder) / str(number)
        scratch.mkdir()
        fs = self._filesystems[number % len(self._filesystems)]
        jobs = Jobs(fs, f"{self._root}/{number}", shared, scratch, rng)
        name = f"task {number}"
        return Actor(
            name, jobs, f"{number}", self._truth, self.chaos, self.tally, self._offspring, rng
        )

    async def _watch(self):
        while True:
            await self._truth.trim_log()
            self._memory.append(resident())
            await asyncio.sleep(1)

    async def _read_back(self, actors, shared):
        """Read everything by a filesystem that knows nothing yet."""
        wanted = dict(shared)
        for number, actor in enumerate(actors):
            wanted |= {f"{self._root}/{number}/{p}": data for p, data in actor.state.files.items()}
        fs = connect(self._osf)
        found = {path: await fs._cat_file(path) for path in await fs._find(self._root)}
        await fs.aclose()
        if found != wanted:
            raise DivergenceError(f"read back: {found.keys() ^ wanted.keys()} or contents differ")

    async def _nothing_is_held(self):
        """Insist that places, buffers and locks were given back."""
        for fs in self._filesystems:
            engine = await fs._engine()
            slots = engine.api._asker.transport._slots
            pools = (engine.budget._small, engine.budget._large)
            held = {
                "places": fs.config.max_requests - slots._value,
                "bytes": sum(pool._total - pool._free for pool in pools),
                "locks": len(engine.uploader._locks._locks) + len(engine.folders._locks._locks),
                "listings": len(engine.tree._flights),
            }
            if any(held.values()):
                raise DivergenceError(f"not given back: {held}")

    def report(self):
        """Return what happened, as text."""
        tally, stats = self.tally, [fs.stats for fs in self._filesystems]
        kinds = sorted(tally.done.keys() | tally.failed.keys() | tally.cancelled.keys())
        lines = ["operations                 done  failed  cancelled"]
        for kind in kinds:
            counts = (tally.done[kind], tally.failed[kind], tally.cancelled[kind])
            lines.append("  {:22} {:6} {:7} {:10}".format(kind, *counts))
        totals = [sum(c.values()) for c in (tally.done, tally.failed, tally.cancelled)]
        lines.append("  {:22} {:6} {:7} {:10}".format("all", *totals))
        lines.append(f"errors: {_counts(tally.errors)}")
        lines.append(f"failures: {_counts(self.chaos.hits)}")
        waiting = sum(each.seconds_waiting for each in stats)
        lines.append(
            f"requests: {sum(each.total for each in stats)}, retries: "
            f"{sum(each.retries for each in stats)}, waiting for the rate limit: {waiting:.0f} s"
        )
        lines.append(f"damage in parts of files, which nothing can notice: {tally.unnoticed}")
        if self._memory:
            lines.append(f"memory: {max(self._memory) // KIB} MiB at most")
        return "\n".join(lines)


def _counts(counter):
    return ", ".join(f"{name} {count}" for name, count in counter.most_common()) or "none"


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=180.0)
    options = parser.parse_args()
    say(f"seed {options.seed}, {options.seconds:.0f} s")
    warnings.simplefilter("error")
    unraisable = []
    sys.unraisablehook = unraisable.append
    # Retries are announced; here they are what is wanted.
    logging.getLogger("dvc_osf").setLevel(logging.CRITICAL)
    # Ranges of a size at which files of this soak have several.
    download.RANGE_SIZE = 512 * KIB
    before, begun = open_files(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, EmulatorThread(Path(folder) / "osf") as osf:
        soak = Soak(osf, options.seed, options.seconds, folder)
        try:
            asyncio.run(soak.run())
        finally:
            say(soak.report())
    del soak
    gc.collect()
    if unraisable:
        raise DivergenceError(f"not raised anywhere: {unraisable}")
    if more := open_files() - before:
        raise DivergenceError(f"files are left open: {more}")
    say(f"clean, after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
