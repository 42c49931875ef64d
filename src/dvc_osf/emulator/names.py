"""The names that WaterButler takes, changes and refuses.

Its paths are POSIX paths that it normalises to find tricks; what comes out of that is peculiar
enough to be kept step by step.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from urllib.parse import quote

# Tornado replaces these in query arguments; tab and newline survive.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
# In a header, DEL is one as well.
_ANY_CONTROL = re.compile("[\x00-\x1f\x7f]")


class InvalidPathError(ValueError):
    """A path that WaterButler answers with 400; the text is its message."""


class UnusableNameError(ValueError):
    """A name on which WaterButler stumbles and answers 500."""


def query_argument(value: str) -> str:
    """Return a query argument as WaterButler sees it."""
    return _CONTROL.sub(" ", value).strip()


def check_path(path: str) -> None:
    """Refuse a materialized path that is not its own normal form.

    Raises
    ------
    InvalidPathError
        With the message of WaterButler's answer.
    """
    if "//" in path:
        raise InvalidPathError(f"Invalid path '{path}' specified")
    normal = posixpath.normpath(path)
    if path != "/" and path.endswith("/"):
        normal += "/"
    if path != normal:
        raise InvalidPathError(f"Invalid path '{normal}' specified")


def child_name(folder: str, name: str) -> str:
    """Return the name that a new child of a folder gets.

    Parameters
    ----------
    folder
        Materialized path of the folder, with its trailing slash.
    name
        The name asked for.

    Raises
    ------
    InvalidPathError
        The name is ``.``, ``..`` or begins with a slash.
    UnusableNameError
        The name is empty or has a slash inside.
    """
    check_path(folder + name)
    name = name.rstrip("/")
    if not name or "/" in name:
        raise UnusableNameError(name)
    return name


def numbered(name: str, number: int) -> str:
    """Return ``name (number).ext``, the name of a copy that makes room."""
    stem, extension = posixpath.splitext(name)
    return f"{stem} ({number}){extension}"


def content_disposition(name: str) -> str:
    """Return the header that names a download, in both of its forms."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _ANY_CONTROL.sub("_", ascii_name).replace("\\", "\\\\").replace('"', '\\"')
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
