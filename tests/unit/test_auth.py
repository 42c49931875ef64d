"""Tokens: where they come from, where they go, and where they must not show."""

from __future__ import annotations

import copy
import pickle

import pytest

from dvc_osf.auth import TokenSource, check_files_url, redact
from dvc_osf.exceptions import OSFAuthenticationError, OSFServerError

TOKEN = "sEcReT0123456789"


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    return str(file)


class TestSources:
    def test_without_any_there_is_no_token(self):
        assert TokenSource().get() is None

    def test_the_argument_is_the_first(self, monkeypatch, token_file):
        monkeypatch.setenv("OSF_TOKEN", "from-environment")
        assert TokenSource("from-argument", token_file).get() == "from-argument"

    def test_the_file_is_the_second(self, monkeypatch, token_file):
        monkeypatch.setenv("OSF_TOKEN", "from-environment")
        assert TokenSource(None, token_file).get() == TOKEN

    def test_the_environment_is_the_last(self, monkeypatch):
        monkeypatch.setenv("OSF_TOKEN", "from-environment")
        assert TokenSource().get() == "from-environment"

    def test_the_environment_is_read_at_every_use(self, monkeypatch):
        source = TokenSource()
        monkeypatch.setenv("OSF_TOKEN", "first")
        assert source.get() == "first"
        monkeypatch.setenv("OSF_TOKEN", "second")
        assert source.get() == "second"

    def test_the_file_is_read_at_every_use(self, tmp_path):
        file = tmp_path / "token"
        source = TokenSource(credentialpath=str(file))
        for token in ("first", "second"):
            file.write_text(token, encoding="utf-8")
            assert source.get() == token

    def test_the_files_path_may_begin_at_home(self, monkeypatch, tmp_path, token_file):
        del token_file
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert TokenSource(credentialpath="~/token").get() == TOKEN

    @pytest.mark.parametrize("empty", ["", "  ", "\n"])
    def test_an_empty_token_is_none(self, monkeypatch, empty):
        assert TokenSource(empty).get() is None
        monkeypatch.setenv("OSF_TOKEN", empty)
        assert TokenSource().get() is None

    @pytest.mark.parametrize("content", ["", "\n"])
    def test_an_empty_file_is_passed_over_whatever_it_is_empty_of(
        self, monkeypatch, tmp_path, content
    ):
        monkeypatch.setenv("OSF_TOKEN", "from-environment")
        file = tmp_path / "token"
        file.write_text(content, encoding="utf-8")
        assert TokenSource(credentialpath=str(file)).get() == "from-environment"


class TestReading:
    @pytest.mark.parametrize("around", [f" {TOKEN}", f"{TOKEN}\n", f"\t{TOKEN}\r\n"])
    def test_white_space_around_it_is_stripped(self, around):
        assert TokenSource(around).get() == TOKEN

    @pytest.mark.parametrize("token", ["two words", "line\nbreak", "tab\tin", "tökén", "nul\x00"])
    def test_characters_that_no_token_has_are_refused_without_showing_it(self, token):
        with pytest.raises(OSFAuthenticationError, match="characters") as caught:
            TokenSource(token).get()
        assert token not in str(caught.value)

    def test_a_file_that_does_not_exist_is_named(self, tmp_path):
        missing = str(tmp_path / "missing")
        with pytest.raises(OSFAuthenticationError, match=r"missing cannot be read .*NotFound"):
            TokenSource(credentialpath=missing).get()

    def test_a_folder_is_no_token_file(self, tmp_path):
        with pytest.raises(OSFAuthenticationError, match="cannot be read"):
            TokenSource(credentialpath=str(tmp_path)).get()

    def test_a_file_of_other_bytes_is_refused_without_showing_them(self, tmp_path):
        file = tmp_path / "token"
        file.write_bytes(b"sEcReT\xff\xfe")
        with pytest.raises(OSFAuthenticationError, match="UnicodeDecodeError") as caught:
            TokenSource(credentialpath=str(file)).get()
        assert "sEcReT" not in str(caught.value)
        assert caught.value.__suppress_context__


class TestSecrecy:
    def test_a_source_does_not_show_its_token(self):
        source = TokenSource(TOKEN)
        assert TOKEN not in repr(source)
        assert TOKEN not in str(source)
        assert TOKEN not in f"{source!r:>80}"

    def test_a_token_from_the_environment_is_not_pickled(self, monkeypatch):
        monkeypatch.setenv("OSF_TOKEN", TOKEN)
        source = TokenSource()
        assert source.get() == TOKEN
        assert TOKEN.encode() not in pickle.dumps(source)

    def test_a_token_from_a_file_is_not_pickled(self, token_file):
        source = TokenSource(credentialpath=token_file)
        assert source.get() == TOKEN
        dump = pickle.dumps(source)
        assert TOKEN.encode() not in dump
        assert pickle.loads(dump).get() == TOKEN

    def test_a_copy_finds_the_same_token(self):
        assert copy.deepcopy(TokenSource(TOKEN)).get() == TOKEN

    def test_redaction_blots_every_occurrence_out(self):
        assert redact(f"{TOKEN} and {TOKEN}", TOKEN) == "*** and ***"

    @pytest.mark.parametrize("token", [None, ""])
    def test_without_a_token_there_is_nothing_to_blot_out(self, token):
        assert redact("text", token) == "text"


class TestFilesHosts:
    @pytest.mark.parametrize(
        ("api", "files"),
        [
            ("https://api.osf.io/v2", "https://files.osf.io"),
            ("https://api.osf.io/v2", "https://files.de-1.osf.io"),
            ("https://api.osf.io/v2", "https://api.osf.io:8443"),
            ("https://API.OSF.IO/v2", "https://files.osf.io"),
            ("https://api.osf.io/v2", "https://FILES.OSF.IO"),
            ("https://api.staging.osf.io/v2", "https://files.staging.osf.io"),
            ("http://localhost:8000/v2", "http://localhost:7777"),
            ("http://localhost:8000/v2", "https://localhost:7777"),
            ("http://127.0.0.1:8000/v2", "http://127.0.0.1:7777"),
            ("http://[::1]:8000/v2", "http://[::1]:7777"),
            ("http://api.example.org/v2", "https://files.example.org"),
        ],
    )
    def test_hosts_of_the_same_site_are_trusted(self, api, files):
        check_files_url(api, files)

    @pytest.mark.parametrize(
        ("api", "files"),
        [
            ("https://api.osf.io/v2", "https://evil.com"),
            ("https://api.osf.io/v2", "https://osf.io.evil.com"),
            ("https://api.osf.io/v2", "https://files-osf.io"),
            ("https://api.osf.io/v2", "https://evilosf.io"),
            ("https://api.osf.io/v2", "https://api.osf.io.evil.com"),
            ("https://api.osf.io/v2", "https://api.osf.io@evil.com"),
            ("https://api.osf.io/v2", "https://evil.com/.osf.io"),
            ("https://api.osf.io/v2", "https://evil.com#.osf.io"),
            ("https://api.osf.io/v2", "https://evil.com?.osf.io"),
            ("https://api.osf.io/v2", "http://files.osf.io"),
            ("https://api.osf.io/v2", "ftp://files.osf.io"),
            ("https://api.osf.io/v2", "files.osf.io"),
            ("https://api.osf.io/v2", ""),
            ("https://api.osf.io/v2", "https://"),
            ("https://osf.io/v2", "https://evil.io"),
            ("http://localhost:8000/v2", "http://evil.localhost"),
            ("http://localhost:8000/v2", "http://127.0.0.1:7777"),
            ("http://127.0.0.1:8000/v2", "http://10.0.0.1:7777"),
            ("http://127.0.0.1:8000/v2", "http://evil.0.0.1"),
            ("http://[::1]:8000/v2", "http://[::2]:7777"),
        ],
    )
    def test_other_hosts_are_refused_and_the_option_to_trust_them_is_named(self, api, files):
        with pytest.raises(OSFServerError, match="the token was not sent there") as caught:
            check_files_url(api, files, path="abc12")
        assert "files_url" in caught.value.hint
        assert caught.value.path == "abc12"

    def test_a_host_that_cannot_be_read_is_refused_as_an_error_of_ours(self):
        with pytest.raises(OSFServerError):
            check_files_url("https://api.osf.io/v2", "https://[files.osf.io")
