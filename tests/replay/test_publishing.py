"""Recordings 22 and 24: publishing a project, and deleting a large folder."""

import json

import pytest
from replaying import stage
from replaying.recordings import load


@pytest.fixture
def publish(client):
    def patch(public):
        node = {"type": "nodes", "id": stage.PRIVATE, "attributes": {"public": public}}
        headers = {"Content-Type": "application/vnd.api+json"}
        body = json.dumps({"data": node}).encode()
        return client.ask("PATCH", f"/v2/nodes/{stage.PRIVATE}/", body, headers=headers)

    return patch


def _anonymous(client):
    place = f"/v1/resources/{stage.PRIVATE}/providers/osfstorage/"
    return (
        client.ask("GET", place, token=None).status,
        client.ask("GET", f"/v2/nodes/{stage.PRIVATE}/files/osfstorage/", token=None).status,
    )


def test_a_project_is_public_for_both_halves_at_once(client, publish):
    recorded = [entry for entry in load("22").log if entry.startswith("file=False PATCH 200")]
    assert recorded
    assert all("[(200, 200," in entry for entry in recorded)
    assert _anonymous(client) == (403, 401)
    assert publish(True).status == 200
    assert _anonymous(client) == (200, 200)
    assert publish(False).status == 200
    assert _anonymous(client) == (403, 401)


def test_a_large_folder_is_deleted_in_one_request(client, osf):
    assert load("24").log[0].startswith("DELETE folder of 1206 files: 204")
    folder = client.mkdir("large")
    stage.fill(osf, folder.strip("/"), 1206)
    assert client.wb("DELETE", folder).status == 204
    assert client.listing() == []
