"""JSON:API objects of API v2, attribute by attribute as it orders them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from .access import Caller
    from .records import Entity, Version
    from .store import Node, User
    from .world import World

# The first version of the API whose dates, pages and relationships look different.
_MODERN = (2, 20)


def encode(value: Any) -> bytes:
    """Return JSON as Django REST framework writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _related(href: str, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"links": {"related": {"href": href, "meta": meta or {}}}}


class Shapes:
    """The objects of one answer.

    Parameters
    ----------
    caller
        For whom; some attributes tell what the caller may do.
    version
        The API version asked for, such as ``2.0``.
    in_query
        Whether it was asked for in the query, and has to be kept in links.
    """

    def __init__(
        self, world: World, caller: Caller, version: str = "2.0", *, in_query: bool = False
    ) -> None:
        self._world = world
        self._caller = caller
        self.version = version
        self.modern = _number(version) >= _MODERN
        self._api = f"{world.web_url}/v2"
        self._web = world.web_url
        self._suffix = f"?version={version}" if in_query else ""

    @property
    def meta(self) -> dict[str, Any]:
        """The ``meta`` of every answer."""
        anonymous = self._world.store.anonymous(self._caller.view_only)
        return {**({"anonymous": True} if anonymous else {}), "version": self.version}

    def single(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return an answer about one thing."""
        return {"data": data, "meta": self.meta}

    def entity(self, entity: Entity, node: Node, materialized: str) -> dict[str, Any]:
        """Return a file or folder."""
        return {
            "id": entity.id,
            "type": "files",
            "attributes": self._entity_attributes(entity, materialized),
            "relationships": self._entity_relationships(entity, node),
            "links": self._entity_links(entity, node),
        }

    def _entity_attributes(self, entity: Entity, materialized: str) -> dict[str, Any]:
        extra: dict[str, Any] = {"hashes": {"md5": entity.md5, "sha256": entity.sha256}}
        if not entity.is_folder:
            extra["downloads"] = 0
        modified = entity.modified
        return {
            "guid": None,
            # A file that is checked out has a relationship of that name instead.
            **({"checkout": None} if entity.checkout is None else {}),
            "name": entity.name,
            "kind": entity.kind,
            "path": entity.path,
            "size": entity.size,
            "provider": "osfstorage",
            "materialized_path": materialized,
            "last_touched": None,
            "date_modified": f"{modified}Z" if modified and self.modern else modified,
            "date_created": f"{entity.created}Z" if entity.created else None,
            "extra": extra,
            "tags": [],
            "current_user_can_comment": self._caller.user is not None,
            "current_version": entity.versions,
            "show_as_unviewed": False,
        }

    def _entity_relationships(self, entity: Entity, node: Node) -> dict[str, Any]:
        node_url = f"{self._api}/{node.kind}/{node.id}/"
        own = f"{self._api}/files/{entity.id}/"
        relationships: dict[str, Any] = {}
        if entity.checkout is not None:
            user = f"{self._api}/users/{entity.checkout}/"
            relationships["checkout"] = _related(user, {"id": entity.checkout})
        if entity.parent is not None:
            relationships["parent_folder"] = {
                **_related(f"{self._api}/files/{entity.parent}/{self._suffix}"),
                "data": {"id": entity.parent, "type": "files"},
            }
        if entity.is_folder:
            children = f"{node_url}files/osfstorage/{entity.id}/{self._suffix}"
            relationships["files"] = _related(children)
        else:
            relationships["versions"] = _related(f"{own}versions/{self._suffix}")
        if self.modern:
            relationships["comments"] = {"data": None}
        else:
            relationships["node"] = {
                **_related(node_url),
                "data": {"id": node.id, "type": node.kind},
            }
        relationships["target"] = {
            **_related(node_url, {"type": node.kind}),
            "data": {"type": node.kind, "id": node.id},
        }
        relationships["cedar_metadata_records"] = _related(
            f"{own}cedar_metadata_records/{self._suffix}"
        )
        return relationships

    def _entity_links(self, entity: Entity, node: Node) -> dict[str, Any]:
        url = (
            f"{self._world.files_url(node)}/v1/resources/{node.id}/providers/osfstorage"
            f"{entity.path}"
        )
        own = f"{self._api}/files/{entity.id}/"
        links = {"info": own, "move": url, "upload": url, "delete": url}
        if entity.is_folder:
            links["new_folder"] = f"{url}?kind=folder"
        else:
            download = f"{self._web}/download/{entity.id}/"
            links["download"] = download
            links["render"] = self._render(f"{download}?direct&mode=render")
            links["html"] = f"{self._web}/{node.id}/files/osfstorage/{entity.id}"
        links["self"] = own
        return links

    def _render(self, download: str) -> str:
        return f"{self._web}/render?url={quote(download, safe='')}"

    def file_version(self, entity: Entity, node: Node, version: Version) -> dict[str, Any]:
        """Return a version of a file."""
        number = version.identifier
        download = f"{self._web}/download/{entity.id}/?revision={number}"
        page = f"{self._web}/{node.id}/files/osfstorage/{entity.id}?revision={number}"
        created = f"{version.created}Z" if self.modern else version.created
        return {
            "id": str(number),
            "type": "file_versions",
            "attributes": {
                "size": version.size,
                "content_type": None,
                "date_created": created,
                "name": entity.name,
            },
            "links": {
                "self": f"{self._api}/files/{entity.id}/versions/{number}/",
                "html": page,
                "download": download,
                "render": self._render(f"{download}&direct&mode=render"),
            },
        }

    def provider(self, node: Node, name: str = "osfstorage") -> dict[str, Any]:
        """Return a storage of a node, which says where its WaterButler is."""
        url = f"{self._world.files_url(node)}/v1/resources/{node.id}/providers/{name}/"
        node_url = f"{self._api}/{node.kind}/{node.id}/"
        root = self._world.store.provider_root(node.id, name) or node.root
        return {
            "id": f"{node.id}:{name}",
            "type": "files",
            "attributes": {
                "kind": "folder",
                "name": name,
                "path": "/",
                "node": node.id,
                "provider": name,
            },
            "relationships": {
                "files": _related(f"{node_url}files/{name}/"),
                "root_folder": {
                    **_related(f"{self._api}/files/{root}/"),
                    "data": {"id": root, "type": "files"},
                },
                "target": {
                    **_related(node_url, {"type": node.kind}),
                    "data": {"type": node.kind, "id": node.id},
                },
            },
            "links": {
                "upload": url,
                "new_folder": f"{url}?kind=folder",
                "storage_addons": f"{self._api}/addons/?filter%5Bcategories%5D=storage",
            },
        }

    def storage(self, node: Node, usage: int) -> dict[str, Any]:
        """Return how full a node is."""
        status = "DEFAULT"
        if node.quota is not None and usage >= node.quota:
            status = "OVER_PUBLIC"
        return {
            "id": node.id,
            "type": "node-storage",
            "attributes": {"storage_limit_status": status, "storage_usage": str(usage)},
            "links": {
                "self": f"{self._api}/nodes/{node.id}/storage/",
                "iri": f"{self._web}/{node.id}",
            },
        }

    def user(self, user: User) -> dict[str, Any]:
        """Return an account."""
        first, *middle = user.name.split()
        last = middle.pop() if middle else ""
        own = f"{self._api}/users/{user.id}/"
        institutions = _related(f"{own}institutions/")
        institutions["links"]["self"] = {"href": f"{own}relationships/institutions/", "meta": {}}
        return {
            "id": user.id,
            "type": "users",
            "attributes": {
                "full_name": user.name,
                "given_name": first,
                "middle_names": " ".join(middle),
                "family_name": last,
                "suffix": "",
                "date_registered": user.created,
                "active": True,
                "timezone": "Etc/UTC",
                "locale": "en_US",
                "social": {},
                "employment": [],
                "education": [],
                "allow_indexing": None,
                "can_view_reviews": [],
                "accepted_terms_of_service": True,
                "external_identity": {},
            },
            "relationships": {
                "nodes": _related(f"{own}nodes/"),
                "registrations": _related(f"{own}registrations/"),
                "institutions": institutions,
                "preprints": _related(f"{own}preprints/"),
                "draft_preprints": _related(f"{own}draft_preprints/"),
                "emails": _related(f"{own}settings/emails/"),
                "default_region": {
                    **_related(f"{self._api}/regions/us/"),
                    "data": {"id": "us", "type": "regions"},
                },
                "settings": {
                    **_related(f"{own}settings/"),
                    "data": {"id": user.id, "type": "user-settings"},
                },
            },
            "links": {
                "html": f"{self._web}/{user.id}/",
                "profile_image": _gravatar(user),
                "self": own,
                "iri": f"{self._web}/{user.id}",
            },
        }


def _gravatar(user: User) -> str:
    digest = hashlib.md5(user.id.encode(), usedforsecurity=False).hexdigest()
    return f"https://secure.gravatar.com/avatar/{digest}?d=identicon"


def _number(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return (2, 0)
