"""Only "not found" means that something is absent; any other answer is an error."""

from __future__ import annotations

import pytest

from dvc_osf import OSFException, OSFRateLimitError
from dvc_osf.emulator import Fault

VERBS = {
    "exists": lambda fs, place: fs.exists(f"{place}/d/f"),
    "isfile": lambda fs, place: fs.isfile(f"{place}/d/f"),
    "isdir": lambda fs, place: fs.isdir(f"{place}/d/e"),
    "info": lambda fs, place: fs.info(f"{place}/d/f"),
    "ls": lambda fs, place: fs.ls(f"{place}/d"),
    "find": lambda fs, place: fs.find(place),
    "walk": lambda fs, place: list(fs.walk(place)),
    "glob": lambda fs, place: fs.glob(f"{place}/*/f"),
    "du": lambda fs, place: fs.du(place),
    "size": lambda fs, place: fs.size(f"{place}/d/f"),
    "modified": lambda fs, place: fs.modified(f"{place}/d/f"),
    "checksum": lambda fs, place: fs.checksum(f"{place}/d/f"),
    "url": lambda fs, place: fs.url(f"{place}/d/f"),
}
TRANSIENT = (408, 500, 502, 503, 504)
FINAL = (400, 401, 403, 405, 409, 418, 423, 451, 501, 507)


@pytest.mark.parametrize("host", ["api", "files"])
@pytest.mark.parametrize("status", [*TRANSIENT, *FINAL])
def test_a_status_other_than_404_and_410_is_an_error(connect_both, osf, plant, root, host, status):
    plant.files({"d/f": b"x"})
    osf.add_fault(Fault(method="GET", host=host, status=status))

    for verb, ask in VERBS.items():
        fs = connect_both(max_retries=2)
        with pytest.raises(OSFException) as caught:
            ask(fs, root)
        assert not isinstance(caught.value, FileNotFoundError), verb
        assert caught.value.status == status, verb
        tries = [entry for entry in osf.requests if entry.status == status]
        osf.clear_requests()
        assert len(tries) == (3 if status in TRANSIENT else 1), verb


@pytest.mark.parametrize("host", ["api", "files"])
def test_a_pause_that_is_too_long_is_an_error(connect_both, osf, plant, root, clock, host):
    plant.files({"d/f": b"x"})
    osf.add_fault(Fault(method="GET", host=host, status=429, retry_after=100))

    for ask in VERBS.values():
        with pytest.raises(OSFRateLimitError):
            ask(connect_both(max_wait=99), root)
    assert clock.pauses == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_project_that_is_gone_is_absent(connect_both, osf, root, status):
    osf.add_fault(Fault(method="GET", host="api", status=status))
    fs = connect_both(max_retries=0)

    assert not fs.exists(f"{root}/d/f")
    assert not fs.isfile(f"{root}/d/f")
    assert not fs.isdir(f"{root}/d")
    for verb in ("info", "ls", "find", "walk", "glob", "du"):
        with pytest.raises(FileNotFoundError):
            VERBS[verb](fs, root)
