"""What one task's folder should hold, and what a failed operation may have made of it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

_ASIDE = re.compile(r"\.(.+)\.[0-9a-f]{12}\.replaced")
"""The name under which a file waits while another one takes its place."""


class DivergenceError(Exception):
    """The filesystem, or the OSF, is not as the model says."""


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def parents(path: str) -> set[str]:
    """Return the folders above a path, without the task's own."""
    parts = path.split("/")[:-1]
    return {"/".join(parts[: end + 1]) for end in range(len(parts))}


def below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


@dataclass
class State:
    """Files with their contents, and folders; all by their path within the task's folder."""

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def with_files(self, files: dict[str, bytes]) -> State:
        """Return the state with these files, too, or instead of those of the same names."""
        folders = set().union(*map(parents, files))
        return State(self.files | files, self.folders | folders)

    def with_folder(self, folder: str) -> State:
        return State(dict(self.files), self.folders | {folder} | parents(folder))

    def without(self, path: str) -> State:
        """Return the state without a file, or without a folder and all that is in it."""
        return State(
            {name: data for name, data in self.files.items() if not _is_in(name, path)},
            {name for name in self.folders if not _is_in(name, path)},
        )

    def copied(self, source: str, target: str) -> State:
        """Return the state with a file or folder at a second place."""
        files = {
            target + name[len(source) :]: data
            for name, data in self.files.items()
            if _is_in(name, source)
        }
        folders = {target + name[len(source) :] for name in self.folders if _is_in(name, source)}
        return State(self.files | files, self.folders | folders | parents(target))

    def children(self, folder: str) -> dict[str, str]:
        """Return what is directly in a folder, by name: file or directory."""
        start = f"{folder}/" if folder else ""
        kinds = dict.fromkeys(self.files, "file") | dict.fromkeys(self.folders, "directory")
        return {
            path[len(start) :]: kind
            for path, kind in kinds.items()
            if path.startswith(start) and "/" not in path[len(start) :]
        }

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, State)
        return (self.files, self.folders) == (other.files, other.folders)

    __hash__ = None


def _is_in(path: str, place: str) -> bool:
    return path == place or below(path, place)


@dataclass
class Snapshot:
    """What the OSF's store holds of a task's folder: MD5s by path, and folders."""

    files: dict[str, str]
    folders: set[str]

    def differs_from(self, state: State) -> str:
        """Say what is not as it should be; nothing where all is."""
        wanted = {path: md5(data) for path, data in state.files.items()}
        lines = [
            f"  {path}: {self.files.get(path)} instead of {wanted.get(path)}"
            for path in sorted(self.files.keys() | wanted.keys())
            if self.files.get(path) != wanted.get(path)
        ]
        lines += [f"  {path}/: should not be there" for path in self.folders - state.folders]
        lines += [f"  {path}/: is missing" for path in state.folders - self.folders]
        return "\n".join(lines)


@dataclass
class Change:
    """What an operation is to make of a state.

    One that is not in ``pieces`` is done or not done as a whole, but for the folders that it
    creates on the way. An ``upload`` may have stored bytes that went wrong on the way, if it then
    failed. One that ``replaces`` a file may have left that one aside.
    """

    old: State
    new: State
    pieces: bool = False
    upload: bool = False
    replaces: str | None = None

    def failed(self, found: Snapshot) -> State:
        """Return the state that is there after a failure, which must be an allowed one."""
        contents = self._contents()
        unknown = set(found.files.values()) - contents.keys()
        if unknown:
            raise DivergenceError(f"contents that nobody wrote: {unknown}\n{self._told(found)}")
        state = State(
            {path: contents[digest] for path, digest in found.files.items()}, set(found.folders)
        )
        if not self._allows(state):
            raise DivergenceError(f"neither done nor not done:\n{self._told(found)}")
        return state

    def _contents(self) -> dict[str, bytes]:
        """Return all contents that can be there, by their MD5."""
        known = [*self.old.files.values(), *self.new.files.values()]
        if self.upload:
            known += [damaged(data) for data in self.new.files.values() if data]
        return {md5(data): data for data in known}

    def _allows(self, state: State) -> bool:
        if not (self.old.folders & self.new.folders <= state.folders):
            return False
        if not (state.folders <= self.old.folders | self.new.folders):
            return False
        if self.replaces is not None:
            return self._allows_replacement(state)
        if not self.pieces:
            return state.files in (self.old.files, self.new.files) or (
                self.upload and self._allows_each(state)
            )
        return self._allows_each(state)

    def _allows_each(self, state: State) -> bool:
        for path in state.files.keys() | self.old.files.keys() | self.new.files.keys():
            allowed = [self.old.files.get(path), self.new.files.get(path)]
            if self.upload and allowed[1]:
                allowed.append(damaged(allowed[1]))
            if state.files.get(path) not in allowed:
                return False
        return True

    def _allows_replacement(self, state: State) -> bool:
        """Both contents must be somewhere; the old one is no longer needed once it is replaced."""
        target = str(self.replaces)
        folder, _, name = target.rpartition("/")
        rest = dict(state.files)
        asides = []
        for path in state.files.keys() - self.old.files.keys():
            match = _ASIDE.fullmatch(path.rpartition("/")[2])
            if match and match[1] == name and path.rpartition("/")[0] == folder:
                asides.append(rest.pop(path))
        there = self.old.files[target]
        if any(data != there for data in asides) or len(asides) > 1:
            return False
        missing = {path: data for path, data in self.old.files.items() if path != target}
        if asides and rest == missing:
            return True
        return rest == self.new.files or (not asides and rest == self.old.files)

    def _told(self, found: Snapshot) -> str:
        return (
            f" compared with before:\n{found.differs_from(self.old)}\n"
            f" compared with after:\n{found.differs_from(self.new)}"
        )


def damaged(data: bytes) -> bytes:
    """Return what the chaos makes of a body on its way to the OSF."""
    return bytes([data[0] ^ 0xFF]) + data[1:]
