"""``osf://`` URLs and their canonical form ``<project>/<provider>/<path>``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from glob import has_magic
from typing import Any
from urllib.parse import unquote, urlsplit

from .exceptions import OSFPathError

__all__ = [
    "DEFAULT_PROVIDER",
    "PROVIDERS",
    "OSFPath",
    "as_text",
    "check_name",
    "split_version",
    "strip_protocol",
]

DEFAULT_PROVIDER = "osfstorage"

PROVIDERS = frozenset(
    {
        "bitbucket",
        "box",
        "boa",
        "dataverse",
        "dropbox",
        "figshare",
        "github",
        "gitlab",
        "googledrive",
        "onedrive",
        "osfstorage",
        "owncloud",
        "s3",
    }
)
"""The OSF's names of storage providers; only these are taken for one in a path's second part."""

_CHANGED = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""Control characters that become spaces on the OSF; tabs and line ends are kept."""

_VERSIONED = re.compile(r"(?P<path>.*[^/])\?version=(?P<version>\d+)", re.ASCII | re.DOTALL)
_GUID = re.compile(r"[a-z0-9]{5,}")
_PATTERN = re.compile(r"[a-z0-9*?\[\]!-]+")
_SOME_GUID = "abc12"
_WEB_HOSTS = frozenset({"osf.io", "www.osf.io", "staging.osf.io", "test.osf.io"})


def check_name(name: str, path: str) -> None:
    """Refuse a file or folder name that the OSF would refuse, or silently change.

    Parameters
    ----------
    name : str
        One part of a path.
    path : str
        All of it, for the error's message.

    Raises
    ------
    OSFPathError
        The name is ``.`` or ``..``, is not valid Unicode, holds a control character (which the
        OSF replaces) or begins or ends with white space (which it strips): it would then mean
        another file.
    """
    if name in {".", ".."}:
        problem = f"{name!r} is not a name"
    elif _CHANGED.search(name):
        problem = f"the OSF would put a space in the place of a control character of {name!r}"
    elif name != name.strip():
        problem = f"the OSF would strip the white space at the ends of {name!r}"
    elif any("\ud800" <= char <= "\udfff" for char in name):
        problem = f"the name {name!r} is not valid Unicode"
    else:
        return
    raise _refusal(problem, path, "Rename it: the OSF cannot keep this name")


def _refusal(problem: str, path: str | None = None, hint: str | None = None) -> OSFPathError:
    """Return an error that can be printed whatever the path holds."""
    if path is not None:
        path = path.encode("utf-8", "backslashreplace").decode()
    return OSFPathError(problem, path=path, hint=hint)


@dataclass(frozen=True)
class OSFPath:
    """A place on the OSF: a project, one of its providers, and the names that lead to an entity.

    Attributes
    ----------
    project : str
        The GUID, in lower case; empty for the root ``osf://``.
    provider : str or None
        None when the path names just the project.
    parts : tuple of str
        Folder names and the last name; empty for the provider's root.
    """

    project: str
    provider: str | None = None
    parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, path: str | os.PathLike[str]) -> OSFPath:
        """Read a URL, a canonical path or a pasted ``https://osf.io/...`` address.

        Parameters
        ----------
        path : str or os.PathLike
            What a user wrote.

        Returns
        -------
        OSFPath
            The place; where a path is longer than the project and names no provider, it is
            in ``osfstorage``.

        Raises
        ------
        OSFPathError
            It cannot be a place on the OSF.
        """
        text = os.fspath(path)
        bare = _without_scheme(text)
        if not bare:
            return cls("")
        project, *rest = bare.split("/")
        project = project.lower()
        if "@" in project:
            raise _password_refusal()
        if not _GUID.fullmatch(project):
            raise _refusal(f"{project!r} is not the GUID of a project", bare)
        rest = [part for part in rest if part not in {"", "."}]
        if not rest:
            return cls(project)
        provider = rest.pop(0) if rest[0] in PROVIDERS else DEFAULT_PROVIDER
        parts = _resolve_dots(rest, bare)
        for name in parts:
            check_name(name, bare)
        return cls(project, provider, tuple(parts))

    def __str__(self) -> str:
        head = self.project if self.provider is None else f"{self.project}/{self.provider}"
        return "/".join((head, *self.parts))

    @property
    def name(self) -> str:
        """The last name, or an empty text for a provider's root."""
        return self.parts[-1] if self.parts else ""

    @property
    def parent(self) -> OSFPath:
        """The folder that holds this place; a provider's root is its own parent."""
        return OSFPath(self.project, self.provider, self.parts[:-1])

    def is_below(self, other: OSFPath) -> bool:
        """Tell whether this place is in a folder, or further down.

        Parameters
        ----------
        other : OSFPath
            The folder.

        Returns
        -------
        bool
            False for the folder itself.
        """
        return str(self).startswith(f"{other}/")

    def child(self, name: str) -> OSFPath:
        """Return the place of that name within this folder.

        Parameters
        ----------
        name : str
            A file's or folder's name as the OSF gives it.

        Returns
        -------
        OSFPath
            The place.
        """
        return OSFPath(self.project, self.provider or DEFAULT_PROVIDER, (*self.parts, name))


def as_text(paths: Any) -> Any:
    """Return a path, or each of several, as text.

    Parameters
    ----------
    paths : str, os.PathLike, or iterable of them
        As the caller gave them.

    Returns
    -------
    str or list of str
        The same.
    """
    if isinstance(paths, (str, os.PathLike)):
        return os.fspath(paths)
    return [os.fspath(path) for path in paths]


def strip_protocol(path: str | os.PathLike[str]) -> str:
    """Return the canonical form of a URL or path; doing so twice changes nothing.

    Glob patterns pass: a name may hold any of their characters.

    Parameters
    ----------
    path : str or os.PathLike
        What a user wrote.

    Returns
    -------
    str
        ``project/provider/path`` without a slash at either end.
    """
    bare = _without_scheme(os.fspath(path))
    project, slash, rest = bare.partition("/")
    if _PATTERN.fullmatch(project.lower()) and has_magic(project):
        # A pattern for projects: what follows is made canonical as it is in any of them.
        return (
            f"{project.lower()}{str(OSFPath.parse(_SOME_GUID + slash + rest))[len(_SOME_GUID) :]}"
        )
    return str(OSFPath.parse(path))


def split_version(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """Take the version off a path such as ``osf://abc12/data.csv?version=3``.

    Parameters
    ----------
    path : str or os.PathLike
        What a user wrote.

    Returns
    -------
    tuple of str and int or None
        The path before a ``?version=<digits>`` at its end, and the version; all of the path and
        None where it has no such end.
    """
    text = os.fspath(path)
    match = _VERSIONED.fullmatch(text)
    return (match["path"], int(match["version"])) if match else (text, None)


def _without_scheme(text: str) -> str:
    """Return the path of a URL, without slashes at the ends."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text.strip("/")
    if scheme.lower() == "osf":
        authority = rest.partition("/")[0]
        if "@" in authority:
            raise _password_refusal()
        if rest and not authority:
            raise _refusal(f"{text!r} names no project")
        return rest.strip("/")
    if scheme.lower() in {"http", "https"}:
        return _from_web(text)
    raise _refusal(f"a URL of the scheme {scheme!r} is not an osf:// URL")


def _password_refusal() -> OSFPathError:
    return _refusal(
        "a URL must not hold a user name or password",
        hint="Pass the token as token= or in OSF_TOKEN",
    )


def _from_web(text: str) -> str:
    """Understand an address pasted from the browser: ``https://osf.io/abc12/files/osfstorage``."""
    try:
        url = urlsplit(text)
        host, page = url.hostname, f"{url.scheme}://{url.hostname}{url.path}"
    except ValueError:
        raise _refusal("this is not a URL") from None
    if url.username is not None or url.password is not None:
        raise _password_refusal()
    if host not in _WEB_HOSTS:
        raise _refusal(f"{host!r} is not the OSF")
    parts = [unquote(part) for part in url.path.split("/") if part]
    if not parts:
        return ""
    project, *rest = parts
    if rest[:1] == ["files"]:
        rest = rest[1:]
    if not rest:
        return project
    if len(rest) == 1 and rest[0] in PROVIDERS:
        return f"{project}/{rest[0]}"
    raise _refusal(
        f"{page!r} is a page of the project {project}, which shows no file's path",
        hint=f"Write osf://{project}/osfstorage/<path>",
    )


def _resolve_dots(names: list[str], path: str) -> list[str]:
    resolved: list[str] = []
    for name in names:
        if name in {"", "."}:
            continue
        if name != "..":
            resolved.append(name)
        elif resolved:
            resolved.pop()
        else:
            raise _refusal("'..' leads out of the project", path)
    return resolved
