"""Files open for writing: one upload when they are closed, or none."""

from __future__ import annotations

import asyncio
import bz2
import gc
import gzip
import hashlib
import lzma
import threading

import pytest

from dvc_osf import OSFIntegrityError, OSFPermissionError, OSFTimeoutError
from dvc_osf.emulator import Fault
from dvc_osf.filesystem import OSFWriteFile

MIB = 1024 * 1024


@pytest.fixture
def fs(connect):
    """Return a filesystem that never tries again by itself."""
    return connect(max_retries=0)


def test_closing_uploads_once(fs, other, root, asked):
    with fs.open(f"osf://{root}/new/file", "wb") as stream:
        assert stream.writable()
        assert not stream.readable()
        assert stream.write(b"some ") == 5
        assert stream.write(b"bytes") == 5
        assert stream.tell() == 10
        stream.flush()
        assert asked() == {}
    assert stream.closed
    assert asked() == {"api": 1, "listing": 1, "folder PUT": 1, "file PUT": 1}
    assert other.cat_file(f"{root}/new/file") == b"some bytes"
    # Closing again does nothing.
    stream.close()
    assert "file PUT" not in asked()


def test_a_file_that_was_flushed_by_force_can_be_closed(fs, other, root, asked):
    with fs.open(f"{root}/f", "wb") as stream:
        stream.write(b"bytes")
        stream.flush(force=True)
        assert asked()["file PUT"] == 1
        with pytest.raises(ValueError, match="can only close"):
            stream.write(b"more")
    assert stream.closed
    assert asked() == {}
    assert other.cat_file(f"{root}/f") == b"bytes"


@pytest.mark.parametrize("mode", ["wb", "bw"])
def test_overwriting_makes_a_version_of_the_same_file(fs, other, plant, root, mode):
    (file_id,) = plant.files({"f": b"old and longer"})

    with fs.open(f"{root}/f", mode) as stream:
        stream.write(b"new")

    info = other.info(f"{root}/f")
    assert (info["id"], info["version"], info["size"]) == (file_id, 2, 3)
    assert other.cat_file(f"{root}/f") == b"new"


def test_opening_for_writing_makes_our_own_kind_of_file(fs, root):
    with fs.open(f"{root}/b", "wb") as stream:
        assert type(stream) is OSFWriteFile
    with fs.open(f"{root}/t", "w", encoding="utf-8") as stream:
        assert type(stream.buffer) is OSFWriteFile


@pytest.mark.parametrize("mode", ["w", "wt", "tw"])
def test_text_is_encoded(fs, other, root, mode):
    with fs.open(f"{root}/t", mode, encoding="latin-1", newline="\r\n") as stream:
        assert stream.write("grün\n") == 5
        print("blau", file=stream)
    assert other.cat_file(f"{root}/t") == "grün\r\nblau\r\n".encode("latin-1")


def test_writing_text_and_bytes_in_one_call(fs, other, root):
    fs.write_text(f"{root}/t", "grün", encoding="latin-1")
    fs.write_bytes(f"{root}/b", b"bytes")

    assert other.read_text(f"{root}/t", encoding="latin-1") == "grün"
    assert other.cat_file(f"{root}/b") == b"bytes"


@pytest.mark.parametrize(("mode", "data"), [("w", "grün"), ("wb", "grün".encode())])
def test_a_file_can_be_made_by_its_class(fs, other, root, mode, data):
    with OSFWriteFile(fs, f"{root}/f", mode=mode, chunk_size=1024 * 1024) as stream:
        assert stream.writable()
        assert stream.write(data) == len(data)
    assert other.cat_file(f"{root}/f") == "grün".encode()


def half_write(stream, mode):
    stream.write("half" if "b" not in mode else b"half")
    raise ZeroDivisionError


@pytest.mark.parametrize("mode", ["wb", "w", "xb", "x"])
def test_leaving_by_an_exception_stores_nothing(fs, other, root, asked, mode):
    stream = fs.open(f"{root}/new/f", mode)
    with pytest.raises(ZeroDivisionError), stream:
        half_write(stream, mode)

    assert stream.closed
    assert asked().keys() <= {"api", "listing"}
    assert not other.exists(f"{root}/new")
    stream.close()
    del stream
    gc.collect()


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_leaving_by_an_exception_keeps_the_old_file(fs, other, plant, root, mode):
    plant.files({"f": b"old"})
    with pytest.raises(ZeroDivisionError), fs.open(f"{root}/f", mode) as stream:
        half_write(stream, mode)
    assert other.info(f"{root}/f")["version"] == 1


def test_an_empty_file_can_be_written(fs, other, root):
    fs.open(f"{root}/empty", "wb").close()
    fs.open(f"{root}/empty text", "w").close()

    assert other.cat_file(f"{root}/empty") == b""
    assert other.info(f"{root}/empty text")["size"] == 0


@pytest.mark.parametrize("size", [MIB, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 17 * MIB])
def test_large_files_go_up_whole_in_one_request(connect, other, root, asked, size):
    fs = connect(upload_chunk_size="2MB", max_retries=0)
    piece = bytes(range(256)) * 4096
    with fs.open(f"{root}/f", "wb") as stream:
        written = 0
        while written < size:
            written += stream.write(piece[: size - written])
    assert asked()["file PUT"] == 1
    assert other.cat_file(f"{root}/f") == (piece * 18)[:size]


@pytest.mark.parametrize("block", [1, 10, 1000])
def test_the_block_size_does_not_matter(fs, other, root, block):
    with fs.open(f"{root}/f", "wb", block_size=block) as stream:
        for number in range(100):
            stream.write(b"%d," % number)
    assert other.cat_file(f"{root}/f") == b"".join(b"%d," % number for number in range(100))


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"array"), memoryview(b"view")])
def test_anything_like_bytes_can_be_written(fs, other, root, data):
    with fs.open(f"{root}/f", "wb") as stream:
        stream.write(data)
    assert other.cat_file(f"{root}/f") == bytes(data)


@pytest.mark.parametrize("mode", ["xb", "x", "bx"])
def test_exclusive_creation_makes_a_new_file(fs, other, root, mode):
    with fs.open(f"{root}/f", mode) as stream:
        stream.write("text" if "b" not in mode else b"text")
    assert other.cat_file(f"{root}/f") == b"text"


@pytest.mark.parametrize("mode", ["xb", "x", "bx"])
def test_exclusive_creation_refuses_a_file_at_open(fs, other, plant, root, mode):
    plant.files({"f": b"old"})
    with pytest.raises(FileExistsError, match="osf://") as caught:
        fs.open(f"{root}/f", mode)
    assert f"{root}/f" in str(caught.value)
    assert other.info(f"{root}/f")["version"] == 1


def test_exclusive_creation_loses_a_race_without_harm(fs, other, root):
    stream = fs.open(f"{root}/f", "xb")
    stream.write(b"late")
    other.pipe_file(f"{root}/f", b"early")

    with pytest.raises(FileExistsError):
        stream.close()
    assert stream.closed
    assert other.cat_file(f"{root}/f") == b"early"
    assert other.info(f"{root}/f")["version"] == 1


def test_exclusive_creation_goes_ahead_where_another_client_has_deleted(fs, other, plant, root):
    plant.files({"f": b"old"})
    fs.info(f"{root}/f")
    other.rm_file(f"{root}/f")

    with fs.open(f"{root}/f", "xb") as stream:
        stream.write(b"new")
    assert other.cat_file(f"{root}/f") == b"new"


@pytest.mark.parametrize(
    ("compression", "undo"),
    [("gzip", gzip.decompress), ("bz2", bz2.decompress), ("xz", lzma.decompress)],
)
def test_compressed_files_are_stored_when_they_are_closed(fs, other, root, compression, undo):
    with fs.open(f"{root}/f", "wb", compression=compression) as stream:
        stream.write(b"to be pressed" * 100)
    assert undo(other.cat_file(f"{root}/f")) == b"to be pressed" * 100


def test_compressed_text_is_stored(fs, other, root):
    with fs.open(f"{root}/f.gz", "wt", compression="infer", encoding="utf-8") as stream:
        stream.write("grün")
    assert gzip.decompress(other.cat_file(f"{root}/f.gz")).decode() == "grün"


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zip"])
@pytest.mark.parametrize("mode", ["wb", "wt", "xb", "x"])
def test_what_is_compressed_is_not_stored_after_an_exception(fs, root, asked, mode, compression):
    stream = fs.open(f"{root}/f", mode, compression=compression)
    stream.write("x" * 100_000 if "b" not in mode else b"x" * 100_000)
    with pytest.raises(ZeroDivisionError), stream:
        half_write(stream, mode)

    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.write("x" if "b" not in mode else b"x")
    stream.close()
    del stream
    gc.collect()
    assert "file PUT" not in asked()


@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_what_was_not_compressed_to_its_end_is_not_stored(fs, root, asked, monkeypatch, mode):
    def fail(_compressor):
        raise ZeroDivisionError

    stream = fs.open(f"{root}/f", mode, compression="bz2")
    stream.write("x" if "b" not in mode else b"x")
    monkeypatch.setattr(bz2.BZ2File, "close", fail)
    with pytest.raises(ZeroDivisionError):
        stream.close()
    monkeypatch.undo()
    assert stream.closed
    assert asked() == {}


@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_compressed_files_of_a_transaction_that_fails_can_be_closed(fs, other, root, mode):
    def half_of_it():
        with fs.transaction:
            streams.append(fs.open(f"{root}/f", mode, compression="gzip"))
            half_write(streams[0], mode)

    streams = []
    with pytest.raises(ZeroDivisionError):
        half_of_it()
    with pytest.raises(ValueError, match="closed"):
        streams[0].write("x" if "b" not in mode else b"x")
    streams[0].close()
    assert other.ls(root) == []


def test_an_unclosed_file_warns_and_uploads_nothing(fs, root, asked):
    streams = [fs.open(f"{root}/f", "wb")]
    streams[0].write(b"x")
    with pytest.warns(ResourceWarning, match="never closed; nothing was uploaded"):
        streams.clear()
    assert "file PUT" not in asked()


def let_go_here(_fs, held):
    held.clear()
    gc.collect()


def let_go_elsewhere(fs, held):
    worker = threading.Thread(target=let_go_here, args=(fs, held))
    worker.start()
    worker.join()


def let_go_in_the_event_loop(fs, held):
    async def let_go():
        let_go_here(fs, held)

    asyncio.run_coroutine_threadsafe(let_go(), fs.loop).result()


@pytest.mark.parametrize("let_go", [let_go_here, let_go_elsewhere, let_go_in_the_event_loop])
@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize(
    ("mode", "compression"),
    [("w", None), ("x", None), ("w", "gzip"), ("w", "bz2"), ("w", "xz"), ("wb", "gzip")],
)
def test_an_unclosed_file_is_collected_without_a_request(
    fs, root, asked, mode, compression, cyclic, let_go
):
    held = [fs.open(f"{root}/f", mode, compression=compression)]
    held[0].write("half" if "b" not in mode else b"half")
    if cyclic:
        held[0].ring = held[0]
    gc.collect()
    asked()
    with pytest.warns(ResourceWarning, match="never closed; nothing was uploaded") as warned:
        let_go(fs, held)
    assert len(warned) == 1
    assert asked() == {}


def test_text_that_is_detached_or_no_text_can_be_collected(fs, other, root):
    stream = fs.open(f"{root}/f", "w")
    stream.write("text")
    below = stream.detach()
    del stream
    gc.collect()
    below.close()
    assert other.cat_file(f"{root}/f") == b"text"

    with pytest.warns(ResourceWarning, match="never closed"), pytest.raises(LookupError):
        fs.open(f"{root}/g", "w", encoding="no such")
    gc.collect()
    assert not other.exists(f"{root}/g")


def test_a_refusal_is_raised_by_close(connect, osf, plant, root):
    plant.files({"other": b""})
    reader = osf.add_token(scopes=["osf.full_read"])
    fs = connect(token=reader, max_retries=0)

    stream = fs.open(f"{root}/f", "wb")
    stream.write(b"x")
    with pytest.raises(OSFPermissionError) as caught:
        stream.close()
    assert f"osf://{root}/f" in str(caught.value)
    assert stream.closed
    stream.close()


def test_bytes_that_arrived_differently_are_an_error_of_close(fs, osf, root):
    osf.add_fault(
        Fault(
            method="PUT",
            status=201,
            body={
                "data": {
                    "id": "osfstorage/6b032f0594237904f07f5572",
                    "attributes": {
                        "kind": "file",
                        "name": "f",
                        "path": "/6b032f0594237904f07f5572",
                        "size": 5,
                        "extra": {"version": 1, "hashes": {"md5": "0" * 32}},
                    },
                }
            },
        )
    )
    stream = fs.open(f"{root}/f", "wb")
    stream.write(b"bytes")

    with pytest.raises(OSFIntegrityError) as caught:
        stream.close()
    assert caught.value.expected == hashlib.md5(b"bytes").hexdigest()
    assert caught.value.actual == "0" * 32


def test_a_refusal_is_raised_by_the_with_block(connect, osf, root):
    fs = connect(token=osf.add_token(scopes=["osf.full_read"]), max_retries=0)
    with pytest.raises(OSFPermissionError), fs.open(f"{root}/f", "w") as stream:
        stream.write("x")
    assert stream.closed


def test_silence_while_closing_is_our_timeout(connect, osf, plant, root):
    plant.files({"other": b""})
    fs = connect(max_retries=0, upload_timeout=0.3, timeout=5)
    fs.info(f"{root}/other")
    osf.add_fault(Fault(method="PUT", hang=True))
    stream = fs.open(f"{root}/f", "wb")
    stream.write(b"x")
    with pytest.raises(OSFTimeoutError) as caught:
        stream.close()
    assert f"{root}/f" in str(caught.value)


def test_a_file_needs_a_name(fs, osf, root):
    for place in (root, osf.project):
        # When it is opened, or when it is closed.
        with pytest.raises(OSError, match="needs a name"):
            fs.open(place, "wb").close()


def test_a_transaction_uploads_at_its_end(fs, other, root):
    with fs.transaction:
        with fs.open(f"{root}/a", "wb") as stream:
            stream.write(b"1")
        with fs.open(f"{root}/b", "wb") as stream:
            stream.write(b"2")
        assert not other.exists(f"{root}/a")
    assert other.cat_file(f"{root}/a") == b"1"
    assert other.cat_file(f"{root}/b") == b"2"


def test_a_transaction_that_fails_uploads_nothing(fs, other, root):
    def half_of_it():
        with fs.transaction:
            with fs.open(f"{root}/a", "wb") as stream:
                stream.write(b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_of_it()
    assert other.ls(root) == []


def test_touch_makes_an_empty_file(fs, other, root):
    fs.touch(f"{root}/new/f")
    assert other.info(f"{root}/new/f")["size"] == 0


def test_touch_empties_a_file_by_a_version(fs, other, plant, root):
    plant.files({"f": b"full"})
    fs.touch(f"{root}/f")
    assert (other.info(f"{root}/f")["size"], other.info(f"{root}/f")["version"]) == (0, 2)


def test_touch_without_truncation_never_empties_a_file(fs, other, plant, root):
    plant.files({"f": b"full"})
    with pytest.raises(NotImplementedError):
        fs.touch(f"{root}/f", truncate=False)
    assert other.cat_file(f"{root}/f") == b"full"
    fs.touch(f"{root}/g", truncate=False)
    assert other.cat_file(f"{root}/g") == b""


def test_many_writers_at_once_in_threads(fs, other, root):
    from concurrent.futures import ThreadPoolExecutor

    def write(number):
        with fs.open(f"{root}/new/{number}", "wb") as stream:
            stream.write(b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(30)))
    assert {info["size"] for info in other.ls(f"{root}/new")} == {1, 2}
    assert len(other.ls(f"{root}/new")) == 30


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_text_is_what_a_local_file_would_hold(fs, root, tmp_path, encoding, compression):
    text = "first\nzweite Zeile: ü\n"
    (tmp_path / "text").write_text(text, encoding=encoding, newline="\n")
    path, options = f"{root}/text", {"encoding": encoding, "compression": compression}
    with fs.open(path, "w", newline="\n", **options) as stream:
        assert stream.write("") == 0
        assert stream.write(text) == len(text)
    with fs.open(path, "rb", compression=compression) as stream:
        assert stream.read() == (tmp_path / "text").read_bytes()
    with fs.open(path, "r", **options) as stream:
        assert stream.read() == text


def test_lines_of_a_compressed_file_come_one_by_one(fs, root):
    with fs.open(f"{root}/lines.gz", "wb", compression="gzip") as stream:
        stream.write(b"one\ntwo\n")
    with fs.open(f"{root}/lines.gz", "rb", compression="gzip") as stream:
        assert [next(stream), next(stream)] == [b"one\n", b"two\n"]
        with pytest.raises(StopIteration):
            next(stream)


def test_a_mode_that_does_not_exist_is_refused(fs, other, root, tmp_path):
    (tmp_path / "local").write_bytes(b"new")
    fs.pipe_file(f"{root}/a", b"old")
    for write in (
        lambda: fs.pipe_file(f"{root}/a", b"new", mode="exclusive"),
        lambda: fs.put_file(str(tmp_path / "local"), f"{root}/a", mode="exclusive"),
    ):
        with pytest.raises(ValueError, match="not 'exclusive'"):
            write()
    assert other.cat_file(f"{root}/a") == b"old"
