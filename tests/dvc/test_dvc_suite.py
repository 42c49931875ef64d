"""DVC's own tests of remotes (``dvc.testing``, shipped in its wheel), on an OSF."""

from __future__ import annotations

import locale
from typing import TYPE_CHECKING

import pytest
from dvc.testing.api_tests import TestAPI as _APITests
from dvc.testing.cloud import Cloud
from dvc.testing.fixtures import *  # noqa: F403 - DVC's names, here rather than in all tests
from dvc.testing.remote_tests import TestRemote as _RemoteTests
from dvc.testing.remote_tests import TestRemoteVersionAware as _RemoteVersionAwareTests
from dvc.testing.remote_tests import TestRemoteWorktree as _RemoteWorktreeTests
from dvc.testing.workspace_tests import TestGetUrl as _GetUrlTests
from dvc.testing.workspace_tests import TestImport as _ImportTests
from dvc.testing.workspace_tests import TestImportURLVersionAware as _ImportVersionAwareTests
from dvc.testing.workspace_tests import TestLsUrl as _LsUrlTests
from dvc.testing.workspace_tests import TestToRemote as _ToRemoteTests

import dvc_osf
from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

if TYPE_CHECKING:
    from typing_extensions import Self

dvc_osf.register()

# DVC's own use of one of its dependencies.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


class OSFCloud(Cloud):
    """A path on an OSF as DVC's tests know paths; what it does is another client's doing."""

    scheme = "osf"

    def __init__(self, osf: EmulatorThread, path: str, **options: object) -> None:
        self._osf = osf
        self._fs = OSFFileSystem(
            osf.token,
            endpoint_url=osf.api_url,
            create_folders=True,
            use_listings_cache=False,
            skip_instance_cache=True,
            **options,
        )
        self.fs_path = path

    def __truediv__(self, name: str) -> Self:
        place = object.__new__(type(self))
        place.__dict__.update(self.__dict__, fs_path=f"{self.fs_path}/{name.strip('/')}")
        return place

    def __str__(self) -> str:
        return self.url

    def close(self) -> None:
        self._fs.close()

    @property
    def url(self) -> str:
        return f"osf://{self.fs_path}"

    @property
    def config(self) -> dict[str, str]:
        return {"url": self.url, "token": self._osf.token, "endpoint_url": self._osf.api_url}

    @property
    def parent(self) -> Self:
        parent = object.__new__(type(self))
        parent.__dict__.update(self.__dict__, fs_path=self.fs_path.rpartition("/")[0])
        return parent

    def exists(self) -> bool:
        return self._fs.exists(self.fs_path)

    def is_file(self) -> bool:
        return self._fs.isfile(self.fs_path)

    def is_dir(self) -> bool:
        return self._fs.isdir(self.fs_path)

    def mkdir(self, mode=0o777, parents=False, exist_ok=False) -> None:
        del mode
        if parents:
            self._fs.makedirs(self.fs_path, exist_ok=exist_ok)
        else:
            self._fs.mkdir(self.fs_path)
        later()

    def read_bytes(self) -> bytes:
        return self._fs.cat_file(self.fs_path)

    def read_text(self, encoding=None, errors=None) -> str:
        assert errors is None
        return self.read_bytes().decode(encoding or locale.getpreferredencoding(False))

    def write_bytes(self, contents: bytes) -> None:
        self._fs.pipe_file(self.fs_path, contents)
        later()

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok or self.exists():
            self._fs.rm_file(self.fs_path)
        later()

    def rmdir(self, recursive: bool = True) -> None:
        self._fs.rm(self.fs_path, recursive=recursive)
        later()


def later() -> None:
    """Let DVC's next command begin, as it would in a process of its own, without listings."""
    for fs in OSFFileSystem._cache.values():
        fs.invalidate_cache()


@pytest.fixture(autouse=True)
def _forget_instances():
    OSFFileSystem.clear_instance_cache()
    yield
    OSFFileSystem.clear_instance_cache()


@pytest.fixture(autouse=True)
def _own_places(monkeypatch, tmp_path_factory):
    """Keep DVC away from this machine's configuration and from the other tests' caches."""
    home = tmp_path_factory.mktemp("home")
    for place in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
        monkeypatch.setenv(f"DVC_{place}_DIR", str(home / place.lower()))
    for name in ("OSF_TOKEN", "OSF_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


@pytest.fixture(scope="module")
def osf(tmp_path_factory):
    with EmulatorThread(tmp_path_factory.mktemp("osf")) as emulator:
        yield emulator


@pytest.fixture
def clouds(osf):
    """Make places on the OSF, each in a project of its own."""
    made = []

    def make(keep: bool = False) -> OSFCloud:
        path = f"{osf.add_project()}/osfstorage/place"
        options = {"holding_folder": f"{path}/.dvc-removed"} if keep else {}
        made.append(OSFCloud(osf, path, **options))
        return made[-1]

    yield make
    for cloud in made:
        cloud.close()


@pytest.fixture
def make_osf(clouds):
    return clouds


@pytest.fixture
def make_osf_version_aware(clouds):
    """Make places where whoever removes keeps versions, which the OSF itself does not."""
    return lambda: clouds(keep=True)


@pytest.fixture
def cloud(make_cloud):
    return make_cloud(typ="osf")


@pytest.fixture
def remote(make_remote):
    return make_remote(name="upstream", typ="osf")


@pytest.fixture
def remote_version_aware(make_remote_version_aware):
    return make_remote_version_aware(name="upstream", typ="osf")


@pytest.fixture
def remote_worktree(make_remote_worktree):
    return make_remote_worktree(name="upstream", typ="osf")


@pytest.fixture
def make_workspace(tmp_dir, make_cloud):
    """Make places to import from; DVC's own fixture also makes an external cache of them."""

    def make(name: str, typ: str = "osf") -> OSFCloud:
        cloud = make_cloud(typ)
        tmp_dir.add_remote(name=name, config=cloud.config, default=False)
        return cloud

    return make


@pytest.fixture
def workspace(make_workspace):
    return make_workspace(name="workspace", typ="osf")


class TestRemote(_RemoteTests):
    pass


class TestAPI(_APITests):
    pass


class TestLsUrl(_LsUrlTests):
    pass


class TestGetUrl(_GetUrlTests):
    pass


class TestToRemote(_ToRemoteTests):
    pass


class TestImport(_ImportTests):
    @pytest.fixture
    def stage_md5(self):
        return "7033ee831f78a4dfec2fc71405516067"

    @pytest.fixture
    def dir_md5(self):
        return "b6dcab6ccd17ca0a8bf4a215a37d14cc.dir"

    @pytest.fixture
    def is_object_storage(self):
        return False


class TestImportURLVersionAware(_ImportVersionAwareTests):
    pass


class TestRemoteVersionAware(_RemoteVersionAwareTests):
    pass


class TestRemoteWorktree(_RemoteWorktreeTests):
    @pytest.mark.xfail(
        strict=True, reason="dvc push removes from no remote what was removed locally (3.67)"
    )
    def test_deletion(self, tmp_dir, dvc, scm, remote_worktree):
        super().test_deletion(tmp_dir, dvc, scm, remote_worktree)
