"""Patterns, and what they add up to."""

from __future__ import annotations

import pytest

TREE = {
    "a1.csv": b"1",
    "a2.csv": b"22",
    "b1.txt": b"333",
    "sub/a3.csv": b"4444",
    "sub/deeper/a4.csv": b"55555",
}


@pytest.fixture
def tree(plant, root):
    """Plant five files."""
    plant.files(TREE)
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a1.csv", "a2.csv", "b1.txt", "sub"]),
        ("*.csv", ["a1.csv", "a2.csv"]),
        ("a?.csv", ["a1.csv", "a2.csv"]),
        ("[ab]1.*", ["a1.csv", "b1.txt"]),
        ("*/*.csv", ["sub/a3.csv"]),
        ("**/*.csv", ["a1.csv", "a2.csv", "sub/a3.csv", "sub/deeper/a4.csv"]),
        ("sub/**", ["sub", "sub/a3.csv", "sub/deeper", "sub/deeper/a4.csv"]),
        ("s*/", ["sub/"]),
        ("nothing*", []),
        ("nothing/*", []),
        ("a1.csv", ["a1.csv"]),
        ("nothing", []),
    ],
)
def test_patterns(fs, tree, pattern, expected):
    found = [path.rstrip("/") for path in fs.glob(f"osf://{tree}/{pattern}")]

    assert found == [f"{tree}/{name}".rstrip("/") for name in expected]


def test_details_are_those_of_info(fs, tree):
    assert fs.glob(f"{tree}/*.txt", detail=True) == {f"{tree}/b1.txt": fs.info(f"{tree}/b1.txt")}


def test_a_pattern_lists_no_deeper_than_it_reaches(fs, tree, asked):
    fs.glob(f"{tree}/*.csv")
    assert asked() == {"api": 1, "listing": 1}
    fs.invalidate_cache()
    fs.glob(f"{tree}/sub/*.csv")
    assert asked()["listing"] == 2


def test_maxdepth_bounds_two_stars(fs, tree):
    assert fs.glob(f"{tree}/**/*.csv", maxdepth=2) == [
        f"{tree}/a1.csv",
        f"{tree}/a2.csv",
        f"{tree}/sub/a3.csv",
    ]


def test_du_adds_the_sizes_up(fs, tree, asked):
    assert fs.du(tree) == 15
    assert fs.du(f"{tree}/sub/") == 9
    assert fs.du(f"{tree}/a2.csv") == 2
    assert fs.du(f"{tree}/sub", total=False) == {
        f"{tree}/sub/a3.csv": 4,
        f"{tree}/sub/deeper/a4.csv": 5,
    }
    # The sizes come with the listings.
    assert asked() == {"api": 1, "listing": 3}


def test_du_asks_for_each_folder_once_even_without_a_cache(connect_both, tree, asked):
    fs = connect_both(use_listings_cache=False)

    assert fs.du(tree) == 15
    assert asked() == {"api": 1, "listing": 3 + 1 + 2}


def test_du_counts_to_a_depth(fs, tree):
    assert fs.du(tree, maxdepth=1) == 6
    assert fs.du(tree, maxdepth=2) == 10


def test_expand_path_takes_patterns_lists_and_recursion(fs, tree):
    assert fs.expand_path(f"{tree}/*.csv") == [f"{tree}/a1.csv", f"{tree}/a2.csv"]
    assert fs.expand_path([f"{tree}/b1.txt", f"{tree}/a*"]) == [
        f"{tree}/a1.csv",
        f"{tree}/a2.csv",
        f"{tree}/b1.txt",
    ]
    assert fs.expand_path(f"{tree}/sub", recursive=True) == [
        f"{tree}/sub",
        f"{tree}/sub/a3.csv",
        f"{tree}/sub/deeper",
        f"{tree}/sub/deeper/a4.csv",
    ]
    with pytest.raises(FileNotFoundError):
        fs.expand_path(f"{tree}/nothing*")
