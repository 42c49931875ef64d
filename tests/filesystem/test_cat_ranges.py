"""Many ranges of many files."""

from __future__ import annotations

import pytest

from dvc_osf import OSFException, OSFNotFoundError, OSFPathError
from dvc_osf.emulator import Fault

DATA = bytes(range(256)) * 1024  # 256 KiB
KIB = 1024


@pytest.fixture
def file(plant, root, fs, asked):
    """Plant a file of 256 KiB that the filesystem's cache knows."""
    plant.files({"data/file": DATA, "data/other": b"0123456789"})
    fs.info(f"{root}/data/file")
    asked()
    return f"{root}/data/file"


def test_neighbouring_and_overlapping_ranges_are_one_request(fs, osf, file, asked):
    starts = [0, 100, 50, 300, 299]
    ends = [100, 200, 150, 400, 301]

    found = fs.cat_ranges([file] * 5, starts, ends, max_gap=99)
    assert found == [DATA[start:end] for start, end in zip(starts, ends, strict=True)]
    # From 200 to 299 is a gap of 99.
    assert [entry.headers["range"] for entry in osf.requests] == ["bytes=0-399"]
    assert asked() == {"download": 1}


def test_a_gap_that_is_too_wide_is_not_fetched(fs, osf, file):
    fs.cat_ranges([file] * 3, [0, 200, 400], [100, 300, 500], max_gap=99)

    assert sum(entry.sent for entry in osf.requests) == 300
    assert len(osf.requests) == 3


def test_by_default_small_gaps_are_fetched_and_large_ones_are_not(fs, osf, file):
    starts = [0, 65 * KIB, 200 * KIB]
    ends = [KIB, 66 * KIB, 201 * KIB]

    for gap in ({}, {"max_gap": None}):
        found = fs.cat_ranges([file] * 3, starts, ends, **gap)
        assert found == [DATA[start:end] for start, end in zip(starts, ends, strict=True)]
        ranges = {entry.headers["range"] for entry in osf.requests}
        assert ranges == {f"bytes=0-{66 * KIB - 1}", f"bytes={200 * KIB}-{201 * KIB - 1}"}


def test_ranges_come_in_the_callers_order_from_any_number_of_files(fs, file, root, asked):
    other = f"osf://{root}/data/other"

    found = fs.cat_ranges([other, file, other, file], [7, 10, 0, 0], [9, 20, 2, 5])
    assert found == [b"78", DATA[10:20], b"01", DATA[:5]]
    assert asked() == {"download": 2}


SLICES = [(None, 4), (-4, None), (-10, -5), (5, 5), (9, 3), (300 * KIB, None), (None, -1)]


def test_positions_are_those_of_a_slice_and_cost_no_request_of_their_own(fs, file, asked):
    starts, ends = zip(*SLICES, strict=True)

    found = fs.cat_ranges([file] * len(SLICES), list(starts), list(ends))
    assert found == [DATA[start:end] for start, end in SLICES]
    # The last one is all but a byte, and holds the others but for that byte.
    assert asked() == {"download": 1}


def test_one_position_may_be_given_for_all(fs, file, root):
    other = f"{root}/data/other"

    assert fs.cat_ranges([file, other], 2, 5) == [DATA[2:5], b"234"]
    assert fs.cat_ranges([file, other], -3, None) == [DATA[-3:], b"789"]
    assert fs.cat_ranges([file, other], (0, 1), (1, 2)) == [DATA[:1], b"1"]


def test_nothing_is_asked_for_where_nothing_is_wanted(fs, file, asked):
    assert fs.cat_ranges([], [], []) == []
    assert fs.cat_ranges([file], 5, 5) == [b""]
    assert asked() == {}


def test_ranges_that_cover_a_file_are_verified(fs, osf, file):
    osf.add_fault(Fault(method="GET", corrupt=7, times=1))

    (first, second) = fs.cat_ranges([file] * 2, [0, 100 * KIB], [100 * KIB, None])
    assert isinstance(first, OSFException)
    assert second is first


def test_many_files_are_read_at_once(fs, osf, plant, root, most_at_once):
    plant.files({f"many/{number}": DATA[: number + 1] for number in range(30)})
    paths = [f"{root}/many/{number}" for number in range(30)]
    fs.ls(f"{root}/many")
    osf.clear_requests()
    osf.add_fault(Fault(path="version=", delay=0.1))

    assert fs.cat_ranges(paths, 0, None) == [DATA[: number + 1] for number in range(30)]
    assert 4 <= most_at_once(osf.requests) <= 16


def test_failures_stand_in_the_place_of_their_ranges(fs, file, root):
    paths = [file, f"{root}/nothing", file, f"{root}/data", "osf://../x", f"{root}/nothing"]

    found = fs.cat_ranges(paths, 0, 4)
    assert found[0] == found[2] == DATA[:4]
    assert isinstance(found[1], OSFNotFoundError)
    assert isinstance(found[1], FileNotFoundError)
    assert found[1].operation == "cat_ranges"
    assert f"{root}/nothing" in str(found[1])
    assert isinstance(found[3], IsADirectoryError)
    assert isinstance(found[4], OSFPathError)
    assert isinstance(found[5], OSFNotFoundError)


def test_a_failure_is_that_of_its_request_only(fs, osf, file):
    osf.add_fault(Fault(path="version=", status=503, times=1))

    found = fs.cat_ranges([file] * 2, [0, 200 * KIB], [4, 200 * KIB + 4])
    failed = [result for result in found if isinstance(result, OSError)]
    assert len(failed) == 1
    assert len([result for result in found if isinstance(result, bytes)]) == 1


def test_failures_are_raised_where_that_is_asked_for(fs, file, root):
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([file, f"{root}/nothing"], 0, 4, on_error="raise")
    assert fs.cat_ranges([file], 0, 4, on_error="raise") == [DATA[:4]]


def test_a_file_that_somebody_replaced_is_found_again(fs, plant, file):
    plant.delete("data/file")
    plant.files({"data/file": b"quite another"})

    assert fs.cat_ranges([file] * 2, [0, 6], [5, None]) == [b"quite", b"another"]


@pytest.mark.parametrize(("starts", "ends"), [([0], [1, 2]), ([0, 1], [1]), ([0], [1])])
def test_there_must_be_as_many_positions_as_paths(fs, file, starts, ends):
    with pytest.raises(ValueError, match="for each path"):
        fs.cat_ranges([file] * 2, starts, ends)


def test_the_paths_must_be_a_list(fs, file):
    with pytest.raises(TypeError, match="list"):
        fs.cat_ranges(file, 0, 1)
