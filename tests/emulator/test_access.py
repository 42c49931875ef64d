"""Who may do what: tokens with scopes, private and public projects, view-only links."""

import pytest

FORBIDDEN = "You do not have permission to perform this action."


@pytest.fixture
def tokens(osf):
    """Return tokens by what they are good for."""
    stranger, colleague, reader = (osf.add_user(name) for name in ("A B", "C D", "Madonna"))
    osf.add_contributor(osf.project, colleague)
    osf.add_contributor(osf.project, reader, "read")
    return {
        "owner": osf.token,
        "reading scope": osf.add_token(scopes=["osf.full_read"]),
        "nodes scope": osf.add_token(scopes=["osf.nodes.full_write"]),
        "no file scope": osf.add_token(scopes=["osf.users.profile_read"]),
        "colleague": osf.add_token(colleague),
        "reader": osf.add_token(reader),
        "stranger": osf.add_token(stranger),
        "unknown": "bad-token",
        "anonymous": None,
    }


# For each caller: API v2, reading and writing a private project, the same for a public one.
MATRIX = {
    "owner": (200, 200, 201, 200, 200, 201),
    "reading scope": (200, 200, 403, 200, 200, 403),
    "nodes scope": (200, 200, 201, 200, 200, 201),
    "no file scope": (403, 403, 403, 403, 200, 403),
    "colleague": (200, 200, 201, 200, 200, 201),
    "reader": (200, 200, 403, 200, 200, 403),
    "stranger": (403, 403, 403, 200, 200, 403),
    "unknown": (401, 403, 403, 401, 200, 403),
    "anonymous": (401, 403, 403, 200, 200, 403),
}


@pytest.mark.parametrize("who", MATRIX)
async def test_the_matrix(client, osf, tokens, who):
    caller = client.acting(tokens[who])
    found = []
    for public in (False, True):
        osf.set_public(osf.project, public)
        found.append((await caller.v2(f"/nodes/{osf.project}/files/osfstorage/")).status)
        found.append((await caller.wb("GET")).status)
        found.append((await caller.put(f"by-{public}")).status)
    assert tuple(found) == MATRIX[who]


@pytest.mark.parametrize(
    ("who", "detail"),
    [
        ("unknown", "User provided an invalid OAuth2 access token"),
        ("anonymous", "Authentication credentials were not provided."),
        ("no file scope", "The user has not authorized access to this view."),
        ("stranger", FORBIDDEN),
    ],
)
async def test_api_v2_says_what_is_wrong(client, tokens, who, detail):
    reply = await client.acting(tokens[who]).v2(f"/nodes/{client.project}/")
    assert reply.json == {"errors": [{"detail": detail}], "meta": {"version": "2.0"}}
    assert ("WWW-Authenticate" in reply.headers) == (reply.status == 401)


@pytest.mark.parametrize(
    "path", ["/nodes/zzzzz/", "/files/{0:024d}/", "/nodes/", "/registrations/", "/users/me/nodes/"]
)
async def test_a_token_without_the_scope_learns_nothing(client, tokens, path):
    reply = await client.acting(tokens["no file scope"]).v2(path.format(0))
    assert reply.status == 403


async def test_a_token_for_projects_does_not_show_accounts(client, tokens):
    assert (await client.acting(tokens["nodes scope"]).v2("/users/me/")).status == 403
    assert (await client.acting(tokens["no file scope"]).v2("/users/me/")).status == 200


async def test_who_may_change_a_project(client, tokens):
    document = {"data": {"attributes": {"title": "Mine"}}}
    path = f"/nodes/{client.project}/"
    for who, status in (("colleague", 403), ("reading scope", 403), ("owner", 200)):
        reply = await client.acting(tokens[who]).v2(path, "PATCH", json=document)
        assert reply.status == status
    assert (await client.acting().v2(path, "DELETE")).status == 401
    assert (await client.acting().v2("/nodes/", "POST", json=document)).status == 401
    assert (
        await client.acting(tokens["reading scope"]).v2("/nodes/", "POST", json={})
    ).status == 403
    assert (await client.acting().v2("/users/me/nodes/")).status == 401


@pytest.mark.parametrize(
    ("header", "status", "detail"),
    [
        ("Bearer", 200, None),
        ("Token abc", 200, None),
        ("Basic dXNlcjpwYXNz", 401, "Invalid username/password."),
        ("Basic ???", 401, "Invalid basic header. Credentials not correctly base64 encoded."),
    ],
)
async def test_other_schemes_than_bearer(client, osf, header, status, detail):
    osf.set_public(osf.project)
    path = f"/nodes/{osf.project}/"
    reply = await client.acting().v2(path, headers={"Authorization": header})
    assert reply.status == status
    if detail:
        assert reply.json["errors"][0]["detail"] == detail


async def test_a_token_in_the_query_is_not_one(client):
    assert (await client.acting().wb("GET", f"/?token={client.token}")).status == 403


async def test_a_view_only_link_opens_a_private_project_for_reading(client, osf):
    file = await client.file()
    key = osf.add_view_only_link(osf.project)
    anyone = client.acting()
    assert (await anyone.wb("GET", f"/?view_only={key}")).names == ["file"]
    assert (await anyone.wb("GET", f"{file}?view_only={key}")).body == b"data"
    path = f"/nodes/{osf.project}/files/osfstorage/?view_only={key}"
    assert (await anyone.v2(path)).names == ["file"]
    assert (await anyone.wb("PUT", f"/?name=a&view_only={key}", data=b"")).status == 403
    assert (await anyone.wb("GET", "/?view_only=wrong")).status == 403
    other = client.acting(None, osf.add_project())
    assert (await other.wb("GET", f"/?view_only={key}")).status == 403


async def test_files_belong_to_their_project(client, osf):
    file = await client.file()
    other = client.acting(client.token, osf.add_project())
    reply = await other.wb("GET", file)
    assert (reply.status, reply.json["message_short"]) == (404, "Page not found")
    assert (await client.v2(f"/nodes/{other.project}/files/osfstorage/{file}")).status == 404
    stranger = client.acting(osf.add_token(osf.add_user("Stranger")))
    assert (await stranger.v2(f"/files/{file}/")).status == 403
    assert (await client.acting().v2(f"/files/{file}/")).status == 401


async def test_waterbutler_has_its_own_words_for_strange_projects(client, osf):
    for guid, status in (("zzzzz", 404), (osf.user, 500)):
        reply = await client.acting(client.token, guid).wb("GET")
        assert (reply.status, reply.json["code"]) == (status, status)
    url = f"{osf.files_url}/v1/resources/{osf.project}/providers/github/"
    assert (await client.request("GET", url)).json["message_short"] == "Bad request"
