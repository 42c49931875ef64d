"""Failures that come and go: rules of the emulator, drawn anew every few seconds."""

from __future__ import annotations

import asyncio
from collections import Counter

from dvc_osf.emulator import Fault

_KIB = 1024
_MOODS = {"calm": 0.0, "usual": 1.0, "storm": 5.0}

FILE_PUT = {"method": "PUT", "host": "files", "path": "kind=file"}
DAMAGED_ANSWER = "damaged answer"


def _rules(rng):
    """Draw the rules: a name, the chance of a request to be hit, and what happens to it."""
    bodies = [1, 100, 2000, 200 * _KIB, 600 * _KIB, 1500 * _KIB]
    for status in (408, 500, 502, 503, 504):
        yield f"status {status}", 0.004, {"status": status}
    yield "status 429", 0.002, {"status": 429, "retry_after": rng.choice([0, 1, 2])}
    yield "html 502", 0.002, {"status": 502, "body": "<html>Bad Gateway</html>"}
    yield "reset", 0.006, {"reset": True}
    yield "reset of an upload", 0.01, FILE_PUT | {"reset_after_received": rng.choice(bodies)}
    yield "reset of an answer", 0.008, {"reset_after_sent": rng.choice(bodies)}
    yield "lost answer", 0.008, {"lose_answer": True}
    for method in ("POST", "DELETE"):
        yield f"lost answer to {method}", 0.02, {"method": method, "lose_answer": True}
    yield "late commit", 0.008, FILE_PUT | {"late_commit": rng.uniform(0.02, 0.3)}
    yield "truncated answer", 0.006, {"truncate": rng.choice([0, *bodies])}
    yield "shortened answer", 0.006, {"shorten": rng.choice([0, *bodies])}
    yield DAMAGED_ANSWER, 0.008, {"corrupt": rng.choice([0, 10, 100, -1])}
    yield "damaged upload", 0.008, FILE_PUT | {"corrupt_received": 0}
    yield "hang", 0.0004, {"hang": True}
    yield "stalled upload", 0.0004, FILE_PUT | {"stop_reading_after": rng.choice(bodies)}
    yield "delay", 0.01, {"delay": rng.uniform(0.01, 0.2)}
    yield "slow line", 0.004, {"bandwidth": rng.choice([1, 4]) * 1024 * _KIB}


class Chaos:
    """What fails, and how often it did.

    Parameters
    ----------
    osf
        The emulator.
    rng
        Where chance comes from.
    """

    def __init__(self, osf, rng):
        self.hits = Counter()
        self._osf = osf
        self._rng = rng
        self._in_force = []

    async def run(self, seconds):
        """Change the weather until the time is over."""
        end = asyncio.get_running_loop().time() + seconds
        silent = False
        while (left := end - asyncio.get_running_loop().time()) > 0:
            # A client that has met a host that ignores Expect does not ask it any more.
            silent = silent or left < seconds / 2
            await asyncio.to_thread(self._change, silent)
            await asyncio.sleep(min(left, self._rng.uniform(1, 3)))
        await asyncio.to_thread(self.end)

    def _change(self, silent):
        rng = self._rng
        scale = _MOODS[rng.choices(list(_MOODS), [2, 5, 3])[0]]
        rules = [
            (name, Fault(probability=chance * scale, seed=rng.randrange(1 << 30), **effects))
            for name, chance, effects in _rules(rng)
        ]
        if silent:
            effects = {"probability": 0.01 * scale, "swallow_expect": True}
            rules.append(("ignored Expect", Fault(method="PUT", host="files", **effects)))
        self._replace(rules)
        self._osf.settings.storage_redirect = rng.random() < 0.3

    def end(self):
        """Let everything work again."""
        self._replace([])

    def _replace(self, rules):
        def replace():
            self._osf.world.faults.rules[:] = [fault for _, fault in rules]

        self._osf._call(replace)
        for name, fault in self._in_force:
            self.hits[name] += fault.hits
        self._in_force = rules

    def count(self, wanted=None):
        """Return how often one kind of failure has happened so far, or all of them."""
        now = sum(fault.hits for name, fault in self._in_force if wanted in (None, name))
        return now + (self.hits.total() if wanted is None else self.hits[wanted])
