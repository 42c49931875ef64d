"""Several files or folders of one name, which racing clients make on the real OSF."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def twins(plant, root):
    """Plant a folder twice, each with a file of its own, and one that both have."""
    plant.files({"d/one": b"1", "d/both": b"old", "e/two": b"2", "e/both": b"newer"})
    plant.rename("e", "d")
    return f"{root}/d"


@pytest.fixture
def twin_files(plant, root):
    """Plant a file twice."""
    plant.files({"f": b"old", "g": b"newer"})
    plant.rename("g", "f")
    return f"{root}/f"


def test_folders_are_shown_as_one_with_the_content_of_both(fs, root, twins):
    assert fs.ls(root, detail=False) == [twins]
    assert fs.ls(twins, detail=False) == [f"{twins}/both", f"{twins}/one", f"{twins}/two"]
    assert fs.find(root) == [f"{twins}/both", f"{twins}/one", f"{twins}/two"]
    assert [len(files) for _, _, files in fs.walk(root)] == [0, 3]
    assert fs.isdir(twins)
    assert fs.cat_file(f"{twins}/one") == b"1"
    assert fs.cat_file(f"{twins}/two") == b"2"


def test_each_of_the_folders_is_listed_once(fs, root, twins, asked):
    fs.find(root)
    assert asked() == {"api": 1, "listing": 3}
    fs.find(root)
    fs.info(f"{twins}/two")
    assert asked() == {}


def test_the_newest_of_the_files_counts(fs, root, twin_files):
    assert fs.ls(root, detail=False) == [twin_files]
    assert fs.info(twin_files)["size"] == 5
    assert fs.cat_file(twin_files) == b"newer"
    assert fs.du(root) == 5


def test_the_newest_counts_across_folders(fs, twins):
    assert fs.cat_file(f"{twins}/both") == b"newer"


def test_one_warning_says_so(fs, twin_files, caplog):
    for _ in range(3):
        fs.info(twin_files)
        fs.cat_file(twin_files)

    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"osf://{twin_files}: the OSF holds 2 files of this name; the newest counts"
    ]


@pytest.mark.parametrize("verb", ["rm", "rm_file"])
def test_all_files_of_the_name_are_deleted(fs, other, root, twin_files, asked, verb):
    fs.ls(root)
    asked()

    getattr(fs, verb)(twin_files)

    assert asked() == {"delete": 2}
    assert other.ls(root) == []
    assert not fs.exists(twin_files)


def test_all_folders_of_the_name_are_deleted(fs, other, root, twins, asked):
    fs.ls(root)
    asked()

    fs.rm(twins, recursive=True)

    assert asked() == {"delete": 2}
    assert other.ls(root) == []


def test_a_file_that_both_folders_have_is_deleted_from_both(fs, other, twins):
    fs.rm(f"{twins}/both")

    assert other.ls(twins, detail=False) == [f"{twins}/one", f"{twins}/two"]


def test_a_new_file_goes_into_one_of_the_folders(fs, other, twins):
    fs.pipe_file(f"{twins}/new", b"new")

    assert other.cat_file(f"{twins}/new") == b"new"
    assert fs.cat_file(f"{twins}/new") == b"new"
    assert len(other.ls(twins)) == 4


@pytest.mark.parametrize("name", ["one", "two", "both"])
def test_what_is_written_is_what_is_read(fs, other, twins, name):
    fs.pipe_file(f"{twins}/{name}", b"written last")

    assert fs.cat_file(f"{twins}/{name}") == b"written last"
    assert other.cat_file(f"{twins}/{name}") == b"written last"


def test_writing_onto_duplicate_files_is_never_a_silent_loss(fs, other, twin_files):
    # The real OSF answers 500 to an upload to one of several.
    failure = None
    try:
        fs.pipe_file(twin_files, b"written last")
    except OSError as error:
        failure = error

    assert failure is None or twin_files in str(failure)
    assert other.cat_file(twin_files) == (b"newer" if failure else b"written last")


def test_one_filesystem_makes_no_duplicates_even_in_a_racing_server(connect, osf, other, root):
    osf.settings.strict_duplicates = True
    fs = connect()

    fs.pipe({f"{root}/d/e/{number}": b"x" for number in range(16)})

    assert len(other.ls(root)) == 1
    assert len(other.ls(f"{root}/d")) == 1
    assert len(other.ls(f"{root}/d/e")) == 16


async def test_two_clients_that_race_lose_nothing(osf_here, connect_here, root_here):
    osf_here.settings.strict_duplicates = True
    one, two = connect_here(), connect_here()

    await asyncio.gather(
        *(one._pipe_file(f"{root_here}/d/one{number}", b"1") for number in range(5)),
        *(two._pipe_file(f"{root_here}/d/two{number}", b"2") for number in range(5)),
    )

    # Whether they have made one folder or two.
    reader = connect_here()
    assert len(await reader._ls(f"{root_here}/d")) == 10
    assert await reader._cat_file(f"{root_here}/d/two4") == b"2"
