"""The ``dvc-osf`` command.

It needs click, which comes with the extra ``cli`` and is imported when the command runs; all else
is imported by the subcommand that uses it, so that ``dvc-osf --help`` answers at once.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

__all__ = ["commands", "main"]

_MIB = 1024 * 1024


def main() -> None:
    """Run the command that the arguments of this process name, and exit."""
    try:
        group = commands()
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit('The dvc-osf command needs click. Install it with: pip install "dvc-osf[cli]"')
    group(prog_name="dvc-osf")


def commands() -> click.Group:
    """Build the command and its subcommands.

    Returns
    -------
    click.Group
        The group ``dvc-osf``.

    Raises
    ------
    ModuleNotFoundError
        Click is not installed.
    """
    import click

    from . import __version__

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="dvc-osf")
    def group() -> None:
        """Use the Open Science Framework (OSF) from Python and DVC."""

    @group.command()
    @click.option(
        "--root",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        metavar="DIR",
        help="Folder that keeps everything across restarts.",
    )
    @click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        metavar="N",
        help="Port of API v2 and the web pages; 0, the default, for any that is free.",
    )
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
    def emulator(root: Path, port: int, host: str) -> None:
        """Serve an OSF on this machine.

        One line of JSON on standard output tells where it is, and names a token and a project to
        use. SIGTERM or Ctrl-C ends it.
        """
        import asyncio

        from .emulator import run

        try:
            asyncio.run(run(root, port, host))
        except OSError as error:
            raise click.ClickException(
                f"cannot serve {root} on {host}, port {port}: {error}"
            ) from error

    @group.command()
    @click.option(
        "--keep",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Leave the project and the OSF's data in this new or empty folder.",
    )
    @click.option(
        "--files",
        type=click.IntRange(min=1),
        metavar="N",
        help="Use at most N source files instead of all of Python's standard library.",
    )
    @click.option(
        "--size",
        type=click.IntRange(min=1),
        default=256,
        show_default=True,
        metavar="MIB",
        help="Size of the binary file in MiB.",
    )
    def demo(keep: Path | None, files: int | None, size: int) -> None:
        """Push and pull a real project with stock DVC.

        Everything stays on this machine: the OSF is an emulator in a process of its own, and the
        project is in a temporary folder. The exit status is not 0 if a command fails or anything
        differs from what was pushed.
        """
        from .demo import DemoError, run

        # The temporary folder and the emulator go away when the demo is told to end, too.
        signal.signal(signal.SIGTERM, _exit)
        try:
            run(keep=keep, files=files, size=size * _MIB)
        except DemoError as error:
            raise click.ClickException(str(error)) from error

    return group


def _exit(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
