"""What the database knows about files and folders."""

from __future__ import annotations

from dataclasses import dataclass


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
    number: int

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
