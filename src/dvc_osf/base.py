"""What a filesystem is before it does anything: its options, its connections and its paths."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec.asyn import get_loop

from .auth import TokenSource
from .bulk import BulkFileSystem
from .config import Config
from .engine import EnginePool, Traits
from .exceptions import OSFPathError
from .paths import OSFPath, strip_protocol
from .stats import Stats

if TYPE_CHECKING:
    import asyncio

    from .engine import Engine
    from .retry import Clock

__all__ = ["BaseFileSystem"]


class BaseFileSystem(BulkFileSystem):
    """The lowest storey of :class:`~dvc_osf.filesystem.OSFFileSystem`, which tells the options."""

    protocol: ClassVar[str] = "osf"
    root_marker = ""
    _pid: int  # fsspec's
    async_impl = True
    cachable = True
    _extra_tokenize_attributes = ()

    def __init__(
        self,
        token: str | None = None,
        *,
        endpoint_url: str | None = None,
        files_url: str | None = None,
        view_only: str | None = None,
        timeout: float | None = None,
        upload_timeout: float | None = None,
        upload_chunk_size: int | str | None = None,
        max_retries: int | None = None,
        max_wait: float | None = None,
        max_requests: int | None = None,
        buffer_size: int | str | None = None,
        ssl_verify: bool | str | None = None,
        create_folders: bool = False,
        version_aware: bool = False,
        holding_folder: str | None = None,
        credentialpath: str | None = None,
        use_listings_cache: bool = True,
        listings_expiry_time: float | None = 60.0,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.config = Config.resolve(
            api_url=endpoint_url,
            files_url=files_url,
            timeout=timeout,
            upload_timeout=upload_timeout,
            upload_chunk_size=upload_chunk_size,
            max_retries=max_retries,
            max_wait=max_wait,
            max_requests=max_requests,
            buffer_size=buffer_size,
            ssl_verify=ssl_verify,
        )
        super().__init__(
            asynchronous=asynchronous,
            loop=loop,
            batch_size=batch_size or self.config.max_requests,
        )
        self.create_folders = create_folders
        self.version_aware = version_aware
        self.stats = Stats()
        self._token = TokenSource(token, credentialpath)
        view_only = view_only or os.environ.get("OSF_VIEW_ONLY") or None
        expiry = float("inf") if listings_expiry_time is None else float(listings_expiry_time)
        if not use_listings_cache:
            expiry = 0.0
        traits = Traits(
            view_only=view_only,
            expiry=expiry,
            version_aware=version_aware,
            holding=_parse_holding(holding_folder),
            virtual_folders=not create_folders,
        )
        self._engines = EnginePool(self.config, self._token, self.stats, traits)
        weakref.finalize(self, self._engines.close)

    # -- lifecycle ---------------------------------------------------------------------------

    async def _engine(self) -> Engine:
        return await self._engines.current()

    @property
    def clock(self) -> Clock:
        """What back-off and pauses are measured by; to be set before the first request."""
        return self._engines.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._engines.clock = clock

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that synchronous calls run on; after a fork, the child's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop: asyncio.AbstractEventLoop | None = None if self.asynchronous else get_loop()
        return self._loop

    async def aclose(self) -> None:
        """Close the running loop's connections; the next call opens new ones."""
        await self._engines.aclose()

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        self._engines.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.config.api_url}>"

    def to_dict(self, *, include_password: bool = True) -> dict[str, Any]:
        """Describe the filesystem for :meth:`from_dict`, without its secrets.

        Parameters
        ----------
        include_password : bool, optional
            As for fsspec; the token is left out either way, and comes from ``OSF_TOKEN`` again.

        Returns
        -------
        dict
            Fit for JSON.
        """
        described: dict[str, Any] = super().to_dict(include_password=include_password)
        for secret in ("token", "view_only"):
            described.pop(secret, None)
        described["args"] = ()
        return described

    def invalidate_cache(self, path: str | None = None) -> None:
        """Stop believing listings.

        Parameters
        ----------
        path : str, optional
            A place: the listings of it, above it and below it; by default, all.
        """
        self._engines.invalidate(None if path is None else OSFPath.parse(path))
        super().invalidate_cache(path)

    # -- paths -------------------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        return strip_protocol(path)

    def unstrip_protocol(self, name: str) -> str:
        """Return the URL of a path.

        Parameters
        ----------
        name : str
            Canonical path or URL.

        Returns
        -------
        str
            Beginning with ``osf://``.
        """
        return f"osf://{self._strip_protocol(name)}"

    @classmethod
    def _parent(cls, path: str) -> str:
        return cls._strip_protocol(path).rpartition("/")[0]  # type: ignore[no-any-return]


def _parse_holding(folder: str | None) -> OSFPath | None:
    if folder is None:
        return None
    place = OSFPath.parse(folder)
    if not place.parts:
        raise OSFPathError("a holding folder needs a name", path=str(place))
    return place
