"""Who asks, and what they may do."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Node, Store, Token

_ALL_WRITE = {"osf.full_write"}
_ALL_READ = {"osf.full_read"} | _ALL_WRITE
_NODES_WRITE = {"osf.nodes.full_write", "osf.nodes.data_write"} | _ALL_WRITE
_NODES_READ = {"osf.nodes.full_read", "osf.nodes.data_read"} | _NODES_WRITE | _ALL_READ
_CONTRIBUTORS_WRITE = {"osf.nodes.full_write", "osf.nodes.access_write"} | _ALL_WRITE
_USERS_READ = {"osf.users.profile_read", "osf.users.profile_write"} | _ALL_READ

# How the log calls a token that the OSF does not know.
UNKNOWN = "unknown"
_RANK = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request.

    Parameters
    ----------
    token
        The token, if the OSF knows it.
    rejected
        Why API v2 refuses the credentials; WaterButler takes such a caller for anonymous.
    view_only
        The key of a view-only link, if the request carries one.
    label
        How the log calls the token, None without one.
    """

    token: Token | None = None
    rejected: str | None = None
    view_only: str | None = None
    label: str | None = None

    @property
    def user(self) -> str | None:
        """The guid of the user, None for an anonymous caller."""
        return self.token.user if self.token else None

    @property
    def may_use_nodes(self) -> bool:
        """Whether the token's scopes let API v2 show projects at all; anonymous callers pass."""
        return self.token is None or bool(self.token.scopes & _NODES_READ)

    @property
    def may_use_users(self) -> bool:
        """Whether the token's scopes let API v2 show accounts."""
        return self.token is None or bool(self.token.scopes & _USERS_READ)

    @property
    def may_use_contributors(self) -> bool:
        """Whether the token's scopes cover what only those who may write are told."""
        return self.token is None or bool(self.token.scopes & _CONTRIBUTORS_WRITE)

    @property
    def may_create(self) -> bool:
        """Whether the token's scopes let the caller create projects."""
        return self.token is not None and bool(self.token.scopes & _NODES_WRITE)

    def may_read(self, store: Store, node: Node) -> bool:
        """Tell whether the caller may see a node and its files."""
        if node.public:
            return True
        if self.view_only is not None and store.view_only(node.id, self.view_only):
            return True
        scoped = self.token is not None and bool(self.token.scopes & _NODES_READ)
        return scoped and store.permission(node.id, self.user) is not None

    def may_write(self, store: Store, node: Node) -> bool:
        """Tell whether the caller may change a node's files; nobody changes a registration."""
        return node.kind == "nodes" and self._ranks(store, node, "write")

    def may_administer(self, store: Store, node: Node) -> bool:
        """Tell whether the caller may publish or delete a node."""
        return self._ranks(store, node, "admin")

    def _ranks(self, store: Store, node: Node, needed: str) -> bool:
        scoped = self.token is not None and bool(self.token.scopes & _NODES_WRITE)
        permission = store.permission(node.id, self.user)
        return scoped and permission is not None and _RANK[permission] >= _RANK[needed]


def identify(authorization: str, view_only: str | None, store: Store) -> Caller:
    """Return who sends such an ``Authorization`` header, and such a key of a view-only link."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme == "Basic":
        return Caller(rejected=_basic_fault(credentials), view_only=view_only)
    if scheme != "Bearer" or not credentials:
        return Caller(view_only=view_only)
    token = store.token(credentials.strip())
    if token is None:
        rejected = "User provided an invalid OAuth2 access token"
        return Caller(rejected=rejected, view_only=view_only, label=UNKNOWN)
    return Caller(token=token, view_only=view_only, label=token.label)


def _basic_fault(credentials: str) -> str:
    try:
        base64.b64decode(credentials, validate=True)
    except ValueError:
        return "Invalid basic header. Credentials not correctly base64 encoded."
    return "Invalid username/password."
