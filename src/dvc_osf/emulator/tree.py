"""The tree of folders, files and versions of all projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ids import new_id, now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from .store import Store

_COLUMNS = (
    "id, node, parent, kind, name, checkout, versions, size, md5, sha256, modified, first_size,"
    " created"
)
_VERSION = "entity, ordinal, identifier, size, md5, sha256, created, user"
_SUBTREE = """
WITH RECURSIVE subtree (id) AS (
    SELECT ? UNION ALL SELECT entities.id FROM entities JOIN subtree ON parent = subtree.id
)
"""


@dataclass(frozen=True)
class Entity:
    """A file or folder; the hashes and `modified` are those of the newest version.

    `size` is that of the newest version and `first_size` that of the first, in bytes: the OSF
    mixes them up, so both are at hand.
    """

    id: str
    node: str
    parent: str | None
    kind: str
    name: str
    checkout: str | None
    versions: int
    size: int | None
    md5: str | None
    sha256: str | None
    modified: str | None
    first_size: int | None
    created: str | None

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.kind == "folder"

    @property
    def path(self) -> str:
        """The path that WaterButler names it by: ``/<id>``, for folders with a slash."""
        return f"/{self.id}/" if self.is_folder else f"/{self.id}"


@dataclass(frozen=True)
class Version:
    """One version of a file; racing uploads give several the same identifier."""

    entity: str
    ordinal: int
    identifier: int
    size: int
    md5: str
    sha256: str
    created: str
    user: str | None


@dataclass(frozen=True)
class Content:
    """What a version holds; `data` is the content itself if it is small."""

    size: int
    md5: str
    sha256: str
    data: bytes | None = None


def children(db: sqlite3.Connection, folder: str) -> Iterator[Entity]:
    """Yield what is in a folder, in no useful order."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM entities WHERE parent = ? ORDER BY number DESC",  # noqa: S608
        (folder,),
    )
    return (Entity(*row) for row in rows)


class Tree:
    """All entities of an emulator.

    Parameters
    ----------
    store
        Where they are; it stays the caller's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db

    def get(self, entity_id: str) -> Entity | None:
        """Return an entity by its id."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM entities WHERE id = ?",  # noqa: S608
            (entity_id,),
        ).fetchone()
        return Entity(*row) if row else None

    def deleted_kind(self, entity_id: str) -> str | None:
        """Return the kind of an entity that is no more."""
        row = self._db.execute(
            "SELECT kind FROM deleted_entities WHERE id = ?", (entity_id,)
        ).fetchone()
        return row[0] if row else None

    def children(self, folder: str) -> list[Entity]:
        """Return what is in a folder, in no useful order."""
        return list(children(self._db, folder))

    def count(self, folder: str) -> int:
        """Return how many entities are in a folder."""
        row = self._db.execute("SELECT count(*) FROM entities WHERE parent = ?", (folder,))
        return int(row.fetchone()[0])

    def named(self, folder: str, name: str, kind: str) -> list[Entity]:
        """Return the children with a name and a kind: one at most, unless uploads raced."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM entities WHERE parent = ? AND name = ? AND kind = ?"  # noqa: S608
            " ORDER BY id",
            (folder, name, kind),
        )
        return [Entity(*row) for row in rows]

    def lineage(self, entity: Entity) -> list[Entity]:
        """Return the entity and the folders above it, the root first."""
        line = [entity]
        while line[-1].parent is not None:
            parent = self.get(line[-1].parent)
            if parent is None:
                break
            line.append(parent)
        return line[::-1]

    def materialized(self, entity: Entity) -> str:
        """Return the path made of names; that of a folder ends with a slash."""
        names = "/".join(part.name for part in self.lineage(entity)) or ""
        return names + "/" if entity.is_folder else names

    def versions(self, entity_id: str) -> list[Version]:
        """Return the versions of a file, newest first."""
        rows = self._db.execute(
            f"SELECT {_VERSION} FROM versions WHERE entity = ? ORDER BY ordinal DESC",  # noqa: S608
            (entity_id,),
        )
        return [Version(*row) for row in rows]

    def version(self, entity_id: str, ordinal: int) -> Version | None:
        """Return the n-th version of a file."""
        row = self._db.execute(
            f"SELECT {_VERSION} FROM versions WHERE entity = ? AND ordinal = ?",  # noqa: S608
            (entity_id, ordinal),
        ).fetchone()
        return Version(*row) if row else None

    def identified(self, entity_id: str, identifier: int) -> list[Version]:
        """Return the versions with an identifier: one, unless uploads raced."""
        rows = self._db.execute(
            f"SELECT {_VERSION} FROM versions WHERE entity = ? AND identifier = ?",  # noqa: S608
            (entity_id, identifier),
        )
        return [Version(*row) for row in rows]

    def add_folder(self, parent: Entity, name: str) -> Entity:
        """Create a folder."""
        folder_id = new_id()
        self._db.execute(
            "INSERT INTO entities (id, node, parent, kind, name, versions)"
            " VALUES (?, ?, ?, 'folder', ?, 1)",
            (folder_id, parent.node, parent.id, name),
        )
        return self._existing(folder_id)

    def add_file(self, parent: Entity, name: str, content: Content, user: str | None) -> Entity:
        """Create a file with its first version."""
        entity = Entity(
            new_id(),
            parent.node,
            parent.id,
            "file",
            name,
            None,
            1,
            content.size,
            content.md5,
            content.sha256,
            now(),
            content.size,
            None,
        )
        row = (*vars(entity).values(),)[:-1] + (entity.modified,)
        with self._store.transaction():
            self._db.execute(
                f"INSERT INTO entities ({_COLUMNS})"  # noqa: S608
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            self._add_version(entity.id, 1, 1, content, str(entity.modified), user)
        return Entity(*row)

    def add_version(self, seen: Entity, content: Content, user: str | None) -> Entity:
        """Add a version to a file, unless it is the newest one's content again.

        Parameters
        ----------
        seen
            The file as the upload saw it. If another upload has added a version since, the two
            versions get the same identifier: the race that corrupts files on the real server.
        """
        latest = self._existing(seen.id)
        if seen.sha256 == content.sha256:
            return latest
        ordinal = latest.versions + 1
        created = now()
        with self._store.transaction():
            self._add_version(latest.id, ordinal, seen.versions + 1, content, created, user)
            self._db.execute(
                "UPDATE entities SET versions = ?, size = ?, md5 = ?, sha256 = ?, modified = ?"
                " WHERE id = ?",
                (ordinal, content.size, content.md5, content.sha256, created, latest.id),
            )
        return self._existing(latest.id)

    def set_checkout(self, entity_id: str, user: str | None) -> Entity:
        """Lock a file for a user, or release it."""
        self._db.execute("UPDATE entities SET checkout = ? WHERE id = ?", (user, entity_id))
        return self._existing(entity_id)

    def checked_out(self, entity_id: str) -> bool:
        """Tell whether an entity, or anything below it, is locked."""
        row = self._db.execute(
            _SUBTREE + "SELECT 1 FROM subtree JOIN entities USING (id) WHERE checkout IS NOT NULL",
            (entity_id,),
        ).fetchone()
        return row is not None

    def contains(self, entity_id: str, other: str) -> bool:
        """Tell whether one entity is the other or lies somewhere above it."""
        above = self.get(other)
        return above is not None and any(part.id == entity_id for part in self.lineage(above))

    def delete(self, entity_ids: Iterable[str]) -> set[str]:
        """Delete entities with everything below; return the hashes of contents kept as files."""
        hashes: set[str] = set()
        with self._store.transaction():
            for entity_id in entity_ids:
                rows = self._db.execute(
                    _SUBTREE + "SELECT id, kind FROM subtree JOIN entities USING (id)",
                    (entity_id,),
                ).fetchall()
                ids = [(row[0],) for row in rows]
                for key in ids:
                    found = self._db.execute(
                        "SELECT sha256 FROM versions WHERE entity = ? AND data IS NULL", key
                    )
                    hashes.update(row[0] for row in found)
                self._db.executemany("INSERT INTO deleted_entities VALUES (?, ?)", rows)
                self._db.executemany("DELETE FROM versions WHERE entity = ?", ids)
                self._db.executemany("DELETE FROM entities WHERE id = ?", ids)
        return hashes

    def uses(self, sha256: str) -> bool:
        """Tell whether any version has this content, kept as a file."""
        row = self._db.execute(
            "SELECT 1 FROM versions WHERE sha256 = ? AND data IS NULL LIMIT 1", (sha256,)
        )
        return row.fetchone() is not None

    def move(self, entity: Entity, parent: Entity, name: str) -> Entity:
        """Give an entity a new place and name; ids and versions stay."""
        with self._store.transaction():
            self._db.execute(
                "UPDATE entities SET parent = ?, name = ? WHERE id = ?",
                (parent.id, name, entity.id),
            )
            if parent.node != entity.node:
                self._db.execute(
                    _SUBTREE + "UPDATE entities SET node = ? WHERE id IN (SELECT id FROM subtree)",
                    (entity.id, parent.node),
                )
        return self._existing(entity.id)

    def copy(self, entity: Entity, parent: Entity, name: str) -> Entity:
        """Copy an entity with everything below it; versions too, ids are new."""
        with self._store.transaction():
            return self._existing(self._copy(entity, parent.node, parent.id, name))

    def usage(self, guid: str) -> int:
        """Return the bytes of all versions in a node."""
        row = self._db.execute(
            "SELECT coalesce(sum(versions.size), 0) FROM entities JOIN versions"
            " ON entity = entities.id WHERE node = ?",
            (guid,),
        )
        return int(row.fetchone()[0])

    def _existing(self, entity_id: str) -> Entity:
        entity = self.get(entity_id)
        if entity is None:
            raise LookupError(entity_id)
        return entity

    def _add_version(  # noqa: PLR0917
        self,
        entity_id: str,
        ordinal: int,
        identifier: int,
        content: Content,
        created: str,
        user: str | None,
    ) -> None:
        row = (entity_id, ordinal, identifier, content.size, content.md5, content.sha256)
        self._db.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, created, user, content.data),
        )

    def _copy(self, entity: Entity, node: str, parent: str, name: str) -> str:
        copy_id = new_id()
        self._db.execute(
            f"INSERT INTO entities ({_COLUMNS}) SELECT ?, ?, ?, kind, ?, NULL, versions, size, md5, sha256,"
            " modified, first_size, created FROM entities WHERE id = ?",
            (copy_id, node, parent, name, entity.id),
        )
        self._db.execute(
            "INSERT INTO versions SELECT ?, ordinal, identifier, size, md5, sha256, created, user,"
            " data FROM versions WHERE entity = ?",
            (copy_id, entity.id),
        )
        for child in self.children(entity.id):
            self._copy(child, node, copy_id, child.name)
        return copy_id
