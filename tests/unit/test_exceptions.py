"""Errors: what they are, what they say, and that they survive a process boundary."""

from __future__ import annotations

import copy
import errno
import pickle

import pytest

import dvc_osf
from dvc_osf import exceptions
from dvc_osf.exceptions import (
    OSFAuthenticationError,
    OSFCertificateError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFIntegrityError,
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFPathError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
    error_for_status,
)
from dvc_osf.models import Entity
from dvc_osf.readings import FileExistsConflictError

KINDS = [
    (OSFPathError, ValueError, None),
    (OSFNotFoundError, FileNotFoundError, errno.ENOENT),
    (OSFIsADirectoryError, IsADirectoryError, errno.EISDIR),
    (OSFPermissionError, PermissionError, errno.EACCES),
    (OSFAuthenticationError, PermissionError, errno.EACCES),
    (OSFFileLockedError, PermissionError, errno.EACCES),
    (OSFVersionConflictError, FileExistsError, errno.EEXIST),
    (FileExistsConflictError, FileExistsError, errno.EEXIST),
    (OSFQuotaExceededError, OSError, errno.ENOSPC),
    (OSFRateLimitError, OSError, errno.EBUSY),
    (OSFServerError, OSError, errno.EIO),
    (OSFIntegrityError, OSError, errno.EIO),
    (OSFConnectionError, ConnectionError, None),
    (OSFCertificateError, ConnectionError, None),
    (OSFTimeoutError, TimeoutError, errno.ETIMEDOUT),
]
DETAILS = {
    "path": "abc12/osfstorage/a.txt",
    "operation": "put_file",
    "status": 503,
    "request_id": "r-1",
    "bytes_uploaded": 7,
    "total_size": 9,
    "chunk_size": 4,
    "attempts": 3,
    "hint": "Do this",
}


class TestKinds:
    @pytest.mark.parametrize(("cls", "builtin", "code"), KINDS)
    def test_each_is_the_builtin_that_callers_of_fsspec_catch(self, cls, builtin, code):
        error = cls("message")
        assert isinstance(error, builtin)
        assert isinstance(error, OSFException)
        assert getattr(error, "errno", None) == code

    def test_all_of_them_are_exported_from_the_package(self):
        own = {name for name in exceptions.__all__ if name.startswith("OSF")}
        assert own <= set(dvc_osf.__all__)
        assert all(getattr(dvc_osf, name) is getattr(exceptions, name) for name in own)

    def test_a_locked_file_and_a_bad_token_are_permission_errors_of_the_osf(self):
        assert issubclass(OSFFileLockedError, OSFPermissionError)
        assert issubclass(OSFAuthenticationError, OSFPermissionError)
        assert issubclass(OSFCertificateError, OSFConnectionError)

    def test_an_os_error_of_another_kind_does_not_become_one_of_ours(self):
        assert type(OSFServerError("x")) is OSFServerError


class TestDetails:
    @pytest.mark.parametrize("cls", [kind[0] for kind in KINDS])
    def test_every_detail_can_be_read(self, cls):
        error = cls("message", **DETAILS)
        assert {name: getattr(error, name) for name in DETAILS} == DETAILS
        assert error.message == "message"

    @pytest.mark.parametrize("cls", [kind[0] for kind in KINDS])
    def test_details_that_are_not_given_are_none(self, cls):
        error = cls()
        for name in set(DETAILS) - {"hint"}:
            assert getattr(error, name) is None

    def test_the_message_tells_all(self):
        text = str(OSFServerError("the OSF failed", **DETAILS))
        assert text == (
            "put_file osf://abc12/osfstorage/a.txt: the OSF failed (HTTP 503, chunk 2 of 3, 7 of 9 "
            "bytes uploaded, 3 attempts, request id r-1). Do this"
        )

    def test_what_is_not_known_is_not_said(self):
        assert str(OSFException("it broke")) == "it broke"
        assert str(OSFException("it broke", operation="ls")) == "ls: it broke"
        assert str(OSFException("it broke", path="abc12")) == "osf://abc12: it broke"

    def test_a_path_does_nothing_to_a_terminal(self):
        text = str(OSFException("x", path="abc12/osfstorage/a\nb\x1b[31mc\u202ed é"))
        assert text.isprintable()
        assert "a\\nb\\x1b[31mc\\u202ed é" in text

    def test_nothing_uploaded_is_said(self):
        assert "0 of 9 bytes uploaded" in str(OSFException("x", bytes_uploaded=0, total_size=9))

    @pytest.mark.parametrize(("uploaded", "chunk"), [(0, 1), (3, 1), (4, 2), (8, 3), (9, 3)])
    def test_the_chunk_that_was_being_sent_is_counted_from_one(self, uploaded, chunk):
        error = OSFException("x", bytes_uploaded=uploaded, total_size=9, chunk_size=4)
        assert (error.chunk, error.chunks) == (chunk, 3)
        assert f"chunk {chunk} of 3, {uploaded} of 9 bytes uploaded" in str(error)

    def test_chunks_of_an_upload_that_fits_them_exactly(self):
        error = OSFException("x", bytes_uploaded=8, total_size=8, chunk_size=4)
        assert (error.chunk, error.chunks) == (2, 2)

    @pytest.mark.parametrize("known", [{}, {"total_size": 9}, {"bytes_uploaded": 3}])
    def test_where_no_byte_was_counted_no_chunk_is(self, known):
        error = OSFException("x", chunk_size=4, **known)
        assert error.chunk is None
        assert "chunk" not in str(error)

    def test_one_attempt_is_not_worth_a_word(self):
        assert "attempt" not in str(OSFException("x", attempts=1))

    @pytest.mark.parametrize(
        ("cls", "advice"),
        [
            (OSFPathError, "osf://<project>"),
            (OSFNotFoundError, "Check the path"),
            (OSFIsADirectoryError, "recursive=True"),
            (OSFPermissionError, "osf.full_write"),
            (OSFAuthenticationError, "OSF_TOKEN"),
            (OSFFileLockedError, "check the file in"),
            (OSFVersionConflictError, "another name"),
            (OSFQuotaExceededError, "settings"),
            (OSFRateLimitError, "max_wait"),
            (OSFServerError, "status.cos.io"),
            (OSFIntegrityError, "again"),
            (OSFConnectionError, "HTTPS_PROXY"),
            (OSFCertificateError, "OSF_SSL_VERIFY"),
            (OSFTimeoutError, "upload_timeout"),
        ],
    )
    def test_each_says_what_to_do_next(self, cls, advice):
        assert advice in str(cls("message"))

    def test_an_integrity_error_says_what_was_wanted_and_what_came(self):
        error = OSFIntegrityError(expected="aa", actual="bb", path="abc12")
        assert (error.expected, error.actual) == ("aa", "bb")
        assert "checksums differ: expected aa, got bb" in str(error)

    def test_an_integrity_error_without_checksums_is_possible(self):
        error = OSFIntegrityError("too short")
        assert (error.expected, error.actual, error.message) == (None, None, "too short")


class TestPickling:
    @pytest.mark.parametrize("cls", [OSFException, *(kind[0] for kind in KINDS)])
    @pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
    def test_an_error_arrives_in_another_process_as_it_was(self, cls, again):
        error = cls("message", **DETAILS)
        twin = again(error)
        assert type(twin) is cls
        assert str(twin) == str(error)
        assert twin.__dict__ == error.__dict__
        assert twin.args == error.args
        assert getattr(twin, "errno", None) == getattr(error, "errno", None)

    def test_an_integrity_error_keeps_both_checksums_and_says_them_once(self):
        error = OSFIntegrityError("MD5", expected="aa", actual="bb", path="abc12")
        twin = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))
        assert (twin.expected, twin.actual) == ("aa", "bb")
        assert str(twin) == str(error)
        assert str(twin).count("expected aa") == 1

    def test_a_conflict_keeps_the_file_that_exists(self):
        error = FileExistsConflictError("exists", status=409)
        error.existing = Entity(id="1", kind="file", name="a", size=3)
        assert pickle.loads(pickle.dumps(error)).existing == error.existing


class TestStatusTable:
    @pytest.mark.parametrize(
        ("status", "cls"),
        [
            (400, OSFServerError),
            (401, OSFAuthenticationError),
            (403, OSFPermissionError),
            (404, OSFNotFoundError),
            (405, OSFPermissionError),
            (501, OSFServerError),
            (408, OSFTimeoutError),
            (409, OSFVersionConflictError),
            (410, OSFNotFoundError),
            (411, OSFServerError),
            (413, OSFQuotaExceededError),
            (423, OSFFileLockedError),
            (429, OSFRateLimitError),
            (500, OSFServerError),
            (502, OSFServerError),
            (503, OSFServerError),
            (504, OSFTimeoutError),
            (507, OSFQuotaExceededError),
            (599, OSFServerError),
        ],
    )
    def test_each_status_has_its_error(self, status, cls):
        error = error_for_status(status, "words", path="abc12", operation="ls")
        assert type(error) is cls
        assert error.status == status
        assert (error.path, error.operation) == ("abc12", "ls")
        assert f"words (HTTP {status})" in str(error)

    @pytest.mark.parametrize("status", [413, 507])
    def test_a_full_project_links_to_its_settings(self, status):
        error = error_for_status(status, "full", project="abc12")
        assert "https://osf.io/abc12/settings/" in str(error)

    @pytest.mark.parametrize("status", [413, 507])
    def test_a_full_project_of_unknown_name_still_gets_advice(self, status):
        assert "settings page" in str(error_for_status(status, "full"))

    def test_other_errors_get_no_link_to_the_settings(self):
        assert "settings/" not in error_for_status(404, "gone", project="abc12").hint

    @pytest.mark.parametrize("case", ["checked_out_put", "checked_out_move"])
    def test_a_checked_out_file_is_locked_in_the_words_of_the_real_osf(self, recorded, case):
        answer = recorded("errors")[case]
        error = error_for_status(answer["status"], answer["body"]["message_long"])
        assert type(error) is OSFFileLockedError
        assert error.status == answer["status"]

    @pytest.mark.parametrize("case", ["forbidden", "v2_no_scope"])
    def test_other_refusals_are_not_taken_for_a_lock(self, recorded, case):
        body = recorded("errors")[case]["body"]
        words = body.get("message_long") or body["errors"][0]["detail"]
        assert type(error_for_status(403, words)) is OSFPermissionError

    def test_only_a_refusal_can_be_a_lock(self):
        assert type(error_for_status(500, "the file is checked out")) is OSFServerError

    def test_a_bad_request_is_not_blamed_on_the_servers_health(self):
        assert "status.cos.io" not in str(error_for_status(400, "Invalid path '/' specified"))
