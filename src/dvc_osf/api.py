"""OSFAPIClient: one method per operation of the OSF.

Alone in knowing the OSF's URLs, JSON shapes and status codes. Files and folders are WaterButler's
(the file API, v1); API v2 says which WaterButler serves a project, and whether a token is valid.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from yarl import URL

from .answers import range_start, read_error, words_of
from .auth import TokenSource, check_files_url
from .config import Config
from .exceptions import (
    OSFAuthenticationError,
    OSFException,
    OSFFileLockedError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFServerError,
    OSFVersionConflictError,
)
from .messages import Answer, BytesBody, Request
from .models import Entity, Provider, Version
from .retry import Clock, attempts
from .stats import Stats
from .transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    import tenacity
    from typing_extensions import Self

    from .messages import Body

__all__ = ["FileExistsConflictError", "Listing", "OSFAPIClient"]

_FEW_ENTITIES = 1000


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    entities : tuple of Entity
        All of its children, in no order.
    etag : str or None
        For asking whether it has changed.
    """

    entities: tuple[Entity, ...]
    etag: str | None


class FileExistsConflictError(OSFVersionConflictError):
    """The 409 to a file's creation, which carries the file that exists.

    Attributes
    ----------
    existing : Entity or None
        That file; its size may be the first version's.
    """

    existing: Entity | None = None


class OSFAPIClient:
    """A client of one OSF, for use within one event loop.

    Owns its connections: close it with :meth:`aclose`.

    Parameters
    ----------
    token : str or TokenSource, optional
        Personal access token; None for what the environment holds, else anonymous.
    config : Config, optional
        Settings; by default those of the environment.
    upload_timeout : float, optional
        Seconds an upload may go without progress; overrides the config's.
    view_only : str, optional
        The key of a view-only link.
    stats : Stats, optional
        Where requests are counted.
    clock : Clock, optional
        What pauses are measured by.
    """

    def __init__(
        self,
        token: str | TokenSource | None = None,
        config: Config | None = None,
        *,
        upload_timeout: float | None = None,
        view_only: str | None = None,
        stats: Stats | None = None,
        clock: Clock | None = None,
    ) -> None:
        config = config or Config.resolve()
        if upload_timeout is not None:
            config = dataclasses.replace(config, upload_timeout=upload_timeout)
        self.config = config
        self.stats = stats or Stats()
        self.clock = clock or Clock()
        self._token = token if isinstance(token, TokenSource) else TokenSource(token)
        self._view_only = view_only
        self._transport = Transport(config, self._token, self.stats, self.clock)
        self._providers: dict[str, asyncio.Task[dict[str, Provider]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        asking = list(self._providers.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._transport.aclose()

    # -- API v2 ------------------------------------------------------------------------------

    async def providers(self, project: str, operation: str = "ls") -> dict[str, Provider]:
        """Return a project's storage providers; asked once, then remembered.

        Parameters
        ----------
        project : str
            The GUID of a project, component or registration.
        operation : str, optional
            For the errors.

        Returns
        -------
        dict of str to Provider
            By name.

        Raises
        ------
        OSFAuthenticationError
            The token is not valid, or there is none and the project is private.
        OSFPermissionError
            The token may not see the project.
        OSFNotFoundError
            No such project, or it was deleted.
        """
        task = self._providers.get(project)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.ensure_future(self._ask_providers(project, operation))
            self._providers[project] = task
        return await asyncio.shield(task)

    async def provider(self, project: str, name: str, operation: str = "ls") -> Provider:
        """Return one storage provider of a project.

        Parameters
        ----------
        project, name : str
            The project's GUID and the provider's name.
        operation : str, optional
            For the errors.

        Returns
        -------
        Provider
            Where its files are served.

        Raises
        ------
        OSFNotFoundError
            The project has no such provider.
        """
        providers = await self.providers(project, operation)
        if name not in providers:
            raise OSFNotFoundError(
                f"the project has no storage provider {name!r}",
                operation=operation,
                path=f"{project}/{name}",
                hint=f"It has: {', '.join(sorted(providers)) or 'none'}",
            )
        return providers[name]

    async def _ask_providers(self, project: str, operation: str) -> dict[str, Provider]:
        try:
            found = await self._ask_v2(f"nodes/{project}/files/?page[size]=100", operation, project)
        except OSFNotFoundError as error:
            if error.status != 404:
                raise
            found = await self._ask_v2(
                f"registrations/{project}/files/?page[size]=100", operation, project
            )
        try:
            return {
                item["attributes"]["provider"]: self._read_provider(project, item)
                for item in found["data"]
            }
        except (KeyError, TypeError):
            raise OSFServerError(
                f"{self.config.api_url} does not answer as the OSF's API v2 does",
                operation=operation,
                path=project,
                hint="Check endpoint_url (OSF_API_URL)",
            ) from None

    def _read_provider(self, project: str, item: Mapping[str, Any]) -> Provider:
        name = item["attributes"]["provider"]
        root = self.config.files_url
        if root is None:
            root = item["links"]["upload"].partition("/v1/resources/")[0]
            check_files_url(self.config.api_url, root, path=project)
        place = f"v1/resources/{quote(project, safe='')}/providers/{quote(name, safe='')}/"
        return Provider(project, name, f"{root}/{place}")

    async def token_is_valid(self) -> bool:
        """Ask API v2 about the token; WaterButler takes a bad one for none.

        Returns
        -------
        bool
            False when there is a token and the OSF does not know it.
        """
        if self._token.get() is None:
            return True
        try:
            await self._ask_v2("users/me/", "token", "")
        except OSFAuthenticationError:
            return False
        except OSFPermissionError:
            # A token without the scope to read its own user is a token all the same.
            return True
        return True

    async def _ask_v2(self, place: str, operation: str, path: str) -> Any:
        url = self._with_view_only(f"{self.config.api_url}/{place}")
        answer = await self._ask(Request("GET", url, "api", operation, path))
        await self._handle_response(answer, operation, path)
        return await answer.json()

    # -- WaterButler: folders ----------------------------------------------------------------

    async def list_folder(
        self, provider: Provider, folder: Entity, path: str, *, etag: str | None = None
    ) -> Listing | None:
        """List a folder, complete, in one request.

        Parameters
        ----------
        provider : Provider
            Where it is.
        folder : Entity
            Which one.
        path : str
            For the errors.
        etag : str, optional
            Of the listing that the caller has.

        Returns
        -------
        Listing or None
            None when the caller's listing still holds.
        """
        headers = {"If-None-Match": etag} if etag else {}
        request = Request(
            "GET", self._url(provider, folder), "listing", "ls", path, headers=headers
        )
        answer = await self._ask(request)
        if answer.status == 304 and etag:
            return None
        await self._handle_response(answer, "ls", path, project=provider.project)
        found = await answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise OSFServerError("the listing cannot be read", operation="ls", path=path)
        data = found["data"]
        if len(data) <= _FEW_ENTITIES:
            entities = _read_entities(data)
        else:
            entities = await asyncio.to_thread(_read_entities, data)
        return Listing(entities, answer.headers.get("ETag"))

    async def create_folder(
        self, provider: Provider, parent: Entity, name: str, path: str
    ) -> Entity:
        """Create a folder; one attempt, for a lost answer must be looked up.

        Parameters
        ----------
        provider : Provider
            Where.
        parent : Entity
            The folder to hold it.
        name : str
            Its name.
        path : str
            For the errors.

        Returns
        -------
        Entity
            The new folder.

        Raises
        ------
        OSFVersionConflictError
            It exists; the answer does not say under which id.
        """
        url = self._url(provider, parent, kind="folder", name=name)
        request = Request("PUT", url, "folder PUT", "mkdir", path, headers={"Content-Length": "0"})
        answer = await self._transport.request(request)
        await self._handle_response(answer, "mkdir", path, project=provider.project)
        return await self._read_entity(answer, name, "mkdir", path)

    # -- WaterButler: files ------------------------------------------------------------------

    async def create_file(
        self,
        provider: Provider,
        parent: Entity,
        name: str,
        body: Callable[[], Body],
        path: str,
        operation: str = "put_file",
    ) -> Entity:
        """Create a file; one attempt.

        Parameters
        ----------
        provider : Provider
            Where.
        parent : Entity
            The folder to hold it.
        name : str
            Its name.
        body : callable
            Makes a fresh body.
        path, operation : str
            For the errors.

        Returns
        -------
        Entity
            As the OSF has it now.

        Raises
        ------
        FileExistsConflictError
            A file of that name exists; it is in ``existing``.
        """
        url = self._url(provider, parent, kind="file", name=name)
        request = Request("PUT", url, "file PUT", operation, path, body=body)
        answer = await self._transport.request(request)
        if answer.status == 409:
            conflict = FileExistsConflictError(
                words_of(answer.content) or "a file of that name exists",
                status=409,
                path=path,
                operation=operation,
            )
            existing = await answer.json()
            if isinstance(existing, dict) and existing.get("data"):
                conflict.existing = self._same_name(
                    Entity.from_waterbutler(existing["data"]), name, operation, path
                )
            raise conflict
        await self._handle_response(answer, operation, path, project=provider.project)
        return await self._read_entity(answer, name, operation, path)

    async def update_file(
        self,
        provider: Provider,
        file: Entity,
        body: Callable[[], Body],
        path: str,
        operation: str = "put_file",
    ) -> Entity:
        """Give a file a new version; one attempt.

        Parameters
        ----------
        provider : Provider
            Where.
        file : Entity
            Which one.
        body : callable
            Makes a fresh body.
        path, operation : str
            For the errors.

        Returns
        -------
        Entity
            As the OSF has it now; the version stays when the content is the same.
        """
        url = self._url(provider, file, kind="file")
        request = Request("PUT", url, "file PUT", operation, path, body=body)
        answer = await self._transport.request(request)
        await self._handle_response(answer, operation, path, project=provider.project)
        return await self._read_entity(answer, file.name, operation, path)

    @contextlib.asynccontextmanager
    async def download(
        self,
        provider: Provider,
        file: Entity,
        path: str,
        operation: str,
        *,
        first: int | None = None,
        last: int | None = None,
    ) -> AsyncIterator[tuple[int, AsyncGenerator[bytes, None]]]:
        """Read a file's content, pinned to the version of the record; one attempt.

        Parameters
        ----------
        provider : Provider
            Where.
        file : Entity
            Which file, and which version of it.
        path, operation : str
            For the errors.
        first, last : int, optional
            First and last byte of a closed range within the file.

        Yields
        ------
        tuple of int and AsyncIterator of bytes
            The position of the first byte that comes (0 where the server ignored the range), and
            the bytes as they arrive.
        """
        headers = {} if first is None else {"Range": f"bytes={first}-{last}"}
        query = {} if file.version is None else {"version": str(file.version)}
        url = self._url(provider, file, **query)
        request = Request("GET", url, "download", operation, path, headers=headers)
        async with self._transport.stream(request) as response:
            if response.status >= 300:
                answer = Answer(response.status, response.headers, await response.read())
                await self._handle_response(answer, operation, path, project=provider.project)
            start = 0
            if response.status == 206:
                start = range_start(response.headers.get("Content-Range"), first, path, operation)
            chunks = self._transport.chunks(request, response)
            async with contextlib.aclosing(chunks):
                yield start, chunks

    async def versions(self, provider: Provider, file: Entity, path: str) -> list[Version]:
        """List a file's versions.

        Parameters
        ----------
        provider : Provider
            Where.
        file : Entity
            Which one.
        path : str
            For the errors.

        Returns
        -------
        list of Version
            Newest first.
        """
        url = self._url(provider, file, revisions="")
        answer = await self._ask(Request("GET", url, "revisions", "versions", path))
        await self._handle_response(answer, "versions", path, project=provider.project)
        found = await answer.json()
        return [Version.from_waterbutler(item) for item in found["data"]]

    # -- WaterButler: both -------------------------------------------------------------------

    async def relocate(
        self,
        action: str,
        provider: Provider,
        entity: Entity,
        target: Provider,
        folder: Entity,
        name: str,
        path: str,
    ) -> Entity | None:
        """Move or copy a file, or a folder with all that is in it; one attempt.

        Parameters
        ----------
        action : {"move", "copy"}
            A move keeps ids and versions; a copy has new ids, and all versions.
        provider : Provider
            Where it is.
        entity : Entity
            What to move.
        target : Provider
            Where it shall be; perhaps another project's.
        folder : Entity
            The folder to hold it.
        name : str
            Its name there, which must be free.
        path : str
            For the errors.

        Returns
        -------
        Entity or None
            What is there now, with a size that may be the first version's; None where the OSF
            goes on working at it (202).

        Raises
        ------
        OSFVersionConflictError
            Something of that kind and name is there.
        """
        order = {
            "action": action,
            "path": f"/{folder.id}/" if folder.id else "/",
            "rename": name,
            "conflict": "warn",
            "resource": target.project,
            "provider": target.name,
        }
        content = json.dumps(order).encode()
        request = Request(
            "POST",
            self._url(provider, entity),
            action,
            action,
            path,
            body=lambda: BytesBody(content),
            headers={"Content-Type": "application/json"},
        )
        answer = await self._transport.request(request)
        await self._handle_response(answer, action, path, project=provider.project)
        if answer.status == 202:
            return None
        return await self._read_entity(answer, name, action, path)

    async def delete(self, provider: Provider, entity: Entity, path: str) -> None:
        """Delete a file, or a folder with all that is in it, in one request.

        Parameters
        ----------
        provider : Provider
            Where.
        entity : Entity
            Which one; for a provider's root its content is deleted.
        path : str
            For the errors.

        Raises
        ------
        OSFNotFoundError
            It was gone at the first attempt; later, that means that an earlier one worked.
        """
        query = {} if entity.id else {"confirm_delete": "1"}
        request = Request("DELETE", self._url(provider, entity, **query), "delete", "rm", path)
        async for attempt in self.attempts("rm", path):
            with attempt:
                answer = await self._transport.request(request)
                again = attempt.retry_state.attempt_number > 1
                if again and answer.status in (404, 410):
                    return
                await self._handle_response(answer, "rm", path, project=provider.project)

    def attempts(self, operation: str, path: str) -> tenacity.AsyncRetrying:
        """Return the retry policy for one operation.

        Parameters
        ----------
        operation, path : str
            For the log and the errors.

        Returns
        -------
        tenacity.AsyncRetrying
            To be iterated.
        """
        return attempts(self.config.max_retries, self.clock, self.stats, operation, path)

    async def _ask(self, request: Request) -> Answer:
        """Send a request that may be repeated, and repeat it when the OSF fails."""
        async for attempt in self.attempts(request.operation, request.path):
            with attempt:
                answer = await self._transport.request(request)
                if answer.status >= 500 or answer.status == 408:
                    await self._handle_response(answer, request.operation, request.path)
        return answer

    async def _handle_response(
        self, answer: Answer, operation: str, path: str, *, project: str | None = None
    ) -> None:
        """Raise the error that an answer means."""
        if answer.status < 300:
            return
        error = read_error(answer, self._token.get(), operation, path, project)
        if answer.status == 403 and project is not None:
            error = await self._explain_refusal(error)
        raise error

    async def _explain_refusal(self, error: OSFException) -> OSFException:
        """Find out why WaterButler answered 403: it says so for a bad token as for no rights."""
        if isinstance(error, OSFFileLockedError):
            return error
        if self._token.get() is None:
            error.hint = f"There is no token. {OSFAuthenticationError.hint}"
            return error
        try:
            valid = await self.token_is_valid()
        except OSFException:
            return error
        if valid:
            return error
        return OSFAuthenticationError(
            "the OSF does not accept the token",
            operation=error.operation,
            path=error.path,
            status=401,
        )

    # -- URLs and JSON -----------------------------------------------------------------------

    def _url(self, provider: Provider, entity: Entity, **query: str) -> URL:
        """Build a URL from the trusted root and the id, never from a link in an answer."""
        place = "/".join(quote(part, safe="") for part in entity.id.split("/"))
        slash = "/" if entity.is_folder and entity.id else ""
        pairs = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        return self._with_view_only(
            f"{provider.root_url}{place}{slash}{'?' if pairs else ''}{pairs}"
        )

    def _with_view_only(self, url: str) -> URL:
        if self._view_only:
            joint = "&" if "?" in url else "?"
            url = f"{url}{joint}view_only={quote(self._view_only, safe='')}"
        return URL(url, encoded=True)

    async def _read_entity(self, answer: Answer, name: str, operation: str, path: str) -> Entity:
        found = await answer.json()
        if not isinstance(found, dict) or "data" not in found:
            raise OSFServerError(
                "the OSF accepted the request, but its answer cannot be read",
                operation=operation,
                path=path,
            )
        return self._same_name(Entity.from_waterbutler(found["data"]), name, operation, path)

    @staticmethod
    def _same_name(entity: Entity, name: str, operation: str, path: str) -> Entity:
        """Insist on the name that was asked for: the OSF changes some, and then means others."""
        if entity.name != name:
            raise OSFServerError(
                f"the OSF answered for {entity.name!r} instead of {name!r}",
                operation=operation,
                path=path,
                hint="Rename the file; the OSF cannot keep its name",
            )
        return entity


def _read_entities(data: list[Any]) -> tuple[Entity, ...]:
    return tuple(Entity.from_waterbutler(item) for item in data)
