"""A stock DVC in a process of its own, kept away from this machine's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import _dvc_osf_startup
import dvc_osf

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Path:
    """Make a folder that holds what dvc-osf installs, and no other package."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(_dvc_osf_startup.__file__, folder)
    shutil.copytree(
        Path(dvc_osf.__file__).parent,
        folder / "dvc_osf",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run this interpreter with some arguments, in an empty folder."""
    home = tmp_path / "home"
    cwd = tmp_path / "project"
    cwd.mkdir()
    # Nothing of the calling environment may change what Python or DVC do.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "DVC_", "OSF_"))
    }
    environment = {
        **inherited,
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
        "DVC_SITE_CACHE_DIR": str(home / "cache"),
    }

    def run(
        *arguments: str, executable: str = sys.executable, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [executable, *arguments],
            cwd=cwd,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


@pytest.fixture
def dvc(python: Callable[..., subprocess.CompletedProcess[str]]):
    """Run stock DVC in a new project."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return python("-m", "dvc", *arguments, **variables)

    run("init", "--quiet", "--no-scm").check_returncode()
    return run
