"""Making folders: each once, and never a second of the same name."""

from __future__ import annotations

import asyncio

import pytest

from dvc_osf.exceptions import (
    OSFConnectionError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFServerError,
    OSFVersionConflictError,
)
from dvc_osf.folders import FolderMaker
from dvc_osf.models import Entity


async def names(tree, path):
    children = await tree.children(path, "ls")
    return sorted([*children.files, *children.folders])


@pytest.fixture
def ensure(osf, tree):
    return FolderMaker(osf, tree).ensure


class TestEnsuring:
    async def test_the_root_is_there(self, osf, ensure, place):
        assert await ensure(place(), "put_file") == Entity.root()
        assert osf.calls == []

    async def test_one_that_exists_is_returned(self, osf, ensure, place):
        a = osf.add_folder("a")
        assert await ensure(place("a"), "put_file") == a
        assert osf.called("create_folder") == []

    async def test_what_is_missing_is_created_with_its_parents(self, osf, tree, ensure, place):
        folder = await ensure(place("a/b/c"), "put_file")
        assert folder.name == "c"
        assert [name for _, name in osf.called("create_folder")] == ["a", "b", "c"]
        # A folder just created is known to be empty.
        assert [id_ for id_, _ in osf.called("list")] == [""]
        assert await names(tree, place("a/b/c")) == []
        assert await names(tree, place("a")) == ["b"]
        assert [id_ for id_, _ in osf.called("list")] == [""]

    async def test_once_created_it_is_known(self, osf, ensure, place):
        first = await ensure(place("a/b"), "put_file")
        osf.calls.clear()
        assert await ensure(place("a/b"), "put_file") == first
        assert osf.calls == []

    async def test_everybody_wants_it_and_one_creates_it(self, osf, ensure, place):
        folders = await asyncio.gather(
            *(ensure(place("a/b/c"), "put_file") for _ in range(20)),
            *(ensure(place("a/b/d"), "put_file") for _ in range(20)),
        )
        assert len(set(folders)) == 2
        assert sorted(name for _, name in osf.called("create_folder")) == ["a", "b", "c", "d"]

    async def test_everybody_wants_it_without_a_cache_and_one_creates_it(
        self, osf, forgetful, place
    ):
        maker = FolderMaker(osf, forgetful)
        folders = await asyncio.gather(*(maker.ensure(place("a/b"), "put_file") for _ in range(10)))
        assert len(set(folders)) == 1
        assert [name for _, name in osf.called("create_folder")] == ["a", "b"]

    async def test_of_several_the_oldest_is_used(self, osf, ensure, place):
        one, _ = osf.add_folder("d"), osf.add_folder("d")
        assert await ensure(place("d"), "put_file") == one

    async def test_a_file_of_that_name_is_no_obstacle(self, osf, ensure, place):
        osf.add_file("a")
        assert (await ensure(place("a"), "put_file")).is_folder

    async def test_one_that_somebody_created_meanwhile_is_used(self, osf, tree, ensure, place):
        await names(tree, place())
        theirs = osf.add_folder("a")
        assert await ensure(place("a"), "put_file") == theirs
        assert len(osf.called("create_folder")) == 1

    async def test_a_conflict_that_nothing_explains_is_raised(self, osf, ensure, place):
        osf.before["create_folder"] = [OSFVersionConflictError("exists", status=409)]
        with pytest.raises(OSFVersionConflictError):
            await ensure(place("a"), "put_file")

    async def test_after_a_lost_answer_it_is_looked_for_and_not_created_twice(
        self, osf, ensure, place
    ):
        osf.after["create_folder"] = [OSFConnectionError("lost")]
        folder = await ensure(place("a"), "put_file")
        assert len(osf.called("create_folder")) == 1
        assert list(osf.folders[""]) == [folder.id]

    async def test_after_a_failure_it_is_looked_for_and_created(self, osf, ensure, place, stats):
        osf.before["create_folder"] = [OSFServerError("down", status=503)] * 2
        folder = await ensure(place("a"), "put_file")
        assert len(osf.called("create_folder")) == 3
        assert list(osf.folders[""]) == [folder.id]
        assert stats.retries == 2

    async def test_a_refusal_is_final(self, osf, ensure, place):
        osf.before["create_folder"] = [OSFPermissionError("no", status=403)]
        with pytest.raises(OSFPermissionError):
            await ensure(place("a/b"), "put_file")
        assert len(osf.called("create_folder")) == 1

    async def test_an_osf_that_stays_down_is_asked_so_often_and_not_more(self, osf, ensure, place):
        osf.before["create_folder"] = [OSFServerError("down", status=503)] * 99
        with pytest.raises(OSFServerError) as caught:
            await ensure(place("a"), "put_file")
        assert len(osf.called("create_folder")) == 6
        assert caught.value.attempts == 6

    async def test_after_a_failure_the_next_one_may_try(self, osf, ensure, place):
        osf.before["create_folder"] = [OSFPermissionError("no", status=403)]
        with pytest.raises(OSFPermissionError):
            await ensure(place("a"), "put_file")
        assert await ensure(place("a"), "put_file")


class TestStaleIds:
    async def test_in_a_project_that_is_gone_nothing_is_created(self, osf, ensure, place):
        osf.folders.pop("")
        with pytest.raises(OSFNotFoundError):
            await ensure(place("a"), "put_file")
        assert len(osf.called("list")) == 1

    async def test_a_parent_that_somebody_deleted_is_created_anew(self, osf, tree, ensure, place):
        old = osf.add_folder("a")
        await names(tree, place())
        osf.remove(old)
        folder = await ensure(place("a/b"), "put_file")
        (a,) = osf.folders[""].values()
        assert a.id != old.id
        assert list(osf.folders[a.id]) == [folder.id]

    async def test_a_listed_parent_that_somebody_deleted_is_created_anew(
        self, osf, tree, ensure, place
    ):
        old = osf.add_folder("a")
        await names(tree, place("a"))
        osf.remove(old)
        folder = await ensure(place("a/b"), "put_file")
        (a,) = osf.folders[""].values()
        assert list(osf.folders[a.id]) == [folder.id]
