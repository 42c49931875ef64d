"""What the build puts beside the package works in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTUP = {"_dvc_osf_startup.py", "_dvc_osf_startup.pth", "_dvc_osf_startup.start"}
WHERE = """
import _dvc_osf_startup, dvc_osf
from dvc.fs import get_cloud_fs
print(get_cloud_fs({}, url="osf://abc12/data")[0].__name__)
print(_dvc_osf_startup.__file__, dvc_osf.__file__, sep="\\n")
"""


def build(target: str, source: Path, into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture
def environment(tmp_path):
    """Make an environment that sees the packages of this one, but not its start-up files."""
    builder = venv.EnvBuilder(symlinks=sys.platform != "win32")
    builder.create(tmp_path / "env")
    executable = builder.ensure_directories(tmp_path / "env").env_exe
    where = [executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.check_output(where, text=True).strip())
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "zz_ours.pth").write_text("\n".join(ours), encoding="utf-8")
    return executable, packages


@pytest.mark.parametrize("kind", ["wheel", "wheel through sdist", "editable"])
def test_an_installation_introduces_osf_to_stock_dvc(kind, environment, python, tmp_path):
    executable, packages = environment
    source = ROOT
    if kind == "wheel through sdist":
        with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
            archive.extractall(tmp_path / "source", filter="data")
        (source,) = (tmp_path / "source").iterdir()
    target = "wheel:editable" if kind == "editable" else "wheel"

    with zipfile.ZipFile(build(target, source, tmp_path / "wheel")) as wheel:
        assert set(wheel.namelist()) >= STARTUP
        wheel.extractall(packages)

    done = python("-I", "-c", WHERE, executable=executable)
    served_by, startup, package = done.stdout.splitlines()
    assert served_by == "OSFRemoteFileSystem"
    assert Path(startup).parent == packages
    assert Path(package).is_relative_to(ROOT if kind == "editable" else packages)


def test_the_startup_files_call_the_same_function():
    pth = (ROOT / "src" / "_dvc_osf_startup.pth").read_text(encoding="ascii")
    start = (ROOT / "src" / "_dvc_osf_startup.start").read_text(encoding="ascii")

    # Python up to 3.14 executes the first, from 3.15 on the second replaces it (PEP 829).
    module, _, function = start.strip().partition(":")
    assert pth == f"import {module}; {module}.{function}()\n"
