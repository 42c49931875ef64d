"""Connections: kept while they serve, and never trusted after a refusal.

WaterButler ends the connection of every request that it refuses early, and does not say so. A
request that is sent on such a connection is lost, and whoever sent it must find out, at length,
whether it arrived; so nothing may be sent on it.
"""

from __future__ import annotations

import time

import pytest

ROUNDS = 12
"""Whether the server's end of the connection is seen in time is a matter of luck."""


@pytest.fixture
def fs(connect_both):
    """Return a filesystem that looks for a lost upload for up to five seconds."""
    return connect_both(upload_timeout=5)


def undisturbed(fs):
    return fs.stats.retries == 0 and fs.stats.seconds_waiting == 0


def test_requests_share_connections(fs, osf, root):
    for number in range(10):
        fs.pipe_file(f"{root}/{number}", b"x")
    fs.find(root)

    ports = {entry.headers["host"] for entry in osf.requests}
    assert len(ports) == 2
    assert undisturbed(fs)


def test_an_upload_after_a_conflict_is_not_lost(fs, other, root, clock):
    for number in range(ROUNDS):
        fs.ls(root)
        # The cache does not know this file, so it is created first, and refused with 409.
        other.pipe_file(f"{root}/{number}", b"theirs")
        fs.pipe_file(f"{root}/{number}", b"ours")

    assert undisturbed(fs)
    assert clock.pauses == []


def test_an_upload_after_a_conflict_takes_no_longer_than_two(connect, osf, other, root):
    fs = connect(upload_timeout=5)
    begun = time.monotonic()
    for number in range(3):
        fs.ls(root)
        other.pipe_file(f"{root}/{number}", b"theirs")
        osf.clear_requests()
        fs.pipe_file(f"{root}/{number}", b"ours")
        assert [entry.method for entry in osf.requests] == ["PUT", "PUT"]

    assert time.monotonic() - begun < 2


def test_a_folder_that_exists_after_all_costs_no_retry(fs, other, root, clock):
    for number in range(ROUNDS):
        fs.ls(root)
        other.pipe_file(f"{root}/{number}/theirs", b"x")
        fs.pipe_file(f"{root}/{number}/ours", b"x")

    assert undisturbed(fs)
    assert clock.pauses == []


def test_a_download_that_is_gone_costs_no_retry(fs, other, plant, root, clock):
    plant.files({str(number): b"x" for number in range(ROUNDS)})
    fs.ls(root)
    for number in range(ROUNDS):
        other.rm_file(f"{root}/{number}")
        with pytest.raises(FileNotFoundError):
            fs.cat_file(f"{root}/{number}")

    assert undisturbed(fs)
    assert clock.pauses == []


def test_a_folder_that_is_gone_costs_no_retry(fs, other, plant, root, clock):
    plant.folders(*map(str, range(ROUNDS)))
    fs.ls(root)
    for number in range(ROUNDS):
        other.rm(f"{root}/{number}", recursive=True)
        assert not fs.exists(f"{root}/{number}/file")
        fs.pipe_file(f"{root}/{number}/file", b"x")

    assert undisturbed(fs)
    assert clock.pauses == []


def test_a_deletion_that_comes_too_late_costs_no_retry(fs, other, plant, root, clock):
    plant.files({str(number): b"x" for number in range(ROUNDS)})
    fs.ls(root)
    for number in range(ROUNDS):
        other.rm_file(f"{root}/{number}")
        with pytest.raises(FileNotFoundError):
            fs.rm_file(f"{root}/{number}")

    assert undisturbed(fs)
    assert clock.pauses == []


def test_a_refusal_costs_no_retry(connect_both, osf, plant, root, clock):
    plant.files({"f": b"x"})
    fs = connect_both(token=osf.add_token(scopes=["osf.full_read"]))
    for _ in range(ROUNDS):
        with pytest.raises(PermissionError):
            fs.pipe_file(f"{root}/f", b"y")
        assert fs.cat_file(f"{root}/f") == b"x"

    assert undisturbed(fs)
    assert clock.pauses == []


def test_the_totals_are_the_servers_log_after_refusals_too(fs, other, root, asked):
    for number in range(ROUNDS):
        fs.ls(root)
        other.pipe_file(f"{root}/{number}", b"theirs")
        asked()
        fs.stats.reset()
        fs.pipe_file(f"{root}/{number}", b"ours")
        fs.info(f"{root}/{number}", refresh=True)
        assert asked() == dict(fs.stats.requests)
