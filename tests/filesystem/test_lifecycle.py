"""Event loops, threads, processes and the end: one filesystem survives all of them."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref

import fsspec
import pytest

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import Fault

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")


@pytest.fixture
def options(osf):
    """Return what makes a filesystem for the OSF, cached instances included."""
    yield {"token": osf.token, "endpoint_url": osf.api_url}
    OSFFileSystem.clear_instance_cache()


@pytest.fixture
def file(plant, root):
    """Plant a file."""
    plant.files({"d/f": b"some bytes"})
    return f"{root}/d/f"


# -- event loops ---------------------------------------------------------------------------------


def test_one_instance_serves_one_event_loop_after_the_other(options, file):
    fs = OSFFileSystem(asynchronous=True, skip_instance_cache=True, **options)

    async def use():
        return await fs._cat_file(file), len(await fs._find(file.rpartition("/")[0]))

    for _ in range(3):
        assert asyncio.run(use()) == (b"some bytes", 1)


def test_a_cached_instance_serves_the_next_event_loop_too(options, file):
    async def use():
        fs = OSFFileSystem(asynchronous=True, **options)
        return fs, await fs._cat_file(file)

    first, data = asyncio.run(use())
    second, again = asyncio.run(use())
    assert data == again == b"some bytes"
    assert first is second


def test_two_event_loops_at_the_same_time(options, file):
    fs = OSFFileSystem(asynchronous=True, skip_instance_cache=True, **options)
    barrier = threading.Barrier(2)
    results = []

    async def use():
        await fs._info(file)
        await asyncio.to_thread(barrier.wait)
        results.extend(await asyncio.gather(*(fs._cat_file(file) for _ in range(10))))
        await asyncio.to_thread(barrier.wait)

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [b"some bytes"] * 20


def test_a_loop_that_ends_in_the_middle_leaves_nothing_behind(options, osf, file):
    fs = OSFFileSystem(asynchronous=True, skip_instance_cache=True, **options)

    async def leave():
        await fs._info(file)
        osf.add_fault(Fault(path="version", delay=5))
        task = asyncio.ensure_future(fs._cat_file(file))
        await asyncio.sleep(0.1)
        assert not task.done()

    begun = time.monotonic()
    asyncio.run(leave())
    osf.clear_faults()
    assert time.monotonic() - begun < 3
    gc.collect()

    async def use():
        return await fs._cat_file(file)

    assert asyncio.run(use()) == b"some bytes"


async def test_aclose_is_not_the_end(connect_here, plant_here, root_here):
    await plant_here.put({"f": b"x"})
    fs = connect_here()

    assert await fs._cat_file(f"{root_here}/f") == b"x"
    await fs.aclose()
    await fs.aclose()
    assert await fs._cat_file(f"{root_here}/f") == b"x"


def test_close_is_not_the_end(connect, file):
    fs = connect()

    assert fs.cat_file(file) == b"some bytes"
    fs.close()
    fs.close()
    assert fs.cat_file(file) == b"some bytes"


async def test_a_synchronous_instance_does_not_block_a_running_loop(connect, file):
    fs = connect()

    # fsspec runs it in a thread of its own.
    assert await asyncio.to_thread(fs.cat_file, file) == b"some bytes"
    assert fs.cat_file(file) == b"some bytes"


def test_a_loop_of_ones_own_runs_the_synchronous_methods(options, file):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    fs = OSFFileSystem(loop=loop, skip_instance_cache=True, **options)
    try:
        assert fs.loop is loop
        assert fs.cat_file(file) == b"some bytes"
        fs.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


# -- threads -------------------------------------------------------------------------------------


def test_threads_share_an_instance(connect, file, root, asked):
    fs = connect()
    results = []

    def use(number):
        fs.pipe_file(f"{root}/new/{number}", b"%d" % number)
        results.append(fs.cat_file(file))
        with fs.open(f"{root}/new/{number}") as stream:
            results.append(stream.read())

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted([b"some bytes"] * 8 + [b"%d" % number for number in range(8)])
    counts = asked()
    assert counts == dict(fs.stats.requests)
    assert counts["folder PUT"] == 1


# -- instances -----------------------------------------------------------------------------------


def test_the_same_options_are_the_same_instance(options):
    one = OSFFileSystem(**options)

    assert OSFFileSystem(**options) is one
    assert OSFFileSystem(**options, max_retries=1) is not one
    assert OSFFileSystem(**{**options, "token": "another"}) is not one
    assert OSFFileSystem(**options, skip_instance_cache=True) is not one


def test_an_instance_that_nobody_has_any_more_closes_its_connections(osf, file):
    fs = OSFFileSystem(token=osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
    fs.cat_file(file)
    gone = weakref.ref(fs)

    del fs
    gc.collect()
    assert gone() is None


async def test_an_instance_that_is_dropped_in_its_own_loop_closes_its_connections(
    osf_here, plant_here, root_here
):
    await plant_here.put({"f": b"x"})
    fs = OSFFileSystem(
        token=osf_here.token,
        endpoint_url=osf_here.api_url,
        asynchronous=True,
        skip_instance_cache=True,
    )
    await fs._cat_file(f"{root_here}/f")
    gone = weakref.ref(fs)

    del fs
    gc.collect()
    await asyncio.sleep(0.1)
    gc.collect()
    assert gone() is None


def test_many_instances_come_and_go(osf, file):
    for _ in range(20):
        fs = OSFFileSystem(token=osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
        assert fs.cat_file(file) == b"some bytes"
        del fs
    gc.collect()
    if sys.platform == "linux":
        # Neither sockets nor files pile up.
        assert len(os.listdir("/proc/self/fd")) < 200


def test_a_pickle_makes_the_same_instance(options, file):
    fs = OSFFileSystem(**options)

    back = pickle.loads(pickle.dumps(fs))
    assert back is fs
    assert back.cat_file(file) == b"some bytes"


def test_a_pickle_keeps_the_options(options, file):
    fs = OSFFileSystem(**options, max_retries=1, create_folders=True, timeout=7)
    data = pickle.dumps(fs)
    OSFFileSystem.clear_instance_cache()

    back = pickle.loads(data)
    assert back is not fs
    assert back == fs
    assert back.config == fs.config
    assert back.create_folders
    assert back.cat_file(file) == b"some bytes"


# -- processes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["spawn", "forkserver", pytest.param("fork", marks=forking)])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_another_process_uses_the_filesystem(options, file, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this platform has no {method}")
    context = multiprocessing.get_context(method)
    fs = OSFFileSystem(**options)
    assert fs.cat_file(file) == b"some bytes"

    with context.Pool(2) as pool:
        got = [pool.apply_async(fs.cat_file, (file,)) for _ in range(4)]
        pid = pool.apply_async(os.getpid)
        assert [result.get(60) for result in got] == [b"some bytes"] * 4
        assert pid.get(60) != os.getpid()
        pool.close()
        pool.join()

    assert fs.cat_file(file) == b"some bytes"


def test_an_installation_tells_fsspec_what_serves_the_scheme():
    (entry,) = importlib.metadata.entry_points(group="fsspec.specs", name="osf")

    assert entry.load() is OSFFileSystem


# -- specifications of open files ----------------------------------------------------------------


def test_an_open_file_specification_survives_pickling(options, file):
    opened = fsspec.open(f"osf://{file}", "rb", **options)

    back = pickle.loads(pickle.dumps(opened))

    assert back.path == opened.path == file
    assert back.fs is opened.fs
    with back as stream:
        assert stream.read() == b"some bytes"


@pytest.mark.usefixtures("file")
def test_several_of_them_for_a_pattern(options, root):
    opened = fsspec.open_files(f"osf://{root}/*/f", "rb", **options)

    (back,) = pickle.loads(pickle.dumps(list(opened)))
    with back as stream:
        assert stream.read() == b"some bytes"


def test_one_for_writing_survives_pickling(options, root):
    back = pickle.loads(pickle.dumps(fsspec.open(f"osf://{root}/new/f", "wb", **options)))

    with back as stream:
        stream.write(b"written")
    assert OSFFileSystem(**options).cat_file(f"{root}/new/f") == b"written"


def test_one_does_not_hold_a_token_of_the_environment(osf, file, monkeypatch):
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    opened = fsspec.open(f"osf://{file}", "rb", endpoint_url=osf.api_url)
    data = pickle.dumps(opened)
    OSFFileSystem.clear_instance_cache()

    assert osf.token.encode() not in data
    with pickle.loads(data) as stream:
        assert stream.read() == b"some bytes"
    OSFFileSystem.clear_instance_cache()


def test_one_goes_to_another_process(options, file, tmp_path):
    opened = fsspec.open(f"osf://{file}", "rt", **options)
    with opened as stream:
        assert stream.read() == "some bytes"
    (tmp_path / "pickle").write_bytes(pickle.dumps(opened))
    program = "import pickle, sys; file = pickle.load(open(sys.argv[1], 'rb'))"
    program += "; stream = file.open(); print(stream.read()); file.close()"

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pickle")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stderr, done.stdout) == ("", "some bytes\n")


def test_an_open_file_survives_pickling_with_its_place_and_its_version(options, other, file, asked):
    with OSFFileSystem(**options).open(file) as stream:
        stream.seek(5)
        data = pickle.dumps(stream)
        other.pipe_file(file, b"another version")
        asked()

        with pickle.loads(data) as back:
            assert back.tell() == 5
            assert back.read() == b"bytes"
        assert stream.read() == b"bytes"
    assert "listing" not in asked()


def test_an_open_file_for_writing_cannot_be_pickled(options, root):
    stream = OSFFileSystem(**options).open(f"{root}/f", "wb")
    with pytest.raises(RuntimeError, match="Pickling a writeable file is not supported"):
        pickle.dumps(stream)
    stream.discard()
