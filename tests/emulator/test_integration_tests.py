"""The tests for a real OSF: skipped without an account, and good for any OSF, even the embedded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

ROOT = Path(__file__).parents[2]


def run(**variables):
    """Run them in a process of their own; return how many passed, were skipped and failed."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("OSF_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "tests/integration"],
        cwd=ROOT,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    summary = done.stdout.splitlines()[-1]
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", summary)}
    return [counts.get(word, 0) for word in ("passed", "skipped", "failed")], done.stdout


def test_without_an_account_they_are_skipped():
    (passed, skipped, failed), _ = run()

    assert skipped > 10
    assert (passed, failed) == (0, 0)


def test_against_the_embedded_osf_they_pass(tmp_path):
    with EmulatorThread(tmp_path / "osf") as osf:
        (passed, skipped, failed), output = run(
            OSF_TEST_TOKEN=osf.token, OSF_TEST_PROJECT=osf.project, OSF_API_URL=osf.api_url
        )

        assert (skipped, failed) == (0, 0), output
        assert passed > 10
        # Nothing of theirs stays.
        fs = OSFFileSystem(token=osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
        assert fs.ls(f"{osf.project}/osfstorage") == []
        fs.close()
