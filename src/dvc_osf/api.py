"""OSFAPIClient: one method per operation of the OSF.

Alone in knowing the OSF's URLs, JSON shapes and status codes. Files and folders are WaterButler's
(the file API, v1); API v2 says which WaterButler serves a project, and whether a token is valid.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from .answers import announced_length, range_start, unreadable
from .asker import Asker
from .auth import TokenSource
from .config import Config
from .exceptions import OSFServerError
from .messages import Answer, Arriving, BytesBody, Request
from .models import Entity, Provider, Version
from .projects import Projects
from .readings import Listing, about, read_conflict, read_entities, read_entity
from .retry import Clock
from .stats import Stats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from typing_extensions import Self
    from yarl import URL

    from .messages import Body

__all__ = ["OSFAPIClient"]

_FEW_ENTITIES = 1000
"""Entities of a listing that are read on the spot; more are read in a thread."""


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
        source = token if isinstance(token, TokenSource) else TokenSource(token)
        self._asker = Asker(config, source, self.stats, self.clock, view_only)
        self._handle_response = self._asker.handle_response
        self._projects = Projects(self._asker)
        self.providers = self._projects.providers
        self.provider = self._projects.provider
        self.forget_providers = self._projects.invalidate
        self.projects = self._projects.mine
        self.project_info = self._projects.info
        self.project_facts = self._projects.facts
        self.token_is_valid = self._asker.token_is_valid
        self.attempts = self._asker.attempts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._asker.aclose()
        await self._projects.aclose()

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
        answer, found = await self._asker.ask_json(request, project=provider.project)
        if answer.status == 304 and etag:
            return None
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise unreadable(answer, "ls", path)
        data = found["data"]
        with about("ls", path):
            if len(data) > _FEW_ENTITIES:
                entities = await asyncio.to_thread(read_entities, data)
            else:
                await self._asker.turn()
                entities = read_entities(data)
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
        query = {"kind": "folder", "name": name}
        answer = await self.put(provider, parent, query, "folder PUT", "mkdir", path)
        await self._handle_response(answer, "mkdir", path, project=provider.project)
        return await read_entity(answer, name, "mkdir", path)

    # -- WaterButler: files ------------------------------------------------------------------

    async def upload_file(
        self,
        provider: Provider,
        target: Entity,
        body: Callable[[], Body],
        path: str,
        *,
        name: str,
        operation: str = "put_file",
    ) -> Entity:
        """Store a file's bytes in one streaming request; one attempt.

        Parameters
        ----------
        provider : Provider
            Where.
        target : Entity
            A folder, to create the file in it; or the file, to give it a new version. The version
            stays when the content is the same.
        body : callable
            Makes a fresh body; called again where the request must be sent anew.
        path : str
            For the errors.
        name : str
            The file's name.
        operation : str, optional
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
        query = {"kind": "file", "name": name} if target.is_folder else {"kind": "file"}
        answer = await self.put(provider, target, query, "file PUT", operation, path, body)
        if answer.status == 409:
            raise await read_conflict(answer, self._asker.words(answer), name, operation, path)
        await self._handle_response(answer, operation, path, project=provider.project)
        return await read_entity(answer, name, operation, path)

    async def put(
        self,
        provider: Provider,
        target: Entity,
        query: Mapping[str, str],
        kind: str,
        operation: str,
        path: str,
        body: Callable[[], Body] | None = None,
    ) -> Answer:
        """Send one PUT to the files host.

        Parameters
        ----------
        provider : Provider
            Where.
        target : Entity
            The folder or file.
        query : Mapping of str to str
            What to create.
        kind : str
            The name under which the request is counted.
        operation, path : str
            For the errors.
        body : callable, optional
            Makes a fresh body; without one, ``Content-Length: 0`` is sent.

        Returns
        -------
        Answer
            Whatever the server said, refusals included.
        """
        url = self._url(provider, target, **query)
        headers = {} if body else {"Content-Length": "0"}
        request = Request("PUT", url, kind, operation, path, body=body, headers=headers)
        return await self._asker.transport.request(request)

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
    ) -> AsyncIterator[Arriving]:
        """Read a file's content, pinned to the version of the record; one attempt.

        Of add-ons that name no versions, the newest content comes.

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
        Arriving
            Where it begins, the bytes, and how many there will be.
        """
        headers = {} if first is None else {"Range": f"bytes={first}-{last}"}
        query = {} if file.pin is None else {"version": file.pin}
        url = self._url(provider, file, **query)
        request = Request("GET", url, "download", operation, path, headers=headers)
        transport = self._asker.transport
        async with transport.stream(request) as response:
            if response.status < 300:
                start = 0
                if response.status == 206:
                    found = response.headers.get("Content-Range")
                    start = range_start(found, first, path, operation)
                async with contextlib.aclosing(transport.chunks(request, response)) as chunks:
                    yield Arriving(start, chunks, announced_length(response.headers))
                return
            answer = await transport.read(request, response)
        # Outside, for this may ask about the token, and must not hold a place meanwhile.
        await self._handle_response(answer, operation, path, project=provider.project)

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
        request = Request("GET", url, "revisions", "versions", path)
        answer, found = await self._asker.ask_json(request, project=provider.project)
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise unreadable(answer, "versions", path)
        with about("versions", path):
            return [Version.from_waterbutler(item) for item in found["data"]]

    async def version_sizes(self, file: Entity, path: str) -> dict[int, int]:
        """Ask API v2 how large a file's versions are; in one request for each hundred of them.

        Parameters
        ----------
        file : Entity
            Which one, of ``osfstorage``.
        path : str
            For the errors.

        Returns
        -------
        dict of int to int
            Bytes by version. A number that the OSF gave to several versions is left out.
        """
        sizes: list[tuple[int, int]] = []
        page = 1
        while page:
            place = f"files/{quote(file.id, safe='')}/versions/?page[size]=100&page={page}"
            found = await self._asker.ask_v2(place, "versions", path)
            try:
                items = [(int(item["id"]), item["attributes"]["size"]) for item in found["data"]]
                page = page + 1 if found["links"]["next"] else 0
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise OSFServerError(
                    f"API v2 sent versions that cannot be read ({error!r})",
                    operation="versions",
                    path=path,
                ) from None
            sizes += items
        counts = Counter(number for number, _ in sizes)
        return {number: size for number, size in sizes if counts[number] == 1}

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
            Within osfstorage, a move keeps ids and versions, and a copy has new ids and all
            versions; from or to an add-on, only the newest content goes.
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
        answer = await self._asker.transport.request(request)
        await self._handle_response(answer, action, path, project=provider.project)
        if answer.status == 202:
            return None
        return await read_entity(answer, name, action, path)

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
                answer = await self._asker.transport.request(request)
                again = attempt.retry_state.attempt_number > 1
                if again and answer.status in (404, 410):
                    return
                await self._handle_response(answer, "rm", path, project=provider.project)

    # -- URLs and JSON -----------------------------------------------------------------------

    def link(
        self,
        provider: Provider,
        file: Entity,
        *,
        version: int | None = None,
        view_only: bool = False,
    ) -> str:
        """Return where anybody who may read a file downloads it.

        Parameters
        ----------
        provider : Provider
            Where it is.
        file : Entity
            Which one.
        version : int, optional
            Which version; by default, what is the newest then.
        view_only : bool, optional
            Whether to put the view-only key in, which makes the URL a secret.

        Returns
        -------
        str
            Without the token.

        Raises
        ------
        ValueError
            There is no view-only key to put in.
        """
        url = provider.url(file, **({} if version is None else {"version": str(version)}))
        if view_only and not self._asker.has_key:
            raise ValueError("this filesystem has no view_only key to put into a URL")
        return self._asker.with_key(url) if view_only else url

    def _url(self, provider: Provider, entity: Entity, **query: str) -> URL:
        return self._asker.url(provider.url(entity, **query))
