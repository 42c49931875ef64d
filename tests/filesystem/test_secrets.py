"""The token goes to the OSF and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from dvc_osf import OSFException, OSFFileSystem
from dvc_osf.emulator import Fault

SECRET = "s3cr3t-t0ken-that-nobody-shall-see"
KEY = "k3y-0f-a-view-only-link"


@pytest.fixture(autouse=True)
def _listen_to_everything(caplog):
    """Record every log record of every package."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="dvc_osf")


def hidden(text, *secrets):
    """Tell whether none of the secrets is in a text, not even encoded."""
    return not any(
        form in text
        for secret in secrets
        for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="))
    )


def shown(error):
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


FAILURES = {
    "a wrong token": None,
    "a server that repeats it": Fault(status=400, body={"message": f"Bad token {SECRET}!"}),
    "an API that repeats it": Fault(
        host="api", status=403, body={"errors": [{"detail": f"No such token: {SECRET}"}]}
    ),
    "a reset": Fault(reset=True),
    "a broken gateway": Fault(status=502, body=f"<html>Authorization: Bearer {SECRET}</html>"),
    "nonsense": Fault(status=200, body=f"{{{SECRET}"),
    "a redirect": Fault(status=302, headers={"Location": f"http://nowhere.invalid/?t={SECRET}"}),
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
def test_no_error_log_or_traceback_shows_it(connect_both, osf, root, tmp_path, fault, caplog):
    fs = connect_both(token=SECRET, max_retries=1)
    if fault is not None:
        osf.add_fault(fault)
    (tmp_path / "f").write_bytes(b"x")

    for attempt in (
        lambda: fs.ls(root),
        lambda: fs.cat_file(f"{root}/f"),
        lambda: fs.put_file(str(tmp_path / "f"), f"{root}/f"),
        lambda: fs.rm(f"{root}/f"),
    ):
        with pytest.raises(OSFException) as caught:
            attempt()
        assert hidden(str(caught.value), SECRET)
        assert hidden(repr(caught.value), SECRET)
        assert hidden(shown(caught.value), SECRET)
        assert SECRET.encode() not in pickle.dumps(caught.value)
    assert hidden(caplog.text, SECRET)
    if fault is not None:
        fault.__dict__.update(matched=0, hits=0)


def test_an_unreachable_server_does_not_show_it(connect, caplog):
    fs = connect(token=SECRET, endpoint_url="http://127.0.0.1:9/v2", max_retries=1)

    with pytest.raises(ConnectionError) as caught:
        fs.ls("abc12")
    assert hidden(shown(caught.value) + caplog.text, SECRET)


def test_an_answer_that_is_no_http_does_not_show_it(connect):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 abc X\r\n\r\n")

        url = f"http://127.0.0.1:{server.getsockname()[1]}/v2"
        fs = connect(token=SECRET, view_only=KEY, endpoint_url=url, max_retries=0)
        with ThreadPoolExecutor(1) as pool:
            answering = pool.submit(answer)
            with pytest.raises(ConnectionError) as caught:
                fs.ls("abc12")
            answering.result()
    assert hidden(shown(caught.value) + repr(caught.value.__cause__), SECRET, KEY)


@pytest.mark.parametrize("token", [f"{SECRET} with blank", f"{SECRET}\nnewline", f"{SECRET}é"])
def test_a_token_that_cannot_be_one_is_not_shown(connect_both, token, root, caplog):
    fs = connect_both(token=token, max_retries=0)

    with pytest.raises(PermissionError) as caught:
        fs.ls(root)
    assert hidden(shown(caught.value) + caplog.text, SECRET)


def test_work_that_goes_well_logs_nothing_of_it(fs, osf, root, tmp_path, caplog):
    fs.pipe_file(f"{root}/f", b"x")
    fs.get_file(f"{root}/f", tmp_path / "f")
    fs.rm(f"{root}/f")

    assert caplog.text
    assert hidden(caplog.text, osf.token)


def test_a_signed_storage_url_is_not_shown(connect_both, osf, plant, root, caplog):
    plant.files({"f": b"x" * 1000})
    osf.settings.storage_redirect = True
    fs = connect_both(max_retries=1)
    for fault in (
        Fault(host="storage", reset=True),
        Fault(host="storage", truncate=5),
        Fault(host="storage", status=403, body="<Error>denied</Error>"),
    ):
        osf.clear_faults()
        osf.add_fault(fault)
        with pytest.raises(OSFException) as caught:
            fs.cat_file(f"{root}/f")
        assert hidden(shown(caught.value) + caplog.text, "Signature")


def test_a_view_only_key_is_not_shown(connect_both, osf, root, caplog):
    fs = connect_both(token=None, view_only=SECRET, max_retries=1)
    for fault in (None, Fault(reset=True), Fault(status=502), Fault(status=200, body="{")):
        osf.clear_faults()
        if fault:
            osf.add_fault(fault)
        with pytest.raises(OSFException) as caught:
            fs.ls(root)
        assert hidden(shown(caught.value) + caplog.text + str(caught.value), SECRET)


def test_the_filesystem_does_not_show_it():
    fs = OSFFileSystem(token=SECRET, view_only=SECRET + "2", skip_instance_cache=True)

    assert hidden(repr(fs), SECRET)
    assert hidden(str(fs), SECRET)
    assert hidden(fs.to_json(), SECRET)
    assert hidden(fs.to_json(include_password=False), SECRET)
    assert hidden(json.dumps(fs.to_dict()), SECRET)
    assert hidden(json.dumps(fs.to_dict(include_password=False)), SECRET)
    assert hidden(str(vars(fs.config)), SECRET)


def test_a_positional_token_is_no_different():
    fs = OSFFileSystem(SECRET, skip_instance_cache=True)

    assert hidden(fs.to_json() + repr(fs), SECRET)


def test_a_description_makes_the_same_filesystem_again(monkeypatch):
    monkeypatch.setenv("OSF_TOKEN", SECRET)
    fs = OSFFileSystem(endpoint_url="http://127.0.0.1:9/v2", max_retries=7, upload_chunk_size="2MB")

    back = OSFFileSystem.from_json(fs.to_json())

    assert back == fs
    assert back.config == fs.config
    assert isinstance(OSFFileSystem.from_dict(fs.to_dict()), OSFFileSystem)


def test_a_token_of_the_environment_is_neither_stored_nor_pickled(monkeypatch, tmp_path):
    monkeypatch.setenv("OSF_TOKEN", SECRET)
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    for options in ({}, {"credentialpath": str(tmp_path / "token")}):
        fs = OSFFileSystem(skip_instance_cache=True, **options)

        assert SECRET.encode() not in pickle.dumps(fs)
        assert hidden(str(fs.storage_options), SECRET)
        assert hidden(str(fs.__dict__), SECRET)
        assert hidden(fs.to_json(), SECRET)


def test_an_open_file_does_not_show_it(connect, osf, plant, root):
    plant.files({"f": b"x"})
    with connect().open(f"{root}/f") as stream:
        assert hidden(repr(stream) + str(stream), osf.token)


def test_the_servers_log_and_links_never_hold_it(fs, osf, plant, root):
    plant.files({"f": b"x"})
    fs.cat_file(f"{root}/f")

    for entry in osf.requests:
        assert hidden(entry.path + str(entry.query), osf.token)
