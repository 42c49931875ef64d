"""Random programs against a plain dict: whatever is done, in any order, the OSF agrees with it.

Each example has a project of its own on one server. A second filesystem plays the other client,
whose doings the first one learns of by `invalidate_cache` or by reading.
"""

from __future__ import annotations

import asyncio
import inspect
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

# Few names, so that programs meet what they made before; and such as URLs and globs trip over.
NAMES = ["a", "with space", "100%25", "ünï", "#1+"]
names = st.sampled_from(NAMES)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
# A path by its names, or one of those that there are: see `at`.
places = paths | st.integers(0, 99)
contents = st.binary(max_size=12)
bounds = st.none() | st.integers(-15, 15)


def above(path):
    """Yield the folders that a path is in."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


class Model:
    """What is on the OSF: contents by path, and folders, which outlive their files."""

    def __init__(self):
        self.files = {}
        self.folders = set()

    def can_hold(self, path):
        """Tell whether there may be anything: what it is in are folders."""
        return not any(folder in self.files for folder in above(path))

    def can_be_file(self, path):
        """Tell whether a file may be there; the OSF itself would let a folder share its name."""
        return path not in self.folders and self.can_hold(path)

    def can_merge(self, source, target):
        """Tell whether a folder may be merged into another: files onto files, folders alike."""
        pairs = [(path, target + path[len(source) :]) for path in (source, *self.below(source))]
        return self.can_hold(target) and not any(
            (path in self.files and place in self.folders)
            or (path in self.folders and place in self.files)
            for path, place in pairs
        )

    def write(self, path, data):
        self.files[path] = data
        self.folders.update(above(path))

    def below(self, folder):
        return {path for path in (*self.files, *self.folders) if path.startswith(f"{folder}/")}

    def remove(self, path):
        for gone in (path, *self.below(path)):
            self.files.pop(gone, None)
            self.folders.discard(gone)

    def copy(self, source, target):
        self.folders.update(above(target))
        for path in (source, *sorted(self.below(source))):
            place = target + path[len(source) :]
            if path in self.files:
                self.files[place] = self.files[path]
            else:
                self.folders.add(place)

    def children(self, folder):
        everything = {*self.files, *self.folders}
        return {path for path in everything if path.rpartition("/")[0] == folder}


class Program(RuleBasedStateMachine):
    """The operations; `self.do` calls one by its name without the underscore."""

    server: EmulatorThread

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.root = f"{self.server.add_project()}/osfstorage"
        options = {
            "token": self.server.token,
            "endpoint_url": self.server.api_url,
            "skip_instance_cache": True,
            # Folders that are the OSF's own, not what this or that client has seen of them.
            "create_folders": True,
        }
        self.fs = self.connect(options)
        self.other = OSFFileSystem(**options, use_listings_cache=False)

    # -- the two ways to call

    def connect(self, options):
        return OSFFileSystem(**options)

    def do(self, name, *args, **kwargs):
        return getattr(self.fs, name)(*args, **kwargs)

    def close(self):
        self.fs.close()

    def teardown(self):
        self.close()
        self.other.close()

    def full(self, path):
        return f"{self.root}/{path}" if path else self.root

    def at(self, place):
        """Return the path that a place means: a number chooses among what there is."""
        there = sorted({*self.model.files, *self.model.folders})
        if isinstance(place, str):
            return place
        return there[place % len(there)] if there else "a"

    def fails(self, error, name, *args, **kwargs):
        with pytest.raises(error):
            self.do(name, *args, **kwargs)

    # -- writing

    @initialize(path=paths, data=contents)
    def begin(self, path, data):
        self.pipe(path, data)

    @rule(path=places, data=contents)
    def pipe(self, path, data):
        path = self.at(path)
        if self.model.can_be_file(path):
            self.do("pipe_file", self.full(path), data)
            self.model.write(path, data)

    @rule(path=places, data=contents)
    def create(self, path, data):
        path = self.at(path)
        if path in self.model.files:
            self.fails(FileExistsError, "pipe_file", self.full(path), data, mode="create")
        elif self.model.can_be_file(path):
            self.do("pipe_file", self.full(path), data, mode="create")
            self.model.write(path, data)

    @rule(path=places, data=contents)
    def put(self, path, data):
        path = self.at(path)
        if self.model.can_be_file(path):
            with open(self.local, "wb") as file:
                file.write(data)
            self.do("put_file", self.local, self.full(path))
            self.model.write(path, data)

    @rule(path=paths)
    def make_folder(self, path):
        if path not in self.model.files and self.model.can_hold(path):
            self.do("mkdir", self.full(path))
            self.model.folders.update((path, *above(path)))

    # -- deleting

    @rule(path=places)
    def remove_file(self, path):
        path = self.at(path)
        if path in self.model.files:
            self.do("rm", self.full(path))
            self.model.remove(path)
        elif path in self.model.folders:
            self.fails(IsADirectoryError, "rm", self.full(path))
        else:
            self.fails(FileNotFoundError, "rm", self.full(path))

    @rule(path=places)
    def remove_all(self, path):
        path = self.at(path)
        if path in self.model.files or path in self.model.folders:
            self.do("rm", self.full(path), recursive=True)
            self.model.remove(path)
        else:
            self.fails(FileNotFoundError, "rm", self.full(path), recursive=True)

    # -- moving and copying

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), to=paths, action=st.sampled_from(["cp", "mv"]))
    def relocate_file(self, data, to, action):
        source = data.draw(st.sampled_from(sorted(self.model.files)), label="source")
        place = to
        if to in self.model.folders:
            place = f"{to}/{source.rpartition('/')[2]}"
        if place == source or not self.model.can_be_file(place):
            return
        self.do("copy" if action == "cp" else "mv", self.full(source), self.full(to))
        self.model.copy(source, place)
        if action == "mv":
            self.model.remove(source)

    @precondition(lambda self: self.model.folders)
    @rule(data=st.data(), to=paths, action=st.sampled_from(["cp", "mv"]))
    def relocate_folder(self, data, to, action):
        source = data.draw(st.sampled_from(sorted(self.model.folders)), label="source")
        place = to
        if to in self.model.folders:
            place = f"{to}/{source.rpartition('/')[2]}"
        inside = f"{place}/".startswith(f"{source}/")
        if inside or not self.model.can_merge(source, place):
            return
        name = "copy" if action == "cp" else "mv"
        self.do(name, self.full(source), self.full(to), recursive=True)
        self.model.copy(source, place)
        if action == "mv":
            self.model.remove(source)

    # -- reading

    @rule(path=places, start=bounds, end=bounds)
    def read(self, path, start, end):
        path = self.at(path)
        if path in self.model.files:
            data = self.model.files[path]
            for first, last in ((start, end), (-3, None), (1, -1)):
                assert self.do("cat_file", self.full(path), first, last) == data[first:last]
        elif path in self.model.folders:
            self.fails(IsADirectoryError, "cat_file", self.full(path))
        else:
            self.fails(FileNotFoundError, "cat_file", self.full(path))

    @precondition(lambda self: self.model.files)
    @rule(data=st.data())
    def read_ranges(self, data):
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.model.files)), max_size=5))
        parts = [
            (path, *sorted(data.draw(st.tuples(*[st.integers(0, 14)] * 2)))) for path in chosen
        ]
        found = self.do(
            "cat_ranges",
            [self.full(path) for path, _, _ in parts],
            [start for _, start, _ in parts],
            [end for _, _, end in parts],
        )
        assert found == [self.model.files[path][start:end] for path, start, end in parts]

    @rule(path=places)
    def download(self, path):
        path = self.at(path)
        if path in self.model.files:
            self.do("get_file", self.full(path), self.local)
            with open(self.local, "rb") as file:
                assert file.read() == self.model.files[path]

    @rule(path=places)
    def look_at(self, path):
        path = self.at(path)
        place = self.full(path)
        assert self.do("exists", place) == (path in self.model.files or path in self.model.folders)
        assert self.do("isfile", place) == (path in self.model.files)
        assert self.do("isdir", place) == (path in self.model.folders)
        if path in self.model.files:
            info = self.do("info", place)
            assert (info["name"], info["type"]) == (place, "file")
            assert info["size"] == len(self.model.files[path])
        elif path not in self.model.folders:
            self.fails(FileNotFoundError, "info", place)
            self.fails(FileNotFoundError, "ls", place)

    @rule(path=places | st.just(""))
    def list_folder(self, path):
        path = self.at(path)
        if path == "" or path in self.model.folders:
            listed = self.do("ls", self.full(path), detail=False)
            assert listed == sorted(self.full(child) for child in self.model.children(path))

    @rule(path=places, withdirs=st.booleans())
    def find(self, path, withdirs):
        path = self.at(path)
        within = self.model.below(path)
        expected = {name for name in within if name in self.model.files}
        if path in self.model.files or (withdirs and path in self.model.folders):
            expected.add(path)
        if withdirs:
            expected |= within
        found = self.do("find", self.full(path), withdirs=withdirs)
        assert found == sorted(self.full(name) for name in expected)

    # -- somebody else

    @rule(path=places, data=contents)
    def other_writes(self, path, data):
        path = self.at(path)
        if self.model.can_be_file(path):
            self.other.pipe_file(self.full(path), data)
            self.model.write(path, data)
            self.fs.invalidate_cache(self.full(path))

    @rule(path=paths, data=contents)
    def other_writes_what_is_read_at_once(self, path, data):
        if path not in self.model.files and self.model.can_be_file(path):
            self.other.pipe_file(self.full(path), data)
            self.model.write(path, data)
            assert self.do("cat_file", self.full(path)) == data
            self.fs.invalidate_cache(self.full(path))

    @rule(path=places)
    def other_deletes(self, path):
        path = self.at(path)
        if path in self.model.files or path in self.model.folders:
            self.other.rm(self.full(path), recursive=True)
            self.model.remove(path)
            self.fs.invalidate_cache(self.full(path))

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), to=paths)
    def other_renames(self, data, to):
        source = data.draw(st.sampled_from(sorted(self.model.files)), label="source")
        free = to not in self.model.files and self.model.can_be_file(to)
        if free and to != source:
            self.other.mv(self.full(source), self.full(to))
            self.model.copy(source, to)
            self.model.remove(source)
            self.fs.invalidate_cache()

    # -- always

    @invariant()
    def the_cache_is_right(self):
        """What the filesystem believes is what the model knows."""
        listed = self.do("find", self.root, withdirs=True)
        everything = {*self.model.files, *self.model.folders}
        assert listed == sorted([self.root, *map(self.full, everything)])

    def check_the_server(self):
        """What is stored is what the model knows: looked at once, at the end."""
        listed = self.other.find(self.root)
        stored = self.other.cat(listed) if listed else {}
        assert stored == {self.full(path): data for path, data in self.model.files.items()}


class Sync(Program):
    """By the synchronous methods, with the file objects that only they have."""

    def teardown(self):
        self.check_the_server()
        super().teardown()

    @rule(path=places, pieces=st.lists(contents, max_size=3), mode=st.sampled_from(["wb", "xb"]))
    def write_open(self, path, pieces, mode):
        path = self.at(path)
        if not self.model.can_be_file(path):
            return
        if mode == "xb" and path in self.model.files:
            self.fails(FileExistsError, "open", self.full(path), mode)
            return
        with self.fs.open(self.full(path), mode) as file:
            for piece in pieces:
                file.write(piece)
        self.model.write(path, b"".join(pieces))

    @rule(path=places, at=st.integers(0, 14), length=st.integers(-1, 14))
    def read_open(self, path, at, length):
        path = self.at(path)
        if path in self.model.files:
            with self.fs.open(self.full(path), block_size=5) as file:
                file.seek(at)
                rest = self.model.files[path][at:]
                assert file.read(length) == (rest if length < 0 else rest[:length])


class Native(Program):
    """By the coroutines, on an event loop of the program's own."""

    def connect(self, options):
        self.loop = asyncio.new_event_loop()
        return OSFFileSystem(**options, asynchronous=True)

    def do(self, name, *args, **kwargs):
        method = getattr(self.fs, f"_{name}")
        assert inspect.iscoroutinefunction(method)
        return self.loop.run_until_complete(method(*args, **kwargs))

    def close(self):
        self.loop.run_until_complete(self.fs.aclose())
        self.loop.close()

    def teardown(self):
        self.check_the_server()
        super().teardown()


@pytest.mark.parametrize("program", [Sync, Native])
def test_random_programs(program, tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("OSF_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with EmulatorThread(tmp_path / "osf") as server:
        monkeypatch.setattr(Program, "server", server, raising=False)
        monkeypatch.setattr(Program, "local", str(tmp_path / "local"), raising=False)
        run_state_machine_as_test(
            program,
            settings=settings(
                max_examples=50,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
                # To shrink a failure takes longer than a test may; 25 steps can be read.
                phases=[Phase.explicit, Phase.generate],
            ),
        )
