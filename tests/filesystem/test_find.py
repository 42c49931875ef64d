"""Finding everything below a place: all of it, or an error."""

from __future__ import annotations

import dataclasses

import pytest

from dvc_osf import OSFNotFoundError, OSFPermissionError, OSFRateLimitError, OSFServerError
from dvc_osf.emulator import Fault

TREE = {
    "top.txt": b"1",
    "data/a.csv": b"22",
    "data/b.csv": b"333",
    "data/raw/c.bin": b"4444",
    "data/raw/old/d.bin": b"55555",
    "other/e": b"",
}
FOLDERS = ["data", "data/raw", "data/raw/old", "empty", "other"]


@pytest.fixture
def tree(plant, root):
    """Plant a tree of six files in four folders, and an empty folder."""
    plant.files(TREE)
    plant.folders("empty")
    return root


def below(root, *names):
    return [f"{root}/{name}" for name in names]


def test_it_finds_every_file_sorted(fs, tree):
    assert fs.find(tree) == below(tree, *sorted(TREE))


def test_it_begins_where_it_is_told(fs, osf, tree):
    assert fs.find(f"osf://{tree}/data/raw/") == below(tree, "data/raw/c.bin", "data/raw/old/d.bin")
    assert fs.find(osf.project) == below(tree, *sorted(TREE))


def test_details_are_those_of_info(fs, tree):
    found = fs.find(tree, detail=True)

    assert list(found) == below(tree, *sorted(TREE))
    assert found == {path: fs.info(path) for path in found}


def test_a_file_finds_itself(fs, tree):
    assert fs.find(f"{tree}/data/a.csv") == below(tree, "data/a.csv")
    assert fs.find(f"{tree}/data/a.csv", detail=True) == {
        f"{tree}/data/a.csv": fs.info(f"{tree}/data/a.csv")
    }


@pytest.mark.parametrize("options", [{}, {"withdirs": True}, {"maxdepth": 1}, {"prefix": "x"}])
def test_a_missing_place_finds_nothing(fs, tree, options):
    assert fs.find(f"{tree}/nothing", **options) == []
    assert fs.find(f"{tree}/nothing/at/all", detail=True, **options) == {}


def test_an_empty_folder_finds_nothing(fs, tree):
    assert fs.find(f"{tree}/empty") == []


def test_an_unknown_project_is_a_mistake(fs):
    with pytest.raises(OSFNotFoundError) as caught:
        fs.find("zzzzz/osfstorage/data")
    assert caught.value.status == 404


def test_a_provider_that_the_project_does_not_have_is_a_mistake(fs, osf):
    with pytest.raises(OSFNotFoundError, match="no storage provider 'github'"):
        fs.find(f"{osf.project}/github/data")


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, ["top.txt"]),
        (2, ["data/a.csv", "data/b.csv", "other/e", "top.txt"]),
        (3, ["data/a.csv", "data/b.csv", "data/raw/c.bin", "other/e", "top.txt"]),
        (9, sorted(TREE)),
    ],
)
def test_maxdepth_bounds_the_levels(fs, tree, asked, depth, expected):
    assert fs.find(tree, maxdepth=depth) == below(tree, *expected)
    # Folders of the last level are not listed.
    listings = {1: 1, 2: 4, 3: 5, 9: 6}[depth]
    assert asked() == {"api": 1, "listing": listings}


@pytest.mark.parametrize("depth", [0, -1])
def test_maxdepth_is_at_least_one(fs, tree, depth):
    with pytest.raises(ValueError, match="maxdepth must be at least 1"):
        fs.find(tree, maxdepth=depth)


def test_withdirs_adds_the_folders_and_the_beginning(fs, tree):
    assert fs.find(tree, withdirs=True) == sorted([tree, *below(tree, *TREE, *FOLDERS)])
    assert fs.find(f"{tree}/empty", withdirs=True) == below(tree, "empty")
    assert fs.find(f"{tree}/data/a.csv", withdirs=True) == below(tree, "data/a.csv")


def test_withdirs_and_maxdepth_name_folders_that_are_not_entered(fs, tree):
    assert fs.find(tree, maxdepth=1, withdirs=True) == sorted(
        [tree, *below(tree, "data", "empty", "other", "top.txt")]
    )


def test_prefix_filters_the_names_of_the_first_level(fs, tree, asked):
    assert fs.find(tree, prefix="dat") == below(
        tree, "data/a.csv", "data/b.csv", "data/raw/c.bin", "data/raw/old/d.bin"
    )
    # What cannot match is not listed.
    assert asked() == {"api": 1, "listing": 4}
    assert fs.find(tree, prefix="nothing") == []
    assert fs.find(tree, prefix="") == below(tree, *sorted(TREE))
    assert fs.find(f"{tree}/data", prefix="raw") == below(
        tree, "data/raw/c.bin", "data/raw/old/d.bin"
    )


@pytest.mark.parametrize(
    ("prefix", "expected", "listings"),
    [
        ("data/", ["data/a.csv", "data/b.csv", "data/raw/c.bin", "data/raw/old/d.bin"], 4),
        ("data/a", ["data/a.csv"], 2),
        ("data/raw/o", ["data/raw/old/d.bin"], 4),
        ("dat/", [], 1),
        ("top.txt/", [], 1),
        ("data/a.csv/", [], 2),
        ("data/nothing", [], 2),
    ],
)
def test_a_prefix_with_slashes_goes_down(fs, tree, asked, prefix, expected, listings):
    assert fs.find(tree, prefix=prefix) == below(tree, *expected)
    # Neither brothers of the folders that it names, nor what cannot match in them.
    assert asked() == {"api": 1, "listing": listings}


def test_a_prefix_with_slashes_and_the_other_options(fs, osf, tree):
    assert fs.find(f"{tree}/data", prefix="raw/c") == below(tree, "data/raw/c.bin")
    assert fs.find(osf.project, prefix="osfstorage/t") == below(tree, "top.txt")
    assert fs.find(tree, prefix="data/", maxdepth=2) == below(tree, "data/a.csv", "data/b.csv")
    assert fs.find(tree, prefix="data/r", withdirs=True) == [
        tree,
        *below(tree, "data/raw", "data/raw/c.bin", "data/raw/old", "data/raw/old/d.bin"),
    ]


def test_every_folder_is_listed_once(fs, tree, asked):
    fs.find(tree)

    assert asked() == {"api": 1, "listing": 1 + len(FOLDERS)}
    fs.find(tree)
    assert asked() == {}


def test_a_name_of_both_kinds_is_found_as_both(fs, plant, root):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    assert fs.find(root) == below(root, "twin", "twin/inside")


FAILURES = [
    pytest.param(Fault(status=503), OSFServerError, id="503"),
    pytest.param(Fault(status=500), OSFServerError, id="500"),
    pytest.param(Fault(status=403), OSFPermissionError, id="403"),
    pytest.param(Fault(status=429, retry_after=60), OSFRateLimitError, id="429"),
    pytest.param(Fault(reset=True), ConnectionError, id="reset"),
    pytest.param(Fault(truncate=5), ConnectionError, id="truncated"),
    pytest.param(Fault(status=200, body="{}"), OSFServerError, id="nonsense"),
    pytest.param(Fault(status=200, body="<html></html>"), OSFServerError, id="html"),
]


@pytest.fixture
def failing(osf, plant, root):
    """Plant folders of which one cannot be listed, and return its path."""
    ids = plant.folders(*(f"f{number}" for number in range(8)))
    plant.copies("f0", ["f8", "f9"])

    def fail(fault: Fault) -> str:
        osf.add_fault(dataclasses.replace(fault, method="GET", path=f"/{ids[5]}/"))
        return f"{root}/f5"

    return fail


@pytest.mark.parametrize(("fault", "error"), FAILURES)
@pytest.mark.parametrize("verb", ["find", "walk", "glob", "du", "expand_path"])
def test_a_failure_in_the_middle_is_an_error_and_never_a_shorter_list(
    connect_both, failing, root, fault, error, verb
):
    fs = connect_both(max_retries=0, max_wait=10)
    place = failing(fault)

    attempts = {
        "find": lambda: fs.find(root),
        "walk": lambda: list(fs.walk(root)),
        "glob": lambda: fs.glob(f"{root}/**"),
        "du": lambda: fs.du(root),
        "expand_path": lambda: fs.expand_path(root, recursive=True),
    }

    with pytest.raises(error) as caught:
        attempts[verb]()
    assert f"osf://{place}" in str(caught.value)


@pytest.mark.parametrize(("fault", "error"), FAILURES)
@pytest.mark.parametrize("verb", ["exists", "isdir", "isfile", "info", "ls"])
def test_a_failure_never_means_that_something_is_absent(connect_both, failing, fault, error, verb):
    fs = connect_both(max_retries=0, max_wait=10)
    place = failing(fault)

    with pytest.raises(error):
        getattr(fs, verb)(f"{place}/child")


def test_a_failure_that_passes_is_not_noticed(connect_both, failing, root, clock):
    fs = connect_both()
    plain = fs.find(root, withdirs=True)
    failing(Fault(status=503, times=3))
    fs.invalidate_cache()

    assert fs.find(root, withdirs=True) == plain
    assert fs.stats.retries == 3
    assert clock.pauses


def test_a_rate_limit_in_the_middle_is_waited_for(connect_both, failing, root, clock):
    fs = connect_both()
    plain = fs.find(root, withdirs=True)
    failing(Fault(status=429, retry_after=600, times=1))
    fs.invalidate_cache()

    assert fs.find(root, withdirs=True) == plain
    assert clock.forward == pytest.approx(600, abs=1)
    assert fs.stats.seconds_waiting == pytest.approx(600, abs=1)


def test_a_folder_that_goes_away_meanwhile_is_left_out(fs, plant, root):
    plant.files({"gone/a": b"x", "here/b": b"x"})
    # The listing that names it is still believed.
    fs.ls(root)
    plant.delete("gone")

    assert fs.find(root) == [f"{root}/here/b"]


async def test_sibling_folders_are_listed_at_the_same_time(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({f"f{number}/g/file": b"x" for number in range(12)})
    fs = connect_here()
    await fs._info(root_here)
    osf_here.clear_requests()
    osf_here.settings.latency = 0.05

    await fs._find(root_here)

    listings = osf_here.requests
    assert len(listings) == 1 + 12 + 12
    assert fs.stats.requests["listing"] == len(listings)
    # The root, then twelve folders, then twelve more.
    assert most_at_once(listings) == 12


async def test_no_more_than_max_requests_are_under_way(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({f"f{number:02}/file": b"x" for number in range(20)})
    fs = connect_here(max_requests=3)
    osf_here.settings.latency = 0.01

    assert len(await fs._find(root_here)) == 20
    assert most_at_once(osf_here.requests) == 3


async def test_256_folders_are_257_listings_sixteen_at_a_time(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({"000/file": b"x"})
    tree = osf_here.world.tree
    first = plant_here._entity(osf_here.project, "000")
    for number in range(1, 256):
        tree.copy(first, tree.get(first.parent), f"{number:03}")
    fs = connect_here(max_requests=16)
    osf_here.settings.latency = 0.02

    found = await fs._find(root_here)

    assert found == [f"{root_here}/{number:03}/file" for number in range(256)]
    assert dict(fs.stats.requests) == {"api": 1, "listing": 257}
    assert len(osf_here.requests) == 258
    assert most_at_once(osf_here.requests) == 16
