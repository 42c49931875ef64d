"""What stands between a reader and the requests: block caches, text, compression, local caches."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = random.Random(1).randbytes(3000)
LINES = b"".join(b"line %d\n" % number for number in range(500))
# fsspec leaves the temporary file of its mmap cache to the garbage collector.
leaves_a_file = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
CACHES = [
    *("readahead", "blockcache", "bytes", "all", "first", "none", "background"),
    pytest.param("mmap", marks=leaves_a_file),
]


@pytest.fixture
def fs(connect):
    """Return a filesystem that never tries again by itself."""
    return connect(max_retries=0)


@pytest.fixture
def file(plant, root):
    """Plant a file of random bytes."""
    plant.files({"data/file": DATA})
    return f"{root}/data/file"


READS = st.lists(
    st.tuples(st.integers(0, len(DATA)), st.integers(0, 1200)), min_size=1, max_size=12
)


@pytest.mark.parametrize("cache", CACHES)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reads=READS, block=st.sampled_from([64, 500, 1000, 5000]))
def test_every_cache_reads_the_right_bytes_from_anywhere(fs, file, cache, reads, block):
    with fs.open(file, cache_type=cache, block_size=block) as stream:
        for position, length in reads:
            stream.seek(position)
            assert stream.read(length) == DATA[position : position + length]
            assert stream.tell() == min(position + length, len(DATA))


@pytest.mark.parametrize("cache", CACHES)
def test_every_cache_reads_on_to_the_end(fs, file, cache):
    with fs.open(file, cache_type=cache, block_size=700) as stream:
        assert b"".join(iter(lambda: stream.read(333), b"")) == DATA
        assert stream.read(1) == b""


@pytest.mark.parametrize(
    ("cache", "downloads"), [("all", 1), ("first", 3), ("blockcache", 1), ("none", 3)]
)
def test_a_cache_saves_the_requests_that_it_promises_to(fs, file, asked, cache, downloads):
    fs.info(file)
    asked()
    with fs.open(file, cache_type=cache, block_size=1000) as stream:
        for _ in range(3):
            stream.seek(1100)
            assert stream.read(100) == DATA[1100:1200]
    assert asked() == {"download": downloads}


def test_parts_that_are_known_cost_no_request_and_others_are_refused(fs, file, asked):
    fs.info(file)
    asked()
    known = {"data": {(100, 900): DATA[100:900]}, "strict": True}
    with fs.open(file, cache_type="parts", cache_options=known) as stream:
        stream.seek(200)
        assert stream.read(300) == DATA[200:500]
        stream.seek(800)
        with pytest.raises(ValueError):  # noqa: PT011 - fsspec says no more
            stream.read(200)
    assert asked() == {}


def test_an_unknown_cache_is_refused(fs, file):
    with pytest.raises(KeyError):
        fs.open(file, cache_type="magic")


@pytest.mark.parametrize("cache", ["readahead", "blockcache", "bytes", "none"])
def test_text_is_read_by_lines_through_every_cache(fs, plant, root, cache):
    text = "grün\n" * 300
    plant.files({"t": text.encode()})

    with fs.open(f"{root}/t", "r", encoding="utf-8", cache_type=cache, block_size=101) as stream:
        assert list(stream) == text.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("end", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_compression_is_told_by_the_names_end(fs, other, plant, root, end, pack):
    plant.files({f"t.{end}": pack(LINES)})

    with fs.open(f"{root}/t.{end}", compression="infer", block_size=100) as stream:
        assert stream.read() == LINES
    with fs.open(f"{root}/t.{end}", "r", compression="infer", encoding="ascii") as stream:
        assert stream.readline() == "line 0\n"
        assert len(stream.readlines()) == 499
    with fs.open(f"{root}/new.{end}", "w", compression="infer", encoding="ascii") as stream:
        stream.write(LINES.decode())
    with other.open(f"{root}/new.{end}", compression="infer") as stream:
        assert stream.read() == LINES
    assert other.cat_file(f"{root}/new.{end}") != LINES
    # Without being asked to, nothing is undone.
    with fs.open(f"{root}/t.{end}") as stream:
        assert stream.read() == pack(LINES)


def test_the_beginning_and_the_end_are_read_by_one_request_each(fs, osf, file, asked):
    fs.info(file)
    asked()

    assert fs.head(file, 10) == DATA[:10]
    assert asked() == {"download": 1}
    assert fs.tail(file, 10) == DATA[-10:]
    assert osf.requests[-1].sent == 10
    assert asked() == {"download": 1}


def test_a_block_is_read_from_one_line_end_to_another(fs, plant, root):
    plant.files({"t": LINES, "t.gz": gzip.compress(LINES)})

    assert fs.read_block(f"{root}/t", 100, 50) == LINES[100:150]
    blocks = [
        fs.read_block(f"{root}/t", offset, 1000, delimiter=b"\n")
        for offset in range(0, len(LINES), 1000)
    ]
    assert b"".join(blocks) == LINES
    assert all(block.endswith(b"\n") for block in blocks)


@pytest.fixture
def options(osf, fs):
    """Return what fsspec needs to make a filesystem for the test's OSF from a URL."""
    fsspec.register_implementation("osf", type(fs), clobber=True)
    return {"token": osf.token, "endpoint_url": osf.api_url, "skip_instance_cache": True}


def test_many_files_are_opened_by_a_pattern(plant, root, options):
    plant.files({f"data/{number}.csv": b"%d\n" % number for number in range(5)})

    files = fsspec.open_files(f"osf://{root}/data/*.csv", "r", encoding="ascii", **options)
    found = []
    for opened in files:
        with opened as stream:
            found.append(stream.read())
    assert found == [f"{number}\n" for number in range(5)]


def test_many_files_are_written_by_a_pattern(other, root, options):
    files = fsspec.open_files(f"osf://{root}/out/part-*.txt", "wb", num=3, **options)
    for number, opened in enumerate(files):
        with opened as stream:
            stream.write(b"%d" % number)
    assert other.cat(f"{root}/out/*") == {
        f"{root}/out/part-{number}.txt": b"%d" % number for number in range(3)
    }


@pytest.mark.parametrize("cache", ["filecache", "simplecache"])
def test_a_local_cache_downloads_once(file, options, tmp_path, asked, cache):
    url = f"{cache}::osf://{file}"
    local = {"cache_storage": str(tmp_path / "cache")}

    for turn in range(2):
        with fsspec.open(url, osf=options, **{cache: local}) as stream:
            stream.seek(5)
            assert stream.read(10) == DATA[5:15]
            stream.seek(0)
            assert stream.read() == DATA
        assert asked().get("download", 0) == (turn == 0)


@leaves_a_file
def test_a_local_cache_by_blocks_fetches_what_is_read(file, options, tmp_path, osf):
    local = {"cache_storage": str(tmp_path / "cache")}
    with fsspec.open(f"blockcache::osf://{file}", osf=options, blockcache=local) as stream:
        stream.seek(-10, io.SEEK_END)
        assert stream.read() == DATA[-10:]
    assert sum("version" in entry.query for entry in osf.requests) == 1


def test_a_local_cache_sees_that_a_file_has_changed(file, options, other, tmp_path):
    local = {"cache_storage": str(tmp_path / "cache"), "check_files": True}
    options["use_listings_cache"] = False

    def read():
        with fsspec.open(f"filecache::osf://{file}", osf=options, filecache=local) as stream:
            return stream.read()

    assert read() == DATA
    other.pipe_file(file, b"changed")
    assert read() == b"changed"


def test_a_local_cache_passes_writes_on(other, root, options, tmp_path):
    local = {"cache_storage": str(tmp_path / "cache")}
    url = f"simplecache::osf://{root}/written"

    with fsspec.open(url, "wb", osf=options, simplecache=local) as stream:
        stream.write(b"through")
    assert other.cat_file(f"{root}/written") == b"through"


def test_the_caches_options_are_pickled(fs, plant, root):
    plant.files({"a": b"abc"})
    options = {"cache_type": "blockcache", "cache_options": {"maxblocks": 2}}
    with (
        fs.open(f"{root}/a", **options) as file,
        pickle.loads(pickle.dumps(file)) as twin,
    ):
        assert twin.cache.maxblocks == 2
