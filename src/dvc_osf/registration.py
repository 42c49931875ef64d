"""How stock DVC comes to know ``osf://``: the options of a remote, and the class that serves it.

DVC checks a remote's configuration against a schema of its own and then looks the URL's scheme up
in a table; it has no hook for either. A scheme in the table that the schema refuses is useless,
and one that only the schema knows would be served as a *local* folder. So both are told, or
neither.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["introduce", "register", "remote_options"]

SCHEME = "osf"
IMPLEMENTATION = {
    "class": "dvc_osf.remote.OSFRemoteFileSystem",
    "err": "osf is supported, but something that it requires is missing or broken: "
    "run 'pip install --upgrade --force-reinstall dvc-osf[dvc]'",
}


def register() -> None:
    """Make ``osf://`` remotes available to the DVC of this process.

    An ordinary installation does so by itself as soon as DVC is imported. Call this where start-up
    files are not read: ``python -S``, ``pip install --target``, ``PYTHONPATH``. Calling it again
    changes nothing.

    Raises
    ------
    ImportError
        DVC is not installed.
    RuntimeError
        Another package serves ``osf://`` already, or this DVC is built differently from those
        that dvc-osf knows. DVC is then as it was before.

    Examples
    --------
    >>> import dvc_osf
    >>> dvc_osf.register()
    """
    try:
        config_schema = import_module("dvc.config_schema")
        filesystems = import_module("dvc_objects.fs")
    except ModuleNotFoundError as error:
        raise ImportError(f"{error}: run pip install 'dvc-osf[dvc]'", name=error.name) from error
    introduce(config_schema, filesystems)


def introduce(config_schema: ModuleType, filesystems: ModuleType) -> None:
    """Enter ``osf://`` into the tables of DVC, into both or neither.

    Parameters
    ----------
    config_schema : module
        ``dvc.config_schema``.
    filesystems : module
        ``dvc_objects.fs``.

    Raises
    ------
    RuntimeError
        As in :func:`register`.
    """
    try:
        remotes = _changeable(config_schema.SCHEMA["remote"])
        builtin = remotes[str]
        implementations = _changeable(filesystems.known_implementations)
        served_by = implementations.get(SCHEME, IMPLEMENTATION)["class"]
        schema = builtin if isinstance(builtin, RemoteSchema) else RemoteSchema(config_schema)
        _forget_compiled_schema()
    except (AttributeError, ImportError, KeyError, TypeError) as error:
        raise RuntimeError(
            f"this version of DVC is not one that dvc-osf knows ({type(error).__name__}: {error}); "
            "upgrade dvc-osf"
        ) from error
    if served_by != IMPLEMENTATION["class"]:
        raise RuntimeError(f"osf:// is served by {served_by} already; uninstall either package")
    # Whatever can fail has been done: these two succeed together.
    implementations.setdefault(SCHEME, IMPLEMENTATION)
    remotes[str] = schema


def _changeable(table: object) -> MutableMapping[Any, Any]:
    if not isinstance(table, MutableMapping):
        raise TypeError(f"its table is a {type(table).__name__}")
    return table


class RemoteSchema:
    """What may be written about a remote: ``osf://`` as we say, all others as DVC says.

    Parameters
    ----------
    config_schema : module
        ``dvc.config_schema``, whose own validator keeps serving the other schemes.
    """

    def __init__(self, config_schema: ModuleType) -> None:
        from voluptuous import Optional, Schema

        self._builtin: Callable[[Any], Any] = config_schema.SCHEMA["remote"][str]
        self._osf = Schema(
            {
                **config_schema.REMOTE_COMMON,
                Optional("verify", default=False): config_schema.Bool,
                **remote_options(config_schema),
                "url": _valid(_parse_url),
            }
        )

    def __call__(self, data: Any) -> Any:
        """Validate the section of one remote.

        Parameters
        ----------
        data : dict
            The options as they stand in the configuration.

        Returns
        -------
        dict
            The options, converted.

        Raises
        ------
        voluptuous.Invalid
            An option is unknown, or its value is not of its kind.
        """
        url = data.get("url") if isinstance(data, Mapping) else None
        if isinstance(url, str) and urlsplit(url).scheme == SCHEME:
            return _with_overrides(self._osf(data))
        return self._builtin(data)


def remote_options(config_schema: ModuleType) -> dict[str, Any]:
    """Return the options that an ``osf://`` remote has beyond those that all remotes have.

    Parameters
    ----------
    config_schema : module
        ``dvc.config_schema``, for its notion of a switch.

    Returns
    -------
    dict
        From the name to its voluptuous validator. ``project`` and ``provider`` replace those of
        the URL; the other names are also arguments of
        :class:`~dvc_osf.filesystem.OSFFileSystem`.
    """
    from voluptuous import All, Any, Coerce, In, Range

    from .config import Config, parse_size
    from .paths import PROVIDERS

    switch = config_schema.Bool
    seconds = All(Coerce(float), Range(min=0, min_included=False))
    return {
        "token": str,
        "credentialpath": str,
        "view_only": str,
        "endpoint_url": str,
        "files_url": str,
        "project": _valid(_parse_project),
        "provider": In(PROVIDERS),
        "timeout": seconds,
        "upload_timeout": seconds,
        "upload_chunk_size": All(
            _valid(parse_size),
            Range(Config.UPLOAD_CHUNK_MIN_SIZE, Config.UPLOAD_CHUNK_MAX_SIZE),
        ),
        "max_retries": All(Coerce(int), Range(min=0)),
        "max_wait": All(Coerce(float), Range(min=0)),
        "max_requests": All(Coerce(int), Range(min=1)),
        "ssl_verify": Any(switch, str),
        "create_folders": switch,
    }


def _valid(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Turn a function that raises ValueError into a validator that keeps its message."""
    from voluptuous import Invalid

    def validate(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise Invalid(str(error)) from error

    return validate


def _parse_url(url: str) -> str:
    """Return the URL as it is, if a project can be read from it."""
    from .paths import OSFPath

    if not OSFPath.parse(url).project:
        raise ValueError("the URL names no project; write osf://<project>/<provider>/<path>")
    return url


def _parse_project(project: str) -> str:
    from .paths import OSFPath

    place = OSFPath.parse(project)
    if not place.project or place.provider is not None:
        raise ValueError(f"{project!r} is not the GUID of a project")
    return place.project


def _with_overrides(section: dict[str, Any]) -> dict[str, Any]:
    """Return the section with a URL of the project and provider that it names.

    DVC reads a remote's path from its URL alone, so this is the place to change it.
    """
    from .paths import DEFAULT_PROVIDER, OSFPath

    project, provider = section.get("project"), section.get("provider")
    if not (project or provider):
        return section
    url = OSFPath.parse(section["url"])
    place = OSFPath(project or url.project, provider or url.provider or DEFAULT_PROVIDER, url.parts)
    return {**section, "url": f"{SCHEME}://{place}"}


def _forget_compiled_schema() -> None:
    """Drop the copy of the schema that DVC keeps once it has read a configuration."""
    compiled = getattr(sys.modules.get("dvc.config"), "get_compiled_schema", None)
    memory = getattr(compiled, "memory", None)
    if memory is not None:
        memory.clear()
