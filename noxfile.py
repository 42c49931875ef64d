"""All checks of the project: ``nox -s tests`` for the tests, ``nox -l`` for the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "typecheck", "tests"]
nox.options.error_on_external_run = True

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
BENCHMARKS = ["transfer", "limited", "find", "memory", "emulator", "dvc_push"]
PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, name)


def install_and_test(session: nox.Session, *requirements: str) -> None:
    # Not editable: what users install is what is tested.
    session.install(".[all]", *group("test"), *requirements)
    session.run("coverage", "erase")
    session.run("pytest", "-n", "auto", "--cov", "--cov-report=term-missing", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on the interpreter that runs nox."""
    install_and_test(session)


@nox.session(python=PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run the tests on every interpreter found."""
    install_and_test(session)


@nox.session
def browser(session: nox.Session) -> None:
    """Look at the emulator's pages in a real browser; needs ``chromium`` on PATH."""
    session.install(".[all]", *group("test"))
    session.run("pytest", "-m", "browser", "tests/browser", *session.posargs)


@nox.session
def dvc_oldest(session: nox.Session) -> None:
    """Push and pull with the oldest DVC that is supported."""
    # It uses what pathspec 0.13 has no longer.
    # The ecosystem's newest packages are not what an old DVC was made for.
    tools = [tool for tool in group("test") if tool not in group("ecosystem")]
    session.install(".[dvc]", *tools, "dvc==3.50.*", "pathspec<0.13")
    session.run("pytest", "tests/dvc/test_round_trip.py", *session.posargs)


@nox.session
def dvc_newest(session: nox.Session) -> None:
    """Push and pull with the newest DVC."""
    session.install("--upgrade", "--upgrade-strategy", "eager", ".[dvc]", *group("test"))
    session.run("pytest", "tests/dvc/test_round_trip.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Work at random under random failures for minutes: ``-- --seed N --seconds N``."""
    session.install(".")
    session.run("python", "tests/soak", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure transfers, listings, memory, the emulator and DVC, against bare peers or ideals."""
    session.install(".[dvc]")
    for script in BENCHMARKS:
        session.run("python", f"benchmarks/{script}.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install(".[all]", *group("typing"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """Build the source distribution and the wheel, and use the wheel alone."""
    shutil.rmtree("dist", ignore_errors=True)
    session.install("build", "twine")
    session.run("python", "-m", "build")
    built = [str(path) for path in Path("dist").iterdir()]
    session.run("twine", "check", "--strict", *built)
    wheel = next(path for path in built if path.endswith(".whl"))
    session.install(f"{wheel}[cli]")
    session.cd(session.create_tmp())
    session.run(
        "python",
        "-W",
        "error",
        "-c",
        "import fsspec; assert fsspec.get_filesystem_class('osf').protocol == 'osf'",
    )
    session.run("dvc-osf", "--version")


@nox.session
def demo(session: nox.Session) -> None:
    """Push and pull a real project with stock DVC against the embedded OSF."""
    session.install(".[dvc,cli]")
    session.run("dvc-osf", "demo", *session.posargs)
