"""The page that shows the matrix, made from the records that the test goes by."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .faults import ROWS, Row
from .operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE = Path(__file__).parents[3] / "docs" / "fault-matrix.md"

_INTRODUCTION = """\
# What happens when something fails

Every operation is run under every fault of the [emulator](emulator.md). It ends with success and
the exact content, or with the error named here (see [errors and what to do](troubleshooting.md)).
For each cell it is then looked up, in the server's own storage and on the disk, that

- the OSF holds the files, versions and folders that it should, and no other bytes and no duplicate;
- a local file that was there before a failed download is untouched, and no part of a new one is
  left;
- the filesystem believes what is true, and counted the requests that the server counted;
- no task, thread, file or connection is left open.

A failed operation has changed nothing, with these exceptions:

- A bulk operation has done some of its files, each whole.
- A deletion whose answer is lost has taken place.
- An upload that the OSF stores damaged makes a version, for it tells the checksum only afterwards,
  and takes no version back. It is sent again. If every try is damaged, a file that was new is
  deleted; one that was there before keeps its good versions below the damaged one. Of a bulk
  operation, files under way when another fails may be left damaged.

This page is made from the records in `tests/faults/matrix/`, by which the tests go, and a test
fails if it says anything else. Make it anew with `python tests/faults/render.py`.

## The operations

"""

_ONCE = """
## A fault hits once

One request fails, and the next try is let through. Of the bulk operations, one request of every
seventh file fails.

"""

_FOR_GOOD = """
## A fault hits every time

Every try fails, until the operation gives up (after `max_retries`, or `max_wait` for 429). Only
the operation's own kind of request is hit: what has become of it can still be looked up.

"""

_LEFT_OUT = """
## Left out

A dash stands where a fault has nothing to do with an operation:

"""


def page() -> str:
    """Return the page."""
    operations = _table(
        ("operation", "what is called"),
        [(operation.name, operation.call) for operation in OPERATIONS],
    )
    once = _matrix(lambda row, operation: _named(row, operation, permanent=False))
    for_good = _matrix(lambda row, operation: _named(row, operation, permanent=True))
    text = _INTRODUCTION + operations + _ONCE + once + _FOR_GOOD + for_good + _LEFT_OUT
    return text + _table(("fault", "operations", "why"), _left_out())


def _matrix(cell: Callable[[Row, Operation], str]) -> str:
    heading = ("fault", *(operation.name for operation in OPERATIONS))
    return _table(
        heading, [(row.name, *(cell(row, operation) for operation in OPERATIONS)) for row in ROWS]
    )


def _named(row: Row, operation: Operation, *, permanent: bool) -> str:
    if row.skips(operation) is not None:
        return "-"
    error = row.ending(operation, permanent=permanent)
    return "succeeds" if error is None else error.__name__


def _left_out() -> list[tuple[str, str, str]]:
    """Return, for each fault, the operations that it has nothing to do with, by reason."""
    rows = []
    for row in ROWS:
        names: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            reason = row.skips(operation)
            if reason is not None:
                names.setdefault(reason, []).append(operation.name)
        rows += [(row.name, ", ".join(left), reason) for reason, left in names.items()]
    return rows


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def render() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
