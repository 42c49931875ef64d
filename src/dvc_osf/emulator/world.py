"""What all handlers share: the stored state, the switches, the log and the addresses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .blobs import Blobs
from .faults import Faults
from .log import RequestLog
from .pace import Line
from .rate_limit import FixedWindows, SlidingWindow
from .remembered import RememberedListings
from .settings import Settings
from .store import Store
from .tree import Tree

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from .store import Node

DEFAULT_REGION = "default"


class World:
    """An OSF without its listeners.

    Parameters
    ----------
    root
        The directory that holds everything; the world owns what it makes there.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.store = Store(root / "osf.sqlite")
        self.tree = Tree(self.store)
        self.blobs = Blobs(root, self.store.db)
        self.listings = RememberedListings(self.store.db)
        self.settings = Settings()
        self.line_in = Line(self.settings)
        self.line_out = Line(self.settings)
        self.log = RequestLog()
        self.faults = Faults()
        self.windows = FixedWindows()
        self.throttle = SlidingWindow()
        self.closing = asyncio.Event()
        self.web_url = ""
        self.storage_url = ""
        self.files_urls: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def files_url(self, node: Node) -> str:
        """Return the WaterButler that serves a node: that of its storage region."""
        return self.files_urls[node.region]

    def over_quota(self, node: Node) -> bool:
        """Tell whether a node is full: the OSF looks at what is there, not at what arrives."""
        return node.quota is not None and self.tree.usage(node.id) >= node.quota

    def discard(self, hashes: set[str]) -> None:
        """Remove the contents among these that no version has any more."""

        def remove() -> None:
            # An upload may have brought one back since.
            with self.store.transaction():
                self.blobs.discard([sha256 for sha256 in hashes if not self.tree.uses(sha256)])

        self.store.after_commit(remove)

    def continue_in_background(self, work: Coroutine[None, None, None]) -> None:
        """Do some work for which no request waits any more."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the work in the background and close the database."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.store.close()

    def first_steps(self) -> None:
        """Create the first user, token and project of an empty store."""
        if self.store.fact("project") is not None:
            return
        user = self.store.add_user("Test User One")
        token = self.store.add_token(user.id, ["osf.full_write"], "first")
        node = self.store.add_node(user.id, title="Example project", region=DEFAULT_REGION)
        self.store.remember("user", user.id)
        self.store.remember("token", token.secret)
        self.store.remember("project", node.id)

    def recall(self, key: str) -> str:
        """Return one of the things that exist from the first start on."""
        value = self.store.fact(key)
        if value is None:
            raise LookupError(key)
        return value
