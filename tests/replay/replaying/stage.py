"""The state that a recording starts from, put into an emulator.

Ids and times are those of the recording, so that most of an answer can be compared as it is; only
what the recorded requests themselves create has other ids and times in the emulator.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from dvc_osf.emulator.ids import new_id

from .recordings import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dvc_osf.emulator import EmulatorThread
    from dvc_osf.emulator.store import Store

USERS = {
    "pjm7r": ("Test User One", "2026-11-22T17:47:43.450356"),
    "xk2wp": ("Test User Two", "2026-11-22T17:47:44.000001"),
    "qwmdp": ("Test User Three", "2026-11-22T17:47:45.000001"),
}
TOKENS = {
    "test-token-rw": ("pjm7r", "osf.full_write"),
    "test-token-ro": ("pjm7r", "osf.full_read"),
    "test-token-noperm": ("xk2wp", "osf.full_write"),
    "test-token-noscope": ("pjm7r", "osf.users.email_read"),
    "test-token-nodes": ("pjm7r", "osf.nodes.full_write"),
    "test-token-rw3": ("qwmdp", "osf.full_write"),
}
PUBLIC, PRIVATE = "63bkf", "wy3t4"
ROOTS = {PUBLIC: "6b032ac5596fae1c472e807f", PRIVATE: "6b032ac5596fae1c472e8083"}
_NODES = (
    (PUBLIC, "osfstack public", 1, "2026-11-22T17:47:46.617371", "2026-11-22T17:53:33.282850"),
    (PRIVATE, "osfstack private", 0, "2026-11-22T17:47:49.357004", "2026-11-22T17:47:53.342561"),
)
_TIME = "2026-11-22T17:50:00.000000"


@cache
def scenes() -> dict[str, Any]:
    """Return what each recording starts from, and what happens unrecorded on the way."""
    return json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8"))


def set_up(osf: EmulatorThread) -> None:
    """Create the users, tokens and projects that all recordings have."""

    def create() -> None:
        db = osf.world.store.db
        db.executemany(
            "INSERT INTO users VALUES (?, ?, ?)", [(guid, *user) for guid, user in USERS.items()]
        )
        db.executemany(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)",
            [(name, user, json.dumps([scope]), name) for name, (user, scope) in TOKENS.items()],
        )
        for guid, title, public, created, modified in _NODES:
            db.execute(
                "INSERT INTO nodes VALUES (?, 'nodes', ?, '', 'project', ?, 'default', ?, NULL, ?,"
                " ?, 0)",
                (guid, title, public, ROOTS[guid], created, modified),
            )
            db.execute(
                "INSERT INTO entities (id, node, kind, name, versions)"
                " VALUES (?, ?, 'folder', '', 1)",
                (ROOTS[guid], guid),
            )
            for user, permission in (("pjm7r", "admin"), ("qwmdp", "write")):
                db.execute("INSERT INTO contributors VALUES (?, ?, ?)", (guid, user, permission))

    osf._call(create)


def enter(osf: EmulatorThread, entities: Iterable[dict[str, Any]]) -> None:
    """Create files and folders; parents come before their children."""
    # What comes first in the OSF's listings was created last.
    waiting = list(entities)
    ids = {entity["id"] for entity in waiting}
    while waiting:
        ready = [entity for entity in waiting if entity["parent"] not in ids]
        ids -= {entity["id"] for entity in ready}
        waiting = [entity for entity in waiting if entity not in ready]
        for entity in reversed(ready):
            osf._call(lambda entity=entity: _create(osf.world.store, entity))


def _create(store: Store, entity: dict[str, Any]) -> None:
    node = store.db.execute(
        "SELECT node FROM entities WHERE id = ?", (entity["parent"],)
    ).fetchone()[0]
    versions = [_version(version) for version in entity.get("versions", ())]
    first, last = (versions[0], versions[-1]) if versions else (None, None)
    store.db.execute(
        "INSERT INTO entities VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            entity["id"],
            node,
            entity["parent"],
            "file" if versions else "folder",
            entity["name"],
            len(versions) or 1,
            *(last[:4] if last else (None,) * 4),
            first[0] if first else None,
            first[3] if first else None,
        ),
    )
    identifiers = entity.get("identifiers", range(1, len(versions) + 1))
    for ordinal, (identifier, version) in enumerate(zip(identifiers, versions, strict=True), 1):
        size, md5, sha256, created, data = version
        store.db.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, 'pjm7r', ?)",
            (entity["id"], ordinal, identifier, size, md5, sha256, created, data),
        )


def _version(version: dict[str, Any]) -> tuple[int, str, str, str, bytes]:
    """Return size, MD5, SHA-256, time and content; of some only the facts are on record."""
    created = version.get("created", _TIME)
    if "text" in version:
        data = version["text"].encode("latin-1") * version.get("times", 1)
        hashes = hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()
        return len(data), *hashes, created, data
    return version["size"], version["md5"], version["sha256"], created, b""


def fill(osf: EmulatorThread, folder: str, files: int) -> None:
    """Put empty files named f000, f001, ... into a folder, behind those that are there."""
    width = len(str(files - 1))
    rows = [
        (new_id(), folder, f"f{number:0{width}}.txt", -number - 1, folder)
        for number in range(files)
    ]
    osf._call(
        lambda: osf.world.store.db.executemany(
            "INSERT INTO entities SELECT ?, node, ?, 'file', ?, NULL, 1, 0, '', '', created, 0,"
            " created, ? FROM entities WHERE id = ?",
            rows,
        )
    )
