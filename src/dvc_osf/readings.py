"""What WaterButler's answers hold when they are the ones hoped for; the rest is for `answers`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import unreadable
from .exceptions import OSFServerError, OSFVersionConflictError
from .models import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Answer

__all__ = [
    "FileExistsConflictError",
    "Listing",
    "about",
    "read_conflict",
    "read_entities",
    "read_entity",
]


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    entities : tuple of Entity
        All of its children, in no order.
    etag : str or None
        For asking whether it has changed.
    """

    entities: tuple[Entity, ...]
    etag: str | None


class FileExistsConflictError(OSFVersionConflictError):
    """The 409 to a file's creation, which carries the file that exists.

    Attributes
    ----------
    existing : Entity or None
        That file; its size may be the first version's.
    """

    existing: Entity | None = None


async def read_entity(answer: Answer, name: str, operation: str, path: str) -> Entity:
    """Read the one entity that an answer holds.

    Parameters
    ----------
    answer : Answer
        One of success.
    name : str
        What the entity should be called.
    operation, path : str
        For the errors.

    Returns
    -------
    Entity
        Of that name.

    Raises
    ------
    OSFServerError
        The answer is damaged, or about something of another name.
    """
    found = await answer.json()
    if not isinstance(found, dict) or "data" not in found:
        # It was done; only what was said about it is lost.
        raise unreadable(answer, operation, path)
    with about(operation, path):
        entity = Entity.from_waterbutler(found["data"])
    return _same_name(entity, name, operation, path)


async def read_conflict(
    answer: Answer, words: str, name: str, operation: str, path: str
) -> FileExistsConflictError:
    """Read the 409 to a file's creation.

    Parameters
    ----------
    answer : Answer
        The refusal.
    words : str
        What it says, or nothing.
    name : str
        The file's name.
    operation, path : str
        For the error.

    Returns
    -------
    FileExistsConflictError
        Not raised; with the file that exists, where the answer says which.
    """
    conflict = FileExistsConflictError(
        words or "a file of that name exists", status=409, path=path, operation=operation
    )
    found = await answer.json()
    if isinstance(found, dict) and found.get("data"):
        with about(operation, path):
            existing = Entity.from_waterbutler(found["data"])
        conflict.existing = _same_name(existing, name, operation, path)
    return conflict


def read_entities(data: list[Any]) -> tuple[Entity, ...]:
    """Read the entities of a listing.

    Parameters
    ----------
    data : list of dict
        As WaterButler gives them.

    Returns
    -------
    tuple of Entity
        In the same order.
    """
    return tuple(Entity.from_waterbutler(item) for item in data)


@contextlib.contextmanager
def about(operation: str, path: str) -> Iterator[None]:
    """Let an error of reading an answer say what was asked, of what.

    Parameters
    ----------
    operation, path : str
        What, of what.

    Yields
    ------
    None
        While the answer is read.
    """
    try:
        yield
    except OSFServerError as error:
        error.operation, error.path = operation, path
        raise


def _same_name(entity: Entity, name: str, operation: str, path: str) -> Entity:
    """Insist on the name that was asked for: the OSF changes some, and then means others."""
    if entity.name != name:
        raise OSFServerError(
            f"the OSF answered for {entity.name!r} instead of {name!r}",
            operation=operation,
            path=path,
            hint="Rename the file; the OSF cannot keep its name",
        )
    return entity
