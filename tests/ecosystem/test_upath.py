"""universal_pathlib: the OSF by the methods of :class:`pathlib.Path`."""

from __future__ import annotations

import importlib
import pickle

import pytest

upath = pytest.importorskip("upath", reason="the dependency group 'ecosystem' is not installed")

NAMES = ["a/b.txt", "a/deep/c.csv", "d 1#%2F.txt"]


@pytest.fixture
def place(url, options):
    return upath.UPath(url, **options)


@pytest.fixture
def tree(place):
    for name in NAMES:
        (place / name).write_bytes(name.encode())
    return place


def test_the_class_is_found_by_the_protocol(place, url):
    assert type(place).__name__ == "OSFUPath"
    assert str(place / "a" / "b.txt") == f"{url}/a/b.txt"


def test_without_our_class_it_works_as_well(url, options, monkeypatch, request):
    # As with a universal_pathlib that reads no entry points: by fsspec's registry alone.
    registry = importlib.import_module("upath.registry")
    monkeypatch.delitem(registry._registry._entries, "osf")
    monkeypatch.delitem(registry._registry._m.maps[0], "osf", raising=False)
    registry.get_upath_class.cache_clear()
    request.addfinalizer(registry.get_upath_class.cache_clear)
    with pytest.warns(UserWarning, match="not explicitly implemented"):
        place = upath.UPath(url, **options)

    (place / "a.txt").write_text("hi")

    assert [child.name for child in place.iterdir()] == ["a.txt"]


def test_what_is_written_is_read(place, other, url):
    assert (place / "a" / "b.txt").write_text("hé") == 2
    with (place / "a" / "c.txt").open("w") as file:
        file.write("opened")

    assert (place / "a/b.txt").read_text() == "hé"
    assert other.cat_file(f"{url}/a/c.txt") == b"opened"


def test_looking_around(tree):
    assert sorted(child.name for child in tree.iterdir()) == ["a", "d 1#%2F.txt"]
    assert sorted(str(found.relative_to(tree)) for found in tree.glob("**/*.txt")) == [
        "a/b.txt",
        "d 1#%2F.txt",
    ]
    assert [found.name for found in tree.rglob("*.csv")] == ["c.csv"]
    assert [found.name for found in tree.glob("a/*.txt")] == ["b.txt"]


def test_facts_of_a_file(tree, root):
    file = tree / "a" / "b.txt"

    assert (file.exists(), file.is_file(), file.is_dir()) == (True, True, False)
    assert file.stat().st_size == len(b"a/b.txt")
    assert (file.name, file.suffix, file.stem) == ("b.txt", ".txt", "b")
    assert file.parts == (*root.split("/"), "a", "b.txt")
    assert file.parent == tree / "a"
    assert file.parent.is_dir()
    assert not (tree / "nothing").exists()


def test_the_times_of_a_file_and_of_a_folder(tree, other, url):
    file = tree / "a" / "b.txt"
    modified = other.modified(f"{url}/a/b.txt")

    assert file.stat().st_mtime == modified.timestamp() > 0
    assert file.stat().as_info()["modified"] == modified
    assert file.parent.stat().st_mtime == 0


def test_renaming_and_deleting(tree, other, url):
    moved = (tree / "a" / "b.txt").rename(tree / "a" / "new.txt")
    assert other.cat_file(f"{url}/a/new.txt") == b"a/b.txt"
    assert not other.exists(f"{url}/a/b.txt")

    moved.unlink()
    assert not other.exists(f"{url}/a/new.txt")


def test_a_path_is_pickled_with_its_options(tree):
    assert pickle.loads(pickle.dumps(tree / "a" / "b.txt")).read_bytes() == b"a/b.txt"
