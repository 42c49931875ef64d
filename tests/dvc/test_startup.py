"""The start-up file costs next to nothing and harms nobody."""

from __future__ import annotations

import re

import pytest

IMPORT_TIME = re.compile(r"import time: +(?P<own>\d+) \| +(?P<all>\d+) \| +(?P<name>\S+)")


def test_start_takes_less_than_a_millisecond_and_imports_nothing_heavy(python):
    runs = [
        {
            match["name"]: int(match["all"])
            for match in IMPORT_TIME.finditer(python("-X", "importtime", "-c", "pass").stderr)
        }
        for _ in range(5)
    ]

    assert min(run["_dvc_osf_startup"] for run in runs) < 1000  # microseconds
    packages = {name.partition(".")[0] for run in runs for name in run}
    assert not packages & {"aiohttp", "dvc", "dvc_objects", "dvc_osf", "fsspec", "voluptuous"}


@pytest.fixture
def without_dvc(python, package):
    """Run code after start-up where no other package is installed, and so no DVC."""
    start = """
import sys
before = set(sys.modules)
import _dvc_osf_startup; _dvc_osf_startup.install()
"""
    return lambda code: python("-S", "-c", start + code, PYTHONPATH=str(package))


def test_start_imports_only_the_startup_module(without_dvc):
    done = without_dvc("print(*(set(sys.modules) - before))")

    assert done.stdout.split() == ["_dvc_osf_startup"]
    assert not done.stderr


def test_installing_twice_leaves_one_watcher(without_dvc):
    done = without_dvc(
        "finders = list(sys.meta_path)\n_dvc_osf_startup.install()\nprint(sys.meta_path == finders)"
    )

    assert done.stdout == "True\n"


@pytest.mark.parametrize("module", ["dvc.config_schema", "dvc_objects.fs"])
def test_without_dvc_its_absence_is_reported_as_ever(without_dvc, module):
    done = without_dvc(f"import {module}")

    assert done.returncode == 1
    missing = module.partition(".")[0]
    assert done.stderr.endswith(f"ModuleNotFoundError: No module named '{missing}'\n")


@pytest.mark.parametrize("code", ["pass", "import dvc_osf", "import dvc.fs"])
def test_nothing_warns(python, code):
    done = python("-W", "error", "-c", code)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_package_is_light(python):
    done = python("-c", "import sys, dvc_osf; print(*{n.partition('.')[0] for n in sys.modules})")

    assert not set(done.stdout.split()) & {"aiohttp", "dvc", "dvc_objects", "fsspec", "voluptuous"}


def test_looking_for_a_module_without_importing_it_changes_nothing(python):
    code = """
import importlib.util
assert importlib.util.find_spec("dvc.config_schema")
from dvc.fs import get_cloud_fs
print(get_cloud_fs({}, url="osf://abc12/data")[0].__name__)
"""
    assert python("-c", code).stdout == "OSFRemoteFileSystem\n"
