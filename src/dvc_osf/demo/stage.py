"""Where the demonstration's story plays, and who tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .programs import has_git

if TYPE_CHECKING:
    from pathlib import Path

    from .osf import LocalOSF, Traffic
    from .programs import Programs
    from .report import Report

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """What every step of the story uses.

    Parameters
    ----------
    project : Path
        The project's folder.
    home : Path
        The folder that stands for the user's home.
    osf : LocalOSF
        The OSF, running.
    programs : Programs
        Runs commands in the project.
    report : Report
        What is told.
    """

    project: Path
    home: Path
    osf: LocalOSF
    programs: Programs
    report: Report

    def run(self, command: str) -> tuple[str, Traffic]:
        """Run a command and report it.

        Parameters
        ----------
        command : str
            As a shell takes it.

        Returns
        -------
        str
            What it wrote to standard output.
        Traffic
            What reached the OSF meanwhile.
        """
        began = time.monotonic()
        with self.report.work(f"$ {command}"):
            said = self.programs.run(command)
        seconds = time.monotonic() - began
        for line in filter(None, map(str.strip, said.splitlines())):
            self.report.fact("says", line)
        traffic = self.osf.take_traffic()
        self.report.traffic(traffic, seconds)
        return said, traffic

    def commit(self, message: str) -> None:
        """Commit to git, where there is one, what DVC leaves to it.

        Parameters
        ----------
        message : str
            Why.
        """
        if has_git():
            self.programs.run("git add --all")
            self.run(f'git commit --quiet --message "{message}"')
