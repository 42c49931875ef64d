"""Deleting: one request for a file, and one for a folder with all that is in it."""

from __future__ import annotations

import asyncio

import pytest

from dvc_osf import OSFIsADirectoryError, OSFNotFoundError, OSFPathError
from dvc_osf.emulator import Fault

TREE = ["a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt", "5.txt", "6.csv"]


@pytest.fixture
def tree(plant, root):
    """Plant six files and an empty folder."""
    plant.files({name: name.encode() for name in TREE})
    plant.folders("empty")
    return root


def left(other, root):
    return [path.removeprefix(f"{root}/") for path in other.find(root)]


@pytest.mark.parametrize("verb", ["rm", "rm_file"])
def test_a_file_is_one_request(fs, other, tree, asked, verb):
    fs.ls(f"{tree}/a")
    asked()

    getattr(fs, verb)(f"osf://{tree}/a/1.txt")

    assert asked() == {"delete": 1}
    assert left(other, tree) == sorted(set(TREE) - {"a/1.txt"})


def test_what_was_deleted_is_known_to_be_gone(fs, tree, asked):
    fs.ls(f"{tree}/a")
    fs.rm(f"{tree}/a/1.txt")
    asked()

    assert not fs.exists(f"{tree}/a/1.txt")
    assert fs.ls(f"{tree}/a", detail=False) == [f"{tree}/a/2.txt", f"{tree}/a/deep"]
    assert asked() == {}


def test_a_folder_with_all_that_is_in_it_is_one_request(fs, other, tree, asked):
    fs.ls(tree)
    asked()

    fs.rm(f"{tree}/a", recursive=True)

    # Not even a listing of what is in it.
    assert asked() == {"delete": 1}
    assert not fs.exists(f"{tree}/a")
    assert not fs.exists(f"{tree}/a/deep/3.txt")
    assert asked() == {}
    assert left(other, tree) == ["5.txt", "6.csv", "b/4.txt"]


def test_nothing_of_a_deleted_folder_is_remembered(fs, other, tree):
    fs.find(tree)
    fs.rm(f"{tree}/a", recursive=True)
    fs.pipe_file(f"{tree}/a/new", b"x")

    assert fs.find(f"{tree}/a") == [f"{tree}/a/new"]
    assert other.find(f"{tree}/a") == [f"{tree}/a/new"]


def test_an_empty_folder_goes_too(fs, other, tree):
    fs.rm(f"{tree}/empty", recursive=True)

    assert not other.exists(f"{tree}/empty")


@pytest.mark.parametrize("path", ["a", "empty", "a/deep/"])
def test_a_folder_needs_to_be_meant(fs, other, tree, asked, path):
    with pytest.raises(IsADirectoryError) as caught:
        fs.rm(f"{tree}/{path}")
    assert isinstance(caught.value, OSFIsADirectoryError)
    assert "recursive=True" in str(caught.value)
    assert "delete" not in asked()
    assert left(other, tree) == sorted(TREE)


def test_rm_file_is_for_files(fs, other, tree):
    with pytest.raises(IsADirectoryError):
        fs.rm_file(f"{tree}/a")
    assert left(other, tree) == sorted(TREE)


@pytest.mark.parametrize("path", ["nothing", "nothing/deeper", "a/nothing", "5.txt/below"])
@pytest.mark.parametrize("options", [{}, {"recursive": True}])
def test_what_is_missing_is_not_found(fs, tree, path, options):
    with pytest.raises(FileNotFoundError) as caught:
        fs.rm(f"{tree}/{path}", **options)
    assert isinstance(caught.value, OSFNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.rm_file(f"{tree}/{path}")


def test_a_pattern_that_matches_nothing_is_not_found(fs, tree):
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{tree}/*.nothing")


def test_a_list(fs, other, tree, asked):
    fs.find(tree)
    asked()

    fs.rm([f"{tree}/5.txt", f"osf://{tree}/a/1.txt"])

    assert asked() == {"delete": 2}
    assert left(other, tree) == ["6.csv", "a/2.txt", "a/deep/3.txt", "b/4.txt"]


def test_a_list_of_nested_places_asks_for_the_topmost_only(fs, other, tree, asked):
    fs.find(tree)
    asked()

    fs.rm(
        [f"{tree}/a/deep/3.txt", f"{tree}/a", f"{tree}/a/deep", f"{tree}/5.txt", f"{tree}/a/"],
        recursive=True,
    )

    assert asked() == {"delete": 2}
    assert left(other, tree) == ["6.csv", "b/4.txt"]


def test_names_that_begin_alike_are_not_nested(fs, other, plant, root):
    plant.files({"a/x": b"", "a b/x": b"", "a-b/x": b"", "a.b": b"", "ab": b""})

    fs.rm([f"{root}/a", f"{root}/a b", f"{root}/a-b", f"{root}/a.b"], recursive=True)

    assert left(other, root) == ["ab"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["6.csv", "a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt"]),
        ("a/?.txt", ["5.txt", "6.csv", "a/deep/3.txt", "b/4.txt"]),
        ("**/[12].txt", ["5.txt", "6.csv", "a/deep/3.txt", "b/4.txt"]),
    ],
)
def test_patterns_of_files(fs, other, tree, pattern, expected):
    fs.rm(f"{tree}/{pattern}")

    assert left(other, tree) == expected


def test_a_pattern_of_folders(fs, other, tree, asked):
    fs.find(tree)
    asked()

    fs.rm(f"{tree}/[ab]", recursive=True)

    assert asked() == {"delete": 2}
    assert left(other, tree) == ["5.txt", "6.csv"]


def test_maxdepth_spares_what_is_deeper(fs, other, tree):
    fs.rm(f"{tree}/a", recursive=True, maxdepth=1)

    assert left(other, tree) == ["5.txt", "6.csv", "a/deep/3.txt", "b/4.txt"]


def test_a_providers_root_is_emptied_by_one_request(fs, other, tree, asked):
    fs.ls(tree)
    asked()

    fs.rm(f"osf://{tree}", recursive=True)

    assert asked() == {"delete": 1}
    assert other.ls(tree) == []
    assert fs.ls(tree) == []
    assert fs.isdir(tree)
    assert not fs.exists(f"{tree}/a/1.txt")


def test_a_providers_root_needs_to_be_meant(fs, other, tree):
    with pytest.raises(IsADirectoryError):
        fs.rm(tree)
    assert left(other, tree) == sorted(TREE)


def test_a_project_cannot_be_deleted(fs, osf, other, tree):
    with pytest.raises(OSFPathError, match="a project cannot be deleted") as caught:
        fs.rm(osf.project, recursive=True)
    assert "osfstorage" in str(caught.value)
    assert left(other, tree) == sorted(TREE)


def test_a_file_and_a_folder_of_one_name(fs, other, plant, root):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    fs.rm_file(f"{root}/twin")
    assert left(other, root) == ["twin/inside"]
    fs.rm(f"{root}/twin", recursive=True)
    assert other.ls(root) == []


def test_the_versions_go_with_the_file(fs, other, root):
    for data in (b"1", b"22"):
        fs.pipe_file(f"{root}/f", data)
    fs.rm(f"{root}/f")
    fs.pipe_file(f"{root}/f", b"333")

    assert other.info(f"{root}/f")["version"] == 1


def test_deleting_twice_is_not_found(fs, other, tree):
    fs.ls(tree)
    other.rm(f"{tree}/5.txt")

    with pytest.raises(FileNotFoundError):
        fs.rm(f"{tree}/5.txt")
    assert not fs.exists(f"{tree}/5.txt")


def test_a_file_that_was_replaced_meanwhile_is_deleted(fs, other, tree):
    fs.ls(tree)
    other.rm(f"{tree}/5.txt")
    other.pipe_file(f"{tree}/5.txt", b"anew")

    # The id in the cache is gone, but the path names something.
    fs.rm(f"{tree}/5.txt")
    assert not other.exists(f"{tree}/5.txt")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 504},
        {"status": 429, "retry_after": 9},
        {"reset": True},
        {"lose_answer": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["5.txt", "a"])
def test_a_failure_that_passes_is_not_noticed(connect_both, osf, other, tree, fault, path):
    fs = connect_both()
    fs.ls(tree)
    osf.add_fault(Fault(method="DELETE", times=1, **fault))

    fs.rm(f"{tree}/{path}", recursive=True)

    assert not other.exists(f"{tree}/{path}")
    assert not fs.exists(f"{tree}/{path}")


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_failure_that_stays_is_an_error_and_nothing_is_forgotten(
    connect_both, osf, other, tree, status, asked
):
    fs = connect_both(max_retries=2)
    fs.ls(tree)
    asked()
    osf.add_fault(Fault(method="DELETE", status=status))

    with pytest.raises(OSError, match=f"HTTP {status}") as caught:
        fs.rm(f"{tree}/5.txt")
    assert f"osf://{tree}/5.txt" in str(caught.value)
    assert asked()["delete"] == (1 if status == 403 else 3)
    osf.clear_faults()
    assert fs.exists(f"{tree}/5.txt")
    assert other.exists(f"{tree}/5.txt")


def test_a_checked_out_file_is_not_deleted(fs, osf, other, tree):
    osf.checkout(osf.project, "/5.txt", osf.add_user("Somebody"))

    with pytest.raises(PermissionError):
        fs.rm(f"{tree}/5.txt")
    assert other.exists(f"{tree}/5.txt")


def test_delete_is_rm(connect, other, tree):
    connect().delete(f"{tree}/a", recursive=True)

    assert not other.exists(f"{tree}/a")


@pytest.mark.parametrize("options", [{}, {"recursive": True}])
def test_what_is_missing_among_many_is_named_and_the_others_go(fs, other, tree, asked, options):
    fs.find(tree)
    asked()

    with pytest.raises(OSFNotFoundError, match=f"{tree}/nothing"):
        fs.rm([f"{tree}/5.txt", f"{tree}/nothing", f"{tree}/6.csv"], **options)

    assert asked()["delete"] == 2
    assert left(other, tree) == ["a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt"]


def test_nothing_more_is_deleted_after_a_refusal(connect, osf, other, tree):
    fs = connect(max_requests=1)
    osf.add_fault(Fault(method="DELETE", nth=2, status=403))

    with pytest.raises(PermissionError):
        fs.rm([f"{tree}/5.txt", f"{tree}/6.csv", f"{tree}/b/4.txt"])

    assert left(other, tree) == ["6.csv", "a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt"]


def test_a_virtual_folder_goes_with_its_last_file(fs, other, tree, asked):
    fs.find(tree)
    asked()

    fs.rm(f"{tree}/a/deep/3.txt")
    assert not fs.exists(f"{tree}/a/deep")
    assert not fs.isdir(f"{tree}/a/deep")
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{tree}/a/deep")
    assert fs.ls(f"{tree}/a", detail=False) == [f"{tree}/a/1.txt", f"{tree}/a/2.txt"]
    fs.rm([f"{tree}/a/1.txt", f"{tree}/a/2.txt"])
    assert not fs.exists(f"{tree}/a")
    assert fs.find(tree, withdirs=True) == [
        tree,
        *(f"{tree}/{name}" for name in ("5.txt", "6.csv", "b", "b/4.txt", "empty")),
    ]
    # It costs nothing: the folder itself is left where it is, for what others may put there.
    assert asked() == {"delete": 3}
    assert other.isdir(f"{tree}/a/deep")


def test_a_virtual_folder_comes_back_with_a_file_in_it(fs, other, plant, tree, asked):
    fs.find(tree)
    for name in ("b/4.txt", "a/deep/3.txt"):
        fs.rm(f"{tree}/{name}")
    asked()

    fs.pipe_file(f"{tree}/b/new", b"mine")
    assert asked() == {"file PUT": 1}
    assert fs.isdir(f"{tree}/b")
    plant.files({"elsewhere/new": b"theirs"})
    other.mv(f"{tree}/elsewhere/new", f"{tree}/a/deep/new")
    assert fs.ls(f"{tree}/a/deep", detail=False, refresh=True) == [f"{tree}/a/deep/new"]
    assert fs.isdir(f"{tree}/a/deep")


def test_a_folder_that_is_left_over_can_be_deleted(fs, other, tree):
    fs.rm(f"{tree}/b/4.txt")
    fs.rm(f"{tree}/b", recursive=True)

    assert not other.exists(f"{tree}/b")


def test_a_real_folder_stays_without_files(connect_both, tree):
    fs = connect_both(create_folders=True)

    fs.rm(f"{tree}/b/4.txt")

    assert fs.ls(f"{tree}/b") == []
    assert f"{tree}/b" in fs.ls(tree, detail=False)


async def test_a_long_list_needs_no_more_tasks_than_requests(connect_here, plant_here, root_here):
    names = [f"{number}" for number in range(200)]
    await plant_here.put({"0": b"x"})
    plant_here.copies("0", names[1:])
    fs = connect_here(max_requests=4)
    await fs._ls(root_here)
    before, most = len(asyncio.all_tasks()), 0
    remover = (await fs._engine()).remover
    remove = remover.remove

    async def watch(*args: object, **kwargs: object) -> None:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()) - before)
        await remove(*args, **kwargs)

    remover.remove = watch
    await fs._rm([f"{root_here}/{name}" for name in names])

    assert 0 < most < 40
    assert await fs._ls(root_here, refresh=True) == []


async def test_many_are_deleted_at_once_but_not_too_many(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({f"{number}": b"x" for number in range(30)})
    fs = connect_here(max_requests=5)
    await fs._ls(root_here)
    osf_here.clear_requests()
    osf_here.settings.latency = 0.01

    await fs._rm([f"{root_here}/{number}" for number in range(30)])

    assert len(osf_here.requests) == 30
    assert most_at_once(osf_here.requests) == 5
    assert await fs._ls(root_here, refresh=True) == []
