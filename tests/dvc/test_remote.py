"""The adapter between DVC and the filesystem."""

from __future__ import annotations

import inspect
from importlib.metadata import PackageNotFoundError

import pytest
from dvc.fs import get_cloud_fs

import dvc_osf
from dvc_osf import OSFFileSystem, remote
from dvc_osf.exceptions import OSFPathError
from dvc_osf.remote import OSFRemoteFileSystem

dvc_osf.register()

URLS = {
    "osf://abc12": "abc12/osfstorage",
    "osf://ABC12/": "abc12/osfstorage",
    "osf://abc12/data": "abc12/osfstorage/data",
    "osf://abc12/osfstorage": "abc12/osfstorage",
    "osf://abc12/osfstorage/data/": "abc12/osfstorage/data",
    "osf://abc12/github/data": "abc12/github/data",
}


@pytest.fixture(autouse=True)
def _forget_instances():
    OSFFileSystem.clear_instance_cache()
    yield
    OSFFileSystem.clear_instance_cache()


class TestPaths:
    @pytest.mark.parametrize(("url", "path"), URLS.items())
    def test_a_url_is_stripped_to_a_place_in_a_provider(self, url, path):
        assert OSFRemoteFileSystem._strip_protocol(url) == path
        assert OSFRemoteFileSystem._strip_protocol(path) == path

    @pytest.mark.parametrize("path", URLS.values())
    def test_the_filesystem_has_the_same_names(self, path):
        assert OSFFileSystem._strip_protocol(f"osf://{path}") == path

    @pytest.mark.parametrize("path", URLS.values())
    def test_a_path_is_made_a_url_and_back(self, path):
        fs = OSFRemoteFileSystem()

        assert fs.unstrip_protocol(path) == f"osf://{path}"
        assert fs._strip_protocol(fs.unstrip_protocol(path)) == path

    def test_a_bad_url_is_refused(self):
        with pytest.raises(OSFPathError, match="Write osf://"):
            OSFRemoteFileSystem._strip_protocol("osf:///data")

    @pytest.mark.parametrize("name", ["what?", "a?b#c", "100%", "c#", "t\tab", "é ü.txt"])
    def test_a_name_may_hold_what_urls_give_a_meaning(self, name):
        fs = OSFRemoteFileSystem()

        assert fs.normpath(f"abc12/osfstorage/./data//{name}") == f"abc12/osfstorage/data/{name}"
        assert fs.relparts(f"abc12/osfstorage/data/{name}", "abc12/osfstorage") == ("data", name)


class TestOptions:
    def test_dvc_configuration_becomes_arguments(self):
        cls, config, path = get_cloud_fs(
            {},
            url="osf://abc12/data",
            token="secret",
            timeout="5",
            upload_chunk_size="8MB",
            ssl_verify="false",
            jobs="4",
        )
        fs = cls(**config)

        assert path == "abc12/osfstorage/data"
        assert fs.jobs == 4
        assert fs.fs_args == {
            "skip_instance_cache": True,
            "token": "secret",
            "timeout": 5.0,
            "upload_chunk_size": 8 * 1024 * 1024,
            "ssl_verify": False,
        }

    def test_every_option_is_an_argument_of_the_filesystem_or_in_the_url(self):
        arguments = inspect.signature(OSFFileSystem.__init__).parameters

        options = set(OSFRemoteFileSystem.REMOTE_CONFIG)
        assert options - set(arguments) == {"project", "provider"}

    @pytest.mark.parametrize(
        ("options", "path"),
        [
            ({"project": "XYZ99"}, "xyz99/osfstorage/data"),
            ({"provider": "github"}, "abc12/github/data"),
            ({"project": "xyz99", "provider": "s3"}, "xyz99/s3/data"),
        ],
    )
    def test_project_and_provider_replace_those_of_the_url(self, options, path):
        cls, config, fs_path = get_cloud_fs({}, url="osf://abc12/data", **options)

        assert fs_path == path
        assert cls(**config).fs_args == {"skip_instance_cache": True}

    def test_only_a_version_aware_remote_keeps_what_is_removed(self):
        _, config, _ = get_cloud_fs({}, url="osf://abc12/data")
        assert "holding_folder" not in OSFRemoteFileSystem(**config).fs_args
        aware = OSFRemoteFileSystem(**config, version_aware=True)
        assert aware.fs_args["holding_folder"] == "abc12/osfstorage/data/.dvc-removed"
        assert aware.fs.version_aware

    def test_a_version_in_a_url_asks_for_versions(self):
        options = OSFRemoteFileSystem._get_kwargs_from_urls
        assert options("osf://abc12/data?version=3")["version_aware"]
        assert "version_aware" not in options("osf://abc12/data?")


class TestVersionPaths:
    @pytest.mark.parametrize(
        ("path", "parts"),
        [
            ("abc12/osfstorage/a", ("abc12/osfstorage/a", None)),
            ("osf://abc12/a?version=12", ("osf://abc12/a", "12")),
            ("osf://abc12/what?", ("osf://abc12/what?", None)),
            ("osf://abc12/a?version=x", ("osf://abc12/a?version=x", None)),
        ],
    )
    def test_a_path_comes_apart_and_together(self, path, parts):
        assert OSFRemoteFileSystem.split_version(path) == parts
        assert OSFRemoteFileSystem.join_version(*parts) == path

    def test_one_version_takes_the_place_of_another(self):
        assert OSFRemoteFileSystem.version_path("p/a?version=1", "2") == "p/a?version=2"
        assert OSFRemoteFileSystem.version_path("p/a?version=1", None) == "p/a"

    def test_two_versions_are_one_too_many(self):
        with pytest.raises(ValueError, match="names a version already"):
            OSFRemoteFileSystem.join_version("p/a?version=1", "2")
        with pytest.raises(ValueError, match="does not name version 2"):
            OSFRemoteFileSystem.coalesce_version("p/a?version=1", "2")

    def test_a_path_and_an_argument_mean_one_version(self):
        coalesce = OSFRemoteFileSystem.coalesce_version
        assert coalesce("p/a?version=1", "1") == ("p/a", "1")
        assert coalesce("p/a", "1") == ("p/a", "1")
        assert coalesce("p/a", None) == ("p/a", None)


class TestRepresentation:
    def test_the_token_is_not_in_a_representation(self):
        assert "s3cret" not in repr(OSFRemoteFileSystem(token="s3cret"))


class TestRequirements:
    def test_it_needs_no_more_than_is_installed(self):
        assert OSFRemoteFileSystem.get_missing_deps() == []

    def test_a_source_tree_that_is_not_installed_does_not_break_doctor(self, monkeypatch):
        def version(name: str) -> str:
            raise PackageNotFoundError(name)

        monkeypatch.setattr(remote, "version", version)

        assert remote._requirements() == {"aiohttp": "aiohttp"}


class TestSharing:
    def test_remotes_with_the_same_options_share_a_filesystem(self):
        one, two = (OSFRemoteFileSystem(token="a", jobs=jobs) for jobs in (1, 2))

        assert one.fs is two.fs
        assert isinstance(one.fs, OSFFileSystem)

    def test_remotes_with_other_options_do_not(self):
        assert OSFRemoteFileSystem(token="a").fs is not OSFRemoteFileSystem(token="b").fs

    def test_a_given_filesystem_is_used(self):
        fs = OSFFileSystem(token="a")

        assert OSFRemoteFileSystem(fs=fs).fs is fs
