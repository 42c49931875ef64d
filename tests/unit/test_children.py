"""What a folder holds, namesakes included."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from dvc_osf.children import Children
from dvc_osf.models import Entity

START = datetime(2026, 11, 22, tzinfo=timezone.utc)


def file(id_, name="a", *, minute=0, **facts):
    return Entity(
        id=id_, kind="file", name=name, modified=START + timedelta(minutes=minute), **facts
    )


def folder(id_, name="a"):
    return Entity(id=id_, kind="folder", name=name)


def test_a_file_and_a_folder_may_share_a_name():
    children = Children.of([file("1"), folder("2")])
    assert [entity.id for entity in children.files["a"]] == ["1"]
    assert [entity.id for entity in children.folders["a"]] == ["2"]


def test_names_are_case_sensitive():
    assert set(Children.of([file("1", "a"), file("2", "A")]).files) == {"a", "A"}


def test_of_files_of_one_name_the_newest_comes_first():
    children = Children.of([file("1", minute=1), file("2", minute=3), file("3", minute=2)])
    assert [entity.id for entity in children.files["a"]] == ["2", "3", "1"]


def test_a_file_of_unknown_age_counts_as_the_oldest():
    unknown = Entity(id="9", kind="file", name="a")
    children = Children.of([unknown, file("1")])
    assert [entity.id for entity in children.files["a"]] == ["1", "9"]


def test_of_files_of_the_same_age_the_order_does_not_depend_on_the_listing():
    one, other = file("1"), file("2")
    assert Children.of([one, other]) == Children.of([other, one])


def test_of_folders_of_one_name_the_oldest_comes_first():
    children = Children.of([folder("3"), folder("1"), folder("2")])
    assert [entity.id for entity in children.folders["a"]] == ["1", "2", "3"]


def test_a_new_version_takes_the_place_of_the_old_one():
    children = Children.of([file("1", version=1)])
    children.add(file("1", version=2, minute=1))
    assert [entity.version for entity in children.files["a"]] == [2]


def test_what_is_removed_is_gone():
    children = Children.of([file("1"), folder("2")])
    children.remove(file("1"))
    assert children.files == {}
    children.remove(folder("2"))
    assert children == Children()


def test_of_namesakes_only_the_one_that_is_removed_goes():
    children = Children.of([file("1"), file("2")])
    children.remove(file("1"))
    assert [entity.id for entity in children.files["a"]] == ["2"]


def test_removing_what_is_not_there_changes_nothing():
    children = Children.of([file("1")])
    children.remove(file("2"))
    children.remove(file("3", "b"))
    assert children == Children.of([file("1")])


def test_two_folders_of_one_name_hold_the_content_of_both():
    one = Children.of([file("1", "a"), folder("2", "d"), file("5", "same", minute=1)])
    other = Children.of([file("3", "b"), folder("4", "d"), file("6", "same", minute=2)])
    both = one.merged(other)
    assert set(both.files) == {"a", "b", "same"}
    assert [entity.id for entity in both.files["same"]] == ["6", "5"]
    assert [entity.id for entity in both.folders["d"]] == ["2", "4"]
    assert one == Children.of([file("1", "a"), folder("2", "d"), file("5", "same", minute=1)])
