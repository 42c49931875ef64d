"""Uploading local files: one request each, verified, in folders that appear by themselves."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import os
import random
import threading

import pytest
from fsspec.callbacks import Callback, TqdmCallback

from dvc_osf import (
    OSFConnectionError,
    OSFException,
    OSFIntegrityError,
    OSFQuotaExceededError,
    OSFVersionConflictError,
)
from dvc_osf.emulator import Fault

KIB, MIB = 1024, 1024 * 1024
CHUNK = 5 * MIB
"""Files of this size and more are read, hashed and sent in chunks."""


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def local(tmp_path):
    """Return an empty folder."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        256 * KIB - 1,
        256 * KIB,
        256 * KIB + 1,
        MIB,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        3 * CHUNK + 17,
    ],
)
def test_sizes_around_the_boundaries_are_one_request(fs, other, root, local, asked, size):
    (local / "f").write_bytes(noise(size))

    fs.put_file(str(local / "f"), f"osf://{root}/f")

    assert asked() == {"api": 1, "file PUT": 1}
    assert fs.stats.bytes_sent == size
    info = other.info(f"{root}/f")
    assert info["size"] == size
    assert info["md5"] == hashlib.md5(noise(size)).hexdigest()
    assert other.cat_file(f"{root}/f") == noise(size)


@pytest.mark.parametrize("chunk", ["1MB", "2.5MB", 100 * MIB])
def test_the_chunk_size_changes_nothing_but_the_pace(
    connect_both, other, root, local, asked, chunk
):
    (local / "f").write_bytes(noise(7 * MIB + 1))
    fs = connect_both(upload_chunk_size=chunk)

    fs.put_file(str(local / "f"), f"{root}/f")

    assert asked()["file PUT"] == 1
    assert other.cat_file(f"{root}/f") == noise(7 * MIB + 1)


@pytest.mark.parametrize("size", [10, CHUNK])
def test_an_upload_may_wait_without_end(connect_both, osf, other, root, local, size):
    (local / "f").write_bytes(noise(size))
    fs = connect_both(upload_timeout=float("inf"), max_wait=float("inf"))
    osf.add_fault(Fault(method="PUT", times=1, status=429, retry_after=10_000))

    fs.put_file(local / "f", f"{root}/f")

    assert other.cat_file(f"{root}/f") == noise(size)


def test_paths_may_be_path_objects(fs, other, root, local):
    (local / "f").write_bytes(b"x")

    fs.put_file(local / "f", f"{root}/f")

    assert other.cat_file(f"{root}/f") == b"x"


def test_overwriting_makes_the_next_version_of_the_same_file(fs, other, plant, root, local):
    (file_id,) = plant.files({"f": b"first"})
    for number, data in enumerate([b"second", b"", b"fourth"], start=2):
        (local / "f").write_bytes(data)
        fs.put_file(str(local / "f"), f"{root}/f")

        info = other.info(f"{root}/f")
        assert (info["id"], info["version"]) == (file_id, number)
        assert other.cat_file(f"{root}/f") == data
        assert fs.cat_file(f"{root}/f") == data


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("size", [0, 10, CHUNK])
def test_the_same_content_makes_no_version(fs, other, plant, root, local, asked, known, size):
    plant.files({"d/f": noise(size)})
    (local / "f").write_bytes(noise(size))
    if known:
        fs.info(f"{root}/d/f")
    asked()

    fs.put_file(str(local / "f"), f"{root}/d/f")

    assert asked()["file PUT"] == 1
    assert other.info(f"{root}/d/f")["version"] == 1


@pytest.mark.parametrize("known", [False, True])
def test_creating_refuses_a_file_that_exists(fs, other, plant, root, local, known):
    plant.files({"f": b"old"})
    (local / "f").write_bytes(b"new")
    (local / "same").write_bytes(b"old")
    if known:
        fs.info(f"{root}/f")

    for name in ("f", "same"):
        with pytest.raises(FileExistsError) as caught:
            fs.put_file(str(local / name), f"{root}/f", mode="create")
        assert isinstance(caught.value, OSFVersionConflictError)
        assert caught.value.operation == "put_file"
        assert caught.value.path == f"{root}/f"
    assert other.info(f"{root}/f")["version"] == 1
    # A refusal is an answer, not a failure.
    assert fs.stats.retries == 0


def test_creating_goes_ahead_where_there_is_nothing(fs, other, root, local):
    (local / "f").write_bytes(b"new")

    fs.put_file(str(local / "f"), f"{root}/deep/down/f", mode="create")

    assert other.cat_file(f"{root}/deep/down/f") == b"new"


def test_creating_asks_the_server_not_the_cache(fs, other, plant, root, local):
    plant.files({"f": b"old"})
    fs.info(f"{root}/f")
    other.rm_file(f"{root}/f")
    (local / "f").write_bytes(b"new")

    fs.put_file(str(local / "f"), f"{root}/f", mode="create")

    assert other.cat_file(f"{root}/f") == b"new"


def test_a_file_goes_beside_a_folder_of_its_name(fs, other, plant, root, local):
    plant.files({"twin/inside": b"deeper"})
    (local / "f").write_bytes(b"file")

    fs.put_file(str(local / "f"), f"{root}/twin")

    assert other.cat_file(f"{root}/twin") == b"file"
    assert other.cat_file(f"{root}/twin/inside") == b"deeper"


def test_a_missing_local_file_asks_nothing(fs, root, local, asked):
    with pytest.raises(FileNotFoundError):
        fs.put_file(str(local / "nothing"), f"{root}/f")
    assert asked() == {}


def test_a_file_needs_a_name(fs, osf, root, local):
    (local / "f").write_bytes(b"x")
    for place in (root, osf.project, "osf://"):
        with pytest.raises((IsADirectoryError, ValueError)):
            fs.put_file(str(local / "f"), place)


@pytest.fixture
def fifo(local):
    """Return the path of a named pipe that gives a MiB to who reads it."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this platform has no named pipes")
    path = local / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(noise(MIB),), daemon=True)
    writer.start()
    yield path
    writer.join(60)
    assert not writer.is_alive()


@pytest.mark.parametrize("name", ["put", "put_file"])
def test_a_named_pipe_is_uploaded_to_its_end(fs, other, root, fifo, asked, name):
    getattr(fs, name)(str(fifo), f"{root}/f")

    assert asked()["file PUT"] == 1
    assert other.cat_file(f"{root}/f") == noise(MIB)


def test_a_named_pipe_waits_in_a_transaction_too(connect, other, root, fifo):
    fs = connect()
    with fs.transaction:
        fs.put_file(str(fifo), f"{root}/f")
        assert not other.exists(f"{root}/f")
    assert other.cat_file(f"{root}/f") == noise(MIB)


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="this platform has no /proc")
@pytest.mark.parametrize("name", ["put", "put_file"])
def test_a_file_that_only_says_that_it_is_empty_is_uploaded(fs, other, root, name):
    assert os.stat("/proc/version").st_size == 0

    getattr(fs, name)("/proc/version", f"{root}/f")

    with open("/proc/version", "rb") as file:
        assert other.cat_file(f"{root}/f") == file.read()


# -- file objects --------------------------------------------------------------------------------


def test_a_file_object_is_uploaded_from_where_it_is(fs, other, root):
    stream = io.BytesIO(b"skipped kept")
    stream.seek(8)

    fs.put(stream, f"osf://{root}/new/f")

    assert other.cat_file(f"{root}/new/f") == b"kept"
    assert not stream.closed


def test_an_open_local_file_is_uploaded(fs, other, root, local):
    (local / "f").write_bytes(noise(6 * MIB))
    with open(local / "f", "rb") as stream:
        fs.put(stream, f"{root}/f")
    assert other.cat_file(f"{root}/f") == noise(6 * MIB)


def test_a_pipe_without_a_size_is_uploaded(fs, other, root, asked):
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb") as stream:
            for _ in range(100):
                stream.write(bytes(10_000))

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as stream:
        fs.put(stream, f"{root}/f")
    writer.join()

    assert asked()["file PUT"] == 1
    assert other.cat_file(f"{root}/f") == bytes(1_000_000)


class Stuttering(io.RawIOBase):
    """Does not wait for the bytes that are yet to come."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = list(parts)

    def readable(self):
        return True

    def read(self, _size=-1):
        return self.parts.pop(0)


@pytest.mark.parametrize("parts", [(b"some", None, b" bytes", b""), (None, b"bytes", b"")])
def test_a_file_object_that_does_not_wait_for_its_bytes_is_an_error(fs, root, asked, parts):
    with pytest.raises(BlockingIOError, match=f"put osf://{root}/f: "):
        fs.put(Stuttering(*parts), f"osf://{root}/f")

    assert asked() == {}


def test_nothing_of_such_an_object_is_stored_by_a_transaction(connect, other, root):
    fs = connect()
    with fs.transaction, pytest.raises(BlockingIOError, match=f"put osf://{root}/f: "):
        fs.put(Stuttering(b"some", None), f"osf://{root}/f")

    assert not other.exists(f"{root}/f")


def test_a_file_object_can_be_exclusive_and_followed(fs, plant, root):
    plant.files({"f": b"old"})
    callback = Callback()

    fs.put(io.BytesIO(b"12345"), f"{root}/g", mode="create", callback=callback)
    assert (callback.size, callback.value) == (5, 5)
    with pytest.raises(FileExistsError):
        fs.put(io.BytesIO(b"new"), f"{root}/f", mode="create")


def test_a_file_object_from_another_filesystem_is_uploaded(fs, connect, other, plant, root):
    plant.files({"source": noise(100_000)})
    with connect().open(f"{root}/source") as stream:
        fs.put(stream, f"{root}/target")
    assert other.cat_file(f"{root}/target") == noise(100_000)


def test_many_file_objects_of_a_filesystem_may_be_uploaded_at_once(connect, plant, root):
    number = 2 * ((os.cpu_count() or 1) + 4)
    plant.files({f"from/{i}": noise(200_000 + i) for i in range(number)})
    fs = connect()
    # All are open before the first is read.
    together = threading.Barrier(number, timeout=60)

    def copy(i):
        with fs.open(f"{root}/from/{i}") as stream:
            together.wait()
            fs.put(stream, f"{root}/to/{i}")

    threads = [threading.Thread(target=copy, args=(i,), daemon=True) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for i in range(number):
        assert fs.cat_file(f"{root}/to/{i}") == noise(200_000 + i)


# -- several at once -----------------------------------------------------------------------------


@pytest.fixture
def tree(local):
    """Make a local tree with an empty folder."""
    (local / "tree" / "a" / "deep").mkdir(parents=True)
    (local / "tree" / "empty").mkdir()
    for name, data in {"top": b"1", "a/x": b"22", "a/deep/y": b"333", "a/z": b""}.items():
        (local / "tree" / name).write_bytes(data)
    return local / "tree"


def test_a_tree_is_uploaded(fs, other, root, tree, asked):
    fs.put(str(tree), f"{root}/copy", recursive=True)

    assert fs.find(f"{root}/copy") == [
        f"{root}/copy/{name}" for name in ("a/deep/y", "a/x", "a/z", "top")
    ]
    counts = asked()
    assert counts["file PUT"] == 4
    assert counts["folder PUT"] == 3
    assert other.cat(f"{root}/copy/a/*", on_error="omit") == {
        f"{root}/copy/a/x": b"22",
        f"{root}/copy/a/z": b"",
    }


def test_an_empty_folder_is_uploaded_where_folders_are_wanted(connect_both, other, root, tree):
    fs = connect_both(create_folders=True)

    fs.put(str(tree), f"{root}/copy", recursive=True)

    assert other.isdir(f"{root}/copy/empty")
    assert other.ls(f"{root}/copy/empty") == []


def test_a_tree_goes_into_an_existing_folder(fs, other, plant, root, tree):
    plant.folders("here")

    fs.put(str(tree), f"{root}/here", recursive=True)

    assert len(other.find(f"{root}/here/tree")) == 4


def test_lists_of_sources_and_targets(fs, other, root, tree):
    fs.put([str(tree / "top"), str(tree / "a" / "x")], [f"{root}/one", f"{root}/new/two"])

    assert other.cat_file(f"{root}/one") == b"1"
    assert other.cat_file(f"{root}/new/two") == b"22"


def test_a_bulk_upload_can_be_exclusive(fs, other, plant, root, tree):
    plant.files({"copy/top": b"old"})

    with pytest.raises(FileExistsError):
        fs.put(str(tree) + "/", f"{root}/copy", recursive=True, mode="create")
    assert other.cat_file(f"{root}/copy/top") == b"old"


def test_uploading_is_putting(connect, other, root, tree):
    connect().upload(str(tree / "top"), f"{root}/f")

    assert other.cat_file(f"{root}/f") == b"1"


# -- progress ------------------------------------------------------------------------------------


class Recorder(Callback):
    """Remembers what it was told."""

    def __init__(self):
        self.steps = []
        super().__init__()

    def relative_update(self, inc=1):
        self.steps.append(inc)
        super().relative_update(inc)


def test_a_bulk_upload_counts_files_and_branches_for_bytes(fs, root, tree):
    branches = []

    class Branching(Callback):
        def branched(self, *_args, **_kwargs):
            branches.append(Recorder())
            return branches[-1]

    callback = Branching()
    fs.put(str(tree), f"{root}/copy", recursive=True, callback=callback)

    assert (callback.size, callback.value) == (4, 4)
    assert sorted(branch.value for branch in branches) == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [0, 10, MIB, CHUNK, 3 * CHUNK + 1])
def test_progress_reaches_the_size_exactly(fs, root, local, size):
    (local / "f").write_bytes(noise(size))
    callback = Recorder()

    fs.put_file(str(local / "f"), f"{root}/f", callback=callback)

    assert (callback.size, callback.value) == (size, size)
    assert all(step > 0 for step in callback.steps)
    # Large files report on their way.
    assert len(callback.steps) > (3 if size > CHUNK else -1)


def test_a_plain_function_hears_bytes_and_total(fs, root, local):
    (local / "f").write_bytes(noise(2 * CHUNK))
    heard = []

    fs.put_file(
        str(local / "f"), f"{root}/f", callback=lambda done, total: heard.append((done, total))
    )

    assert heard == sorted(heard)
    assert heard[-1] == (2 * CHUNK, 2 * CHUNK)
    assert all(total == 2 * CHUNK for _, total in heard)


@pytest.mark.parametrize("size", [0, 10])
def test_a_plain_function_hears_at_least_the_end(fs, root, local, size):
    (local / "f").write_bytes(bytes(size))
    heard = []

    fs.put_file(str(local / "f"), f"{root}/f", callback=lambda *call: heard.append(call))

    assert heard == [(size, size)]


@pytest.mark.parametrize("size", [0, 10, 2 * CHUNK])
def test_a_plain_function_hears_the_bytes_of_a_single_upload_in_bulk(fs, root, local, size):
    (local / "f").write_bytes(noise(size))
    heard = []

    fs.put(str(local / "f"), f"{root}/f", callback=lambda *call: heard.append(call))

    assert heard == sorted(heard)
    assert heard[-1] == (size, size)
    assert all(total == size for _, total in heard)


def test_a_plain_function_hears_the_bytes_of_all_files(fs, root, tree):
    heard = []

    # By its place, as fsspec's methods allow.
    fs.put(str(tree), f"{root}/copy", True, lambda *call: heard.append(call))

    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (6, 6)
    assert {total for _, total in heard} <= {None, 6}


@pytest.mark.parametrize("kind", ["fsspec", "function"])
def test_a_file_object_is_followed_by_what_comes_at_the_callback_s_place(fs, root, kind):
    heard = []
    callback = Recorder() if kind == "fsspec" else lambda *call: heard.append(call)

    fs.put(io.BytesIO(b"12345"), f"{root}/f", False, callback)

    if kind == "fsspec":
        heard.append((callback.value, callback.size))
    assert heard == [(5, 5)]


def test_no_callback_may_be_said_by_none(fs, other, root, tree):
    fs.put(str(tree), f"{root}/copy", recursive=True, callback=None)

    assert len(other.find(f"{root}/copy")) == 4


@pytest.mark.parametrize("size", [0, 10, 2 * CHUNK])
def test_tqdm_draws_a_bar_of_the_bytes(fs, root, local, size):
    (local / "f").write_bytes(noise(size))
    screen = io.StringIO()
    bar = TqdmCallback(
        tqdm_kwargs={"unit": "B", "unit_scale": True, "unit_divisor": 1024, "file": screen}
    )

    fs.put_file(str(local / "f"), f"{root}/f", callback=bar)

    assert (bar.tqdm.n, bar.tqdm.total) == (size, size)
    bar.close()
    if size:
        assert "100%" in screen.getvalue()


@pytest.mark.parametrize("size", [MIB, 2 * CHUNK])
def test_progress_goes_back_when_an_attempt_was_in_vain(connect_both, osf, root, local, size):
    (local / "f").write_bytes(noise(size))
    fs = connect_both()
    osf.add_fault(Fault(method="PUT", times=1, reset_after_received=size // 2))
    callback = Recorder()

    fs.put_file(str(local / "f"), f"{root}/f", callback=callback)

    assert callback.value == size


def test_what_is_no_callback_is_refused(fs, root, local, asked):
    (local / "f").write_bytes(b"x")

    with pytest.raises(TypeError, match="callback"):
        fs.put_file(str(local / "f"), f"{root}/f", callback="progress")
    with pytest.raises(TypeError, match="callback"):
        fs.put(str(local / "f"), f"{root}/f", callback="progress")
    assert asked() == {}


def test_a_callback_that_raises_does_not_stop_the_upload(fs, other, root, local, caplog):
    (local / "f").write_bytes(noise(2 * CHUNK))

    def fail(*_):
        raise RuntimeError("no display")

    fs.put_file(str(local / "f"), f"{root}/f", callback=fail)

    assert other.info(f"{root}/f")["size"] == 2 * CHUNK
    assert [record.message for record in caplog.records] == [
        "a progress callback failed and is not called again"
    ]


# -- what is stored is what was sent -------------------------------------------------------------


def answer_with_another_md5(size):
    """Return what the OSF would say if it had stored other bytes of the same number."""
    attributes = {
        "kind": "file",
        "name": "f",
        "path": "/6b032f0594237904f07f5572",
        "size": size,
        "extra": {"version": 1, "hashes": {"md5": "0" * 32}},
    }
    data = {"id": "osfstorage/6b032f0594237904f07f5572", "attributes": attributes}
    return Fault(method="PUT", times=1, status=201, body={"data": data})


@pytest.mark.parametrize("size", [10, CHUNK + 1])
def test_other_bytes_than_were_sent_are_an_error(fs, osf, root, local, size):
    (local / "f").write_bytes(noise(size))
    osf.add_fault(answer_with_another_md5(size))

    with pytest.raises(OSFIntegrityError, match="MD5") as caught:
        fs.put_file(str(local / "f"), f"{root}/f")
    assert caught.value.actual == "0" * 32
    assert caught.value.expected == hashlib.md5(noise(size)).hexdigest()
    assert caught.value.expected in str(caught.value)
    assert caught.value.actual in str(caught.value)
    # The local file is the user's, and perhaps the only whole one left.
    assert (local / "f").read_bytes() == noise(size)


@pytest.mark.parametrize("size", [10, CHUNK + 1])
def test_other_bytes_than_were_sent_are_sent_again(connect_both, osf, other, root, local, size):
    (local / "f").write_bytes(noise(size))
    fs = connect_both()
    osf.add_fault(answer_with_another_md5(size))

    fs.put_file(str(local / "f"), f"{root}/f")

    assert other.cat_file(f"{root}/f") == noise(size)


@pytest.mark.parametrize("size", [10, 300 * KIB, CHUNK + 1])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 502, "body": "<html>"},
        {"status": 503},
        {"status": 429, "retry_after": 30},
        {"reset": True},
        {"reset_after_received": 1},
        {"lose_answer": True},
        {"truncate": 10},
        {"corrupt": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_that_passes_leaves_one_whole_file(
    connect_both, osf, other, plant, root, local, fault, size, exists
):
    if exists:
        plant.files({"f": b"old"})
    (local / "f").write_bytes(noise(size))
    fs = connect_both()
    osf.add_fault(Fault(method="PUT", times=1, **fault))

    fs.put_file(str(local / "f"), f"{root}/f")

    assert [info["version"] for info in other.ls(root)] == [2 if exists else 1]
    assert other.cat_file(f"{root}/f") == noise(size)


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("kind", ["file", "folder", "listing"])
def test_a_request_is_sent_no_more_often_than_max_retries_says(
    connect_both, osf, root, local, asked, retries, kind
):
    (local / "f").write_bytes(b"x")
    fs = connect_both(max_retries=retries)
    if kind == "listing":
        osf.add_fault(Fault(method="GET", host="files", status=503))
    else:
        osf.add_fault(Fault(method="PUT", path=f"kind={kind}", status=503))

    with pytest.raises(OSError, match="HTTP 503"):
        fs.put_file(str(local / "f"), f"{root}/new/f")

    sent = asked()
    assert sent.get("listing" if kind == "listing" else f"{kind} PUT") == retries + 1


def test_a_local_file_that_shrinks_is_an_error_not_a_short_file(
    connect_both, osf, other, root, local
):
    with open(local / "f", "wb") as sparse:
        sparse.truncate(64 * MIB)
    fs = connect_both(max_retries=0, upload_chunk_size="1MB")
    fs.ls(root)
    osf.settings.bandwidth = 64 * MIB
    timer = threading.Timer(0.1, lambda: os.truncate(local / "f", 0))
    timer.start()

    with pytest.raises(OSFException, match="became shorter") as caught:
        fs.put_file(str(local / "f"), f"{root}/f")
    timer.join()
    assert str(local / "f") in str(caught.value)
    osf.settings.bandwidth = None
    assert other.ls(root) == []


# -- chunks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [False, True])
def test_the_log_follows_an_upload_chunk_by_chunk(fs, plant, root, local, caplog, exists):
    if exists:
        plant.files({"f": b"old"})
    (local / "f").write_bytes(noise(2 * CHUNK + 1))
    fs.ls(root)

    with caplog.at_level(logging.DEBUG, "dvc_osf"):
        fs.put_file(str(local / "f"), f"{root}/f")

    size = 2 * CHUNK + 1
    assert [record.getMessage() for record in caplog.records if record.name == "dvc_osf"] == [
        f"put_file osf://{root}/f: {size} bytes begin",
        f"put_file osf://{root}/f: chunk 1 of 3, {CHUNK} of {size} bytes sent",
        f"put_file osf://{root}/f: chunk 2 of 3, {2 * CHUNK} of {size} bytes sent",
        f"put_file osf://{root}/f: chunk 3 of 3, {size} of {size} bytes sent",
        f"put_file osf://{root}/f: version {2 if exists else 1} stored",
    ]


def test_an_upload_that_breaks_off_says_at_which_chunk(connect_both, osf, root, local, caplog):
    (local / "f").write_bytes(noise(4 * MIB))
    fs = connect_both(upload_chunk_size="1MB", max_retries=1)
    osf.settings.bandwidth = 64 * MIB
    osf.add_fault(Fault(method="PUT", path="kind=file", reset_after_received=2 * MIB))

    with pytest.raises(OSFConnectionError) as caught:
        fs.put_file(str(local / "f"), f"{root}/f")

    error = caught.value
    # Not to the byte: sockets hold some that the server has not read.
    assert MIB <= error.bytes_uploaded <= error.total_size == 4 * MIB
    assert error.chunks == 4
    assert 2 <= error.chunk <= 4
    facts = f"(chunk {error.chunk} of 4, {error.bytes_uploaded} of {4 * MIB} bytes uploaded, 2 att"
    assert facts in str(error)
    # All of it was given up, not one chunk of it, and nothing is left.
    assert facts in caplog.records[-1].getMessage()
    assert caplog.records[-1].levelno == logging.ERROR
    osf.clear_faults()
    assert fs.ls(root, refresh=True) == []


def test_a_refusal_of_a_large_file_says_at_which_chunk(fs, osf, plant, root, local):
    plant.files({"full": b"xx"})
    osf.set_quota(osf.project, 1)
    (local / "f").write_bytes(noise(CHUNK + 1))

    with pytest.raises(OSFQuotaExceededError) as caught:
        fs.put_file(str(local / "f"), f"{root}/f")

    # The OSF says so only after the last byte.
    assert f"chunk 2 of 2, {CHUNK + 1} of {CHUNK + 1} bytes uploaded" in str(caught.value)


def test_a_file_below_a_chunk_has_no_chunks_to_count(fs, osf, plant, root, local):
    plant.files({"full": b"xx"})
    osf.set_quota(osf.project, 1)
    (local / "f").write_bytes(bytes(10))

    with pytest.raises(OSFQuotaExceededError) as caught:
        fs.put_file(str(local / "f"), f"{root}/f")

    assert "chunk" not in str(caught.value)
    assert "10 of 10 bytes uploaded" in str(caught.value)


# -- concurrency ---------------------------------------------------------------------------------


async def test_parents_are_created_once_however_many_want_them(
    osf_here, connect_here, root_here, asked_here
):
    osf_here.settings.strict_duplicates = True
    fs = connect_here()
    place = f"{root_here}/new/deep/er"

    await asyncio.gather(*(fs._pipe_file(f"{place}/{number}", b"x") for number in range(40)))

    assert asked_here() == {"api": 1, "listing": 1, "folder PUT": 3, "file PUT": 40}
    assert len(await fs._ls(place, refresh=True)) == 40


async def test_writers_of_one_file_take_turns(osf_here, connect_here, root_here, asked_here):
    osf_here.settings.strict_duplicates = True
    fs = connect_here()

    await asyncio.gather(*(fs._pipe_file(f"{root_here}/f", b"%d" % n) for n in range(10)))

    assert asked_here()["file PUT"] <= 11
    (info,) = await fs._ls(root_here, refresh=True)
    assert info["version"] == 10
    assert await fs._cat_file(f"{root_here}/f") in [b"%d" % n for n in range(10)]


async def test_only_one_exclusive_writer_wins(connect_here, root_here):
    fs = connect_here()

    done = await asyncio.gather(
        *(fs._pipe_file(f"{root_here}/f", b"%d" % n, mode="create") for n in range(8)),
        return_exceptions=True,
    )

    assert sum(result is None for result in done) == 1
    assert sum(isinstance(result, FileExistsError) for result in done) == 7


async def test_requests_in_flight_are_bounded(osf_here, connect_here, root_here, most_at_once):
    fs = connect_here(max_requests=4)
    await fs._ls(root_here)
    osf_here.clear_requests()
    osf_here.settings.latency = 0.01

    await asyncio.gather(*(fs._pipe_file(f"{root_here}/{n}", b"x") for n in range(40)))

    assert len(osf_here.requests) == 40
    assert most_at_once(osf_here.requests) == 4


async def test_a_bulk_upload_and_download_have_max_requests_in_flight(
    osf_here, connect_here, root_here, local, most_at_once
):
    for number in range(60):
        (local / f"{number}").write_bytes(b"%d" % number)
    fs = connect_here()
    await fs._ls(root_here)
    osf_here.settings.latency = 0.02
    osf_here.clear_requests()

    await fs._put(f"{local}/", f"{root_here}/", recursive=True)
    assert most_at_once([entry for entry in osf_here.requests if entry.method == "PUT"]) == 16
    osf_here.clear_requests()
    await fs._get(f"{root_here}/", str(local / "back"), recursive=True)
    assert most_at_once(osf_here.requests) == 16
    assert {path.name: path.read_bytes() for path in (local / "back").iterdir()} == {
        f"{number}": b"%d" % number for number in range(60)
    }


async def test_files_of_one_path_do_not_starve_each_other_of_buffers(
    osf_here, connect_here, root_here, tmp_path
):
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(noise(6 * MIB))
    small.write_bytes(noise(3 * MIB // 2))
    fs = connect_here(upload_chunk_size="2MB", buffer_size="4MB", upload_timeout=2, max_retries=0)
    await fs._ls(root_here)

    await asyncio.wait_for(
        asyncio.gather(
            fs._put_file(str(large), f"{root_here}/f"),
            *(fs._put_file(str(small), f"{root_here}/f") for _ in range(4)),
        ),
        timeout=10,
    )

    assert osf_here.requests


async def test_a_cancelled_upload_leaves_no_file_and_no_worker(
    osf_here, connect_here, root_here, tmp_path
):
    (tmp_path / "f").write_bytes(noise(4 * CHUNK))
    fs = connect_here()
    await fs._ls(root_here)
    osf_here.settings.bandwidth = 2 * MIB
    task = asyncio.ensure_future(fs._put_file(str(tmp_path / "f"), f"{root_here}/f"))
    await asyncio.sleep(0.3)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    osf_here.settings.bandwidth = None

    assert await fs._ls(root_here, refresh=True) == []
    # All buffers are free again.
    await fs._put_file(str(tmp_path / "f"), f"{root_here}/f")
    assert (await fs._info(f"{root_here}/f"))["size"] == 4 * CHUNK


@pytest.mark.parametrize("into", [True, False])
def test_a_local_file_with_the_name_of_a_pattern_is_meant(fs, other, root, tmp_path, into):
    (tmp_path / "p[1].txt").write_bytes(b"brackets")
    (tmp_path / "p1.txt").write_bytes(b"none")
    fs.put(str(tmp_path / "p[1].txt"), f"{root}/d/" if into else f"{root}/d")
    path = f"{root}/d/p[1].txt" if into else f"{root}/d"
    assert other.find(root) == [path]
    assert other.cat_file(path) == b"brackets"
