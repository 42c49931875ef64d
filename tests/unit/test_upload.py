"""Uploads: one request each, and its outcome known before anything is sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os

import pytest

from dvc_osf.concurrency import BufferBudget, KeyedLocks
from dvc_osf.exceptions import (
    OSFConnectionError,
    OSFException,
    OSFFileLockedError,
    OSFIntegrityError,
    OSFIsADirectoryError,
    OSFNotFoundError,
    OSFPermissionError,
    OSFQuotaExceededError,
    OSFServerError,
    OSFTimeoutError,
    OSFVersionConflictError,
)
from dvc_osf.folders import FolderMaker
from dvc_osf.paths import OSFPath
from dvc_osf.readings import FileExistsConflictError
from dvc_osf.sources import BytesSource, FileSource
from dvc_osf.upload import Uploader, UploadJob
from dvc_osf.utils import ProgressTracker

DATA = b"version one"
MIB = 1024 * 1024


@pytest.fixture
def upload(osf, tree, place):
    """Return a coroutine function that stores bytes at a path."""
    uploader = Uploader(osf, tree, FolderMaker(osf, tree), KeyedLocks())

    async def store(path="a.txt", data=DATA, *, exclusive=False, progress=None, source=None):
        target = path if isinstance(path, OSFPath) else place(path)
        progress = progress or ProgressTracker(None, total=len(data))
        job = UploadJob(target, progress, "put_file", exclusive=exclusive)
        return await uploader.upload(job, source or BytesSource(data))

    return store


def sent(osf):
    """Return the kinds of the PUTs that were sent."""
    return [name for name, *_ in osf.calls if name in {"create", "update"}]


def contents(osf, parent=""):
    """Return what the OSF holds, by name."""
    return {
        file.name: osf.contents[file.id, file.version]
        for file in osf.folders[parent].values()
        if not file.is_folder
    }


def lost(data=DATA, cls=OSFConnectionError, **details):
    """Return the error of a request whose body left whole and whose answer did not come."""
    return cls("lost", bytes_uploaded=len(data), total_size=len(data), **details)


class TestNewFiles:
    async def test_a_new_file_is_one_put(self, osf, tree, upload, place):
        file = await upload()
        assert (file.name, file.size, file.version) == ("a.txt", len(DATA), 1)
        assert sent(osf) == ["create"]
        assert contents(osf) == {"a.txt": DATA}
        assert tree.known_file(place("a.txt")) == file
        assert osf.called("list") == []

    async def test_its_folders_are_created(self, osf, upload):
        await upload("x/y/a.txt")
        assert [name for _, name in osf.called("create_folder")] == ["x", "y"]
        assert sent(osf) == ["create"]

    async def test_a_hundred_files_into_a_new_folder_create_it_once(self, osf, upload):
        await asyncio.gather(*(upload(f"x/{number}") for number in range(100)))
        assert len(osf.called("create_folder")) == 1
        assert sent(osf) == ["create"] * 100

    async def test_an_empty_file_is_a_file(self, osf, upload):
        assert (await upload(data=b"")).size == 0
        assert contents(osf) == {"a.txt": b""}

    @pytest.mark.parametrize("path", ["abc12", "abc12/osfstorage"])
    async def test_a_file_needs_a_name(self, osf, upload, path):
        with pytest.raises(OSFIsADirectoryError, match="a file needs a name") as caught:
            await upload(OSFPath.parse(path))
        assert caught.value.operation == "put_file"
        assert osf.calls == []

    async def test_a_large_file_is_one_put_too(self, osf, upload, tmp_path):
        data = os.urandom(5 * MIB + 3)
        (tmp_path / "local").write_bytes(data)
        budget = BufferBudget(64 * MIB)
        source = FileSource(str(tmp_path / "local"), len(data), 2 * MIB, budget)
        assert (await upload(data=data, source=source)).md5 == hashlib.md5(data).hexdigest()
        assert sent(osf) == ["create"]
        assert contents(osf) == {"a.txt": data}

    async def test_progress_ends_at_the_total(self, upload):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=len(DATA))
        await upload(progress=progress)
        assert heard == [(len(DATA), len(DATA))]


class TestFilesThatExist:
    async def test_one_that_the_cache_knows_gets_a_new_version_in_one_put(
        self, osf, tree, upload, place
    ):
        old = osf.add_file("a.txt", b"old")
        await tree.children(place(), "ls")
        file = await upload()
        assert (file.id, file.version) == (old.id, 2)
        assert sent(osf) == ["update"]

    async def test_one_that_it_does_not_know_gets_it_in_two(self, osf, upload):
        old = osf.add_file("a.txt", b"old")
        file = await upload()
        assert (file.id, file.version) == (old.id, 2)
        assert sent(osf) == ["create", "update"]

    async def test_one_with_the_same_content_is_done(self, osf, upload, tree, place):
        old = osf.add_file("a.txt", DATA)
        file = await upload()
        assert (file.id, file.version, file.size) == (old.id, 1, len(DATA))
        assert sent(osf) == ["create"]
        # The 409 gives a size that may be wrong.
        assert tree.known_file(place("a.txt")).size == len(DATA)

    async def test_one_of_unknown_content_gets_a_new_version(self, osf, upload):
        osf.add_file("a.txt", DATA, md5=None)
        await upload()
        assert sent(osf) == ["create", "update"]

    async def test_a_conflict_that_does_not_say_with_what_is_raised(self, osf, upload):
        error = FileExistsConflictError("exists", status=409)
        osf.before["create"] = [error]
        with pytest.raises(FileExistsConflictError):
            await upload()
        assert sent(osf) == ["create"]

    async def test_what_a_conflict_does_not_say_is_looked_up(self, osf, upload):
        old = osf.add_file("a.txt", b"old")
        osf.before["create"] = [FileExistsConflictError("exists", status=409)]
        file = await upload()
        assert (file.id, file.version) == (old.id, 2)
        assert sent(osf) == ["create", "update"]

    async def test_what_a_conflict_does_not_say_is_no_way_around_exclusiveness(self, osf, upload):
        osf.add_file("a.txt", b"old")
        osf.before["create"] = [FileExistsConflictError("exists", status=409)]
        with pytest.raises(FileExistsError):
            await upload(exclusive=True)
        assert contents(osf) == {"a.txt": b"old"}

    async def test_writing_it_again_and_again_makes_versions(self, osf, upload):
        for number in range(1, 4):
            assert (await upload(data=b"%d" % number)).version == number
        assert sent(osf) == ["create", "update", "update"]


class TestExclusively:
    async def test_a_new_file_is_created(self, osf, upload):
        await upload(exclusive=True)
        assert sent(osf) == ["create"]

    async def test_one_that_the_cache_knows_is_refused(self, osf, tree, upload, place):
        osf.add_file("a.txt", b"old")
        await tree.children(place(), "ls")
        with pytest.raises(FileExistsError, match="the file exists") as caught:
            await upload(exclusive=True)
        assert isinstance(caught.value, OSFVersionConflictError)
        assert caught.value.path == "abc12/osfstorage/a.txt"
        assert contents(osf) == {"a.txt": b"old"}

    async def test_one_that_only_the_cache_still_knows_is_created(self, osf, tree, upload, place):
        old = osf.add_file("a.txt", b"old")
        await tree.children(place(), "ls")
        osf.remove(old)
        await upload(exclusive=True)
        assert contents(osf) == {"a.txt": DATA}

    @pytest.mark.parametrize("theirs", [b"old", DATA])
    async def test_one_that_it_does_not_know_is_refused_whatever_it_holds(
        self, osf, upload, theirs
    ):
        osf.add_file("a.txt", theirs)
        with pytest.raises(FileExistsError):
            await upload(exclusive=True)
        assert sent(osf) == ["create"]
        assert contents(osf) == {"a.txt": theirs}

    async def test_one_that_somebody_created_at_the_same_moment_is_refused(self, osf, upload):
        def become_a_second_version():
            (file,) = osf.folders[""].values()
            return file._replace(version=2)

        osf.after["create"] = [become_a_second_version]
        with pytest.raises(FileExistsError, match="at the same moment"):
            await upload(exclusive=True)

    async def test_after_a_lost_answer_our_own_file_is_not_in_the_way(self, osf, upload):
        osf.after["create"] = [lost()]
        file = await upload(exclusive=True)
        assert sent(osf) == ["create"]
        assert file.version == 1

    async def test_after_an_error_answer_our_own_file_is_not_in_the_way(self, osf, upload):
        osf.after["create"] = [lost(cls=OSFServerError, status=500)]
        # The listing lags behind.
        osf.before["list"] = [OSFNotFoundError("not yet")]
        await upload(exclusive=True)
        assert contents(osf) == {"a.txt": DATA}
        assert sent(osf) == ["create", "create"]

    @pytest.mark.parametrize("when", ["before looking", "after looking"])
    async def test_after_a_lost_answer_somebody_elses_file_is_not_overwritten(
        self, osf, upload, when
    ):
        osf.before["create"] = [lost(cls=OSFServerError, status=500)]

        def theirs():
            osf.add_file("a.txt", b"theirs")

        if when == "before looking":
            osf.before["list"] = [theirs]
        else:
            osf.before["create"].append(theirs)
        with pytest.raises(FileExistsError):
            await upload(exclusive=True)
        assert contents(osf) == {"a.txt": b"theirs"}


class TestLostAnswers:
    async def test_the_server_is_asked_what_it_has_before_anything_is_sent_again(self, osf, upload):
        osf.after["create"] = [lost()]
        file = await upload()
        assert file.version == 1
        assert sent(osf) == ["create"]
        assert len(osf.called("list")) == 1

    async def test_a_commit_that_is_late_is_waited_for(self, osf, upload, clock):
        osf.before["create"] = [lost()]
        osf.before["list"] = [None, None, None, lambda: osf.add_file("a.txt", DATA)]
        begun = clock.now
        await upload()
        assert sent(osf) == ["create"]
        assert len(osf.called("list")) == 4
        assert 3.5 <= clock.now - begun < 5

    async def test_a_new_version_that_is_late_is_waited_for(self, osf, tree, upload, place):
        old = osf.add_file("a.txt", b"old")
        await tree.children(place(), "ls")
        osf.before["update"] = [lost()]
        osf.before["list"] = [None, None, lambda: osf._store(old.id, "a.txt", DATA, 2, "")]
        assert (await upload()).version == 2
        assert sent(osf) == ["update"]

    async def test_only_after_the_upload_timeout_it_is_sent_again(self, osf, upload, clock):
        sent_at = []

        def note():
            sent_at.append(clock.now)

        def note_and_fail():
            note()
            raise lost()

        osf.before["create"] = [note_and_fail, note]
        await upload()
        assert sent(osf) == ["create", "create"]
        assert sent_at[1] - sent_at[0] >= osf.config.upload_timeout
        # With growing pauses, not by storming.
        assert len(osf.called("list")) < 30

    @pytest.mark.parametrize(
        ("cls", "status"),
        [(OSFServerError, 502), (OSFTimeoutError, 504), (OSFTimeoutError, 408)],
    )
    async def test_a_gateway_that_gave_up_is_no_word_of_the_servers(self, osf, upload, cls, status):
        osf.before["create"] = [lost(cls=cls, status=status)]
        osf.before["list"] = [None, None, lambda: osf.add_file("a.txt", DATA)]
        await upload()
        assert sent(osf) == ["create"]

    @pytest.mark.parametrize("status", [500, 503])
    async def test_after_the_servers_own_error_one_look_is_enough(self, osf, upload, clock, status):
        osf.before["create"] = [lost(cls=OSFServerError, status=status)]
        begun = clock.now
        await upload()
        assert sent(osf) == ["create", "create"]
        assert len(osf.called("list")) == 1
        assert clock.now - begun < 5

    async def test_a_body_that_did_not_leave_whole_is_just_sent_again(self, osf, upload, clock):
        osf.before["create"] = [OSFConnectionError("reset", bytes_uploaded=3, total_size=11)]
        begun = clock.now
        await upload()
        assert sent(osf) == ["create", "create"]
        assert osf.called("list") == []
        assert clock.now - begun < 5

    async def test_looking_outlasts_failures_of_its_own(self, osf, upload):
        osf.after["create"] = [lost()]
        osf.before["list"] = [OSFServerError("down", status=503)]
        await upload()
        assert sent(osf) == ["create"]

    async def test_a_folder_that_is_gone_while_looking_is_made_again(self, osf, upload):
        def vanish():
            for child in list(osf.folders[""].values()):
                osf.remove(child)

        osf.add_file("other")
        await upload("d/other")
        osf.before["create"] = [lost(cls=OSFServerError, status=500)]
        osf.before["list"] = [vanish]
        await upload("d/a.txt")
        (folder,) = osf.folders[""].values()
        assert contents(osf, folder.id) == {"a.txt": DATA}


class TestVerification:
    @staticmethod
    def damaged(osf, **facts):
        def answer():
            file = max(osf.folders[""].values(), key=lambda file: file.modified)
            return file._replace(**facts)

        return answer

    async def test_other_bytes_on_the_osf_are_sent_again(self, osf, upload, stats):
        osf.after["create"] = [self.damaged(osf, md5="0" * 32)]
        file = await upload()
        assert sent(osf) == ["create", "update"]
        assert file.md5 == hashlib.md5(DATA).hexdigest()
        assert stats.retries == 1

    async def test_another_size_on_the_osf_is_sent_again(self, osf, upload):
        osf.after["create"] = [self.damaged(osf, size=3)]
        await upload()
        assert sent(osf) == ["create", "update"]

    async def test_other_bytes_again_and_again_are_an_error(self, osf, upload):
        osf.after["create"] = [self.damaged(osf, md5="0" * 32)]
        osf.after["update"] = [self.damaged(osf, md5="0" * 32) for _ in range(9)]
        with pytest.raises(OSFIntegrityError, match="MD5") as caught:
            await upload()
        error = caught.value
        assert error.expected == hashlib.md5(DATA).hexdigest()
        assert error.actual == "0" * 32
        assert error.attempts == 6
        assert (error.bytes_uploaded, error.total_size) == (len(DATA), len(DATA))
        assert (error.path, error.operation) == ("abc12/osfstorage/a.txt", "put_file")
        assert error.expected in str(error)
        assert error.actual in str(error)
        assert sent(osf) == ["create"] + ["update"] * 5

    async def test_another_size_again_and_again_is_an_error(self, osf, upload):
        osf.after["create"] = [self.damaged(osf, size=3)]
        osf.after["update"] = [self.damaged(osf, size=3) for _ in range(9)]
        with pytest.raises(OSFIntegrityError, match="expected 11, got 3"):
            await upload()

    async def test_an_osf_that_does_not_say_is_believed(self, osf, upload):
        osf.after["create"] = [self.damaged(osf, md5=None, size=None)]
        await upload()
        assert sent(osf) == ["create"]

    async def test_damage_in_exclusive_mode_is_repaired(self, osf, upload):
        osf.after["create"] = [self.damaged(osf, md5="0" * 32)]
        await upload(exclusive=True)
        assert sent(osf) == ["create", "update"]


class TestFailures:
    @pytest.mark.parametrize(
        "error",
        [
            OSFQuotaExceededError("full", status=507),
            OSFPermissionError("no", status=403),
            OSFFileLockedError("locked", status=403),
        ],
    )
    async def test_a_refusal_is_final_and_logged(self, osf, upload, caplog, error):
        osf.before["create"] = [error]
        with caplog.at_level(logging.DEBUG, "dvc_osf"), pytest.raises(type(error)):
            await upload()
        assert sent(osf) == ["create"]
        (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert record.levelno == logging.ERROR
        assert str(error) in record.getMessage()

    async def test_passing_failures_are_logged_as_warnings(self, osf, upload, caplog):
        osf.before["create"] = [OSFConnectionError("reset", bytes_uploaded=0, total_size=11)]
        with caplog.at_level(logging.WARNING, "dvc_osf"):
            await upload()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "put_file osf://abc12/osfstorage/a.txt: reset; attempt 2 of 6" in record.getMessage()

    @pytest.mark.parametrize("where", ["create", "create_folder", "list"])
    async def test_an_osf_that_stays_down_is_asked_so_often_and_not_more(
        self, osf, upload, stats, where
    ):
        if where == "list":
            osf.add_folder("d")
        osf.before[where] = [OSFServerError("down", status=503) for _ in range(99)]
        with pytest.raises(OSFServerError) as caught:
            await upload("a.txt" if where == "create" else "d/a.txt")
        assert len(osf.called(where)) <= 6
        assert caught.value.attempts == 6
        assert stats.retries == 5

    async def test_every_attempt_has_a_fresh_body(self, osf, upload, tmp_path):
        data = os.urandom(3 * MIB)
        (tmp_path / "local").write_bytes(data)
        osf.after["create"] = [OSFConnectionError("x", bytes_uploaded=1, total_size=3 * MIB)]
        source = FileSource(str(tmp_path / "local"), len(data), MIB, BufferBudget(16 * MIB))
        await upload(data=data, source=source)
        assert contents(osf) == {"a.txt": data}

    async def test_a_file_that_shrinks_says_what_was_being_done_with_what(
        self, osf, upload, tmp_path
    ):
        (tmp_path / "local").write_bytes(bytes(MIB))
        source = FileSource(str(tmp_path / "local"), 3 * MIB, MIB, BufferBudget(16 * MIB))
        with pytest.raises(OSFException, match="became shorter") as caught:
            await upload(source=source)
        assert caught.value.path == "abc12/osfstorage/a.txt"
        assert caught.value.operation == "put_file"
        assert caught.value.bytes_uploaded is not None
        assert sent(osf) == ["create"]

    async def test_a_local_file_that_cannot_be_read_is_not_tried_again(self, osf, upload, tmp_path):
        source = FileSource(str(tmp_path / "missing"), 3 * MIB, MIB, BufferBudget(16 * MIB))
        with pytest.raises(FileNotFoundError):
            await upload(source=source)
        assert sent(osf) == ["create"]


class TestStaleIds:
    async def test_a_file_that_somebody_deleted_is_created(self, osf, tree, upload, place):
        old = osf.add_file("a.txt", b"old")
        await tree.children(place(), "ls")
        osf.remove(old)
        file = await upload()
        assert file.id != old.id
        assert sent(osf) == ["update", "create"]
        assert contents(osf) == {"a.txt": DATA}
        assert tree.known_file(place("a.txt")) == file

    async def test_a_folder_that_somebody_deleted_is_created(self, osf, upload):
        await upload("d/one")
        (old,) = osf.folders[""].values()
        osf.remove(old)
        await upload("d/two")
        (new,) = osf.folders[""].values()
        assert contents(osf, new.id) == {"two": DATA}

    async def test_a_deep_folder_that_somebody_deleted_is_created(self, osf, upload):
        await upload("d/one")
        (old,) = osf.folders[""].values()
        osf.remove(old)
        await upload("d/e/two")
        (new,) = osf.folders[""].values()
        (deep,) = osf.folders[new.id].values()
        assert contents(osf, deep.id) == {"two": DATA}

    async def test_a_project_that_is_gone_is_not_asked_for_again(self, osf, upload):
        osf.folders.pop("")
        with pytest.raises(OSFNotFoundError):
            await upload()
        assert sent(osf) == ["create"]


class TestTogether:
    async def test_one_path_is_written_by_one_task_at_a_time(self, osf, upload):
        at_once, most = 0, 0

        async def begin():
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            for _ in range(5):
                await asyncio.sleep(0)

        def end():
            nonlocal at_once
            at_once -= 1

        for kind in ("create", "update"):
            osf.before[kind] = [begin] * 10
            osf.after[kind] = [end] * 10
        await asyncio.gather(*(upload(data=b"%d" % number) for number in range(10)))
        assert most == 1
        assert sent(osf) == ["create"] + ["update"] * 9

    async def test_different_paths_are_written_together(self, osf, upload):
        everybody = asyncio.Event()

        async def meet():
            if len(osf.called("create")) == 5:
                everybody.set()
            await everybody.wait()

        osf.before["create"] = [meet] * 5
        await asyncio.wait_for(
            asyncio.gather(*(upload(f"{number}.txt") for number in range(5))), 10
        )

    async def test_a_writer_that_is_cancelled_lets_the_next_one_in(self, osf, upload, settle):
        osf.before["create"] = [asyncio.Event().wait]
        first = asyncio.ensure_future(upload(data=b"first"))
        second = asyncio.ensure_future(upload(data=b"second"))
        await settle()
        first.cancel()
        await second
        assert contents(osf) == {"a.txt": b"second"}
        assert first.cancelled()
