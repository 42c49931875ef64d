"""What the OSF answers, as typed, frozen records; the only place that reads its JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple
from urllib.parse import quote

from .exceptions import OSFServerError

__all__ = [
    "Entity",
    "Project",
    "ProjectInfo",
    "Provider",
    "Version",
    "describe",
    "describe_folder",
    "describe_project",
    "parse_time",
]

_FRACTION = re.compile(r"\.(\d+)")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def parse_time(text: str | None) -> datetime | None:
    """Read one of the OSF's time stamps.

    Parameters
    ----------
    text : str or None
        ISO 8601, with ``Z``, an offset or (in API v2) neither, which means UTC.

    Returns
    -------
    datetime.datetime or None
        An aware time; None for nothing, or for what is no time.
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        # Python 3.10 reads no "Z", and of a fraction three or six digits; there may be others.
        text = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text.replace("Z", "+00:00"))
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


class Entity(NamedTuple):
    """A file or folder, by its id.

    A tuple, for there are as many as there are files: it is made in a third of the time that a
    frozen dataclass takes.

    Attributes
    ----------
    id : str
        What WaterButler calls it, without the slashes around it; empty for a provider's root.
        In osfstorage it outlasts moves; some add-ons (S3, Dropbox, ...) have the path for an id.
    kind : str
        ``"file"`` or ``"folder"``.
    name : str
        Its name; empty for a root.
    size : int or None
        Bytes of the newest version; None for a folder, and where the provider does not say.
    md5, sha256 : str or None
        Checksums of the newest version, in hexadecimal.
    version : int or None
        Number of the newest version, from 1; None in add-ons, which do not count.
    modified, created : datetime.datetime or None
        Times, aware.
    checkout : str or None
        The GUID of the user that has the file checked out.
    revision : str or None
        What an add-on calls this state of the content, where it can be asked for by that name.
    """

    id: str
    kind: str
    name: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    version: int | None = None
    modified: datetime | None = None
    created: datetime | None = None
    checkout: str | None = None
    revision: str | None = None

    @classmethod
    def root(cls) -> Entity:
        """Return the root folder of a provider, whose own id WaterButler does not take."""
        return cls(id="", kind="folder", name="")

    @classmethod
    def from_waterbutler(cls, data: Any) -> Entity:
        """Read one element of WaterButler's JSON.

        Parameters
        ----------
        data : dict
            ``{"id", "attributes": {...}}``; 409 answers to a move hold the attributes bare.

        Returns
        -------
        Entity
            The record.

        Raises
        ------
        OSFServerError
            It is not such an element.
        """
        try:
            attributes = data.get("attributes", data)
            extra = attributes.get("extra") or {}
            hashes = extra.get("hashes") or {}
            size = attributes["size"]
            version = extra.get("version")
            # Answers to a PUT cut ``modified_utc`` to seconds.
            modified = parse_time(attributes.get("modified"))
            return cls(
                id=_id_in(attributes["path"]),
                kind=attributes["kind"],
                name=attributes["name"],
                size=None if size is None else int(size),
                md5=_md5_in(hashes.get("md5")),
                sha256=hashes.get("sha256"),
                version=None if version is None else int(version),
                modified=modified or parse_time(attributes.get("modified_utc")),
                created=parse_time(attributes.get("created_utc")),
                checkout=_checkout_holder(extra.get("checkout")),
                revision=_revision_in(attributes.get("provider"), extra),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise OSFServerError(
                f"the files host sent an entity that cannot be read ({error!r})"
            ) from None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == "folder"

    @property
    def pin(self) -> str | None:
        """What names exactly this content in a request; None where nothing does."""
        return self.revision if self.version is None else str(self.version)

    def with_size(self, size: int) -> Entity:
        """Return the same entity with the size that is known to be right.

        WaterButler gives the first version's size in some answers.

        Parameters
        ----------
        size : int
            Bytes.

        Returns
        -------
        Entity
            The corrected record.
        """
        return self._replace(size=size)


def _id_in(path: str) -> str:
    """Take off the slashes that WaterButler puts around an id: no others, ids may be paths."""
    return path.removeprefix("/").removesuffix("/")


def _md5_in(value: Any) -> str | None:
    """Read a checksum, perhaps quoted; S3's ETag has another form after an upload in parts."""
    text = (value or "").strip('"')
    return text.lower() if _MD5.fullmatch(text) else None


def _revision_in(provider: Any, extra: dict[str, Any]) -> str | None:
    """Read a revision where it can be asked for: Google Drive's cannot, though called the same."""
    return extra.get("revisionId") if provider == "dropbox" else None


def _checkout_holder(value: Any) -> str | None:
    """Read the holder: listings say ``{"_id": guid}``, answers to a PUT say ``guid``."""
    if isinstance(value, dict):
        value = value.get("_id")
    return value or None


@dataclass(frozen=True)
class Version:
    """One version of a file.

    Attributes
    ----------
    number : int
        From 1, the oldest.
    modified : datetime.datetime or None
        When it was made.
    md5, sha256 : str or None
        Its checksums.
    size : int or None
        Its bytes, which WaterButler does not tell.
    """

    number: int
    modified: datetime | None
    md5: str | None
    sha256: str | None
    size: int | None = None

    @classmethod
    def from_waterbutler(cls, data: Any) -> Version:
        """Read one element of an answer to ``?revisions=``.

        Parameters
        ----------
        data : dict
            The element.

        Returns
        -------
        Version
            The record.

        Raises
        ------
        OSFServerError
            It is not such an element.
        """
        try:
            attributes = data["attributes"]
            hashes = (attributes.get("extra") or {}).get("hashes") or {}
            return cls(
                number=int(attributes["version"]),
                modified=parse_time(attributes.get("modified")),
                md5=hashes.get("md5"),
                sha256=hashes.get("sha256"),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise OSFServerError(
                f"the files host sent a version that cannot be read ({error!r})"
            ) from None


@dataclass(frozen=True)
class Provider:
    """A storage provider of one project.

    Attributes
    ----------
    project : str
        The project's GUID.
    name : str
        ``"osfstorage"``, ``"github"``, ...
    root_url : str
        Where WaterButler serves its root: ``.../v1/resources/<project>/providers/<name>/``.
    """

    project: str
    name: str
    root_url: str

    def url(self, entity: Entity, **query: str) -> str:
        """Return an entity's URL, built from the trusted root and its id.

        It never comes from a link in an answer, which might lead anywhere.

        Parameters
        ----------
        entity : Entity
            What is there.
        **query
            What to ask of it.

        Returns
        -------
        str
            Quoted.
        """
        place = "/".join(quote(part, safe="") for part in entity.id.split("/"))
        slash = "/" if entity.is_folder and entity.id else ""
        pairs = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        return f"{self.root_url}{place}{slash}{'?' if pairs else ''}{pairs}"


@dataclass(frozen=True)
class Project:
    """A project, component or registration in a list of them.

    Attributes
    ----------
    id : str
        Its GUID.
    title : str
        What people call it.
    """

    id: str
    title: str


@dataclass(frozen=True)
class ProjectInfo:
    """What API v2 says about a project, a component or a registration.

    Attributes
    ----------
    id : str
        Its GUID.
    title, description : str
        What people call it, and say about it.
    category : str
        ``"project"``, ``"data"``, ``"analysis"``, ...
    public : bool
        Whether everybody may read it.
    registration : bool
        Whether it is a registration, which nobody can write to.
    permissions : tuple of str
        What the caller may do: some of ``"admin"``, ``"write"`` and ``"read"``.
    region : str or None
        The storage region of its files, such as ``"us"``; None where the OSF does not say.
    parent : str or None
        The GUID of the project that it is a component of.
    components : tuple of str
        The GUIDs of those of its components that the caller may see, the oldest first.
    created, modified : datetime.datetime or None
        When it was made, and when something last happened in it; aware.
    storage_used : int or None
        Bytes that its files take, all versions counted. The OSF tells only those who may write,
        and answers None while it has yet to count.
    storage_status : str or None
        The OSF's word for how full that is, told likewise: ``"DEFAULT"``,
        ``"APPROACHING_PRIVATE"`` and ``"OVER_PRIVATE"`` (the cap of a private project),
        ``"APPROACHING_PUBLIC"`` and ``"OVER_PUBLIC"`` (that of a public one), or
        ``"NOT_CALCULATED"``. The OSF does not tell the caps in bytes.
    """

    id: str
    title: str
    description: str
    category: str
    public: bool
    registration: bool
    permissions: tuple[str, ...]
    region: str | None
    parent: str | None
    created: datetime | None
    modified: datetime | None
    components: tuple[str, ...] = ()
    storage_used: int | None = None
    storage_status: str | None = None

    @classmethod
    def from_v2(cls, data: Any) -> ProjectInfo:
        """Read the ``data`` of API v2's answer about a node.

        Parameters
        ----------
        data : dict
            ``{"id", "attributes": {...}, "relationships": {...}}``.

        Returns
        -------
        ProjectInfo
            Without components and storage, which come with other answers.
        """
        facts = data["attributes"]
        relationships = data.get("relationships") or {}
        return cls(
            id=data["id"],
            title=facts["title"],
            description=facts.get("description") or "",
            category=facts.get("category") or "",
            public=bool(facts["public"]),
            registration=data["type"] == "registrations",
            permissions=tuple(facts.get("current_user_permissions") or ()),
            region=_related_id(relationships, "region"),
            parent=_related_id(relationships, "parent"),
            created=parse_time(facts.get("date_created")),
            modified=parse_time(facts.get("date_modified")),
        )


def _related_id(relationships: Any, name: str) -> str | None:
    return ((relationships.get(name) or {}).get("data") or {}).get("id")


def describe(path: str, entity: Entity, *, version_aware: bool = False) -> dict[str, Any]:
    """Describe an entity in fsspec's words.

    Parameters
    ----------
    path : str
        Its canonical path.
    entity : Entity
        What it is.
    version_aware : bool, optional
        Whether to name the version in the way that DVC looks for.

    Returns
    -------
    dict
        ``name``, ``size`` (bytes), ``type`` and ``id``; for a file also ``md5``, ``sha256``,
        ``version`` (from 1), ``modified`` and ``created`` (aware times), with ``version_aware``
        the same version as text in ``version_id``, and in add-on storage with revisions
        ``revision``.
    """
    if entity.is_folder:
        return describe_folder(path) | {"id": entity.id}
    info = {
        "name": path,
        "size": entity.size,
        "type": "file",
        "id": entity.id,
        "md5": entity.md5,
        "sha256": entity.sha256,
        "version": entity.version,
        "modified": entity.modified,
        "created": entity.created,
    }
    if version_aware and entity.version is not None:
        info["version_id"] = str(entity.version)
    if entity.revision is not None:
        info["revision"] = entity.revision
    return info


def describe_folder(path: str) -> dict[str, Any]:
    """Describe a folder that has no entity of its own, such as a project.

    Parameters
    ----------
    path : str
        Its canonical path.

    Returns
    -------
    dict
        ``name``, ``size`` and ``type``.
    """
    return {"name": path, "size": 0, "type": "directory"}


def describe_project(project: Project) -> dict[str, Any]:
    """Describe a project as what the root ``osf://`` holds.

    Parameters
    ----------
    project : Project
        Which one.

    Returns
    -------
    dict
        As a folder's, and its ``title``.
    """
    return describe_folder(project.id) | {"title": project.title}
