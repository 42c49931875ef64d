"""Reading into memory."""

from __future__ import annotations

import hashlib

import pytest

from dvc_osf import OSFIntegrityError, OSFIsADirectoryError, OSFNotFoundError
from dvc_osf.emulator import Fault

DATA = bytes(range(256)) * 4


@pytest.fixture
def file(plant, root):
    """Plant a file of 1,024 bytes."""
    plant.files({"data/file": DATA})
    return f"{root}/data/file"


def test_a_file_is_read_whole_by_one_request(fs, file, asked):
    fs.info(file)
    asked()

    assert fs.cat_file(f"osf://{file}") == DATA
    assert asked() == {"download": 1}


RANGES = [
    (None, None),
    (0, None),
    (None, 0),
    (None, 1024),
    (0, 1),
    (1023, 1024),
    (100, 200),
    (100, None),
    (None, 100),
    (-24, None),
    (-24, -4),
    (None, -1000),
    (100, -100),
    (-2000, 10),
    (1000, 5000),
    (1024, None),
    (1024, 2048),
    (5000, None),
    (5000, 6000),
    (200, 100),
    (0, 0),
    (-4, -24),
    (None, -1024),
    (None, -5000),
]


@pytest.mark.parametrize(("start", "end"), RANGES)
def test_a_range_is_what_a_slice_is(fs, file, start, end):
    assert fs.cat_file(file, start=start, end=end) == DATA[start:end]


@pytest.mark.parametrize(("start", "end"), RANGES)
def test_a_range_is_what_a_slice_is_behind_a_redirect_too(fs, osf, file, start, end):
    osf.settings.storage_redirect = True

    assert fs.cat_file(file, start=start, end=end) == DATA[start:end]


def test_only_what_is_wanted_travels(fs, osf, file):
    assert fs.cat_file(file, start=100, end=110) == DATA[100:110]
    download = osf.requests[-1]
    assert download.headers["range"] == "bytes=100-109"
    assert download.sent == 10
    # A whole file is asked for without a range.
    fs.cat_file(file)
    assert "range" not in osf.requests[-1].headers


@pytest.mark.parametrize(("start", "end"), [(1024, None), (5, 5), (9000, 9001), (8, 4), (None, 0)])
def test_nothing_is_asked_for_where_nothing_is_wanted(fs, file, asked, start, end):
    fs.info(file)
    asked()

    assert fs.cat_file(file, start=start, end=end) == b""
    assert asked() == {}


def test_an_empty_file_is_empty(fs, plant, root, asked):
    plant.files({"empty": b""})
    fs.info(f"{root}/empty")
    asked()

    assert fs.cat_file(f"{root}/empty") == b""
    assert fs.cat_file(f"{root}/empty", start=-5, end=3) == b""
    assert asked() == {}


def test_several_are_read_at_once(fs, plant, root):
    plant.files({f"{letter}": letter.encode() * 3 for letter in "abc"})

    assert fs.cat(f"{root}/a") == b"aaa"
    assert fs.cat([f"{root}/a", f"osf://{root}/c"]) == {f"{root}/a": b"aaa", f"{root}/c": b"ccc"}
    assert fs.cat(f"{root}/*") == {f"{root}/{letter}": letter.encode() * 3 for letter in "abc"}
    assert fs.cat(root, recursive=True, on_error="omit").keys() >= {f"{root}/a", f"{root}/b"}


def test_what_to_do_about_missing_ones_is_the_callers_choice(fs, plant, root):
    plant.files({"a": b"x"})
    paths = [f"{root}/a", f"{root}/nothing"]

    assert fs.cat(paths, on_error="omit") == {f"{root}/a": b"x"}
    returned = fs.cat(paths, on_error="return")
    assert returned[f"{root}/a"] == b"x"
    assert isinstance(returned[f"{root}/nothing"], OSFNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat(paths)


def test_many_ranges_of_many_files(fs, file, plant, root):
    plant.files({"other": b"0123456789"})

    assert fs.cat_ranges([file, f"{root}/other", file], [0, 2, -4], [4, 5, None]) == [
        DATA[:4],
        b"234",
        DATA[-4:],
    ]


def test_a_missing_file_is_not_found(fs, root):
    with pytest.raises(OSFNotFoundError) as caught:
        fs.cat_file(f"{root}/nothing")
    assert caught.value.path == f"{root}/nothing"
    assert caught.value.operation == "cat_file"


@pytest.mark.parametrize("path", ["{root}/data", "{root}", "{project}"])
def test_a_folder_cannot_be_read(fs, osf, root, plant, path):
    plant.folders("data")

    with pytest.raises(IsADirectoryError) as caught:
        fs.cat_file(path.format(root=root, project=osf.project))
    assert isinstance(caught.value, OSFIsADirectoryError)


def test_a_file_wins_over_a_folder_of_its_name(fs, plant, root):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    assert fs.cat_file(f"{root}/twin") == b"file"
    assert fs.cat_file(f"{root}/twin/inside") == b"deeper"


@pytest.mark.parametrize(
    "fault", [Fault(corrupt=500), Fault(corrupt=-1), Fault(shorten=1000)], ids=repr
)
def test_damaged_bytes_are_never_returned(fs, osf, file, fault):
    fault.path, fault._pattern = None, None
    fault.method = "GET"
    fs.info(file)
    osf.add_fault(fault)

    with pytest.raises((OSFIntegrityError, ConnectionError)) as caught:
        fs.cat_file(file)
    assert f"cat_file osf://{file}" in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        {"corrupt": 0},
        {"truncate": 1},
        {"truncate": 0},
        {"shorten": 512},
        {"reset_after_sent": 700},
        {"reset": True},
        {"status": 500},
        {"status": 502, "body": "<html>bad gateway</html>"},
        {"status": 503},
        {"status": 504},
        {"status": 429, "retry_after": 7},
    ],
    ids=str,
)
def test_what_passes_is_tried_again(connect_both, osf, file, fault, clock):
    fs = connect_both()
    fs.info(file)
    osf.add_fault(Fault(method="GET", times=2, **fault))

    assert fs.cat_file(file) == DATA
    assert clock.pauses


def test_it_gives_up_after_max_retries(connect_both, osf, file, asked):
    fs = connect_both(max_retries=3)
    fs.info(file)
    asked()
    osf.add_fault(Fault(method="GET", status=503))

    with pytest.raises(OSError, match="4 attempts"):
        fs.cat_file(file)
    assert asked() == {"download": 4}
    assert fs.stats.retries == 3


def test_an_overwritten_file_is_read_as_it_was_listed_until_the_listing_expires(
    fs, other, file, clock
):
    size = fs.info(file)["size"]
    other.pipe_file(file, b"short")

    # The version that info described, whole, not a mixture.
    assert len(fs.cat_file(file)) == size
    clock.forward += 61
    assert fs.cat_file(file) == b"short"


def test_a_file_replaced_by_another_client_is_found_again(fs, other, file):
    fs.info(file)
    other.rm_file(file)
    other.pipe_file(file, b"another file of that name")

    # The id in the cache is gone; the path is resolved once more.
    assert fs.cat_file(file) == b"another file of that name"


def test_a_file_deleted_by_another_client_is_not_found(fs, other, file):
    fs.info(file)
    other.rm_file(file)

    with pytest.raises(FileNotFoundError):
        fs.cat_file(file)
    assert not fs.exists(file)


def test_head_tail_and_blocks(connect, file):
    fs = connect()

    assert fs.head(file, 10) == DATA[:10]
    assert fs.tail(file, 10) == DATA[-10:]
    assert fs.read_block(file, 100, 50) == DATA[100:150]
    assert fs.read_bytes(file) == DATA


def test_large_files_come_whole(connect_both, plant, root):
    data = bytes(20 * 1024 * 1024 + 1)
    plant.files({"large": data})
    fs = connect_both()

    found = fs.cat_file(f"{root}/large")
    assert hashlib.md5(found).digest() == hashlib.md5(data).digest()
    assert fs.cat_file(f"{root}/large", start=-1) == b"\0"
