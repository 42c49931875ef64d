"""The known differences between the emulator and the recordings, and the page about them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from .recordings import FOLDER, load

PAGE = FOLDER.parents[1] / "docs" / "emulator-differences.md"


@dataclass(frozen=True)
class Difference:
    """A way in which the emulator is known to answer differently.

    Parameters
    ----------
    places
        Where the answers differ, for each request by its number.
    """

    recording: str
    places: dict[int, list[str]]
    what: str
    reason: str


@dataclass(frozen=True)
class Unreplayed:
    """An observation that is not replayed."""

    recording: str
    what: str
    reason: str


def _read() -> dict[str, list[dict[str, object]]]:
    return json.loads((FOLDER / "differences.json").read_text(encoding="utf-8"))


def differences() -> list[Difference]:
    """Return all known differences."""
    return [
        Difference(
            str(entry["recording"]),
            {int(number): places for number, places in entry["places"].items()},
            str(entry["what"]),
            str(entry["reason"]),
        )
        for entry in _read()["requests"]
    ]


def unreplayed() -> list[Unreplayed]:
    """Return the observations that are not replayed."""
    return [Unreplayed(**entry) for entry in _read()["observations"]]


def places(recording: str, number: int) -> list[str]:
    """Return where the answer to a request is known to differ."""
    return sorted(
        place
        for entry in differences()
        if entry.recording == recording
        for place in entry.places.get(number, ())
    )


_INTRODUCTION = """\
# How the embedded OSF differs from the real one

The embedded OSF is held against recordings of a real one (OSF.io 26.16 with WaterButler 26.0, see
`tests/recordings/`): {requests} requests are replayed, and the answers are compared in status,
headers and body. They are equal up to what differs by nature:

- ids and times of what the requests themselves create: they have to fit together in the same way;
- hosts (the emulator has one for the web pages, API v2 and the renderer), and with them, of the
  headers, the value of `Etag`, which is computed from them, and of `X-Waterbutler-Request-Id`;
- the order of listings that have none;
- of the rate limit, how many seconds are left;
- how long an answer takes.

This page is made from `tests/recordings/differences.json`, and a test fails if it lists more or
less than what really differs. Make it anew with `python tests/replay/render.py`.

## Answers that differ

| recording | request | what is different here | why |
|---|---|---|---|
"""
_OBSERVATIONS = """
## Observations that are not replayed

Of the recordings without requests and answers, what they observed is asserted: races, lost
entries, early answers, limits. Left out are:

| recording | what | why |
|---|---|---|
"""
_UNRECORDED = """
## What was not recorded

Some of API v2 follows the OSF's public sources (26.x) instead of a recording:

- lists of a user's projects (`/v2/users/me/nodes/`), what they can be sorted by, and which scopes
  they take;
- components: `/v2/nodes/<guid>/children/`, and `parent` and `root` of a project. On the OSF an
  administrator of a project may also read its components; here only their own contributors may;
- who is told about storage (`/v2/nodes/<guid>/storage/`; the answer itself is recorded). The OSF
  may answer 202 while it counts; the emulator always knows;
- what an anonymous view-only link hides of a project. On the OSF a link may cover components as
  well; here it opens one project;
- registrations, beyond their files.
"""
_ADDONS = """
## Add-ons

The emulator serves S3 as an add-on. There are no recordings of one: its answers follow the public
source of WaterButler and were compared with nothing else. From that source, it departs in this:

| what | here | there |
|---|---|---|
"""
_DEPARTURES = (
    (
        "folders",
        "A folder stays when its last file is deleted.",
        "A folder without a key of its own goes with its last file.",
    ),
    (
        "the same content again",
        "An upload leaves the file as it was.",
        "The file has a new time, and in a bucket with versions a new version.",
    ),
    (
        "versions",
        "The bucket keeps versions; deleting a file deletes them.",
        "The settings of the bucket decide; a deletion is a version of its own.",
    ),
    (
        "moves of folders, and between providers",
        "They are done when the answer comes.",
        "A queue does them, file by file; the answer may be 202 before they are done.",
    ),
    (
        "ranges beyond the end",
        "They are answered as in `osfstorage`.",
        "S3 cuts them at the end.",
    ),
    (
        "API v2",
        "It lists the provider, with a guessed `root_folder`, and nothing in it.",
        "It lists its content, too.",
    ),
)


def page() -> str:
    """Return the page that lists all of them."""
    total = sum(len(load(path.name.partition("_")[0]).requests) for path in FOLDER.glob("*.txt"))
    rows = []
    for entry in differences():
        titles = [
            f"{number}: {load(entry.recording).requests[number - 1].title}"
            for number in sorted(entry.places)
        ]
        rows.append(_row(entry.recording, "; ".join(titles), entry.what, entry.reason))
    others = [_row(entry.recording, entry.what, entry.reason) for entry in unreplayed()]
    text = _INTRODUCTION.format(requests=total) + "".join(rows)
    text += _OBSERVATIONS + "".join(others) + _UNRECORDED
    return text + _ADDONS + "".join(_row(*departure) for departure in _DEPARTURES)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def render() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
