"""Listing a folder."""

from __future__ import annotations

import pytest

from dvc_osf import OSFNotFoundError


def test_a_project_lists_its_providers(fs, osf):
    assert fs.ls(osf.project) == [
        {"name": f"{osf.project}/osfstorage", "size": 0, "type": "directory"}
    ]
    assert fs.ls(f"osf://{osf.project}/", detail=False) == [f"{osf.project}/osfstorage"]


def test_a_folder_lists_files_and_folders_with_their_facts(fs, plant, root):
    (file_id,) = plant.files({"data/a.csv": b"1,2\n"})
    (folder_id,) = plant.folders("data/sub")

    listed = {info["name"]: info for info in fs.ls(f"osf://{root}/data")}

    assert listed.keys() == {f"{root}/data/a.csv", f"{root}/data/sub"}
    assert listed[f"{root}/data/sub"] == {
        "name": f"{root}/data/sub",
        "size": 0,
        "type": "directory",
        "id": folder_id,
    }
    file = listed[f"{root}/data/a.csv"]
    assert file["type"] == "file"
    assert file["size"] == 4
    assert file["id"] == file_id
    assert len(file["md5"]) == 32
    assert len(file["sha256"]) == 64
    assert file["version"] == 1
    assert file["created"] == file["modified"]
    assert file["modified"].tzinfo is not None


def test_names_alone_are_sorted(fs, plant, root):
    plant.files({"b": b"", "a/x": b"", "C": b""})

    assert fs.ls(root, detail=False) == [f"{root}/C", f"{root}/a", f"{root}/b"]


def test_an_empty_folder_lists_nothing(fs, plant, root):
    plant.folders("empty")

    assert fs.ls(root + "/empty") == []


def test_an_empty_project_lists_nothing(fs, root):
    assert fs.ls(root) == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_file_lists_itself(fs, plant, root, slash):
    plant.files({"data/a.csv": b"1,2\n"})

    assert fs.ls(f"{root}/data/a.csv{slash}", detail=False) == [f"{root}/data/a.csv"]
    assert fs.ls(f"{root}/data/a.csv") == [fs.info(f"{root}/data/a.csv")]


@pytest.mark.parametrize("path", ["nothing", "nothing/deeper", "file/below-a-file"])
def test_what_is_missing_is_not_found(fs, plant, root, path):
    plant.files({"file": b"x"})

    with pytest.raises(FileNotFoundError) as caught:
        fs.ls(f"{root}/{path}")
    assert isinstance(caught.value, OSFNotFoundError)
    # The message may name the folder on the way that is missing.
    assert f"{root}/{path}".startswith(caught.value.path)
    assert f"osf://{caught.value.path}: no such file or folder" in str(caught.value)


def test_a_folder_and_a_file_of_one_name_are_both_listed(fs, plant, root):
    plant.files({"twin": b"file", "twin/inside": b"deeper"})

    assert [info["type"] for info in fs.ls(root)] == ["directory", "file"]
    assert fs.ls(root, detail=False) == [f"{root}/twin", f"{root}/twin"]
    # As a place to list, it is the folder.
    assert fs.ls(f"{root}/twin", detail=False) == [f"{root}/twin/inside"]


@pytest.mark.parametrize(
    "written",
    [
        "osf://{upper}/osfstorage/data",
        "osf://{guid}/data",
        "{guid}/osfstorage/data/",
        "/{guid}/osfstorage//data",
        "osf://{guid}/osfstorage/./other/../data/",
    ],
)
def test_one_place_has_many_spellings_and_one_canonical_name(fs, osf, plant, root, written):
    plant.files({"data/a": b"x"})
    path = written.format(guid=osf.project, upper=osf.project.upper())

    assert fs.ls(path, detail=False) == [f"{root}/data/a"]


def test_a_pasted_web_address_is_understood(fs, osf, plant, root):
    plant.files({"a": b"x"})

    assert fs.ls(f"https://osf.io/{osf.project}/files/osfstorage", detail=False) == [f"{root}/a"]


def test_a_folder_named_like_a_provider_needs_the_provider_written(fs, osf, plant, root):
    plant.files({"github/readme": b"x"})

    assert fs.ls(f"{root}/github", detail=False) == [f"{root}/github/readme"]
    with pytest.raises(OSFNotFoundError, match="no storage provider 'github'"):
        fs.ls(f"{osf.project}/github")


def test_two_thousand_entries_are_one_request(fs, plant, root, asked):
    plant.files({"big/0000": b"same"})
    plant.copies("big/0000", [f"{number:04}" for number in range(1, 2000)])

    names = fs.ls(f"{root}/big", detail=False)

    assert names == [f"{root}/big/{number:04}" for number in range(2000)]
    # The project, the root, the folder.
    assert asked() == {"api": 1, "listing": 2}
    assert fs.info(f"{root}/big/1999")["size"] == 4
    assert asked() == {}


def test_a_registration_is_listed_like_a_project(fs, osf, plant):
    plant.files({"a/b": b"x"})
    registration = osf.make_registration(osf.project)

    assert fs.find(registration) == [f"{registration}/osfstorage/a/b"]


def test_listdir_is_ls(connect, plant, root):
    plant.files({"a": b"x"})

    assert connect().listdir(root, detail=False) == [f"{root}/a"]
