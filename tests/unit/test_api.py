"""The client: every operation's URL, answer and error, at a server that knows the OSF's words."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from dvc_osf.answers import announced_length
from dvc_osf.api import OSFAPIClient
from dvc_osf.auth import TokenSource
from dvc_osf.config import Config
from dvc_osf.exceptions import (
    OSFAuthenticationError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)
from dvc_osf.messages import BytesBody
from dvc_osf.models import Entity, Provider
from dvc_osf.readings import FileExistsConflictError

TOKEN = "sEcReT0123456789"
ROOT = Entity.root()
FOLDER = Entity(id="6b032f1bfbb02c73107f5580", kind="folder", name="d")
FILE = Entity(id="6b032cb7579557bf8f6bd615", kind="file", name="a.txt", size=11, version=3)
PLACE = "abc12/osfstorage/a.txt"
HOME = "/v1/resources/abc12/providers/osfstorage/"


def in_turn(*results):
    """Make a script that gives one answer after the other, the last for ever."""
    left = list(results)

    async def script(exchange):
        await exchange.read_body()
        return left.pop(0) if len(left) > 1 else left[0]

    return script


@pytest.fixture
async def osf_at(serve, clock, stats):
    """Return a coroutine function that makes a client, a provider and the server of both."""
    clients = []

    async def make(script, token=None, view_only=None, **options):
        server = await serve(script)
        config = Config(api_url=f"{server.url}/v2", **options)
        client = OSFAPIClient(token, config, view_only=view_only, stats=stats, clock=clock)
        clients.append(client)
        return client, Provider("abc12", "osfstorage", f"{server.url}{HOME}"), server

    yield make
    for client in clients:
        await client.aclose()


def body(data=b"version one"):
    return lambda: BytesBody(data)


async def upload(client, provider, target=ROOT, name="a.txt", data=b"version one"):
    return await client.upload_file(provider, target, body(data), PLACE, name=name)


async def download(client, provider, file=FILE, **limits):
    async with client.download(provider, file, PLACE, "cat_file", **limits) as (start, pieces, _):
        return start, b"".join([piece async for piece in pieces])


class TestURLs:
    @pytest.mark.parametrize(
        ("operate", "method", "target"),
        [
            (lambda c, p: c.list_folder(p, ROOT, PLACE), "GET", HOME),
            (lambda c, p: c.list_folder(p, FOLDER, PLACE), "GET", f"{HOME}{FOLDER.id}/"),
            (
                lambda c, p: c.create_folder(p, ROOT, "new", PLACE),
                "PUT",
                f"{HOME}?kind=folder&name=new",
            ),
            (
                lambda c, p: c.create_folder(p, FOLDER, "new", PLACE),
                "PUT",
                f"{HOME}{FOLDER.id}/?kind=folder&name=new",
            ),
            (upload, "PUT", f"{HOME}?kind=file&name=a.txt"),
            (
                lambda c, p: upload(c, p, FOLDER),
                "PUT",
                f"{HOME}{FOLDER.id}/?kind=file&name=a.txt",
            ),
            (lambda c, p: upload(c, p, FILE), "PUT", f"{HOME}{FILE.id}?kind=file"),
            (download, "GET", f"{HOME}{FILE.id}?version=3"),
            (lambda c, p: c.versions(p, FILE, PLACE), "GET", f"{HOME}{FILE.id}?revisions="),
            (lambda c, p: c.delete(p, FILE, PLACE), "DELETE", f"{HOME}{FILE.id}"),
            (lambda c, p: c.delete(p, FOLDER, PLACE), "DELETE", f"{HOME}{FOLDER.id}/"),
            (lambda c, p: c.delete(p, ROOT, PLACE), "DELETE", f"{HOME}?confirm_delete=1"),
            (
                lambda c, p: c.relocate("move", p, FOLDER, p, ROOT, "new", PLACE),
                "POST",
                f"{HOME}{FOLDER.id}/",
            ),
            (
                lambda c, p: c.relocate("copy", p, FILE, p, ROOT, "new", PLACE),
                "POST",
                f"{HOME}{FILE.id}",
            ),
        ],
    )
    async def test_each_operation_is_one_request_to_its_place(
        self, osf_at, operate, method, target
    ):
        client, provider, server = await osf_at(in_turn((418, b"")))
        with pytest.raises(OSFException):
            await operate(client, provider)
        assert [(each.method, each.target) for each in server.requests] == [(method, target)]

    async def test_a_view_only_key_goes_along_everywhere(self, osf_at):
        client, provider, server = await osf_at(in_turn((404, b"")), view_only="k+y&=")
        for operation in (
            client.list_folder(provider, ROOT, PLACE),
            upload(client, provider),
            download(client, provider),
            client.providers("abc12"),
        ):
            with pytest.raises(OSFNotFoundError):
                await operation
        assert server.targets == [
            f"{HOME}?view_only=k%2By%26%3D",
            f"{HOME}?kind=file&name=a.txt&view_only=k%2By%26%3D",
            f"{HOME}{FILE.id}?version=3&view_only=k%2By%26%3D",
            "/v2/nodes/abc12/files/?page[size]=100&view_only=k%2By%26%3D",
            "/v2/registrations/abc12/files/?page[size]=100&view_only=k%2By%26%3D",
        ]

    async def test_every_odd_name_goes_out_so_that_it_comes_back(self, osf_at, recorded):
        names = [
            *recorded("names"),
            "a=b&c",
            "?",
            "a;b",
            "é",
            "e\u0301",
            "%2F",
            "\\",
            "🎉",
            "x" * 1000,
        ]
        client, provider, server = await osf_at(in_turn((418, b"")))
        for name in names:
            for operation in (
                upload(client, provider, name=name),
                client.create_folder(provider, ROOT, name, PLACE),
            ):
                with pytest.raises(OSFException):
                    await operation
        assert len(server.requests) == 2 * len(names)
        for number, target in enumerate(server.targets):
            query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
            assert query == {"kind": ["file", "folder"][number % 2], "name": names[number // 2]}
            assert target.isascii()
            # A raw plus would mean a space to some servers and itself to others.
            assert not set('+ #\\"<>') & set(target)

    async def test_an_id_cannot_bring_a_query_along(self, osf_at):
        client, provider, server = await osf_at(in_turn((204, b"")))
        await client.delete(provider, Entity(id="x?y=1#z%", kind="file", name="a"), PLACE)
        assert server.targets == [f"{HOME}x%3Fy%3D1%23z%25"]

    async def test_ids_of_other_providers_keep_their_slashes(self, osf_at):
        client, provider, server = await osf_at(in_turn((204, b"")))
        await client.delete(provider, Entity(id="d/ä b", kind="file", name="ä b"), PLACE)
        assert server.targets == [f"{HOME}d/%C3%A4%20b"]


class TestListings:
    async def test_a_listing_is_complete_and_has_an_etag(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((200, recorded("listing"), {"ETag": '"e1"'})))
        listing = await client.list_folder(provider, FOLDER, PLACE)
        assert [entity.name for entity in listing.entities][:2] == [
            "with space ü",
            "with space.txt",
        ]
        assert listing.etag == '"e1"'

    async def test_an_empty_folder_has_an_empty_listing(self, osf_at):
        client, provider, _ = await osf_at(in_turn((200, {"data": []})))
        listing = await client.list_folder(provider, FOLDER, PLACE)
        assert (listing.entities, listing.etag) == ((), None)

    async def test_a_long_listing_is_complete(self, osf_at, recorded):
        item = json.dumps(recorded("listing")["data"][1])
        content = json.dumps({"data": [json.loads(item) for _ in range(1200)]}).encode()
        client, provider, server = await osf_at(in_turn((200, content)))
        assert len((await client.list_folder(provider, FOLDER, PLACE)).entities) == 1200
        assert len(server.requests) == 1

    async def test_a_listing_that_still_holds_is_none(self, osf_at):
        client, provider, server = await osf_at(in_turn((304, b"")))
        assert await client.list_folder(provider, FOLDER, PLACE, etag='"e1"') is None
        assert server.requests[0].headers["if-none-match"] == '"e1"'

    async def test_without_an_etag_no_answer_means_that_it_still_holds(self, osf_at):
        client, provider, server = await osf_at(in_turn((304, b"")))
        with pytest.raises(OSFServerError):
            await client.list_folder(provider, FOLDER, PLACE)
        assert "if-none-match" not in server.requests[0].headers

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<html>",
            b"null",
            b"[]",
            b"{}",
            b'{"data": null}',
            b'{"data": {}}',
            b'{"data": "x"}',
        ],
    )
    async def test_a_listing_that_cannot_be_read_is_an_error_not_an_empty_folder(
        self, osf_at, content
    ):
        client, provider, _ = await osf_at(in_turn((200, content)))
        with pytest.raises(OSFServerError, match="cannot be read") as caught:
            await client.list_folder(provider, FOLDER, PLACE)
        assert (caught.value.path, caught.value.operation) == (PLACE, "ls")

    @pytest.mark.parametrize("entry", [None, {}, "x", {"attributes": {"kind": "file"}}])
    async def test_one_entry_that_cannot_be_read_is_an_error_not_a_missing_file(
        self, osf_at, recorded, entry
    ):
        content = recorded("listing")
        content["data"].append(entry)
        client, provider, _ = await osf_at(in_turn((200, content)))
        with pytest.raises(OSFServerError, match="cannot be read") as caught:
            await client.list_folder(provider, FOLDER, PLACE)
        assert (caught.value.path, caught.value.operation) == (PLACE, "ls")

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
    async def test_it_is_asked_for_again_when_the_osf_fails(self, osf_at, stats, status):
        client, provider, server = await osf_at(
            in_turn((status, b""), (status, b""), (200, {"data": []}))
        )
        await client.list_folder(provider, FOLDER, PLACE)
        assert len(server.requests) == 3
        assert stats.retries == 2

    async def test_it_is_asked_for_again_when_the_answer_is_cut_off(self, osf_at):
        async def script(exchange):
            if len(server.requests) == 1:
                await exchange.answer(200, b'{"data": [', length=100)
                exchange.writer.close()
                return None
            return 200, {"data": []}

        client, provider, server = await osf_at(script)
        assert (await client.list_folder(provider, FOLDER, PLACE)).entities == ()
        assert len(server.requests) == 2

    @pytest.mark.parametrize("status", [400, 403, 404, 410])
    async def test_it_is_not_asked_for_again_when_it_is_refused(self, osf_at, status):
        client, provider, server = await osf_at(in_turn((status, b"")))
        with pytest.raises(OSFException) as caught:
            await client.list_folder(provider, FOLDER, PLACE)
        assert caught.value.status == status
        assert len(server.requests) == 1

    async def test_an_osf_that_stays_down_is_an_error(self, osf_at):
        client, provider, server = await osf_at(in_turn((503, b"")), max_retries=2)
        with pytest.raises(OSFServerError) as caught:
            await client.list_folder(provider, FOLDER, PLACE)
        assert len(server.requests) == 3
        assert caught.value.attempts == 3


class TestCreatingFolders:
    async def test_a_folder_is_created_without_a_body(self, osf_at, recorded, stats):
        client, provider, server = await osf_at(in_turn((201, recorded("folder_created"))))
        folder = await client.create_folder(provider, ROOT, "with space ü", PLACE)
        assert (folder.id, folder.is_folder) == ("6b032f1bfbb02c73107f5580", True)
        assert server.requests[0].headers["content-length"] == "0"
        assert stats.requests == {"folder PUT": 1}

    async def test_one_that_exists_is_a_conflict(self, osf_at, recorded):
        client, provider, _ = await osf_at(
            in_turn((409, recorded("errors")["folder_exists"]["body"]))
        )
        with pytest.raises(OSFVersionConflictError) as caught:
            await client.create_folder(provider, ROOT, "d2", PLACE)
        assert caught.value.status == 409

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_it_is_one_attempt(self, osf_at, status):
        client, provider, server = await osf_at(in_turn((status, b"")))
        with pytest.raises((OSFServerError, OSFTimeoutError)):
            await client.create_folder(provider, ROOT, "d", PLACE)
        assert len(server.requests) == 1

    async def test_a_changed_name_is_refused(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((201, recorded("folder_created"))))
        with pytest.raises(OSFServerError, match="instead of ' with space ü'"):
            await client.create_folder(provider, ROOT, " with space ü", PLACE)


class TestUploads:
    @pytest.mark.parametrize("status", [200, 201])
    async def test_a_new_file_is_read_from_the_answer(self, osf_at, recorded, stats, status):
        client, provider, server = await osf_at(in_turn((status, recorded("file_created"))))
        file = await upload(client, provider)
        assert (file.name, file.size, file.version) == ("a.txt", 11, 1)
        assert file.md5 == "5f432711af7ffa8942d5588e21259022"
        assert server.requests[0].body == b"version one"
        assert stats.requests == {"file PUT": 1}

    async def test_a_new_version_is_read_from_the_answer(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((200, recorded("file_updated"))))
        file = await upload(client, provider, FILE, data=b"version two!")
        assert (file.id, file.version) == (FILE.id, 2)

    async def test_the_file_in_the_way_comes_with_the_conflict(self, osf_at, recorded):
        client, provider, server = await osf_at(in_turn((409, recorded("file_conflict"))))
        with pytest.raises(FileExistsConflictError, match="already exists") as caught:
            await upload(client, provider, name="locked.bin")
        assert caught.value.existing.id == "6b0333296c6cc00d84a3f5a9"
        assert caught.value.existing.checkout == "qwmdp"
        assert (caught.value.status, caught.value.path) == (409, PLACE)
        assert isinstance(caught.value, FileExistsError)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b'{"data": {}}', b'{"data": null}'])
    async def test_a_conflict_that_does_not_say_with_what_is_one_all_the_same(
        self, osf_at, content
    ):
        client, provider, _ = await osf_at(in_turn((409, content)))
        with pytest.raises(FileExistsConflictError) as caught:
            await upload(client, provider)
        assert caught.value.existing is None
        assert "exists" in str(caught.value)

    async def test_a_conflict_with_another_name_is_refused(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((409, recorded("file_conflict"))))
        with pytest.raises(OSFServerError, match=r"answered for 'locked\.bin' instead of"):
            await upload(client, provider, name="locked.bin ")

    async def test_a_token_that_a_conflict_repeats_is_not_shown(self, osf_at):
        client, provider, _ = await osf_at(
            in_turn((409, {"message": f"{TOKEN} may not"})), token=TOKEN
        )
        with pytest.raises(FileExistsConflictError) as caught:
            await upload(client, provider)
        assert TOKEN not in str(caught.value)

    async def test_a_file_of_another_name_is_refused(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((201, recorded("file_created"))))
        with pytest.raises(OSFServerError, match=r"answered for 'a\.txt' instead of 'a\.txt '"):
            await upload(client, provider, name="a.txt ")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"data": 7}'])
    async def test_an_answer_that_cannot_be_read_is_an_error(self, osf_at, content):
        client, provider, _ = await osf_at(in_turn((201, content)))
        with pytest.raises(OSFServerError, match="cannot be read") as caught:
            await upload(client, provider)
        assert (caught.value.path, caught.value.operation) == (PLACE, "put_file")

    @pytest.mark.parametrize("status", [409, 500, 502, 503, 504])
    async def test_it_is_one_attempt(self, osf_at, status):
        client, provider, server = await osf_at(in_turn((status, b"")))
        with pytest.raises(OSFException):
            await upload(client, provider)
        assert len(server.requests) == 1

    async def test_a_429_is_waited_for(self, osf_at, recorded, clock):
        client, provider, server = await osf_at(
            in_turn(
                (429, recorded("errors")["rate_limit"]["body"], {"Retry-After": "18"}),
                (201, recorded("file_created")),
            )
        )
        assert (await upload(client, provider)).version == 1
        assert clock.pauses == [18]
        assert [each.body for each in server.requests] == [b"version one"] * 2

    @pytest.mark.parametrize(
        ("case", "cls"),
        [
            ("quota", OSFQuotaExceededError),
            ("checked_out_put", OSFFileLockedError),
            ("wb_folder_not_found", OSFNotFoundError),
            ("unable_to_resolve", OSFServerError),
        ],
    )
    async def test_a_refusal_says_how_far_the_upload_was(self, osf_at, recorded, case, cls):
        answer = recorded("errors")[case]
        client, provider, _ = await osf_at(
            in_turn((answer["status"], answer["body"], {"X-Waterbutler-Request-Id": "r-1"}))
        )
        with pytest.raises(cls) as caught:
            await upload(client, provider)
        error = caught.value
        assert (error.bytes_uploaded, error.total_size) == (11, 11)
        assert (error.path, error.operation) == (PLACE, "put_file")
        assert error.request_id == "r-1"
        if cls is OSFQuotaExceededError:
            assert "https://osf.io/abc12/settings/" in str(error)

    @pytest.mark.parametrize("status", [413, 423])
    async def test_statuses_that_the_osf_does_not_send_have_errors_too(self, osf_at, status):
        client, provider, _ = await osf_at(in_turn((status, b"")))
        with pytest.raises({413: OSFQuotaExceededError, 423: OSFFileLockedError}[status]):
            await upload(client, provider)

    async def test_put_returns_refusals_as_answers(self, osf_at):
        client, provider, server = await osf_at(in_turn((404, b"no")))
        answer = await client.put(provider, ROOT, {"kind": "file"}, "file PUT", "put", PLACE)
        assert (answer.status, answer.content) == (404, b"no")
        assert server.requests[0].headers["content-length"] == "0"


class TestDownloads:
    async def test_a_whole_file_is_streamed(self, osf_at, stats):
        client, provider, server = await osf_at(in_turn((200, b"version one")))
        assert await download(client, provider) == (0, b"version one")
        assert "range" not in server.requests[0].headers
        assert stats.requests == {"download": 1}

    async def test_a_file_without_versions_is_not_pinned(self, osf_at):
        client, provider, server = await osf_at(in_turn((200, b"x")))
        await download(client, provider, Entity(id="f", kind="file", name="f"))
        assert server.targets == [f"{HOME}f"]

    async def test_a_revision_with_a_text_for_a_name_pins_a_file(self, osf_at):
        client, provider, server = await osf_at(in_turn((200, b"x")))
        file = Entity(id="d/ü a", kind="file", name="ü a", revision="01 5f")
        await download(client, provider, file)
        assert server.targets == [f"{HOME}d/%C3%BC%20a?version=01%205f"]

    @pytest.mark.parametrize(
        ("headers", "length"),
        [
            ({"Content-Length": "12"}, 12),
            ({"Content-Length": "12", "Content-Encoding": "identity"}, 12),
            ({"Content-Length": "12", "Content-Encoding": "gzip"}, None),
            ({"Content-Length": "many"}, None),
            ({}, None),
        ],
    )
    def test_a_length_counts_only_where_it_is_that_of_the_content(self, headers, length):
        assert announced_length(headers) == length

    async def test_a_range_is_closed_and_its_place_is_checked(self, osf_at):
        client, provider, server = await osf_at(
            in_turn((206, b"rsion", {"Content-Range": "bytes 2-6/11"}))
        )
        assert await download(client, provider, first=2, last=6) == (2, b"rsion")
        assert server.requests[0].headers["range"] == "bytes=2-6"

    async def test_a_server_that_ignores_the_range_begins_at_the_beginning(self, osf_at):
        client, provider, _ = await osf_at(in_turn((200, b"version one")))
        assert await download(client, provider, first=2, last=6) == (0, b"version one")

    @pytest.mark.parametrize(
        "headers", [{}, {"Content-Range": "bytes 0-4/11"}, {"Content-Range": "nonsense"}]
    )
    async def test_another_range_is_refused(self, osf_at, headers):
        client, provider, _ = await osf_at(in_turn((206, b"versi", headers)))
        with pytest.raises(OSFServerError, match="instead of one from 2"):
            await download(client, provider, first=2, last=6)

    async def test_a_redirect_to_storage_gets_the_range_and_not_the_token(self, osf_at, serve):
        async def store(_exchange):
            return 206, b"rsion", {"Content-Range": "bytes 2-6/11"}

        storage = await serve(store)
        client, provider, server = await osf_at(
            in_turn((302, b"", {"Location": f"{storage.url}/x?sig=a%2Bb"})), token=TOKEN
        )
        assert await download(client, provider, first=2, last=6) == (2, b"rsion")
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert "authorization" not in storage.requests[0].headers
        assert storage.requests[0].headers["range"] == "bytes=2-6"
        assert storage.targets == ["/x?sig=a%2Bb"]

    @pytest.mark.parametrize(
        ("status", "cls"),
        [
            (403, OSFPermissionError),
            (404, OSFNotFoundError),
            (410, OSFNotFoundError),
            (416, OSFServerError),
            (500, OSFServerError),
            (504, OSFTimeoutError),
        ],
    )
    async def test_a_refusal_is_an_error(self, osf_at, status, cls):
        client, provider, server = await osf_at(in_turn((status, {"message": "no"})))
        with pytest.raises(cls, match="no") as caught:
            await download(client, provider)
        assert caught.value.operation == "cat_file"
        assert len(server.requests) == 1

    async def test_a_file_that_the_osf_corrupted_is_an_error(self, osf_at, recorded):
        answer = recorded("errors")["corrupt_file"]
        client, provider, _ = await osf_at(in_turn((answer["status"], answer["body"])))
        with pytest.raises(OSFServerError) as caught:
            await download(client, provider)
        assert caught.value.status == 400

    async def test_a_refusal_that_is_cut_off_is_a_lost_connection(self, osf_at):
        async def script(exchange):
            await exchange.answer(503, b'{"mess', length=100)
            exchange.writer.close()

        client, provider, _ = await osf_at(script)
        with pytest.raises(OSFConnectionError):
            await download(client, provider)

    async def test_a_refusal_that_stops_midway_is_silence(self, osf_at):
        async def script(exchange):
            await exchange.answer(503, b'{"mess', length=100)
            await asyncio.Event().wait()

        client, provider, _ = await osf_at(script, timeout=0.1)
        with pytest.raises(OSFTimeoutError):
            await download(client, provider)

    async def test_refused_downloads_do_not_wait_for_each_other_to_ask_about_the_token(
        self, osf_at, recorded
    ):
        async def script(exchange):
            if exchange.target.startswith("/v2/users/me/"):
                return 401, recorded("errors")["v2_bad_token"]["body"]
            return 403, recorded("errors")["forbidden"]["body"]

        client, provider, _ = await osf_at(script, token=TOKEN, max_requests=2)
        downloads = asyncio.gather(
            *(download(client, provider) for _ in range(2)), return_exceptions=True
        )
        errors = await asyncio.wait_for(downloads, 5)
        assert [type(error) for error in errors] == [OSFAuthenticationError] * 2


class TestVersions:
    async def test_versions_are_listed_newest_first(self, osf_at, recorded, stats):
        client, provider, _ = await osf_at(in_turn((200, recorded("versions"))))
        versions = await client.versions(provider, FILE, PLACE)
        assert [version.number for version in versions] == [2, 1]
        assert stats.requests == {"revisions": 1}

    async def test_a_missing_file_is_an_error(self, osf_at):
        client, provider, _ = await osf_at(in_turn((404, b"")))
        with pytest.raises(OSFNotFoundError):
            await client.versions(provider, FILE, PLACE)

    @pytest.mark.parametrize(
        "content",
        [b"", b"<html>", b"[]", b"{}", b'{"data": null}', b'{"data": [{}]}', b'{"data": [null]}'],
    )
    async def test_versions_that_cannot_be_read_are_an_error_of_ours(self, osf_at, content):
        client, provider, _ = await osf_at(in_turn((200, content)))
        with pytest.raises(OSFServerError) as caught:
            await client.versions(provider, FILE, PLACE)
        assert (caught.value.path, caught.value.operation) == (PLACE, "versions")


class TestRelocation:
    async def relocate(self, client, provider, action="move", **changes):
        target = changes.pop("target", provider)
        folder = changes.pop("folder", FOLDER)
        return await client.relocate(action, provider, FILE, target, folder, "a2.txt", PLACE)

    async def test_the_order_says_all(self, osf_at, recorded):
        client, provider, server = await osf_at(in_turn((201, recorded("file_renamed"))))
        await self.relocate(client, provider)
        (asked,) = server.requests
        assert json.loads(asked.body) == {
            "action": "move",
            "path": f"/{FOLDER.id}/",
            "rename": "a2.txt",
            "conflict": "warn",
            "resource": "abc12",
            "provider": "osfstorage",
        }
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["content-length"] == str(len(asked.body))

    async def test_the_root_and_another_project_can_be_the_target(self, osf_at, recorded):
        client, provider, server = await osf_at(in_turn((201, recorded("file_renamed"))))
        other = Provider("xyz99", "github", "http://elsewhere.test/")
        await self.relocate(client, provider, "copy", target=other, folder=ROOT)
        order = json.loads(server.requests[0].body)
        assert (order["action"], order["path"]) == ("copy", "/")
        assert (order["resource"], order["provider"]) == ("xyz99", "github")

    @pytest.mark.parametrize("status", [200, 201])
    async def test_what_is_there_now_is_returned(self, osf_at, recorded, stats, status):
        client, provider, _ = await osf_at(in_turn((status, recorded("file_renamed"))))
        file = await self.relocate(client, provider)
        assert (file.id, file.name) == ("6b0330c424b18268fea3f550", "a2.txt")
        assert stats.requests == {"move": 1}

    async def test_an_osf_that_goes_on_working_returns_nothing(self, osf_at):
        client, provider, _ = await osf_at(in_turn((202, b"")))
        assert await self.relocate(client, provider) is None

    async def test_something_in_the_way_is_a_conflict(self, osf_at, recorded):
        client, provider, _ = await osf_at(in_turn((409, recorded("rename_conflict"))))
        with pytest.raises(OSFVersionConflictError, match="already exists"):
            await self.relocate(client, provider)

    async def test_a_checked_out_file_is_locked(self, osf_at, recorded):
        client, provider, _ = await osf_at(
            in_turn((405, recorded("errors")["checked_out_move"]["body"]))
        )
        with pytest.raises(OSFFileLockedError):
            await self.relocate(client, provider)

    async def test_it_is_one_attempt(self, osf_at):
        client, provider, server = await osf_at(in_turn((503, b"")))
        with pytest.raises(OSFServerError):
            await self.relocate(client, provider)
        assert len(server.requests) == 1


class TestDeletion:
    async def test_what_is_deleted_is_gone(self, osf_at, stats):
        client, provider, server = await osf_at(in_turn((204, b"")))
        await client.delete(provider, FILE, PLACE)
        assert server.methods == ["DELETE"]
        assert stats.requests == {"delete": 1}

    @pytest.mark.parametrize("status", [404, 410])
    async def test_what_was_gone_before_is_not_found(self, osf_at, status):
        client, provider, _ = await osf_at(in_turn((status, b"")))
        with pytest.raises(OSFNotFoundError):
            await client.delete(provider, FILE, PLACE)

    @pytest.mark.parametrize("first", [500, 502, 503, 504])
    @pytest.mark.parametrize("second", [204, 404, 410])
    async def test_after_a_failure_gone_is_what_was_wanted(self, osf_at, first, second):
        client, provider, server = await osf_at(in_turn((first, b""), (second, b"")))
        await client.delete(provider, FILE, PLACE)
        assert server.methods == ["DELETE", "DELETE"]

    async def test_after_a_lost_answer_gone_is_what_was_wanted(self, osf_at):
        async def script(exchange):
            if len(server.requests) == 1:
                exchange.reset()
                return None
            return 404, b""

        client, provider, server = await osf_at(script)
        await client.delete(provider, FILE, PLACE)
        assert server.methods == ["DELETE", "DELETE"]

    async def test_a_refusal_is_final(self, osf_at, recorded):
        client, provider, server = await osf_at(
            in_turn((403, recorded("errors")["forbidden"]["body"]))
        )
        with pytest.raises(OSFPermissionError, match="You do not have permission"):
            await client.delete(provider, FILE, PLACE)
        assert len(server.requests) == 1


class TestRefusals:
    @staticmethod
    def files_refuse(recorded, me, case="forbidden"):
        """Make a script in which the files host says 403 and API v2 knows the token, or not."""

        async def script(exchange):
            if exchange.target.startswith("/v2/users/me/"):
                return me
            answer = recorded("errors")[case]
            return answer["status"], answer["body"]

        return script

    async def test_a_403_with_a_valid_token_is_about_rights(self, osf_at, recorded):
        client, provider, server = await osf_at(
            self.files_refuse(recorded, (200, {"data": {}})), token=TOKEN
        )
        with pytest.raises(OSFPermissionError, match="You do not have permission") as caught:
            await upload(client, provider)
        assert type(caught.value) is OSFPermissionError
        assert caught.value.status == 403
        assert server.targets[1:] == ["/v2/users/me/"]

    async def test_a_403_with_a_bad_token_is_about_the_token(self, osf_at, recorded):
        me = recorded("errors")["v2_bad_token"]
        client, provider, _ = await osf_at(
            self.files_refuse(recorded, (me["status"], me["body"])), token=TOKEN
        )
        with pytest.raises(OSFAuthenticationError, match="does not accept the token") as caught:
            await upload(client, provider)
        error = caught.value
        assert error.status == 401
        assert (error.path, error.operation) == (PLACE, "put_file")
        assert "https://osf.io/settings/tokens" in str(error)
        assert TOKEN not in str(error)

    async def test_a_403_about_the_token_says_how_far_the_upload_was(self, osf_at, recorded):
        me = recorded("errors")["v2_bad_token"]
        client, provider, _ = await osf_at(
            self.files_refuse(recorded, (me["status"], me["body"])), token=TOKEN
        )
        with pytest.raises(OSFAuthenticationError) as caught:
            await upload(client, provider)
        assert (caught.value.bytes_uploaded, caught.value.total_size) == (11, 11)

    async def test_a_403_without_a_token_says_that_there_is_none(self, osf_at, recorded):
        client, provider, server = await osf_at(self.files_refuse(recorded, None))
        with pytest.raises(OSFPermissionError, match="There is no token") as caught:
            await upload(client, provider)
        assert "OSF_TOKEN" in str(caught.value)
        assert len(server.requests) == 1

    async def test_a_lock_is_a_lock_without_asking(self, osf_at, recorded):
        client, provider, server = await osf_at(
            self.files_refuse(recorded, None, "checked_out_put"), token=TOKEN
        )
        with pytest.raises(OSFFileLockedError):
            await upload(client, provider)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("me", [(403, b""), (404, b""), (429, b"", {"Retry-After": "9999"})])
    async def test_where_asking_does_not_help_the_refusal_stands(self, osf_at, recorded, me):
        client, provider, _ = await osf_at(self.files_refuse(recorded, me), token=TOKEN)
        with pytest.raises(OSFPermissionError, match="You do not have permission") as caught:
            await upload(client, provider)
        assert type(caught.value) is OSFPermissionError

    async def test_where_asking_fails_the_refusal_stands(self, osf_at, recorded):
        client, provider, _ = await osf_at(
            self.files_refuse(recorded, (500, b"")), token=TOKEN, max_retries=1
        )
        with pytest.raises(OSFPermissionError, match="You do not have permission"):
            await upload(client, provider)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_a_redirect_is_not_followed_but_for_downloads(self, osf_at, serve, status):
        elsewhere = await serve(in_turn((200, {"data": []})))
        client, provider, _ = await osf_at(
            in_turn((status, b"", {"Location": elsewhere.url})), token=TOKEN
        )
        for operation in (
            client.list_folder(provider, ROOT, PLACE),
            client.create_folder(provider, ROOT, "d", PLACE),
            upload(client, provider),
            client.versions(provider, FILE, PLACE),
            client.delete(provider, FILE, PLACE),
            client.providers("abc12"),
            client.token_is_valid(),
        ):
            with pytest.raises(OSFServerError, match="redirects where it should answer"):
                await operation
        assert elsewhere.requests == []

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ({"code": 400, "message": "Kind must be file"}, "Kind must be file"),
            (
                {"message_short": "Bad request", "message_long": "It was bad.", "code": 400},
                "It was bad",
            ),
            ({"errors": [{"detail": "Invalid page."}]}, "Invalid page"),
            (b"<html><h1>Bad</h1></html>", "the OSF refused or failed"),
        ],
    )
    async def test_each_shape_of_error_is_quoted(self, osf_at, content, words):
        client, provider, _ = await osf_at(in_turn((400, content)))
        with pytest.raises(OSFServerError, match=words):
            await client.list_folder(provider, ROOT, PLACE)


class TestToken:
    async def test_no_token_is_valid_without_asking(self, osf_at):
        client, _, server = await osf_at(in_turn((200, b"{}")))
        assert await client.token_is_valid() is True
        assert server.requests == []

    @pytest.mark.parametrize(("status", "valid"), [(200, True), (401, False), (403, True)])
    async def test_api_v2_is_asked(self, osf_at, status, valid):
        client, _, server = await osf_at(in_turn((status, b"{}")), token=TOKEN)
        assert await client.token_is_valid() is valid
        assert server.targets == ["/v2/users/me/"]
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"

    async def test_an_osf_that_is_down_is_not_a_bad_token(self, osf_at):
        client, _, _ = await osf_at(in_turn((503, b"")), token=TOKEN, max_retries=0)
        with pytest.raises(OSFServerError):
            await client.token_is_valid()

    async def test_a_source_of_tokens_will_do(self, serve, clock):
        server = await serve(in_turn((200, b"{}")))
        source = TokenSource(TOKEN)
        async with OSFAPIClient(source, Config(api_url=server.url), clock=clock) as client:
            assert await client.token_is_valid()
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"

    async def test_the_environments_token_is_used(self, serve, monkeypatch):
        monkeypatch.setenv("OSF_TOKEN", TOKEN)
        server = await serve(in_turn((200, b"{}")))
        monkeypatch.setenv("OSF_API_URL", f"{server.url}/v2/")
        async with OSFAPIClient() as client:
            assert await client.token_is_valid()
        assert server.targets == ["/v2/users/me/"]

    async def test_no_error_shows_it(self, osf_at):
        async def script(exchange):
            await exchange.read_body()
            words = f"token {exchange.headers['authorization']}"
            status = 500 + len(server.requests) % 4
            return status, {"message": words, "errors": [{"detail": words}]}

        client, provider, server = await osf_at(script, token=TOKEN, max_retries=1)
        for operation in (
            client.list_folder(provider, ROOT, PLACE),
            client.create_folder(provider, ROOT, "d", PLACE),
            upload(client, provider),
            download(client, provider),
            client.versions(provider, FILE, PLACE),
            client.delete(provider, FILE, PLACE),
            client.providers("abc12"),
        ):
            with pytest.raises(OSFException) as caught:
                await operation
            for error in (caught.value, caught.value.__cause__, caught.value.__context__):
                assert TOKEN not in f"{error} {error!r}"


class TestProviders:
    @pytest.fixture
    def known(self, recorded):
        """Return the answer that names the providers of a project, served by some host."""

        def answer(files_url, *names):
            found = recorded("providers", WB=files_url, API="http://api.test")
            (item,) = found["data"]
            for name in names:
                text = json.dumps(item).replace("osfstorage", name)
                found["data"].append(json.loads(text))
            return found

        return answer

    async def test_they_are_asked_for_once(self, osf_at, known, stats):
        async def script(_exchange):
            return 200, known(server.url, "github")

        client, _, server = await osf_at(script)
        assert set(await client.providers("63bkf")) == {"osfstorage", "github"}
        provider = await client.provider("63bkf", "github")
        assert provider == Provider(
            "63bkf", "github", f"{server.url}/v1/resources/63bkf/providers/github/"
        )
        assert server.targets == ["/v2/nodes/63bkf/files/?page[size]=100"]
        assert stats.requests == {"api": 1}

    async def test_concurrent_callers_share_one_request(self, osf_at, known):
        async def script(_exchange):
            return 200, known(server.url)

        client, _, server = await osf_at(script)
        providers = await asyncio.gather(
            *(client.provider("63bkf", "osfstorage") for _ in range(10))
        )
        assert len(set(providers)) == 1
        assert len(server.requests) == 1

    async def test_projects_are_told_apart(self, osf_at, known):
        async def script(_exchange):
            return 200, known(server.url)

        client, _, server = await osf_at(script)
        await asyncio.gather(client.providers("63bkf"), client.providers("abc12"))
        assert len(server.requests) == 2

    async def test_a_caller_that_is_cancelled_does_not_take_the_answer_from_others(
        self, osf_at, known, until
    ):
        release = asyncio.Event()

        async def script(_exchange):
            await release.wait()
            return 200, known(server.url)

        client, _, server = await osf_at(script)
        one, other = (asyncio.ensure_future(client.providers("63bkf")) for _ in range(2))
        await until(lambda: server.open == 1)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        release.set()
        assert await other
        assert len(server.requests) == 1

    async def test_a_failure_is_not_remembered(self, osf_at, known):
        async def script(_exchange):
            return (404, b"") if len(server.requests) <= 2 else (200, known(server.url))

        client, _, server = await osf_at(script)
        with pytest.raises(OSFNotFoundError):
            await client.providers("63bkf")
        assert await client.providers("63bkf")

    async def test_a_project_without_that_provider_says_which_it_has(self, osf_at, known):
        async def script(_exchange):
            return 200, known(server.url, "github")

        client, _, server = await osf_at(script)
        with pytest.raises(OSFNotFoundError, match="no storage provider 's3'") as caught:
            await client.provider("63bkf", "s3", "ls")
        assert "It has: github, osfstorage" in str(caught.value)
        assert caught.value.path == "63bkf/s3"

    async def test_a_project_without_any_says_so(self, osf_at):
        client, _, _ = await osf_at(in_turn((200, {"data": []})))
        with pytest.raises(OSFNotFoundError, match="It has: none"):
            await client.provider("63bkf", "osfstorage")

    async def test_a_registration_is_found_where_registrations_are(self, osf_at, known):
        async def script(exchange):
            if exchange.target.startswith("/v2/registrations/63bkf/files/"):
                return 200, known(server.url)
            return 404, b""

        client, _, server = await osf_at(script)
        assert set(await client.providers("63bkf")) == {"osfstorage"}
        assert len(server.requests) == 2

    async def test_a_project_that_is_nowhere_is_not_found(self, osf_at, recorded):
        answer = recorded("errors")["v2_not_found"]
        client, _, _ = await osf_at(in_turn((answer["status"], answer["body"])))
        with pytest.raises(OSFNotFoundError, match="ls osf://zzzzz: Not found") as caught:
            await client.providers("zzzzz")
        assert caught.value.path == "zzzzz"

    async def test_a_deleted_project_is_not_looked_for_elsewhere(self, osf_at, recorded):
        answer = recorded("errors")["deleted_project"]
        client, _, server = await osf_at(in_turn((answer["status"], answer["body"])))
        with pytest.raises(OSFNotFoundError, match="no longer available"):
            await client.providers("63bkf")
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("case", "token", "cls", "words"),
        [
            ("v2_anonymous", None, OSFAuthenticationError, "credentials were not provided"),
            ("v2_bad_token", TOKEN, OSFAuthenticationError, "does not accept the token"),
            ("v2_no_scope", TOKEN, OSFPermissionError, "has not authorized access"),
        ],
    )
    async def test_a_refusal_says_why(self, osf_at, recorded, case, token, cls, words):
        answer = recorded("errors")[case]
        client, _, server = await osf_at(in_turn((answer["status"], answer["body"])), token=token)
        with pytest.raises(cls, match=words) as caught:
            await client.providers("63bkf", "get_file")
        assert caught.value.operation == "get_file"
        assert len(server.requests) == 1

    async def test_an_untrusted_files_host_is_refused_and_hears_nothing(self, osf_at, known, serve):
        elsewhere = await serve(in_turn((200, {"data": []})))
        host = elsewhere.url.replace("127.0.0.1", "localhost")

        async def script(_exchange):
            return 200, known(host)

        client, _, _ = await osf_at(script, token=TOKEN)
        with pytest.raises(OSFServerError, match="the token was not sent there") as caught:
            await client.provider("63bkf", "osfstorage", "cat_file")
        assert "cat_file osf://63bkf" in str(caught.value)
        assert "files_url" in str(caught.value)
        assert host in str(caught.value)
        assert elsewhere.requests == []

    async def test_a_files_host_that_the_user_named_is_trusted(self, osf_at, known):
        async def script(_exchange):
            return 200, known("https://files.osf.io")

        client, _, _ = await osf_at(script, files_url="http://localhost:7777")
        provider = await client.provider("63bkf", "osfstorage")
        assert provider.root_url == (
            "http://localhost:7777/v1/resources/63bkf/providers/osfstorage/"
        )

    async def test_links_lead_only_to_the_host_not_to_a_place(self, osf_at, known):
        async def script(_exchange):
            found = known(server.url)
            found["data"][0]["links"]["upload"] = f"{server.url}/v1/resources/evil1/x/?a=b"
            return 200, found

        client, _, server = await osf_at(script)
        provider = await client.provider("63bkf", "osfstorage")
        assert provider.root_url == f"{server.url}/v1/resources/63bkf/providers/osfstorage/"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<html>",
            b"null",
            b"[]",
            b"7",
            b"{}",
            b'{"data": 7}',
            b'{"data": null}',
            b'{"data": [7]}',
            b'{"data": [{}]}',
            b'{"data": {"a": 1}}',
            b'{"data": [{"attributes": {"provider": "x"}}]}',
            b'{"data": [{"attributes": {"provider": "x"}, "links": {"upload": null}}]}',
            b'{"data": [{"attributes": {"provider": "x"}, "links": {"upload": "http://[x"}}]}',
            b'{"data": [{"attributes": {"provider": null}, "links": {"upload": "http://x"}}]}',
        ],
    )
    async def test_what_is_no_api_v2_is_said_to_be_none(self, osf_at, content):
        client, _, _ = await osf_at(in_turn((200, content)))
        with pytest.raises(OSFServerError):
            await client.providers("63bkf")

    async def test_an_address_that_is_not_the_osfs_names_the_setting(self, osf_at):
        client, _, _ = await osf_at(in_turn((200, b"<html>Welcome</html>")))
        with pytest.raises(OSFServerError, match="does not answer as the OSF's API v2 does") as e:
            await client.providers("63bkf")
        assert "OSF_API_URL" in str(e.value)

    async def test_it_is_asked_again_when_the_osf_fails(self, osf_at, known):
        async def script(_exchange):
            return (502, b"") if len(server.requests) < 3 else (200, known(server.url))

        client, _, server = await osf_at(script)
        assert await client.providers("63bkf")
        assert len(server.requests) == 3

    async def test_throttling_is_waited_for(self, osf_at, known, clock):
        async def script(_exchange):
            if len(server.requests) == 1:
                return 429, {"errors": [{"detail": "Request was throttled."}]}, {"Retry-After": "1"}
            return 200, known(server.url)

        client, _, server = await osf_at(script)
        assert await client.providers("63bkf")
        assert clock.pauses == [1]

    async def test_throttling_for_too_long_is_an_error(self, osf_at):
        client, _, _ = await osf_at(in_turn((429, b"", {"Retry-After": "86400"})), max_wait=3900)
        with pytest.raises(OSFRateLimitError, match="pause of 86400 s"):
            await client.providers("63bkf")


class TestLifetime:
    async def test_closing_ends_questions_in_flight(self, osf_at, until):
        async def script(_exchange):
            await asyncio.Event().wait()

        client, _, server = await osf_at(script)
        asking = asyncio.ensure_future(client.providers("63bkf"))
        await until(lambda: server.open == 1)
        await client.aclose()
        with pytest.raises((asyncio.CancelledError, OSFConnectionError)):
            await asking

    async def test_an_upload_timeout_of_its_own_wins(self):
        async with OSFAPIClient(None, Config(upload_timeout=7), upload_timeout=9) as client:
            assert client.config.upload_timeout == 9
        async with OSFAPIClient(None, Config(upload_timeout=7)) as client:
            assert client.config.upload_timeout == 7

    async def test_it_counts_for_itself_where_it_is_given_no_totals(self, serve):
        server = await serve(in_turn((200, b"{}")))
        async with OSFAPIClient(TOKEN, Config(api_url=server.url)) as client:
            await client.token_is_valid()
            assert client.stats.requests == {"api": 1}
