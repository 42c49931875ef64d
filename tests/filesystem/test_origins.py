"""Where files come from: storage hosts, regions, view-only links, and tokens of all origins."""

from __future__ import annotations

import random

import pytest

from dvc_osf import OSFAuthenticationError, OSFPermissionError, OSFServerError
from dvc_osf.emulator import Fault

MIB = 1024 * 1024


# -- the storage behind a redirect ---------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1000, 20 * MIB + 1])
def test_a_redirect_to_the_storage_is_followed(connect_both, osf, plant, root, tmp_path, size):
    osf.settings.storage_redirect = True
    data = random.Random(size).randbytes(size)
    plant.files({"f + ü.csv": data})
    fs = connect_both()

    fs.get_file(f"{root}/f + ü.csv", tmp_path / "f")

    assert (tmp_path / "f").read_bytes() == data
    assert fs.cat_file(f"{root}/f + ü.csv", 0, 1) == data[:1]
    assert {entry.host for entry in osf.requests} == {"api", "files", "storage"}


def test_the_storage_never_sees_the_token(fs, osf, plant, root):
    osf.settings.storage_redirect = True
    plant.files({"f": b"x"})

    # The emulated storage refuses whoever sends one, as the real one does.
    assert fs.cat_file(f"{root}/f") == b"x"
    storage = [entry for entry in osf.requests if entry.host == "storage"]
    assert storage
    assert all(entry.token is None for entry in storage)
    assert not any("cookie" in entry.headers for entry in storage)


def test_a_storage_that_fails_is_asked_again(connect_both, osf, plant, root, clock):
    plant.files({"f": b"x"})
    fs = connect_both()
    fs.info(f"{root}/f")
    osf.settings.storage_redirect = True
    osf.add_fault(Fault(host="storage", times=1, status=503))

    assert fs.cat_file(f"{root}/f") == b"x"
    assert clock.pauses


def test_a_broken_storage_answer_is_resumed(connect_both, osf, plant, root, tmp_path):
    osf.settings.storage_redirect = True
    data = random.Random(1).randbytes(3 * MIB)
    plant.files({"f": data})
    fs = connect_both()
    osf.add_fault(Fault(host="storage", times=1, reset_after_sent=2 * MIB))

    fs.get_file(f"{root}/f", tmp_path / "f")

    assert (tmp_path / "f").read_bytes() == data


def test_redirects_without_an_end_are_an_error(fs, osf, plant, root):
    plant.files({"f": b"x"})
    fs.info(f"{root}/f")
    here = f"{osf.files_url}/v1/resources/{osf.project}/providers/osfstorage/xyz?a=version"
    osf.add_fault(Fault(path="version", status=302, headers={"Location": here}))

    with pytest.raises(OSFServerError, match="redirects without an end") as caught:
        fs.cat_file(f"{root}/f")
    assert f"osf://{root}/f" in str(caught.value)


# -- storage regions -----------------------------------------------------------------------------


def test_a_project_is_served_by_the_host_of_its_region(fs, osf, root):
    german = osf.add_project("German", region="de-1")

    fs.pipe_file(f"{german}/osfstorage/f", b"x")
    assert fs.cat_file(f"{german}/osfstorage/f") == b"x"
    fs.rm(f"{german}/osfstorage/f")
    hosts = {entry.headers["host"] for entry in osf.requests if entry.host == "files"}
    assert hosts == {osf.world.files_urls["de-1"].removeprefix("http://")}
    assert hosts != {osf.files_url.removeprefix("http://")}

    osf.clear_requests()
    fs.pipe_file(f"{root}/f", b"x")
    hosts = {entry.headers["host"] for entry in osf.requests if entry.host == "files"}
    assert hosts == {osf.files_url.removeprefix("http://")}


def test_a_files_host_can_be_named(connect_both, osf, root):
    fs = connect_both(files_url=osf.files_url + "/")

    fs.pipe_file(f"{root}/f", b"x")
    assert fs.cat_file(f"{root}/f") == b"x"


# -- view-only links -----------------------------------------------------------------------------


def test_a_view_only_link_opens_a_private_project(connect_both, osf, plant, root, tmp_path):
    plant.files({"a/f": b"x"})
    key = osf.add_view_only_link(osf.project)
    fs = connect_both(token=None, view_only=key)

    assert fs.find(root) == [f"{root}/a/f"]
    assert fs.cat_file(f"{root}/a/f") == b"x"
    fs.get_file(f"{root}/a/f", tmp_path / "f")
    assert all(entry.token is None for entry in osf.requests)
    assert all(entry.query["view_only"] == key for entry in osf.requests)


def test_a_view_only_link_comes_from_the_environment(connect_both, osf, plant, root, monkeypatch):
    plant.files({"f": b"x"})
    monkeypatch.setenv("OSF_VIEW_ONLY", osf.add_view_only_link(osf.project))

    assert connect_both(token=None).cat_file(f"{root}/f") == b"x"


def test_a_view_only_link_does_not_open_it_for_writing(connect_both, osf, root):
    fs = connect_both(token=None, view_only=osf.add_view_only_link(osf.project), max_retries=0)

    with pytest.raises(OSFPermissionError):
        fs.pipe_file(f"{root}/f", b"x")


def test_a_wrong_view_only_link_opens_nothing(connect_both, root):
    fs = connect_both(token=None, view_only="0" * 32, max_retries=0)

    with pytest.raises(OSFAuthenticationError):
        fs.ls(root)


def test_a_view_only_link_works_behind_a_redirect(connect_both, osf, plant, root):
    osf.settings.storage_redirect = True
    plant.files({"f": b"x"})
    key = osf.add_view_only_link(osf.project)

    assert connect_both(token=None, view_only=key).cat_file(f"{root}/f") == b"x"
    # The link's key is a secret, too.
    storage = [entry for entry in osf.requests if entry.host == "storage"]
    assert not any(key in str(entry.query) for entry in storage)


# -- nobody --------------------------------------------------------------------------------------


def test_a_public_project_is_read_by_anybody(connect_both, osf, plant, root, tmp_path):
    plant.files({"a/f": b"x"})
    osf.set_public(osf.project)
    fs = connect_both(token=None, max_retries=0)

    assert fs.find(root) == [f"{root}/a/f"]
    assert fs.cat_file(f"{root}/a/f") == b"x"
    fs.get(root, str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy" / "a" / "f").read_bytes() == b"x"
    assert {entry.token for entry in osf.requests} == {None}


def test_a_public_project_is_not_written_by_anybody(connect_both, osf, plant, root):
    plant.files({"f": b"x"})
    osf.set_public(osf.project)
    fs = connect_both(token=None, max_retries=0)

    for attempt in (
        lambda: fs.pipe_file(f"{root}/f", b"y"),
        lambda: fs.pipe_file(f"{root}/new", b"y"),
        lambda: fs.pipe_file(f"{root}/new/new", b"y"),
        lambda: fs.rm(f"{root}/f"),
    ):
        with pytest.raises(OSFPermissionError, match="no token") as caught:
            attempt()
        assert "OSF_TOKEN" in str(caught.value)
    assert fs.cat_file(f"{root}/f") == b"x"


def test_the_anonymous_limits_of_the_api_are_waited_for(connect_both, osf):
    osf.settings.v2_throttle = True
    projects = [osf.add_project(str(number), public=True) for number in range(15)]
    fs = connect_both(token=None)

    for project in projects:
        assert fs.ls(f"{project}/osfstorage") == []


# -- tokens --------------------------------------------------------------------------------------


def used(osf):
    return {entry.token for entry in osf.requests if entry.host != "storage"}


def test_a_token_comes_from_the_environment(connect_both, osf, root, monkeypatch):
    token = osf.add_token(label="of the environment")
    monkeypatch.setenv("OSF_TOKEN", f" {token}\n")

    connect_both(token=None).pipe_file(f"{root}/f", b"x")
    assert used(osf) == {"of the environment"}


def test_a_token_in_the_environment_is_read_when_it_is_needed(connect_both, osf, root, monkeypatch):
    fs = connect_both(token=None)
    monkeypatch.setenv("OSF_TOKEN", osf.add_token(label="one"))
    fs.ls(root)
    monkeypatch.setenv("OSF_TOKEN", osf.add_token(label="two"))
    fs.ls(root, refresh=True)

    assert used(osf) == {"one", "two"}


def test_a_token_comes_from_a_file(connect_both, osf, root, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(osf.add_token(label="of the file") + "\n", encoding="utf-8")
    monkeypatch.setenv("OSF_TOKEN", osf.add_token(label="of the environment"))

    connect_both(token=None, credentialpath=str(tmp_path / "token")).ls(root)
    assert used(osf) == {"of the file"}


def test_a_token_file_in_the_home_folder(connect_both, osf, root, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "osf-token").write_text(osf.token, encoding="utf-8")

    assert connect_both(token=None, credentialpath="~/osf-token").ls(root) == []


def test_an_argument_comes_before_everything(connect_both, osf, root, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(osf.add_token(label="of the file"), encoding="utf-8")
    monkeypatch.setenv("OSF_TOKEN", osf.add_token(label="of the environment"))
    token = osf.add_token(label="of the argument")

    connect_both(token=token, credentialpath=str(tmp_path / "token")).ls(root)
    assert used(osf) == {"of the argument"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_token_file_that_cannot_be_read_is_an_error(connect_both, root, tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    fs = connect_both(token=None, credentialpath=str(tmp_path / "token"), max_retries=0)

    with pytest.raises(OSFAuthenticationError, match="cannot be read") as caught:
        fs.ls(root)
    assert str(tmp_path / "token") in str(caught.value)


def test_an_empty_token_is_no_token(connect_both, osf, plant, root, monkeypatch):
    plant.files({"f": b"x"})
    osf.set_public(osf.project)
    monkeypatch.setenv("OSF_TOKEN", "  ")

    assert connect_both(token=None).cat_file(f"{root}/f") == b"x"
    assert connect_both(token="").cat_file(f"{root}/f") == b"x"
    assert used(osf) == {None}


def test_the_endpoint_comes_from_the_environment(connect_both, osf, root, monkeypatch):
    monkeypatch.setenv("OSF_API_URL", osf.api_url + "/")

    assert connect_both(endpoint_url=None).ls(root) == []


def test_netrc_never_replaces_the_token(connect_both, osf, root, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    assert connect_both().ls(root) == []
    assert used(osf) == {"first"}
