"""Add-on storage, where ids are paths: S3, as the emulator serves it."""

from __future__ import annotations

import hashlib
import io

import pytest

from dvc_osf.emulator import Fault, s3_json
from dvc_osf.exceptions import OSFPermissionError, OSFServerError

LARGE = 8 * 1024 * 1024 + 7
"""One byte or more above the size from which a file is fetched in ranges."""


@pytest.fixture
def s3(osf) -> str:
    """Return the path of the first project's S3."""
    osf.add_provider(osf.project, "s3")
    return f"{osf.project}/s3"


@pytest.fixture
def plant_s3(s3, connect, osf):
    """Put files into S3 through a filesystem of its own, out of the log."""
    made = connect()

    def plant(**contents: bytes) -> None:
        for path, data in contents.items():
            made.pipe_file(f"{s3}/{path.replace('__', '/')}", data)
        osf.clear_requests()

    return plant


@pytest.fixture
def patient(connect_both):
    """Return a filesystem that tries again: an early refusal ends the server's connection."""
    return connect_both(max_retries=3)


@pytest.fixture
def no_checksums(monkeypatch):
    """Let S3 have tags only that are no checksums, as after uploads in parts."""
    monkeypatch.setattr(s3_json, "ONE_PIECE_BELOW", 0)


@pytest.fixture
def no_sizes(monkeypatch):
    """Let listings say nothing about sizes, as Dataverse's do."""
    listed = s3_json.listed

    def without_size(entity, folder):
        return {**listed(entity, folder), "size": None, "sizeInt": None}

    monkeypatch.setattr(s3_json, "listed", without_size)


class TestLooking:
    def test_a_project_shows_its_addons(self, fs, osf, s3):
        assert [info["name"] for info in fs.ls(osf.project)] == [f"{osf.project}/osfstorage", s3]

    def test_info_says_what_s3_knows(self, fs, s3, plant_s3):
        plant_s3(d__a=b"data")
        info = fs.info(f"{s3}/d/a")
        assert (info["type"], info["size"], info["id"]) == ("file", 4, "d/a")
        assert info["md5"] == hashlib.md5(b"data").hexdigest()
        assert (info["version"], info["created"], info["sha256"]) == (None, None, None)
        assert info["modified"].utcoffset() is not None

    def test_folders_are_listed_and_searched_with_one_request_each(self, fs, s3, plant_s3, asked):
        plant_s3(a=b"1", d__b=b"22", d__e__c=b"333")
        assert sorted(fs.ls(s3, detail=False)) == [f"{s3}/a", f"{s3}/d"]
        assert fs.find(s3) == [f"{s3}/a", f"{s3}/d/b", f"{s3}/d/e/c"]
        assert fs.isdir(f"{s3}/d/e")
        assert fs.du(s3) == 6
        assert asked() == {"api": 1, "listing": 3}

    def test_what_is_not_there_is_absent(self, fs, s3):
        assert not fs.exists(f"{s3}/a")
        assert fs.find(f"{s3}/d") == []
        with pytest.raises(FileNotFoundError):
            fs.ls(f"{s3}/d")

    @pytest.mark.usefixtures("no_sizes")
    def test_unknown_sizes_count_as_nothing(self, connect, s3, plant_s3, root):
        plant_s3(d__a=b"1")
        fs = connect(use_listings_cache=False)
        fs.pipe_file(f"{root}/known", b"22")
        assert fs.du(s3) == fs.disk_usage(s3) == 0
        assert fs.du(s3, total=False) == {f"{s3}/d/a": None}
        assert fs.du(root.partition("/")[0]) == 2
        assert "a (0B)" in fs.tree(s3, display_size=True)
        assert "known (2B)" in fs.tree(root, display_size=True)

    @pytest.mark.usefixtures("s3")
    def test_a_provider_that_the_project_lacks_is_named(self, fs, osf):
        with pytest.raises(FileNotFoundError, match="It has: osfstorage, s3"):
            fs.ls(f"{osf.project}/dropbox")


class TestReading:
    def test_a_file_is_read_whole_in_parts_and_to_disk(self, fs, s3, plant_s3, tmp_path, asked):
        plant_s3(d__a=b"0123456789")
        assert fs.cat_file(f"{s3}/d/a") == b"0123456789"
        assert fs.cat_file(f"{s3}/d/a", 2, 5) == b"234"
        assert fs.cat_file(f"{s3}/d/a", -3) == b"789"
        fs.get_file(f"{s3}/d/a", str(tmp_path / "a"))
        assert (tmp_path / "a").read_bytes() == b"0123456789"
        assert asked() == {"api": 1, "listing": 2, "download": 4}

    def test_a_large_file_arrives_in_ranges_and_is_verified(self, fs, s3, plant_s3, tmp_path, osf):
        plant_s3(a=bytes(LARGE))
        osf.add_fault(Fault(method="GET", path="/s3/a$", corrupt=0))
        with pytest.raises(OSError, match="MD5"):
            fs.get_file(f"{s3}/a", str(tmp_path / "a"))
        assert list(tmp_path.glob("*a*")) == []
        osf.clear_faults()
        fs.get_file(f"{s3}/a", str(tmp_path / "a"))
        assert (tmp_path / "a").stat().st_size == LARGE

    @pytest.mark.usefixtures("no_checksums")
    def test_without_a_checksum_all_of_a_file_comes_in_one_request(
        self, fs, s3, plant_s3, tmp_path, asked
    ):
        # Two requests could bring parts of two contents, and nothing would tell.
        plant_s3(a=bytes(LARGE))
        assert fs.info(f"{s3}/a")["md5"] is None
        fs.get_file(f"{s3}/a", str(tmp_path / "a"))
        assert (tmp_path / "a").read_bytes() == bytes(LARGE)
        assert asked() == {"api": 1, "listing": 1, "download": 1}

    @pytest.mark.usefixtures("no_checksums")
    def test_without_a_checksum_a_broken_download_begins_anew(
        self, connect_both, osf, s3, plant_s3, tmp_path
    ):
        plant_s3(a=b"0123456789" * 1000)
        osf.add_fault(Fault(method="GET", path="/s3/a$", truncate=5000, times=1))
        connect_both(max_retries=1).get_file(f"{s3}/a", str(tmp_path / "a"))
        assert (tmp_path / "a").read_bytes() == b"0123456789" * 1000
        downloads = [entry for entry in osf.requests if entry.path.endswith("/a")]
        assert [entry.status for entry in downloads] == [200, 200]

    @pytest.mark.parametrize("new", [b"other", b"a longer one"], ids=["same size", "another"])
    def test_what_was_replaced_since_the_listing_is_read_as_it_is_now(
        self, fs, s3, plant_s3, new, asked
    ):
        plant_s3(a=b"first")
        assert fs.info(f"{s3}/a")["size"] == 5
        plant_s3(a=new)
        assert fs.cat_file(f"{s3}/a") == new
        assert asked() == {"listing": 1, "download": 2}

    @pytest.mark.usefixtures("no_sizes")
    def test_without_a_size_the_answer_tells_whether_all_has_come(
        self, fs, s3, plant_s3, tmp_path, osf, asked
    ):
        plant_s3(a=b"0123456789")
        assert fs.info(f"{s3}/a")["size"] is None
        assert fs.cat_file(f"{s3}/a") == b"0123456789"
        assert fs.cat_file(f"{s3}/a", -3, -1) == b"78"
        into = io.BytesIO()
        fs.get_file(f"{s3}/a", into)
        fs.get_file(f"{s3}/a", str(tmp_path / "a"))
        assert into.getvalue() == (tmp_path / "a").read_bytes() == b"0123456789"
        assert asked() == {"api": 1, "listing": 1, "download": 4}
        osf.add_fault(Fault(method="GET", path="/s3/a$", truncate=5))
        with pytest.raises(ConnectionError):
            fs.get_file(f"{s3}/a", str(tmp_path / "b"))
        assert not (tmp_path / "b").exists()

    @pytest.mark.usefixtures("no_sizes")
    def test_without_any_size_nothing_is_taken_for_whole(
        self, fs, other, s3, plant_s3, osf, tmp_path, monkeypatch
    ):
        async def pieces():
            yield b"some bytes"

        plant_s3(a=b"0123456789")
        monkeypatch.setattr(osf.world.blobs, "body", lambda *_: pieces())
        with pytest.raises(OSFServerError, match="cannot be known to be whole"):
            fs.get_file(f"{s3}/a", str(tmp_path / "a"))
        with pytest.raises(OSFServerError, match="Read it whole"):
            other.open(f"{s3}/a")
        assert not (tmp_path / "a").exists()

    def test_an_open_file_is_read_in_blocks(self, connect, s3, plant_s3):
        plant_s3(a=b"0123456789")
        with connect().open(f"{s3}/a", block_size=4) as file:
            file.seek(5)
            assert file.read() == b"56789"


class TestWriting:
    def test_a_new_file_makes_its_folders(self, fs, other, s3, tmp_path, asked):
        (tmp_path / "a").write_bytes(b"data")
        fs.put_file(str(tmp_path / "a"), f"{s3}/d/e/a")
        assert asked() == {"api": 1, "listing": 1, "folder PUT": 2, "file PUT": 1}
        assert other.cat_file(f"{s3}/d/e/a") == b"data"

    def test_writing_again_takes_the_place_of_the_content(self, fs, other, s3, asked):
        fs.pipe_file(f"{s3}/a", b"first")
        asked()
        fs.pipe_file(f"{s3}/a", b"second one")
        assert asked() == {"file PUT": 1}
        assert other.cat_file(f"{s3}/a") == b"second one"
        assert fs.info(f"{s3}/a")["size"] == 10

    def test_a_file_that_the_cache_does_not_know_is_overwritten_too(
        self, fs, other, s3, plant_s3, asked
    ):
        plant_s3(a=b"first")
        fs.pipe_file(f"{s3}/a", b"second")
        assert asked() == {"api": 1, "file PUT": 2}
        assert other.cat_file(f"{s3}/a") == b"second"

    def test_an_exclusive_creation_refuses_a_file_that_exists(self, fs, s3, plant_s3, other):
        plant_s3(a=b"first")
        with pytest.raises(FileExistsError):
            fs.pipe_file(f"{s3}/a", b"second", mode="create")
        assert other.cat_file(f"{s3}/a") == b"first"

    @pytest.mark.usefixtures("no_checksums")
    def test_without_a_checksum_the_size_is_verified(self, fs, s3, osf):
        fs.pipe_file(f"{s3}/a", b"data")
        assert fs.info(f"{s3}/a")["md5"] is None
        attributes = {"path": "/b", "name": "b", "kind": "file", "size": "3", "extra": {}}
        answer = {"data": {"attributes": attributes}}
        osf.add_fault(Fault(method="PUT", path="/s3/", status=201, body=answer))
        with pytest.raises(OSError, match="another number of bytes"):
            fs.pipe_file(f"{s3}/b", b"data")

    def test_where_the_answer_says_nothing_the_listing_is_asked(self, patient, s3, osf, plant_s3):
        plant_s3(a=b"other bytes")
        attributes = {"path": "/a", "name": "a", "kind": "file", "size": None, "extra": {}}
        answer = {"data": {"attributes": attributes}}
        osf.add_fault(Fault(method="PUT", path="/s3/", status=201, body=answer))
        with pytest.raises(OSError, match="the OSF stored other bytes"):
            patient.pipe_file(f"{s3}/a", b"data")

    def test_an_overwritten_file_may_come_back_with_another_id(self, fs, s3, osf, caplog):
        # Dataverse deletes the old file and makes a new one.
        fs.pipe_file(f"{s3}/a", b"data")
        md5 = hashlib.md5(b"newer").hexdigest()
        attributes = {"path": "/17", "name": "a", "kind": "file", "size": None}
        attributes["extra"] = {"hashes": {"md5": md5}}
        answer = {"data": {"attributes": attributes}}
        osf.add_fault(Fault(method="PUT", path="/s3/a", status=200, body=answer))
        fs.pipe_file(f"{s3}/a", b"newer")
        assert fs.info(f"{s3}/a")["id"] == "17"
        assert caplog.messages == []

    @pytest.mark.parametrize(
        "name", ["a b", "ü", "50%", "a+b", "q?x", "#1", "a&b=c", "%2e%2e", '"', "ünï/çødé %/x"]
    )
    def test_odd_names_lead_back_to_their_files(self, fs, other, s3, name):
        fs.pipe_file(f"{s3}/{name}", b"data")
        fs.pipe_file(f"{s3}/{name}", b"newer")
        assert other.find(s3) == [f"{s3}/{name}"]
        assert other.cat_file(f"{s3}/{name}") == b"newer"
        fs.mv(f"{s3}/{name}", f"{s3}/{name}.moved")
        assert other.cat_file(f"{s3}/{name}.moved") == b"newer"
        fs.rm_file(f"{s3}/{name}.moved")
        assert other.find(s3) == []

    def test_folders_are_made_where_that_is_wanted(self, connect_both, other, s3, asked):
        fs = connect_both(create_folders=True)
        fs.makedirs(f"{s3}/d/e")
        assert other.isdir(f"{s3}/d/e")
        fs.mkdir(f"{s3}/d/f")
        assert asked()["folder PUT"] == 3
        assert other.find(s3, withdirs=True) == [s3, f"{s3}/d", f"{s3}/d/e", f"{s3}/d/f"]

    def test_files_and_folders_are_deleted_with_one_request_each(
        self, fs, other, s3, plant_s3, asked
    ):
        plant_s3(a=b"1", d__b=b"2", d__e__c=b"3")
        fs.rm_file(f"{s3}/a")
        fs.rm(f"{s3}/d", recursive=True)
        assert asked()["delete"] == 2
        assert other.ls(s3) == []
        assert not fs.exists(f"{s3}/d/e/c")
        with pytest.raises(FileNotFoundError):
            fs.rm_file(f"{s3}/a")

    def test_a_deleted_folder_can_be_filled_anew(self, fs, other, s3):
        fs.pipe_file(f"{s3}/d/e/a", b"first")
        fs.rm(f"{s3}/d", recursive=True)
        fs.pipe_file(f"{s3}/d/e/b", b"second")
        assert fs.find(s3) == other.find(s3) == [f"{s3}/d/e/b"]

    def test_storage_that_the_osf_only_reads_says_so_at_once(self, connect_both, osf, s3, plant_s3):
        plant_s3(a=b"data")
        refusal = {"code": 501, "message": 'Provider "gitlab" is read-only'}
        for method in ("PUT", "POST", "DELETE"):
            osf.add_fault(Fault(method=method, status=501, body=refusal))
        fs = connect_both(max_retries=3)
        for write in (
            lambda: fs.pipe_file(f"{s3}/a", b"new"),
            lambda: fs.pipe_file(f"{s3}/b", b"new"),
            lambda: fs.pipe_file(f"{s3}/d/b", b"new"),
            lambda: fs.rm_file(f"{s3}/a"),
            lambda: fs.mv(f"{s3}/a", f"{s3}/b"),
        ):
            osf.clear_requests()
            with pytest.raises(OSFPermissionError, match="only reads this storage"):
                write()
            assert [entry.status for entry in osf.requests].count(501) == 1
        assert fs.cat_file(f"{s3}/a") == b"data"

    def test_another_501_is_no_matter_of_permission(self, fs, osf, s3):
        osf.add_fault(Fault(method="PUT", status=501, body={"code": 501, "message": "no"}))
        with pytest.raises(OSFServerError):
            fs.pipe_file(f"{s3}/a", b"new")


class TestMoving:
    def test_a_moved_file_is_found_under_its_new_id(self, fs, other, s3, plant_s3, asked):
        plant_s3(a=b"data", d__x=b"x")
        fs.ls(s3)
        fs.mv(f"{s3}/a", f"{s3}/d/b")
        asked()
        assert fs.cat_file(f"{s3}/d/b") == b"data"
        assert fs.info(f"{s3}/d/b")["id"] == "d/b"
        assert asked() == {"download": 1}
        assert other.find(s3) == [f"{s3}/d/b", f"{s3}/d/x"]

    def test_below_a_moved_folder_nothing_has_its_old_id(self, fs, other, s3, plant_s3):
        plant_s3(d__a=b"1", d__e__b=b"2")
        assert len(fs.find(s3)) == 2
        fs.mv(f"{s3}/d", f"{s3}/f", recursive=True)
        assert fs.find(s3) == other.find(s3) == [f"{s3}/f/a", f"{s3}/f/e/b"]
        assert fs.cat_file(f"{s3}/f/e/b") == b"2"
        assert fs.info(f"{s3}/f/e/b")["id"] == "f/e/b"
        fs.pipe_file(f"{s3}/f/e/b", b"3")
        assert other.cat_file(f"{s3}/f/e/b") == b"3"
        assert not fs.exists(f"{s3}/d/a")

    def test_another_folder_can_take_the_place_of_a_moved_one(self, fs, other, s3, plant_s3):
        plant_s3(d__a=b"1", g__b=b"2")
        fs.find(s3)
        fs.mv(f"{s3}/d", f"{s3}/f", recursive=True)
        fs.mv(f"{s3}/g", f"{s3}/d", recursive=True)
        assert fs.find(s3) == other.find(s3) == [f"{s3}/d/b", f"{s3}/f/a"]
        assert fs.cat_file(f"{s3}/d/b") == b"2"

    @pytest.mark.parametrize("how", ["mv", "cp_file"])
    def test_the_file_in_the_way_is_replaced(self, fs, other, s3, plant_s3, how):
        plant_s3(a=b"new", b=b"old")
        getattr(fs, how)(f"{s3}/a", f"{s3}/b")
        assert other.cat_file(f"{s3}/b") == fs.cat_file(f"{s3}/b") == b"new"
        left = [f"{s3}/b"] if how == "mv" else [f"{s3}/a", f"{s3}/b"]
        assert other.find(s3) == fs.find(s3) == left

    def test_the_file_in_the_way_comes_back_when_replacing_it_fails(
        self, patient, other, osf, s3, plant_s3
    ):
        plant_s3(a=b"new", b=b"old")
        osf.add_fault(Fault(method="POST", path="/s3/a$", status=403))
        with pytest.raises(PermissionError):
            patient.mv(f"{s3}/a", f"{s3}/b")
        assert other.find(s3) == patient.find(s3) == [f"{s3}/a", f"{s3}/b"]
        assert patient.cat_file(f"{s3}/b") == other.cat_file(f"{s3}/b") == b"old"

    def test_files_go_from_osfstorage_to_s3_and_back(self, fs, other, root, s3, plant):
        plant.files({"d/a": b"data"})
        fs.cp_file(f"{root}/d/a", f"{s3}/d/b")
        assert other.cat_file(f"{s3}/d/b") == fs.cat_file(f"{s3}/d/b") == b"data"
        info = fs.info(f"{s3}/d/b")
        assert (info["id"], info["version"], info["size"]) == ("d/b", None, 4)
        fs.mv(f"{s3}/d/b", f"{root}/c")
        assert other.cat_file(f"{root}/c") == fs.cat_file(f"{root}/c") == b"data"
        assert fs.info(f"{root}/c")["version"] == 1
        assert not other.exists(f"{s3}/d/b")

    def test_whole_folders_go_from_osfstorage_to_s3_and_back(self, fs, other, root, s3, plant):
        plant.files({"d/a": b"1", "d/e/b": b"2"})
        fs.copy(f"{root}/d", f"{s3}/d", recursive=True)
        assert fs.find(s3) == other.find(s3) == [f"{s3}/d/a", f"{s3}/d/e/b"]
        fs.mv(f"{s3}/d", f"{root}/f", recursive=True)
        assert fs.find(f"{root}/f") == other.find(f"{root}/f") == [f"{root}/f/a", f"{root}/f/e/b"]
        assert other.cat_file(f"{root}/f/e/b") == b"2"
        assert other.find(s3) == []

    @pytest.mark.parametrize(
        ("how", "there", "done"),
        [("copy", "a", False), ("copy", "ab", True), ("mv", "a", False), ("mv", "ab", False)],
    )
    def test_what_the_osf_goes_on_working_at_is_done_when_it_is_complete(
        self, patient, osf, root, s3, plant_s3, plant, how, there, done
    ):
        # A move is not complete before the source is gone.
        plant_s3(d__a=b"1", d__b=b"1")
        assert patient.ls(root) == []
        plant.files({f"t/{name}": b"1" for name in there})
        osf.add_fault(Fault(method="POST", path="/s3/d/$", status=202, body={}))
        move = getattr(patient, how)
        if done:
            move(f"{s3}/d", f"{root}/t", recursive=True)
        else:
            with pytest.raises(TimeoutError, match="has not completed"):
                move(f"{s3}/d", f"{root}/t", recursive=True)
        assert patient.find(f"{s3}/d") == [f"{s3}/d/a", f"{s3}/d/b"]
        assert patient.find(f"{root}/t") == [f"{root}/t/{name}" for name in there]

    @pytest.mark.parametrize("checksums", [True, False])
    @pytest.mark.parametrize("how", ["mv", "copy"])
    @pytest.mark.parametrize("what", ["a", "d"], ids=["file", "folder"])
    @pytest.mark.parametrize("to", ["osfstorage", "s3"])
    def test_what_arrived_without_an_answer_is_not_sent_again(
        self, connect_both, other, osf, s3, plant_s3, how, what, to, checksums, request
    ):
        if not checksums:
            request.getfixturevalue("no_checksums")
        plant_s3(a=b"0", d__b=b"1", d__e__c=b"2")
        before = other.find(f"{s3}/{what}")
        osf.add_fault(Fault(method="POST", lose_answer=True, times=1))
        fs = connect_both(max_retries=2)
        target = f"{osf.project}/{to}/t"
        getattr(fs, how)(f"{s3}/{what}", target, recursive=True)
        assert [entry.method for entry in osf.requests].count("POST") == 1
        after = [path.replace(f"{s3}/{what}", target) for path in before]
        assert other.find(target) == fs.find(target) == after
        assert other.exists(f"{s3}/{what}") == fs.exists(f"{s3}/{what}") == (how == "copy")
