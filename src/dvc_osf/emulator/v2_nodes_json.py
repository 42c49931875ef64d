"""API v2's description of projects and registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .access import Caller
    from .store import Node
    from .world import World

_PERMISSIONS = {"admin": ["admin", "write", "read"], "write": ["write", "read"], "read": ["read"]}
# Segments of URLs, in the order of the relationships.
_RELATIONSHIPS = (
    "children",
    "collections",
    "comments",
    "contributors",
    "bibliographic_contributors",
    "implicit_contributors",
    "files",
    "settings",
    "wikis",
    "forks",
    "node_links",
    "linked_by_nodes",
    "linked_by_registrations",
    "parent",
    "identifiers",
    "institutions",
    "draft_registrations",
    "registrations",
    "region",
    "root",
    "logs",
    "linked_nodes",
    "linked_registrations",
    "view_only_links",
    "citation",
    "preprints",
    "storage",
    "cedar_metadata_records",
    "subjects_acceptable",
)
_RENAMED = {"collections": "collected_in", "institutions": "affiliated_institutions"}
_DATA_TYPES = {"settings": "node-setting", "citation": "citation", "storage": "node-storage"}
_EDITABLE = {"institutions", "linked_nodes", "linked_registrations"}
# What a view-only link that hides the names of people does not show.
_HIDDEN = {
    "custom_citation",
    "node_license",
    "current_user_can_comment",
    "collected_in",
    "contributors",
    "bibliographic_contributors",
    "implicit_contributors",
    "forks",
    "identifiers",
    "affiliated_institutions",
    "registrations",
    "citation",
    "cedar_metadata_records",
    "subjects_acceptable",
}


def node_object(world: World, caller: Caller, node: Node) -> dict[str, Any]:
    """Return a project or a registration for a caller."""
    own = f"{world.web_url}/v2/{node.kind}/{node.id}/"
    segments = [name for name in _RELATIONSHIPS if name != "parent" or world.store.parent(node.id)]
    relationships = dict(_relationship(world, node, own, name) for name in segments)
    hidden = _HIDDEN if world.store.anonymous(caller.view_only) else ()
    attributes = _attributes(world, caller, node)
    return {
        "id": node.id,
        "type": node.kind,
        "attributes": {name: attributes[name] for name in attributes if name not in hidden},
        "relationships": {
            name: relationships[name] for name in relationships if name not in hidden
        },
        "links": {
            "html": f"{world.web_url}/{node.id}/",
            "self": own,
            "iri": f"{world.web_url}/{node.id}",
        },
    }


def _attributes(world: World, caller: Caller, node: Node) -> dict[str, Any]:
    permission = world.store.permission(node.id, caller.user)
    by_link = caller.view_only is not None and world.store.view_only(node.id, caller.view_only)
    return {
        "title": node.title,
        "description": node.description,
        "category": node.category,
        "custom_citation": None,
        "date_created": node.created,
        "date_modified": node.modified,
        "registration": node.kind == "registrations",
        "preprint": False,
        "fork": False,
        "collection": False,
        "tags": [],
        "access_requests_enabled": True,
        "node_license": None,
        **({} if caller.user else {"analytics_key": ""}),
        "current_user_can_comment": caller.user is not None,
        "current_user_permissions": _PERMISSIONS["read" if by_link else permission or "read"],
        "current_user_is_contributor": permission is not None,
        "current_user_is_contributor_or_group_member": permission is not None,
        "wiki_enabled": True,
        "public": node.public,
        "subjects": [],
    }


def _relationship(world: World, node: Node, own: str, segment: str) -> tuple[str, dict[str, Any]]:
    href = f"{own}{segment}/"
    data: dict[str, Any] | None = None
    if segment == "comments":
        href += f"?filter%5Btarget%5D={node.id}"
    elif segment == "region":
        region = "us" if node.region == "default" else node.region
        href = f"{world.web_url}/v2/regions/{region}/"
        data = {"id": region, "type": "regions"}
    elif segment in {"root", "parent"}:
        above = _root(world, node) if segment == "root" else world.store.parent(node.id)
        href = f"{world.web_url}/v2/{node.kind}/{above}/"
        data = {"id": above, "type": node.kind}
    elif segment == "subjects_acceptable":
        href = f"{world.web_url}/v2/subjects/"
    elif segment in _DATA_TYPES:
        data = {"id": node.id, "type": _DATA_TYPES[segment]}
    links: dict[str, Any] = {"related": {"href": href, "meta": {}}}
    if segment in _EDITABLE:
        links["self"] = {"href": f"{own}relationships/{segment}/", "meta": {}}
    return _RENAMED.get(segment, segment), {"links": links, **({"data": data} if data else {})}


def _root(world: World, node: Node) -> str:
    guid = node.id
    while (parent := world.store.parent(guid)) is not None:
        guid = parent
    return guid
