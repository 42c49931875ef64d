"""What may be written about an osf:// remote in DVC's configuration."""

from __future__ import annotations

import pytest
from dvc.config import Config, ConfigError
from dvc.fs import get_cloud_fs

import dvc_osf
from dvc_osf.config import MIB

dvc_osf.register()


def validated(**options: object) -> dict[str, object]:
    section = {"url": "osf://abc12/osfstorage/data", **options}
    return Config.validate({"remote": {"o": section}})["remote"]["o"]


@pytest.mark.parametrize(
    ("option", "written", "value"),
    [
        ("token", "secret", "secret"),
        ("credentialpath", "/home/me/token", "/home/me/token"),
        ("view_only", "0123456789abcdef", "0123456789abcdef"),
        ("endpoint_url", "https://api.test.osf.io/v2", "https://api.test.osf.io/v2"),
        ("files_url", "https://files.de-1.osf.io", "https://files.de-1.osf.io"),
        ("project", "abc12", "abc12"),
        ("provider", "github", "github"),
        ("timeout", "2.5", 2.5),
        ("upload_timeout", "600", 600.0),
        ("upload_chunk_size", "5242880", 5 * MIB),
        ("upload_chunk_size", "8MiB", 8 * MIB),
        ("max_retries", "0", 0),
        ("max_wait", "0", 0.0),
        ("max_requests", "32", 32),
        ("ssl_verify", "false", False),
        ("ssl_verify", "/etc/ssl/ours.pem", "/etc/ssl/ours.pem"),
        ("create_folders", "true", True),
        ("version_aware", "true", True),
        ("worktree", "true", True),
        ("verify", "true", True),
        ("jobs", "4", 4),
        ("checksum_jobs", "2", 2),
    ],
)
def test_an_option_is_accepted_and_converted(option, written, value):
    once = validated(**{option: written})

    assert once[option] == value
    # DVC validates the result once more before it makes the filesystem.
    assert validated(**once) == once


@pytest.mark.parametrize(
    ("option", "written", "message"),
    [
        ("timeout", "soon", "expected float"),
        ("timeout", "0", "higher than 0"),
        ("upload_timeout", "-1", "higher than 0"),
        ("upload_chunk_size", "1KB", "at least 1048576"),
        ("upload_chunk_size", "1GB", "at most 104857600"),
        ("upload_chunk_size", "large", "'large' is not a size"),
        ("max_retries", "-1", "at least 0"),
        ("max_wait", "-1", "at least 0"),
        ("max_requests", "0", "at least 1"),
        ("create_folders", "perhaps", "expected true or false"),
        ("project", "abc12/data", "'abc12/data' is not the GUID of a project"),
        ("project", "my project", "is not the GUID of a project"),
        ("provider", "gihub", "value must be one of"),
        ("region", "eu", "extra keys not allowed"),
    ],
)
def test_an_unknown_option_or_a_wrong_value_is_refused(option, written, message):
    with pytest.raises(ConfigError, match=message):
        validated(**{option: written})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("osf://", "names no project"),
        ("osf:///data", "names no project"),
        ("osf:data", "is not the GUID of a project"),
        ("osf://x/data", "is not the GUID of a project"),
        ("osf://abc12/../data", "leads out of the project"),
    ],
)
def test_a_url_that_is_no_place_on_the_osf_is_refused(url, message):
    with pytest.raises(ConfigError, match=message):
        Config.validate({"remote": {"o": {"url": url}}})


def test_a_secret_in_a_url_is_refused_without_being_shown():
    with pytest.raises(ConfigError, match="must not hold a user name or password") as caught:
        Config.validate({"remote": {"o": {"url": "osf://me:s3cret@abc12/data"}}})

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"url": "nope://abc12"}, "Unsupported URL type nope://"),
        ({"token": "secret"}, "expected 'url'"),
        ({"url": "s3://bucket", "files_url": "https://files.osf.io"}, "extra keys not allowed"),
    ],
)
def test_other_remotes_are_validated_as_ever(section, message):
    with pytest.raises(ConfigError, match=message):
        Config.validate({"remote": {"o": section}})


def test_a_remote_may_refer_to_another():
    config = Config.validate(
        {
            "remote": {
                "base": {"url": "osf://abc12/osfstorage", "token": "secret"},
                "sub": {"url": "remote://base/data", "timeout": "5"},
            }
        }
    )

    cls, options, path = get_cloud_fs(config, name="sub")

    assert cls.protocol == "osf"
    assert path == "abc12/osfstorage/data"
    assert (options["token"], options["timeout"]) == ("secret", 5.0)


class TestCommandLine:
    def test_a_remote_is_added_and_modified(self, dvc, tmp_path):
        assert dvc("remote", "add", "-d", "o", "osf://abc12/osfstorage/data").returncode == 0
        assert dvc("remote", "modify", "--local", "o", "credentialpath", "token").returncode == 0

        listed = dvc("remote", "list").stdout
        assert listed.split()[:2] == ["o", "osf://abc12/osfstorage/data"]
        # Relative to the configuration file that names it.
        local = (tmp_path / "project" / ".dvc" / "config.local").read_text(encoding="utf-8")
        assert "credentialpath = ../token" in local

    def test_an_unknown_option_is_a_configuration_error(self, dvc):
        dvc("remote", "add", "o", "osf://abc12/osfstorage/data").check_returncode()

        done = dvc("remote", "modify", "o", "colour", "blue")

        assert done.returncode == 251
        assert "extra keys not allowed" in done.stderr
