"""Downloading to local files: whole and verified, or nothing."""

from __future__ import annotations

import io
import os
import random
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from fsspec.callbacks import Callback

from dvc_osf import OSFException, OSFIntegrityError, OSFNotFoundError
from dvc_osf.emulator import Fault

MIB = 1024 * 1024
RANGE = 8 * MIB
"""Files above this size are read by several ranges at once."""


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def local(tmp_path):
    """Return an empty folder."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


def test_a_small_file_is_one_request(fs, plant, root, local, asked):
    plant.files({"data/a": b"some bytes"})
    fs.info(f"{root}/data/a")
    asked()

    fs.get_file(f"osf://{root}/data/a", str(local / "a"))

    assert (local / "a").read_bytes() == b"some bytes"
    assert asked() == {"download": 1}


def test_an_empty_file_needs_no_request(fs, plant, root, local, asked):
    plant.files({"empty": b""})
    fs.info(f"{root}/empty")
    asked()

    fs.get_file(f"{root}/empty", local / "empty")

    assert (local / "empty").read_bytes() == b""
    assert asked() == {}


@pytest.mark.parametrize(
    ("size", "requests"),
    [
        (1, 1),
        (MIB - 1, 1),
        (MIB, 1),
        (5 * MIB, 1),
        (RANGE - 1, 1),
        (RANGE, 1),
        (RANGE + 1, 2),
        (2 * RANGE, 2),
        (2 * RANGE + 1, 3),
        (5 * RANGE - 7, 5),
    ],
)
def test_sizes_around_the_boundaries(connect_both, plant, root, local, asked, size, requests):
    data = noise(size)
    plant.files({"f": data})
    fs = connect_both(max_retries=0)
    fs.info(f"{root}/f")
    asked()

    fs.get_file(f"{root}/f", local / "f")

    assert (local / "f").read_bytes() == data
    assert asked() == {"download": requests}
    assert fs.stats.bytes_received >= size
    assert os.listdir(local) == ["f"]


async def test_ranges_of_a_large_file_travel_at_the_same_time(
    osf_here, connect_here, plant_here, root_here, tmp_path, most_at_once
):
    await plant_here.put({"f": noise(2 * RANGE)})
    fs = connect_here()
    await fs._info(f"{root_here}/f")
    osf_here.clear_requests()
    osf_here.settings.latency = 0.05

    await fs._get_file(f"{root_here}/f", tmp_path / "f")

    assert (tmp_path / "f").read_bytes() == noise(2 * RANGE)
    assert len(osf_here.requests) == 2
    assert most_at_once(osf_here.requests) == 2


def test_an_existing_file_is_replaced(fs, plant, root, local):
    plant.files({"f": b"new"})
    (local / "f").write_bytes(b"old and longer")
    os.link(local / "f", local / "hard-link")

    fs.get_file(f"{root}/f", local / "f")

    assert (local / "f").read_bytes() == b"new"
    # Replaced, not written into.
    assert (local / "hard-link").read_bytes() == b"old and longer"


REFUSED = {"status": 403}
FAILURES = [
    REFUSED,
    {"status": 503},
    {"corrupt": 5},
    {"truncate": 100},
    {"reset_after_sent": 100},
    {"shorten": 100},
]


@pytest.mark.parametrize("size", [1000, RANGE + 1000])
@pytest.mark.parametrize("fault", FAILURES, ids=str)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    connect_both, osf, plant, root, local, size, fault
):
    plant.files({"f": noise(size)})
    (local / "f").write_bytes(b"old")
    fs = connect_both(max_retries=1)
    fs.info(f"{root}/f")
    osf.add_fault(Fault(method="GET", **fault))

    with pytest.raises(OSFException) as caught:
        fs.get_file(f"{root}/f", local / "f")

    assert f"get_file osf://{root}/f" in str(caught.value)
    assert os.listdir(local) == ["f"]
    assert (local / "f").read_bytes() == b"old"


@pytest.mark.parametrize("size", [1000, 2 * RANGE + 1000])
@pytest.mark.parametrize(
    "fault",
    [
        *(fault for fault in FAILURES if fault != REFUSED),
        {"reset": True},
        {"status": 429, "retry_after": 3},
        {"reset_after_sent": 0},
    ],
    ids=str,
)
def test_what_passes_is_tried_again(connect_both, osf, plant, root, local, size, fault):
    plant.files({"f": noise(size)})
    fs = connect_both()
    fs.info(f"{root}/f")
    osf.add_fault(Fault(method="GET", times=1, **fault))

    fs.get_file(f"{root}/f", local / "f")

    assert (local / "f").read_bytes() == noise(size)
    assert os.listdir(local) == ["f"]


def test_a_broken_download_goes_on_where_it_broke(connect_both, osf, plant, root, local):
    plant.files({"f": noise(4 * MIB)})
    fs = connect_both()
    fs.info(f"{root}/f")
    osf.clear_requests()
    osf.add_fault(Fault(method="GET", times=1, truncate=3 * MIB))

    fs.get_file(f"{root}/f", local / "f")

    assert (local / "f").read_bytes() == noise(4 * MIB)
    first, second = osf.requests
    begin = int(second.headers["range"].removeprefix("bytes=").partition("-")[0])
    assert 0 < begin <= 3 * MIB
    assert first.sent + second.sent < 5 * MIB


@pytest.mark.parametrize("size", [1000, RANGE + 1000])
@pytest.mark.parametrize("retries", [0, 2])
def test_a_request_is_sent_no_more_often_than_max_retries_says(
    connect_both, osf, plant, root, local, asked, size, retries
):
    plant.files({"f": noise(size)})
    fs = connect_both(max_retries=retries)
    fs.info(f"{root}/f")
    asked()
    osf.add_fault(Fault(method="GET", status=503))

    with pytest.raises(OSError, match="HTTP 503"):
        fs.get_file(f"{root}/f", local / "f")

    parts = -(-size // RANGE)
    assert asked()["download"] <= (retries + 1) * parts
    assert fs.stats.retries <= retries * parts


def test_bytes_that_are_damaged_every_time_are_an_integrity_error(
    connect_both, osf, plant, root, local, asked
):
    plant.files({"f": noise(1000)})
    fs = connect_both(max_retries=2)
    fs.info(f"{root}/f")
    asked()
    osf.add_fault(Fault(method="GET", corrupt=10))

    with pytest.raises(OSFIntegrityError, match="3 attempts") as caught:
        fs.get_file(f"{root}/f", local / "f")

    assert caught.value.expected != caught.value.actual
    assert asked() == {"download": 3}


def test_a_folder_makes_a_local_folder(fs, plant, root, local):
    plant.folders("data/sub")

    fs.get_file(f"{root}/data", local / "deep" / "data")

    assert (local / "deep" / "data").is_dir()
    assert os.listdir(local / "deep" / "data") == []


def test_a_missing_file_makes_nothing(fs, root, local):
    with pytest.raises(OSFNotFoundError) as caught:
        fs.get_file(f"{root}/nothing", local / "f")

    assert caught.value.operation == "get_file"
    assert os.listdir(local) == []


def test_a_target_in_no_folder_is_a_local_error(fs, plant, root, local):
    plant.files({"f": b"x"})

    with pytest.raises(FileNotFoundError) as caught:
        fs.get_file(f"{root}/f", local / "nowhere" / "f")
    assert not isinstance(caught.value, OSFException)


def test_a_target_that_is_a_folder_is_a_local_error(fs, plant, root, local):
    plant.files({"f": b"x"})
    (local / "f").mkdir()

    with pytest.raises(OSError) as caught:  # noqa: PT011 - which one is the platform's choice
        fs.get_file(f"{root}/f", local / "f")
    assert not isinstance(caught.value, OSFException)
    assert os.listdir(local) == ["f"]
    assert os.listdir(local / "f") == []


def test_a_file_object_takes_the_bytes(fs, plant, root):
    plant.files({"f": b"some bytes"})
    target = io.BytesIO()

    fs.get_file(f"{root}/f", target)

    assert target.getvalue() == b"some bytes"
    assert not target.closed


def test_a_file_object_that_takes_a_few_bytes_at_a_time_takes_all(fs, plant, root):
    plant.files({"f": b"some bytes"})

    class Narrow(io.RawIOBase):
        taken = b""

        def write(self, data):
            self.taken += data[:4]
            return len(data[:4])

    target = Narrow()
    fs.get_file(f"{root}/f", target)

    assert target.taken == b"some bytes"


def test_a_file_object_may_belong_to_a_filesystem(fs, connect, other, plant, root):
    """And may ask for something while it is written to."""
    plant.files({"f": b"some bytes"})
    another = connect()

    class Asking(io.BytesIO):
        def write(self, data):
            assert another.exists(f"{root}/f")
            return super().write(data)

    target = Asking()
    fs.get_file(f"{root}/f", target)
    with another.open(f"{root}/g", "wb") as stream:
        fs.get_file(f"{root}/f", stream)

    assert target.getvalue() == b"some bytes"
    assert other.cat_file(f"{root}/g") == b"some bytes"


def test_a_folder_does_not_go_into_a_file_object(fs, plant, root):
    plant.folders("d")
    target = io.BytesIO()

    with pytest.raises(IsADirectoryError) as caught:
        fs.get_file(f"{root}/d", target)

    assert isinstance(caught.value, OSFException)
    assert caught.value.operation == "get_file"
    assert target.getvalue() == b""


def test_the_longest_local_name_can_be_written(fs, plant, root, local):
    name = "日" * 85
    plant.files({name: b"x"})

    fs.get_file(f"{root}/{name}", local / name)

    assert os.listdir(local) == [name]


# -- several at once ---------------------------------------------------------------------------

TREE = {"top": b"1", "a/x": b"22", "a/deep/y": b"333", "b/z": b""}


@pytest.fixture
def tree(plant, root):
    """Plant a tree with an empty folder."""
    plant.files({f"data/{path}": data for path, data in TREE.items()})
    plant.folders("data/empty")
    return f"{root}/data"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_tree_is_downloaded_with_its_empty_folders(fs, tree, local, asked):
    fs.get(tree, str(local / "copy"), recursive=True)

    assert contents(local / "copy") == TREE
    assert (local / "copy" / "empty").is_dir()
    # One request for each file that is not empty, one listing for each folder and the root.
    assert asked() == {"api": 1, "listing": 6, "download": 3}


def test_a_tree_goes_into_an_existing_folder(fs, tree, local):
    fs.get(tree, str(local), recursive=True)

    assert contents(local) == {f"data/{path}": data for path, data in TREE.items()}


def test_several_files_go_into_one_folder(fs, tree, local):
    fs.get([f"{tree}/top", f"{tree}/a/x"], str(local) + "/")

    assert contents(local) == {"top": b"1", "x": b"22"}


def test_patterns_choose_files(fs, tree, local):
    fs.get(f"{tree}/*/*", str(local) + "/")

    assert contents(local) == {"a/x": b"22", "b/z": b""}


def test_one_missing_file_fails_the_whole(fs, tree, local):
    with pytest.raises(FileNotFoundError):
        fs.get([f"{tree}/top", f"{tree}/nothing"], str(local) + "/")


def test_one_failing_file_fails_the_whole(connect_both, osf, tree, local):
    fs = connect_both(max_retries=0)
    fs.find(tree)
    osf.add_fault(Fault(method="GET", path="version=", nth=2, status=503))

    with pytest.raises(OSError, match="HTTP 503"):
        fs.get(tree, str(local / "copy"), recursive=True)
    assert not [name for name in contents(local) if name.endswith(".part")]


class Recorder(Callback):
    """Remembers what it was told."""

    def __init__(self, **kwargs):
        self.calls = []
        super().__init__(**kwargs)

    def set_size(self, size):
        self.calls.append(("size", size))
        super().set_size(size)

    def relative_update(self, inc=1):
        self.calls.append(("more", inc))
        super().relative_update(inc)


@pytest.mark.parametrize("size", [0, 10, 2 * MIB, RANGE + 5])
def test_progress_reaches_the_size_exactly(fs, plant, root, local, size):
    plant.files({"f": noise(size)})
    callback = Recorder()

    fs.get_file(f"{root}/f", local / "f", callback=callback)

    assert callback.size == callback.value == size
    assert callback.calls[0] == ("size", size)
    assert all(step > 0 for kind, step in callback.calls if kind == "more")


def test_a_plain_function_hears_bytes_and_total(fs, plant, root, local):
    plant.files({"f": noise(3 * MIB)})
    heard = []

    fs.get_file(f"{root}/f", local / "f", callback=lambda done, total: heard.append((done, total)))

    assert heard[-1] == (3 * MIB, 3 * MIB)
    assert heard == sorted(heard)


def test_progress_goes_back_when_an_attempt_was_in_vain(connect_both, osf, plant, root, local):
    plant.files({"f": noise(MIB)})
    fs = connect_both()
    fs.info(f"{root}/f")
    osf.add_fault(Fault(method="GET", times=1, corrupt=5))
    callback = Recorder()

    fs.get_file(f"{root}/f", local / "f", callback=callback)

    assert callback.value == MIB


def test_a_callback_that_raises_does_not_stop_the_download(fs, plant, root, local, caplog):
    plant.files({"f": b"x", "g": b"y"})

    def fail(*_):
        raise RuntimeError("no display")

    fs.get_file(f"{root}/f", local / "f", callback=fail)

    assert (local / "f").read_bytes() == b"x"
    assert [record.message for record in caplog.records] == [
        "a progress callback failed and is not called again"
    ]


def test_a_bulk_download_counts_files_and_branches_for_bytes(fs, tree, local):
    callback = Recorder()

    fs.get(tree, str(local / "copy"), recursive=True, callback=callback)

    assert callback.value == callback.size


@pytest.mark.parametrize("size", [0, 10, 3 * MIB])
def test_a_plain_function_hears_the_bytes_of_a_single_download_in_bulk(
    fs, plant, root, local, size
):
    plant.files({"f": noise(size)})
    heard = []

    fs.get(f"{root}/f", str(local / "f"), callback=lambda *call: heard.append(call))

    assert heard == sorted(heard)
    assert heard[-1] == (size, size)
    assert all(total == size for _, total in heard)


def test_a_plain_function_hears_the_bytes_of_all_files_and_folders(fs, tree, local):
    heard = []

    # By its place, as fsspec's methods allow.
    fs.get(tree, str(local / "copy"), True, lambda *call: heard.append(call))

    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (6, 6)
    assert {total for _, total in heard} <= {None, 6}


def test_downloading_is_getting(connect, plant, root, local):
    plant.files({"f": b"x"})

    connect().download(f"{root}/f", str(local / "f"))

    assert (local / "f").read_bytes() == b"x"


class TestWhatIsThere:
    """A download becomes the content of what its target names."""

    @pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
    def test_a_file_keeps_its_mode(self, fs, plant, root, local, mode):
        plant.files({"a": b"new"})
        (local / "a").write_bytes(b"old")
        (local / "a").chmod(mode)
        fs.get_file(f"{root}/a", str(local / "a"))
        assert (local / "a").read_bytes() == b"new"
        assert stat.S_IMODE((local / "a").stat().st_mode) == mode

    def test_a_link_stays_one(self, fs, plant, root, local):
        plant.files({"a": b"new"})
        (local / "elsewhere").mkdir()
        (local / "elsewhere" / "a").write_bytes(b"old")
        (local / "link").symlink_to(local / "elsewhere" / "a")
        fs.get_file(f"{root}/a", str(local / "link"))
        assert (local / "link").is_symlink()
        assert (local / "elsewhere" / "a").read_bytes() == b"new"
        assert [path.name for path in (local / "elsewhere").iterdir()] == ["a"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
    def test_a_pipe_is_written_to(self, fs, plant, root, local):
        plant.files({"a": b"new"})
        os.mkfifo(local / "pipe")
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit((local / "pipe").read_bytes)
            fs.get_file(f"{root}/a", str(local / "pipe"))
            assert reading.result() == b"new"
        assert stat.S_ISFIFO((local / "pipe").stat().st_mode)

    def test_a_folder_is_seen_before_anything_is_fetched(self, fs, osf, plant, root, local):
        plant.files({"a": b"new"})
        (local / "a").mkdir()
        osf.clear_requests()
        with pytest.raises(IsADirectoryError, match="a folder is there"):
            fs.get_file(f"{root}/a", str(local / "a"))
        assert not [entry for entry in osf.requests if "version" in entry.query]

    def test_a_folder_that_is_missing_is_named(self, fs, plant, root, local):
        plant.files({"a": b"new"})
        with pytest.raises(FileNotFoundError, match=r"no such folder.*missing"):
            fs.get_file(f"{root}/a", str(local / "missing" / "a"))
