"""A folder of a hundred thousand files: one request, and work in proportion."""

from __future__ import annotations

import sys
import time

import pytest

from dvc_osf.emulator.ids import new_id, now

COUNT = 100_000
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def large(osf, root):
    """Fill a folder by way of the server's database; return its path."""
    world, guid = osf.world, osf.project

    def fill() -> None:
        top = world.tree.existing(world.store.node(guid).root)
        folder = world.tree.add_folder(top, "large").id
        made, sha256 = now(), "0" * 64
        ids = [new_id() for _ in range(COUNT)]
        with world.store.transaction():
            world.store.db.executemany(
                "INSERT INTO entities VALUES (?, ?, ?, 'file', ?, NULL, 1, ?, ?, ?, ?, 0, ?, NULL)",
                (
                    (id_, guid, folder, f"{number:06}.csv", number, EMPTY_MD5, sha256, made, made)
                    for number, id_ in enumerate(ids)
                ),
            )
            world.store.db.executemany(
                "INSERT INTO versions VALUES (?, 1, 1, ?, ?, ?, ?, NULL, x'')",
                ((id_, n, EMPTY_MD5, sha256, made) for n, id_ in enumerate(ids)),
            )

    osf._call(fill)
    return f"{root}/large"


def peak():
    """Return the most bytes that this process has had in memory, where that can be known."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_hundred_thousand_files_in_one_folder(connect, large, asked):
    fs = connect(listings_expiry_time=None)
    before, begun = peak(), time.process_time()

    listed = fs.ls(large)

    listing = time.process_time() - begun
    assert len({info["name"] for info in listed}) == COUNT
    assert asked() == {"api": 1, "listing": 2}
    # The server's side of it is in this process, too.
    assert peak() - before < COUNT * 15_000

    begun = time.process_time()
    assert fs.ls(large, detail=False)[-1] == f"{large}/099999.csv"
    assert len(fs.find(large)) == COUNT
    assert len(fs.glob(f"{large}/*99.csv")) == 1000
    assert fs.du(large) == COUNT * (COUNT - 1) // 2
    assert [len(files) for _, _, files in fs.walk(large)] == [COUNT]
    assert asked() == {}
    for number in range(0, COUNT, 100):
        assert fs.info(f"{large}/{number:06}.csv")["size"] == number
    for number in range(100):
        assert not fs.exists(f"{large}/nothing {number}")
    # None of this is a request; all of it together is less work than reading the listing once.
    assert asked() == {}
    assert time.process_time() - begun < 2 * listing

    fs.pipe_file(f"{large}/new", b"x")
    fs.rm_file(f"{large}/000000.csv")
    assert asked() == {"file PUT": 1, "delete": 1}
    assert len(fs.ls(large)) == COUNT
