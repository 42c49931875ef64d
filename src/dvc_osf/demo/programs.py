"""Runs git and DVC, untouched by how they are configured on this machine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import site
import subprocess
import sys
from typing import TYPE_CHECKING

from .errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Programs", "has_git", "require_dvc"]

# Settings for other projects of whoever runs the demonstration.
_NOT_INHERITED = ("DVC_", "GIT_", "OSF_")


def require_dvc() -> None:
    """Insist that DVC is installed.

    Raises
    ------
    DemoError
        It is not.
    """
    if importlib.util.find_spec("dvc") is None:
        raise DemoError('the demo needs DVC. Install it with: pip install "dvc-osf[dvc]"')


def has_git() -> bool:
    """Tell whether there is a git to run."""
    return shutil.which("git") is not None


class Programs:
    """Runs programs in one folder.

    Parameters
    ----------
    folder : Path
        Where they run.
    home : Path
        A folder to use instead of the user's home and of the caches that users share.
    token : str
        The OSF's token; programs find it in their environment.
    """

    def __init__(self, folder: Path, home: Path, token: str) -> None:
        self._folder = folder
        self._environment = {**_environment(os.environ, home), "OSF_TOKEN": token}

    def run(self, command: str) -> str:
        """Run a program to its end.

        Parameters
        ----------
        command : str
            The program, ``git`` or ``dvc``, and its arguments, as a shell takes them.

        Returns
        -------
        str
            What it wrote to standard output.

        Raises
        ------
        DemoError
            Its exit status is not 0; the message holds all that it wrote.
        """
        program, *arguments = shlex.split(command)
        # A DVC of this very Python, also where its folder of scripts is not on the PATH.
        start = [sys.executable, "-m", "dvc"] if program == "dvc" else [program]
        done = subprocess.run(  # noqa: S603 - commands of our own
            [*start, *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip()
            raise DemoError(f"'{command}' ended with status {done.returncode} and said:\n{said}")
        return done.stdout


def _environment(inherited: Mapping[str, str], home: Path) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if not name.startswith(_NOT_INHERITED)}
    return {
        **kept,
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
        "DVC_SITE_CACHE_DIR": str(home / "cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        # The libraries that DVC uses beside git look here. Python must not: it may have been
        # DVC's packages that were installed below the real home.
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONIOENCODING": "utf-8",
        # DVC then does not ask the Internet whether there is a newer one.
        "CI": "true",
        # Proxies of this machine have no way to its loopback.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
