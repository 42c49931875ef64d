"""The data of the demonstration: made, fingerprinted and compared."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["compare", "copy_sources", "fingerprints", "total_size", "write_random"]

_MIB = 1024 * 1024
# Some distributions of Python leave out the library's own tests; then others' sources help out.
_MIN_SOURCES = 1_001
_LEFT_OUT = {"__pycache__", "site-packages", "dist-packages"}
_NAMED = 5


def copy_sources(target: Path, limit: int | None = None) -> int:
    """Copy the sources of the running Python's standard library.

    Parameters
    ----------
    target : Path
        The folder to make.
    limit : int, optional
        How many files at most; by default all, which are over 1,000. Where the standard library
        has fewer, sources of installed packages join them.

    Returns
    -------
    int
        How many there are.
    """
    library = Path(sysconfig.get_path("stdlib"))
    packages = Path(sysconfig.get_path("purelib"))
    own = list(_sources(library))
    others = itertools.islice(_sources(packages), max(0, _MIN_SOURCES - len(own)))
    found = [*((library, name) for name in own), *((packages, name) for name in others)][:limit]
    for root, name in found:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
    return len(found)


def _sources(root: Path) -> Iterator[Path]:
    """Yield the names of Python files below a folder, in an order that is always the same."""
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if path.is_file() and _LEFT_OUT.isdisjoint(name.parts):
            yield name


def write_random(path: Path, size: int) -> None:
    """Write a file that cannot be compressed and is the same on every machine.

    Parameters
    ----------
    path : Path
        The file to make.
    size : int
        Its bytes.
    """
    numbers = random.Random(256)  # noqa: S311 - these bytes are no secret
    with path.open("wb") as file:
        for start in range(0, size, _MIB):
            file.write(numbers.randbytes(min(_MIB, size - start)))


def fingerprints(folder: Path, *names: str) -> dict[str, str]:
    """Hash files.

    Parameters
    ----------
    folder : Path
        The folder that they are in.
    *names : str
        Files and subfolders; of these every file is hashed. One that is not there has none.

    Returns
    -------
    dict of str to str
        From path, relative and with slashes, to SHA-256 in hexadecimal.
    """
    paths = [path for name in names for path in (folder / name, *(folder / name).rglob("*"))]
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(paths)
        if path.is_file()
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_MIB):
            digest.update(chunk)
    return digest.hexdigest()


def total_size(folder: Path) -> int:
    """Return the bytes of all files below a folder.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    int
        Bytes.
    """
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Insist that two trees have the same files with the same content.

    Parameters
    ----------
    before, after : mapping of str to str
        What `fingerprints` returned.

    Raises
    ------
    DemoError
        They differ; the message names the first files that do.
    """
    different = {
        "missing": sorted(before.keys() - after.keys()),
        "not there before": sorted(after.keys() - before.keys()),
        "with other content": sorted(
            name for name in before.keys() & after.keys() if before[name] != after[name]
        ),
    }
    lines = [f"{len(names)} {what}: {_some(names)}" for what, names in different.items() if names]
    if lines:
        raise DemoError("the files are not what they were before; " + "; ".join(lines))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
