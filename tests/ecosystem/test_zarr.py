"""zarr v3: asynchronous all the way down, chunks at once; and xarray on top of it."""

from __future__ import annotations

import asyncio
from itertools import accumulate

import pytest

zarr = pytest.importorskip("zarr", minversion="3", reason="zarr v3 needs Python 3.11")
np = pytest.importorskip("numpy")

from zarr.api import asynchronous as azarr  # noqa: E402
from zarr.storage import FsspecStore  # noqa: E402

from dvc_osf import OSFFileSystem  # noqa: E402
from dvc_osf.emulator import Fault  # noqa: E402

VALUES = np.arange(64 * 64, dtype="int32").reshape(64, 64)


@pytest.fixture
def store(options, root):
    """Return a function that opens a store; each has a filesystem that knows nothing yet."""

    def make(name="array.zarr"):
        fs = OSFFileSystem(**options, asynchronous=True, skip_instance_cache=True)
        made.append(fs)
        return FsspecStore(fs, path=f"{root}/{name}")

    made = []
    yield make
    for fs in made:
        fs.close()


@pytest.fixture
def written(store, asked):
    """Write an array of 16 chunks, with its metadata consolidated."""
    written = store()
    group = zarr.create_group(written)
    group.create_array("a", shape=VALUES.shape, chunks=(16, 16), dtype=VALUES.dtype)
    asked()
    group["a"][:] = VALUES
    assert asked()["file PUT"] == 16
    zarr.consolidate_metadata(written)
    asked()


@pytest.mark.usefixtures("written")
def test_chunks_are_read_at_once_and_each_by_one_request(store, osf, asked):
    group = zarr.open_consolidated(store())
    assert asked()["download"] == 1  # consolidated: the metadata of all arrays is one file
    group["a"][0, 0]
    osf.add_fault(Fault(method="GET", delay=0.5))
    osf.clear_requests()

    assert (group["a"][:] == VALUES).all()

    downloads = [entry for entry in osf.requests if not entry.path.endswith("/")]
    assert len(downloads) == 16
    # zarr asks for ten at once, by its own configuration, and each takes half a second.
    marks = [(entry.started, 1) for entry in downloads] + [(e.ended, -1) for e in downloads]
    assert max(accumulate(step for _, step in sorted(marks))) >= 5


@pytest.mark.usefixtures("written")
def test_a_part_of_an_array_is_read_by_its_chunks_only(store, asked):
    group = zarr.open_consolidated(store())
    asked()

    assert (group["a"][3:20, 5] == VALUES[3:20, 5]).all()

    assert asked()["download"] == 2


def test_chunks_that_were_never_written_are_the_fill_value(store, asked):
    array = zarr.create_array(store(), shape=(64, 64), chunks=(16, 16), dtype="int32", fill_value=7)
    array[:16, :16] = 1
    asked()

    values = array[:]

    assert (values[:16, :16] == 1).all()
    assert (values[16:] == 7).all()
    # 15 chunks are missing, and who misses them at the same time shares the look for them.
    requests = asked()
    assert requests["download"] == 1
    assert requests["listing"] <= 8


async def test_from_async_code(store):
    async with asyncio.timeout(60):
        place = store()
        group = await azarr.create_group(store=place)
        array = await group.create_array("a", shape=(8, 8), chunks=(4, 4), dtype="int32")
        await array.setitem(slice(None), 7)

        assert (await array.getitem((slice(None), 3)) == 7).all()
        chunks = [f"a/c/{x}/{y}" for x in (0, 1) for y in (0, 1)]
        assert sorted([key async for key in place.list()]) == [
            *chunks,
            "a/zarr.json",
            "zarr.json",
        ]
        assert sorted([key async for key in place.list_dir("a")]) == ["c", "zarr.json"]
        assert sorted([key async for key in place.list_prefix("a/c")]) == chunks
        assert await place.getsize("a/zarr.json") > 0
        assert await place.exists("a/c/0/0")
        await place.delete("a/c/0/0")
        assert not await place.exists("a/c/0/0")
        await place.delete_dir("a")
        assert [key async for key in place.list()] == ["zarr.json"]
        await place.clear()
        assert await place.is_empty("")
        await place.fs.aclose()


async def test_ranges_of_a_key(store):
    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype

    place = store()
    new = default_buffer_prototype()
    await place.set("key", new.buffer.from_bytes(b"0123456789"))

    async def get(part):
        return (await place.get("key", new, part)).to_bytes()

    assert await get(RangeByteRequest(2, 5)) == b"234"
    assert await get(OffsetByteRequest(7)) == b"789"
    assert await get(SuffixByteRequest(2)) == b"89"
    parts = [("key", RangeByteRequest(0, 1)), ("nothing", None), ("key", None)]
    assert [found and found.to_bytes() for found in await place.get_partial_values(new, parts)] == [
        b"0",
        None,
        b"0123456789",
    ]
    await place.fs.aclose()


def test_xarray_writes_reads_appends_and_replaces(url, options, asked):
    xr = pytest.importorskip("xarray")
    data = xr.Dataset({"t": (("x", "y"), np.arange(12.0).reshape(3, 4))}, coords={"x": [1, 2, 3]})
    path = f"{url}/data.zarr"

    data.to_zarr(path, storage_options=options)
    asked()
    opened = xr.open_zarr(path, storage_options=options, chunks=None)
    xr.testing.assert_identical(opened.load(), data)
    assert asked()["download"] == 3  # the metadata, the coordinate and the variable

    data.to_zarr(path, append_dim="x", storage_options=options)
    assert dict(xr.open_zarr(path, storage_options=options, chunks=None).sizes) == {"x": 6, "y": 4}
    asked()
    data.to_zarr(path, mode="w", storage_options=options)
    assert asked()["DELETE"] == 1
    again = xr.open_zarr(path, storage_options=options, chunks=None)
    xr.testing.assert_identical(again.load(), data)


def test_a_map_takes_its_token_from_the_environment(root, osf, options, monkeypatch):
    # zarr makes the asynchronous filesystem from JSON, in which no token is ever written.
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    fs = OSFFileSystem(**options)

    array = zarr.create_array(
        FsspecStore.from_mapper(fs.get_mapper(f"{root}/m")), shape=4, dtype="i4"
    )
    array[:] = 3

    assert list(array[:]) == [3, 3, 3, 3]
