"""From a path to an entity: listings cached, shared while in flight, never partial."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dvc_osf.exceptions import (
    OSFClosedError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFServerError,
)
from dvc_osf.models import Entity
from dvc_osf.paths import OSFPath
from dvc_osf.tree import Tree

EXPIRY = 60.0
"""Seconds for which the tree fixture believes a listing."""


async def names(tree, path, **options):
    children = await tree.children(path, "ls", **options)
    return sorted([*children.files, *children.folders])


class Hold:
    """Lets a call of the OSF's begin and keeps it there."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.release = asyncio.Event()

    async def __call__(self):
        self.begun.set()
        await self.release.wait()


class TestResolving:
    async def test_the_root_is_one_listing(self, osf, tree, place):
        osf.add_file("a.txt")
        osf.add_folder("d")
        assert await names(tree, place()) == ["a.txt", "d"]
        assert osf.called("list") == [["", None]]

    async def test_a_deep_folder_is_found_level_by_level(self, osf, tree, place):
        a = osf.add_folder("a")
        b = osf.add_folder("b", a.id)
        osf.add_file("f", parent=b.id)
        assert await names(tree, place("a/b")) == ["f"]
        assert osf.called("list") == [["", None], [a.id, None], [b.id, None]]

    async def test_a_file_is_found_in_its_folder(self, osf, tree, place):
        a = osf.add_folder("a")
        file = osf.add_file("f", b"12345", parent=a.id)
        assert await tree.file(place("a/f"), "info") == file
        assert await tree.file(place("a/g"), "info") is None

    async def test_a_folder_is_no_file(self, osf, tree, place):
        osf.add_folder("a")
        assert await tree.file(place("a"), "info") is None
        assert await tree.file(place(), "info") is None

    async def test_a_file_is_no_folder(self, osf, tree, place):
        osf.add_file("a")
        with pytest.raises(OSFNotFoundError):
            await tree.children(place("a"), "ls")

    async def test_what_is_not_there_is_not_found(self, tree, place):
        for operation in (
            tree.children(place("a/b"), "ls"),
            tree.folders(place("a"), "ls"),
            tree.file(place("a/b"), "ls"),
        ):
            with pytest.raises(OSFNotFoundError, match="no such file or folder") as caught:
                await operation
            assert caught.value.path == "abc12/osfstorage/a"
            assert caught.value.operation == "ls"

    async def test_the_root_is_a_folder_without_asking(self, osf, tree, place):
        assert await tree.folders(place(), "ls") == [Entity.root()]
        assert osf.calls == []

    async def test_the_project_is_its_osfstorage(self, osf, tree):
        await tree.provider(OSFPath.parse("abc12"), "ls")
        await tree.provider(OSFPath.parse("abc12/github/x"), "info")
        assert osf.called("provider") == [
            ["abc12", "osfstorage", "ls"],
            ["abc12", "github", "info"],
        ]

    async def test_projects_and_providers_are_told_apart(self, osf, tree):
        osf.add_file("a")
        for path in ("abc12/osfstorage", "xyz99/osfstorage", "abc12/github"):
            await names(tree, OSFPath.parse(path))
        assert len(osf.called("list")) == 3


class TestBelieving:
    async def test_a_listing_is_believed_for_a_while(self, osf, tree, place, clock):
        await names(tree, place())
        osf.add_file("a")
        clock.pass_by(EXPIRY - 1)
        assert await names(tree, place()) == []
        assert len(osf.called("list")) == 1

    async def test_an_expired_one_is_asked_for_again(self, osf, tree, place, clock):
        await names(tree, place())
        osf.add_file("a")
        clock.pass_by(EXPIRY)
        assert await names(tree, place()) == ["a"]
        assert len(osf.called("list")) == 2

    async def test_an_expired_one_that_still_holds_is_kept_by_its_etag(
        self, osf, tree, place, clock
    ):
        osf.add_file("a")
        before = await tree.children(place(), "ls")
        clock.pass_by(EXPIRY)
        assert await tree.children(place(), "ls") is before
        (_, first), (_, second) = osf.called("list")
        assert first is None
        assert second is not None
        # And then believed again.
        clock.pass_by(EXPIRY - 1)
        await tree.children(place(), "ls")
        assert len(osf.called("list")) == 2

    async def test_without_a_cache_every_question_is_asked(self, osf, forgetful, place):
        a = osf.add_folder("a")
        for _ in range(2):
            await forgetful.children(place("a"), "ls")
        assert [id_ for id_, _ in osf.called("list")] == ["", a.id, "", a.id]
        osf.add_file("f", parent=a.id)
        assert await names(forgetful, place("a")) == ["f"]

    async def test_a_cache_for_ever_is_possible(self, osf, place, clock):
        tree = Tree(osf, float("inf"))
        await names(tree, place())
        clock.pass_by(1e12)
        await names(tree, place())
        assert len(osf.called("list")) == 1

    async def test_refresh_asks_whatever_is_believed(self, osf, tree, place):
        await names(tree, place())
        osf.add_file("a")
        assert await names(tree, place(), refresh=True) == ["a"]
        assert await names(tree, place()) == ["a"]
        assert len(osf.called("list")) == 2

    async def test_refreshing_a_file_asks_for_its_folder(self, osf, tree, place):
        old = osf.add_file("a", b"old")
        assert await tree.file(place("a"), "info") == old
        osf.remove(old)
        new = osf.add_file("a", b"new")
        assert await tree.file(place("a"), "info") == old
        assert await tree.file(place("a"), "info", refresh=True) == new

    async def test_a_failure_is_not_remembered(self, osf, tree, place):
        osf.add_file("a")
        osf.before["list"] = [OSFServerError("down", status=503)]
        with pytest.raises(OSFServerError):
            await names(tree, place())
        assert await names(tree, place()) == ["a"]


class TestInvalidation:
    @pytest.fixture
    async def folders(self, osf, tree, place):
        """Return ids by path, all listed."""
        ids = {"": ""}
        for path in ("a", "a/b", "a/b/c", "ab", "z"):
            parent, _, name = path.rpartition("/")
            ids[path] = osf.add_folder(name, ids[parent]).id
        for path in ids:
            await tree.children(place(path), "ls")
        osf.calls.clear()
        return ids

    @pytest.mark.parametrize(
        ("place_gone", "asked"),
        [
            ("a/b", {"", "a", "a/b", "a/b/c"}),
            ("a", {"", "a", "a/b", "a/b/c"}),
            ("z", {"", "z"}),
            ("a/b/c/file.txt", {"", "a", "a/b", "a/b/c"}),
            ("", {"", "a", "a/b", "a/b/c", "ab", "z"}),
        ],
    )
    async def test_a_place_takes_those_above_and_below_along(
        self, osf, tree, place, folders, place_gone, asked
    ):
        assert tree.invalidate(place(place_gone))
        for path in folders:
            await tree.children(place(path), "ls")
        assert {id_ for id_, _ in osf.called("list")} == {folders[path] for path in asked}

    async def test_everything_can_be_forgotten(self, osf, tree, place, folders):
        assert tree.invalidate()
        for path in folders:
            await tree.children(place(path), "ls")
        assert len(osf.called("list")) == len(folders)

    @pytest.mark.usefixtures("folders")
    @pytest.mark.parametrize("path", ["", "abc12"])
    async def test_a_place_above_all_projects_or_providers_takes_all_along(
        self, osf, tree, place, path
    ):
        assert tree.invalidate(OSFPath.parse(path))
        await tree.children(place(), "ls")
        assert osf.called("list") != []

    async def test_it_says_whether_anything_was_believed(self, tree, place, clock):
        assert not tree.invalidate()
        assert not tree.invalidate(place("a"))
        await names(tree, place())
        assert not tree.invalidate(OSFPath.parse("xyz99/osfstorage/a"))
        assert tree.invalidate(place("a"))
        assert not tree.invalidate(place("a"))
        await names(tree, place())
        clock.pass_by(EXPIRY)
        assert not tree.invalidate()

    async def test_an_etag_keeps_its_use(self, osf, tree, place):
        await names(tree, place())
        tree.invalidate()
        await names(tree, place())
        assert osf.called("list")[1][1] is not None

    async def test_a_listing_in_flight_is_not_believed_afterwards(self, osf, tree, place):
        hold = Hold()
        osf.after["list"] = [hold]
        old = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        osf.add_file("a")
        tree.invalidate()
        assert await names(tree, place()) == ["a"]
        hold.release.set()
        await old
        assert await names(tree, place()) == ["a"]
        assert len(osf.called("list")) == 2


class TestSingleFlight:
    async def test_tasks_that_want_a_listing_at_once_share_it(self, osf, tree, place):
        osf.add_file("a")
        found = await asyncio.gather(*(names(tree, place()) for _ in range(20)))
        assert found == [["a"]] * 20
        assert len(osf.called("list")) == 1

    async def test_a_deep_path_is_resolved_once_for_all(self, osf, tree, place):
        a = osf.add_folder("a")
        b = osf.add_folder("b", a.id)
        for name in "xyz":
            osf.add_file(name, parent=b.id)
        await asyncio.gather(*(tree.file(place(f"a/b/{name}"), "info") for name in "xyzxyz"))
        assert [id_ for id_, _ in osf.called("list")] == ["", a.id, b.id]

    async def test_sharing_does_not_need_a_cache(self, osf, forgetful, place):
        await asyncio.gather(*(names(forgetful, place()) for _ in range(20)))
        assert len(osf.called("list")) == 1

    async def test_tasks_that_refresh_at_once_share_it(self, osf, tree, place):
        await names(tree, place())
        await asyncio.gather(*(names(tree, place(), refresh=True) for _ in range(20)))
        # One for the first of them, and one, begun later, for all the others.
        assert len(osf.called("list")) == 3

    async def test_a_refresh_does_not_take_an_older_answer(self, osf, tree, place, settle):
        hold = Hold()
        osf.after["list"] = [hold]
        first = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        osf.add_file("a")
        refreshing = [asyncio.ensure_future(names(tree, place(), refresh=True)) for _ in range(3)]
        await settle()
        hold.release.set()
        assert await first == []
        assert await asyncio.gather(*refreshing) == [["a"]] * 3
        assert len(osf.called("list")) == 2

    async def test_a_failure_is_everybodys(self, osf, tree, place):
        osf.before["list"] = [OSFPermissionError("no", status=403)]
        failures = await asyncio.gather(
            *(names(tree, place()) for _ in range(5)), return_exceptions=True
        )
        assert {type(failure) for failure in failures} == {OSFPermissionError}
        assert len(osf.called("list")) == 1

    async def test_one_that_is_cancelled_does_not_end_it_for_others(self, osf, tree, place):
        hold = Hold()
        osf.add_file("a")
        osf.before["list"] = [hold]
        one, other = (asyncio.ensure_future(names(tree, place())) for _ in range(2))
        await hold.begun.wait()
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        hold.release.set()
        assert await other == ["a"]
        assert len(osf.called("list")) == 1

    async def test_what_nobody_waits_for_any_more_is_kept_all_the_same(
        self, osf, tree, place, settle
    ):
        hold = Hold()
        osf.before["list"] = [hold]
        only = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        only.cancel()
        hold.release.set()
        await settle()
        await names(tree, place())
        assert len(osf.called("list")) == 1

    async def test_a_failure_that_nobody_waits_for_disturbs_nobody(
        self, osf, tree, place, settle, caplog
    ):
        hold = Hold()
        osf.before["list"] = [hold]
        osf.after["list"] = [OSFServerError("x")]
        only = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        only.cancel()
        hold.release.set()
        await settle()
        assert caplog.records == []

    async def test_closing_ends_listings_in_flight(self, osf, tree, place):
        hold = Hold()
        osf.before["list"] = [hold]
        asking = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        await tree.aclose()
        with pytest.raises(OSFClosedError):
            await asking


class TestOwnChanges:
    async def test_what_was_written_is_known(self, osf, tree, place):
        await names(tree, place())
        file = osf.add_file("a")
        tree.learn(place(), Entity.root(), file)
        assert await names(tree, place()) == ["a"]
        assert tree.known_file(place("a")) == file
        assert len(osf.called("list")) == 1

    async def test_what_was_written_does_not_stand_for_all_there_is(self, osf, tree, place):
        osf.add_file("other")
        file = osf.add_file("a")
        tree.learn(place(), Entity.root(), file)
        assert tree.known_file(place("a")) == file
        assert tree.known_file(place("other")) is None
        assert await names(tree, place()) == ["a", "other"]

    async def test_a_file_that_was_written_is_found_without_a_listing(self, osf, tree, place):
        file = osf.add_file("a")
        tree.learn(place(), Entity.root(), file)
        assert await tree.file(place("a"), "info") == file
        assert osf.called("list") == []

    async def test_what_was_deleted_is_gone(self, osf, tree, place):
        file = osf.add_file("a")
        await names(tree, place())
        osf.remove(file)
        tree.forget(place("a"), file)
        assert await names(tree, place()) == []
        assert tree.known_file(place("a")) is None
        assert len(osf.called("list")) == 1

    async def test_what_was_below_a_deleted_folder_is_gone_too(self, osf, tree, place):
        a = osf.add_folder("a")
        b = osf.add_folder("b", a.id)
        osf.add_file("f", parent=b.id)
        await names(tree, place("a/b"))
        osf.remove(a)
        tree.forget(place("a"), a)
        assert tree.known_file(place("a/b/f")) is None
        with pytest.raises(OSFNotFoundError):
            await names(tree, place("a/b"))
        assert len(osf.called("list")) == 3

    async def test_forgetting_what_was_never_known_is_fine(self, osf, tree, place):
        tree.forget(place("a"), osf.add_file("a"))

    @pytest.mark.parametrize("kind", ["write", "delete"])
    async def test_a_change_while_a_listing_is_in_flight_is_not_lost(self, osf, tree, place, kind):
        gone = osf.add_file("gone")
        osf.add_file("other")
        hold = Hold()
        osf.after["list"] = [hold]
        asking = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        # The listing was made before, and arrives after.
        if kind == "write":
            tree.learn(place(), Entity.root(), osf.add_file("new"))
            expected = ["gone", "new", "other"]
        else:
            osf.remove(gone)
            tree.forget(place("gone"), gone)
            expected = ["other"]
        hold.release.set()
        assert await asking == expected
        assert await names(tree, place()) == expected
        assert len(osf.called("list")) == 1

    async def test_a_write_while_an_expired_listing_is_revalidated_loses_nothing(
        self, osf, tree, place, clock
    ):
        osf.add_file("old")
        await names(tree, place())
        clock.pass_by(EXPIRY)
        hold = Hold()
        osf.after["list"] = [hold]
        asking = asyncio.ensure_future(names(tree, place()))
        await hold.begun.wait()
        # The OSF has said "not modified" already; that was before our write.
        tree.learn(place(), Entity.root(), osf.add_file("new"))
        hold.release.set()
        assert await asking == ["new", "old"]
        assert await names(tree, place()) == ["new", "old"]

    async def test_a_write_to_an_expired_listing_does_not_revive_it(self, osf, tree, place, clock):
        osf.add_file("old")
        await names(tree, place())
        clock.pass_by(EXPIRY)
        osf.add_file("theirs")
        tree.learn(place(), Entity.root(), osf.add_file("ours"))
        assert await names(tree, place()) == ["old", "ours", "theirs"]

    async def test_a_change_that_somebody_undid_does_not_stay(self, osf, tree, place, clock):
        osf.add_file("old")
        await names(tree, place())
        ours = osf.add_file("ours")
        tree.learn(place(), Entity.root(), ours)
        # Now the folder is as it was when we got its ETag.
        osf.remove(ours)
        clock.pass_by(EXPIRY)
        assert await names(tree, place()) == ["old"]

    async def test_what_is_known_is_known_for_a_while_only(self, osf, tree, place, clock):
        tree.learn(place(), Entity.root(), osf.add_file("a"))
        clock.pass_by(EXPIRY)
        assert tree.known_file(place("a")) is None

    async def test_without_a_cache_nothing_is_known(self, osf, forgetful, place):
        forgetful.learn(place(), Entity.root(), osf.add_file("a"))
        assert forgetful.known_file(place("a")) is None


class TestDuplicates:
    async def test_of_files_of_one_name_the_newest_counts_with_one_warning(
        self, osf, tree, place, caplog
    ):
        osf.add_file("a", b"old")
        newest = osf.add_file("a", b"new")
        with caplog.at_level(logging.WARNING, "dvc_osf"):
            for _ in range(3):
                assert await tree.file(place("a"), "info") == newest
        (record,) = caplog.records
        assert "2 files of this name" in record.getMessage()
        assert "osf://abc12/osfstorage/a" in record.getMessage()

    async def test_folders_of_one_name_are_one_that_holds_the_content_of_all(
        self, osf, tree, place
    ):
        one, other = osf.add_folder("d"), osf.add_folder("d")
        osf.add_file("a", parent=one.id)
        osf.add_file("b", parent=other.id)
        assert await names(tree, place("d")) == ["a", "b"]
        assert await tree.folders(place("d"), "ls") == [one, other]
        assert (await tree.file(place("d/b"), "info")).name == "b"
        assert len(osf.called("list")) == 3

    async def test_the_content_of_duplicate_folders_is_merged_all_the_way_down(
        self, osf, tree, place
    ):
        one, other = osf.add_folder("d"), osf.add_folder("d")
        deep, deeper = osf.add_folder("e", one.id), osf.add_folder("e", other.id)
        osf.add_file("a", parent=deep.id)
        osf.add_file("b", parent=deeper.id)
        assert await names(tree, place("d/e")) == ["a", "b"]

    async def test_of_a_file_in_both_folders_the_newest_counts(self, osf, tree, place):
        one, other = osf.add_folder("d"), osf.add_folder("d")
        osf.add_file("a", b"old", parent=other.id)
        newest = osf.add_file("a", b"new", parent=one.id)
        assert await tree.file(place("d/a"), "info") == newest

    async def test_the_content_of_several_folders_is_not_known_by_one(self, osf, tree, place):
        one, other = osf.add_folder("d"), osf.add_folder("d")
        osf.add_file("b", parent=other.id)
        await names(tree, place("d"))
        tree.learn(place("d"), one, osf.add_file("a", parent=one.id))
        assert await names(tree, place("d")) == ["a", "b"]

    async def test_what_is_deleted_from_one_of_them_is_gone(self, osf, tree, place):
        one, other = osf.add_folder("d"), osf.add_folder("d")
        osf.add_file("a", parent=one.id)
        gone = osf.add_file("b", parent=other.id)
        await names(tree, place("d"))
        tree.forget(place("d/b"), gone)
        assert await names(tree, place("d")) == ["a"]


class TestStaleIds:
    async def test_a_folder_that_somebody_replaced_is_resolved_once_more(self, osf, tree, place):
        old = osf.add_folder("a")
        await names(tree, place())
        osf.remove(old)
        new = osf.add_folder("a")
        osf.add_file("f", parent=new.id)
        assert await names(tree, place("a")) == ["f"]
        assert [id_ for id_, _ in osf.called("list")] == ["", old.id, "", new.id]

    async def test_a_deep_one_as_well(self, osf, tree, place):
        old = osf.add_folder("a")
        older = osf.add_folder("b", old.id)
        await tree.folders(place("a/b"), "ls")
        osf.remove(old)
        osf.folders.pop(older.id)
        new = osf.add_folder("a")
        newer = osf.add_folder("b", new.id)
        osf.add_file("f", parent=newer.id)
        assert await names(tree, place("a/b")) == ["f"]

    async def test_one_that_somebody_deleted_is_not_found(self, osf, tree, place):
        old = osf.add_folder("a")
        await names(tree, place())
        osf.remove(old)
        with pytest.raises(OSFNotFoundError):
            await names(tree, place("a"))
        assert [id_ for id_, _ in osf.called("list")] == ["", old.id, ""]

    async def test_without_anything_believed_it_is_not_asked_twice(self, osf, tree, place):
        osf.folders.pop("")
        with pytest.raises(OSFNotFoundError):
            await names(tree, place())
        assert len(osf.called("list")) == 1
