"""Fixtures for everybody who tests against an OSF without an account.

Name the plugin in the top-level ``conftest.py``::

    pytest_plugins = ["dvc_osf.emulator.pytest_plugin"]

(It is not registered under pytest's entry points: pytest would then warn everybody that it cannot
rewrite the start-up file of this distribution.) Then::

    def test_upload(osf_server):
        fs = fsspec.filesystem("osf", token=osf_server.token, endpoint_url=osf_server.api_url)
        fs.pipe(f"osf://{osf_server.project}/a.txt", b"hello")
        assert [request.method for request in osf_server.requests].count("PUT") == 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .threaded import EmulatorThread


@pytest.fixture
def osf_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorThread]:
    """Return an empty OSF of the test's own, running in a thread."""
    yield from _serve(tmp_path_factory)


@pytest.fixture(scope="session")
def osf_server_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorThread]:
    """Return an OSF that all tests of the session share; `add_project` keeps them apart."""
    yield from _serve(tmp_path_factory)


def _serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorThread]:
    from .threaded import EmulatorThread

    with EmulatorThread(tmp_path_factory.mktemp("osf")) as osf:
        yield osf
