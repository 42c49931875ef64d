"""What users of other libraries have: URLs, and options or environment variables."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """Let no setting of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(("OSF_", "FSSPEC_OSF")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def osf(tmp_path) -> Iterator[EmulatorThread]:
    """Serve an OSF of the test's own from a thread."""
    with EmulatorThread(tmp_path / "osf") as emulator:
        yield emulator
        # The libraries make filesystems that fsspec keeps.
        for fs in list(OSFFileSystem._cache.values()):
            fs.close()
        OSFFileSystem.clear_instance_cache()


@pytest.fixture
def options(osf) -> dict[str, Any]:
    """Return the ``storage_options``."""
    return {"token": osf.token, "endpoint_url": osf.api_url}


@pytest.fixture
def root(osf) -> str:
    """Return the path of the first project's storage."""
    return f"{osf.project}/osfstorage"


@pytest.fixture
def url(root) -> str:
    """Return the URL of the first project's storage."""
    return f"osf://{root}"


@pytest.fixture
def other(options) -> Iterator[OSFFileSystem]:
    """Return a filesystem that knows nothing of what the libraries did."""
    fs = OSFFileSystem(**options, use_listings_cache=False, skip_instance_cache=True)
    yield fs
    fs.close()


@pytest.fixture
def asked(osf) -> Callable[[], Counter[str]]:
    """Count the requests for files and folders since the last time, by kind."""

    def count() -> Counter[str]:
        kinds = Counter(kind_of(entry) for entry in osf.requests if entry.host != "api")
        osf.clear_requests()
        return kinds

    return count


def kind_of(entry: Any) -> str:
    if entry.method == "PUT":
        return f"{entry.query.get('kind', 'file')} PUT"
    if entry.method == "GET":
        return "listing" if entry.path.endswith("/") else "download"
    return entry.method
