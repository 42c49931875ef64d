"""The tree of folders, files and versions of all projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ids import new_id, now
from .records import Entity, Version

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from .records import Content
    from .store import Store


def children(db: sqlite3.Connection, folder: str) -> Iterator[Entity]:
    """Yield what is in a folder, in no useful order."""
    rows = db.execute("SELECT * FROM entities WHERE parent = ? ORDER BY number DESC", (folder,))
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
        row = self._db.execute("SELECT * FROM entities WHERE id = ?", (entity_id,)).fetchone()
        return Entity(*row) if row else None

    def existing(self, entity_id: str) -> Entity:
        """Return an entity that must exist."""
        entity = self.get(entity_id)
        if entity is None:
            raise LookupError(entity_id)
        return entity

    def deleted(self, entity_id: str) -> bool:
        """Tell whether there was such an entity."""
        row = self._db.execute("SELECT 1 FROM deleted_entities WHERE id = ?", (entity_id,))
        return row.fetchone() is not None

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
            "SELECT * FROM entities WHERE parent = ? AND name = ? AND kind = ?",
            (folder, name, kind),
        )
        return [Entity(*row) for row in rows]

    def lineage(self, entity: Entity) -> list[Entity]:
        """Return the entity and the folders above it, the root first."""
        line = [entity]
        while line[-1].parent is not None:
            line.append(self.existing(line[-1].parent))
        return line[::-1]

    def materialized(self, entity: Entity) -> str:
        """Return the path made of names; that of a folder ends with a slash."""
        names = "/".join(part.name for part in self.lineage(entity))
        return names + "/" if entity.is_folder else names

    def contains(self, entity_id: str, other: Entity) -> bool:
        """Tell whether one entity is the other or lies somewhere above it."""
        return any(part.id == entity_id for part in self.lineage(other))

    def versions(self, entity_id: str) -> list[Version]:
        """Return the versions of a file, newest first."""
        rows = self._db.execute(
            "SELECT * FROM version_facts WHERE entity = ? ORDER BY ordinal DESC", (entity_id,)
        )
        return [Version(*row) for row in rows]

    def version(self, entity_id: str, ordinal: int) -> Version | None:
        """Return the n-th version of a file."""
        row = self._db.execute(
            "SELECT * FROM version_facts WHERE entity = ? AND ordinal = ?", (entity_id, ordinal)
        ).fetchone()
        return Version(*row) if row else None

    def identified(self, entity_id: str, identifier: int) -> list[Version]:
        """Return the versions with an identifier: one, unless uploads raced."""
        rows = self._db.execute(
            "SELECT * FROM version_facts WHERE entity = ? AND identifier = ?",
            (entity_id, identifier),
        )
        return [Version(*row) for row in rows]

    def add_folder(self, parent: Entity, name: str) -> Entity:
        """Create a folder."""
        folder_id = new_id()
        with self._store.transaction():
            self._db.execute(
                "INSERT INTO entities (id, node, parent, kind, name, versions)"
                " VALUES (?, ?, ?, 'folder', ?, 1)",
                (folder_id, parent.node, parent.id, name),
            )
        return self.existing(folder_id)

    def add_file(self, parent: Entity, name: str, content: Content, user: str | None) -> Entity:
        """Create a file with its first version."""
        size, md5, sha256, created = content.size, content.md5, content.sha256, now()
        row = (new_id(), parent.node, parent.id, "file", name, None, 1, size, md5, sha256)
        dates = (created, size, created)
        with self._store.transaction():
            number = self._db.execute(
                "INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                row + dates,
            ).lastrowid
            self._add_version(Version(row[0], 1, 1, size, md5, sha256, created, user), content)
        return Entity(*row, *dates, number or 0)

    def add_version(self, seen: Entity, content: Content, user: str | None) -> Entity:
        """Add a version to a file, unless it is the newest one's content again.

        Parameters
        ----------
        seen
            The file as the upload saw it. If another upload has added a version since, the two
            versions get the same identifier: the race that corrupts files on the real server.
        """
        latest = self.existing(seen.id)
        if seen.sha256 == content.sha256:
            return latest
        size, md5, sha256, created = content.size, content.md5, content.sha256, now()
        ordinal, identifier = latest.versions + 1, seen.versions + 1
        version = Version(latest.id, ordinal, identifier, size, md5, sha256, created, user)
        with self._store.transaction():
            self._add_version(version, content)
            self._db.execute(
                "UPDATE entities SET versions = ?, size = ?, md5 = ?, sha256 = ?, modified = ?"
                " WHERE id = ?",
                (ordinal, size, md5, sha256, created, latest.id),
            )
        return self.existing(latest.id)

    def _add_version(self, version: Version, content: Content) -> None:
        self._db.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*vars(version).values(), content.data),
        )

    def set_checkout(self, entity_id: str, user: str | None) -> Entity:
        """Lock a file for a user, or release it."""
        self._db.execute("UPDATE entities SET checkout = ? WHERE id = ?", (user, entity_id))
        return self.existing(entity_id)

    def checked_out(self, entity_id: str) -> bool:
        """Tell whether an entity, or anything below it, is locked."""
        return any(checkout is not None for _, _, checkout in self._subtree(entity_id))

    def delete(self, entity_id: str) -> set[str]:
        """Delete an entity with everything below; return the hashes of contents kept as files."""
        return self._delete([part_id for part_id, _, _ in self._subtree(entity_id)])

    def empty(self, folder: str) -> set[str]:
        """Delete everything below a folder, as `delete` does."""
        parts = self._subtree(folder)
        return self._delete([part_id for part_id, _, _ in parts if part_id != folder])

    def _delete(self, entity_ids: list[str]) -> set[str]:
        ids = [(entity_id,) for entity_id in entity_ids]
        hashes: set[str] = set()
        with self._store.transaction():
            for key in ids:
                found = self._db.execute(
                    "SELECT sha256 FROM versions WHERE entity = ? AND data IS NULL", key
                )
                hashes.update(row[0] for row in found)
            self._db.executemany("INSERT INTO deleted_entities VALUES (?)", ids)
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
                moved = [(parent.node, moved_id) for moved_id, _, _ in self._subtree(entity.id)]
                self._db.executemany("UPDATE entities SET node = ? WHERE id = ?", moved)
        return self.existing(entity.id)

    def copy(self, entity: Entity, parent: Entity, name: str) -> Entity:
        """Copy an entity with everything below it; versions too, ids are new."""
        with self._store.transaction():
            return self.existing(self._copy(entity, parent.node, parent.id, name))

    def _copy(self, entity: Entity, node: str, parent: str, name: str) -> str:
        copy_id = new_id()
        self._db.execute(
            "INSERT INTO entities SELECT ?, ?, ?, kind, ?, NULL, versions, size, md5, sha256,"
            " modified, first_size, created, NULL FROM entities WHERE id = ?",
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

    def usage(self, guid: str) -> int:
        """Return the bytes of all versions in a node."""
        row = self._db.execute(
            "SELECT coalesce(sum(versions.size), 0) FROM entities JOIN versions"
            " ON entity = entities.id WHERE node = ?",
            (guid,),
        )
        return int(row.fetchone()[0])

    def _subtree(self, entity_id: str) -> list[tuple[str, str, str | None]]:
        """Return id, kind and checkout of an entity and of everything below it."""
        rows = self._db.execute(
            "WITH RECURSIVE subtree (id) AS (SELECT ? UNION ALL"
            " SELECT entities.id FROM entities JOIN subtree ON parent = subtree.id)"
            " SELECT id, kind, checkout FROM subtree JOIN entities USING (id)",
            (entity_id,),
        )
        return rows.fetchall()
