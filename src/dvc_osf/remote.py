"""The DVC remote: what DVC asks of a filesystem, answered by :class:`OSFFileSystem`."""

from __future__ import annotations

import logging
import os
import posixpath
import shutil
import tempfile
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import IO, TYPE_CHECKING, Any, ClassVar

from dvc import config_schema
from dvc_data.hashfile.hash import HashStreamFile
from dvc_objects.fs.base import ObjectFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK

from .paths import DEFAULT_PROVIDER, OSFPath
from .registration import remote_options
from .version_paths import HOLDING_FOLDER, VersionPaths

if TYPE_CHECKING:
    from fsspec.callbacks import Callback

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


class _SaidByDVC(logging.Handler):
    """Says through DVC's handlers what the filesystem has to say: DVC sets up only its own loggers.

    All but errors, for those are raised as well and DVC reports what is raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dvc = logging.getLogger("dvc")

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, if DVC would print one of its own of that level."""
        if record.levelno >= logging.ERROR or not self._dvc.isEnabledFor(record.levelno):
            return
        for handler in self._dvc.handlers:
            if record.levelno >= handler.level:
                handler.handle(record)

    @classmethod
    def set_up(cls) -> None:
        """Do so from now on."""
        ours = logging.getLogger("dvc_osf")
        if not any(isinstance(handler, cls) for handler in ours.handlers):
            ours.addHandler(cls())
        dvc = logging.getLogger("dvc")
        if dvc.handlers and ours.level == logging.NOTSET:
            # For ``dvc push --verbose``.
            ours.setLevel(dvc.getEffectiveLevel())


class OSFRemoteFileSystem(VersionPaths, ObjectFileSystem):
    """A folder of an OSF project as a DVC remote.

    DVC makes an instance for each remote of each command, and sometimes several; those with the
    same options share one :class:`OSFFileSystem`, and so its session, its limits and its listings.

    Parameters
    ----------
    fs : OSFFileSystem, optional
        A filesystem to use instead of one made from the options.
    **config
        The remote's section of DVC's configuration.

    Notes
    -----
    A ``version_aware`` remote (or a ``worktree`` one) lives on the OSF's own versions. DVC removes
    a file before it uploads a changed one, and a deletion would take the versions along, so there
    what DVC removes is moved to a hidden folder of the remote, and continued from there.
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
        super().__init__(fs, **config)
        _SaidByDVC.set_up()

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

    @classmethod
    def _get_kwargs_from_urls(cls, urlpath: str) -> dict[str, Any]:
        path, version_id = cls.split_version(urlpath)
        found: dict[str, Any] = {} if version_id is None else {"version_aware": True}
        root = OSFPath.parse(cls._strip_protocol(path))
        if root.project:
            found["holding_folder"] = str(root.child(HOLDING_FOLDER))
        return found

    def _prepare_credentials(self, **config: Any) -> dict[str, Any]:
        options = {
            name: config[name]
            for name in self.REMOTE_CONFIG.keys() - _IN_URL
            if config.get(name) is not None
        }
        if config.get("version_aware"):
            options["version_aware"] = True
            options["holding_folder"] = config.get("holding_folder")
        return options

    @cached_property
    def fs(self) -> OSFFileSystem:
        """The filesystem, made when it is first needed."""
        from .filesystem import OSFFileSystem

        # DVC asks fsspec for an instance of its own each time; fsspec's cache shares one.
        return OSFFileSystem(**{**self.fs_args, "skip_instance_cache": False})

    # -- uploads -----------------------------------------------------------------------------

    def put_file(
        self,
        from_file: str | IO[bytes],
        to_info: str,
        callback: Callback = DEFAULT_CALLBACK,
        size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Upload a file.

        Unlike DVC's method it forgets no listing afterwards: an upload enters itself there.

        Parameters
        ----------
        from_file : str or readable binary file object
            What to upload.
        to_info : str
            Where to.
        callback : fsspec.callbacks.Callback, optional
            Follows the bytes as they leave.
        size : int, optional
            Bytes of a file object; not needed.
        **kwargs
            As for :meth:`OSFFileSystem.put_file`.
        """
        if isinstance(from_file, str):
            self.fs.put_file(from_file, to_info, callback=callback, **kwargs)
        else:
            self.upload_fobj(from_file, to_info, size=size, callback=callback)

    def upload_fobj(
        self,
        fobj: IO[bytes],
        to_info: str,
        *,
        callback: Callback = DEFAULT_CALLBACK,
        **_: Any,
    ) -> None:
        """Upload a file object, in one request.

        For ``--to-remote`` DVC sends a stream that hashes itself under a temporary name, and when
        the hash is known it copies the object to its place. Here the bytes go to the local disk
        first, for the OSF wants to know their number anyway; then the hash is known, too, and they
        go to their place at once, or nowhere if the object is there already.

        Parameters
        ----------
        fobj : readable binary file object
            What to upload.
        to_info : str
            Where to, perhaps a temporary name.
        callback : fsspec.callbacks.Callback, optional
            Follows the bytes as they leave.
        **_
            Ignored, as DVC's ``size`` is.
        """
        if not isinstance(fobj, HashStreamFile):
            self.fs.put(fobj, to_info, callback=callback)
            return
        with tempfile.NamedTemporaryFile(delete=False) as local:
            try:
                shutil.copyfileobj(fobj, local)
                local.close()
                oid = fobj.hash_value
                place = self.join(self.parent(to_info), oid[:2], oid[2:])
                if not self.fs.exists(place):
                    self.fs.put_file(local.name, place, callback=callback)
            finally:
                local.close()
                os.unlink(local.name)
