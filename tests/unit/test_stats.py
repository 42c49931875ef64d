"""Totals of what was asked of the OSF."""

from __future__ import annotations

from dvc_osf.stats import Stats


def test_a_new_filesystem_has_asked_for_nothing():
    stats = Stats()
    assert stats.total == 0
    assert stats.upload_rate == 0
    assert stats.download_rate == 0


def test_the_total_is_of_every_kind():
    stats = Stats()
    stats.requests.update({"listing": 2, "file PUT": 3})
    assert stats.total == 5


def test_rates_are_bytes_per_second():
    stats = Stats(bytes_sent=100, seconds_sending=4.0, bytes_received=90, seconds_receiving=3.0)
    assert stats.upload_rate == 25
    assert stats.download_rate == 30


def test_reset_starts_again_from_nothing():
    stats = Stats(retries=3, bytes_sent=5, seconds_waiting=2.0)
    stats.requests["listing"] = 1
    stats.statuses[200] = 1
    stats.reset()
    assert stats == Stats()


def test_filesystems_do_not_share_totals():
    one, other = Stats(), Stats()
    one.requests["listing"] += 1
    assert other.total == 0
