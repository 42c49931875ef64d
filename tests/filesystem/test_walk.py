"""Walking through folders, as :func:`os.walk` does."""

from __future__ import annotations

import itertools

import pytest

from dvc_osf import OSFNotFoundError
from dvc_osf.emulator import Fault


@pytest.fixture
def tree(plant, root):
    """Plant a small tree with an empty folder."""
    plant.files({"top": b"1", "a/x": b"22", "a/deep/y": b"333", "b/z": b"4"})
    plant.folders("empty")
    return root


def visits(walk):
    return [(path, sorted(folders), sorted(files)) for path, folders, files in walk]


def test_it_visits_every_folder_from_the_top(fs, tree):
    seen = visits(fs.walk(f"osf://{tree}"))

    assert seen[0] == (tree, ["a", "b", "empty"], ["top"])
    assert sorted(seen[1:]) == [
        (f"{tree}/a", ["deep"], ["x"]),
        (f"{tree}/a/deep", [], ["y"]),
        (f"{tree}/b", [], ["z"]),
        (f"{tree}/empty", [], []),
    ]
    assert [path for path, _, _ in seen].index(f"{tree}/a") < [path for path, _, _ in seen].index(
        f"{tree}/a/deep"
    )


def test_bottom_up_visits_what_is_below_first(fs, tree):
    down = visits(fs.walk(tree))
    up = visits(fs.walk(tree, topdown=False))

    assert sorted(up) == sorted(down)
    assert up[-1][0] == tree
    paths = [path for path, _, _ in up]
    assert paths.index(f"{tree}/a/deep") < paths.index(f"{tree}/a")


def test_details_are_those_of_info(fs, tree):
    path, folders, files = next(iter(fs.walk(f"{tree}/a", detail=True)))

    assert path == f"{tree}/a"
    assert folders == {"deep": fs.info(f"{tree}/a/deep")}
    assert files == {"x": fs.info(f"{tree}/a/x")}


def test_a_project_is_walked_through_its_providers(fs, osf, tree):
    seen = visits(fs.walk(osf.project))

    assert seen[:2] == [
        (osf.project, ["osfstorage"], []),
        (tree, ["a", "b", "empty"], ["top"]),
    ]
    assert len(seen) == 6


@pytest.mark.parametrize(("depth", "count"), [(1, 1), (2, 4), (3, 5)])
def test_maxdepth_bounds_the_levels(fs, tree, asked, depth, count):
    assert len(visits(fs.walk(tree, maxdepth=depth))) == count
    assert asked() == {"api": 1, "listing": count}


def test_maxdepth_is_at_least_one(fs, tree):
    with pytest.raises(ValueError, match="maxdepth must be at least 1"):
        list(fs.walk(tree, maxdepth=0))


@pytest.mark.parametrize("detail", [False, True])
def test_folders_that_the_caller_strikes_out_are_left_out(fs, tree, asked, detail):
    seen = []
    for path, folders, _files in fs.walk(tree, detail=detail):
        seen.append(path)
        if "a" in folders:
            folders.pop("a") if detail else folders.remove("a")

    assert sorted(seen) == [tree, f"{tree}/b", f"{tree}/empty"]
    # They are not even listed.
    assert asked() == {"api": 1, "listing": 3}


def test_a_missing_place_is_an_empty_visit_or_an_error(fs, tree):
    nowhere = f"{tree}/nothing"
    errors = []

    assert visits(fs.walk(nowhere)) in ([], [(nowhere, [], [])])
    assert visits(fs.walk(nowhere, on_error=errors.append)) in ([], [(nowhere, [], [])])
    assert [type(error) for error in errors] == [OSFNotFoundError]
    with pytest.raises(FileNotFoundError):
        list(fs.walk(nowhere, on_error="raise"))


def test_an_unknown_project_is_a_mistake(fs):
    with pytest.raises(OSFNotFoundError):
        list(fs.walk("zzzzz/osfstorage"))


def test_a_walk_can_be_left_early(fs, tree):
    assert len(list(itertools.islice(fs.walk(tree), 2))) == 2
    # Nothing of it is left over.
    assert len(list(fs.walk(tree))) == 5


def test_two_walks_do_not_disturb_each_other(fs, tree):
    pairs = list(zip(fs.walk(tree), fs.walk(tree), strict=True))

    assert len(pairs) == 5
    assert all(one[0] == two[0] for one, two in pairs)


async def test_sibling_folders_are_listed_at_the_same_time(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({f"f{number}/file": b"x" for number in range(10)})
    fs = connect_here()
    osf_here.settings.latency = 0.05

    seen = [path async for path, _, _ in fs._walk(root_here)]

    assert len(seen) == 11
    assert len(osf_here.requests) == 12
    assert most_at_once(osf_here.requests) == 10


async def test_a_failure_ends_the_walk_where_it_is_met(
    osf_here, connect_here, plant_here, root_here
):
    ids = await plant_here.put({f"f{number}": None for number in range(6)})
    osf_here.add_fault(Fault(path=f"/{ids['f3']}/", status=503))
    fs = connect_here(max_retries=0)
    seen = []

    async def walk():
        async for path, _, _ in fs._walk(root_here, on_error="omit"):
            seen.append(path)

    with pytest.raises(OSError, match="HTTP 503"):
        await walk()

    assert root_here in seen
    assert f"{root_here}/f3" not in seen
