"""The fixtures that pytest gets from the package."""

import json
import urllib.request

from dvc_osf.emulator.pytest_plugin import osf_server, osf_server_session

__all__ = ["osf_server", "osf_server_session"]


def title(osf, guid):
    headers = {"Authorization": f"Bearer {osf.token}"}
    request = urllib.request.Request(f"{osf.api_url}/nodes/{guid}/", headers=headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)["data"]["attributes"]["title"]


def test_each_test_has_its_own(osf_server):
    assert title(osf_server, osf_server.project) == "Example project"
    assert len(osf_server.requests) == 1


def test_all_tests_share_one(osf_server_session, osf_server):
    guid = osf_server_session.add_project("Shared")
    assert title(osf_server_session, guid) == "Shared"
    assert osf_server.api_url != osf_server_session.api_url
