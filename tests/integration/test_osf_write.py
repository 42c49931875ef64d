"""Writing to a real OSF."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from dvc_osf import OSFAuthenticationError, OSFException, OSFFileSystem, OSFNotFoundError

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1000, 11 * MIB])
def test_a_file_is_uploaded_and_verified(fs, root, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "local").write_bytes(data)
    steps = []

    fs.put_file(str(tmp_path / "local"), f"{root}/put/{size}", callback=lambda *s: steps.append(s))

    info = fs.info(f"{root}/put/{size}", refresh=True)
    assert info["size"] == size
    assert info["md5"] == hashlib.md5(data).hexdigest()
    assert steps[-1] == (size, size)


def test_a_file_object_is_uploaded(fs, root):
    fs.put(io.BytesIO(b"from an object"), f"{root}/object")
    assert fs.cat_file(f"{root}/object") == b"from an object"


def test_overwriting_makes_a_version(fs, root):
    for number in (1, 2):
        fs.pipe_file(f"{root}/versions", b"%d" % number)
    info = fs.info(f"{root}/versions", refresh=True)
    assert (info["version"], fs.cat_file(f"{root}/versions")) == (2, b"2")


def test_folders_are_virtual(fs, root):
    fs.mkdir(f"{root}/virtual")
    assert not fs.exists(f"{root}/virtual")
    fs.rmdir(f"{root}/virtual")


def test_files_are_deleted(fs, root):
    fs.pipe_file(f"{root}/gone", b"x")
    fs.rm(f"{root}/gone")
    assert not fs.exists(f"{root}/gone", refresh=True)
    with pytest.raises(OSFNotFoundError):
        fs.rm(f"{root}/gone")


def test_an_open_file_is_uploaded_when_it_is_closed(fs, root):
    with fs.open(f"{root}/opened", "w", encoding="utf-8") as file:
        file.write("grün")
    assert fs.cat_file(f"{root}/opened").decode() == "grün"


def test_two_clients_that_create_one_file_at_once_leave_a_whole_one(fs, root):
    other = OSFFileSystem(token=os.environ["OSF_TEST_TOKEN"], skip_instance_cache=True)
    contents = [b"of the first client", b"of the second client"]

    def write(client, data):
        try:
            client.pipe_file(f"{root}/raced", data)
        except OSFException as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        failures = list(pool.map(write, (fs, other), contents))
    other.close()

    assert None in failures
    fs.invalidate_cache(root)
    assert fs.cat_file(f"{root}/raced") in contents
    # Whether the race made one file of two versions or two files of one name, nothing stays.
    fs.rm(f"{root}/raced")
    assert not fs.exists(f"{root}/raced", refresh=True)


def test_a_wrong_token_is_refused(root):
    fs = OSFFileSystem(token="wrong-token-0123456789", skip_instance_cache=True, max_retries=0)
    with pytest.raises(OSFAuthenticationError):
        fs.pipe_file(f"{root}/refused", b"x")
    fs.close()
