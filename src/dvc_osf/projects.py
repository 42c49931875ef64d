"""Projects and their storage providers, as API v2 knows them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .auth import check_files_url
from .concurrency import gather_or_cancel, share
from .exceptions import (
    OSFAuthenticationError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFServerError,
)
from .models import Project, ProjectInfo, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .asker import Asker

__all__ = ["Projects"]

_WALKS = 3
"""How often a list that changes while it is read is read again."""

# Without an order, the pages of a list repeat some entries and lose others.
_LIST = "page[size]=100&sort=date_created&fields[nodes]=title&fields[registrations]=title"


class Projects:
    """Finds out, once per project, who serves its files.

    Parameters
    ----------
    asker : Asker
        What asks.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._config = asker.config
        self._providers: dict[str, asyncio.Task[dict[str, Provider]]] = {}
        self._asking: set[asyncio.Task[dict[str, Provider]]] = set()

    async def aclose(self) -> None:
        """End questions in flight."""
        asking = list(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def invalidate(self, project: str = "") -> None:
        """Ask again who serves a project's files, when that is wanted next.

        Parameters
        ----------
        project : str, optional
            The GUID; by default, all are asked for again.
        """
        if project:
            self._providers.pop(project, None)
        else:
            self._providers.clear()

    async def providers(
        self, project: str, operation: str = "ls", *, refresh: bool = False
    ) -> dict[str, Provider]:
        """Return a project's storage providers; asked once, then remembered.

        Parameters
        ----------
        project : str
            The GUID of a project, component or registration.
        operation : str, optional
            For the errors.
        refresh : bool, optional
            Ask the OSF even where they are remembered.

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
        task = None if refresh else self._providers.get(project)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.ensure_future(self._ask_providers(project, operation))
            self._providers[project] = task
            self._asking.add(task)
            task.add_done_callback(self._answered)
        return await share(task)

    def _answered(self, task: asyncio.Task[dict[str, Provider]]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            # Those who waited have it; they may all have been cancelled.
            task.exception()

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
                status=404,
                operation=operation,
                path=f"{project}/{name}",
                hint=f"It has: {', '.join(sorted(providers)) or 'none'}",
            )
        return providers[name]

    async def mine(self, operation: str = "ls") -> list[Project]:
        """Return the projects and components that the token's owner contributes to.

        Parameters
        ----------
        operation : str, optional
            For the errors.

        Returns
        -------
        list of Project
            All of them, the oldest first.

        Raises
        ------
        OSFAuthenticationError
            There is no token, or it is not valid.
        OSFServerError
            The list changed again and again while it was read.
        """
        if self._asker.anonymous:
            raise OSFAuthenticationError(
                "without a token there are no projects to list", operation=operation
            )
        return await self._ask_list("users/me/nodes/", operation, "")

    async def info(self, project: str, operation: str = "project_info") -> ProjectInfo:
        """Return what API v2 says about a project: at most four requests.

        Parameters
        ----------
        project : str
            The GUID of a project, component or registration.
        operation : str, optional
            For the errors.

        Returns
        -------
        ProjectInfo
            With components, and with storage where the OSF tells the caller.
        """
        info = await self.facts(project, operation)
        kind = "registrations" if info.registration else "nodes"
        try:
            (used, status), components = await gather_or_cancel(
                [
                    self._ask_storage(project, info, operation),
                    self._ask_list(f"{kind}/{project}/children/", operation, project),
                ]
            )
        except (AttributeError, KeyError, TypeError, ValueError, OSFServerError) as error:
            raise self._not_v2(error, operation, project) from None
        return replace(
            info,
            components=tuple(component.id for component in components),
            storage_used=used,
            storage_status=status,
        )

    async def facts(self, project: str, operation: str) -> ProjectInfo:
        """Return what API v2 says in one request, or two for a registration.

        Parameters
        ----------
        project : str
            The GUID of a project, component or registration.
        operation : str
            For the errors.

        Returns
        -------
        ProjectInfo
            Without components and storage.
        """
        try:
            return ProjectInfo.from_v2((await self._ask_node(project, "", operation))["data"])
        except (AttributeError, KeyError, TypeError, OSFServerError) as error:
            raise self._not_v2(error, operation, project) from None

    async def _ask_storage(
        self, project: str, info: ProjectInfo, operation: str
    ) -> tuple[int | None, str | None]:
        """Ask how full a project is; the OSF tells only those who may write."""
        if info.registration or "write" not in info.permissions:
            return None, None
        try:
            found = await self._asker.ask_v2(f"nodes/{project}/storage/", operation, project)
        except OSFPermissionError:
            # A token for reading only, of somebody who may write.
            return None, None
        facts = found["data"]["attributes"]
        used = facts["storage_usage"]
        return None if used is None else int(used), facts["storage_limit_status"]

    async def _ask_list(self, place: str, operation: str, path: str) -> list[Project]:
        """Read a list of nodes, page by page, until one reading is complete."""
        try:
            for _ in range(_WALKS):
                items = await self._walk_pages(place, operation, path)
                if items is not None:
                    return [Project(item["id"], item["attributes"]["title"]) for item in items]
        except (AttributeError, KeyError, TypeError, ValueError, OSFServerError) as error:
            raise self._not_v2(error, operation, path) from None
        raise OSFServerError(
            f"the list of projects changed {_WALKS} times while it was read",
            operation=operation,
            path=path,
            hint="Try again",
        )

    async def _walk_pages(self, place: str, operation: str, path: str) -> list[Any] | None:
        """Read all pages of a list; None where they do not fit together.

        The pages are asked for by number, for a link in an answer might lead anywhere.
        """

        async def ask(number: int) -> Any:
            return await self._asker.ask_v2(f"{place}?{_LIST}&page={number}", operation, path)

        first = await ask(1)
        total, size = _counts(first)
        try:
            others = await gather_or_cancel(ask(n) for n in range(2, -(-total // size) + 1))
        except OSFNotFoundError:
            # The list is shorter by now, and has no such page.
            return None
        pages = [first, *others]
        items = {item["id"]: item for page in pages for item in page["data"]}
        whole = len(items) == total and all(_counts(page)[0] == total for page in pages)
        return list(items.values()) if whole else None

    async def _ask_providers(self, project: str, operation: str) -> dict[str, Provider]:
        try:
            found = await self._ask_node(project, "files/?page[size]=100", operation)
            return {
                item["attributes"]["provider"]: self._read_provider(project, item)
                for item in found["data"]
            }
        except (AttributeError, KeyError, TypeError, OSFServerError) as error:
            raise self._not_v2(error, operation, project) from None

    def _not_v2(self, error: Exception, operation: str, path: str) -> OSFServerError:
        """Return the error for an answer that cannot be API v2's; a failure of the OSF stays."""
        if isinstance(error, OSFServerError) and not error.damaged:
            error.operation = operation
            return error
        return OSFServerError(
            f"{self._config.api_url} does not answer as the OSF's API v2 does",
            operation=operation,
            path=path,
            hint="Check endpoint_url (OSF_API_URL)",
        )

    async def _ask_node(self, project: str, place: str, operation: str) -> Any:
        """Ask about a project, or about the registration of that GUID."""
        try:
            return await self._asker.ask_v2(f"nodes/{project}/{place}", operation, project)
        except OSFNotFoundError as error:
            if error.status != 404:
                raise
        return await self._asker.ask_v2(f"registrations/{project}/{place}", operation, project)

    def _read_provider(self, project: str, item: Mapping[str, Any]) -> Provider:
        name = item["attributes"]["provider"]
        root = self._config.files_url
        if root is None:
            root = item["links"]["upload"].partition("/v1/resources/")[0]
            check_files_url(self._config.api_url, root, path=project)
        place = f"v1/resources/{quote(project, safe='')}/providers/{quote(name, safe='')}/"
        return Provider(project, name, f"{root}/{place}")


def _counts(page: Any) -> tuple[int, int]:
    """Return how many items a list has, and how many come on a page."""
    # Where API v2 says so depends on the version of it that the token's owner has chosen.
    meta = page["meta"] if "total" in page["meta"] else page["links"]["meta"]
    return int(meta["total"]), max(int(meta["per_page"]), 1)
