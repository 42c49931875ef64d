"""``osf://`` for universal_pathlib, which finds it by an entry point.

Without it, UPath would work just as well but warn that nobody tests it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec import get_filesystem_class
from upath import UPath

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OSFUPath"]

# universal_pathlib takes the rules of paths from filesystems that are loaded; this loads ours.
get_filesystem_class("osf")


class OSFUPath(UPath):  # type: ignore[misc] # see pyproject.toml
    """A path on the OSF with the methods of :class:`pathlib.Path`.

    Made by ``UPath("osf://abc12/osfstorage/data.csv", token="...")``; its filesystem is an
    :class:`~dvc_osf.filesystem.OSFFileSystem`.
    """

    __slots__ = ()

    @property
    def parts(self) -> Sequence[str]:
        """The project, the provider, and the names in it."""
        parts: Sequence[str] = super().parts
        return parts[1:] if parts[:1] == ("/",) else parts

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        """Return what is known of the file or folder.

        Parameters
        ----------
        follow_symlinks : bool, optional
            Of no effect: the OSF has no links.

        Returns
        -------
        UPathStatResult
            As of :func:`os.stat`; times that the OSF does not tell are 0.
        """
        found = super().stat(follow_symlinks=follow_symlinks)
        info = found.as_info()
        modified = info.get("modified")
        # universal_pathlib looks for the time under names of other filesystems.
        return found if modified is None else type(found).from_info({**info, "mtime": modified})
