"""WaterButler's JSON for the add-on S3: ids are paths, and the ETag stands for a checksum."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import wb_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import Entity, Version
    from .store import Store

ONE_PIECE_BELOW = 128_000_000
"""From so many bytes on, WaterButler uploads in parts, and the ETag is no MD5 any more."""

_PART = 64_000_000


def etag(content: Entity | Version) -> str:
    """Return S3's ETag of a file, without its quotes."""
    size = content.size or 0
    if size < ONE_PIECE_BELOW:
        return content.md5 or ""
    # S3 hashes the hashes of the parts; that it tells nothing about the whole is what counts.
    mixed = hashlib.md5((content.sha256 or "").encode(), usedforsecurity=False).hexdigest()
    return f"{mixed}-{-(-size // _PART)}"


def attributes(entity: Entity, materialized: str, *, size: int | None) -> dict[str, Any]:
    """Return an entity's attributes where it is described by itself, from S3's headers.

    Parameters
    ----------
    materialized
        The entity's path made of names, which is its id, too.
    size
        Ignored: S3 knows the size of its newest content.
    """
    del size
    if entity.is_folder:
        return _common(entity, materialized, {}, None)
    quoted = f'"{etag(entity)}"'
    return {
        **_common(
            entity,
            materialized,
            {"md5": quoted, "encryption": "", "hashes": {"md5": quoted}},
            quoted,
        ),
        "contentType": "binary/octet-stream",
        "modified": format_datetime(_time(entity.modified), usegmt=True),
        "modified_utc": wb_json.whole_seconds(entity.modified),
        "created_utc": None,
        "size": str(entity.size),
        "sizeInt": entity.size,
    }


def listed(entity: Entity, folder: str) -> dict[str, Any]:
    """Return the attributes of an entity in a folder's listing, from S3's list of keys."""
    materialized = f"{folder}{entity.name}{'/' if entity.is_folder else ''}"
    if entity.is_folder:
        return _common(entity, materialized, {}, None)
    tag = etag(entity)
    return {
        **_common(entity, materialized, {"md5": tag, "hashes": {"md5": tag}}, tag),
        "contentType": None,
        "modified": f"{_time(entity.modified):%Y-%m-%dT%H:%M:%S}.000Z",
        "modified_utc": wb_json.whole_seconds(entity.modified),
        "created_utc": None,
        "size": entity.size,
        "sizeInt": entity.size,
    }


def _common(entity: Entity, path: str, extra: dict[str, Any], tag: str | None) -> dict[str, Any]:
    return {
        "extra": extra,
        "kind": entity.kind,
        "name": entity.name,
        "path": path,
        "provider": "s3",
        "materialized": path,
        "etag": hashlib.sha256(f"s3::{tag}".encode()).hexdigest(),
    }


def resource_object(
    entity: Entity, shown: dict[str, Any], resource: str, files_url: str
) -> dict[str, Any]:
    """Return an entity as the ``data`` of an answer."""
    url = f"{files_url}/v1/resources/{resource}/providers/s3{quote(shown['path'])}"
    links = {"move": url, "upload": f"{url}?kind=file", "delete": url}
    more: dict[str, Any] = {"resource": resource}
    if entity.is_folder:
        links["new_folder"] = f"{url}?kind=folder"
        more |= {"size": None, "sizeInt": None}
    else:
        links["download"] = url
    return {
        "id": f"s3{shown['path']}",
        "type": "files",
        "attributes": {**shown, **more},
        "links": links,
    }


def described(entity: Entity, materialized: str, resource: str, files_url: str) -> dict[str, Any]:
    """Return a single entity."""
    shown = attributes(entity, materialized, size=entity.size)
    return resource_object(entity, shown, resource, files_url)


uploaded = described
"""WaterButler describes what it has uploaded by asking S3 for it."""


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


def revisions(versions: Iterable[Version], _: Store) -> list[dict[str, Any]]:
    """Return a file's versions, newest first: the newest has no number but a word."""
    return [
        {
            "id": name,
            "type": "file_versions",
            "attributes": {
                "extra": {"md5": etag(version)},
                "version": name,
                "modified": f"{_time(version.created):%Y-%m-%dT%H:%M:%S}.000Z",
                "modified_utc": wb_json.whole_seconds(version.created),
                "versionIdentifier": "version",
            },
        }
        for number, version in enumerate(versions)
        for name in ["Latest" if number == 0 else version_id(version)]
    ]


def version_id(version: Version) -> str:
    """Return S3's name of a version."""
    return f"{version.entity}.{version.ordinal}"


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(str(text)).replace(tzinfo=timezone.utc)
