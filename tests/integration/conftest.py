"""A real OSF, where there is one to test with."""

from __future__ import annotations

import contextlib
import os
import secrets

import pytest

from dvc_osf import OSFFileSystem


@pytest.fixture(scope="session")
def fs():
    """Return a filesystem with the tester's token."""
    token = os.environ.get("OSF_TEST_TOKEN")
    if not token or not os.environ.get("OSF_TEST_PROJECT"):
        pytest.skip("OSF_TEST_TOKEN and OSF_TEST_PROJECT are not set")
    fs = OSFFileSystem(token=token, skip_instance_cache=True)
    yield fs
    fs.close()


@pytest.fixture(scope="session")
def root(fs):
    """Return a folder of this run's own, deleted at the end."""
    root = f"{os.environ['OSF_TEST_PROJECT']}/osfstorage/dvc-osf-test-{secrets.token_hex(6)}"
    yield root
    with contextlib.suppress(FileNotFoundError):
        fs.rm(root, recursive=True)
