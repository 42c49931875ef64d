"""Asking the OSF, and understanding a refusal: what every operation of the client shares."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from yarl import URL

from .answers import read_error, unreadable, words_of
from .auth import redact
from .exceptions import (
    OSFAuthenticationError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
)
from .messages import Request
from .retry import attempts, is_transient
from .transport import Transport

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Container

    import tenacity

    from .auth import TokenSource
    from .config import Config
    from .messages import Answer
    from .retry import Clock
    from .stats import Stats

__all__ = ["Asker"]


class Asker:
    """Sends requests, repeats those that may be repeated, and turns refusals into errors.

    Owns its connections: close it with :meth:`aclose`.

    Parameters
    ----------
    config : Config
        Settings.
    token : TokenSource
        Where the token comes from.
    stats : Stats
        Where requests are counted.
    clock : Clock
        What pauses are measured by.
    view_only : str or None
        The key of a view-only link, which goes along with every request.
    """

    def __init__(
        self,
        config: Config,
        token: TokenSource,
        stats: Stats,
        clock: Clock,
        view_only: str | None,
    ) -> None:
        self.config = config
        self.clock = clock
        self._stats = stats
        self._token = token
        self._view_only = view_only
        self.transport = Transport(config, token, stats, clock)
        self._turn = asyncio.Lock()
        self._out_of_reach_after: tuple[Counter[int], int] | None = None
        """The answers, and how many there were, when an operation gave up connecting."""
        self._valid: dict[str, bool] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        await self.transport.aclose()

    @property
    def anonymous(self) -> bool:
        """Whether there is no token."""
        return self._token.get() is None

    def attempts(
        self,
        operation: str,
        path: str,
        retry_on: Callable[[BaseException], bool] = is_transient,
    ) -> tenacity.AsyncRetrying:
        """Return the retry policy for one operation.

        Once an operation has given up connecting, those that follow try once, until there is an
        answer again: a thousand files need not find out one by one that the network is gone.

        Parameters
        ----------
        operation, path : str
            For the log and the errors.
        retry_on : callable, optional
            Which failures to try again after.

        Returns
        -------
        tenacity.AsyncRetrying
            To be iterated.
        """
        return attempts(
            0 if self._out_of_reach else self.config.max_retries,
            self.clock,
            self._stats,
            operation,
            path,
            retry_on,
            self._note,
        )

    def _note(self, error: OSFException) -> None:
        """Remember that not even a connection could be made."""
        if isinstance(error, OSFConnectionError) and error.unreachable:
            answers = self._stats.statuses
            self._out_of_reach_after = answers, sum(answers.values())

    @property
    def _out_of_reach(self) -> bool:
        if self._out_of_reach_after is None:
            return False
        answers, number = self._out_of_reach_after
        # Where the totals were reset there is another counter, and its number tells nothing.
        return answers is self._stats.statuses and number == sum(answers.values())

    async def ask_json(
        self,
        request: Request,
        *,
        project: str | None = None,
        telling: Container[int] = (304,),
    ) -> tuple[Answer, Any]:
        """Send a request that may be repeated, until its answer can be read.

        Parameters
        ----------
        request : Request
            What to ask.
        project : str, optional
            For the errors.
        telling : container of int, optional
            Statuses that say all there is to know, and are no failures here.

        Returns
        -------
        tuple of Answer and object
            The answer, and its JSON; None where the status says it all.
        """
        async for attempt in self.attempts(request.operation, request.path):
            with attempt:
                answer = await self.transport.request(request)
                if answer.status in telling:
                    return answer, None
                await self.handle_response(answer, request.operation, request.path, project=project)
                await self.turn()
                found = await answer.json()
                if found is None:
                    raise unreadable(answer, request.operation, request.path)
        return answer, found

    async def turn(self) -> None:
        """Wait until it is this task's turn to work on an answer, behind what is ready to run.

        Where many answers come at once, the next requests leave before all of these are read.
        """
        async with self._turn:
            await asyncio.sleep(0)

    async def handle_response(
        self, answer: Answer, operation: str, path: str, *, project: str | None = None
    ) -> None:
        """Raise the error that an answer means."""
        if answer.status < 300:
            return
        error = read_error(answer, self._token.get(), operation, path, project)
        if answer.status == 403 and project is not None:
            error = await self._explain_refusal(error)
        raise error

    def words(self, answer: Answer) -> str:
        """Return the server's own words, without the token.

        Parameters
        ----------
        answer : Answer
            A refusal.

        Returns
        -------
        str
            Empty where it says nothing.
        """
        return redact(words_of(answer.content), self._token.get())

    async def _explain_refusal(self, error: OSFException) -> OSFException:
        """Find out why WaterButler answered 403: it says so for a bad token as for no rights."""
        if isinstance(error, OSFFileLockedError):
            return error
        token = self._token.get()
        if token is None:
            error.hint = f"There is no token. {OSFAuthenticationError.hint}"
            return error
        try:
            # Once: of a thousand uploads that are refused, all are for the same reason.
            if token not in self._valid:
                self._valid = {token: await self.token_is_valid()}
        except OSFException:
            return error
        if self._valid.get(token, True):
            return error
        return OSFAuthenticationError(
            "the OSF does not accept the token",
            operation=error.operation,
            path=error.path,
            status=401,
            request_id=error.request_id,
            bytes_uploaded=error.bytes_uploaded,
            total_size=error.total_size,
        )

    async def token_is_valid(self) -> bool:
        """Ask API v2 about the token; WaterButler takes a bad one for none.

        Returns
        -------
        bool
            False when there is a token and the OSF does not know it.
        """
        if self._token.get() is None:
            return True
        request = Request("GET", self.url(f"{self.config.api_url}/users/me/"), "api", "token", "")
        # A token without the scope to read its own user (403) is a token all the same.
        answer, _ = await self.ask_json(request, telling=(401, 403))
        return answer.status != 401

    async def ask_v2(self, place: str, operation: str, path: str) -> Any:
        """Ask API v2.

        Parameters
        ----------
        place : str
            What comes behind the API's root, query included.
        operation, path : str
            For the errors.

        Returns
        -------
        object
            The JSON.
        """
        url = self.url(f"{self.config.api_url}/{place}")
        _, found = await self.ask_json(Request("GET", url, "api", operation, path))
        return found

    def url(self, text: str) -> URL:
        """Return a URL as it goes over the wire.

        Parameters
        ----------
        text : str
            The URL, quoted.

        Returns
        -------
        yarl.URL
            With the view-only key, where there is one.
        """
        return URL(self.with_key(text), encoded=True)

    @property
    def has_key(self) -> bool:
        """Whether there is a view-only key."""
        return bool(self._view_only)

    def with_key(self, text: str) -> str:
        """Return a URL with the view-only key, where there is one.

        Parameters
        ----------
        text : str
            The URL, quoted.

        Returns
        -------
        str
            The URL, which is now a secret.
        """
        if not self._view_only:
            return text
        joint = "&" if "?" in text else "?"
        return f"{text}{joint}view_only={quote(self._view_only, safe='')}"
