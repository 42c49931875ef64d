"""A recording from its first request to its last, against an emulator of its own."""

from __future__ import annotations

import ast
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc_osf.emulator import EmulatorThread

from . import stage
from .compare import Vocabulary, differences
from .recordings import load
from .wire import Wire

if TYPE_CHECKING:
    from .recordings import Recorded
    from .wire import Reply

_LISTING = re.compile(r"listing /(?:(\w{24})/)?: (\[.*\])")
# What the record does not tell about three requests: their Authorization header.
_CREDENTIALS = {
    "malformed auth header": "Bearer",
    "basic auth bad": "Basic dXNlcjpwYXNz",
    "token scheme": "Token test-token-rw",
}


@dataclass
class Played:
    """A recorded request that was replayed.

    Parameters
    ----------
    differences
        Pairs of the place in the answer and of what differs there.
    """

    recorded: Recorded
    differences: list[tuple[str, str]] = field(default_factory=list)

    @property
    def places(self) -> list[str]:
        """Where the answers differ."""
        return sorted({place for place, _ in self.differences})


@cache
def play(key: str) -> list[Played]:
    """Replay a whole recording, once for all tests of a process."""
    with tempfile.TemporaryDirectory() as root, EmulatorThread(Path(root)) as osf:
        stage.set_up(osf)
        return _Player(osf, key).all()


class _Player:
    def __init__(self, osf: EmulatorThread, key: str) -> None:
        self._osf = osf
        self._recording = load(key)
        self._scene = stage.scenes().get(key, {})
        self._words = Vocabulary(osf.files_url, osf.web_url, _shared(self._scene))

    def all(self) -> list[Played]:
        """Replay the requests one after the other."""
        return [self._one(exchange) for exchange in self._recording.requests]

    def _one(self, exchange: Recorded) -> Played:
        entities = [
            {**entity, "parent": self._parent(entity["parent"])}
            for entity in self._scene.get("entities", ())
            if entity["before"] == exchange.number
        ]
        stage.enter(self._osf, entities)
        for act in self._scene.get("acts", ()):
            if act["before"] == exchange.number:
                self._act(act)
        played = Played(exchange)
        played.differences += differences(exchange, self._ask(exchange), self._words)
        for note in exchange.notes:
            match = _LISTING.match(note)
            if match is not None:
                played.differences += self._compare_listing(match, exchange)
        return played

    def _parent(self, parent: str) -> str:
        """Return the id of a folder; that of the root for a project's guid."""
        name = self._words.to_emulator(parent)
        if not name.startswith("@"):
            return name
        node = self._osf._call(lambda: self._osf.world.store.node(name.removeprefix("@")))
        return node.root

    def _ask(self, exchange: Recorded) -> Reply:
        osf = self._osf
        url = osf.files_url if exchange.target.startswith(("/v1", "/status")) else osf.web_url
        headers = {"User-Agent": "replay"}
        credentials = _CREDENTIALS.get(exchange.title)
        if exchange.token is not None:
            credentials = f"Bearer {exchange.token}"
        if credentials is not None:
            headers["Authorization"] = credentials
        headers |= {name: self._words.to_emulator(v) for name, v in exchange.headers.items()}
        body = exchange.body
        if headers.get("Content-Type", "").startswith("application/"):
            body = self._words.to_emulator(body.decode()).encode()
            headers["Content-Length"] = str(len(body))
        with Wire(url) as wire:
            wire.send_head(exchange.method, self._words.to_emulator(exchange.target), headers)
            wire.send_unless_answered(body)
            return wire.reply(exchange.method)

    def _compare_listing(self, note: re.Match[str], exchange: Recorded) -> list[tuple[str, str]]:
        """Compare what is in a folder with a note about it."""
        tree = self._osf.world.tree
        root = stage.PRIVATE if "resource" in exchange.body.decode() else stage.PUBLIC
        folder = self._words.to_emulator(note[1] or stage.ROOTS[root])
        there = sorted(
            (
                entity.kind,
                entity.name,
                self._words.recorded(entity.path),
                None if entity.is_folder else entity.versions,
                entity.size,
            )
            for entity in self._osf._call(lambda: tree.children(folder))
        )
        noted = sorted(ast.literal_eval(note[2]))
        return [] if there == noted else [("listing", f"recorded {noted}, emulated {there}")]

    def _act(self, act: dict[str, Any]) -> None:
        osf, world = self._osf, self._osf.world
        if act["act"] == "quota":
            osf.set_quota(act["node"], act["size"])
        elif act["act"] == "fill":
            # Whatever is in the folder already comes first in its listing.
            stage.fill(osf, act["folder"], act["files"])
        elif act["act"] == "limit":
            osf.settings.rate_limit = (act["requests"], act["seconds"])
        elif act["act"] == "use up":
            statuses = [self._status(act["token"]) for _ in range(act["requests"])]
            assert statuses == act["statuses"]
        elif act["act"] == "window ends":
            osf._call(world.windows.__init__)
        elif act["act"] == "know etag":
            reply = self._get(f"/v1/resources/63bkf/providers/osfstorage/{act['folder']}/")
            self._words.learn(act["etag"], reply.headers["Etag"].strip('"'))
        else:
            raise ValueError(act)

    def _status(self, token: str) -> int:
        return self._get(f"/v1/resources/{stage.PUBLIC}/providers/osfstorage/", token).status

    def _get(self, target: str, token: str = "test-token-rw") -> Reply:
        with Wire(self._osf.files_url) as wire:
            wire.send_head("GET", target, {"Authorization": f"Bearer {token}"})
            return wire.reply()


def _shared(scene: dict[str, Any]) -> set[str]:
    """Return the ids and times that the emulator takes over from the recording."""
    shared = {*stage.ROOTS, *stage.ROOTS.values(), *stage.USERS}
    for entity in scene.get("entities", ()):
        shared.add(entity["id"])
        shared |= {version["created"] for version in entity.get("versions", ())}
    return shared
