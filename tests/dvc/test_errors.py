"""What a user of DVC is told when something is wrong, and what pushing again then does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dvc_osf.emulator import EmulatorThread
from dvc_osf.emulator.faults import Fault

FILES = 20


@pytest.fixture(scope="module")
def _project(new_project):
    project = new_project()
    project.write({f"data/{number}": f"{number}" for number in range(FILES)})
    project.dvc("add", "data")
    return project


@pytest.fixture
def project(_project):
    """Return a project with a folder to push, and nothing on the OSF."""
    _project.fs.rm(_project.root, recursive=True)
    _project.osf.clear_requests()
    yield _project
    _project.osf.clear_faults()


def sent(project):
    """Count the files that reached the OSF."""
    return sum(
        1
        for entry in project.osf.requests
        if entry.query.get("kind") == "file" and entry.status in {200, 201}
    )


def assert_told(done, *words):
    """Say what is wrong on standard error, in words for people."""
    assert done.returncode != 0
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_that_is_not_valid(project):
    done = project.try_dvc("push", OSF_TOKEN="s3cret-token")

    assert_told(done, "the OSF does not accept the token", "https://osf.io/settings/tokens")
    assert done.stderr.count("does not accept the token") == 1
    assert "s3cret-token" not in done.stdout + done.stderr


def test_no_token(project):
    done = project.try_dvc("push", OSF_TOKEN="")

    assert_told(done, "credentials were not provided", "dvc remote modify --local")


def test_a_token_that_may_only_read(project):
    token = project.osf.add_token(scopes=["osf.full_read"])

    done = project.try_dvc("push", OSF_TOKEN=token)

    assert_told(done, "HTTP 403", "osf.full_write", f"{FILES + 1} files failed to upload")
    assert sent(project) == 0
    # Why it was refused was asked at most once for each request in flight.
    asked = [entry for entry in project.osf.requests if "users/me" in entry.path]
    assert 1 <= len(asked) <= 16


def test_a_full_project_and_a_push_after_room_was_made(project):
    guid = project.root.partition("/")[0]
    project.fs.pipe_file(f"{project.root}/something", b"takes all the room")
    project.osf.set_quota(guid, 5)
    try:
        done = project.try_dvc("push")
    finally:
        project.osf.set_quota(guid, None)

    assert_told(done, "files failed to upload", f"https://osf.io/{guid}/settings/")
    assert f"{FILES + 1} files pushed" in project.dvc("push")


def test_some_files_refused_and_a_push_that_sends_only_those(project):
    refusal = Fault(method="PUT", path="kind=file", after=10, status=403)
    project.osf.add_fault(refusal)

    assert_told(project.try_dvc("push"), "files failed to upload")

    project.osf.clear_faults()
    done = sent(project)
    assert 0 < done < FILES
    project.osf.clear_requests()
    project.dvc("push")
    assert sent(project) == FILES + 1 - done


def test_an_object_that_somebody_has_checked_out(project):
    project.dvc("push")
    guid = project.root.partition("/")[0]
    path = next(path for path in project.objects() if path.endswith(".dir"))
    project.osf.checkout(guid, f"/d/{path}", project.osf.add_user("holder"))

    # Nobody changes an object, so pushing and pulling go on.
    assert "up to date" in project.dvc("push")
    project.write({"data/0": "changed"})
    project.dvc("add", "data")
    try:
        done = project.try_dvc("gc", "--workspace", "--cloud", "--force")
    finally:
        project.osf.checkout(guid, f"/d/{path}", None)
        project.write({"data/0": "0"})
        project.dvc("add", "data")
    assert_told(done, "checked out cannot be deleted", path[3:])


def test_a_rate_limit_that_lasts_longer_than_max_wait(project):
    project.osf.add_fault(Fault(method="PUT", status=429, retry_after=3000))
    project.dvc("remote", "modify", "o", "max_wait", "10")
    begun = time.monotonic()
    try:
        done = project.try_dvc("push")
    finally:
        project.dvc("remote", "modify", "--unset", "o", "max_wait")

    assert_told(done, "asks for a pause of 3000 s", "max_wait is 10 s")
    assert time.monotonic() - begun < 60

    project.osf.clear_faults()
    assert f"{FILES + 1} files pushed" in project.dvc("push")


class Hang(Fault):
    """Leaves requests without an answer, and says so to the test."""

    def hit(self, host, method, target):
        hit = super().hit(host, method, target)
        if hit:
            self.begun.set()
        return hit


def test_a_network_that_goes_away_ends_the_push_soon_and_the_next_sends_the_rest(
    new_project, tmp_path
):
    project = new_project()
    project.write({f"data/{number}": f"{number}" for number in range(100)})
    project.dvc("add", "data")
    hang = Hang(method="PUT", path="kind=file", after=30, hang=True)
    hang.begun = threading.Event()

    with EmulatorThread(tmp_path / "osf") as osf:
        osf.add_fault(hang)
        project.osf = osf
        project.dvc("remote", "modify", "o", "url", f"osf://{osf.project}/d")
        project.dvc("remote", "modify", "o", "endpoint_url", osf.api_url)
        project.root, project.environment["OSF_TOKEN"] = f"{osf.project}/osfstorage", osf.token
        with ThreadPoolExecutor(1) as pool:
            push = pool.submit(project.try_dvc, "push")
            hang.begun.wait(timeout=60)
            osf.stop()
            begun = time.monotonic()
            done = push.result()
    assert_told(done, "cannot connect to", "Check the network", "files failed to upload")
    # One file's pauses (about 17 s with five retries), not a hundred files'.
    assert time.monotonic() - begun < 60

    with EmulatorThread(tmp_path / "osf") as osf:
        project.osf = osf
        project.dvc("remote", "modify", "o", "endpoint_url", osf.api_url)
        kept = len(project.objects())
        assert 30 <= kept < 100
        osf.clear_requests()
        project.dvc("push")
        assert sent(project) == 101 - kept
