"""Random operations, each with what it should return and what it should make of the state."""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc_osf.exceptions import OSFVersionConflictError
from model import Change, DivergenceError, State, below, md5

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KIB = 1024
_SIZES = [0, 1, 100, 3000, 5000, 70 * KIB, 300 * KIB, 1100 * KIB, 2600 * KIB]
_WEIGHTS = [1, 1, 6, 6, 6, 2, 2, 1, 1]


@dataclass
class Job:
    """One operation.

    ``check`` sees the result; ``change`` is None for one that only looks. One that ``refuses``
    must end with that error, and change nothing. ``unverified`` says that damage to the bytes
    cannot be noticed, as for a part of a file.
    """

    kind: str
    run: Callable[[], Awaitable[Any]]
    check: Callable[[Any], None] = lambda _result: None
    change: Change | None = None
    refuses: type[BaseException] | None = None
    unverified: bool = False


def insist(found, wanted, what):
    if found != wanted:
        raise DivergenceError(f"{what}: {_brief(found)} instead of {_brief(wanted)}")


def _brief(value):
    if isinstance(value, bytes):
        return f"{len(value)} bytes of MD5 {md5(value)}"
    return repr(value)


class Jobs:
    """Draws operations on one task's folder.

    Parameters
    ----------
    fs
        The filesystem, asynchronous.
    root
        The task's folder.
    shared
        Files outside of it that all tasks read, with their contents.
    scratch
        A local folder of the task's own.
    rng
        Where chance comes from.
    """

    def __init__(self, fs, root, shared, scratch, rng):
        self._fs = fs
        self._root = root
        self._shared = shared
        self._scratch = Path(scratch)
        self._rng = rng
        self._kinds = {
            self._put_file: 14,
            self._pipe_file: 14,
            self._put_stream: 4,
            self._put_folder: 3,
            self._create: 5,
            self._cat_file: 12,
            self._cat_range: 6,
            self._cat_missing: 2,
            self._cat_shared: 6,
            self._get_file: 8,
            self._get_folder: 2,
            self._ls: 5,
            self._find: 4,
            self._info: 5,
            self._mkdir: 3,
            self._rmdir: 2,
            self._rm_file: 6,
            self._rm_missing: 1,
            self._rm_folder: 3,
            self._mv_file: 6,
            self._mv_folder: 4,
            self._cp_file: 5,
            self._cp_folder: 3,
        }

    def draw(self, state: State) -> Job:
        """Draw an operation that makes sense in this state."""
        while True:
            (kind,) = self._rng.choices(list(self._kinds), list(self._kinds.values()))
            job = kind(state)
            if job is not None:
                return job

    # -- chance ----------------------------------------------------------------------------------

    def _bytes(self):
        (size,) = self._rng.choices(_SIZES, _WEIGHTS)
        return self._rng.randbytes(size)

    def _place(self):
        """Return a folder, which may exist; few names, so that they meet again and again."""
        depth = self._rng.choice([0, 1, 1, 2])
        return "".join(f"d{self._rng.randrange(3)}/" for _ in range(depth))

    def _name(self):
        return f"{self._place()}f{self._rng.randrange(5)}"

    def _file(self, state):
        return self._rng.choice(sorted(state.files)) if state.files else None

    def _folder(self, state):
        return self._rng.choice(sorted(state.folders)) if state.folders else None

    def _free_folder(self, state, source):
        """Return a place for a copy of a folder: one that is free, not in it, and not too deep."""
        target = f"{self._place()}d{self._rng.randrange(6)}"
        if target in state.folders or target == source or below(target, source):
            return None
        deepest = max(path.count("/") for path in state.folders if f"{path}/".startswith(source))
        return None if target.count("/") + deepest - source.count("/") > 4 else target

    def _remote(self, path):
        return f"{self._root}/{path}" if path else self._root

    def _local(self, data):
        path = self._scratch / "up"
        path.write_bytes(data)
        return str(path)

    # -- writing ---------------------------------------------------------------------------------

    def _put_file(self, state):
        path, data = self._name(), self._bytes()
        local = self._local(data)
        return Job(
            "put_file",
            lambda: self._fs._put_file(local, self._remote(path)),
            change=Change(state, state.with_files({path: data}), upload=True),
        )

    def _pipe_file(self, state):
        path, data = self._name(), self._bytes()
        return Job(
            "pipe_file",
            lambda: self._fs._pipe_file(self._remote(path), data),
            change=Change(state, state.with_files({path: data}), upload=True),
        )

    def _put_stream(self, state):
        path, data = self._name(), self._bytes()
        return Job(
            "put of a stream",
            lambda: self._fs._put(io.BytesIO(data), self._remote(path)),
            change=Change(state, state.with_files({path: data}), upload=True),
        )

    def _put_folder(self, state):
        folder = f"{self._place()}d{self._rng.randrange(3)}"
        local = self._scratch / "folder"
        shutil.rmtree(local, ignore_errors=True)
        local.mkdir()
        files = {}
        for _ in range(3):
            name, data = f"f{self._rng.randrange(5)}", self._bytes()
            (local / name).write_bytes(data)
            files[f"{folder}/{name}"] = data
        new = state.with_files(files)
        return Job(
            "put of a folder",
            lambda: self._fs._put(f"{local}/", self._remote(f"{folder}/"), recursive=True),
            change=Change(state, new, pieces=True, upload=True),
        )

    def _create(self, state):
        path, data = self._name(), self._bytes()
        taken = path in state.files
        new = state if taken else state.with_files({path: data})
        return Job(
            "exclusive create",
            lambda: self._fs._pipe_file(self._remote(path), data, mode="create"),
            change=Change(state, new, upload=not taken),
            refuses=OSFVersionConflictError if taken else None,
        )

    # -- reading ---------------------------------------------------------------------------------

    def _cat_file(self, state):
        if (path := self._file(state)) is None:
            return None
        return Job(
            "cat_file",
            lambda: self._fs._cat_file(self._remote(path)),
            lambda found: insist(found, state.files[path], path),
        )

    def _cat_range(self, state):
        if (path := self._file(state)) is None:
            return None
        data = state.files[path]
        start, end = sorted(self._rng.randrange(len(data) + 10) for _ in range(2))
        return Job(
            "ranged read",
            lambda: self._fs._cat_file(self._remote(path), start, end),
            lambda found: insist(found, data[start:end], f"{path}, {start} to {end}"),
            unverified=True,
        )

    def _cat_missing(self, state):
        path = self._name()
        if path in state.files:
            return None
        return Job(
            "read of nothing",
            lambda: self._fs._cat_file(self._remote(path)),
            refuses=FileNotFoundError,
        )

    def _cat_shared(self, _state):
        path = self._rng.choice(sorted(self._shared))
        return Job(
            "read of a shared file",
            lambda: self._fs._cat_file(path),
            lambda found: insist(found, self._shared[path], path),
        )

    def _get_file(self, state):
        if (path := self._file(state)) is None:
            return None
        local = self._scratch / "down"
        before = local.read_bytes() if local.exists() else None

        async def run():
            try:
                await self._fs._get_file(self._remote(path), str(local))
            except BaseException:
                self._nothing_partial(local, (before, state.files[path]))
                raise

        return Job(
            "get_file",
            run,
            lambda _: insist(local.read_bytes(), state.files[path], f"{path}, downloaded"),
        )

    def _nothing_partial(self, local, allowed):
        found = local.read_bytes() if local.exists() else None
        if found not in allowed:
            raise DivergenceError(f"{local} is partial: {_brief(found)}")
        if left := [name for name in os.listdir(self._scratch) if name.endswith(".part")]:
            raise DivergenceError(f"temporary files are left: {left}")

    def _get_folder(self, state):
        if (folder := self._folder(state)) is None:
            return None
        local = self._scratch / "tree"
        shutil.rmtree(local, ignore_errors=True)
        wanted = {
            path[len(folder) + 1 :]: md5(data)
            for path, data in state.files.items()
            if below(path, folder)
        }

        def check(_result):
            found = {
                path.relative_to(local).as_posix(): md5(path.read_bytes())
                for path in local.rglob("*")
                if path.is_file()
            }
            insist(found, wanted, f"{folder}, downloaded")

        return Job(
            "get of a folder",
            lambda: self._fs._get(self._remote(f"{folder}/"), f"{local}/", recursive=True),
            check,
        )

    # -- looking ---------------------------------------------------------------------------------

    def _ls(self, state):
        folder = self._rng.choice(["", *sorted(state.folders)])
        return Job(
            "ls",
            lambda: self._fs._ls(self._remote(folder)),
            lambda found: insist(
                {info["name"].rpartition("/")[2]: info["type"] for info in found},
                state.children(folder),
                f"the listing of {folder!r}",
            ),
        )

    def _find(self, state):
        wanted = {self._remote(path): len(data) for path, data in state.files.items()}
        return Job(
            "find",
            lambda: self._fs._find(self._root, detail=True),
            lambda found: insist({k: v["size"] for k, v in found.items()}, wanted, "find"),
        )

    def _info(self, state):
        if (path := self._file(state)) is None:
            return None
        data = state.files[path]
        return Job(
            "info",
            lambda: self._fs._info(self._remote(path)),
            lambda found: insist(
                (found["type"], found["size"], found["md5"]), ("file", len(data), md5(data)), path
            ),
        )

    # -- folders and deletion --------------------------------------------------------------------

    def _mkdir(self, state):
        folder = f"{self._place()}d{self._rng.randrange(3)}"
        return Job(
            "mkdir",
            lambda: self._fs._mkdir(self._remote(folder)),
            change=Change(state, state.with_folder(folder)),
        )

    def _rmdir(self, state):
        if (folder := self._folder(state)) is None:
            return None
        full = bool(state.children(folder))
        return Job(
            "rmdir",
            lambda: self._fs._rmdir(self._remote(folder)),
            change=Change(state, state if full else state.without(folder)),
            refuses=OSError if full else None,
        )

    def _rm_file(self, state):
        if (path := self._file(state)) is None:
            return None
        return Job(
            "rm of a file",
            lambda: self._fs._rm_file(self._remote(path)),
            change=Change(state, state.without(path)),
        )

    def _rm_missing(self, state):
        path = self._name()
        if path in state.files:
            return None
        return Job(
            "rm of nothing",
            lambda: self._fs._rm_file(self._remote(path)),
            change=Change(state, state),
            refuses=FileNotFoundError,
        )

    def _rm_folder(self, state):
        if (folder := self._folder(state)) is None:
            return None
        return Job(
            "rm of a folder",
            lambda: self._fs._rm(self._remote(folder), recursive=True),
            change=Change(state, state.without(folder)),
        )

    # -- moving and copying ----------------------------------------------------------------------

    def _relocate_file(self, state, kind, run, *, away):
        source, target = self._file(state), self._name()
        if source is None or source == target:
            return None
        new = state.copied(source, target)
        if away:
            del new.files[source]
        replaces = target if target in state.files else None
        return Job(
            kind,
            lambda: run(self._remote(source), self._remote(target)),
            change=Change(state, new, replaces=replaces),
        )

    def _mv_file(self, state):
        return self._relocate_file(state, "mv of a file", self._fs._mv, away=True)

    def _cp_file(self, state):
        return self._relocate_file(state, "cp of a file", self._fs._cp_file, away=False)

    def _relocate_folder(self, state, kind, run, *, away):
        source = self._folder(state)
        target = source and self._free_folder(state, source)
        if target is None:
            return None
        new = state.copied(source, target)
        if away:
            new = new.without(source)
        return Job(
            kind,
            lambda: run(self._remote(source), self._remote(target), recursive=True),
            change=Change(state, new),
        )

    def _mv_folder(self, state):
        return self._relocate_folder(state, "mv of a folder", self._fs._mv, away=True)

    def _cp_folder(self, state):
        return self._relocate_folder(state, "cp of a folder", self._fs._copy, away=False)
