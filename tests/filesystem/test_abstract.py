"""fsspec's own tests of filesystems, all of them, with and without folders that can be empty."""

from __future__ import annotations

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests import abstract


class OnTheOSF(abstract.AbstractFixtures):
    """What fsspec's tests have to know of us."""

    create_folders = False
    native = False

    @pytest.fixture
    def fs(self, request):
        connect = request.getfixturevalue("connect_native" if self.native else "connect")
        fs = connect(create_folders=self.create_folders)
        if self.native:
            # fsspec's other name for it, which is synchronous only.
            fs.cp = fs.copy
        return fs

    @pytest.fixture
    def fs_path(self, osf):
        return f"{osf.project}/osfstorage/folder"

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self):
        return self.create_folders

    @pytest.fixture(scope="class")
    @classmethod
    def local_fs(cls):
        return LocalFileSystem(auto_mkdir=True)


class TestCopy(OnTheOSF, abstract.AbstractCopyTests):
    pass


class TestGet(OnTheOSF, abstract.AbstractGetTests):
    pass


class TestPut(OnTheOSF, abstract.AbstractPutTests):
    pass


class TestOpen(OnTheOSF, abstract.AbstractOpenTests):
    pass


class TestPipe(OnTheOSF, abstract.AbstractPipeTests):
    pass


class TestCopyWithFolders(TestCopy):
    create_folders = True


class TestGetWithFolders(TestGet):
    create_folders = True


class TestPutWithFolders(TestPut):
    create_folders = True


class TestOpenWithFolders(TestOpen):
    create_folders = True


class TestPipeWithFolders(TestPipe):
    create_folders = True


# Awaited; but for opening, which is synchronous in those tests.


class TestCopyNative(TestCopy):
    native = True


class TestGetNative(TestGet):
    native = True


class TestPutNative(TestPut):
    native = True


class TestPipeNative(TestPipe):
    native = True
