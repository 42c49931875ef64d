"""OSFFileSystem: fsspec's names on top of the tree, the transfers and the client.

It is built in storeys, each a module and each standing on the one before: :mod:`~dvc_osf.bulk`
(fsspec's methods for many files), :mod:`~dvc_osf.base` (options, connections, paths),
:mod:`~dvc_osf.looking`, :mod:`~dvc_osf.facts`, :mod:`~dvc_osf.versions`, :mod:`~dvc_osf.reading`,
:mod:`~dvc_osf.writing`, :mod:`~dvc_osf.transactions`, :mod:`~dvc_osf.moving`, and here the file
objects.
"""

from __future__ import annotations

from typing import Any

from fsspec.core import get_compression

from .exceptions import OSFVersionConflictError
from .facade import add_sync_methods, call_sync
from .files import CompressedFile, OSFFile, OSFWriteFile, TextFile
from .moving import MovingFileSystem
from .paths import OSFPath
from .streams import AsyncReader, AsyncWriter
from .transactions import OSFTransaction

__all__ = ["OSFFile", "OSFFileSystem", "OSFWriteFile"]


class OSFFileSystem(MovingFileSystem):
    """The Open Science Framework as a filesystem.

    Paths are ``osf://<project>/<provider>/<path>``; ``osf://abc12/data.csv`` is short for
    ``osf://abc12/osfstorage/data.csv``. All options but the first are by keyword; those that are
    None come from ``OSF_*`` variables, then from defaults (see ``docs/configuration.md``).

    Parameters
    ----------
    token : str, optional
        Personal access token; else the file ``credentialpath``, else ``OSF_TOKEN``, else anonymous.
    endpoint_url : str, optional
        Root of API v2; ``https://api.osf.io/v2`` by default.
    files_url : str, optional
        Root of WaterButler, instead of the one that API v2 names for the project.
    view_only : str, optional
        Key of a view-only link.
    timeout : float, optional
        Seconds of silence allowed for a request without a body; 60.
    upload_timeout : float, optional
        Seconds an upload may go without progress; 300.
    upload_chunk_size : int or str, optional
        Bytes of a chunk (``"5MB"``), 1 MB to 100 MB; smaller files go in one piece.
    max_retries : int, optional
        How often a failed request is sent again; 5.
    max_wait : float, optional
        Seconds a request may wait for the OSF's rate limit; 3,900.
    max_requests : int, optional
        Requests in flight; 16.
    buffer_size : int or str, optional
        Bytes of buffers in memory; 64 MiB.
    ssl_verify : bool or str, optional
        False to trust any certificate, or the path of a CA file.
    create_folders : bool, optional
        Whether ``mkdir`` makes a folder, for people who want empty ones on the web page. By
        default it does nothing: folders appear with their first file, and one from which this
        filesystem took the last is shown no more (the OSF keeps it; see
        :mod:`dvc_osf.leftovers`).
    version_aware : bool, optional
        Whether ``?version=<n>`` at the end of a path names a version of a file, and descriptions
        of files have ``version_id``. By default a question mark is part of a name.
    holding_folder : str, optional
        A folder, hidden from listings, to which ``rm`` moves what is beside it instead of deleting
        it, so that its versions stay readable; writing to the old path continues them. Removing
        from the folder itself deletes.
    credentialpath : str, optional
        A file that holds the token.
    use_listings_cache : bool, optional
        Whether to believe a listing for a while.
    listings_expiry_time : float, optional
        For how many seconds; 60.
    asynchronous : bool, optional
        For use from a running event loop, by the names that begin with an underscore.
    loop : asyncio.AbstractEventLoop, optional
        The loop for synchronous use; fsspec's own by default.
    batch_size : int, optional
        Files that a bulk operation works on at once; ``max_requests`` by default.

    Attributes
    ----------
    stats : Stats
        What was asked of the OSF so far.

    Notes
    -----
    The filesystem owns its connections. They close with :meth:`aclose`, when the event loop ends
    (``asyncio.run``), or when the instance or the process does. One instance may serve several
    event loops; each has its own connections and caches.
    """

    transaction_type = OSFTransaction

    def open(self, path: str, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        """Open a file.

        Parameters
        ----------
        path : str
            The file.
        mode : str, optional
            ``r``, ``w`` or ``x``, with ``b`` for bytes. Appending and reading while writing are
            not possible on the OSF.
        *args, **kwargs
            ``block_size``, ``cache_type``, ``compression``, ``encoding`` and so on, as for fsspec;
            for reading also ``version``, from 1.

        Returns
        -------
        file object
            To be closed, best by ``with``. Leaving ``with`` by an exception stores nothing.

        Raises
        ------
        NotImplementedError
            The mode is one for appending or for reading and writing.
        """
        kind = _kind_of(mode)
        if "t" in kind:
            options = ("encoding", "errors", "newline")
            text = {key: kwargs.pop(key) for key in options if key in kwargs}
            return TextFile(self.open(path, f"{kind[0]}b", *args, **kwargs), **text)
        compression = get_compression(path, kwargs.pop("compression", None))
        stream = super().open(path, kind, *args, **kwargs)
        return CompressedFile(stream, compression) if compression else stream

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> OSFFile | OSFWriteFile:
        if mode == "rb":
            return OSFFile(self, path, block_size, cache_options=cache_options, **kwargs)
        if mode == "xb":
            call_sync(self, "_refuse_taken", path)
        return OSFWriteFile(self, path, mode, block_size, autocommit=autocommit)

    async def open_async(
        self,
        path: str,
        mode: str = "rb",
        *,
        block_size: int | None = None,
        version: int | str | None = None,
        **kwargs: Any,
    ) -> AsyncReader | AsyncWriter:
        """Open a file for asynchronous code, to be used by ``async with``.

        Parameters
        ----------
        path : str
            The file.
        mode : {"rb", "wb", "xb"}, optional
            Read; write, all at once when it is closed; or write a file that must not exist.
        block_size : int, optional
            Bytes to read at once; 5 MiB by default.
        version : int, optional
            Which version to read, from 1; the newest by default.
        **kwargs
            Ignored, but for ``compression``, which is not possible.

        Returns
        -------
        AsyncReader or AsyncWriter
            Its ``read``, ``write``, ``close`` and so on are awaited, ``seek`` and ``tell`` are not.

        Raises
        ------
        ValueError
            The mode is one of text, or there is compression.
        NotImplementedError
            The mode is another, or a file is to be written within a transaction, which would have
            to upload it by a synchronous call.
        """
        kind = _kind_of(mode)
        if "t" in kind or kwargs.get("compression"):
            raise ValueError("asynchronous files are of bytes, without compression")
        if kind == "rb":
            place, file = await self._file(path, version, "open")
            return AsyncReader(self, place, file, block_size)
        if self._intrans:
            raise NotImplementedError("within a transaction, write by open()")
        if kind == "xb":
            await self._refuse_taken(path)
        return AsyncWriter(self, OSFPath.parse(path), exclusive=kind == "xb")

    async def _refuse_taken(self, path: str) -> None:
        """Ask the OSF, not the cache, whether a file exists."""
        try:
            taken = (await self._info(path, refresh=True))["type"] == "file"
        except FileNotFoundError:
            return
        if taken:
            raise OSFVersionConflictError(
                "the file exists", path=self._strip_protocol(path), operation="open"
            )


def _kind_of(mode: str) -> str:
    """Normalize a mode: one of r, w and x, then b or t."""
    if not set(mode) <= set("rwxabt+") or len(set(mode)) != len(mode):
        raise ValueError(f"{mode!r} is not a mode")
    letters = sorted(set(mode) & set("rwxa"))
    if len(letters) != 1 or {"b", "t"} <= set(mode):
        raise ValueError(f"{mode!r} is not a mode")
    if letters == ["a"] or "+" in mode:
        raise NotImplementedError(
            f"mode {mode!r}: the OSF stores whole files; read it, and write all of it anew"
        )
    return letters[0] + ("b" if "b" in mode else "t")


add_sync_methods(
    OSFFileSystem,
    "cat cat_file cat_ranges checksum copy cp_file created du exists expand_path find get get_file "
    "glob info isdir isfile ls makedirs mkdir modified mv pipe pipe_file project_info put put_file "
    "rm rm_file rmdir sign size sizes touch ukey url versions walk",
)
