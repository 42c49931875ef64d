"""Every recorded request of the real OSF, replayed against the emulator."""

import pytest
from replaying import known
from replaying.recordings import FOLDER, keys, load
from replaying.replay import play

RECORDED = [exchange for key in keys() for exchange in load(key).requests]
MAX_BYTES = 600 * 1024


@pytest.mark.parametrize("recorded", RECORDED, ids=str)
def test_the_emulator_answers_as_the_osf_did(recorded):
    played = play(recorded.recording)[recorded.number - 1]
    assert played.recorded is recorded
    report = [
        f"{recorded.method} {recorded.target} as {recorded.token}: {recorded.title}",
        *(f"  {place}: {what}" for place, what in played.differences),
    ]
    # Equal, or different exactly where the list of known differences says so.
    assert played.places == known.places(recorded.recording, recorded.number), "\n".join(report)


def test_all_recordings_are_there():
    assert len(RECORDED) == 488
    assert len(keys()) == 29
    assert sum(path.stat().st_size for path in FOLDER.glob("*.txt")) < MAX_BYTES


def test_a_listed_difference_belongs_to_a_request_and_has_a_reason():
    for entry in known.differences():
        numbers = {exchange.number for exchange in load(entry.recording).requests}
        assert entry.places.keys() <= numbers
        assert all(entry.places.values())
        assert entry.what
        assert entry.reason


def test_the_page_lists_exactly_the_known_differences():
    assert known.PAGE.read_text(encoding="utf-8") == known.page()
