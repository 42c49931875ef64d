"""When to try again: the policy for failures, and the gate that a 429 closes for everybody."""

from __future__ import annotations

import asyncio
import logging
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import tenacity

from .exceptions import (
    OSFCertificateError,
    OSFClosedError,
    OSFConnectionError,
    OSFException,
    OSFIntegrityError,
    OSFNotFoundError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .stats import Stats

__all__ = [
    "Clock",
    "RateGate",
    "attempts",
    "give_up",
    "is_interruption",
    "is_transient",
    "look_until",
    "never",
    "patience_after",
    "retry_after_seconds",
]

_Found = TypeVar("_Found")

logger = logging.getLogger("dvc_osf")

_TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})
_SAID_BY_A_GATEWAY = frozenset({408, 502, 504})
_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

_EPOCH_FROM = 1_000_000_000
"""A Retry-After above this is a moment (in 2001 or later), not a number of seconds."""


class Clock:
    """Time for back-off and pauses; tests put their own in its place."""

    def time(self) -> float:
        """Return seconds since the epoch.

        Returns
        -------
        float
            As :func:`time.time`.
        """
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some fixed moment.

        Returns
        -------
        float
            As :func:`time.monotonic`.
        """
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Pause the task.

        Parameters
        ----------
        seconds : float
            How long.
        """
        await asyncio.sleep(seconds)


def is_transient(error: BaseException) -> bool:
    """Tell whether trying again may help.

    Parameters
    ----------
    error : BaseException
        What an attempt ended with.

    Returns
    -------
    bool
        True for lost connections, silence, damaged bodies or answers, and the statuses 408, 500,
        502, 503 and 504; never for any other 4xx, and never for a 409.
    """
    if isinstance(error, (OSFCertificateError, OSFClosedError)):
        return False
    if isinstance(error, (OSFConnectionError, OSFIntegrityError, OSFTimeoutError)):
        return True
    if isinstance(error, OSFServerError):
        return error.damaged or error.status in _TRANSIENT_STATUSES
    return False


def never(_: BaseException) -> bool:
    """Tell that trying again does not help, whatever an attempt ended with.

    Returns
    -------
    bool
        False.
    """
    return False


def is_interruption(error: BaseException) -> bool:
    """Tell whether a transfer may go on from where it stopped.

    Parameters
    ----------
    error : BaseException
        What an attempt ended with.

    Returns
    -------
    bool
        True for what is transient, except damaged bytes: those are fetched anew.
    """
    return is_transient(error) and not isinstance(error, OSFIntegrityError)


def attempts(
    max_retries: int,
    clock: Clock,
    stats: Stats,
    operation: str,
    path: str,
    retry_on: Callable[[BaseException], bool] = is_transient,
    on_give_up: Callable[[OSFException], object] | None = None,
) -> tenacity.AsyncRetrying:
    """Return the one retry policy: jittered exponential back-off for transient failures.

    Each new try is logged as a warning, and what ends all tries as an error.

    Parameters
    ----------
    max_retries : int
        How often to try again after the first attempt.
    clock : Clock
        What sleeps between attempts.
    stats : Stats
        Where retries are counted.
    operation, path : str
        For the log and the final error, which also says how many attempts there were.
    retry_on : callable, optional
        Which failures to try again after.
    on_give_up : callable, optional
        Told what all tries ended with.

    Returns
    -------
    tenacity.AsyncRetrying
        To be iterated with ``async for attempt in ...: with attempt: ...``.
    """

    def before_sleep(state: tenacity.RetryCallState) -> None:
        stats.retries += 1
        logger.warning(
            "%s osf://%s: %s; attempt %d of %d follows in %.1f s",
            operation,
            path,
            _brief(_failure(state)),
            state.attempt_number + 1,
            max_retries + 1,
            state.upcoming_sleep,
        )

    def is_worth_it(state: tenacity.RetryCallState) -> bool:
        if state.outcome is None or not state.outcome.failed:
            return False
        error = _failure(state)
        if not isinstance(error, OSFException) or error.given_up:
            return False
        error.attempts = state.attempt_number
        worth_it = retry_on(error)
        # What a narrower policy does not try again after, the one around it may.
        if state.attempt_number > max_retries if worth_it else not is_transient(error):
            give_up(error)
            if on_give_up is not None:
                on_give_up(error)
        return worth_it

    return tenacity.AsyncRetrying(
        retry=is_worth_it,
        stop=tenacity.stop_after_attempt(max_retries + 1),
        wait=tenacity.wait_exponential(multiplier=0.5, max=_LONGEST_PAUSE)
        + tenacity.wait_random(0, 0.5),
        sleep=clock.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )


def give_up(error: OSFException) -> OSFException:
    """Note that nothing more will be tried, and log it, once.

    That something does not exist, or exists already, is an answer: what to make of it is the
    caller's business, who may well have asked for no other reason.

    Parameters
    ----------
    error : OSFException
        What all attempts ended with.

    Returns
    -------
    OSFException
        The same, not raised.
    """
    if not error.given_up and not isinstance(error, (OSFNotFoundError, OSFVersionConflictError)):
        logger.error("%s", error)
    error.given_up = True
    return error


def _failure(state: tenacity.RetryCallState) -> BaseException:
    """Return what an attempt ended with; the policy's hooks are only called after failures."""
    error = state.outcome.exception() if state.outcome else None
    return error or RuntimeError("there was no failure")


def _brief(error: BaseException) -> str:
    """Leave out what to do next: we are about to do it."""
    if isinstance(error, OSFException):
        status = f" (HTTP {error.status})" if error.status else ""
        return f"{error.message}{status}"
    return repr(error)


def patience_after(error: BaseException, limit: float) -> float | None:
    """Tell for how long the work of a failed request may still become visible on the server.

    Parameters
    ----------
    error : BaseException
        What a request with a body ended with.
    limit : float
        Seconds after which a request is surely dead.

    Returns
    -------
    float or None
        None when it cannot: the body did not leave whole, or the server refused it. 0 when the
        server itself answered, so that looking once is enough. Else the limit: the answer was
        lost, or a gateway gave up on a files host that may still be at work.
    """
    if not isinstance(error, OSFException) or not is_transient(error):
        return None
    if error.bytes_uploaded is None or error.bytes_uploaded != error.total_size:
        return None
    by_server = error.status is not None and error.status not in _SAID_BY_A_GATEWAY
    return 0.0 if by_server else limit


async def look_until(
    look: Callable[[], Awaitable[_Found | None]], patience: float, clock: Clock
) -> _Found | None:
    """Look for something that may appear late, with growing pauses.

    Parameters
    ----------
    look : callable
        Returns it, or None.
    patience : float
        Seconds after which to give up; 0 looks once.
    clock : Clock
        What pauses.

    Returns
    -------
    object or None
        What was found.
    """
    waited, pause = 0.0, 0.5
    while True:
        found = await look()
        if found is not None or waited >= patience:
            return found
        await clock.sleep(pause)
        waited += pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def retry_after_seconds(value: str | None, clock: Clock) -> float:
    """Read a Retry-After header in any of the forms that the OSF is known to send.

    Parameters
    ----------
    value : str or None
        Seconds, an HTTP date, or seconds since the epoch.
    clock : Clock
        For "now".

    Returns
    -------
    float
        Seconds to wait; 1 where the header is missing or makes no sense.
    """
    if value is None:
        return 1.0
    try:
        number = float(value)
    except ValueError:
        try:
            number = parsedate_to_datetime(value).timestamp()
        except ValueError:
            return 1.0
        return max(0.0, number - clock.time())
    if number != number or number < 0:  # noqa: PLR0124 - NaN differs from itself
        return 1.0
    return max(0.0, number - clock.time()) if number >= _EPOCH_FROM else number


class RateGate:
    """Keeps every request of an instance back while the OSF's rate limit pauses it.

    One task sleeps; all others wait for it. Belongs to one event loop.

    Parameters
    ----------
    clock : Clock
        What sleeps.
    stats : Stats
        Where the time is counted.
    max_wait : float
        Seconds that one request may spend here in all.
    """

    def __init__(self, clock: Clock, stats: Stats, max_wait: float) -> None:
        self._clock = clock
        self._stats = stats
        self._max_wait = max_wait
        self._opens_at = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._sleeper: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests may begin."""
        return self._open.is_set()

    async def wait(self) -> None:
        """Return when the gate is open."""
        while not self.is_open:
            # It may have closed again before those who wait for it get their turn.
            await self._open.wait()

    def close(self, seconds: float, waited: float, operation: str, path: str) -> float:
        """Close the gate after a 429.

        Parameters
        ----------
        seconds : float
            What Retry-After asked for.
        waited : float
            Seconds that this request has spent at the gate before.
        operation, path : str
            For the log and the error.

        Returns
        -------
        float
            Seconds that this request will have waited when the gate opens.

        Raises
        ------
        OSFRateLimitError
            The request would wait for longer than ``max_wait`` in all.
        """
        # A server that asks for no pause at all must not be stormed.
        seconds = max(seconds, _SHORTEST_PAUSE)
        if waited + seconds > self._max_wait:
            raise OSFRateLimitError(
                f"the rate limit asks for a pause of {seconds:.0f} s, after {waited:.0f} s "
                f"already; max_wait is {self._max_wait:.0f} s",
                operation=operation,
                path=path,
                status=429,
            )
        opens_at = self._clock.monotonic() + seconds
        if self._sleeper is None:
            logger.warning(
                "%s osf://%s: the OSF's rate limit is reached; all requests pause for %.0f s",
                operation,
                path,
                seconds,
            )
            self._opens_at = opens_at
            self._open.clear()
            self._sleeper = asyncio.ensure_future(self._sleep())
        else:
            self._opens_at = max(self._opens_at, opens_at)
        return waited + seconds

    async def _sleep(self) -> None:
        begun = self._clock.monotonic()
        try:
            while (pause := self._opens_at - self._clock.monotonic()) > 0:
                await self._clock.sleep(pause)
        finally:
            self._sleeper = None
            self._open.set()
            self._stats.seconds_waiting += self._clock.monotonic() - begun

    async def aclose(self) -> None:
        """End the pause at once, when the session ends."""
        if self._sleeper is not None:
            self._sleeper.cancel()
            await asyncio.gather(self._sleeper, return_exceptions=True)
            # A task that never ran could not open it.
            self._sleeper = None
            self._open.set()
