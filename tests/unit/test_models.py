"""Records of what the OSF answers, read from what a real one answered."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvc_osf.exceptions import OSFServerError
from dvc_osf.models import Entity, Provider, Version, describe, describe_folder, parse_time

UTC = timezone.utc


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "time"),
        [
            ("2026-11-22T17:56:07+00:00", datetime(2026, 11, 22, 17, 56, 7, tzinfo=UTC)),
            ("2026-11-22T17:56:07Z", datetime(2026, 11, 22, 17, 56, 7, tzinfo=UTC)),
            ("2026-11-22T17:56:07", datetime(2026, 11, 22, 17, 56, 7, tzinfo=UTC)),
            ("2026-11-22T17:56:07.706378Z", datetime(2026, 11, 22, 17, 56, 7, 706378, UTC)),
            ("2026-11-22T17:56:07.706378+00:00", datetime(2026, 11, 22, 17, 56, 7, 706378, UTC)),
            ("2026-11-22T17:56:07.706378", datetime(2026, 11, 22, 17, 56, 7, 706378, UTC)),
            ("2026-11-22T17:56:07.5Z", datetime(2026, 11, 22, 17, 56, 7, 500000, UTC)),
            ("2026-11-22T17:56:07.12345678Z", datetime(2026, 11, 22, 17, 56, 7, 123456, UTC)),
            (
                "2026-11-22T17:56:07.5+02:00",
                datetime(2026, 11, 22, 15, 56, 7, 500000, UTC),
            ),
            ("2026-11-22T17:56:07-05:00", datetime(2026, 11, 22, 22, 56, 7, tzinfo=UTC)),
            ("2026-11-22T17:56:07.5-05:00", datetime(2026, 11, 22, 22, 56, 7, 500000, UTC)),
        ],
    )
    def test_every_form_is_read(self, text, time):
        assert parse_time(text) == time

    @pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T00:00:00Z", "T", "+"])
    def test_what_is_no_time_is_none(self, text):
        assert parse_time(text) is None

    def test_times_are_aware(self):
        assert parse_time("2026-11-22T17:56:07").utcoffset() == timedelta(0)

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_what_python_writes_is_read(self, time):
        assert parse_time(time.isoformat()) == time
        assert parse_time(time.isoformat().replace("+00:00", "Z")) == time

    @given(st.text())
    def test_nothing_makes_it_fail(self, text):
        assert parse_time(text) is None or parse_time(text).tzinfo


class TestEntities:
    def test_a_new_file_is_read_from_the_answer_to_its_put(self, recorded):
        file = Entity.from_waterbutler(recorded("file_created")["data"])
        assert file == Entity(
            id="6b032cb7579557bf8f6bd615",
            kind="file",
            name="a.txt",
            size=11,
            md5="5f432711af7ffa8942d5588e21259022",
            sha256="197c7c60ef8a8470a38d1a9212bdfde9cfe6fd4be910825fe6ac7880ac765d16",
            version=1,
            modified=file.modified,
            created=None,
            checkout=None,
        )

    def test_the_time_of_a_put_is_as_exact_as_the_listing_will_say_it(self, recorded):
        # ``modified_utc`` is cut to seconds in such an answer, ``modified`` is not.
        file = Entity.from_waterbutler(recorded("file_created")["data"])
        assert file.modified == datetime(2026, 11, 22, 17, 56, 7, 706378, UTC)

    def test_a_new_version_is_read_from_the_answer_to_its_put(self, recorded):
        file = Entity.from_waterbutler(recorded("file_updated")["data"])
        assert (file.version, file.size) == (2, 12)
        assert file.md5 == "4454c37d477892c28c0f3a87a373d526"

    def test_a_listing_holds_files_and_folders(self, recorded):
        entities = [Entity.from_waterbutler(item) for item in recorded("listing")["data"]]
        assert [entity.is_folder for entity in entities] == [True, False, False, False]
        folder, first, *_ = entities
        assert folder == Entity(id="6b032f1bfbb02c73107f5580", kind="folder", name="with space ü")
        assert (first.name, first.size, first.version) == ("with space.txt", 16, 1)
        assert first.modified == first.created
        assert first.created.microsecond == 150826

    def test_a_new_folder_is_read_from_the_answer_to_its_put(self, recorded):
        folder = Entity.from_waterbutler(recorded("folder_created")["data"])
        assert folder.is_folder
        assert (folder.size, folder.md5, folder.version) == (None, None, None)

    def test_the_file_in_the_way_is_read_from_a_409(self, recorded):
        file = Entity.from_waterbutler(recorded("file_conflict")["data"])
        assert (file.id, file.name) == ("6b0333296c6cc00d84a3f5a9", "locked.bin")
        assert file.md5 == "6654c734ccab8f440ff0825eb443dc7f"

    def test_a_renamed_file_keeps_its_id_and_versions(self, recorded):
        file = Entity.from_waterbutler(recorded("file_renamed")["data"])
        assert (file.id, file.name, file.version) == ("6b0330c424b18268fea3f550", "a2.txt", 2)

    def test_a_409_to_a_move_holds_the_attributes_bare(self, recorded):
        bare = Entity.from_waterbutler(recorded("rename_conflict")["data"])
        assert (bare.id, bare.name) == ("6b0330c424b18268fea3f550", "a2.txt")

    @pytest.mark.parametrize(
        ("name", "pick"),
        [
            ("listing_checked_out", lambda answer: answer["data"][0]),
            ("file_locked_updated", lambda answer: answer["data"]),
            ("file_conflict", lambda answer: answer["data"]),
        ],
    )
    def test_who_has_a_file_checked_out_is_read_in_both_forms(self, recorded, name, pick):
        assert Entity.from_waterbutler(pick(recorded(name))).checkout == "qwmdp"

    @pytest.mark.parametrize("nobody", [None, {}, {"_id": None}, ""])
    def test_nobody_has_it_checked_out(self, recorded, nobody):
        data = recorded("file_created")["data"]
        data["attributes"]["extra"]["checkout"] = nobody
        assert Entity.from_waterbutler(data).checkout is None

    def test_other_providers_say_less(self):
        data = {"attributes": {"kind": "file", "name": "a", "path": "/d/a", "size": "12"}}
        file = Entity.from_waterbutler(data)
        assert (file.id, file.size, file.md5, file.version) == ("d/a", 12, None, None)
        assert file.modified is None

    @pytest.mark.parametrize(
        ("path", "kind", "id_"),
        [
            ("/", "folder", ""),
            ("/d/e/", "folder", "d/e"),
            ("/d/a", "file", "d/a"),
            ("//a", "file", "/a"),
            ("/017/", "folder", "017"),
        ],
    )
    def test_of_a_path_only_the_slashes_around_it_go(self, path, kind, id_):
        data = {"attributes": {"kind": kind, "name": "a", "path": path, "size": None}}
        assert Entity.from_waterbutler(data).id == id_

    @pytest.mark.parametrize(
        ("given", "read"),
        [
            ("b18ebc6633a13d1ec5164f7b5e3c91b9", "b18ebc6633a13d1ec5164f7b5e3c91b9"),
            ('"B18EBC6633A13D1EC5164F7B5E3C91B9"', "b18ebc6633a13d1ec5164f7b5e3c91b9"),
            ("b18ebc6633a13d1ec5164f7b5e3c91b9-17", None),
            ("", None),
            (None, None),
        ],
    )
    def test_only_what_has_the_form_of_an_md5_is_one(self, given, read):
        extra = {"hashes": {"md5": given}}
        attributes = {"kind": "file", "name": "a", "path": "/a", "size": 1, "extra": extra}
        assert Entity.from_waterbutler({"attributes": attributes}).md5 == read

    @pytest.mark.parametrize(
        ("provider", "extra", "pin"),
        [
            ("osfstorage", {"version": 3}, "3"),
            ("dropbox", {"revisionId": "015f"}, "015f"),
            ("googledrive", {"revisionId": "77"}, None),
            ("s3", {}, None),
        ],
    )
    def test_a_content_is_pinned_by_what_its_provider_can_be_asked_for(self, provider, extra, pin):
        attributes = {"kind": "file", "name": "a", "path": "/a", "size": 1, "extra": extra}
        attributes["provider"] = provider
        file = Entity.from_waterbutler({"attributes": attributes})
        assert file.pin == pin
        assert describe("abc12/p/a", file).get("revision") == (
            pin if provider == "dropbox" else None
        )

    @pytest.mark.parametrize("missing", ["path", "kind", "name", "size"])
    def test_an_entity_without_an_essential_is_an_error_of_ours(self, recorded, missing):
        data = recorded("file_created")["data"]
        del data["attributes"][missing]
        with pytest.raises(OSFServerError, match="cannot be read"):
            Entity.from_waterbutler(data)

    @pytest.mark.parametrize(
        "data",
        [None, [], "text", 7, {}, {"attributes": None}, {"attributes": []}],
    )
    def test_what_is_no_entity_is_an_error_of_ours(self, data):
        with pytest.raises(OSFServerError, match="cannot be read"):
            Entity.from_waterbutler(data)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("size", "big"), ("path", None), ("path", 7), ("extra", "x"), ("modified", 7)],
    )
    def test_a_value_of_another_kind_is_an_error_of_ours(self, recorded, key, value):
        data = copy.deepcopy(recorded("file_created")["data"])
        data["attributes"][key] = value
        with pytest.raises(OSFServerError, match="cannot be read"):
            Entity.from_waterbutler(data)

    def test_the_root_has_no_id(self):
        root = Entity.root()
        assert (root.id, root.name, root.is_folder) == ("", "", True)

    def test_a_wrong_size_can_be_put_right(self):
        file = Entity(id="1", kind="file", name="a", size=3, md5="x")
        assert file.with_size(7) == Entity(id="1", kind="file", name="a", size=7, md5="x")
        assert file.size == 3


class TestVersions:
    def test_versions_are_read_newest_first(self, recorded):
        versions = [Version.from_waterbutler(item) for item in recorded("versions")["data"]]
        assert [version.number for version in versions] == [2, 1]
        assert versions[0].md5 == "b18ebc6633a13d1ec5164f7b5e3c91b9"
        assert versions[0].modified == datetime(2026, 11, 22, 18, 10, 48, 577176, UTC)

    def test_a_version_without_hashes_is_possible(self):
        version = Version.from_waterbutler({"attributes": {"version": "1", "extra": None}})
        assert version == Version(1, None, None, None)

    @pytest.mark.parametrize(
        "data", [None, {}, {"attributes": {}}, {"attributes": {"version": "latest"}}]
    )
    def test_what_is_no_version_is_an_error_of_ours(self, data):
        with pytest.raises(OSFServerError):
            Version.from_waterbutler(data)


class TestDescriptions:
    def test_a_file_is_described_in_fsspecs_words(self, recorded):
        file = Entity.from_waterbutler(recorded("listing")["data"][1])
        info = describe("abc12/osfstorage/with space.txt", file)
        assert info == {
            "name": "abc12/osfstorage/with space.txt",
            "type": "file",
            "size": 16,
            "id": file.id,
            "md5": file.md5,
            "sha256": file.sha256,
            "version": 1,
            "modified": file.modified,
            "created": file.created,
        }

    def test_a_folder_is_described_in_fsspecs_words(self):
        folder = Entity(id="f1", kind="folder", name="d")
        assert describe("abc12/osfstorage/d", folder) == {
            "name": "abc12/osfstorage/d",
            "type": "directory",
            "size": 0,
            "id": "f1",
        }

    def test_a_project_is_described_as_a_folder(self):
        assert describe_folder("abc12") == {"name": "abc12", "size": 0, "type": "directory"}

    def test_a_provider_says_where_its_files_are(self):
        assert Provider("abc12", "osfstorage", "https://f/").root_url == "https://f/"
