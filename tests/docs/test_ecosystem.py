"""The examples of docs/ecosystem.md run, and print what their comments say."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

PAGE = (Path(__file__).parents[2] / "docs" / "ecosystem.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (.+?)\n.*?```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
PROMISE = re.compile(r"^print\(.*\)  # (.+)$|^    print\(.*\)  # (.+)$", re.MULTILINE)


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Serve an OSF that the environment points to; return its project."""
    for name in list(os.environ):
        if name.startswith(("OSF_", "FSSPEC_OSF")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with EmulatorThread(tmp_path / "osf") as osf:
        monkeypatch.setenv("OSF_TOKEN", osf.token)
        monkeypatch.setenv("OSF_API_URL", osf.api_url)
        OSFFileSystem.clear_instance_cache()
        yield osf.project
        for fs in list(OSFFileSystem._cache.values()):
            fs.close()
        OSFFileSystem.clear_instance_cache()


def test_every_section_has_an_example():
    assert len(EXAMPLES) == PAGE.count("\n## ") == PAGE.count("```python")


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_prints_what_it_says(title, project, capsys):
    code = EXAMPLES[title]
    for name in set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)):
        pytest.importorskip(name, reason="the dependency group 'ecosystem' is not installed")

    exec(compile(code.replace("abc12", project), title, "exec"), {"__name__": "__main__"})

    promised = ["".join(found) for found in PROMISE.findall(code)]
    assert promised
    assert capsys.readouterr().out.splitlines() == promised
