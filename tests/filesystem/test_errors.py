"""What goes wrong, each with an exception of its own that says where, what, and what to do."""

from __future__ import annotations

import errno
import logging
import pickle
import socket

import pytest

from dvc_osf import (
    OSFAuthenticationError,
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFFileSystem,
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFPathError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFRateLimitError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)
from dvc_osf.emulator import Fault
from dvc_osf.retry import Clock

WRONG = "wrong-token-0123456789"


@pytest.fixture
def local(tmp_path):
    """Return a small local file."""
    path = tmp_path / "file"
    path.write_bytes(b"some bytes")
    return str(path)


OPERATIONS = {
    "ls": lambda fs, path, _: fs.ls(path),
    "info": lambda fs, path, _: fs.info(path),
    "find": lambda fs, path, _: fs.find(path),
    "exists": lambda fs, path, _: fs.exists(path),
    "cat_file": lambda fs, path, _: fs.cat_file(path),
    "get_file": lambda fs, path, local: fs.get_file(path, local + ".copy"),
    "put_file": lambda fs, path, local: fs.put_file(local, path),
    "pipe_file": lambda fs, path, _: fs.pipe_file(path, b"x"),
    "rm": lambda fs, path, _: fs.rm(path),
}


def failure(fs, operation, path, local):
    with pytest.raises(OSFException) as caught:
        OPERATIONS[operation](fs, path, local)
    return caught.value


@pytest.fixture(params=OPERATIONS)
def operation(request):
    """Name a method that is tried."""
    return request.param


def test_a_wrong_token(connect_both, osf, plant, root, local, operation):
    plant.files({"f": b"x"})
    fs = connect_both(token=WRONG, max_retries=0)

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFAuthenticationError
    assert isinstance(error, PermissionError)
    assert error.errno == errno.EACCES
    assert error.status == 401
    assert osf.project in str(error)
    assert "does not accept the token" in str(error)
    assert "https://osf.io/settings/tokens" in str(error)
    assert WRONG not in str(error)


def test_a_wrong_token_is_refused_even_where_nobody_needs_one(
    connect_both, osf, plant, root, local, operation
):
    plant.files({"f": b"x"})
    osf.set_public(osf.project)
    fs = connect_both(token=WRONG, max_retries=0)

    assert type(failure(fs, operation, f"{root}/f", local)) is OSFAuthenticationError


def test_a_token_that_is_revoked_meanwhile(connect_both, osf, plant, root, local, monkeypatch):
    plant.files({"f": b"x"})
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    fs = connect_both(token=None, max_retries=0)
    fs.ls(root)
    monkeypatch.setenv("OSF_TOKEN", WRONG)

    # WaterButler calls it forbidden, for it takes a wrong token for none.
    for operation in ("put_file", "pipe_file", "cat_file", "rm"):
        error = failure(fs, operation, f"{root}/f", local)
        assert type(error) is OSFAuthenticationError
        assert f"{root}/f" in str(error)


@pytest.mark.parametrize("operation", ["put_file", "pipe_file", "rm"], indirect=True)
def test_a_token_without_the_scope_to_write(connect_both, osf, plant, root, local, operation):
    plant.files({"f": b"x"})
    fs = connect_both(token=osf.add_token(scopes=["osf.full_read"]), max_retries=0)
    assert fs.cat_file(f"{root}/f") == b"x"

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFPermissionError
    assert isinstance(error, PermissionError)
    assert error.status == 403
    assert error.path == f"{root}/f"
    assert error.operation == operation
    assert "osf.full_write" in str(error)
    assert "https://osf.io/settings/tokens" in str(error)


def test_a_token_without_any_scope_for_files(connect_both, osf, root, local, operation):
    fs = connect_both(token=osf.add_token(scopes=["osf.users.profile_read"]), max_retries=0)

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFPermissionError
    assert "scope" in str(error)


def test_a_private_project_without_a_token(connect_both, osf, root, local, operation):
    fs = connect_both(token=None, max_retries=0)

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFAuthenticationError
    assert isinstance(error, PermissionError)
    assert osf.project in str(error)
    assert "OSF_TOKEN" in str(error)
    assert "dvc remote modify --local" in str(error)


def test_a_private_project_of_somebody_else(connect_both, osf, root, local, operation):
    fs = connect_both(token=osf.add_token(osf.add_user("Stranger")), max_retries=0)

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFPermissionError
    assert error.status == 403


@pytest.mark.parametrize("operation", ["put_file", "pipe_file", "rm"], indirect=True)
def test_a_project_that_may_only_be_read(connect_both, osf, plant, root, local, operation):
    plant.files({"f": b"x"})
    reader = osf.add_user("Reader")
    osf.add_contributor(osf.project, reader, "read")
    fs = connect_both(token=osf.add_token(reader), max_retries=0)

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFPermissionError
    assert "you may write to the project" in str(error)


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op != "exists"], indirect=True)
def test_an_unknown_project(fs, local, operation):
    error = failure(fs, operation, "zzzzz/osfstorage/f", local)

    assert type(error) is OSFNotFoundError
    assert isinstance(error, FileNotFoundError)
    assert error.errno == errno.ENOENT
    assert error.status == 404
    assert "zzzzz" in str(error)
    assert "Check the path" in str(error)


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op != "exists"], indirect=True)
def test_a_deleted_project(fs, osf, root, local, operation):
    guid = osf.project
    osf._call(lambda: osf.world.store.change_node(guid, deleted=1))

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is OSFNotFoundError
    assert error.status == 410


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op != "exists"], indirect=True)
def test_an_unknown_provider(fs, osf, local, operation):
    error = failure(fs, operation, f"{osf.project}/github/f", local)

    assert type(error) is OSFNotFoundError
    assert "no storage provider 'github'" in str(error)
    assert "It has: osfstorage" in str(error)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_unreachable_server(connect, loop, asynchronous, clock):
    url = f"http://127.0.0.1:{free_port()}/v2"
    fs = connect(endpoint_url=url, max_retries=2, asynchronous=asynchronous)

    def look():
        if asynchronous:
            loop.run_until_complete(fs._ls("abc12/osfstorage"))
        else:
            fs.ls("abc12/osfstorage")

    with pytest.raises(OSFConnectionError) as caught:
        look()

    error = caught.value
    assert isinstance(error, ConnectionError)
    assert f"cannot connect to {url.removesuffix('/v2')}" in str(error)
    assert "osf://abc12" in str(error)
    assert "HTTPS_PROXY" in str(error)
    assert "endpoint_url" in str(error)
    assert error.attempts == 3
    assert len(clock.pauses) == 2


def test_one_operation_finds_out_that_a_server_is_unreachable_for_all(connect, clock, root):
    fs = connect(endpoint_url=f"http://127.0.0.1:{free_port()}/v2", max_retries=3)

    for _ in range(5):
        with pytest.raises(OSFConnectionError, match="cannot connect"):
            fs.ls(root)

    assert fs.stats.retries == len(clock.pauses) == 3


def test_a_lost_connection_does_not_mean_that_the_server_is_unreachable(
    connect, osf, plant, clock, root
):
    plant.files({"a": b"a"})
    fs = connect(max_retries=3)
    reset = osf.add_fault(Fault(host="files", reset=True))

    for _ in range(2):
        with pytest.raises(OSFConnectionError, match="was lost"):
            fs.ls(root)

    assert reset.hits == 8
    assert len(clock.pauses) == 6


def test_the_reason_for_refusals_is_asked_for_once(connect, osf, root):
    fs = connect(token=osf.add_token(scopes=["osf.full_read"]))

    for name in "abc":
        with pytest.raises(OSFPermissionError, match=r"osf\.full_write"):
            fs.pipe_file(f"{root}/{name}", b"x")

    assert sum("users/me" in entry.path for entry in osf.requests) == 1


def test_a_host_that_does_not_exist(connect):
    fs = connect(endpoint_url="http://nowhere.invalid/v2", max_retries=0)

    with pytest.raises(OSFConnectionError, match=r"cannot connect to http://nowhere\.invalid"):
        fs.ls("abc12")


def test_a_server_that_is_silent(connect_both, osf, root):
    fs = connect_both(timeout=0.2, max_retries=1)
    osf.add_fault(Fault(hang=True))

    with pytest.raises(OSFTimeoutError) as caught:
        fs.ls(root)

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.errno == errno.ETIMEDOUT
    assert "was silent for too long" in str(caught.value)
    assert "raise timeout" in str(caught.value)
    assert caught.value.attempts == 2


def test_a_server_that_is_silent_after_an_upload(connect_both, osf, root, local):
    fs = connect_both(upload_timeout=0.3, max_retries=0)
    fs.ls(root)
    osf.add_fault(Fault(method="PUT", hang=True))

    with pytest.raises(OSFTimeoutError) as caught:
        fs.put_file(local, f"{root}/f")

    assert f"put_file osf://{root}/f" in str(caught.value)
    assert (caught.value.bytes_uploaded, caught.value.total_size) == (10, 10)


@pytest.mark.parametrize("url", ["{web}", "{files}", "{web}/v2/nonsense"])
def test_an_endpoint_that_is_no_api(connect_both, osf, root, url):
    endpoint = url.format(web=osf.web_url, files=osf.files_url)
    fs = connect_both(endpoint_url=endpoint, max_retries=0)

    with pytest.raises((OSFServerError, OSFNotFoundError)) as caught:
        fs.ls(root)
    assert osf.project in str(caught.value)


@pytest.mark.parametrize("url", ["osf.io", "ftp://api.osf.io/v2", "api.osf.io/v2", "://"])
def test_an_endpoint_that_is_no_url(url):
    with pytest.raises(ValueError, match="is not an http"):
        OSFFileSystem(endpoint_url=url, skip_instance_cache=True)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("osf:///file", "names no project"),
        ("osf://user:pw@abc12/file", "user name or password"),
        ("osf://ab/osfstorage/f", "is not the GUID of a project"),
        ("osf://not a guid/f", "is not the GUID of a project"),
        ("abc12/osfstorage/../../f", "leads out of the project"),
        ("s3://bucket/key", "is not an osf:// URL"),
        ("https://example.org/abc12", "is not the OSF"),
        ("https://osf.io/abc12/files/osfstorage/6b032f0594237904f07f5572", "shows no file's path"),
        ("abc12/osfstorage/a\x00b", "control character"),
        ("abc12/osfstorage/ b", "white space"),
        ("abc12/osfstorage/\ud800", "not valid Unicode"),
    ],
)
def test_a_bad_url(fs, local, asked, path, reason, operation):
    error = failure(fs, operation, path, local)

    assert type(error) is OSFPathError
    assert isinstance(error, ValueError)
    assert reason in str(error)
    # There is always something to do.
    assert error.hint
    assert "pw" not in str(error)
    assert asked() == {}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("size", [10, 300_000, 6 * 1024 * 1024])
def test_a_file_that_somebody_has_checked_out(fs, osf, other, plant, root, tmp_path, size, known):
    plant.files({"f": b"old"})
    osf.checkout(osf.project, "/f", osf.add_user("Somebody"))
    (tmp_path / "new").write_bytes(bytes(size))
    if known:
        fs.info(f"{root}/f")

    with pytest.raises(PermissionError) as caught:
        fs.put_file(str(tmp_path / "new"), f"{root}/f")

    error = caught.value
    assert type(error) is OSFFileLockedError
    assert f"put_file osf://{root}/f" in str(error)
    assert "check the file in" in str(error)
    assert other.cat_file(f"{root}/f") == b"old"


@pytest.mark.parametrize("size", [10, 300_000, 6 * 1024 * 1024])
def test_a_project_that_is_full(fs, osf, other, plant, root, tmp_path, size):
    plant.files({"f": b"old"})
    osf.set_quota(osf.project, 1)
    (tmp_path / "new").write_bytes(bytes(size))

    with pytest.raises(OSError, match="quota") as caught:
        fs.put_file(str(tmp_path / "new"), f"{root}/new")

    error = caught.value
    assert type(error) is OSFQuotaExceededError
    assert error.errno == errno.ENOSPC
    assert error.status == 507
    assert f"put_file osf://{root}/new" in str(error)
    assert f"https://osf.io/{osf.project}/settings/" in str(error)
    assert other.find(root) == [f"{root}/f"]
    assert fs.stats.retries == 0


@pytest.mark.parametrize(
    ("status", "cls", "advice"),
    [
        (413, OSFQuotaExceededError, "https://osf.io/{guid}/settings/"),
        (423, OSFFileLockedError, "check the file in"),
    ],
)
def test_statuses_that_only_another_osf_may_send(fs, osf, root, local, asked, status, cls, advice):
    osf.add_fault(Fault(method="PUT", status=status))

    error = failure(fs, "put_file", f"{root}/f", local)

    assert type(error) is cls
    assert f"put_file osf://{root}/f" in str(error)
    assert advice.format(guid=osf.project) in str(error)
    assert (error.bytes_uploaded, error.total_size) == (10, 10)
    assert asked()["file PUT"] == 1


def test_a_file_that_is_too_large(fs, osf, root, tmp_path):
    osf.settings.max_body = 1000
    (tmp_path / "new").write_bytes(bytes(2000))

    with pytest.raises(OSError, match="put_file") as caught:
        fs.put_file(str(tmp_path / "new"), f"{root}/new")
    assert isinstance(caught.value, OSFException)


def test_a_rate_limit_that_outlasts_max_wait(connect_both, osf, root, clock):
    fs = connect_both(max_wait=100)
    osf.add_fault(Fault(host="files", status=429, retry_after=60))

    with pytest.raises(OSFRateLimitError) as caught:
        fs.ls(root)

    error = caught.value
    assert error.errno == errno.EBUSY
    assert error.status == 429
    assert "max_wait" in str(error)
    assert f"osf://{root}" in str(error)
    assert sum(clock.pauses) == pytest.approx(60, abs=1)


def test_a_rate_limit_is_waited_for(connect, osf, root, caplog):
    osf.settings.rate_limit = (3, 1)
    fs = connect()
    # The server's window is one of real time.
    fs.clock = Clock()

    for number in range(4):
        fs.pipe_file(f"{root}/{number}", b"x")

    assert 0 < fs.stats.seconds_waiting < 2.5
    assert fs.stats.statuses[429] >= 1
    assert fs.stats.retries == 0
    assert "rate limit is reached; all requests pause for 1 s" in caplog.text


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fails(connect_both, osf, root, local, status, operation):
    fs = connect_both(max_retries=1)
    osf.add_fault(Fault(status=status))

    error = failure(fs, operation, f"{root}/f", local)

    assert type(error) is (OSFTimeoutError if status == 504 else OSFServerError)
    assert isinstance(error, OSError)
    assert error.status == status
    assert f"HTTP {status}" in str(error)
    assert osf.project in str(error)


@pytest.mark.parametrize("status", [403, 503])
def test_a_failure_is_logged_once_as_an_error(
    connect_both, osf, plant, root, local, status, operation, caplog
):
    plant.files({"f": b"x"})
    fs = connect_both(max_retries=1)
    osf.add_fault(Fault(host="files", status=status))

    error = failure(fs, operation, f"{root}/f", local)

    records = [each for each in caplog.records if each.levelno >= logging.WARNING]
    # A retry is a warning; a refusal is not tried again.
    warnings = [logging.WARNING] * fs.stats.retries
    assert [record.levelno for record in records] == [*warnings, logging.ERROR]
    assert bool(warnings) == (status == 503)
    assert records[-1].getMessage() == str(error)
    for record in records:
        # An upload may fail at looking what it is about.
        assert record.getMessage().startswith((f"{operation} osf://", "ls osf://"))
        assert root in record.getMessage()


def test_a_wrong_token_is_logged_once(connect_both, osf, root, local, monkeypatch, caplog):
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    fs = connect_both(token=None, max_retries=0)
    fs.ls(root)
    monkeypatch.setenv("OSF_TOKEN", WRONG)

    # The files host calls it forbidden; that API v2 is asked about the token is no second failure.
    error = failure(fs, "put_file", f"{root}/f", local)

    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in errors] == [str(error)]


def test_what_a_probe_finds_out_is_no_failure(fs, plant, root, caplog):
    plant.files({"f": b"x"})

    assert not fs.exists(f"{root}/nothing")
    assert not fs.exists("zzzzz/osfstorage/f")
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{root}/nothing/f")
    with pytest.raises(FileExistsError):
        fs.pipe_file(f"{root}/f", b"y", mode="create")

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_servers_name_for_the_request_is_in_the_message(fs, osf, root):
    osf.add_fault(
        Fault(host="files", status=403, headers={"X-Waterbutler-Request-Id": "1234-abcd"})
    )

    with pytest.raises(PermissionError, match="request id 1234-abcd"):
        fs.ls(root)


def test_each_error_travels_between_processes(fs, osf, plant, root):
    plant.files({"f": b"x"})
    osf.checkout(osf.project, "/f", osf.add_user("Somebody"))
    plant.folders("d")
    errors = []
    for attempt in (
        lambda: fs.pipe_file(f"{root}/f", b"y"),
        lambda: fs.pipe_file(f"{root}/f", b"y", mode="create"),
        lambda: fs.cat_file(f"{root}/nothing"),
        lambda: fs.cat_file(f"{root}/d"),
        lambda: fs.ls("abc12/osfstorage/ x"),
    ):
        with pytest.raises(OSFException) as caught:
            attempt()
        errors.append(caught.value)

    assert [type(error) for error in errors] == [
        OSFFileLockedError,
        OSFVersionConflictError,
        OSFNotFoundError,
        OSFIsADirectoryError,
        OSFPathError,
    ]
    for error in errors:
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error) or isinstance(error, type(back))
        assert str(back) == str(error)
        assert (back.path, back.operation, back.status) == (
            error.path,
            error.operation,
            error.status,
        )


def test_a_files_host_of_another_domain_is_not_trusted(connect_both, osf, root):
    elsewhere = osf.files_url.replace("127.0.0.1", "localhost")
    provider = {
        "attributes": {"provider": "osfstorage"},
        "links": {"upload": f"{elsewhere}/v1/resources/{osf.project}/providers/osfstorage/"},
    }
    osf.add_fault(Fault(host="api", status=200, body={"data": [provider]}))
    fs = connect_both(max_retries=0)

    with pytest.raises(OSFServerError, match="files_url") as caught:
        fs.ls(root)
    assert "localhost" in str(caught.value)
    assert not [entry for entry in osf.requests if entry.host == "files"]
    # Whoever trusts it can say so.
    assert connect_both(files_url=elsewhere).ls(root) == []
