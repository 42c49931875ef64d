"""A stock DVC in a process of its own, kept away from this machine's configuration."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import _dvc_osf_startup
import dvc_osf
from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dvc_osf.emulator.log import LoggedRequest


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    """Undo what a remote in this process does to the package's logger for DVC."""
    logger = logging.getLogger("dvc_osf")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


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


def environment_at(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the calling one changes what Python or DVC do."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "DVC_", "OSF_", "GIT_"))
    }
    return {
        **inherited,
        # What is tested here is tested there, be it installed or not.
        "PYTHONPATH": str(Path(dvc_osf.__file__).parents[1]),
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
        "DVC_SITE_CACHE_DIR": str(home / "cache"),
    }


def run_at(
    cwd: Path, environment: dict[str, str], *command: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture
def clean_environment(tmp_path: Path) -> dict[str, str]:
    """Return variables with which nothing of the caller's changes what Python or DVC do."""
    return environment_at(tmp_path / "home")


@pytest.fixture
def python(
    tmp_path: Path, clean_environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run this interpreter with some arguments, in an empty folder."""
    project = tmp_path / "project"
    project.mkdir()

    def run(
        *arguments: str, executable: str = sys.executable, cwd: Path = project, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return run_at(cwd, {**clean_environment, **variables}, executable, *arguments)

    return run


@pytest.fixture
def dvc(python: Callable[..., subprocess.CompletedProcess[str]]):
    """Run stock DVC in a new project."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return python("-m", "dvc", *arguments, **options)

    run("init", "--quiet", "--no-scm").check_returncode()
    return run


class Project:
    """A folder with a DVC project in it (and a git repository), and an OSF for its remotes."""

    def __init__(self, folder: Path, osf: EmulatorThread) -> None:
        self.folder = folder / "project"
        self.osf = osf
        self.home = folder / "home"
        self.environment = {**environment_at(self.home), "OSF_TOKEN": osf.token}

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def init(self) -> None:
        """Make it, with a default remote in a folder of an OSF project of its own."""
        self.folder.mkdir()
        guid = self.osf.add_project()
        self.root = f"{guid}/osfstorage"
        self.url = f"osf://{self.root}/d"
        self.git("init", "--quiet")
        self.dvc("init", "--quiet")
        self.add_remote("o", self.url, "--default")

    def add_remote(self, name: str, url: str, *options: str) -> None:
        self.dvc("remote", "add", *options, name, url)
        self.dvc("remote", "modify", name, "endpoint_url", self.osf.api_url)

    def clone(self, folder: Path) -> Project:
        """Commit everything and return somebody else's clone, on another machine."""
        self.commit()
        clone = Project(folder, self.osf)
        clone.root, clone.url = self.root, self.url
        run_at(
            folder, self.environment, "git", "clone", "--quiet", str(self.folder), "project"
        ).check_returncode()
        return clone

    def commit(self) -> None:
        self.git("add", ".")
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        self.git(*who, "commit", "--quiet", "--allow-empty", "--message", "now")

    def git(self, *arguments: str) -> str:
        done = run_at(self.folder, self.environment, "git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_dvc(
        self, *arguments: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **variables}
        return run_at(cwd or self.folder, environment, sys.executable, "-m", "dvc", *arguments)

    def dvc(self, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
        """Run stock DVC, which must succeed; return what it said."""
        done = self.try_dvc(*arguments, cwd=cwd, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def python(self, code: str, **variables: str) -> str:
        environment = {**self.environment, **variables}
        done = run_at(self.folder, environment, sys.executable, "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def forget_cache(self) -> None:
        """Delete the local cache, all tracked data and what DVC remembers of the remote."""
        shutil.rmtree(self.folder / ".dvc" / "cache", ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)
        for pointer in self.folder.glob("?*.dvc"):
            data = pointer.with_suffix("")
            if data.is_dir():
                shutil.rmtree(data)
            else:
                data.unlink(missing_ok=True)

    @contextlib.contextmanager
    def asked(self) -> Iterator[dict[str, int]]:
        """Count what the OSF is asked for while the block runs, by kind."""
        self.osf.clear_requests()
        counts: dict[str, int] = {}
        yield counts
        counts.update(Counter(kind_of(entry) for entry in self.osf.requests))

    @property
    def fs(self) -> OSFFileSystem:
        """Another client, which remembers nothing."""
        return OSFFileSystem(
            self.osf.token,
            endpoint_url=self.osf.api_url,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def objects(self, folder: str = "d") -> set[str]:
        """Return the paths below the remote's folder."""
        root = f"{self.root}/{folder}"
        return {path.removeprefix(f"{root}/") for path in self.fs.find(root)}


def kind_of(entry: LoggedRequest) -> str:
    """Name a logged request."""
    if entry.host != "files":
        return str(entry.host)
    if entry.method == "GET":
        return "listing" if entry.path.endswith("/") else "download"
    if entry.method == "PUT":
        return entry.query.get("kind", "new version")
    return entry.method


@pytest.fixture(scope="module")
def served_osf(tmp_path_factory) -> Iterator[EmulatorThread]:
    """Serve an OSF that all tests of a module use."""
    with EmulatorThread(tmp_path_factory.mktemp("osf")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def new_project(tmp_path_factory, served_osf) -> Callable[[], Project]:
    """Make DVC projects, each with a remote of its own."""

    def make() -> Project:
        project = Project(tmp_path_factory.mktemp("dvc"), served_osf)
        project.init()
        return project

    return make
