"""Files open for reading."""

from __future__ import annotations

import gzip
import io

import pytest

from dvc_osf import OSFIsADirectoryError, OSFNotFoundError, OSFTimeoutError
from dvc_osf.emulator import Fault

DATA = b"".join(b"line %d\n" % number for number in range(1000))


@pytest.fixture
def fs(connect):
    """Return a filesystem that never tries again by itself."""
    return connect(max_retries=0)


@pytest.fixture
def file(plant, root):
    """Plant a text of a thousand lines."""
    plant.files({"data/text": DATA})
    return f"{root}/data/text"


def test_it_reads_seeks_and_tells(fs, file):
    with fs.open(f"osf://{file}") as stream:
        assert stream.read(4) == b"line"
        assert stream.tell() == 4
        assert stream.seek(-5, io.SEEK_END) == len(DATA) - 5
        assert stream.read() == DATA[-5:]
        assert stream.read() == b""
        stream.seek(10)
        assert stream.seek(5, io.SEEK_CUR) == 15
        assert stream.read(7) == DATA[15:22]
        stream.seek(0)
        assert stream.read() == DATA
        assert stream.readable()
        assert stream.seekable()
        assert not stream.writable()
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.read()


def test_it_is_read_by_lines(fs, file):
    with fs.open(file) as stream:
        assert stream.readline() == b"line 0\n"
        assert list(stream) == DATA.splitlines(keepends=True)[1:]
    with fs.open(file) as stream:
        assert stream.readlines() == DATA.splitlines(keepends=True)


def test_it_reads_into_a_buffer(fs, file):
    buffer = bytearray(10)
    with fs.open(file) as stream:
        assert stream.readinto(buffer) == 10
    assert buffer == DATA[:10]


def test_its_size_and_details_are_known(fs, file):
    with fs.open(file) as stream:
        assert stream.size == len(DATA)
        assert stream.info() == fs.info(file)


@pytest.mark.parametrize("mode", ["r", "rt", "tr"])
def test_text_is_decoded(fs, plant, root, mode):
    plant.files({"t": "grün\r\nblau".encode("latin-1")})

    with fs.open(f"{root}/t", mode, encoding="latin-1") as stream:
        assert stream.read() == "grün\nblau"
    with fs.open(f"{root}/t", mode, encoding="latin-1", newline="") as stream:
        assert list(stream) == ["grün\r\n", "blau"]
    with fs.open(f"{root}/t", mode, encoding="ascii", errors="replace") as stream:
        assert stream.readline() == "gr\ufffdn\n"
    assert fs.read_text(f"{root}/t", encoding="latin-1") == "grün\nblau"


@pytest.mark.parametrize("mode", ["rb", "br"])
def test_both_spellings_of_the_mode_read(fs, other, file, mode):
    with fs.open(file, mode) as stream:
        assert stream.read() == DATA
    assert other.info(file)["version"] == 1


@pytest.mark.parametrize("mode", ["", "q", "b", "rw", "rwb", "rU", "rbU", "rx", "wx", "rr", "bt"])
def test_what_is_no_mode_is_refused_and_changes_nothing(fs, other, file, mode):
    with pytest.raises(ValueError):  # noqa: PT011 - in the words of whoever finds it first
        fs.open(file, mode).close()
    assert other.info(file)["version"] == 1


@pytest.mark.parametrize("cache", ["none", "readahead", "bytes", "all", "blockcache", "first"])
@pytest.mark.parametrize("block", [100, 1000, None])
def test_every_block_cache_reads_the_same(fs, file, cache, block):
    with fs.open(file, cache_type=cache, block_size=block) as stream:
        stream.seek(100)
        assert stream.read(50) == DATA[100:150]
        stream.seek(-10, io.SEEK_END)
        assert stream.read(100) == DATA[-10:]
        stream.seek(3)
        assert stream.read() == DATA[3:]


def test_a_block_is_one_request(fs, osf, file, asked):
    fs.info(file)
    asked()
    with fs.open(file, block_size=1000, cache_type="readahead") as stream:
        stream.read(10)
        stream.read(10)
        assert asked() == {"download": 1}
        stream.seek(5000)
        stream.read(1)
        assert 1 <= osf.requests[-1].sent <= 1001
    assert asked() == {"download": 1}


def test_opening_asks_only_for_what_is_not_known(fs, file, asked):
    fs.open(file).close()
    # The project, its root and the folder; no byte of the file.
    assert asked() == {"api": 1, "listing": 2}


def test_an_open_file_stays_the_version_that_was_opened(fs, other, file):
    with fs.open(file, block_size=100, cache_type="none") as stream:
        first = stream.read(100)
        other.pipe_file(file, b"another" * 1000)
        fs.invalidate_cache()
        assert first + stream.read() == DATA
    with fs.open(file) as stream:
        assert stream.read(7) == b"another"


def test_the_filesystems_own_write_does_not_change_an_open_file(fs, file):
    with fs.open(file, block_size=100, cache_type="none") as stream:
        stream.read(10)
        fs.pipe_file(file, b"new")
        assert stream.read(10) == DATA[10:20]
    assert fs.cat_file(file) == b"new"


def test_an_open_file_that_is_deleted_is_an_error(fs, other, file):
    with fs.open(file, block_size=100, cache_type="none") as stream:
        stream.read(10)
        other.rm_file(file)
        with pytest.raises(OSFNotFoundError):
            stream.read(10)


def test_an_empty_file_reads_nothing(fs, plant, root, asked):
    plant.files({"empty": b""})
    with fs.open(f"{root}/empty") as stream:
        assert stream.read() == b""
        assert stream.size == 0
    assert "download" not in asked()


def test_a_missing_file_fails_at_open(fs, root):
    with pytest.raises(FileNotFoundError) as caught:
        fs.open(f"{root}/nothing")
    assert isinstance(caught.value, OSFNotFoundError)
    assert caught.value.operation == "open"
    with pytest.raises(FileNotFoundError):
        fs.open(f"{root}/nothing", "r")


def test_a_folder_cannot_be_opened(fs, plant, root):
    plant.folders("data")
    with pytest.raises(OSFIsADirectoryError):
        fs.open(f"{root}/data")
    with pytest.raises(OSFIsADirectoryError):
        fs.open(root)


@pytest.mark.parametrize("mode", ["a", "ab", "r+", "r+b", "rb+", "w+", "w+b", "a+", "x+b"])
def test_appending_and_mixed_modes_are_not_possible(fs, file, mode, asked):
    with pytest.raises(NotImplementedError, match="stores whole files"):
        fs.open(file, mode)
    assert asked() == {}


def test_compression_is_undone(fs, plant, root):
    plant.files({"t.gz": gzip.compress(DATA)})
    with fs.open(f"{root}/t.gz", compression="infer") as stream:
        assert stream.read() == DATA
    with fs.open(f"{root}/t.gz", "rt", compression="gzip", encoding="utf-8") as stream:
        assert stream.readline() == "line 0\n"


def test_a_failure_while_reading_is_an_error_with_the_path(fs, osf, file):
    with fs.open(file) as stream:
        osf.add_fault(Fault(path="version=", status=503))
        with pytest.raises(OSError, match="HTTP 503") as caught:
            stream.read(10)
    assert file in str(caught.value)


def test_silence_while_reading_is_our_timeout(connect, osf, file):
    fs = connect(max_retries=0, timeout=0.2)
    with fs.open(file) as stream:
        osf.add_fault(Fault(path="version=", hang=True))
        with pytest.raises(OSFTimeoutError) as caught:
            stream.read(10)
    assert file in str(caught.value)


def test_silence_while_opening_is_our_timeout(connect, osf, file):
    fs = connect(max_retries=0, timeout=0.2)
    osf.add_fault(Fault(hang=True))
    with pytest.raises(OSFTimeoutError):
        fs.open(file)


def test_two_readers_of_one_file_do_not_disturb_each_other(fs, file):
    with fs.open(file, block_size=50) as one, fs.open(file, block_size=70) as two:
        pairs = [(one.read(33), two.read(33)) for _ in range(50)]
    assert all(mine == yours for mine, yours in pairs)


def test_pandas_like_use_through_fsspec_open(fs, osf, file):
    import fsspec

    fsspec.register_implementation("osf", type(fs), clobber=True)
    options = {"token": osf.token, "endpoint_url": osf.api_url}
    with fsspec.open(f"osf://{file}", "rt", encoding="utf-8", **options) as stream:
        assert stream.readline() == "line 0\n"
    with fsspec.open(f"osf://{file}", "rb", **options) as stream:
        assert stream.read() == DATA
