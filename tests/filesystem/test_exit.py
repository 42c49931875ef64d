"""What is left at the end of a process: nothing on standard error, and no delay."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import pytest

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")

SYNC = """
    fs = OSFFileSystem(**options)
    fs.pipe_file(f"{root}/new/f", b"x")
    assert fs.find(root)
    assert fs.cat_file(f"{root}/new/f") == b"x"
"""
ASYNC = """
    async def main():
        fs = OSFFileSystem(asynchronous=True, **options)
        await fs._pipe_file(f"{root}/new/f", b"x")
        assert await fs._find(root)
        assert await fs._cat_file(f"{root}/new/f") == b"x"
"""


@pytest.fixture
def run(osf, root):
    """Run a script in a process where every warning is an error, in development mode."""

    def run(script, *, development=True, seconds=20.0):
        prologue = f"""
            import asyncio, atexit, gc, os, sys, threading, time
            from dvc_osf import OSFFileSystem
            options = {{"token": {osf.token!r}, "endpoint_url": {osf.api_url!r}}}
            root = {root!r}
        """
        program = textwrap.dedent(prologue) + textwrap.dedent(script)
        flags = ["-X", "dev"] if development else []
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-W", "error", *flags, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        assert done.returncode == 0
        assert time.monotonic() - begun < seconds
        return done.stdout

    return run


@pytest.fixture(params=[True, False], ids=["development mode", "plain"])
def development(request):
    """Choose between the two modes of asyncio."""
    return request.param


def test_synchronous_use(run, development):
    run(SYNC, development=development)


def test_synchronous_use_with_close(run):
    run(SYNC + "    fs.close()\n")


def test_synchronous_use_of_an_instance_that_is_not_cached(run):
    run(SYNC.replace("(**options)", "(skip_instance_cache=True, **options)"))


def test_synchronous_use_of_an_instance_that_was_dropped(run):
    run(
        SYNC.replace("(**options)", "(skip_instance_cache=True, **options)")
        + "    del fs; gc.collect()\n"
    )


def test_synchronous_use_in_a_thread(run):
    run(
        "def work():"
        + SYNC
        + textwrap.dedent(
            """
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            """
        )
    )


def test_use_while_the_interpreter_ends(run):
    run(
        SYNC
        + """
    atexit.register(lambda: print(fs.cat_file(f"{root}/new/f")))
"""
    )


@pytest.mark.parametrize("end", ["", "        await fs.aclose()\n", "        fs.close()\n"])
def test_asynchronous_use(run, development, end):
    run(ASYNC + end + "\n    asyncio.run(main())\n", development=development)


def test_asynchronous_use_in_two_loops_in_turn(run):
    run(ASYNC + "\n    asyncio.run(main())\n    asyncio.run(main())\n")


def test_asynchronous_use_of_an_instance_that_lives_longer_than_the_loop(run):
    run(
        """
        fs = OSFFileSystem(asynchronous=True, skip_instance_cache=True, **options)
        async def main():
            await fs._pipe_file(f"{root}/f", b"x")
            return await fs._cat_file(f"{root}/f")
        for _ in range(2):
            print(asyncio.run(main()))
        """
    )


def test_asynchronous_use_that_is_interrupted(run):
    run(
        """
        async def main():
            fs = OSFFileSystem(asynchronous=True, **options)
            await fs._pipe_file(f"{root}/f", bytes(3_000_000))
            tasks = [asyncio.ensure_future(fs._cat_file(f"{root}/f")) for _ in range(20)]
            await asyncio.sleep(0.005)
            sys.exit(0)
        asyncio.run(main())
        """
    )


def test_asynchronous_use_that_times_out(run, osf):
    osf.settings.latency = 0.2
    run(
        """
        async def main():
            fs = OSFFileSystem(asynchronous=True, **options)
            try:
                await asyncio.wait_for(fs._find(root), 0.3)
            except asyncio.TimeoutError:
                print("timed out")
        asyncio.run(main())
        """
    )


def test_a_loop_that_is_closed_by_hand(run):
    run(
        ASYNC
        + """
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
"""
    )


def test_open_files_at_the_end(run):
    run(SYNC + '    stream = fs.open(f"{root}/new/f")\n    assert stream.read(1) == b"x"\n')


def test_errors_at_the_end(run):
    run(
        """
        fs = OSFFileSystem(**options)
        for path in (f"{root}/nothing", "zzzzz"):
            try:
                fs.ls(path)
            except FileNotFoundError:
                pass
        """
    )


def test_an_unreachable_server_at_the_end(run):
    run(
        """
        fs = OSFFileSystem("token", endpoint_url="http://127.0.0.1:9/v2", max_retries=0)
        try:
            fs.ls("abc12")
        except ConnectionError as error:
            print(error)
        """
    )


FORK = """
    def child(work):
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            work()
            # As any program ends, with its finalizers.
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
"""


@forking
@pytest.mark.parametrize(
    "work",
    [
        "None",
        "fs.cat_file(f'{root}/new/f')",
        "OSFFileSystem(timeout=3, **options).cat_file(f'{root}/new/f')",
        "OSFFileSystem(timeout=9, **options).cat_file(f'{root}/new/f')",
        "fs.invalidate_cache()",
        "fs.close()",
        "OSFFileSystem.clear_instance_cache()",
        "(globals().pop('fs'), OSFFileSystem.clear_instance_cache(), gc.collect())",
    ],
)
def test_a_forked_child_ends_quietly_and_does_its_parent_no_harm(run, development, work):
    run(
        FORK
        + SYNC.replace("(**options)", "(timeout=3, **options)")
        + f"""
    for _ in range(2):
        child(lambda: {work})
        # On the connections that it had before.
        begun = time.monotonic()
        assert fs.cat_file(f"{{root}}/new/f") == b"x"
        assert fs.stats.retries == 0
        assert time.monotonic() - begun < 2
""",
        development=development,
        seconds=15,
    )


@forking
def test_a_forked_child_of_asynchronous_use_does_its_parent_no_harm(run):
    run(
        FORK
        + """
    async def main():
        fs = OSFFileSystem(asynchronous=True, timeout=3, **options)
        await fs._pipe_file(f"{root}/f", b"x")
        child(lambda: os._exit(0))
        assert await fs._cat_file(f"{root}/f") == b"x"
        assert fs.stats.retries == 0
    asyncio.run(main())
"""
    )
