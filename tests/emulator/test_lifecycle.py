"""An emulator begins, ends, survives restarts and being killed."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import aiohttp
import pytest

import dvc_osf.emulator
from dvc_osf.emulator import Emulator, EmulatorThread, Settings
from dvc_osf.emulator.__main__ import main

from .conftest import Client, until


@pytest.fixture
def program(tmp_path):
    """Return a function that starts ``python -m dvc_osf.emulator`` on one root."""
    started = []
    root = str(tmp_path / "osf")

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "dvc_osf.emulator", "--root", root, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Windows delivers Ctrl-C to groups of processes only.
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def fetch(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def test_the_line_on_standard_output_says_all_that_a_client_needs(program):
    process, facts = program()

    assert list(facts) == ["api", "files", "web", "token", "project"]
    assert facts["api"].endswith("/v2")
    assert not facts["files"].endswith("/")
    nodes = fetch(f"{facts['api']}/nodes/{facts['project']}/files/", facts["token"])
    assert nodes["data"][0]["links"]["upload"].startswith(facts["files"] + "/")
    process.send_signal(signal.SIGTERM)
    assert process.communicate() == (b"", b"")
    if os.name != "nt":
        assert process.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches the whole console there")
def test_ctrl_c_ends_it_cleanly(program):
    process, _ = program()
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_a_port_of_ones_own(program):
    with EmulatorThread() as other:
        port = other.api_url.rsplit(":", 1)[1].removesuffix("/v2")
    _, facts = program("--port", port)
    assert facts["api"] == f"http://127.0.0.1:{port}/v2"


async def test_everything_survives_a_restart(tmp_path, session):
    async with Emulator(tmp_path) as osf:
        first = Client(osf, session, osf.token)
        folder = await first.mkdir("folder")
        small = await first.file("small", b"one", folder)
        await first.wb("PUT", small, data=b"two")
        large = await first.file("large", b"x" * 300_000)
        region = osf.add_project("elsewhere", region="de-1", public=True)
        facts = (osf.token, osf.project, osf.user)
    async with Emulator(tmp_path) as osf:
        assert (osf.token, osf.project, osf.user) == facts
        again = Client(osf, session, osf.token)
        assert await again.names() == ["folder", "large"]
        assert (await again.wb("GET", small)).body == b"two"
        assert (await again.wb("GET", f"{small}?version=1")).body == b"one"
        assert (await again.wb("GET", large)).body == b"x" * 300_000
        provider = (await again.v2(f"/nodes/{region}/files/")).data[0]
        assert not provider["links"]["upload"].startswith(osf.files_url)


async def test_without_a_root_everything_is_gone_in_the_end(session):
    async with Emulator() as osf:
        await Client(osf, session, osf.token).put("a")
        root = Path(osf.world.store.path).parent
        assert root.exists()
    assert not root.exists()


async def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "half").write_bytes(b"half a file")
    async with Emulator(tmp_path):
        assert list((tmp_path / "incoming").iterdir()) == []


class Uploads:
    """Uploads that go on until the server dies: endless ones, and many small and large ones."""

    def __init__(self, session, root):
        self._session, self._root = session, root
        self._begun, self._never = 0, asyncio.Event()
        self.finished: set[str] = set()
        self.ready = asyncio.Event()

    def start(self):
        works = [self._half(number) for number in range(4)]
        works += [self._many(worker) for worker in range(8)]
        return [asyncio.create_task(work) for work in works]

    def _check(self):
        if self._begun == 4 and len(self.finished) >= 60:
            self.ready.set()

    async def _endless(self):
        for _ in range(40):
            yield b"x" * 65536
        self._begun += 1
        self._check()
        await self._never.wait()

    async def _half(self, number):
        headers = {"Content-Length": str(1 << 30)}
        url = f"{self._root}?name=half{number}"
        await self._session.put(url, data=self._endless(), headers=headers)

    async def _many(self, worker):
        for number in range(10_000):
            name = f"w{worker}-{number}"
            data = io.BytesIO(b"x" * (1000, 655_360)[number % 2])
            async with self._session.put(f"{self._root}?name={name}", data=data) as response:
                assert response.status == 201
            self.finished.add(name)
            self._check()


async def test_kill_in_the_middle_of_uploads_leaves_whole_files_only(program, tmp_path, session):
    process, facts = program()
    root = "{files}/v1/resources/{project}/providers/osfstorage/"
    session.headers["Authorization"] = f"Bearer {facts['token']}"
    uploads = Uploads(session, root.format(**facts))
    tasks = uploads.start()
    await uploads.ready.wait()
    process.kill()
    await asyncio.wait(tasks[4:])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    _, facts = program()
    async with session.get(root.format(**facts)) as response:
        listing = (await response.json())["data"]
    found = {item["attributes"]["name"]: item["attributes"] for item in listing}
    assert uploads.finished <= found.keys()
    for attributes in found.values():
        async with session.get(root.format(**facts) + attributes["path"][1:]) as response:
            assert await response.read() == b"x" * attributes["size"]
        assert attributes["size"] in {1000, 655_360}
    assert list((tmp_path / "osf" / "incoming").iterdir()) == []


def test_a_thread_serves_programs_that_are_not_asynchronous(tmp_path):
    with EmulatorThread(tmp_path, settings=Settings(latency=0.001)) as osf:
        facts = fetch(f"{osf.api_url}/users/me/", osf.token)
        assert facts["data"]["id"] == osf.user
        guid = osf.add_project("From another thread", public=True)
        assert fetch(f"{osf.api_url}/nodes/{guid}/", osf.token)["data"]["attributes"]["public"]
        assert osf.requests[0].path == "/v2/users/me/"
    assert "osf-emulator" not in {thread.name for thread in threading.enumerate()}


def test_a_thread_hands_errors_to_the_caller(tmp_path):
    with EmulatorThread(tmp_path) as osf:
        with pytest.raises(LookupError):
            osf.make_registration("zzzzz")
        assert osf.add_project(region="de-1")
    osf.stop()


def test_a_thread_tells_why_it_cannot_start(tmp_path):
    taken = EmulatorThread(tmp_path / "one")
    with taken:
        port = int(taken.api_url.rsplit(":", 1)[1].removesuffix("/v2"))
        with (
            pytest.raises(OSError, match=r"[Aa]ddress"),
            EmulatorThread(tmp_path / "two", port=port),
        ):
            pass


async def test_outside_of_its_block_it_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="async with"):
        _ = Emulator(tmp_path).api_url
    with pytest.raises(RuntimeError, match="'with' block"):
        _ = EmulatorThread(tmp_path).token


async def test_it_can_be_stopped_twice(tmp_path):
    async with Emulator(tmp_path) as osf:
        await osf.stop()


@pytest.mark.skipif(os.name == "nt", reason="there a signal would end the test run")
async def test_the_program_tells_where_it_is_and_ends_on_a_signal(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("sys.argv", ["emulator", "--root", str(tmp_path), "--port", "0"])
    monkeypatch.setattr(asyncio, "run", lines.append)
    main()
    running = asyncio.create_task(lines.pop())
    monkeypatch.setattr("sys.stdout", io.StringIO())
    await until(sys.stdout.getvalue)
    assert json.loads(sys.stdout.getvalue())["api"].endswith("/v2")
    signal.raise_signal(signal.SIGTERM)
    await running

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", unsupported)
    running = asyncio.create_task(dvc_osf.emulator.run(tmp_path, announce=lines.append))
    await until(lambda: lines)
    signal.raise_signal(signal.SIGTERM)
    await running
    assert len(lines) == 1


def unsupported(*_):
    raise NotImplementedError


async def test_it_ends_while_requests_are_open(tmp_path, session):
    async with Emulator(tmp_path) as osf:
        osf.add_fault(dvc_osf.emulator.Fault(hang=True))
        asking = asyncio.create_task(Client(osf, session, osf.token).v2("/"))
        await until(lambda: osf.requests)
    with pytest.raises(aiohttp.ClientError):
        await asking


def test_the_package_imports_nothing_heavy_before_it_is_used():
    code = (
        "import sys, dvc_osf.emulator.pytest_plugin as p;"
        "assert 'aiohttp' not in sys.modules and 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Emulation'"):
        _ = dvc_osf.emulator.Emulation
