"""Failures on request: which requests are hit, and what happens to them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .log import Role


@dataclass
class Fault:
    """A rule: which requests fail, and how.

    Every condition that is given must hold; among the requests that match, `after`, `nth`, `every`
    and `probability` choose, and `times` limits how often the rule fires. The effects of several
    rules that hit one request combine; of two rules for the same effect the older one wins.

    Parameters
    ----------
    method
        HTTP method, any case; None for every method.
    path
        Regular expression, searched in the request's target (path and query as sent).
    host
        ``"api"``, ``"files"``, ``"storage"`` or ``"web"``.
    nth
        Only the n-th matching request, counted from 1.
    every
        Every n-th matching request.
    after
        The first so many matching requests pass.
    probability, seed
        Chance of each matching request to be hit, from a generator with this seed.
    times
        The rule is spent after so many hits.
    status
        Answer with this status instead of doing the work; the body has the shape of the host's
        own errors unless `body` is given.
    body
        Body of that answer: text, bytes or an object for JSON.
    headers
        Headers of that answer, or more headers for the normal one.
    retry_after
        ``Retry-After`` of that answer: seconds, an epoch, an HTTP date, anything.
    delay
        Seconds to wait before the request is looked at.
    bandwidth
        Bytes per second, in both directions.
    reset
        Reset the connection before anything is read or answered.
    reset_after_received
        Reset once so many bytes of the request's body were read.
    reset_after_sent
        Reset once so many bytes of the answer's body were sent.
    lose_answer
        Do the work, then drop the connection instead of answering.
    truncate
        Send only so many bytes of the body, under the status and Content-Length of all of it.
    shorten
        Send only so many bytes of the body, with the Content-Length that matches them.
    corrupt
        Invert the byte at this offset of the answer's body (from the end if negative).
    corrupt_received
        Invert the byte at this offset of the request's body, as if it had gone wrong on the way.
    hang
        Never answer.
    stop_reading_after
        Stop reading, and never answer, after so many bytes of the request's body.
    swallow_expect
        Never send ``100 Continue``.
    late_commit
        Drop the connection after the last byte of an upload and commit so many seconds later.
    """

    method: str | None = None
    path: str | None = None
    host: Role | None = None
    nth: int | None = None
    every: int | None = None
    after: int = 0
    probability: float | None = None
    seed: int = 0
    times: int | None = None

    status: int | None = None
    body: str | bytes | dict[str, Any] | list[Any] | None = None
    headers: dict[str, str] | None = None
    retry_after: float | str | None = None
    delay: float | None = None
    bandwidth: float | None = None
    reset: bool | None = None
    reset_after_received: int | None = None
    reset_after_sent: int | None = None
    lose_answer: bool | None = None
    truncate: int | None = None
    shorten: int | None = None
    corrupt: int | None = None
    corrupt_received: int | None = None
    hang: bool | None = None
    stop_reading_after: int | None = None
    swallow_expect: bool | None = None
    late_commit: float | None = None

    matched: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.path) if self.path is not None else None
        # Reproducible failures are the purpose; nothing here is a secret.
        self._chance = random.Random(self.seed)  # noqa: S311

    def hit(self, host: Role, method: str, target: str) -> bool:
        """Tell whether this request is to fail, and count it."""
        if not self._matches(host, method, target):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.matched += 1
        if not self._chosen():
            return False
        self.hits += 1
        return True

    def _matches(self, host: Role, method: str, target: str) -> bool:
        return (
            (self.method is None or self.method.upper() == method)
            and (self.host is None or self.host == host)
            and (self._pattern is None or self._pattern.search(target) is not None)
        )

    def _chosen(self) -> bool:
        number = self.matched - self.after
        return (
            number > 0
            and (self.nth is None or number == self.nth)
            and (self.every is None or number % self.every == 0)
            and (self.probability is None or self._chance.random() < self.probability)
        )


_NAMES = [parameter.name for parameter in fields(Fault) if parameter.init]
_EFFECTS = _NAMES[_NAMES.index("status") :]
NO_EFFECTS = Fault()


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def effects(self, host: Role, method: str, target: str) -> tuple[Fault, int]:
        """Return the combined effects on one request, and how many rules hit it."""
        hits = [rule for rule in self.rules if rule.hit(host, method, target)]
        if not hits:
            return NO_EFFECTS, 0
        combined: dict[str, Any] = {}
        for name in _EFFECTS:
            values = (getattr(rule, name) for rule in hits)
            combined[name] = next((value for value in values if value is not None), None)
        return Fault(**combined), len(hits)
