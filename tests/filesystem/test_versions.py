"""Older versions of files: listed, described, read and named by paths."""

from __future__ import annotations

import hashlib
import urllib.request
from datetime import datetime

import fsspec
import pytest

from dvc_osf import OSFIntegrityError, OSFIsADirectoryError, OSFNotFoundError, OSFPathError
from dvc_osf.emulator import Fault

CONTENTS = [b"first", b"the second version", b"third!"]


@pytest.fixture
def file(other, root, osf):
    """Make a file of three versions."""
    for content in CONTENTS:
        other.pipe_file(f"{root}/data/file", content)
    osf.clear_requests()
    return f"{root}/data/file"


@pytest.fixture
def aware(connect_both):
    """Return a filesystem that takes versions from paths."""
    return connect_both(max_retries=0, version_aware=True)


def test_versions_are_listed_newest_first(fs, file, asked):
    fs.info(file)
    asked()

    versions = fs.versions(f"osf://{file}")
    assert [version["version"] for version in versions] == [3, 2, 1]
    for version, content in zip(versions, reversed(CONTENTS), strict=True):
        assert version["name"] == file
        assert version["type"] == "file"
        assert version["size"] == len(content)
        assert version["md5"] == hashlib.md5(content).hexdigest()
        assert version["sha256"] == hashlib.sha256(content).hexdigest()
        assert isinstance(version["modified"], datetime)
    assert versions[0]["modified"] > versions[1]["modified"] > versions[2]["modified"]
    assert len({version["id"] for version in versions}) == 1
    # One request for checksums, one for sizes: neither server tells both.
    assert asked() == {"revisions": 1, "api": 1}


def test_hundreds_of_versions_are_listed_whole(fs, other, root, asked):
    for number in range(105):
        other.pipe_file(f"{root}/f", b"x" * (number + 1))
    fs.info(f"{root}/f")
    asked()

    versions = fs.versions(f"{root}/f")
    assert [version["size"] for version in versions] == list(range(105, 0, -1))
    assert asked() == {"revisions": 1, "api": 2}


def test_what_has_no_versions_is_an_error(fs, plant, root):
    plant.folders("folder")
    with pytest.raises(OSFIsADirectoryError):
        fs.versions(f"{root}/folder")
    with pytest.raises(OSFNotFoundError):
        fs.versions(f"{root}/nothing")


def test_versions_of_a_file_that_somebody_replaced_are_those_of_the_new_one(fs, file, other):
    fs.info(file)
    other.rm_file(file)
    other.pipe_file(file, b"anew")

    assert [version["size"] for version in fs.versions(file)] == [4]


def test_an_older_version_is_described(fs, file, asked):
    fs.info(file)
    asked()

    info = fs.info(file, version=2)
    assert (info["name"], info["version"], info["size"]) == (file, 2, len(CONTENTS[1]))
    assert info["md5"] == hashlib.md5(CONTENTS[1]).hexdigest()
    assert fs.info(file, version="1")["size"] == len(CONTENTS[0])
    # Versions do not change, so all that was learnt at once is remembered.
    assert asked() == {"revisions": 1, "api": 1}
    assert fs.info(file)["version"] == 3
    assert fs.info(file, version=3) == fs.info(file)
    assert asked() == {}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_older_version_is_read(fs, osf, file, number, tmp_path):
    content = CONTENTS[number - 1]

    assert fs.cat_file(file, version=number) == content
    assert osf.requests[-1].query == {"version": str(number)}
    assert fs.cat_file(file, start=2, end=-1, version=number) == content[2:-1]
    assert fs.cat_ranges([file] * 2, [0, 3], [2, None], version=number) == [
        content[:2],
        content[3:],
    ]
    fs.get_file(file, str(tmp_path / "local"), version=number)
    assert (tmp_path / "local").read_bytes() == content
    assert fs.cat_file(file) == CONTENTS[-1]


def test_an_older_version_costs_two_questions_and_its_download(fs, file, asked):
    fs.info(file)
    asked()

    assert fs.cat_file(file, version=1) == CONTENTS[0]
    assert asked() == {"revisions": 1, "api": 1, "download": 1}
    assert fs.cat_file(file, version=2) == CONTENTS[1]
    assert fs.cat_file(file, version=3) == CONTENTS[2]
    assert asked() == {"download": 2}


def test_an_older_version_is_opened(connect, file):
    fs = connect()
    with fs.open(file, version=2) as stream:
        assert stream.size == len(CONTENTS[1])
        assert stream.info()["version"] == 2
        stream.seek(4)
        assert stream.read() == CONTENTS[1][4:]
    with fs.open(file, "r", version=1, encoding="ascii") as stream:
        assert stream.read() == "first"


def test_an_older_version_is_read_behind_a_redirect(fs, osf, file):
    osf.settings.storage_redirect = True

    assert fs.cat_file(file, version=1) == CONTENTS[0]
    assert fs.cat_file(file, start=-2, version=2) == CONTENTS[1][-2:]


def test_an_older_version_is_verified(fs, osf, file):
    fs.info(file, version=1)
    osf.add_fault(Fault(path="version=1", corrupt=2))

    with pytest.raises(OSFIntegrityError):
        fs.cat_file(file, version=1)


def test_a_version_that_another_client_made_meanwhile_is_read(fs, file, other):
    fs.info(file)
    other.pipe_file(file, b"the fourth")

    assert fs.cat_file(file, version=4) == b"the fourth"


@pytest.mark.parametrize("number", [0, 4, 99, -1])
def test_a_version_that_does_not_exist_is_not_found(fs, file, number):
    with pytest.raises(OSFNotFoundError, match=f"no version {number}; the latest is 3") as caught:
        fs.cat_file(file, version=number)
    assert caught.value.path == file
    assert caught.value.operation == "cat_file"
    with pytest.raises(FileNotFoundError):
        fs.info(file, version=number)
    assert not fs.exists(file, version=number)


def test_what_is_no_number_is_no_version(fs, file, asked):
    with pytest.raises(ValueError, match="'newest' is not a version"):
        fs.cat_file(file, version="newest")
    assert asked() == {}


def test_the_version_of_a_file_that_was_moved_is_kept(fs, file, root):
    fs.mv(file, f"{root}/moved")

    assert fs.cat_file(f"{root}/moved", version=1) == CONTENTS[0]
    assert len(fs.versions(f"{root}/moved")) == 3


# -- versions in paths -----------------------------------------------------------------------


def test_a_version_in_a_path_is_read(aware, file, tmp_path):
    path = f"osf://{file}?version=2"

    assert aware.cat_file(path) == CONTENTS[1]
    assert aware.cat(path) == CONTENTS[1]
    assert aware.cat([path, f"{file}?version=1"]) == {
        f"{file}?version=2": CONTENTS[1],
        f"{file}?version=1": CONTENTS[0],
    }
    assert aware.cat_ranges([path, file], 0, 3) == [CONTENTS[1][:3], CONTENTS[2][:3]]
    aware.get_file(path, str(tmp_path / "one"))
    aware.get(path, str(tmp_path / "two"))
    assert (tmp_path / "one").read_bytes() == CONTENTS[1]
    assert (tmp_path / "two").read_bytes() == CONTENTS[1]
    (tmp_path / "folder").mkdir()
    aware.get(path, str(tmp_path / "folder"))
    assert (tmp_path / "folder" / "file").read_bytes() == CONTENTS[1]


def test_a_version_in_a_path_is_described(aware, file):
    info = aware.info(f"{file}?version=2")

    assert (info["name"], info["version"], info["version_id"]) == (file, 2, "2")
    assert info["size"] == len(CONTENTS[1])
    assert aware.exists(f"{file}?version=1")
    assert aware.isfile(f"{file}?version=1")
    assert not aware.exists(f"{file}?version=9")
    assert not aware.exists(f"{file}s?version=1")
    assert aware.glob(f"{file}?version=1") == [f"{file}?version=1"]
    assert aware.glob(f"{file}?version=9") == []
    assert aware.versions(f"{file}?version=2") == aware.versions(file)


def test_a_version_in_a_path_finds_itself(aware, file):
    path = f"{file}?version=1"
    info = aware.info(path)

    assert aware.find(f"osf://{path}") == [path]
    # The path that is found is that of the version, else the newest would be read by it.
    assert aware.find(path, detail=True, withdirs=True) == {path: info}
    assert aware.ls(f"osf://{path}", detail=False) == [path]
    assert aware.ls(path) == [info]
    assert aware.ls(path, versions=True) == [info | {"name": path}]
    assert aware.du(path) == len(CONTENTS[0])
    assert aware.du(path, total=False) == {path: len(CONTENTS[0])}
    assert aware.find(f"{file}?version=9") == []
    assert aware.du(f"{file}?version=9") == 0
    with pytest.raises(OSFNotFoundError, match="no version 9; the latest is 3") as caught:
        aware.ls(f"{file}?version=9")
    assert caught.value.operation == "ls"


def test_a_version_in_a_path_is_read_recursively(aware, file, tmp_path):
    path = f"{file}?version=1"

    assert aware.cat(path, recursive=True) == CONTENTS[0]
    assert aware.cat([path, file], recursive=True) == {path: CONTENTS[0], file: CONTENTS[2]}
    aware.get(path, str(tmp_path / "local"), recursive=True)
    assert (tmp_path / "local").read_bytes() == CONTENTS[0]


@pytest.mark.parametrize("recursive", [False, True])
def test_a_version_in_a_list_of_paths_is_not_part_of_the_local_name(
    aware, file, plant, root, tmp_path, recursive
):
    plant.files({"other/g?version=2": b"literally", "other/h": b"h"})
    names = [f"{root}/other/g?version=2", f"{root}/other/h"]

    aware.get([f"osf://{file}?version=1", *names], f"{tmp_path}/into/", recursive=recursive)
    got = {path.name: path.read_bytes() for path in (tmp_path / "into").iterdir()}
    assert got == {"file": CONTENTS[0], "g?version=2": b"literally", "h": b"h"}
    aware.get(names[0], f"{tmp_path}/into2/", recursive=recursive)
    assert (tmp_path / "into2" / "g?version=2").read_bytes() == b"literally"


def test_two_versions_of_a_file_do_not_become_one_local_file(aware, file, asked, tmp_path):
    versions = [f"{file}?version=1", f"{file}?version=2"]

    for paths in (versions, [versions[0], file]):
        with pytest.raises(OSFPathError, match="list of local names"):
            aware.get(paths, f"{tmp_path}/into/")
    assert not (tmp_path / "into").exists()
    assert "download" not in asked()
    aware.get(versions, [str(tmp_path / "one"), str(tmp_path / "two")])
    assert (tmp_path / "one").read_bytes() == CONTENTS[0]
    assert (tmp_path / "two").read_bytes() == CONTENTS[1]


def test_the_facts_about_a_version_in_a_path_are_its_own(aware, file):
    versions = {version["version"]: version for version in aware.versions(file)}

    for number, version in versions.items():
        path = f"osf://{file}?version={number}"
        assert aware.modified(path) == version["modified"]
        assert aware.created(path) == aware.created(file)
        assert f"{aware.checksum(path):032x}" == version["md5"]
    assert aware.checksum(f"{file}?version=1", refresh=True) == aware.checksum(f"{file}?version=1")
    assert aware.ukey(f"{file}?version=3") == aware.ukey(file)
    assert len({aware.ukey(f"{file}?version={number}") for number in versions}) == 3
    for fact in (aware.modified, aware.created, aware.checksum, aware.ukey, aware.url):
        with pytest.raises(OSFNotFoundError, match="no version 9; the latest is 3"):
            fact(f"{file}?version=9")


def test_the_facts_about_a_version_cost_the_two_questions_once(aware, file, asked):
    aware.info(file)
    asked()

    aware.modified(f"{file}?version=1")
    aware.ukey(f"{file}?version=2")
    aware.url(f"{file}?version=1")
    assert asked() == {"revisions": 1, "api": 1}


def test_the_url_of_a_version_in_a_path_leads_to_it(connect_both, osf, file):
    osf.set_public(osf.project)
    key = osf.add_view_only_link(osf.project)
    aware = connect_both(token=None, view_only=key, version_aware=True)

    for number, content in enumerate(CONTENTS, 1):
        path = f"{file}?version={number}"
        assert aware.url(path) == f"{aware.url(file)}?version={number}"
        for url in (aware.url(path), aware.url(path, view_only=True)):
            with urllib.request.urlopen(url) as answer:
                assert answer.read() == content


@pytest.mark.usefixtures("file")
def test_a_folder_has_no_facts_of_a_version(aware, root):
    for fact in (aware.modified, aware.created, aware.checksum, aware.ukey, aware.url):
        with pytest.raises(OSFIsADirectoryError):
            fact(f"{root}/data?version=1")


# fsspec leaves it to the collector to close what it keeps blocks in.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("cache", ["filecache", "blockcache", "simplecache"])
def test_a_version_in_a_path_is_read_through_a_cache(connect, file, cache, tmp_path):
    fs = fsspec.filesystem(
        cache, fs=connect(version_aware=True), cache_storage=str(tmp_path), skip_instance_cache=True
    )

    for number, content in enumerate(CONTENTS, 1):
        for _ in range(2):
            with fs.open(f"{file}?version={number}") as stream:
                assert stream.read() == content
    with fs.open(file) as stream:
        assert stream.read() == CONTENTS[-1]


def test_a_folder_whose_name_ends_like_a_version_is_read(aware, plant, root, tmp_path):
    plant.files({"d?version=1/f": b"x"})
    folder = f"{root}/d?version=1"

    assert aware.ls(folder, detail=False) == aware.find(folder) == [f"{folder}/f"]
    assert aware.du(folder) == 1
    assert aware.isdir(folder)
    assert aware.info(folder)["type"] == "directory"
    aware.get(folder, str(tmp_path / "local"), recursive=True)
    assert (tmp_path / "local" / "f").read_bytes() == b"x"


def test_a_version_in_a_path_is_opened(connect, file):
    fs = connect(version_aware=True)
    with fs.open(f"osf://{file}?version=1") as stream:
        assert stream.read() == CONTENTS[0]
    assert fs.read_text(f"{file}?version=2", encoding="ascii") == CONTENTS[1].decode()
    assert fs.head(f"{file}?version=2", 4) == CONTENTS[1][:4]


def test_descriptions_name_the_version_as_dvc_expects_only_where_that_is_asked_for(
    fs, aware, file, root
):
    assert aware.info(file)["version_id"] == "3"
    assert aware.ls(f"{root}/data")[0]["version_id"] == "3"
    assert aware.find(root, detail=True)[file]["version_id"] == "3"
    assert [version["version_id"] for version in aware.versions(file)] == ["3", "2", "1"]
    assert "version_id" not in aware.info(f"{root}/data")
    for info in (fs.info(file), fs.ls(f"{root}/data")[0], fs.versions(file)[0]):
        assert "version_id" not in info


def test_without_version_aware_a_question_mark_is_part_of_a_name(fs, aware, file, root):
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{file}?version=2")
    fs.pipe_file(f"{file}?version=2", b"literally")
    assert fs.cat_file(f"{file}?version=2") == b"literally"
    assert fs.cat_file(file) == CONTENTS[2]
    # What listings name is what it is, with version_aware, too.
    assert aware.cat_file(f"{file}?version=2") == b"literally"
    assert aware.info(f"{file}?version=2")["name"] == f"{file}?version=2"
    assert {info["name"] for info in aware.ls(f"{root}/data")} == {file, f"{file}?version=2"}
    # Its neighbour's version has the argument, and its own versions have both.
    assert aware.cat_file(file, version=2) == CONTENTS[1]
    assert aware.cat_file(f"{file}?version=2?version=1") == b"literally"


@pytest.mark.parametrize("end", ["?version=", "?version=a", "?version=1x", "?versions=1", "?v=1"])
def test_only_a_version_at_the_end_counts(aware, plant, root, end):
    plant.files({f"f{end}": b"named so"})

    assert aware.cat_file(f"{root}/f{end}") == b"named so"


@pytest.mark.parametrize("path", ["nowhere/at/all?version=1", "data?version=1", "?version=1"])
@pytest.mark.usefixtures("file")
def test_a_version_of_nothing_is_an_error(aware, root, path):
    with pytest.raises(OSError) as caught:  # noqa: PT011 - of two kinds
        aware.cat_file(f"{root}/{path}")
    assert isinstance(caught.value, (FileNotFoundError, IsADirectoryError))


@pytest.mark.parametrize("path", ["data?version=1", "?version=1"])
@pytest.mark.usefixtures("file")
def test_a_folder_has_no_version(aware, root, path):
    assert not aware.exists(f"{root}/{path}")
    assert not aware.exists(f"{root}/data", version=1)
    assert not aware.isfile(f"{root}/{path}")
    assert not aware.isdir(f"{root}/{path}")
    assert aware.glob(f"{root}/{path}") == aware.find(f"{root}/{path}") == []
    with pytest.raises(FileNotFoundError):
        aware.ls(f"{root}/{path}")


def test_a_version_cannot_be_written_or_deleted(aware, other, file, asked, tmp_path):
    (tmp_path / "local").write_bytes(b"new")

    with pytest.raises(OSFPathError, match="versions cannot be written"):
        aware.pipe_file(f"{file}?version=1", b"new")
    with pytest.raises(OSFPathError, match="versions cannot be written"):
        aware.put_file(str(tmp_path / "local"), f"{file}?version=1")
    with pytest.raises(FileNotFoundError):
        aware.rm_file(f"{file}?version=1")
    assert asked().keys() <= {"api", "listing"}
    assert other.info(file)["version"] == 3


@pytest.mark.parametrize("recursive", [False, True])
def test_a_version_is_neither_copied_nor_a_place_to_copy_to(aware, other, root, file, recursive):
    before = other.find(root)
    with pytest.raises(OSFPathError, match="does not copy a version by itself"):
        aware.copy(f"{file}?version=1", f"{root}/copy", recursive=recursive)
    for transfer in (aware.copy, aware.mv):
        with pytest.raises(OSFPathError, match="versions cannot be written"):
            transfer(file, f"{root}/copy?version=1", recursive=recursive)
    assert other.find(root) == before
