"""The root that holds all projects, and what the OSF says about one."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

import pytest

from dvc_osf import (
    OSFAuthenticationError,
    OSFNotFoundError,
    OSFPathError,
    OSFPermissionError,
    OSFServerError,
)
from dvc_osf.emulator import Fault

# -- the root ------------------------------------------------------------------------------------


def test_the_root_lists_the_projects_that_the_token_contributes_to(fs, osf, asked):
    stranger = osf.add_user("A Stranger")
    osf.add_project("Not mine", user=stranger, public=True)
    shared = osf.add_project("Shared", user=stranger)
    osf.add_contributor(shared, osf.user, "read")
    mine = osf.add_project("Mine, ünd öpen", public=True)
    osf.clear_requests()

    listed = fs.ls("osf://")

    assert listed == [
        {"name": osf.project, "size": 0, "type": "directory", "title": "Example project"},
        {"name": shared, "size": 0, "type": "directory", "title": "Shared"},
        {"name": mine, "size": 0, "type": "directory", "title": "Mine, ünd öpen"},
    ]
    assert asked() == {"api": 1}
    assert fs.ls("", detail=False) == sorted([osf.project, shared, mine])


@pytest.mark.parametrize("way", ["all", "project", "root", "refresh"])
def test_a_new_provider_is_seen_when_asked_anew(connect, osf, asked, way):
    fs = connect()
    before = fs.ls(osf.project, detail=False)
    osf.add_provider(osf.project, "s3")
    assert fs.ls(osf.project, detail=False) == before
    asked()

    if way == "refresh":
        after = fs.ls(osf.project, detail=False, refresh=True)
    else:
        places = {"all": (), "project": (osf.project,), "root": ("osf://",)}
        fs.invalidate_cache(*places[way])
        after = fs.ls(osf.project, detail=False)

    assert after == [*before, f"{osf.project}/s3"]
    assert fs.exists(f"{osf.project}/s3")
    assert asked() == {"api": 1}


def test_what_is_not_believed_below_a_provider_does_not_concern_the_project(connect, root, asked):
    fs = connect()
    fs.ls(root)
    asked()

    fs.invalidate_cache(f"{root}/folder")
    fs.ls(root, refresh=True)

    assert asked() == {"listing": 1}


def test_components_are_listed_beside_their_projects(fs, osf):
    part = osf.add_project("Part", parent=osf.project)

    assert set(fs.ls("osf://", detail=False)) == {osf.project, part}


def test_many_projects_come_in_pages_of_a_hundred(fs, osf, asked):
    made = [osf.add_project(f"Project {number}") for number in range(249)]
    osf.clear_requests()

    names = fs.ls("osf://", detail=False)

    assert names == sorted([osf.project, *made])
    assert all(entry.query["sort"] == "date_created" for entry in osf.requests)
    assert sorted(entry.query["page"] for entry in osf.requests) == ["1", "2", "3"]
    assert asked() == {"api": 3}


async def test_the_pages_behind_the_first_are_asked_for_at_once(
    osf_here, connect_here, most_at_once
):
    for number in range(350):
        osf_here.add_project(f"Project {number}")
    fs = connect_here()
    osf_here.clear_requests()
    osf_here.settings.latency = 0.05

    assert len(await fs._ls("osf://")) == 351
    assert most_at_once(osf_here.requests) == 3


class Meanwhile(Fault):
    """No failure: something else happens, once, when a certain request arrives."""

    def hit(self, host, method, target):
        if super().hit(host, method, target) and self.hits == 1:
            self.work()
        return False


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_a_list_that_changes_while_it_is_read_is_read_again(fs, osf, asked, change):
    made = [osf.add_project(f"Project {number}") for number in range(100)]
    store, user = osf.world.store, osf.user
    meanwhile = osf.add_fault(Meanwhile(host="api", path="page=2"))
    if change == "more":
        meanwhile.work = lambda: made.append(store.add_node(user, title="One more").id)
    else:
        meanwhile.work = lambda: store.change_node(made.pop(0), deleted=1)
    osf.clear_requests()

    assert {info["name"] for info in fs.ls("osf://")} == {osf.project, *made}
    assert meanwhile.hits >= 1
    # Two pages, and two more or one that holds all.
    assert asked() == {"api": 4 if change == "more" else 3}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=503), OSFServerError),
        (Fault(status=403), OSFPermissionError),
        (Fault(status=401), OSFAuthenticationError),
        (Fault(reset=True), ConnectionError),
        (Fault(truncate=100), ConnectionError),
        (Fault(status=200, body="{}"), OSFServerError),
        (Fault(status=200, body='{"data": [], "meta": {"total": 0}}'), OSFServerError),
        (
            Fault(status=200, body='{"data": [], "meta": {"total": 101, "per_page": 100}}'),
            OSFServerError,
        ),
        (Fault(status=404), OSFServerError),
    ],
    ids=["503", "403", "401", "reset", "truncated", "nonsense", "no size", "too few", "404"],
)
def test_a_page_that_is_missing_is_an_error_and_never_a_shorter_list(fs, osf, fault, error):
    for number in range(100):
        osf.add_project(f"Project {number}")
    osf.add_fault(dataclasses.replace(fault, host="api", path="page=2"))

    with pytest.raises(error):
        fs.ls("osf://")


def test_without_a_token_there_is_nothing_to_list(connect_both, asked):
    fs = connect_both(token=None)

    with pytest.raises(OSFAuthenticationError, match="without a token") as caught:
        fs.ls("osf://")
    assert "osf.io/settings/tokens" in str(caught.value)
    assert asked() == {}


def test_a_token_that_is_not_valid_is_refused(connect_both):
    with pytest.raises(OSFAuthenticationError, match="does not accept the token"):
        connect_both(token="wrong", max_retries=0).ls("osf://")


def test_the_root_is_a_folder_whoever_asks(connect_both, asked):
    fs = connect_both(token=None)

    assert fs.info("osf://") == {"name": "", "size": 0, "type": "directory"}
    assert fs.exists("osf://")
    assert fs.isdir("")
    assert not fs.isfile("osf://")
    assert asked() == {}


def test_the_root_can_be_searched(fs, osf, plant):
    second = osf.add_project("Second")
    plant.files({"a/f": b"1"})
    plant.files({"g": b"22"}, second)
    files = sorted([f"{osf.project}/osfstorage/a/f", f"{second}/osfstorage/g"])

    assert fs.find("osf://") == files
    assert fs.du("osf://") == 3
    assert sorted(fs.find("osf://", maxdepth=1, withdirs=True)) == sorted([osf.project, second])
    assert fs.glob("osf://*") == sorted([osf.project, second])
    assert fs.glob("osf://*/osfstorage/g") == [f"{second}/osfstorage/g"]
    walked = {path: (sorted(folders), files) for path, folders, files in fs.walk("osf://")}
    assert walked[""] == (sorted([osf.project, second]), [])
    assert walked[f"{second}/osfstorage"] == ([], ["g"])
    assert walked[f"{osf.project}/osfstorage/a"] == ([], ["f"])
    assert len(walked) == 6


def test_nothing_is_written_to_the_root_or_deleted_there(fs, osf, plant, root):
    plant.files({"f": b"x"})

    for attempt in (
        lambda: fs.rm("osf://", recursive=True),
        lambda: fs.rm(osf.project, recursive=True),
        lambda: fs.pipe_file("osf://", b"x"),
    ):
        with pytest.raises((OSFPathError, OSError)):
            attempt()
    assert fs.ls(root, refresh=True, detail=False) == [f"{root}/f"]


# -- facts ---------------------------------------------------------------------------------------


def test_a_project_is_described(fs, osf, plant, root, asked):
    plant.files({"f": b"12345"})
    parts = [osf.add_project(f"Part {number}", parent=osf.project) for number in range(2)]
    osf.clear_requests()

    info = fs.project_info(f"osf://{root}/f")

    assert info.id == osf.project
    assert info.title == "Example project"
    assert info.description == ""
    assert info.category == "project"
    assert not info.public
    assert not info.registration
    assert info.permissions == ("admin", "write", "read")
    assert info.region == "us"
    assert info.parent is None
    assert info.components == tuple(parts)
    assert info.storage_used == 5
    assert info.storage_status == "DEFAULT"
    assert info.created <= info.modified <= datetime.now(timezone.utc)
    assert asked() == {"api": 3}
    # Another place of the project is the same project.
    assert fs.project_info(osf.project.upper()) == info


def test_a_full_project_says_so(fs, osf, plant):
    plant.files({"f": b"12345"})
    osf.set_quota(osf.project, 5)

    assert fs.project_info(osf.project).storage_status == "OVER_PUBLIC"


def test_all_versions_count_as_storage(fs, osf, root):
    fs.pipe_file(f"{root}/f", b"12345")
    fs.pipe_file(f"{root}/f", b"123")

    assert fs.project_info(osf.project).storage_used == 8


def test_a_region_is_named(fs, osf):
    assert fs.project_info(osf.add_project("German", region="de-1")).region == "de-1"


def test_a_component_names_its_project(fs, osf, plant):
    part = osf.add_project("Part", parent=osf.project)
    plant.files({"f": b"x"}, part)

    info = fs.project_info(part)

    assert (info.parent, info.components) == (osf.project, ())
    # It is a project of its own: its files are not among those of the other.
    assert fs.find(part) == [f"{part}/osfstorage/f"]
    assert fs.find(osf.project) == []


def test_a_registration_is_described(fs, osf, asked):
    registration = osf.make_registration(osf.project)
    osf.clear_requests()

    info = fs.project_info(registration)

    assert info.registration
    assert info.public
    assert (info.storage_used, info.storage_status) == (None, None)
    # Not a project, a registration, its components.
    assert asked() == {"api": 3}


@pytest.mark.parametrize("who", ["reader", "stranger", "nobody"])
def test_who_may_not_write_is_not_told_how_full_it_is(connect_both, osf, asked, who):
    osf.set_public(osf.project)
    user = osf.add_user("A Reader")
    if who == "reader":
        osf.add_contributor(osf.project, user, "read")
    token = None if who == "nobody" else osf.add_token(user)
    osf.clear_requests()

    info = connect_both(token=token).project_info(osf.project)

    assert info.permissions == ("read",)
    assert (info.storage_used, info.storage_status) == (None, None)
    assert asked() == {"api": 2}


def test_a_token_for_reading_only_is_not_told_how_full_it_is(connect_both, osf):
    token = osf.add_token(scopes=["osf.full_read"])

    info = connect_both(token=token).project_info(osf.project)

    assert info.permissions == ("admin", "write", "read")
    assert info.storage_used is None


def test_a_size_that_is_still_being_counted_is_unknown(fs, osf):
    counting = {"data": {"attributes": {"storage_limit_status": "NOT_CALCULATED"}}}
    counting["data"]["attributes"]["storage_usage"] = None
    osf.add_fault(Fault(host="api", path="/storage/", status=202, body=counting))

    info = fs.project_info(osf.project)

    assert (info.storage_used, info.storage_status) == (None, "NOT_CALCULATED")


@pytest.mark.parametrize("part", ["/nodes/[a-z0-9]+/$", "/storage/", "/children/"])
@pytest.mark.parametrize(
    "fault",
    [Fault(status=503), Fault(status=200, body="{}"), Fault(status=200, body='{"data": {}}')],
    ids=["503", "nonsense", "empty"],
)
def test_a_description_is_complete_or_an_error(fs, osf, part, fault):
    osf.add_fault(dataclasses.replace(fault, host="api", path=part))

    with pytest.raises(OSFServerError) as caught:
        fs.project_info(osf.project)
    assert caught.value.operation == "project_info"
    assert caught.value.path == osf.project


def test_what_cannot_be_seen_is_not_described(connect_both, fs, osf):
    with pytest.raises(OSFNotFoundError):
        fs.project_info("zzzzz")
    with pytest.raises(OSFAuthenticationError):
        connect_both(token=None, max_retries=0).project_info(osf.project)
    with pytest.raises(OSFPathError, match="no project"):
        fs.project_info("osf://")


# -- view-only links -----------------------------------------------------------------------------


def test_a_view_only_link_describes_a_private_project(connect_both, osf):
    key = osf.add_view_only_link(osf.project)
    hidden = osf.add_project("Not in the link", parent=osf.project)

    info = connect_both(token=None, view_only=key).project_info(osf.project)

    assert info.title == "Example project"
    assert info.permissions == ("read",)
    assert hidden not in info.components


def test_an_anonymous_view_shows_the_files_all_the_same(connect_both, osf, plant, root):
    plant.files({"a/f": b"x"})
    key = osf.add_view_only_link(osf.project, anonymous=True)
    fs = connect_both(token=None, view_only=key)

    assert fs.find(root) == [f"{root}/a/f"]
    assert fs.cat_file(f"{root}/a/f") == b"x"
    assert fs.project_info(osf.project).title == "Example project"
    assert fs.project_info(osf.project).region == "us"


# -- regions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["copy", "mv"])
@pytest.mark.parametrize("what", ["d/f", "d"])
def test_between_regions_things_move_on_the_server(
    connect_both, osf, other, plant, root, action, what
):
    german = osf.add_project("German", region="de-1")
    plant.files({"d/f": b"content"})
    fs = connect_both()

    getattr(fs, action)(f"{root}/{what}", f"{german}/osfstorage/{what}", recursive=True)

    assert other.cat_file(f"{german}/osfstorage/d/f") == b"content"
    assert other.exists(f"{root}/{what}") == (action == "copy")
    assert fs.cat_file(f"{german}/osfstorage/d/f") == b"content"
    # And back to a place that is taken.
    fs.pipe_file(f"{german}/osfstorage/d/f", b"changed")
    fs.cp_file(f"{german}/osfstorage/d/f", f"{root}/d/f")
    assert other.cat_file(f"{root}/d/f") == b"changed"
