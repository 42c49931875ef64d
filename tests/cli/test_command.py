"""The ``dvc-osf`` command: what it offers, and the emulator's contract."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

import dvc_osf
from dvc_osf import cli, demo
from dvc_osf.cli import commands

COMMAND = [sys.executable, "-m", "dvc_osf.cli"]


@pytest.fixture
def invoke():
    """Run the command in this process, and leave its signals as they were."""
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *arguments: CliRunner().invoke(commands(), arguments)
    signal.signal(signal.SIGTERM, before)


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_it_tells_its_version(invoke):
    result = invoke("--version")

    assert result.exit_code == 0
    assert result.output == f"dvc-osf, version {dvc_osf.__version__}\n"


def test_its_help_names_the_subcommands(invoke):
    result = invoke("--help")

    assert result.exit_code == 0
    assert "emulator" in result.output
    assert "demo" in result.output


def test_its_help_loads_nothing_heavy():
    done = python(
        "import sys\n"
        "from dvc_osf.cli import commands\n"
        "commands().main(['--help'], standalone_mode=False)\n"
        "print(sorted({'aiohttp', 'asyncio', 'dvc', 'fsspec'} & sys.modules.keys()))"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_click_it_says_what_to_install():
    done = python("import sys; sys.modules['click'] = None; from dvc_osf.cli import main; main()")

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert 'pip install "dvc-osf[cli]"' in done.stderr


def test_a_broken_installation_of_click_is_not_taken_for_none(monkeypatch):
    def commands():
        raise ModuleNotFoundError("No module named 'colorama'", name="colorama")

    monkeypatch.setattr(cli, "commands", commands)
    with pytest.raises(ModuleNotFoundError, match="colorama"):
        cli.main()


def test_it_runs_what_the_arguments_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()

    assert capsys.readouterr().out.startswith("dvc-osf, version ")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_emulator_prints_one_line_serves_and_ends_on_a_signal(number, tmp_path):
    with subprocess.Popen(
        [*COMMAND, "emulator", "--root", str(tmp_path / "osf"), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            facts = json.loads(process.stdout.readline())
            for name in ("api", "files", "web"):
                url = urlsplit(facts[name])
                assert url.scheme == "http"
                assert not facts[name].endswith("/")
                socket.create_connection((url.hostname, url.port)).close()
            process.send_signal(number)
            rest, _ = process.communicate()
        finally:
            process.kill()

    assert process.returncode == 0
    assert rest == ""
    assert facts.keys() == {"api", "files", "web", "token", "project"}
    assert all(isinstance(value, str) and value for value in facts.values())


def test_the_emulator_serves_on_the_port_it_is_given_or_says_that_it_is_taken(invoke, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("emulator", "--root", str(tmp_path / "osf"), "--port", str(port))

    assert result.exit_code == 1
    assert f"on 127.0.0.1, port {port}" in result.output
    assert result.output.startswith("Error: ")


def test_the_emulator_needs_a_root(invoke):
    result = invoke("emulator")

    assert result.exit_code == 2
    assert "--root" in result.output


def test_the_demo_takes_its_size_from_the_options(invoke, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(demo, "run", lambda **options: calls.append(options))

    assert invoke("demo").exit_code == 0
    keep = tmp_path / "kept"
    result = invoke("demo", "--keep", str(keep), "--files", "7", "--size", "2")

    assert result.exit_code == 0
    assert calls == [
        {"keep": None, "files": None, "size": 256 * 1024**2},
        {"keep": keep, "files": 7, "size": 2 * 1024**2},
    ]


def test_a_demo_that_goes_wrong_has_a_message_and_a_status(invoke, monkeypatch):
    def fail(**_options):
        raise demo.DemoError("1 missing: a.py")

    monkeypatch.setattr(demo, "run", fail)
    result = invoke("demo")

    assert result.exit_code == 1
    assert result.output == "Error: 1 missing: a.py\n"
