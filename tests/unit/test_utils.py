"""Small tools of uploads: sizes, chunks, checksums, progress."""

from __future__ import annotations

import hashlib
import io
import logging
import os

import pytest
from fsspec.callbacks import Callback, NoOpCallback
from hypothesis import given
from hypothesis import strategies as st

from dvc_osf.config import Config
from dvc_osf.utils import (
    ProgressTracker,
    chunk_file,
    compute_upload_checksum,
    determine_upload_strategy,
    format_bytes,
    get_file_size,
    validate_chunk_size,
)

MIB = 1024 * 1024


class TestFormatBytes:
    @pytest.mark.parametrize(
        ("size", "text"),
        [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 * MIB, "5.0 MiB"),
            (4.9 * 1024 * MIB, "4.9 GiB"),
            (3 * 1024 * 1024 * MIB, "3.0 TiB"),
            (5000 * 1024 * 1024 * MIB, "5000.0 TiB"),
            (-2048, "-2.0 KiB"),
        ],
    )
    def test_bytes_are_written_for_people(self, size, text):
        assert format_bytes(size) == text


class TestChunkSize:
    @pytest.mark.parametrize("size", [1 * MIB, 5 * MIB, 100 * MIB])
    def test_a_size_within_the_limits_is_returned(self, size):
        assert validate_chunk_size(size) == size

    @pytest.mark.parametrize("size", [0, -1, MIB - 1, 100 * MIB + 1])
    def test_another_one_is_refused_with_the_limits(self, size):
        with pytest.raises(ValueError, match=r"not between 1\.0 MiB and 100\.0 MiB"):
            validate_chunk_size(size)


class TestStrategy:
    @pytest.mark.parametrize(
        ("size", "strategy"),
        [
            (0, "single"),
            (5 * MIB - 1, "single"),
            (5 * MIB, "chunked"),
            (5 * MIB + 1, "chunked"),
        ],
    )
    def test_files_below_a_chunk_go_in_one_piece(self, size, strategy):
        assert determine_upload_strategy(size) == strategy

    def test_the_chunk_size_can_be_chosen(self):
        assert determine_upload_strategy(3 * MIB, 2 * MIB) == "chunked"
        assert determine_upload_strategy(3 * MIB, 4 * MIB) == "single"


class TestFileSize:
    def test_a_path_is_measured(self, tmp_path):
        file = tmp_path / "a"
        file.write_bytes(b"12345")
        assert get_file_size(file) == 5
        assert get_file_size(str(file)) == 5

    def test_an_object_is_measured_from_where_it_is_and_left_there(self):
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        assert get_file_size(file) == 6
        assert file.tell() == 4

    def test_a_pipe_cannot_be_measured(self):
        read, write = os.pipe()
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            assert get_file_size(pipe) is None

    def test_an_object_that_only_reads_cannot_be_measured(self):
        class Reader:
            def read(self, _size=-1):
                return b""

        assert get_file_size(Reader()) is None

    def test_a_closed_file_cannot_be_measured(self, tmp_path):
        file = (tmp_path / "a").open("wb")
        file.close()
        assert get_file_size(file) is None

    def test_a_missing_file_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            get_file_size(tmp_path / "missing")


class TestChunks:
    @pytest.mark.parametrize(
        ("size", "chunks"),
        [
            (0, []),
            (1, [1]),
            (3, [3]),
            (4, [4]),
            (5, [4, 1]),
            (8, [4, 4]),
            (11, [4, 4, 3]),
        ],
    )
    def test_all_chunks_but_the_last_are_full(self, size, chunks):
        file = io.BytesIO(bytes(size))
        assert [len(chunk) for chunk in chunk_file(file, 4)] == chunks
        assert not file.closed

    @given(st.binary(max_size=200), st.integers(1, 50), st.integers(0, 200))
    def test_together_they_are_what_was_left_of_the_file(self, data, chunk_size, start):
        file = io.BytesIO(data)
        file.seek(start)
        assert b"".join(chunk_file(file, chunk_size)) == data[start:]

    def test_the_usual_chunk_is_five_mebibytes(self):
        chunks = chunk_file(io.BytesIO(bytes(Config.OSF_UPLOAD_CHUNK_SIZE + 1)))
        assert [len(chunk) for chunk in chunks] == [5 * MIB, 1]

    def test_one_chunk_at_a_time_is_read(self):
        file = io.BytesIO(b"abcdef")
        chunks = chunk_file(file, 2)
        assert next(chunks) == b"ab"
        assert file.tell() == 2


class TestChecksum:
    @given(st.binary(max_size=200), st.integers(1, 50))
    def test_it_is_the_md5(self, data, chunk_size):
        expected = hashlib.md5(data).hexdigest()
        assert compute_upload_checksum(data) == expected
        assert compute_upload_checksum(io.BytesIO(data), chunk_size) == expected

    def test_an_object_is_read_from_where_it_is(self):
        file = io.BytesIO(b"skipped, read")
        file.seek(9)
        assert compute_upload_checksum(file) == hashlib.md5(b"read").hexdigest()

    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    def test_other_bytes_are_bytes(self, kind):
        assert compute_upload_checksum(kind(b"data")) == hashlib.md5(b"data").hexdigest()


class Recorder(Callback):
    """An fsspec callback that writes everything down."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def set_size(self, size):
        self.heard.append(("size", size))
        super().set_size(size)

    def relative_update(self, inc=1):
        self.heard.append(("step", inc))
        super().relative_update(inc)


class TestProgress:
    def test_a_function_hears_how_much_is_through_of_how_much(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=10)
        progress.update(3)
        progress.update(7)
        progress.finish()
        assert heard == [(3, 10), (10, 10)]

    def test_a_function_hears_the_end_even_if_it_heard_nothing_before(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=10)
        progress.finish()
        assert heard == [(10, 10)]

    def test_a_function_hears_the_end_of_an_empty_file(self):
        heard = []
        ProgressTracker(lambda *args: heard.append(args), total=0).finish()
        assert heard == [(0, 0)]

    def test_a_function_hears_the_end_once(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=10)
        progress.update(10)
        progress.finish()
        progress.finish()
        assert heard == [(10, 10)]

    def test_a_function_hears_of_another_attempt_from_its_beginning(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=10)
        progress.update(6)
        progress.restart()
        progress.update(4)
        progress.update(6)
        progress.finish()
        assert heard == [(6, 10), (4, 10), (10, 10)]

    def test_where_the_total_is_not_known_it_is_none(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args))
        progress.update(4)
        progress.finish()
        assert heard == [(4, None)]

    def test_no_step_is_not_reported(self):
        heard = []
        progress = ProgressTracker(lambda *args: heard.append(args), total=10)
        progress.update(0)
        progress.move_to(0)
        assert heard == []

    def test_chunks_are_logged_by_number_as_they_are_sent(self, caplog):
        progress = ProgressTracker(total=10)
        progress.count_chunks(4, "put_file osf://abc12/osfstorage/a")
        with caplog.at_level(logging.DEBUG, "dvc_osf"):
            for step in (3, 1, 3, 2):
                progress.update(step)
            progress.restart()
            progress.update(10)
            progress.finish()
        first = [
            "put_file osf://abc12/osfstorage/a: chunk 1 of 3, 4 of 10 bytes sent",
            "put_file osf://abc12/osfstorage/a: chunk 2 of 3, 8 of 10 bytes sent",
        ]
        last = "put_file osf://abc12/osfstorage/a: chunk 3 of 3, 10 of 10 bytes sent"
        assert [record.getMessage() for record in caplog.records] == [*first, *first, last]
        assert {record.levelno for record in caplog.records} == {logging.DEBUG}

    def test_chunks_that_did_not_need_to_be_sent_are_not_logged(self, caplog):
        progress = ProgressTracker(total=10)
        progress.count_chunks(4, "put_file")
        with caplog.at_level(logging.DEBUG, "dvc_osf"):
            progress.finish()
        assert caplog.records == []

    def test_fsspecs_callback_hears_size_and_steps(self):
        callback = Recorder()
        progress = ProgressTracker(callback, total=10)
        progress.update(3)
        progress.update(7)
        progress.finish()
        assert callback.heard == [("size", 10), ("step", 3), ("step", 7)]
        assert (callback.value, callback.size) == (10, 10)

    def test_fsspecs_callback_goes_back_for_another_attempt(self):
        callback = Recorder()
        progress = ProgressTracker(callback, total=10)
        progress.update(6)
        progress.restart()
        assert callback.value == 0
        progress.update(10)
        progress.finish()
        assert callback.value == 10

    def test_fsspecs_callback_is_filled_up_at_the_end(self):
        callback = Recorder()
        ProgressTracker(callback, total=10).finish()
        assert callback.value == 10

    def test_a_total_that_comes_later_is_passed_on(self):
        callback = Recorder()
        progress = ProgressTracker(callback)
        progress.set_total(7)
        assert callback.heard == [("size", 7)]
        assert progress.total == 7

    def test_without_a_callback_nothing_happens(self):
        progress = ProgressTracker(None, total=3)
        progress.update(3)
        progress.finish()
        assert progress.done == 3

    def test_fsspecs_default_callback_is_one(self):
        progress = ProgressTracker(NoOpCallback(), total=3)
        progress.update(3)
        progress.finish()

    @pytest.mark.parametrize("wrong", [7, "callback", object()])
    def test_what_cannot_be_called_is_refused_at_once(self, wrong):
        with pytest.raises(TypeError, match="bytes_done, total_bytes"):
            ProgressTracker(wrong)

    def test_a_function_that_raises_is_logged_once_and_left_alone(self, caplog):
        calls = []

        def broken(done, total):
            calls.append((done, total))
            raise KeyError("a bug of the caller's")

        progress = ProgressTracker(broken, total=10)
        with caplog.at_level(logging.ERROR, "dvc_osf"):
            for _ in range(5):
                progress.update(2)
            progress.finish()
        assert calls == [(2, 10)]
        (record,) = caplog.records
        assert "a bug of the caller's" in caplog.text
        assert "not called again" in record.getMessage()
        assert progress.done == 10

    @pytest.mark.parametrize("method", ["set_size", "relative_update"])
    def test_a_callback_that_raises_is_logged_once_and_left_alone(self, caplog, method):
        callback = Recorder()

        def broken(_value):
            raise KeyError("x")

        setattr(callback, method, broken)
        with caplog.at_level(logging.ERROR, "dvc_osf"):
            progress = ProgressTracker(callback, total=10)
            progress.update(2)
            progress.update(8)
            progress.finish()
        assert len(caplog.records) == 1

    def test_an_interruption_by_the_user_is_not_swallowed(self):
        def interrupted(_done, _total):
            raise KeyboardInterrupt

        progress = ProgressTracker(interrupted, total=10)
        with pytest.raises(KeyboardInterrupt):
            progress.update(1)

    @given(st.lists(st.integers(0, 9), max_size=9))
    def test_both_kinds_end_at_the_total(self, steps):
        total = sum(steps)
        heard, callback = [], Recorder()
        for kind in (lambda *args: heard.append(args), callback):
            progress = ProgressTracker(kind, total=total)
            for step in steps:
                progress.update(step)
            progress.finish()
        assert heard[-1] == (total, total)
        assert [done for done, _ in heard] == sorted(done for done, _ in heard)
        assert callback.value == callback.size == total
