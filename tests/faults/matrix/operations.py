"""The columns of the matrix: what is there before, what is done, what must be there afterwards.

Contents are described by path: those of a file on the OSF by its versions, oldest first, those of
a folder by None.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .scene import Scene

KIB, MIB = 1024, 1024 * 1024

LARGE = MIB + 200 * KIB
"""Bytes of an upload that goes in chunks, and that the server is asked about first."""

OVERFLOWING = 16 * MIB
"""Bytes of an upload that no buffers of the two systems hold."""

RANGE = 64 * KIB
"""Bytes of one range of a download, in these tests."""

MANY = 50
"""Files of a bulk operation."""

EVERY = 7
"""Of these, so many apart are those that a fault hits."""

Remote = dict[str, list[bytes] | None]
Local = dict[str, bytes]


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that look like no others."""
    return random.Random(size * 1000 + seed).randbytes(size)


class Operation:
    """One column.

    Attributes
    ----------
    name
        Its heading.
    call
        What is called, for the page.
    remote, local
        What is on the OSF and on the disk before.
    sends
        Bytes of the body of a request that is hit.
    answered_with
        What the answer to it holds: "json", "content", "part" (of a content), or nothing.
    stores
        Whether that body is the content of a file.
    passed
        How many of the requests that can be hit pass before one is hit once.
    abandons
        Whether a failure cancels other requests.
    """

    name: ClassVar[str]
    call: ClassVar[str]
    remote: ClassVar[Remote] = {}
    local: ClassVar[Local] = {}
    options: ClassVar[dict[str, Any]] = {}
    sends: int = 0
    answered_with: ClassVar[str | None] = "json"
    stores: ClassVar[bool] = False
    passed: ClassVar[int] = 0
    abandons: ClassVar[bool] = False

    def with_body(self, size: int) -> Operation:
        """Return the same operation, with an upload of another size where it has a large one."""
        del size
        return self

    def hit(self, scene: Scene) -> list[dict[str, Any]]:
        """Return conditions of the emulator's rules: each is met by requests that are to fail."""
        raise NotImplementedError

    def hit_for_good(self, scene: Scene) -> list[dict[str, Any]]:
        """Return the same, where there are others once one such request has failed."""
        return self.hit(scene)

    async def prepare(self, scene: Scene) -> None:
        """Let the filesystem know the place, as it does in the midst of its work."""
        await scene.fs._ls(scene.root)

    async def run(self, scene: Scene) -> Any:
        """Do it."""
        raise NotImplementedError

    def result(self, scene: Scene) -> Any:
        """Return what it must return."""
        del scene

    def remote_after(self) -> Remote:
        """Return what must be on the OSF after success."""
        return self.remote

    def local_after(self) -> Local:
        """Return what must be on the disk after success."""
        return self.local

    def hit_files(self) -> set[str]:
        """Return the files on the OSF that a fault hits while they are stored."""
        return set()

    def partial(self, found: dict[str, Any], before: Any, after: Any) -> bool:
        """Tell whether what is found on either side is what may be there after a failure."""
        del after
        return bool(found == before)


class Create(Operation):
    """A new file, large enough for the pipeline."""

    name = "create"
    call = "`put_file` of a new file of 1.2 MiB"
    stores = True

    def __init__(self, size=LARGE):
        self.sends = size
        self.local = {"f": noise(size)}

    def with_body(self, size):
        return self if size == self.sends else type(self)(size)

    def hit(self, scene):
        del scene
        return [{"method": "PUT", "path": "kind=file"}]

    async def run(self, scene):
        await scene.fs._put_file(scene.local("f"), f"{scene.root}/f")

    def remote_after(self):
        return {"f": [self.local["f"]]}

    def hit_files(self):
        return {"f"}


class Update(Create):
    """Another version of a file."""

    name = "update"
    call = "`put_file` of 1.2 MiB onto a file that exists"
    remote: ClassVar = {"f": [b"old"]}

    def hit(self, scene):
        return [{"method": "PUT", "path": scene.ids["f"]}]

    def remote_after(self):
        return {"f": [b"old", self.local["f"]]}


class Download(Operation):
    """A file in ranges, onto a local one."""

    name = "download"
    call = "`get_file` of 5 ranges, onto a local file that exists"
    remote: ClassVar = {"f": [noise(4 * RANGE + 1000)]}
    local: ClassVar = {"f": b"old"}
    answered_with = "content"
    passed = 2

    def hit(self, scene):
        return [{"method": "GET", "path": scene.ids["f"]}]

    async def run(self, scene):
        await scene.fs._get_file(f"{scene.root}/f", scene.local("f"))

    def local_after(self):
        return {"f": self.remote["f"][-1]}


class RangedRead(Download):
    """A part of a file, into memory."""

    name = "ranged read"
    call = "`cat_file` of a part"
    local: ClassVar = {}
    answered_with = "part"
    passed = 0

    async def run(self, scene):
        return await scene.fs._cat_file(f"{scene.root}/f", 1000, 150_000)

    def result(self, scene):
        del scene
        return self.remote["f"][-1][1000:150_000]

    def local_after(self):
        return {}


class List(Operation):
    """One folder."""

    name = "list"
    call = "`ls`"
    remote: ClassVar = {"d": None, "d/1": [b"1"], "d/2": [b"22"], "d/deep": None}

    def hit(self, scene):
        return [{"method": "GET", "path": scene.ids["d"]}]

    async def run(self, scene):
        return await scene.fs._ls(f"{scene.root}/d", detail=False)

    def result(self, scene):
        return [f"{scene.root}/d/{name}" for name in ("1", "2", "deep")]


class Find(Operation):
    """Many folders."""

    name = "find"
    call = "`find` in 12 folders"
    remote: ClassVar = {
        path: content
        for folder in ["d", *(f"d/{number:02d}" for number in range(11))]
        for path, content in {folder: None, f"{folder}/x": [folder.encode()]}.items()
    }
    passed = 3

    def hit(self, scene):
        del scene
        return [{"method": "GET", "host": "files", "path": "/$"}]

    async def run(self, scene):
        return await scene.fs._find(f"{scene.root}/d")

    def result(self, scene):
        return sorted(f"{scene.root}/{path}" for path, found in self.remote.items() if found)


class Delete(Operation):
    """One file."""

    name = "delete"
    call = "`rm` of a file"
    remote: ClassVar = {"f": [b"x"], "g": [b"y"]}
    answered_with = None

    def hit(self, scene):
        del scene
        return [{"method": "DELETE"}]

    async def run(self, scene):
        await scene.fs._rm(f"{scene.root}/f")

    def remote_after(self):
        return {"g": [b"y"]}


class MakeFolder(Operation):
    """A folder of its own accord."""

    name = "folder create"
    call = "`mkdir` with `create_folders=True`"
    options: ClassVar = {"create_folders": True}

    def hit(self, scene):
        del scene
        return [{"method": "PUT", "path": "kind=folder"}]

    async def run(self, scene):
        await scene.fs._mkdir(f"{scene.root}/d")

    def remote_after(self):
        return {"d": None}


class Move(Operation):
    """One file, to a free place."""

    name = "move"
    call = "`mv` of a file to a free place"
    remote: ClassVar = {"f": [b"old", b"new"], "d": None}
    sends = 1

    def hit(self, scene):
        return [{"method": "POST", "path": scene.ids["f"]}]

    async def run(self, scene):
        await scene.fs._mv(f"{scene.root}/f", f"{scene.root}/d/g")

    def remote_after(self):
        return {"d": None, "d/g": [b"old", b"new"]}


class Replace(Move):
    """One file, onto another."""

    name = "replace"
    call = "`mv` of a file onto another"
    remote: ClassVar = {"f": [b"old", b"new"], "g": [b"target"]}

    async def run(self, scene):
        await scene.fs._mv(f"{scene.root}/f", f"{scene.root}/g")

    def remote_after(self):
        return {"g": [b"old", b"new"]}


class Copy(Move):
    """A folder with what is in it, to a free place."""

    name = "copy"
    call = "`cp` of a folder to a free place"
    remote: ClassVar = {"d": None, "d/1": [b"old", b"new"], "d/deep": None, "d/deep/2": [b"22"]}

    def hit(self, scene):
        return [{"method": "POST", "path": scene.ids["d"]}]

    async def run(self, scene):
        await scene.fs._copy(f"{scene.root}/d", f"{scene.root}/e", recursive=True)

    def remote_after(self):
        copies = {path.replace("d", "e", 1): content for path, content in self.remote.items()}
        return self.remote | copies


def _many(prefix: str) -> Local:
    return {f"{prefix}{number:02d}": noise(1000, number) for number in range(MANY)}


class BulkPut(Operation):
    """Many small files."""

    name = "bulk put"
    call = f"`put` of {MANY} files; every {EVERY}th is hit"
    local: ClassVar = _many("")
    sends = 1000
    stores = True
    abandons = True

    def hit(self, scene):
        del scene
        return [{"method": "PUT", "path": f"name={name}"} for name in list(self.local)[::EVERY]]

    def hit_for_good(self, scene):
        # What was stored damaged is sent again to the file, by its id.
        return [*self.hit(scene), {"method": "PUT", "path": r"/\w+\?kind=file$"}]

    async def run(self, scene):
        await scene.fs._put(f"{scene.local('')}/", f"{scene.root}/d/", recursive=True)

    def remote_after(self):
        return {"d": None} | {f"d/{name}": [content] for name, content in self.local.items()}

    def hit_files(self):
        return {f"d/{name}" for name in list(self.local)[::EVERY]}

    def partial(self, found, before, after):
        del before
        return found.items() <= after.items()


class BulkGet(Operation):
    """Many small files."""

    name = "bulk get"
    call = f"`get` of {MANY} files; every {EVERY}th is hit"
    remote: ClassVar = {"d": None} | {path: [data] for path, data in _many("d/").items()}
    answered_with = "content"
    abandons = True

    def hit(self, scene):
        names = [path for path, content in self.remote.items() if content]
        return [{"method": "GET", "path": scene.ids[name]} for name in names[::EVERY]]

    async def run(self, scene):
        await scene.fs._get(f"{scene.root}/d/", f"{scene.local('')}/", recursive=True)

    def local_after(self):
        return _many("")

    def partial(self, found, before, after):
        del before
        return found.items() <= after.items()


OPERATIONS: tuple[Operation, ...] = (
    Create(),
    Update(),
    Download(),
    RangedRead(),
    List(),
    Find(),
    Delete(),
    MakeFolder(),
    Move(),
    Replace(),
    Copy(),
    BulkPut(),
    BulkGet(),
)
