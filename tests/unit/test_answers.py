"""What the OSF's refusals mean, in every shape in which it words them."""

from __future__ import annotations

import json

import pytest

from dvc_osf.answers import range_start, read_error, unreadable, words_of
from dvc_osf.exceptions import (
    OSFAuthenticationError,
    OSFFileLockedError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFServerError,
)
from dvc_osf.messages import Answer
from dvc_osf.retry import is_transient

TOKEN = "sEcReT0123"
PLACE = "abc12/osfstorage/a.txt"


def error_of(status, body=b"", token=None, **facts):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = facts.pop("headers", {})
    return read_error(Answer(status, headers, content, **facts), token, "rm", PLACE, "abc12")


class TestWords:
    @pytest.mark.parametrize(
        ("case", "words"),
        [
            ("quota", "The quota on this osfstorage project has been exceeded"),
            ("checked_out_put", "File cannot be updated due to checkout status"),
            ("checked_out_move", "Cannot move file as it is checked out"),
            ("forbidden", "You do not have permission to perform this action"),
            ("v2_bad_token", "User provided an invalid OAuth2 access token"),
            ("v2_anonymous", "Authentication credentials were not provided"),
            ("v2_no_scope", "The user has not authorized access to this view"),
            ("v2_not_found", "Not found"),
            ("rate_limit", "API rate-limiting active due to too many requests"),
            ("wb_folder_not_found", "The requested resource could not be found"),
            ("unable_to_resolve", "OSF was unable to resolve your request"),
            ("deleted_project", "The requested node is no longer available"),
            ("dot_name", "Invalid path '/' specified"),
        ],
    )
    def test_a_real_osfs_message_is_found_without_its_mail_address(self, recorded, case, words):
        assert words_of(json.dumps(recorded("errors")[case]["body"]).encode()) == words

    @pytest.mark.parametrize("case", ["corrupt_file", "bad_version"])
    def test_a_message_that_is_only_the_mail_address_gives_way_to_the_short_one(
        self, recorded, case
    ):
        assert words_of(json.dumps(recorded("errors")[case]["body"]).encode()) == "Bad request"

    def test_several_errors_of_api_v2_are_joined(self):
        body = {"errors": [{"detail": "One."}, {"detail": "Two."}, {}, "odd"]}
        assert words_of(json.dumps(body).encode()) == "One.; Two"

    @pytest.mark.parametrize(
        "content",
        [b"", b"<html>Bad Gateway</html>", b"null", b"[]", b"7", b"{}", b'{"errors": []}', b"\xff"],
    )
    def test_where_there_is_none_there_is_none(self, content):
        assert words_of(content) == ""

    @pytest.mark.parametrize(
        "content", [b'{"errors": null}', b'{"message": {"a": 1}}', b'{"errors": {}}']
    )
    def test_an_unknown_shape_does_no_harm(self, content):
        assert isinstance(words_of(content), str)


class TestErrors:
    @pytest.mark.parametrize(
        ("case", "cls"),
        [
            ("quota", OSFQuotaExceededError),
            ("checked_out_put", OSFFileLockedError),
            ("checked_out_move", OSFFileLockedError),
            ("forbidden", OSFPermissionError),
            ("v2_bad_token", OSFAuthenticationError),
            ("v2_anonymous", OSFAuthenticationError),
            ("v2_no_scope", OSFPermissionError),
            ("v2_not_found", OSFNotFoundError),
            ("deleted_project", OSFNotFoundError),
            ("unable_to_resolve", OSFServerError),
        ],
    )
    def test_a_real_osfs_refusal_is_the_error_that_it_means(self, recorded, case, cls):
        answer = recorded("errors")[case]
        assert type(error_of(answer["status"], answer["body"])) is cls

    def test_everything_that_is_known_goes_into_the_error(self):
        error = error_of(
            503,
            {"message": "later"},
            headers={"X-Waterbutler-Request-Id": "r-1"},
            bytes_sent=3,
            bytes_to_send=9,
        )
        assert (error.operation, error.path, error.status) == ("rm", PLACE, 503)
        assert (error.request_id, error.bytes_uploaded, error.total_size) == ("r-1", 3, 9)
        assert error.message == "later"

    @pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>"])
    def test_a_gateways_page_is_not_quoted(self, body):
        assert error_of(502, body).message == "the OSF refused or failed"

    def test_a_token_that_the_server_repeats_is_blotted_out(self):
        error = error_of(400, {"message": f"what is {TOKEN}?"}, token=TOKEN)
        assert TOKEN not in str(error)
        assert "***" in error.message

    def test_a_refused_token_is_said_to_be_refused(self):
        assert "does not accept the token" in error_of(401, b"", token=TOKEN).message
        assert "does not accept the token" not in error_of(401, b"").message

    @pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 399])
    def test_a_redirect_where_none_belongs_is_an_error_about_the_address(self, status):
        error = error_of(status)
        assert isinstance(error, OSFServerError)
        assert error.status == status
        assert "OSF_API_URL" in str(error)
        assert not is_transient(error)

    def test_a_full_project_links_to_its_settings(self):
        assert "https://osf.io/abc12/settings/" in str(error_of(507))


class TestUnreadable:
    def test_an_answer_that_cannot_be_read_is_worth_another_try(self):
        answer = Answer(201, {}, b"<html>", bytes_sent=9, bytes_to_send=9)
        error = unreadable(answer, "put_file", PLACE)
        assert isinstance(error, OSFServerError)
        assert is_transient(error)
        assert (error.status, error.bytes_uploaded, error.total_size) == (201, 9, 9)
        assert (error.operation, error.path) == ("put_file", PLACE)
        assert "OSF_API_URL" in str(error)


class TestRanges:
    def test_the_range_that_was_asked_for_is_accepted(self):
        assert range_start("bytes 5-9/15", 5, PLACE, "read") == 5
        assert range_start("bytes 0-0/*", 0, PLACE, "read") == 0

    @pytest.mark.parametrize(
        ("header", "first"),
        [
            ("bytes 0-9/15", 5),
            ("bytes 50-59/65", 5),
            ("bytes */15", 5),
            ("5-9/15", None),
            ("bytes 0-9/15", None),
            ("items 5-9/15", 5),
            ("bytes -9/15", 5),
            ("", 5),
            (None, 5),
        ],
    )
    def test_another_one_is_an_error_worth_another_try(self, header, first):
        with pytest.raises(OSFServerError, match="the files host sent the range") as caught:
            range_start(header, first, PLACE, "read")
        assert is_transient(caught.value)
        assert caught.value.path == PLACE
