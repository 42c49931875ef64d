"""Sets the stage of the demonstration, and clears it away."""

from __future__ import annotations

import platform
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_osf import __version__

from .errors import DemoError
from .osf import LocalOSF
from .programs import Programs, require_dvc
from .report import Report
from .stage import Stage
from .story import tell

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["run"]


def run(
    *,
    keep: Path | None = None,
    files: int | None = None,
    size: int = 256 * 1024 * 1024,
    out: TextIO | None = None,
) -> None:
    """Push, pull and verify a real project, and tell about it.

    Parameters
    ----------
    keep : Path, optional
        A new or empty folder for the project and the OSF's data, which then stay; by default
        they are in a temporary folder.
    files : int, optional
        How many source files to use at most; by default all of the standard library.
    size : int, optional
        Bytes of the binary file.
    out : text file, optional
        Where to tell; stays the caller's. By default standard output.

    Raises
    ------
    DemoError
        Something that this needs is missing, a command failed, or something differs from what it
        must be.
    """
    require_dvc()
    if keep is not None:
        _claim(keep)
    report = Report(out)
    with ExitStack() as stack:
        scratch = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="dvc-osf-demo-", ignore_cleanup_errors=True)
            )
        )
        place = (keep or scratch).resolve()
        _introduce(report, place)
        report.step("Start an OSF on this machine")
        with report.work("an emulator in a process of its own"):
            osf = stack.enter_context(LocalOSF(place / "osf", scratch / "osf.log"))
        report.fact("address", osf.api_url)
        report.fact("process", str(osf.process_id))
        project, home = place / "project", scratch / "home"
        project.mkdir()
        home.mkdir()
        tell(Stage(project, home, osf, Programs(project, home, osf.token), report), files, size)
        if keep is not None:
            _explain_what_is_kept(report, place, osf.port)


def _claim(keep: Path) -> None:
    """Make the folder that is to keep everything."""
    try:
        keep.mkdir(parents=True, exist_ok=True)
        empty = next(keep.iterdir(), None) is None
    except OSError as error:
        raise DemoError(f"cannot keep anything in {keep}: {error}") from error
    if not empty:
        raise DemoError(f"{keep} is not empty; name a new or an empty folder to keep things in")


def _introduce(report: Report, place: Path) -> None:
    report.text("Stock DVC pushes a project to the Open Science Framework (OSF) and pulls it back.")
    report.text("The OSF is an emulator: nothing leaves this machine, and no account is needed.")
    report.text("Times and rates are of whole commands, DVC's own start and bookkeeping included.")
    report.text()
    python = platform.python_version()
    report.text(f"   dvc-osf {__version__}, DVC {version('dvc')}, Python {python}")
    report.text(f"   in {place}")


def _explain_what_is_kept(report: Report, place: Path, port: int) -> None:
    report.text(
        "\n"
        f"Kept in {place}:\n"
        "   project     the project\n"
        "   osf         what the OSF stores\n"
        "To go on with it, start that OSF again, where the project's remote expects it, and give\n"
        "DVC the token that it prints:\n"
        f"   dvc-osf emulator --root {place / 'osf'} --port {port}\n"
        "   export OSF_TOKEN=..."
    )
