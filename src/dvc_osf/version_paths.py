"""Paths with versions, as DVC's ``version_aware`` remotes write them: ``<path>?version=<n>``."""

from __future__ import annotations

from .paths import split_version

__all__ = ["HOLDING_FOLDER", "VersionPaths"]

HOLDING_FOLDER = ".dvc-removed"
"""The folder of a ``version_aware`` remote that keeps what DVC removes."""


class VersionPaths:
    """What DVC asks of the class of a filesystem that knows versions.

    Versions are texts for DVC. A question mark is legal in a name on the OSF, so only a number
    behind ``?version=`` at the very end counts.
    """

    @classmethod
    def split_version(cls, path: str) -> tuple[str, str | None]:
        """Take a path apart.

        Parameters
        ----------
        path : str
            A path or URL.

        Returns
        -------
        tuple of str, and of str or None
            The path without its version, and the version.
        """
        bare, number = split_version(path)
        return bare, None if number is None else str(number)

    @classmethod
    def join_version(cls, path: str, version_id: str | None) -> str:
        """Add a version to a path.

        Parameters
        ----------
        path : str
            A path or URL without one.
        version_id : str or None
            None to add nothing.

        Returns
        -------
        str
            Both.

        Raises
        ------
        ValueError
            The path has a version already.
        """
        if cls.split_version(path)[1] is not None:
            raise ValueError(f"{path!r} names a version already")
        return f"{path}?version={version_id}" if version_id else path

    @classmethod
    def version_path(cls, path: str, version_id: str | None) -> str:
        """Put a version in the place of the one that a path has.

        Parameters
        ----------
        path : str
            A path or URL.
        version_id : str or None
            None for a path without one.

        Returns
        -------
        str
            The path.
        """
        return cls.join_version(cls.split_version(path)[0], version_id)

    @classmethod
    def coalesce_version(cls, path: str, version_id: str | None) -> tuple[str, str | None]:
        """Find the one version that a path and an argument mean together.

        Parameters
        ----------
        path : str
            A path or URL.
        version_id : str or None
            Perhaps a version, too.

        Returns
        -------
        tuple of str, and of str or None
            The path without its version, and the version.

        Raises
        ------
        ValueError
            They mean two.
        """
        bare, named = cls.split_version(path)
        versions = {version for version in (named, version_id) if version}
        if len(versions) > 1:
            raise ValueError(f"{path!r} does not name version {version_id}")
        return bare, versions.pop() if versions else None
