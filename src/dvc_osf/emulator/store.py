"""The database: users, tokens, projects, and what every other table needs."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ids import new_guid, new_id, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    secret TEXT PRIMARY KEY, user TEXT NOT NULL, scopes TEXT NOT NULL, label TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL,
    category TEXT NOT NULL, public INTEGER NOT NULL, region TEXT NOT NULL, root TEXT NOT NULL,
    quota INTEGER, created TEXT NOT NULL, modified TEXT NOT NULL, deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contributors (
    node TEXT NOT NULL, user TEXT NOT NULL, permission TEXT NOT NULL, PRIMARY KEY (node, user)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS view_only_links (
    key TEXT PRIMARY KEY, node TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anonymous_links (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS components (
    node TEXT PRIMARY KEY, parent TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS components_of ON components (parent);
CREATE TABLE IF NOT EXISTS entities (
    id TEXT NOT NULL UNIQUE, node TEXT NOT NULL, parent TEXT, kind TEXT NOT NULL,
    name TEXT NOT NULL, checkout TEXT, versions INTEGER NOT NULL, size INTEGER, md5 TEXT,
    sha256 TEXT, modified TEXT, first_size INTEGER, created TEXT, number INTEGER PRIMARY KEY
);
CREATE INDEX IF NOT EXISTS children_by_name ON entities (parent, name);
-- The order of unsorted listings: by number, which is part of every index.
CREATE INDEX IF NOT EXISTS children ON entities (parent);
CREATE TABLE IF NOT EXISTS versions (
    entity TEXT NOT NULL, ordinal INTEGER NOT NULL, identifier INTEGER NOT NULL,
    size INTEGER NOT NULL, md5 TEXT NOT NULL, sha256 TEXT NOT NULL, created TEXT NOT NULL,
    user TEXT,
    -- A small content is kept here; for a row costs a fraction of what a file costs.
    data BLOB, PRIMARY KEY (entity, ordinal)
) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS version_facts AS
    SELECT entity, ordinal, identifier, size, md5, sha256, created, user FROM versions;
CREATE INDEX IF NOT EXISTS uses_of_blobs ON versions (sha256) WHERE data IS NULL;
-- Storage beside osfstorage; the `node` of its entities is "<guid>/<provider>".
CREATE TABLE IF NOT EXISTS addons (
    node TEXT NOT NULL, provider TEXT NOT NULL, root TEXT NOT NULL, PRIMARY KEY (node, provider)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deleted_entities (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class User:
    """A person with an account."""

    id: str
    name: str
    created: str


@dataclass(frozen=True)
class Token:
    """A personal access token; the label stands for it in logs."""

    secret: str
    user: str
    scopes: frozenset[str]
    label: str


@dataclass(frozen=True)
class Node:
    """A project or a registration; `quota` is in bytes, `root` the id of its root folder."""

    id: str
    kind: str
    title: str
    description: str
    category: str
    public: bool
    region: str
    root: str
    quota: int | None
    created: str
    modified: str
    deleted: bool


class Store:
    """The SQLite database of an emulator; used from the thread of its event loop only.

    Parameters
    ----------
    path
        The database file; it is created if it does not exist. The store owns the connection.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # A killed process loses nothing that SQLite has handed to the operating system; surviving
        # a power cut is not worth a disk flush for each request.
        self.db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
        prepare(self.db)
        self._turn: asyncio.Future[None] | None = None
        self._after_commit: list[Callable[[], None]] = []
        # Every request asks who it is and for which project; the answers rarely change.
        self._tokens: dict[str, Token] = {}
        self._nodes: dict[str, Node] = {}
        self._permissions: dict[tuple[str, str | None], str | None] = {}

    def close(self) -> None:
        """Commit what is open, and close the database."""
        self._commit()
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let everything in the block become durable at once, or nothing.

        Blocks that follow each other within two turns of the event loop share a commit, which is
        the costly part; `settled` waits for it.
        """
        if not self.db.in_transaction:
            self.db.execute("BEGIN IMMEDIATE")
            self._commit_soon()
        try:
            yield
        except BaseException as error:
            self._roll_back(error)
            raise
        if self._turn is None:
            self._commit()

    async def settled(self) -> None:
        """Wait until everything that was written is durable."""
        if self._turn is not None:
            await self._turn

    def after_commit(self, work: Callable[[], None]) -> None:
        """Do something that must not happen unless, and before, the open transaction is durable."""
        self._after_commit.append(work)

    def _commit_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Nobody runs who could commit later: the end of the block will do it.
            return
        self._turn = loop.create_future()
        # Not in the next turn but the one after it: requests of the same moment come together.
        loop.call_soon(loop.call_soon, self._commit)

    def _commit(self) -> None:
        turn, self._turn = self._turn, None
        work, self._after_commit = self._after_commit, []
        if self.db.in_transaction:
            self.db.execute("COMMIT")
        for item in work:
            item()
        if turn is not None and not turn.done():
            turn.set_result(None)

    def _roll_back(self, error: BaseException) -> None:
        turn, self._turn = self._turn, None
        self._after_commit.clear()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self._forget()
        if turn is not None and not turn.done():
            turn.set_exception(error)
            # Other requests of this turn may be waiting, or none.
            turn.exception()

    def _forget(self) -> None:
        self._tokens.clear()
        self._nodes.clear()
        self._permissions.clear()

    def fact(self, key: str) -> str | None:
        """Return a remembered fact, such as the guid of the first project."""
        row = self.db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def remember(self, key: str, value: str) -> None:
        """Remember a fact across restarts."""
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def add_user(self, name: str) -> User:
        """Create an account."""
        user = User(new_guid(), name, now())
        self.db.execute("INSERT INTO users VALUES (?, ?, ?)", (user.id, user.name, user.created))
        return user

    def user(self, user_id: str | None) -> User | None:
        """Return the user with this guid."""
        row = self.db.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
        return User(*row) if row else None

    def add_token(self, user: str, scopes: Iterable[str], label: str | None = None) -> Token:
        """Create a token with these scopes, such as ``osf.full_write``."""
        number = self.db.execute("SELECT count(*) FROM tokens").fetchone()[0] + 1
        token = Token(
            secrets.token_urlsafe(48), user, frozenset(scopes), label or f"token-{number}"
        )
        self.db.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)",
            (token.secret, user, json.dumps(sorted(token.scopes)), token.label),
        )
        return token

    def token(self, secret: str) -> Token | None:
        """Return the token with this secret."""
        known = self._tokens.get(secret)
        if known is not None:
            return known
        row = self.db.execute("SELECT * FROM tokens WHERE secret = ?", (secret,)).fetchone()
        if row is None:
            return None
        token = Token(row[0], row[1], frozenset(json.loads(row[2])), row[3])
        self._tokens[secret] = token
        return token

    def add_node(  # the facts of a project, each with its own default upstream
        self,
        creator: str,
        *,
        title: str,
        public: bool = False,
        region: str = "default",
        kind: str = "nodes",
        description: str = "",
        category: str = "project",
    ) -> Node:
        """Create a project with an empty root folder; the creator becomes its administrator."""
        created = now()
        node = Node(
            new_guid(),
            kind,
            title,
            description,
            category,
            public,
            region,
            new_id(),
            None,
            created,
            created,
            deleted=False,
        )
        self._permissions.clear()
        with self.transaction():
            self.db.execute(
                "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tuple(vars(node).values()),
            )
            self.db.execute(
                "INSERT INTO entities (id, node, kind, name, versions)"
                " VALUES (?, ?, 'folder', '', 1)",
                (node.root, node.id),
            )
            self.db.execute("INSERT INTO contributors VALUES (?, ?, 'admin')", (node.id, creator))
        return node

    def node(self, guid: str) -> Node | None:
        """Return the node with this guid, in any case; deleted ones too."""
        node = self._nodes.get(guid)
        if node is not None:
            return node
        row = self.db.execute("SELECT * FROM nodes WHERE id = ?", (guid.lower(),)).fetchone()
        if row is None:
            return None
        self._nodes[guid] = node = _node(row)
        return node

    def nodes(self) -> list[Node]:
        """Return everything that was not deleted, the newest change first."""
        rows = self.db.execute("SELECT * FROM nodes WHERE NOT deleted ORDER BY modified DESC")
        return [_node(row) for row in rows]

    def nodes_of(self, user: str | None, kind: str) -> list[Node]:
        """Return what a user contributes to, the newest change first."""
        rows = self.db.execute(
            "SELECT nodes.* FROM nodes JOIN contributors ON node = id"
            " WHERE user = ? AND kind = ? AND NOT deleted ORDER BY modified DESC",
            (user, kind),
        )
        return [_node(row) for row in rows]

    def public_nodes(self, kind: str) -> list[Node]:
        """Return the public nodes, the newest change first."""
        rows = self.db.execute(
            "SELECT * FROM nodes WHERE public AND kind = ? AND NOT deleted ORDER BY modified DESC",
            (kind,),
        )
        return [_node(row) for row in rows]

    def add_provider(self, guid: str, provider: str) -> None:
        """Give a node another storage, empty, unless it has it already."""
        if self.provider_root(guid, provider) is not None:
            return
        root = new_id()
        with self.transaction():
            self.db.execute("INSERT INTO addons VALUES (?, ?, ?)", (guid, provider, root))
            self.db.execute(
                "INSERT INTO entities (id, node, kind, name, versions)"
                " VALUES (?, ?, 'folder', '', 1)",
                (root, f"{guid}/{provider}"),
            )

    def provider_root(self, guid: str, provider: str) -> str | None:
        """Return the id of the root folder of a node's other storage."""
        row = self.db.execute(
            "SELECT root FROM addons WHERE node = ? AND provider = ?", (guid, provider)
        ).fetchone()
        return row[0] if row else None

    def providers(self, guid: str) -> list[str]:
        """Return the names of a node's storage beside osfstorage."""
        rows = self.db.execute(
            "SELECT provider FROM addons WHERE node = ? ORDER BY provider", (guid,)
        )
        return [row[0] for row in rows]

    def make_component(self, guid: str, parent: str) -> None:
        """Make a node a component of another."""
        self.db.execute("INSERT INTO components VALUES (?, ?)", (guid, parent))

    def parent(self, guid: str) -> str | None:
        """Return what a node is a component of."""
        row = self.db.execute("SELECT parent FROM components WHERE node = ?", (guid,)).fetchone()
        return row[0] if row else None

    def components(self, guid: str) -> list[Node]:
        """Return the components of a node, the newest change first."""
        rows = self.db.execute(
            "SELECT nodes.* FROM nodes JOIN components ON node = id"
            " WHERE parent = ? AND NOT deleted ORDER BY modified DESC",
            (guid,),
        )
        return [_node(row) for row in rows]

    def regions(self) -> list[str]:
        """Return the storage regions in use."""
        return [row[0] for row in self.db.execute("SELECT DISTINCT region FROM nodes")]

    def change_node(self, guid: str, **changes: str | int | None) -> None:
        """Set columns of a node and note the time."""
        self._nodes.clear()
        assignments = "".join(f"{column} = ?, " for column in changes)
        self.db.execute(
            # The column names are this package's own.
            f"UPDATE nodes SET {assignments} modified = ? WHERE id = ?",  # noqa: S608
            (*changes.values(), now(), guid),
        )

    def set_contributor(self, guid: str, user: str, permission: str) -> None:
        """Give a user ``read``, ``write`` or ``admin`` on a node."""
        self._permissions.clear()
        self.db.execute(
            "INSERT OR REPLACE INTO contributors VALUES (?, ?, ?)", (guid, user, permission)
        )

    def permission(self, guid: str, user: str | None) -> str | None:
        """Return what a user may do on a node as its contributor."""
        if (guid, user) not in self._permissions:
            row = self.db.execute(
                "SELECT permission FROM contributors WHERE node = ? AND user = ?", (guid, user)
            ).fetchone()
            self._permissions[guid, user] = row[0] if row else None
        return self._permissions[guid, user]

    def add_view_only_link(self, guid: str, *, anonymous: bool = False) -> str:
        """Return a new key that lets anybody read a node, perhaps without seeing by whom it is."""
        key = secrets.token_hex(16)
        self.db.execute("INSERT INTO view_only_links VALUES (?, ?)", (key, guid))
        if anonymous:
            self.db.execute("INSERT INTO anonymous_links VALUES (?)", (key,))
        return key

    def view_only_key(self, guid: str) -> str:
        """Return a key of a node, a new one if there is none."""
        row = self.db.execute("SELECT key FROM view_only_links WHERE node = ?", (guid,)).fetchone()
        return row[0] if row else self.add_view_only_link(guid)

    def anonymous(self, key: str | None) -> bool:
        """Tell whether a key hides the names of people."""
        row = self.db.execute("SELECT 1 FROM anonymous_links WHERE key = ?", (key,)).fetchone()
        return row is not None

    def view_only(self, guid: str, key: str) -> bool:
        """Tell whether a key opens a node."""
        row = self.db.execute(
            "SELECT 1 FROM view_only_links WHERE key = ? AND node = ?", (key, guid)
        ).fetchone()
        return row is not None


def prepare(db: sqlite3.Connection) -> None:
    """Give a connection the functions that the queries use."""
    # SQLite's own lower() knows ASCII only; the OSF's database knows Unicode.
    db.create_function("unicode_upper", 1, str.upper, deterministic=True)


def _node(row: tuple[object, ...]) -> Node:
    node_id, kind, title, description, category, public, region, root, quota, *rest = row
    created, modified, deleted = rest
    return Node(
        str(node_id),
        str(kind),
        str(title),
        str(description),
        str(category),
        bool(public),
        str(region),
        str(root),
        quota if isinstance(quota, int) else None,
        str(created),
        str(modified),
        bool(deleted),
    )
