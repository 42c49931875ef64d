"""A stage for each cell of the matrix."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

# pytest's importlib mode leaves the path alone.
sys.path.insert(0, str(Path(__file__).parent))

from matrix.scene import Scene

from dvc_osf.emulator import EmulatorThread


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """Let no setting of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(("OSF_", "FSSPEC_OSF")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module", autouse=True)
def _frozen_past():
    """Keep what was there before out of the garbage collections at the end of each cell."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def scene(tmp_path):
    """Return a stage of the cell's own."""
    folder = tmp_path / "local"
    folder.mkdir()
    with EmulatorThread(tmp_path / "osf") as osf:
        yield Scene(osf, folder)
