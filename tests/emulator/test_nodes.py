"""API v2: lists of projects, components, storage, and views that hide names."""

from __future__ import annotations

import json

import pytest

from dvc_osf.emulator import Emulator


def ids(reply):
    return [item["id"] for item in reply.data]


@pytest.fixture
def component(osf):
    """Make a component of the project, and return its guid."""
    return osf.add_project("Part", parent=osf.project)


async def test_users_me_nodes_are_those_that_the_caller_contributes_to(client, osf, component):
    stranger = osf.add_user("A Stranger")
    osf.add_project("Public", user=stranger, public=True)

    assert set(ids(await client.v2("/users/me/nodes/"))) == {osf.project, component}
    assert (await client.acting().v2("/users/me/nodes/")).status == 401
    # Others see of a user what they may see anyway.
    assert ids(await client.acting().v2(f"/users/{osf.user}/nodes/")) == []
    osf.set_public(component)
    assert ids(await client.acting().v2(f"/users/{osf.user}/nodes/")) == [component]


@pytest.mark.parametrize("scope", ["osf.users.profile_read", "osf.nodes.full_write"])
async def test_a_list_of_a_users_projects_takes_two_scopes(client, osf, scope):
    reply = await client.acting(osf.add_token(scopes=[scope])).v2("/users/me/nodes/")
    assert reply.status == 403
    both = osf.add_token(scopes=["osf.users.profile_read", "osf.nodes.full_read"])
    assert (await client.acting(both).v2("/users/me/nodes/")).status == 200


async def test_projects_can_be_sorted(client, osf):
    b, a = osf.add_project("B"), osf.add_project("A")
    by_age = [osf.project, b, a]
    osf.world.store.change_node(b, description="changed last")

    async def sorted_by(what):
        return ids(await client.v2(f"/users/me/nodes/?sort={what}"))

    assert await sorted_by("date_created") == by_age
    assert await sorted_by("created") == by_age
    assert await sorted_by("-date_created") == by_age[::-1]
    assert await sorted_by("title") == [a, b, osf.project]
    assert await sorted_by("-date_modified") == [b, a, osf.project]
    # Without an order, or by what there is not, the newest change comes first.
    assert await sorted_by("nothing") == await sorted_by("") == [b, a, osf.project]
    # The answer's own names count only where none of the database's is among them.
    assert await sorted_by("-date_created,title") == [a, b, osf.project]


async def test_a_component_and_its_project_know_each_other(client, osf, component):
    inner = osf.add_project("Inner", parent=component)

    assert ids(await client.v2(f"/nodes/{osf.project}/children/")) == [component]
    assert ids(await client.v2(f"/nodes/{component}/children/")) == [inner]
    related = (await client.v2(f"/nodes/{inner}/")).data["relationships"]
    assert related["parent"]["data"] == {"id": component, "type": "nodes"}
    assert related["root"]["data"] == {"id": osf.project, "type": "nodes"}
    assert "parent" not in (await client.v2(f"/nodes/{osf.project}/")).data["relationships"]


async def test_only_what_the_caller_may_see_is_among_the_components(client, osf, component):
    osf.set_public(osf.project)

    place = f"/nodes/{osf.project}/children/"
    assert ids(await client.acting().v2(place)) == []
    osf.set_public(component)
    assert ids(await client.acting().v2(place)) == [component]
    osf.set_public(osf.project, False)
    assert (await client.acting().v2(place)).status == 401


async def test_a_component_can_be_made(client, osf):
    document = {"data": {"type": "nodes", "attributes": {"title": "New", "category": "data"}}}
    place = f"/nodes/{osf.project}/children/"

    made = await client.v2(place, "POST", data=json.dumps(document).encode())

    assert made.status == 201
    assert made.attributes["category"] == "data"
    assert ids(await client.v2(place)) == [made.data["id"]]
    reader = osf.add_user("A Reader")
    osf.add_contributor(osf.project, reader, "read")
    refused = client.acting(osf.add_token(reader))
    assert (await refused.v2(place, "POST", data=json.dumps(document).encode())).status == 403


async def test_components_survive_a_restart(tmp_path):
    async with Emulator(tmp_path) as osf:
        part = osf.add_project("Part", parent=osf.project)
        project = osf.project
    async with Emulator(tmp_path) as osf:
        assert osf.world.store.parent(part) == project


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("writer", 200), ("reader", 403), ("nobody", 401)]
)
@pytest.mark.parametrize("public", [False, True])
async def test_who_may_write_is_told_about_storage(client, osf, who, status, public):
    osf.set_public(osf.project, public)
    user = osf.user if who == "owner" else osf.add_user("Some One")
    if who in {"writer", "reader"}:
        osf.add_contributor(osf.project, user, {"writer": "write", "reader": "read"}[who])
    caller = client.acting(None if who == "nobody" else osf.add_token(user))

    assert (await caller.v2(f"/nodes/{osf.project}/storage/")).status == status


async def test_storage_takes_a_scope_for_writing(client, osf):
    for scope, status in (
        ("osf.full_read", 403),
        ("osf.nodes.data_write", 403),
        ("osf.nodes.full_write", 200),
    ):
        caller = client.acting(osf.add_token(scopes=[scope]))
        assert (await caller.v2(f"/nodes/{osf.project}/storage/")).status == status


async def test_registrations_have_no_storage(client, osf):
    registration = osf.make_registration(osf.project)
    assert (await client.v2(f"/registrations/{registration}/storage/")).status == 404
    assert (await client.v2(f"/nodes/{registration}/storage/")).status == 404
    assert ids(await client.v2(f"/registrations/{registration}/children/")) == []


async def test_a_view_only_link_may_only_read_whoever_uses_it(client, osf):
    key = osf.add_view_only_link(osf.project)

    shown = (await client.v2(f"/nodes/{osf.project}/?view_only={key}")).attributes
    assert shown["current_user_permissions"] == ["read"]
    shown = (await client.v2(f"/nodes/{osf.project}/")).attributes
    assert shown["current_user_permissions"] == ["admin", "write", "read"]


async def test_an_anonymous_link_hides_who_it_is(client, osf):
    named = osf.add_view_only_link(osf.project)
    nameless = osf.add_view_only_link(osf.project, anonymous=True)
    caller = client.acting()
    place = f"/nodes/{osf.project}/"

    open_view = (await caller.v2(f"{place}?view_only={named}")).json
    hidden_view = (await caller.v2(f"{place}?view_only={nameless}")).json

    assert open_view["meta"] == {"version": "2.0"}
    assert hidden_view["meta"] == {"anonymous": True, "version": "2.0"}
    assert "contributors" in open_view["data"]["relationships"]
    assert "contributors" not in hidden_view["data"]["relationships"]
    assert "custom_citation" not in hidden_view["data"]["attributes"]
    assert hidden_view["data"]["attributes"]["title"] == "Example project"
    files = (await caller.v2(f"{place}files/osfstorage/?view_only={nameless}")).json
    assert files["meta"]["anonymous"] is True
