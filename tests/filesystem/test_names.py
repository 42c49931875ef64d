"""Names: kept exactly where the OSF keeps them, refused before any request where it does not."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

import pytest

from dvc_osf import OSFPathError

# As recorded from a real OSF; each is kept to the letter.
KEPT = [
    "with space.txt",
    "ünïcödé-文件-😀.txt",
    unicodedata.normalize("NFD", "é-nfd.txt"),
    unicodedata.normalize("NFC", "é-nfc.txt"),
    "pct%20lit.txt",
    "100%.txt",
    'quo"te.txt',
    "apos'.txt",
    "plus+plus.txt",
    "hash#.txt",
    "q?mark.txt",
    "amp&x.txt",
    "semi;colon.txt",
    "back\\slash.txt",
    "a:b*c|d<e>f.txt",
    "[brackets].txt",
    ".hidden",
    "...",
    "trail.dot.",
    "tab\tname",
    "new\nline",
    "Case.txt",
    "case.txt",
    "~tilde",
    "-dash",
    "CON",
    "a" * 255,
    "b" * 256,
    "c" * 1000,
    "日" * 85 + "x",
    "ﷺ" * 85,
    "100%25",
    "%2F",
    "%",
    "=",
    "name=other&kind=folder",
    "osfstorage",
    "github",
    "\u200bzero width",
    "rtl \u202eevil",
    "\ue000private",
    "\U0010fffflast",
    "'; DROP TABLE entities; --",
]


def test_a_name_with_a_delete_character_is_read_as_it_is_written(fs, other, root):
    # Not among those recorded: what matters is that the answer's headers can be read.
    fs.pipe_file(f"{root}/del\x7fete", b"data")

    assert fs.find(root) == [f"{root}/del\x7fete"]
    assert other.cat_file(f"{root}/del\x7fete") == b"data"


@pytest.mark.parametrize("name", KEPT, ids=lambda name: ascii(name[:30]))
def test_a_name_is_kept_to_the_letter_for_files_and_folders(connect, other, tmp_path, root, name):
    fs = connect(max_retries=0)
    data = name.encode()
    # A folder of that name, and a file of that name in it.
    path = f"{root}/{name}/{name}"
    fs.pipe_file(path, data)

    assert other.ls(root, detail=False) == [f"{root}/{name}"]
    assert other.ls(f"{root}/{name}", detail=False) == [path]
    assert other.find(root) == [path]
    assert [files for _, _, files in other.walk(root)] == [[], [name]]
    assert other.info(path)["size"] == len(data)
    assert other.isdir(f"{root}/{name}")
    assert other.cat_file(path) == data
    other.get_file(path, tmp_path / "local")
    assert (tmp_path / "local").read_bytes() == data
    with other.open(path) as file:
        assert file.read() == data

    fs.pipe_file(path, b"again")
    assert other.info(path)["version"] == 2
    fs.rm_file(path)
    assert other.find(root) == []


@pytest.mark.parametrize("name", KEPT, ids=lambda name: ascii(name[:30]))
def test_an_old_name_is_kept_in_local_files(connect, plant, tmp_path, root, name):
    if len(name.encode()) > 255 or "\\" in name:
        pytest.skip("no local file can have this name")
    plant.files({name: b"x"})

    connect().get_file(f"{root}/{name}", tmp_path / name)

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


def test_all_of_them_live_in_one_folder(fs, plant, root):
    plant.files({name: name.encode() for name in KEPT})

    assert sorted(fs.find(root)) == sorted(f"{root}/{name}" for name in KEPT)
    found = fs.find(root, detail=True)
    assert {path: info["size"] for path, info in found.items()} == {
        f"{root}/{name}": len(name.encode()) for name in KEPT
    }


def test_the_two_forms_of_one_letter_are_two_names(fs, other, root):
    one, two = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    fs.pipe_file(f"{root}/{one}", b"composed")
    fs.pipe_file(f"{root}/{two}", b"decomposed")

    assert other.cat_file(f"{root}/{one}") == b"composed"
    assert other.cat_file(f"{root}/{two}") == b"decomposed"
    assert len(other.ls(root)) == 2


def test_upper_and_lower_case_are_two_names(fs, other, root):
    fs.pipe_file(f"{root}/Name", b"upper")
    fs.pipe_file(f"{root}/name", b"lower")

    assert other.cat_file(f"{root}/Name") == b"upper"
    assert other.cat_file(f"{root}/name") == b"lower"


REFUSED = [
    " lead",
    "trail ",
    "\u00a0lead",
    "trail\u3000",
    "tab\t",
    "\nnewline",
    "nul\x00x",
    "bell\x07",
    "\x1b[31mred",
    "half \ud800 a pair",
]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
@pytest.mark.parametrize("place", ["{}", "folder/{}", "{}/file"])
def test_what_the_osf_would_change_is_refused_before_any_request(
    fs, tmp_path, root, asked, name, place
):
    path = f"{root}/{place.format(name)}"
    (tmp_path / "local").write_bytes(b"x")

    for attempt in (
        lambda: fs.pipe_file(path, b"x"),
        lambda: fs.put_file(str(tmp_path / "local"), path),
        lambda: fs.cat_file(path),
        lambda: fs.rm(path),
        lambda: fs.info(path),
    ):
        with pytest.raises(OSFPathError) as caught:
            attempt()
        assert isinstance(caught.value, ValueError)
        # The message can be printed.
        str(caught.value).encode()
    assert asked() == {}


def test_a_message_about_a_name_does_nothing_to_a_terminal(connect, root):
    with pytest.raises(OSFPathError) as caught:
        connect().pipe_file(f"{root}/\x1b[31mred\x07", b"x")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a\x7fb", "a\x85b", "a\u2028b"], ids=ascii)
def test_other_odd_characters_are_kept(fs, other, root, name):
    fs.pipe_file(f"{root}/{name}", b"x")

    assert other.ls(root, detail=False) == [f"{root}/{name}"]


def test_dots_are_resolved_and_may_not_lead_out(fs, osf, plant, root):
    plant.files({"a/b": b"x"})

    assert fs.cat_file(f"{root}/a/./c/../b") == b"x"
    assert fs.cat_file(f"osf://{osf.project}/osfstorage/a//b") == b"x"
    with pytest.raises(OSFPathError, match="leads out of the project"):
        fs.cat_file(f"{root}/a/../../../other/osfstorage/b")


def test_a_folder_that_another_client_named_oddly_does_not_hide_the_rest(fs, plant, root):
    plant.files({"fine/a": b"x", "odd/b": b"x"})
    # A rename through the OSF's own pages may leave what its uploads would change.
    plant.rename("odd", "odd ")

    assert f"{root}/fine/a" in fs.find(root)
    assert f"{root}/fine" in [path for path, _, _ in fs.walk(root)]
    assert fs.ls(root, detail=False) == [f"{root}/fine", f"{root}/odd "]


@pytest.mark.parametrize("wrap", [lambda path: path, lambda path: [path]], ids=["one", "list"])
def test_a_path_object_is_as_good_as_text(fs, other, plant, root, wrap):
    plant.files({"a": b"A", "d/b": b"B"})
    folder = PurePosixPath(root)

    assert fs.expand_path(wrap(folder / "*")) == [f"{root}/a", f"{root}/d"]
    assert fs.cat(wrap(folder / "a")) in (b"A", {f"{root}/a": b"A"})
    fs.copy(wrap(folder / "a"), wrap(folder / "copy"))
    fs.mv(wrap(folder / "a"), wrap(folder / "moved"))
    fs.mv(wrap(folder / "d"), wrap(folder / "e"), recursive=True)
    assert other.find(root) == [f"{root}/copy", f"{root}/e/b", f"{root}/moved"]
    fs.rm(wrap(folder / "e"), recursive=True)
    fs.rm(wrap(folder / "copy"))
    assert other.find(root) == [f"{root}/moved"]
    with pytest.raises(FileNotFoundError, match="nothing"):
        fs.expand_path(wrap(folder / "nothing*"))
