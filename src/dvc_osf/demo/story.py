"""The demonstration's story: what is done, and what must come of it."""

from __future__ import annotations

import shutil
import stat
from collections import Counter
from typing import TYPE_CHECKING

from dvc_osf.utils import format_bytes

from .data import compare, copy_sources, fingerprints, total_size, write_random
from .errors import DemoError
from .programs import has_git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .stage import Stage

__all__ = ["tell"]

_SOURCES = "sources"
_BINARY = "random.bin"


def tell(stage: Stage, files: int | None, size: int) -> None:
    """Go through all steps.

    Parameters
    ----------
    stage : Stage
        Where; its project's folder is empty.
    files : int or None
        How many source files at most, None for all.
    size : int
        Bytes of the binary file.

    Raises
    ------
    DemoError
        A step failed, or came out differently than it must.
    """
    _create_project(stage)
    before = _make_data(stage, files, size)
    _add_remote(stage)
    _push(stage, before)
    _forget(stage)
    _pull(stage, before)
    _push_nothing(stage)
    _push_a_change(stage, before)
    _collect(stage)
    stage.report.text(
        f"\nVerified: all {len(before):,} files came back from the OSF with the SHA-256 that they "
        f"had\nbefore. Every step did what it should, in {stage.report.seconds:.0f} s altogether."
    )


def _create_project(stage: Stage) -> None:
    stage.report.step("Create a project")
    if has_git():
        stage.run("git init --quiet")
        stage.programs.run("git config user.name demo")
        stage.programs.run("git config user.email demo@example.org")
        stage.run("dvc init --quiet")
    else:
        stage.report.text("   (there is no git here; DVC does without)")
        stage.run("dvc init --quiet --no-scm")


def _make_data(stage: Stage, files: int | None, size: int) -> dict[str, str]:
    """Return the fingerprints of the data."""
    stage.report.step("Put data into it")
    sources = stage.project / _SOURCES
    with stage.report.work("copy the sources of Python's standard library"):
        number = copy_sources(sources, files)
    stage.report.fact(_SOURCES, f"{number:,} files, {format_bytes(total_size(sources))}")
    with stage.report.work("write a file of random bytes"):
        write_random(stage.project / _BINARY, size)
    stage.report.fact(_BINARY, format_bytes(size))
    before = _hash(stage)
    stage.run(f"dvc add --quiet {_SOURCES} {_BINARY}")
    stage.commit("Add the data")
    return before


def _hash(stage: Stage) -> dict[str, str]:
    with stage.report.work("hash every file (SHA-256)"):
        return fingerprints(stage.project, _SOURCES, _BINARY)


def _add_remote(stage: Stage) -> None:
    stage.report.step("Make the OSF its DVC remote (the token is in OSF_TOKEN, not in a file)")
    stage.run(f"dvc remote add --default osf osf://{stage.osf.project}/osfstorage/dvc")
    stage.run(f"dvc remote modify osf endpoint_url {stage.osf.api_url}")
    stage.commit("Add the remote")


def _push(stage: Stage, before: Mapping[str, str]) -> None:
    stage.report.step("Push everything")
    _, traffic = stage.run("dvc push")
    contents = len(set(before.values()))
    _expect("files uploaded", traffic.uploaded, contents + 1)
    stage.report.fact(
        "checked", f"uploaded once: {contents:,} different contents and DVC's list of the tree"
    )


def _forget(stage: Stage) -> None:
    stage.report.step("Delete the data and DVC's caches, as on a machine that never had them")
    with stage.report.work(f"delete {_SOURCES}, {_BINARY}, .dvc/cache and DVC's records"):
        for folder in (stage.project / _SOURCES, stage.project / ".dvc" / "cache"):
            _delete(folder)
        (stage.project / _BINARY).unlink()
        # What DVC knows about files and remotes that it has seen.
        _delete(stage.project / ".dvc" / "tmp")
        _delete(stage.home)


def _pull(stage: Stage, before: Mapping[str, str]) -> None:
    stage.report.step("Pull everything")
    stage.run("dvc pull")
    after = _hash(stage)
    compare(before, after)
    stage.report.fact("verified", f"{len(after):,} of {len(before):,} files are what they were")


def _push_nothing(stage: Stage) -> None:
    stage.report.step("Push again: there is nothing to do")
    _, traffic = stage.run("dvc push")
    _expect("files uploaded", traffic.uploaded, 0)
    stage.report.fact("checked", "nothing was uploaded")


def _push_a_change(stage: Stage, before: Mapping[str, str]) -> None:
    stage.report.step("Change one file and push")
    name = _only_one_of_its_kind(before)
    with (
        stage.report.work(f"append a line to {name}"),
        (stage.project / name).open("a", encoding="utf-8") as file,
    ):
        file.write("# The demo of dvc-osf was here.\n")
    stage.run(f"dvc add --quiet {_SOURCES}")
    stage.commit("Change a file")
    _, traffic = stage.run("dvc push")
    _expect("files uploaded", traffic.uploaded, 2)
    stage.report.fact("checked", "the file and DVC's new list of the tree were uploaded, no more")
    _check_in_sync(stage)


def _collect(stage: Stage) -> None:
    stage.report.step("Delete from the OSF what no file needs any more")
    _, traffic = stage.run("dvc gc --workspace --cloud --force")
    _expect("files deleted", traffic.requests["delete"], 2)
    stage.report.fact("checked", "the file as it was and DVC's old list were deleted, no more")
    _check_in_sync(stage)


def _check_in_sync(stage: Stage) -> None:
    said, _ = stage.run("dvc status --cloud")
    if "in sync" not in said:
        raise DemoError("the OSF does not have what DVC's cache has")


def _expect(what: str, number: int, expected: int) -> None:
    if number != expected:
        raise DemoError(f"{what}: {number:,} instead of {expected:,}")


def _only_one_of_its_kind(before: Mapping[str, str]) -> str:
    """Choose a source file whose content no other file has."""
    times = Counter(before.values())
    return next(
        name for name, content in before.items() if times[content] == 1 and name.endswith(".py")
    )


def _delete(folder: Path) -> None:
    """Delete a folder, of DVC's write-protected files too (which Windows refuses)."""
    if not folder.exists():
        return
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | stat.S_IWRITE)
    shutil.rmtree(folder)
