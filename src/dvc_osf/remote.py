"""The DVC remote: what DVC asks of a filesystem, answered by :class:`OSFFileSystem`."""

from __future__ import annotations

import posixpath
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

from dvc import config_schema
from dvc.config import RemoteConfigError
from dvc_objects.fs.base import ObjectFileSystem

from .paths import DEFAULT_PROVIDER, OSFPath
from .registration import remote_options

if TYPE_CHECKING:
    from .filesystem import OSFFileSystem

__all__ = ["OSFRemoteFileSystem"]

# Options that the schema has entered into the URL.
_IN_URL = {"project", "provider"}


def _requirements() -> dict[str, str]:
    """Return from distribution to module what ``dvc doctor`` shall report the versions of."""
    requirements = {"dvc-osf": "dvc_osf", "aiohttp": "aiohttp"}
    try:
        version("dvc-osf")
    except PackageNotFoundError:
        # Imported from a source tree; doctor would fail on it for all remotes.
        del requirements["dvc-osf"]
    return requirements


class OSFRemoteFileSystem(ObjectFileSystem):
    """A folder of an OSF project as a DVC remote.

    DVC makes an instance for each remote of each command, and sometimes several; those with the
    same options share one :class:`OSFFileSystem`, and so its session, its limits and its listings.

    Parameters
    ----------
    fs : OSFFileSystem, optional
        A filesystem to use instead of one made from the options.
    **config
        The remote's section of DVC's configuration.

    Raises
    ------
    RemoteConfigError
        The options ask for what is not supported.
    """

    protocol = "osf"
    REQUIRES: ClassVar[dict[str, str]] = _requirements()
    # The OSF reports it in every listing, so DVC never downloads a file to hash it.
    PARAM_CHECKSUM = "md5"
    # The filesystem bounds its requests anyway; more tasks would only wait inside it.
    _JOBS = 16
    # To DVC: look for the wanted objects (a listing per prefix folder at most) rather than walk
    # the remote to estimate its size.
    CAN_TRAVERSE = False
    # The options beside DVC's common ones, for the day that DVC asks a class for them.
    REMOTE_CONFIG: ClassVar[dict[str, Any]] = remote_options(config_schema)

    def __init__(self, fs: OSFFileSystem | None = None, **config: Any) -> None:
        if config.get("version_aware"):
            raise RemoteConfigError("osf:// remotes do not support version_aware or worktree yet")
        super().__init__(fs, **config)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        place = OSFPath.parse(path)
        if place.project and place.provider is None:
            # For the filesystem a bare project is the folder of its providers; a remote needs one.
            place = OSFPath(place.project, DEFAULT_PROVIDER)
        return str(place)

    def unstrip_protocol(self, path: str) -> str:
        """Return the URL of a path.

        Parameters
        ----------
        path : str
            As the filesystem names it.

        Returns
        -------
        str
            The ``osf://`` URL.
        """
        return f"{self.protocol}://{path.lstrip('/')}"

    def normpath(self, path: str) -> str:
        """Return the path without ``.``, ``..`` and doubled slashes.

        Parameters
        ----------
        path : str
            As the filesystem names it.

        Returns
        -------
        str
            The path; unlike in other remotes ``?``, ``#`` and tabs are parts of names.
        """
        return posixpath.normpath(path)

    @staticmethod
    def _get_kwargs_from_urls(urlpath: str) -> dict[str, Any]:  # noqa: ARG004 - DVC's signature
        return {}

    def _prepare_credentials(self, **config: Any) -> dict[str, Any]:
        return {
            name: config[name]
            for name in self.REMOTE_CONFIG.keys() - _IN_URL
            if config.get(name) is not None
        }

    @cached_property
    def fs(self) -> OSFFileSystem:
        """The filesystem, made when it is first needed."""
        from .filesystem import OSFFileSystem

        # DVC asks fsspec for an instance of its own each time; fsspec's cache shares one.
        return OSFFileSystem(**{**self.fs_args, "skip_instance_cache": False})
