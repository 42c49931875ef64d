"""Settings: where they come from, and what is refused."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest

import dvc_osf.config
from dvc_osf.config import Config, parse_bool, parse_size

MIB = 1024 * 1024


class TestPrecedence:
    def test_without_anything_the_documented_defaults_hold(self):
        config = Config.resolve()
        assert config.api_url == "https://api.osf.io/v2"
        assert config.files_url is None
        assert config.timeout == 60
        assert config.upload_timeout == 300
        assert config.upload_chunk_size == 5 * MIB
        assert config.max_retries == 5
        assert config.max_wait == 3900
        assert config.max_requests == 16
        assert config.buffer_size == 64 * MIB
        assert config.ssl_verify is True

    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("api_url", "http://localhost:8000/v2/", "http://localhost:8000/v2"),
            ("files_url", "https://files.example.org/", "https://files.example.org"),
            ("timeout", "1.5", 1.5),
            ("upload_timeout", "30", 30.0),
            ("upload_chunk_size", "10MB", 10 * MIB),
            ("max_retries", "0", 0),
            ("max_wait", "0", 0.0),
            ("max_requests", "3", 3),
            ("buffer_size", "32MiB", 32 * MIB),
            ("ssl_verify", "false", False),
            ("ssl_verify", "/etc/ca.pem", "/etc/ca.pem"),
        ],
    )
    def test_each_setting_has_its_variable(self, monkeypatch, name, text, value):
        monkeypatch.setenv(f"OSF_{name.upper()}", text)
        assert getattr(Config.resolve(), name) == value

    def test_an_argument_wins_over_the_environment(self, monkeypatch):
        monkeypatch.setenv("OSF_TIMEOUT", "5")
        assert Config.resolve(timeout=7).timeout == 7

    def test_none_means_not_given(self, monkeypatch):
        monkeypatch.setenv("OSF_TIMEOUT", "5")
        assert Config.resolve(timeout=None).timeout == 5

    def test_false_is_given(self, monkeypatch):
        monkeypatch.setenv("OSF_SSL_VERIFY", "true")
        assert Config.resolve(ssl_verify=False).ssl_verify is False

    def test_zero_is_given(self, monkeypatch):
        monkeypatch.setenv("OSF_MAX_RETRIES", "9")
        assert Config.resolve(max_retries=0).max_retries == 0

    def test_an_empty_variable_counts_as_unset(self, monkeypatch):
        monkeypatch.setenv("OSF_TIMEOUT", "")
        assert Config.resolve().timeout == 60

    def test_the_environment_is_read_at_construction_not_at_import(self, monkeypatch):
        monkeypatch.setenv("OSF_UPLOAD_TIMEOUT", "11")
        module = ModuleType("a_second_import")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(Path(dvc_osf.config.__file__).read_text(encoding="utf-8"), module.__dict__)
        monkeypatch.setenv("OSF_UPLOAD_TIMEOUT", "12")
        assert module.Config.resolve().upload_timeout == 12
        monkeypatch.delenv("OSF_UPLOAD_TIMEOUT")
        assert module.Config.resolve().upload_timeout == 300
        assert module.Config().upload_timeout == 300

    def test_text_from_a_configuration_file_is_converted(self):
        config = Config.resolve(timeout="2", max_requests="4", ssl_verify="no")
        assert (config.timeout, config.max_requests, config.ssl_verify) == (2.0, 4, False)


class TestConstants:
    def test_the_constants_have_their_documented_values(self):
        assert Config.OSF_UPLOAD_CHUNK_SIZE == 5_242_880
        assert Config.OSF_UPLOAD_TIMEOUT == 300
        assert Config.UPLOAD_CHUNK_MIN_SIZE == 1 * MIB
        assert Config.UPLOAD_CHUNK_MAX_SIZE == 100 * MIB
        assert Config.OSF_API_URL == "https://api.osf.io/v2"


class TestBounds:
    @pytest.mark.parametrize("size", [1 * MIB, 5 * MIB, 32 * MIB])
    def test_chunks_within_the_limits_are_accepted(self, size):
        assert Config.resolve(upload_chunk_size=size).upload_chunk_size == size

    def test_the_largest_chunk_brings_its_own_buffers(self):
        config = Config.resolve(upload_chunk_size="100MB")
        assert config.upload_chunk_size == 100 * MIB
        assert config.buffer_size >= 200 * MIB

    @pytest.mark.parametrize("size", [0, 1 * MIB - 1, 100 * MIB + 1, "101MB"])
    def test_other_chunks_are_refused_by_name(self, size):
        with pytest.raises(ValueError, match=r"upload_chunk_size is .* must be from 1048576 to"):
            Config.resolve(upload_chunk_size=size)

    @pytest.mark.parametrize("name", ["timeout", "upload_timeout", "max_requests"])
    @pytest.mark.parametrize("value", [0, -1])
    def test_what_must_be_above_zero_is(self, name, value):
        with pytest.raises(ValueError, match=f"^{name} is {value}.*above 0"):
            Config.resolve(**{name: value})

    @pytest.mark.parametrize("name", ["max_retries", "max_wait"])
    def test_what_must_not_be_negative_is_not(self, name):
        with pytest.raises(ValueError, match=f"^{name} is -1.*below 0"):
            Config.resolve(**{name: -1})

    def test_buffers_must_hold_two_chunks(self):
        with pytest.raises(ValueError, match="buffer_size is 10485759 bytes"):
            Config.resolve(buffer_size=10 * MIB - 1)
        assert Config.resolve(buffer_size=10 * MIB).buffer_size == 10 * MIB

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("timeout", "soon"),
            pytest.param("timeout", 10**400, id="timeout-too large"),
            ("max_requests", float("inf")),
            ("max_retries", "2.5"),
            ("upload_chunk_size", "big"),
            ("upload_chunk_size", 5.5),
            ("api_url", "api.osf.io/v2"),
            ("files_url", "ftp://files.osf.io"),
            ("api_url", "http://"),
        ],
    )
    def test_a_value_of_the_wrong_kind_names_its_argument(self, name, value):
        with pytest.raises(ValueError, match=f"^{name}: "):
            Config.resolve(**{name: value})

    def test_a_value_of_the_wrong_kind_names_its_variable(self, monkeypatch):
        monkeypatch.setenv("OSF_MAX_REQUESTS", "many")
        with pytest.raises(ValueError, match=r"^OSF_MAX_REQUESTS: "):
            Config.resolve()

    @pytest.mark.parametrize("name", ["timeout", "upload_timeout", "max_wait"])
    def test_a_limit_that_is_no_number_is_refused(self, name):
        with pytest.raises(ValueError, match=name):
            Config.resolve(**{name: "nan"})

    @pytest.mark.parametrize("value", [float("inf"), "inf", "1e400"])
    def test_silence_has_an_end(self, value):
        with pytest.raises(ValueError, match=r"^timeout is inf"):
            Config.resolve(timeout=value)

    @pytest.mark.parametrize("name", ["upload_timeout", "max_wait"])
    def test_other_waiting_may_be_without_end(self, name):
        assert getattr(Config.resolve(**{name: "inf"}), name) == float("inf")

    def test_an_empty_ssl_verify_does_not_switch_verification_off(self):
        with pytest.raises(ValueError, match="ssl_verify"):
            Config.resolve(ssl_verify="")


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            (7, 7),
            ("7", 7),
            ("7B", 7),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("5MB", 5 * MIB),
            ("5 MiB", 5 * MIB),
            (" 1.5m ", 3 * MIB // 2),
            ("2G", 2048 * MIB),
            ("1gib", 1024 * MIB),
        ],
    )
    def test_sizes_have_units_of_1024(self, text, size):
        assert parse_size(text) == size

    @pytest.mark.parametrize("text", ["", "MB", "-5", "5TB", "1e6", "5 5", "0x10", "5MBit"])
    def test_what_is_no_size_is_said_to_be_none(self, text):
        with pytest.raises(ValueError, match="is not a size"):
            parse_size(text)

    @pytest.mark.parametrize("text", ["1", "true", "YES", " on ", True])
    def test_yes_in_many_words(self, text):
        assert parse_bool(text) is True

    @pytest.mark.parametrize("text", ["0", "False", "no", "OFF", False])
    def test_no_in_many_words(self, text):
        assert parse_bool(text) is False

    def test_what_is_no_switch_is_said_to_be_none(self):
        with pytest.raises(ValueError, match="'maybe' is not a switch"):
            parse_bool("maybe")


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        Config().timeout = 3


def test_settings_pickle():
    config = Config.resolve(timeout=3, ssl_verify="/ca.pem")
    assert pickle.loads(pickle.dumps(config)) == config
