"""What a folder holds, by name; the one place that knows about namesakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .models import Entity

__all__ = ["Children"]

_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


@dataclass
class Children:
    """What a folder holds, by name; a file and a folder may share one.

    Attributes
    ----------
    files : dict of str to list of Entity
        Newest first: racing creates can make several files of one name, of which the newest
        counts.
    folders : dict of str to list of Entity
        Oldest first: several folders of one name are shown as one that holds the content of all.
    """

    files: dict[str, list[Entity]] = field(default_factory=dict)
    folders: dict[str, list[Entity]] = field(default_factory=dict)

    @classmethod
    def of(cls, entities: Iterable[Entity]) -> Children:
        """Sort entities by name.

        Parameters
        ----------
        entities : iterable of Entity
            In any order.

        Returns
        -------
        Children
            The same, by name.
        """
        children = cls()
        for entity in entities:
            children.add(entity)
        return children

    def add(self, entity: Entity) -> None:
        """Enter an entity, in the place of one of the same id.

        Parameters
        ----------
        entity : Entity
            What the OSF has now.
        """
        kind = self.folders if entity.is_folder else self.files
        if entity.name not in kind:
            kind[entity.name] = [entity]
            return
        namesakes = [other for other in kind[entity.name] if other.id != entity.id]
        namesakes.append(entity)
        if entity.is_folder:
            namesakes.sort(key=lambda folder: folder.id)
        else:
            namesakes.sort(key=_age, reverse=True)
        kind[entity.name] = namesakes

    def remove(self, entity: Entity) -> None:
        """Strike an entity out.

        Parameters
        ----------
        entity : Entity
            What the OSF has no longer.
        """
        kind = self.folders if entity.is_folder else self.files
        namesakes = [other for other in kind.get(entity.name, ()) if other.id != entity.id]
        if namesakes:
            kind[entity.name] = namesakes
        else:
            kind.pop(entity.name, None)

    def merged(self, other: Children) -> Children:
        """Return the content of two folders of one name.

        Parameters
        ----------
        other : Children
            The second folder's.

        Returns
        -------
        Children
            All of it.
        """
        return Children.of(
            entity
            for group in (self.files, self.folders, other.files, other.folders)
            for namesakes in group.values()
            for entity in namesakes
        )


def _age(file: Entity) -> tuple[datetime, str]:
    return (file.modified or _LONG_AGO, file.id)
