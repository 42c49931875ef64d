"""Projects and their storage providers, as API v2 knows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .auth import check_files_url
from .exceptions import OSFNotFoundError, OSFServerError
from .models import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .asker import Asker

__all__ = ["Projects"]


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

    async def aclose(self) -> None:
        """End questions in flight."""
        asking = list(self._providers.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

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
                status=404,
                operation=operation,
                path=f"{project}/{name}",
                hint=f"It has: {', '.join(sorted(providers)) or 'none'}",
            )
        return providers[name]

    async def _ask_providers(self, project: str, operation: str) -> dict[str, Provider]:
        try:
            found = await self._ask_files(project, operation)
            return {
                item["attributes"]["provider"]: self._read_provider(project, item)
                for item in found["data"]
            }
        except (AttributeError, KeyError, TypeError, OSFServerError) as error:
            if isinstance(error, OSFServerError) and not error.damaged:
                error.operation = operation
                raise
            raise OSFServerError(
                f"{self._config.api_url} does not answer as the OSF's API v2 does",
                operation=operation,
                path=project,
                hint="Check endpoint_url (OSF_API_URL)",
            ) from None

    async def _ask_files(self, project: str, operation: str) -> Any:
        """Ask for the files of a project, or of the registration of that GUID."""
        place = f"{project}/files/?page[size]=100"
        try:
            return await self._asker.ask_v2(f"nodes/{place}", operation, project)
        except OSFNotFoundError as error:
            if error.status != 404:
                raise
        return await self._asker.ask_v2(f"registrations/{place}", operation, project)

    def _read_provider(self, project: str, item: Mapping[str, Any]) -> Provider:
        name = item["attributes"]["provider"]
        root = self._config.files_url
        if root is None:
            root = item["links"]["upload"].partition("/v1/resources/")[0]
            check_files_url(self._config.api_url, root, path=project)
        place = f"v1/resources/{quote(project, safe='')}/providers/{quote(name, safe='')}/"
        return Provider(project, name, f"{root}/{place}")
