"""Many ranges of one file in few requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_GAP", "Block", "Range", "by_path", "merge"]

Range = tuple[int, "int | None", "int | None"]
"""A number to know it by, and its positions as in a slice: negative ones count from the end."""

MAX_GAP = 64 * 1024
"""Bytes between two ranges that are rather fetched than skipped: the OSF counts requests."""


@dataclass
class Block:
    """Neighbouring ranges of a file, to be fetched as one.

    Attributes
    ----------
    start, end : int
        What to fetch.
    ranges : list of tuple of int, int and int
        What is wanted of it: number, first position and the one behind the last.
    """

    start: int
    end: int
    ranges: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """What the ranges are known by."""
        return [number for number, _, _ in self.ranges]


def by_path(paths: list[str], starts: Any, ends: Any) -> dict[str, list[Range]]:
    """Sort the ranges that a caller wants by the files that they are of.

    Parameters
    ----------
    paths : list of str
        A file for each range.
    starts, ends : int, None, or iterable of int or None
        Positions as in a slice, for each range or for all.

    Returns
    -------
    dict of str to list of Range
        By path; each is known by its place in the caller's list.

    Raises
    ------
    TypeError
        The paths are no list.
    ValueError
        There is not a start and an end for each path.
    """
    if not isinstance(paths, list):
        raise TypeError("the paths of the ranges must be a list")
    starts = list(starts) if isinstance(starts, Iterable) else [starts] * len(paths)
    ends = list(ends) if isinstance(ends, Iterable) else [ends] * len(paths)
    if not len(starts) == len(ends) == len(paths):
        raise ValueError("there must be a start and an end for each path")
    found: dict[str, list[Range]] = {}
    for number, (path, start, end) in enumerate(zip(paths, starts, ends, strict=True)):
        found.setdefault(path, []).append((number, start, end))
    return found


def merge(ranges: Sequence[Range], size: int, max_gap: int) -> list[Block]:
    """Put neighbouring ranges of one file together.

    Parameters
    ----------
    ranges : sequence of Range
        What is wanted.
    size : int
        Bytes of the file.
    max_gap : int
        Bytes that may lie between two ranges of a block.

    Returns
    -------
    list of Block
        In the order of the file. Empty ranges are in none.
    """
    resolved = []
    for number, start, end in ranges:
        first, last, _step = slice(start, end).indices(size)
        if first < last:
            resolved.append((first, last, number))
    blocks: list[Block] = []
    for first, last, number in sorted(resolved):
        if not blocks or first - blocks[-1].end > max_gap:
            blocks.append(Block(first, last))
        blocks[-1].end = max(blocks[-1].end, last)
        blocks[-1].ranges.append((number, first, last))
    return blocks
