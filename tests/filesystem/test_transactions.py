"""Transactions: nothing is visible before the end, and nothing at all after an exception."""

from __future__ import annotations

import io
import threading
import warnings

import pytest

from dvc_osf import OSFPermissionError, OSFVersionConflictError
from dvc_osf.emulator import Fault

WRITES = {"file PUT", "folder PUT", "delete"}


@pytest.fixture
def fs(connect):
    """Return a filesystem that never tries again by itself."""
    return connect(max_retries=0)


def put_count(asked):
    return asked().get("file PUT", 0)


def test_files_appear_when_the_transaction_ends_by_one_request_each(fs, other, root, asked):
    with fs.transaction:
        with fs.open(f"{root}/new/a", "wb") as stream:
            stream.write(b"aaa")
        with fs.open(f"{root}/new/b", "w", encoding="utf-8") as stream:
            stream.write("grün")
        with fs.open(f"{root}/c.gz", "wb", compression="infer") as stream:
            stream.write(b"c" * 1000)
        assert not WRITES & asked().keys()
        assert not other.exists(f"{root}/new")
        asked()
    assert put_count(asked) == 3
    assert other.cat_file(f"{root}/new/a") == b"aaa"
    assert other.cat_file(f"{root}/new/b") == "grün".encode()
    with other.open(f"{root}/c.gz", compression="infer") as stream:
        assert stream.read() == b"c" * 1000
    assert not fs._intrans


def test_after_an_exception_nothing_was_stored(fs, other, root, asked):
    def work():
        with fs.transaction:
            with fs.open(f"{root}/new/a", "wb") as stream:
                stream.write(b"aaa")
            fs.pipe_file(f"{root}/new/b", b"bbb")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not WRITES & asked().keys()
    assert not other.exists(f"{root}/new")
    # The next write is one of its own again.
    fs.pipe_file(f"{root}/after", b"x")
    assert put_count(asked) == 1


def test_everything_that_writes_files_takes_part(fs, other, root, asked, tmp_path):
    (tmp_path / "local").write_bytes(b"local")
    with fs.transaction:
        fs.pipe_file(f"{root}/a", b"piped")
        fs.pipe({f"{root}/b": b"b", f"{root}/c": b"c"})
        fs.put_file(str(tmp_path / "local"), f"{root}/d")
        fs.put(str(tmp_path / "local"), f"{root}/e")
        fs.put(io.BytesIO(b"object"), f"{root}/f")
        fs.write_text(f"{root}/g", "text", encoding="utf-8")
        fs.touch(f"{root}/h")
        # What counts is what the file was when it was put.
        (tmp_path / "local").write_bytes(b"another")
        assert not WRITES & asked().keys()
    assert put_count(asked) == 8
    found = {path.rpartition("/")[2]: data for path, data in other.cat(f"{root}/*").items()}
    assert found == {
        "a": b"piped",
        "b": b"b",
        "c": b"c",
        "d": b"local",
        "e": b"local",
        "f": b"object",
        "g": b"text",
        "h": b"",
    }


def test_a_file_that_exists_keeps_its_content_until_the_end(fs, other, plant, root):
    plant.files({"f": b"old"})
    with fs.transaction:
        fs.pipe_file(f"{root}/f", b"new")
        assert fs.cat_file(f"{root}/f") == other.cat_file(f"{root}/f") == b"old"
    assert fs.cat_file(f"{root}/f") == b"new"
    assert other.info(f"{root}/f")["version"] == 2


def test_the_call_without_a_block_does_the_same(fs, other, root, asked):
    fs.start_transaction()
    fs.pipe_file(f"{root}/f", b"new")
    assert not WRITES & asked().keys()
    fs.end_transaction()
    assert put_count(asked) == 1
    assert other.cat_file(f"{root}/f") == b"new"


def begin_by_block(fs):
    with fs.transaction:
        pass


@pytest.mark.parametrize("begin", [begin_by_block, lambda fs: fs.start_transaction()])
@pytest.mark.parametrize("outer", ["block", "call"])
def test_a_transaction_within_another_is_refused_and_the_other_stays(fs, other, root, begin, outer):
    transaction = fs.start_transaction() if outer == "call" else fs.transaction.__enter__()
    fs.pipe_file(f"{root}/before", b"x")
    with pytest.raises(RuntimeError, match="Commit or discard it first"):
        begin(fs)
    assert fs.transaction is transaction
    fs.pipe_file(f"{root}/after", b"y")
    assert not other.find(root)
    if outer == "call":
        fs.end_transaction()
    else:
        transaction.__exit__(None, None, None)
    assert other.find(root) == [f"{root}/after", f"{root}/before"]


def test_of_threads_that_begin_at_the_same_time_one_may_and_then_the_others(fs, other, root):
    together = threading.Barrier(8)
    tried = threading.Barrier(8)
    refused = []

    def work():
        together.wait()
        transaction = fs.transaction
        try:
            transaction.start()
        except RuntimeError:
            refused.append(transaction)
            tried.wait()
        else:
            fs.pipe_file(f"{root}/first", b"x")
            tried.wait()
            transaction.complete()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    for number, transaction in enumerate(refused):
        with transaction:
            fs.pipe_file(f"{root}/then{number}", b"y")
    assert len(other.find(root)) == 8
    assert not fs._intrans


def test_what_ends_a_transaction_twice_leaves_the_next_one_open(fs, other, root):
    first = fs.start_transaction()
    fs.end_transaction()
    with fs.transaction:
        first.complete(commit=False)
        fs.pipe_file(f"{root}/f", b"x")
        assert not other.find(root)
    assert other.find(root) == [f"{root}/f"]


@pytest.mark.parametrize("commit", [True, False])
def test_after_the_end_another_can_begin(fs, other, root, commit):
    fs.start_transaction().complete(commit=commit)
    with fs.transaction:
        fs.pipe_file(f"{root}/f", b"x")
    fs.start_transaction()
    fs.pipe_file(f"{root}/g", b"y")
    fs.end_transaction()
    assert other.find(root) == [f"{root}/f", f"{root}/g"]


def test_a_file_that_was_left_by_an_exception_is_not_stored_but_the_others_are(fs, other, root):
    def fail():
        with fs.open(f"{root}/half", "wb") as stream:
            stream.write(b"half")
            raise ZeroDivisionError

    with fs.transaction:
        fs.pipe_file(f"{root}/before", b"x")
        with pytest.raises(ZeroDivisionError):
            fail()
        fs.pipe_file(f"{root}/after", b"y")
    assert [path.rpartition("/")[2] for path in other.find(root)] == ["after", "before"]


def test_a_file_that_is_still_open_at_the_end_stores_nothing(fs, root, asked):
    transaction = fs.transaction
    transaction.start()
    fs.pipe_file(f"{root}/whole", b"x")
    stream = fs.open(f"{root}/half", "wb")
    stream.write(b"half")

    with pytest.raises(ValueError, match=f"still open: osf://{root}/half"):
        transaction.complete()
    assert stream.closed
    assert not WRITES & asked().keys()
    assert not fs._intrans


def test_a_failed_upload_is_raised_and_ends_the_transaction(fs, osf, other, root, asked):
    def work():
        with fs.transaction:
            for name in "abc":
                fs.pipe_file(f"{root}/{name}", name.encode())
            osf.add_fault(Fault(method="PUT", path="name=b", status=403))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(OSFPermissionError):
            work()
    assert put_count(asked) == 2
    assert other.find(root) == [f"{root}/a"]
    assert not fs._intrans


def test_exclusive_creation_is_kept(fs, other, root):
    def work():
        with fs.transaction:
            fs.pipe_file(f"{root}/f", b"mine", mode="create")
            other.pipe_file(f"{root}/f", b"theirs")

    with pytest.raises(OSFVersionConflictError):
        work()
    assert other.cat_file(f"{root}/f") == b"theirs"


def test_deleting_and_moving_are_not_put_off(fs, other, plant, root):
    plant.files({"a": b"a", "b": b"b"})
    with fs.transaction:
        fs.rm_file(f"{root}/a")
        fs.mv(f"{root}/b", f"{root}/c")
        assert other.find(root) == [f"{root}/c"]


async def test_an_asynchronous_filesystem_has_no_transactions(connect_here, root_here, asked_here):
    fs = connect_here()
    with fs.transaction:
        with pytest.raises(NotImplementedError, match="synchronous"):
            await fs._pipe_file(f"{root_here}/f", b"x")
        with pytest.raises(NotImplementedError, match="transaction"):
            await fs.open_async(f"{root_here}/f", "wb")
    assert asked_here() == {}
