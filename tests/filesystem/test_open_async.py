"""Files that asynchronous code opens: read by blocks that are fetched ahead, written by one PUT."""

from __future__ import annotations

import asyncio
import contextlib
import io

import pytest

from dvc_osf import OSFNotFoundError, OSFVersionConflictError
from dvc_osf.emulator import Fault

DATA = b"".join(b"line %d\n" % number for number in range(1000))
MIB = 1024 * 1024


@pytest.fixture
def fs(connect_here):
    """Return an asynchronous filesystem that never tries again by itself."""
    return connect_here(max_retries=0)


@pytest.fixture
def other(connect_here):
    """Return a second filesystem, whose cache knows nothing of the first one's doings."""
    return connect_here(use_listings_cache=False)


@pytest.fixture
async def file(plant_here, root_here):
    """Plant a text of a thousand lines."""
    await plant_here.put({"data/text": DATA})
    return f"{root_here}/data/text"


async def test_it_reads_seeks_and_tells(fs, file):
    async with await fs.open_async(f"osf://{file}") as stream:
        assert stream.size == len(DATA)
        assert await stream.read(4) == b"line"
        assert stream.tell() == 4
        assert stream.seek(-5, io.SEEK_END) == len(DATA) - 5
        assert await stream.read() == DATA[-5:]
        assert await stream.read() == await stream.read(5) == b""
        stream.seek(10)
        assert stream.seek(5, io.SEEK_CUR) == 15
        assert await stream.read(7) == DATA[15:22]
        stream.seek(0)
        assert await stream.read(None) == DATA
        assert stream.readable()
        assert stream.seekable()
        assert not stream.writable()
        assert stream.details == await fs._info(file)
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        await stream.read()


@pytest.mark.parametrize("block", [1, 7, 1000, len(DATA), 2 * len(DATA)])
async def test_the_block_size_does_not_matter(fs, plant_here, root_here, block):
    data = DATA[:200]
    await plant_here.put({"f": data})
    async with await fs.open_async(f"{root_here}/f", block_size=block) as stream:
        assert await stream.read(3) == data[:3]
        assert await stream.read(50) == data[3:53]
        assert await stream.readline() == data[53 : data.index(b"\n", 53) + 1]
        position = stream.tell()
        assert await stream.read() == data[position:]
        stream.seek(0)
        assert [line async for line in stream] == data.splitlines(keepends=True)
        stream.seek(2)
        assert b"".join([chunk async for chunk in stream.chunks()]) == data[2:]
        stream.seek(0)
        assert [len(chunk) async for chunk in stream.chunks(150)] == [150, 50]


async def test_lines_may_be_limited_and_gathered(fs, file):
    async with await fs.open_async(file, block_size=10) as stream:
        assert await stream.readline(3) == b"lin"
        assert await stream.readline(0) == b""
        assert await stream.readline(100) == b"e 0\n"
        assert await stream.readlines() == DATA.splitlines(keepends=True)[1:]
        assert await stream.readline() == b""


async def test_it_reads_into_a_buffer(fs, file):
    buffer = bytearray(10)
    async with await fs.open_async(file) as stream:
        assert await stream.readinto(buffer) == 10
        assert buffer == DATA[:10]
        stream.seek(-4, io.SEEK_END)
        assert await stream.readinto(buffer) == 4
    assert buffer == DATA[-4:] + DATA[4:10]


async def test_small_reads_within_a_block_are_one_request(fs, file, asked_here):
    async with await fs.open_async(file, block_size=1000) as stream:
        asked_here()
        for _ in range(10):
            await stream.read(100)
        assert asked_here() == {"download": 1}


async def test_the_next_block_is_fetched_ahead_of_who_reads_on(fs, osf_here, file):
    async with await fs.open_async(file, block_size=1000) as stream:
        osf_here.clear_requests()
        assert await stream.read(800) + await stream.read(400) == DATA[:1200]
        # The third block is on its way, or here, before anybody wants it.
        await asyncio.wait_for(asyncio.shield(stream._ahead), 30)
        ranges = [entry.headers["range"] for entry in osf_here.requests]
        assert ranges == ["bytes=0-999", "bytes=1000-1999", "bytes=2000-2999"]
        osf_here.clear_requests()
        osf_here.add_fault(Fault(path="version=", hang=True))
        assert await stream.read(1000) == DATA[1200:2200]


async def test_who_reads_here_and_there_gets_nothing_ahead(fs, file, asked_here):
    async with await fs.open_async(file, block_size=100) as stream:
        asked_here()
        for position in (5000, 100, 3000, 0):
            stream.seek(position)
            assert await stream.read(10) == DATA[position : position + 10]
        assert stream._ahead is None
    assert asked_here() == {"download": 4}


async def test_reading_it_all_does_not_go_block_by_block(fs, file, asked_here):
    async with await fs.open_async(file, block_size=100) as stream:
        asked_here()
        assert await stream.read() == DATA
    assert asked_here() == {"download": 1}


async def test_it_stays_the_version_that_was_opened(fs, other, file):
    async with await fs.open_async(file, block_size=100) as stream:
        first = await stream.read(100)
        await other._pipe_file(file, b"another" * 1000)
        fs.invalidate_cache()
        assert first + await stream.read() == DATA
    async with await fs.open_async(file, version=1) as stream:
        assert await stream.read(7) == DATA[:7]
    async with await fs.open_async(file) as stream:
        assert await stream.read(7) == b"another"


async def test_a_failed_block_can_be_read_again(fs, osf_here, file):
    async with await fs.open_async(file, block_size=100) as stream:
        await stream.read(100)
        osf_here.add_fault(Fault(path="version=", status=503, times=1))
        with pytest.raises(OSError, match="HTTP 503"):
            await stream.read(50)
        assert stream.tell() == 100
        assert await stream.read(50) == DATA[100:150]


async def read_into(stream):
    buffer = bytearray(9)
    return bytes(buffer[: await stream.readinto(buffer)])


READINGS = {
    "read": lambda stream: stream.read(9),
    "read all": lambda stream: stream.read(),
    "readinto": read_into,
    "readline": lambda stream: stream.readline(),
    "readlines": lambda stream: stream.readlines(),
}


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("end", ["failed", "cancelled"])
@pytest.mark.parametrize("way", READINGS)
async def test_who_got_nothing_misses_nothing(fs, osf_here, plant_here, root_here, way, end, nth):
    data = b"0123456789abcd\nef\nghij"
    await plant_here.put({"f": data})
    expected = {"read": data[2:11], "readinto": data[2:11], "readline": data[2:15]}
    expected |= {"read all": data[2:], "readlines": data[2:].splitlines(keepends=True)}
    trouble = {"hang": True} if end == "cancelled" else {"status": 503}

    async with await fs.open_async(f"{root_here}/f", block_size=4) as stream:
        assert await stream.read(2) == data[:2]
        osf_here.add_fault(Fault(path="version=", nth=nth, times=1, **trouble))
        # Where all of it needs fewer requests than that, nothing goes wrong, and it starts anew.
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(READINGS[way](stream), 0.3)
            stream.seek(2)
        osf_here.clear_faults()
        assert stream.tell() == 2
        assert await READINGS[way](stream) == expected[way]


async def test_a_block_that_failed_ahead_is_an_error_once(fs, osf_here, file):
    async with await fs.open_async(file, block_size=100) as stream:
        osf_here.add_fault(Fault(path="version=", nth=3, status=503, times=1))
        await stream.read(100)
        await stream.read(100)
        with pytest.raises(OSError, match="HTTP 503"):
            await stream.read(100)
        assert await stream.read(100) == DATA[200:300]


async def test_closing_ends_what_is_fetched_ahead(fs, osf_here, file):
    stream = await fs.open_async(file, block_size=100)
    await stream.read(100)
    osf_here.add_fault(Fault(path="version=", nth=2, hang=True))
    await stream.read(100)
    ahead = stream._ahead
    assert not ahead.done()
    await stream.close()
    assert ahead.cancelled()
    await stream.close()


async def test_what_is_not_there_fails_when_it_is_opened(fs, plant_here, root_here):
    await plant_here.put({"data": None})
    with pytest.raises(OSFNotFoundError) as caught:
        await fs.open_async(f"{root_here}/nothing")
    assert caught.value.operation == "open"
    with pytest.raises(IsADirectoryError):
        await fs.open_async(f"{root_here}/data")


@pytest.mark.parametrize("mode", ["r", "w", "rt", "q", "rwb"])
async def test_text_and_what_is_no_mode_are_refused(fs, file, mode):
    with pytest.raises(ValueError):  # noqa: PT011 - in the words of whoever finds it first
        await fs.open_async(file, mode)
    with pytest.raises(ValueError, match="compression"):
        await fs.open_async(file, compression="gzip")
    with pytest.raises(ValueError, match="block_size"):
        await fs.open_async(file, block_size=0)


@pytest.mark.parametrize("mode", ["ab", "r+b", "w+b"])
async def test_appending_and_mixed_modes_are_not_possible(fs, file, mode):
    with pytest.raises(NotImplementedError, match="stores whole files"):
        await fs.open_async(file, mode)


# -- writing ---------------------------------------------------------------------------------


async def test_closing_uploads_once(fs, other, root_here, asked_here):
    async with await fs.open_async(f"osf://{root_here}/new/f", "wb") as stream:
        assert await stream.write(b"some ") == 5
        assert await stream.write(memoryview(b"bytes")) == 5
        assert stream.tell() == 10
        assert stream.writable()
        await stream.flush()
        assert asked_here() == {}
    assert stream.closed
    assert asked_here() == {"api": 1, "listing": 1, "folder PUT": 1, "file PUT": 1}
    assert await other._cat_file(f"{root_here}/new/f") == b"some bytes"
    await stream.close()
    assert "file PUT" not in asked_here()
    with pytest.raises(ValueError, match="closed"):
        await stream.write(b"more")
    with pytest.raises(ValueError, match="closed"):
        await stream.flush()


async def test_large_files_go_up_whole_in_one_request(fs, other, root_here, asked_here):
    piece = bytes(range(256)) * 4096
    async with await fs.open_async(f"{root_here}/f", "wb") as stream:
        for _ in range(7):
            await stream.write(piece)
    assert asked_here()["file PUT"] == 1
    assert await other._cat_file(f"{root_here}/f") == piece * 7


async def test_an_empty_file_can_be_written(fs, other, root_here):
    async with await fs.open_async(f"{root_here}/f", "wb"):
        pass
    assert await other._cat_file(f"{root_here}/f") == b""


async def test_writes_at_the_same_time_do_not_mix(fs, other, root_here):
    pieces = [bytes([number]) * MIB for number in range(8)]
    async with await fs.open_async(f"{root_here}/f", "wb") as stream:
        await asyncio.gather(*(stream.write(piece) for piece in pieces))
    assert await other._cat_file(f"{root_here}/f") == b"".join(pieces)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
async def test_leaving_by_an_exception_stores_nothing(fs, other, root_here, asked_here, error):
    async def half_write():
        async with stream:
            await stream.write(b"half")
            raise error

    stream = await fs.open_async(f"{root_here}/new/f", "wb")
    with pytest.raises(error):
        await half_write()
    assert stream.closed
    assert asked_here() == {}
    await stream.close()
    assert not await other._exists(f"{root_here}/new")


async def test_exclusive_creation_fails_when_the_file_is_opened(fs, other, file, root_here):
    with pytest.raises(OSFVersionConflictError):
        await fs.open_async(file, "xb")
    assert (await other._info(file))["version"] == 1
    async with await fs.open_async(f"{root_here}/new", "xb") as stream:
        await stream.write(b"x")
    assert await other._cat_file(f"{root_here}/new") == b"x"


async def test_exclusive_creation_fails_where_the_file_has_come_meanwhile(fs, other, root_here):
    stream = await fs.open_async(f"{root_here}/new", "xb")
    await other._pipe_file(f"{root_here}/new", b"theirs")
    with pytest.raises(OSFVersionConflictError):
        await stream.close()
    assert await other._cat_file(f"{root_here}/new") == b"theirs"


async def test_a_failed_upload_is_an_error_of_closing(fs, osf_here, root_here):
    osf_here.add_fault(Fault(method="PUT", status=403))
    stream = await fs.open_async(f"{root_here}/f", "wb")
    await stream.write(b"x")
    with pytest.raises(PermissionError):
        await stream.close()
    assert stream.closed


async def test_what_is_forgotten_makes_no_noise_and_no_request(fs, file, root_here, asked_here):
    await fs._info(file)
    asked_here()
    reader = await fs.open_async(file)
    writer = await fs.open_async(f"{root_here}/f", "wb")
    await writer.write(b"x")
    del reader
    with pytest.warns(ResourceWarning, match="never closed; nothing was uploaded"):
        del writer
    assert asked_here() == {}


async def test_they_are_for_asynchronous_blocks_only(fs, file):
    stream = await fs.open_async(file)
    with pytest.raises(TypeError, match="async with"), stream:
        pass
    await stream.close()
