"""From a path to an entity: folder listings, cached, shared while in flight, never partial.

Entities have ids, not paths, so a path is resolved folder by folder. What this client itself
writes, deletes or moves is entered into the cached listings from the OSF's own answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from .children import Children
from .concurrency import share
from .exceptions import OSFException, OSFNotFoundError
from .leftovers import Leftovers
from .models import Entity
from .paths import DEFAULT_PROVIDER, OSFPath
from .retry import is_transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .api import OSFAPIClient
    from .models import Provider

__all__ = ["Tree", "not_found"]

logger = logging.getLogger("dvc_osf")

_Result = TypeVar("_Result")


@dataclass
class _Cached:
    """One folder's place in the cache."""

    children: Children = field(default_factory=Children)
    complete: bool = False
    etag: str | None = None
    expires: float = 0.0
    flight: asyncio.Task[None] | None = None
    asked: int = 0
    """Which of the tree's requests for listings was the last for this folder."""
    missed: list[Callable[[Children], None]] = field(default_factory=list)
    """Changes of ours since the request in flight was sent: its answer may lack them."""


class Tree:
    """Resolves paths for one event loop.

    Parameters
    ----------
    api : OSFAPIClient
        Who to ask.
    expiry : float
        Seconds for which a listing is believed; 0 turns the cache off.

    Attributes
    ----------
    leftovers : Leftovers
        Folders that hold nothing any more since this client took the last thing out of them.
    moment : int
        How many listings were asked for so far: the time by which :meth:`look_again` tells an
        old listing from a new one.
    """

    def __init__(self, api: OSFAPIClient, expiry: float) -> None:
        self.leftovers = Leftovers(self.children)
        self._api = api
        self._expiry = expiry
        self._cache: dict[str, dict[str, _Cached]] = {}
        self._flights: set[asyncio.Task[None]] = set()
        self._warned: set[str] = set()
        self._doubts = 0
        """How often listings were doubted so far."""
        self._doubted: dict[str, int] = {}
        """Of each place, by that count, when its listing was doubted last."""
        self.moment = 0

    async def aclose(self) -> None:
        """Cancel listings in flight, and forget all."""
        for flight in self._flights:
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)
        # At once: what refers to a tree and its parts does so in circles, which would keep all
        # that was listed until the garbage collector's next full round.
        self._cache.clear()

    # -- reading -----------------------------------------------------------------------------

    async def provider(self, path: OSFPath, operation: str) -> Provider:
        """Return the provider that serves a path.

        Parameters
        ----------
        path : OSFPath
            Any place in a project.
        operation : str
            For the errors.

        Returns
        -------
        Provider
            Where its files are served.
        """
        return await self._api.provider(path.project, path.provider or DEFAULT_PROVIDER, operation)

    async def folders(self, path: OSFPath, operation: str) -> list[Entity]:
        """Return the folders that a path names: one, but for duplicates.

        Parameters
        ----------
        path : OSFPath
            The folder.
        operation : str
            For the errors.

        Returns
        -------
        list of Entity
            At least one, the oldest first.

        Raises
        ------
        OSFNotFoundError
            There is none.
        """
        known = self._known_folders(path)
        if known:
            return known
        children = await self.children(path.parent, operation)
        if path.name not in children.folders:
            raise not_found(path, operation)
        return children.folders[path.name]

    async def children(self, path: OSFPath, operation: str, *, refresh: bool = False) -> Children:
        """Return what a folder holds.

        Parameters
        ----------
        path : OSFPath
            The folder.
        operation : str
            For the errors.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        Children
            Complete. Not to be changed by the caller.

        Raises
        ------
        OSFNotFoundError
            There is no such folder.
        """
        return await self.resolving(lambda: self._children(path, operation, refresh=refresh), path)

    async def resolving(self, act: Callable[[], Awaitable[_Result]], *places: OSFPath) -> _Result:
        """Do something by ids; where one leads nowhere, once more by what the OSF lists now.

        Somebody else may have moved or deleted since. Of many tasks that meet an old id at the
        same time, each tries again, whichever of them was the first to doubt the listing.

        Parameters
        ----------
        act : callable
            Resolves the places, and does something with what they name.
        *places : OSFPath
            Files or folders.

        Returns
        -------
        object
            What it returns.

        Raises
        ------
        OSFNotFoundError
            Nothing is there, by a listing that nobody has doubted meanwhile.
        """
        since = self._doubts
        try:
            return await act()
        except OSFNotFoundError as error:
            if error.status is None:
                raise
            outdated = [self._outdated(place, since) for place in places]
            if not any(outdated):
                raise
        return await act()

    def _outdated(self, path: OSFPath, since: int) -> bool:
        """Tell whether an id that led nowhere came from a listing that is believed no longer."""
        if any(self._doubted.get(place, 0) > since for place in _at_and_above(path)):
            return True
        return self.invalidate(path)

    async def file(self, path: OSFPath, operation: str, *, refresh: bool = False) -> Entity | None:
        """Return the file of that path, the newest where there are several.

        Parameters
        ----------
        path : OSFPath
            The file.
        operation : str
            For the errors.
        refresh : bool, optional
            Ask the OSF even where the cache knows.

        Returns
        -------
        Entity or None
            None where the folder holds no such file.

        Raises
        ------
        OSFNotFoundError
            There is not even the folder.
        """
        if not path.parts:
            return None
        known = None if refresh else self._known(path)
        if known is None or path.name not in known.files:
            known = await self.children(path.parent, operation, refresh=refresh)
        namesakes = known.files.get(path.name)
        if not namesakes:
            return None
        if len(namesakes) > 1 and str(path) not in self._warned:
            self._warned.add(str(path))
            logger.warning(
                "osf://%s: the OSF holds %d files of this name; the newest counts",
                path,
                len(namesakes),
            )
        return namesakes[0]

    def known_file(self, path: OSFPath) -> Entity | None:
        """Return a file that the cache knows, without asking.

        Parameters
        ----------
        path : OSFPath
            The file.

        Returns
        -------
        Entity or None
            None where the cache does not know.
        """
        known = self._known(path)
        namesakes = known.files.get(path.name) if known else None
        return namesakes[0] if namesakes else None

    def known_folder(self, path: OSFPath) -> Entity | None:
        """Return a folder that the cache knows, without asking.

        Parameters
        ----------
        path : OSFPath
            The folder.

        Returns
        -------
        Entity or None
            The oldest of that path; None where the cache does not know.
        """
        return next(iter(self._known_folders(path)), None)

    def _known_folders(self, path: OSFPath) -> list[Entity]:
        if not path.parts:
            return [Entity.root()]
        known = self._known(path)
        return known.folders.get(path.name, []) if known else []

    def _known(self, path: OSFPath) -> Children | None:
        """Return what the cache believes of the folder that holds a path, perhaps not all of it."""
        folders = self._cache.get(str(path.parent), {})
        fresh = [cached for cached in folders.values() if self._fresh(cached)]
        if len(fresh) == 1:
            return fresh[0].children
        return None

    def _fresh(self, cached: _Cached) -> bool:
        return self._api.clock.monotonic() < cached.expires

    async def _children(self, path: OSFPath, operation: str, *, refresh: bool) -> Children:
        provider = await self.provider(path, operation)
        folders = await self.folders(path, operation)
        found = await asyncio.gather(
            *(self._listing(provider, folder, path, refresh=refresh) for folder in folders)
        )
        merged = found[0]
        for other in found[1:]:
            merged = merged.merged(other)
        return merged

    async def _listing(
        self, provider: Provider, folder: Entity, path: OSFPath, *, refresh: bool
    ) -> Children:
        """Return one folder's content; tasks that want it at the same time share one request."""
        cached = self._place(path, folder)
        if cached.complete and self._fresh(cached) and not refresh:
            return cached.children
        if refresh and cached.flight is not None:
            # Its answer may be older than the reason for asking again.
            await asyncio.wait({cached.flight})
        if cached.flight is None:
            cached.flight = asyncio.ensure_future(self._fetch(provider, folder, path, cached))
            self._flights.add(cached.flight)
            cached.flight.add_done_callback(self._landed)
        await share(cached.flight)
        return cached.children

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if not flight.cancelled():
            # Those who waited have it; they may all have been cancelled.
            flight.exception()

    async def _fetch(
        self, provider: Provider, folder: Entity, path: OSFPath, cached: _Cached
    ) -> None:
        cached.missed.clear()
        self.moment += 1
        cached.asked = self.moment
        try:
            listing = await self._api.list_folder(
                provider, folder, str(path), etag=cached.etag if cached.complete else None
            )
            changed = list(cached.missed)
            if listing is not None:
                cached.children = Children.of(listing.entities)
                cached.etag = None if changed else listing.etag
                for change in changed:
                    change(cached.children)
            cached.complete = True
            cached.expires = self._api.clock.monotonic() + self._expiry
        finally:
            cached.flight = None

    def _place(self, path: OSFPath, folder: Entity) -> _Cached:
        return self._cache.setdefault(str(path), {}).setdefault(folder.id, _Cached())

    async def look_again(self, path: OSFPath, operation: str, since: int) -> bool:
        """Ask once more for the listing by which a path is absent, if that is an old one.

        Another process may have written the path since. Tasks that miss siblings at the same
        time share one request.

        Parameters
        ----------
        path : OSFPath
            What was not found.
        operation : str
            For the errors.
        since : int
            The :attr:`moment` at which the search for it began.

        Returns
        -------
        bool
            Whether the path should be resolved again: there was an older listing.
        """
        folder = path.parent
        while folder.parts and not await self._is_known(folder, operation):
            folder = folder.parent
        older = False
        try:
            for entity in await self.folders(folder, operation):
                cached = self._place(folder, entity)
                if cached.asked <= since:
                    older = True
                    await self._listing(
                        await self.provider(folder, operation), entity, folder, refresh=True
                    )
                elif cached.flight is not None:
                    older = True
                    await share(cached.flight)
        except OSFNotFoundError:
            # The folder itself is gone, at least from where the cache had it.
            return self.invalidate(folder)
        return older

    async def _is_known(self, folder: OSFPath, operation: str) -> bool:
        try:
            await self.folders(folder, operation)
        except OSFNotFoundError:
            return False
        return True

    # -- keeping the cache true --------------------------------------------------------------

    def learn(self, parent: OSFPath, folder: Entity, entity: Entity) -> None:
        """Enter what the OSF answered to a write.

        Parameters
        ----------
        parent : OSFPath
            The folder's path.
        folder : Entity
            The folder.
        entity : Entity
            Its new or changed child.
        """
        cached = self._place(parent, folder)
        if not self._fresh(cached) and cached.flight is None:
            # What was believed has expired; what is learnt now is the beginning of a new belief.
            cached.children = Children()
            cached.complete = False
            cached.etag = None
            cached.expires = self._api.clock.monotonic() + self._expiry
        self._change(cached, lambda children: children.add(entity))
        self.leftovers.gave(parent.child(entity.name))

    def learn_empty(self, path: OSFPath, folder: Entity) -> None:
        """Enter a folder that has just been made: there is nothing in it.

        Parameters
        ----------
        path : OSFPath
            Its path.
        folder : Entity
            The folder.
        """
        cached = self._place(path, folder)
        cached.complete = True
        cached.expires = self._api.clock.monotonic() + self._expiry

    def forget(self, path: OSFPath, entity: Entity) -> None:
        """Strike out what was deleted or moved away, and all that was below it.

        Parameters
        ----------
        path : OSFPath
            Where it was.
        entity : Entity
            What it was.
        """
        for cached in self._cache.get(str(path.parent), {}).values():
            self._change(cached, lambda children: children.remove(entity))
        self.leftovers.took(path)
        if entity.is_folder:
            self._drop_below(str(path))

    @staticmethod
    def _change(cached: _Cached, change: Callable[[Children], None]) -> None:
        change(cached.children)
        # The ETag is that of a content that ours is no longer.
        cached.etag = None
        if cached.flight is not None:
            cached.missed.append(change)

    @contextlib.contextmanager
    def doubting(self, *places: OSFPath) -> Iterator[None]:
        """Stop believing what is at some places, where a change of it may or may not have happened.

        Parameters
        ----------
        *places : OSFPath
            Files or folders that are written, deleted or moved.

        Yields
        ------
        None
            While the OSF is asked for the change. A refusal leaves things as they were, so that
            they are still believed; any other failure, and a cancellation, leaves them unknown.
        """
        try:
            yield
        except BaseException as error:
            if not isinstance(error, OSFException) or is_transient(error):
                for place in places:
                    self._distrust(str(place.parent))
                    self._drop_below(str(place))
            raise

    def invalidate(self, path: OSFPath | None = None) -> bool:
        """Stop believing listings.

        Parameters
        ----------
        path : OSFPath, optional
            A place: its listing, those above and those below it go; by default, all. With a
            project goes what is known of its providers.

        Returns
        -------
        bool
            Whether anything was believed.
        """
        if path is None or path.provider is None:
            self._api.forget_providers(path.project if path else "")
        places = self._places_around(path)
        believed = any(
            self._fresh(cached) for place in places for cached in self._cache[place].values()
        )
        for place in places:
            self._distrust(place)
        return believed

    def _places_around(self, path: OSFPath | None) -> list[str]:
        """Return the cached places at, above and below a path."""
        if path is None:
            return list(self._cache)
        above = _at_and_above(path)
        return [place for place in self._cache if place in above] + self._places_below(str(path))

    def _places_below(self, place: str) -> list[str]:
        return [key for key in self._cache if not place or key.startswith(f"{place}/")]

    def _distrust(self, place: str) -> None:
        """Let one place's listings expire; the ETag keeps its use, a request in flight does not."""
        self._doubts += 1
        self._doubted[place] = self._doubts
        folders = self._cache.get(place, {})
        for id_, cached in folders.items():
            folders[id_] = replace(cached, expires=0.0, flight=None, missed=[])

    def _drop_below(self, place: str) -> None:
        for other in [place, *self._places_below(place)]:
            self._distrust(other)


def _at_and_above(path: OSFPath) -> set[str]:
    places = {str(path)}
    while path.parts:
        path = path.parent
        places.add(str(path))
    return places


def not_found(path: OSFPath, operation: str) -> OSFNotFoundError:
    """Return the error for a path that names nothing.

    Parameters
    ----------
    path : OSFPath
        The path.
    operation : str
        What was wanted of it.

    Returns
    -------
    OSFNotFoundError
        Not raised.
    """
    return OSFNotFoundError("no such file or folder", path=str(path), operation=operation)
