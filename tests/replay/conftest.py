"""An emulator with the recordings' users and projects, and a plain client for it."""

import json
import sys
from pathlib import Path

import pytest

# pytest's importlib mode leaves the path alone.
sys.path.insert(0, str(Path(__file__).parent))

from replaying import stage
from replaying.wire import Wire

from dvc_osf.emulator import EmulatorThread


class Client:
    """Requests to the public project, as the recordings' first user."""

    def __init__(self, osf):
        self.osf = osf
        self.root = f"/v1/resources/{stage.PUBLIC}/providers/osfstorage"

    def headers(self, token, body, headers):
        merged = {"User-Agent": "observer", "Content-Length": len(body)}
        if token is not None:
            merged["Authorization"] = f"Bearer {token}"
        return {k: v for k, v in (merged | (headers or {})).items() if v is not None}

    def ask(self, method, target, body=b"", *, token="test-token-rw", headers=None):
        url = self.osf.files_url if target.startswith("/v1") else self.osf.web_url
        with Wire(url) as wire:
            wire.send_head(method, target, self.headers(token, body, headers))
            wire.send_unless_answered(body)
            return wire.reply(method)

    def wb(self, method, path="/", body=b"", **options):
        return self.ask(method, self.root + path, body, **options)

    def put(self, name, body=b"data", folder="/", kind="file", **options):
        return self.wb("PUT", f"{folder}?kind={kind}&name={name}", body, **options)

    def make(self, name, body=b"data", folder="/", kind="file"):
        """Create something and return its path."""
        reply = self.put(name, body, folder, kind)
        assert reply.status == 201
        return data(reply)["attributes"]["path"]

    def mkdir(self, name, folder="/"):
        return self.make(name, b"", folder, "folder")

    def listing(self, folder="/"):
        """Return kind, name, path, version and size of what is in a folder."""
        return sorted(
            (
                entry["attributes"]["kind"],
                entry["attributes"]["name"],
                entry["attributes"]["path"],
                entry["attributes"]["extra"].get("version"),
                entry["attributes"]["size"],
            )
            for entry in data(self.wb("GET", folder))
        )

    def v2_listing(self, folder):
        """Return kind, name, path, version and size as API v2 has them."""
        target = f"/v2/nodes/{stage.PUBLIC}/files/osfstorage{folder}?sort=name&page[size]=100"
        return sorted(
            (
                facts["kind"],
                facts["name"],
                facts["path"],
                facts["current_version"] if facts["kind"] == "file" else None,
                facts["size"],
            )
            for facts in (entry["attributes"] for entry in data(self.ask("GET", target)))
        )


def data(reply):
    return json.loads(reply.body)["data"]


@pytest.fixture
def osf(tmp_path):
    with EmulatorThread(tmp_path / "osf") as emulator:
        stage.set_up(emulator)
        yield emulator


@pytest.fixture
def client(osf):
    return Client(osf)
