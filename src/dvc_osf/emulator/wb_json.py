"""WaterButler's JSON: entities and versions as it describes them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import Entity, Version
    from .store import Store, User


def encode(value: Any) -> bytes:
    """Return JSON as Tornado writes it."""
    return json.dumps(value).replace("</", "<\\/").encode()


def utc(time: str | None) -> str | None:
    """Return a time of the database with its zone."""
    return None if time is None else f"{time}+00:00"


def trimmed(time: str | None) -> str | None:
    """Return a time of the database with its zone and without the zeros at its end."""
    return None if time is None else f"{time.rstrip('0').rstrip('.')}+00:00"


def whole_seconds(time: str | None) -> str | None:
    """Return a time of the database with its zone and without its fraction."""
    return None if time is None else f"{time.partition('.')[0]}+00:00"


def attributes(entity: Entity, materialized: str, *, size: int | None) -> dict[str, Any]:
    """Return an entity's attributes, without those that depend on who asks for what.

    Parameters
    ----------
    materialized
        The entity's path made of names.
    size
        The size to show: in some answers it is that of the first version.
    """
    if entity.is_folder:
        return _common({}, entity, materialized, None)
    extra = {
        "guid": None,
        "version": entity.versions,
        "downloads": 0,
        "checkout": entity.checkout,
        "latestVersionSeen": None,
        "hashes": {"md5": entity.md5, "sha256": entity.sha256},
    }
    return {
        **_common(extra, entity, materialized, f"{entity.versions}::{entity.path}"),
        "contentType": None,
        "modified": utc(entity.modified),
        "modified_utc": utc(entity.modified),
        "created_utc": utc(entity.created),
        "size": size,
        "sizeInt": size,
    }


def _common(
    extra: dict[str, Any], entity: Entity, materialized: str, etag: str | None
) -> dict[str, Any]:
    return {
        "extra": extra,
        "kind": entity.kind,
        "name": entity.name,
        "path": entity.path,
        "provider": "osfstorage",
        "materialized": materialized,
        "etag": hashlib.sha256(f"osfstorage::{etag}".encode()).hexdigest(),
    }


def resource_object(
    entity: Entity, shown: dict[str, Any], resource: str, files_url: str
) -> dict[str, Any]:
    """Return an entity as the ``data`` of an answer.

    Parameters
    ----------
    shown
        Its attributes.
    resource
        The guid of the project as the client wrote it.
    """
    url = f"{files_url}/v1/resources/{resource}/providers/osfstorage{entity.path}"
    links = {"move": url, "upload": f"{url}?kind=file", "delete": url}
    if entity.is_folder:
        links["new_folder"] = f"{url}?kind=folder"
        more: dict[str, Any] = {"resource": resource, "size": None, "sizeInt": None}
    else:
        links["download"] = url
        more = {"resource": resource}
    return {
        "id": f"osfstorage{entity.path}",
        "type": "files",
        "attributes": {**shown, **more},
        "links": links,
    }


def described(entity: Entity, materialized: str, resource: str, files_url: str) -> dict[str, Any]:
    """Return a single entity; the size is that of its first version, as WaterButler has it."""
    shown = attributes(entity, materialized, size=entity.first_size)
    return resource_object(entity, shown, resource, files_url)


def uploaded(entity: Entity, materialized: str, resource: str, files_url: str) -> dict[str, Any]:
    """Return the answer to an upload: the right size, but no date of creation."""
    shown = attributes(entity, materialized, size=entity.size)
    shown["modified_utc"] = whole_seconds(entity.modified)
    shown["created_utc"] = None
    return resource_object(entity, shown, resource, files_url)


def listed(entity: Entity, folder: str) -> dict[str, Any]:
    """Return the attributes of an entity in a folder's listing: the right size."""
    materialized = f"{folder}{entity.name}{'/' if entity.is_folder else ''}"
    shown = attributes(entity, materialized, size=entity.size)
    if not entity.is_folder:
        # Here, and here only, the time comes as the OSF's database writes it.
        shown["modified"] = trimmed(entity.modified)
    if entity.checkout is not None:
        shown["extra"]["checkout"] = {"_id": entity.checkout}
    return shown


def listing(
    entities: Iterable[Entity], folder: str, resource: str, files_url: str
) -> dict[str, Any]:
    """Return a folder's children."""
    return {
        "data": [
            resource_object(entity, listed(entity, folder), resource, files_url)
            for entity in entities
        ]
    }


def revisions(versions: Iterable[Version], store: Store) -> list[dict[str, Any]]:
    """Return a file's list of versions."""
    return [revision(version, store.user(version.user)) for version in versions]


def revision(version: Version, user: User | None) -> dict[str, Any]:
    """Return one entry of a file's list of versions."""
    person = {"name": user.name, "url": f"/{user.id}/"} if user else None
    return {
        "id": str(version.ordinal),
        "type": "file_versions",
        "attributes": {
            "extra": {
                "user": person,
                "downloads": 0,
                "hashes": {"md5": version.md5, "sha256": version.sha256},
            },
            "version": str(version.ordinal),
            "modified": utc(version.created),
            "modified_utc": whole_seconds(version.created),
            "versionIdentifier": "version",
        },
    }
