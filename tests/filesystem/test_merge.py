"""Folders onto folders that exist: entry by entry, few requests, and nothing lost in the middle."""

from __future__ import annotations

import asyncio

import pytest

from dvc_osf import OSFException, OSFIsADirectoryError, OSFPathError, OSFVersionConflictError
from dvc_osf.emulator import Fault

SOURCE = {
    "a/1": b"one",
    "a/both/2": b"new two",
    "a/both/3": b"three",
    "a/both/below/4": b"four",
    "a/only/5": b"five",
    "a/only/below/6": b"six",
}
TARGET = {"b/both/2": b"old two", "b/7": b"seven"}
MERGED = {name.removeprefix("a/"): data for name, data in SOURCE.items()} | {"7": b"seven"}


@pytest.fixture
def tree(plant, root):
    """Plant two folders that have one in common; return the root."""
    plant.files(SOURCE | TARGET)
    return root


def contents(fs, path):
    return {name.removeprefix(f"{path}/"): fs.cat_file(name) for name in fs.find(path)}


def posts(osf):
    return [entry for entry in osf.requests if entry.method == "POST"]


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("native", [False, True])
def test_what_the_target_lacks_is_one_request_each(
    connect, connect_native, osf, other, tree, action, native
):
    fs = (connect_native if native else connect)()
    fs.find(tree)
    osf.clear_requests()

    getattr(fs, action)(f"{tree}/a/", f"{tree}/b", recursive=True)

    # 1, both/3, both/below and only; and two more to replace both/2.
    assert len(posts(osf)) == 4 + 2
    deleted = [entry for entry in osf.requests if entry.method == "DELETE"]
    assert len(deleted) == (2 if action == "mv" else 1)
    assert contents(other, f"{tree}/b") == MERGED
    assert contents(fs, f"{tree}/b") == MERGED
    assert other.exists(f"{tree}/a") == (action == "copy")
    assert fs.exists(f"{tree}/a") == (action == "copy")


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("as_list", [False, True])
def test_to_a_free_place_is_one_post_and_the_listings_on_the_way(
    connect_both, osf, other, tree, action, as_list
):
    fs = connect_both()
    source, target = f"{tree}/a", f"{tree}/c"
    if as_list:
        source, target = [source], [target]

    getattr(fs, action)(source, target, recursive=True)

    # The project, its root's listing, and the work.
    assert [entry.method for entry in osf.requests] == ["GET", "GET", "POST"]
    expected = {name.removeprefix("a/"): data for name, data in SOURCE.items()}
    assert contents(other, f"{tree}/c") == expected


def test_a_list_of_folders_goes_into_the_target_each_as_a_whole(fs, osf, other, tree):
    fs.find(tree)
    osf.clear_requests()

    fs.mv([f"{tree}/a/both", f"{tree}/a/only"], f"{tree}/c", recursive=True)

    assert len(posts(osf)) == 2
    assert set(contents(other, f"{tree}/c")) == {n for n in MERGED if n.startswith(("both", "on"))}
    assert contents(other, f"{tree}/a") == {"1": b"one"}


def test_a_pattern_moves_the_folders_that_it_matches_as_wholes(fs, osf, other, tree):
    fs.find(tree)
    osf.clear_requests()

    fs.mv(f"{tree}/a/*", f"{tree}/c", recursive=True)

    assert len(posts(osf)) == 3
    assert contents(other, f"{tree}/c") == {k: v for k, v in MERGED.items() if k != "7"}
    assert other.find(f"{tree}/a") == []


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_move_that_fails_in_the_middle_loses_nothing(connect, osf, other, tree, nth):
    fs = connect()
    osf.add_fault(Fault(method="POST", nth=nth, status=403))

    with pytest.raises(PermissionError):
        fs.mv(f"{tree}/a/", f"{tree}/b", recursive=True)

    left, arrived = contents(other, f"{tree}/a"), contents(other, f"{tree}/b")
    everything = sorted([*left.values(), *arrived.values()])
    assert [data for data in everything if data != b"old two"] == sorted(MERGED.values())
    # The file that was to be replaced is there, with its old content or its new one.
    assert arrived["both/2"] in {b"old two", b"new two"}
    assert left

    # And it can be completed.
    osf.clear_faults()
    connect().mv(f"{tree}/a/", f"{tree}/b", recursive=True)
    assert contents(other, f"{tree}/b") == MERGED
    assert not other.exists(f"{tree}/a")


def test_what_appears_in_the_source_meanwhile_is_not_deleted(connect, other, tree):
    fs = connect()
    fs.find(tree)
    other.pipe_file(f"{tree}/a/both/late", b"late")

    with pytest.raises(OSFVersionConflictError, match="late"):
        fs.mv(f"{tree}/a/", f"{tree}/b", recursive=True)

    assert contents(other, f"{tree}/a") == {"both/late": b"late"}
    assert contents(other, f"{tree}/b") == MERGED


@pytest.mark.parametrize("action", ["copy", "mv"])
def test_a_folder_that_is_on_its_way_is_waited_for(connect, osf, other, plant, tree, clock, action):
    fs = connect()
    world, project, pause = osf.world, osf.project, clock.sleep
    only = osf._call(lambda: plant._entity(project, "a/only").id)

    def work() -> None:
        source, target = (plant._entity(project, path) for path in ("a/only", "b"))
        (world.tree.copy if action == "copy" else world.tree.move)(source, target, "only")

    async def sleep(seconds: float) -> None:
        await pause(seconds)
        if len(clock.pauses) == 3:
            await asyncio.to_thread(osf._call, work)

    clock.sleep = sleep
    osf.add_fault(Fault(method="POST", path=f"/{only}/", status=202, body={}, times=1))

    getattr(fs, action)(f"{tree}/a/", f"{tree}/b", recursive=True)

    assert len(clock.pauses) == 3
    assert len(posts(osf)) == 6
    assert contents(other, f"{tree}/b") == MERGED
    assert other.exists(f"{tree}/a") == (action == "copy")


async def test_many_files_are_merged_at_once_but_not_too_many(
    osf_here, connect_here, plant_here, root_here, most_at_once
):
    await plant_here.put({f"a/{number}": b"x" for number in range(40)} | {"b/there": b"y"})
    fs = connect_here(max_requests=5)
    await fs._find(root_here)
    osf_here.clear_requests()
    osf_here.settings.latency = 0.01

    await fs._mv(f"{root_here}/a/", f"{root_here}/b", recursive=True)

    moved = [entry for entry in osf_here.requests if entry.method == "POST"]
    assert len(moved) == 40
    assert most_at_once(moved) == 5
    assert len(await fs._ls(f"{root_here}/b", refresh=True)) == 41


def test_folders_of_one_name_become_one(connect, other, plant, tree):
    plant.files({"twin/8": b"eight"})
    plant.rename("twin", "a")

    connect().mv(f"{tree}/a", f"{tree}/c", recursive=True)

    expected = {k: v for k, v in MERGED.items() if k != "7"} | {"8": b"eight"}
    assert contents(other, f"{tree}/c") == expected
    assert not other.exists(f"{tree}/a")


@pytest.mark.parametrize("target", ["a/both", "a/new", "a"])
def test_a_folder_is_not_moved_into_itself(fs, osf, other, tree, target):
    fs.find(tree)
    osf.clear_requests()

    with pytest.raises(OSFPathError, match="into itself"):
        fs.mv(f"{tree}/a", f"{tree}/{target}", recursive=True)

    assert osf.requests == []
    assert contents(other, tree) == SOURCE | TARGET


def test_a_folder_copied_into_itself_holds_what_was_there_before(fs, other, tree):
    fs.copy(f"{tree}/a", f"{tree}/a/copy", recursive=True)

    copied = {f"a/copy/{k.removeprefix('a/')}": v for k, v in SOURCE.items()}
    assert contents(other, tree) == SOURCE | TARGET | copied


def test_a_storage_as_a_whole_is_copied_and_moved(connect, osf, other, tree):
    elsewhere = f"{osf.add_project(title='elsewhere')}/osfstorage"
    fs = connect()

    fs.copy(f"{tree}/", elsewhere, recursive=True)
    assert contents(other, elsewhere) == SOURCE | TARGET
    fs.mv(f"{elsewhere}/", f"{tree}/c", recursive=True)
    assert contents(other, f"{tree}/c") == SOURCE | TARGET
    assert other.ls(elsewhere) == []


def test_moving_by_levels_moves_the_files_of_those_levels(fs, other, tree):
    before = other.info(f"{tree}/a/1")["id"]

    fs.mv(f"{tree}/a", f"{tree}/c", recursive=True, maxdepth=1)

    assert contents(other, f"{tree}/c") == {"1": b"one"}
    assert other.info(f"{tree}/c/1")["id"] == before
    assert set(contents(other, f"{tree}/a")) == {n.removeprefix("a/") for n in SOURCE} - {"1"}


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("way", ["path", "list", "pattern", "pairs"])
def test_a_file_and_a_folder_of_one_name_go_together(connect_both, other, plant, root, action, way):
    plant.files({"from/same": b"F", "from/same/in": b"D", "to/other": b"o"})
    fs = connect_both()
    source, target = f"{root}/from/same", f"{root}/to/same"
    arguments = {
        "path": (source, target),
        "list": ([source], f"{root}/to"),
        "pattern": (f"{root}/from/*", f"{root}/to/"),
        "pairs": ([source], [target]),
    }[way]

    getattr(fs, action)(*arguments, recursive=True)

    assert contents(other, f"{root}/to") == {"other": b"o", "same": b"F", "same/in": b"D"}
    left = {"same": b"F", "same/in": b"D"} if action == "copy" else {}
    assert contents(other, f"{root}/from") == left


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("way", ["path", "list", "pairs"])
def test_a_slash_names_the_folder_and_not_the_file(connect_both, other, plant, root, action, way):
    plant.files({"from/same": b"F", "from/same/in": b"D", "to/other": b"o"})
    fs = connect_both()
    source, target = f"{root}/from/same/", f"{root}/to/same"
    arguments = {
        "path": (source, target),
        "list": ([source], f"{root}/to"),
        "pairs": ([source], [target]),
    }[way]

    getattr(fs, action)(*arguments, recursive=True)

    assert other.isdir(target)
    assert contents(other, f"{root}/to") == {"other": b"o", "same/in": b"D"}
    left = {"same": b"F"} | ({"same/in": b"D"} if action == "copy" else {})
    assert contents(other, f"{root}/from") == left


def test_of_a_file_and_a_folder_the_file_goes_where_folders_do_not(fs, other, plant, root):
    plant.files({"same": b"F", "same/in": b"D", "same/deep/in": b"E"})

    fs.copy(f"{root}/same", f"{root}/c")
    fs.copy(f"{root}/same", f"{root}/d", recursive=True, maxdepth=1)
    fs.copy(f"{root}/same/", f"{root}/e", recursive=True, maxdepth=1)
    fs.mv(f"{root}/same", f"{root}/m")

    assert contents(other, root) == {
        "same/in": b"D",
        "same/deep/in": b"E",
        "c": b"F",
        "d": b"F",
        "d/in": b"D",
        "e/in": b"D",
        "m": b"F",
    }


def test_a_file_and_a_folder_that_cannot_go_into_itself_both_stay(fs, other, plant, root):
    plant.files({"same": b"F", "same/in": b"D"})

    with pytest.raises(OSFPathError, match="into itself"):
        fs.mv(f"{root}/same", f"{root}/same/below", recursive=True)

    assert contents(other, root) == {"same": b"F", "same/in": b"D"}


def test_moves_that_would_meet_are_refused(fs, osf, other, tree):
    fs.find(tree)
    osf.clear_requests()

    with pytest.raises(OSFPathError, match="would meet"):
        fs.mv([f"{tree}/a/1", f"{tree}/b/7"], [f"{tree}/c", f"{tree}/c"])
    with pytest.raises(OSFPathError, match="would meet"):
        fs.mv([f"{tree}/a/1", f"{tree}/b/7"], [f"{tree}/b/7", f"{tree}/c"])
    with pytest.raises(OSFIsADirectoryError):
        fs.mv([f"{tree}/a/1", f"{tree}/a/only"], f"{tree}/c")

    assert osf.requests == []
    assert contents(other, tree) == SOURCE | TARGET


def test_ids_that_are_no_longer_true_are_looked_up_again(connect, other, tree):
    fs = connect()
    fs.find(tree)
    for name in ("a", "b"):
        other.mv(f"{tree}/{name}", f"{tree}/old", recursive=True)
        other.copy(f"{tree}/old", f"{tree}/{name}", recursive=True)
        other.rm(f"{tree}/old", recursive=True)

    fs.mv(f"{tree}/a/only", f"{tree}/b/only", recursive=True)
    fs.mv(f"{tree}/a/1", f"{tree}/b/1")

    assert set(contents(other, f"{tree}/b")) == {"7", "both/2", "only/5", "only/below/6", "1"}


async def test_a_cancelled_replacement_is_finished_first(
    osf_here, connect_here, plant_here, root_here
):
    await plant_here.put({"f": b"source", "g": b"target"})
    fs = connect_here()
    await fs._ls(root_here)
    osf_here.settings.latency = 0.05

    mover = (await fs._engine()).mover
    begun, relocate = asyncio.Event(), mover._api.relocate

    async def begin(*args: object) -> object:
        begun.set()
        return await relocate(*args)

    mover._api.relocate = begin
    moving = asyncio.ensure_future(fs._mv(f"{root_here}/f", f"{root_here}/g"))
    await begun.wait()
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving

    osf_here.settings.latency = 0
    assert await fs._ls(root_here, detail=False, refresh=True) == [f"{root_here}/g"]
    assert await fs._cat_file(f"{root_here}/g") == b"source"


@pytest.mark.parametrize("on_error", [None, "raise", "ignore"])
def test_what_is_missing_among_many_copies(connect, other, tree, on_error):
    sources = [f"{tree}/a/1", f"{tree}/nothing", f"{tree}/b/7"]
    fs = connect()

    if on_error == "ignore":
        fs.copy(sources, f"{tree}/c/", on_error=on_error)
        assert contents(other, f"{tree}/c") == {"1": b"one", "7": b"seven"}
    else:
        with pytest.raises(FileNotFoundError, match="nothing"):
            fs.copy(sources, f"{tree}/c/", on_error=on_error)
    with pytest.raises(OSFException):
        fs.copy(f"{tree}/nothing", f"{tree}/c/", recursive=True, on_error=on_error)
