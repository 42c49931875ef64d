"""What the cache believes after our own doings is what the OSF has."""

from __future__ import annotations

import asyncio

import pytest

from dvc_osf import OSFFileSystem

DOINGS = {
    "a new file": lambda fs, root, _: fs.pipe_file(f"{root}/d/new", b"new"),
    "a new file in new folders": lambda fs, root, _: fs.pipe_file(f"{root}/x/y/z", b"new"),
    "a new version": lambda fs, root, _: fs.pipe_file(f"{root}/d/f", b"newer"),
    "several files": lambda fs, root, _: fs.pipe({f"{root}/d/{n}": b"x" for n in range(5)}),
    "a local file": lambda fs, root, local: fs.put_file(local, f"{root}/d/local"),
    "a copied file": lambda fs, root, _: fs.cp_file(f"{root}/d/f", f"{root}/e/copy"),
    "a file copied onto another": lambda fs, root, _: fs.cp_file(f"{root}/d/f", f"{root}/e/g"),
    "a copied folder": lambda fs, root, _: fs.copy(f"{root}/d", f"{root}/copy", recursive=True),
    "a moved file": lambda fs, root, _: fs.mv(f"{root}/d/f", f"{root}/e/moved"),
    "a file moved onto another": lambda fs, root, _: fs.mv(f"{root}/d/f", f"{root}/e/g"),
    "a moved folder": lambda fs, root, _: fs.mv(f"{root}/d", f"{root}/e/moved", recursive=True),
    "a deleted file": lambda fs, root, _: fs.rm_file(f"{root}/d/f"),
    "a deleted folder": lambda fs, root, _: fs.rm(f"{root}/d", recursive=True),
    "everything deleted": lambda fs, root, _: fs.rm(root, recursive=True),
    "a made folder": lambda fs, root, _: fs.makedirs(f"{root}/made/within", exist_ok=True),
    "a removed folder": lambda fs, root, _: fs.rmdir(f"{root}/empty"),
}


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("doing", DOINGS.values(), ids=DOINGS)
def test_the_cache_is_right_after_every_operation(
    connect_both, other, plant, root, tmp_path, doing, warm
):
    (tmp_path / "local").write_bytes(b"local")
    plant.files({"d/f": b"old", "d/deep/h": b"deep", "e/g": b"other"})
    plant.folders("empty")
    fs = connect_both(create_folders=True)
    if warm:
        fs.find(root)

    doing(fs, root, str(tmp_path / "local"))

    believed = fs.find(root, withdirs=True, detail=True)
    assert believed == other.find(root, withdirs=True, detail=True)
    for path, info in believed.items():
        assert fs.isdir(path) == (info["type"] == "directory")
        assert fs.isfile(path) == (info["type"] == "file")
    for gone in ("d/f", "d", "e/g", "empty"):
        assert fs.exists(f"{root}/{gone}") == other.exists(f"{root}/{gone}")


@pytest.mark.parametrize("anew", ["refresh", "invalidate", "invalidate all"])
def test_what_others_have_done_is_seen_when_asked_anew(fs, other, plant, root, anew):
    plant.files({"d/f": b"old", "d/gone": b"x"})
    fs.find(root)
    other.pipe_file(f"{root}/d/f", b"newer")
    other.rm_file(f"{root}/d/gone")
    other.pipe_file(f"{root}/d/new", b"x")
    assert fs.info(f"{root}/d/f")["size"] == 3

    if anew == "refresh":
        fs.ls(f"{root}/d", refresh=True)
    else:
        fs.invalidate_cache(f"{root}/d" if anew == "invalidate" else None)

    assert fs.info(f"{root}/d/f")["size"] == 5
    assert not fs.exists(f"{root}/d/gone")
    assert fs.ls(f"{root}/d", detail=False) == [f"{root}/d/f", f"{root}/d/new"]


async def test_it_is_forgotten_at_once_in_asynchronous_code(osf, other, root):
    fs = OSFFileSystem(
        osf.token, endpoint_url=osf.api_url, asynchronous=True, skip_instance_cache=True
    )
    await fs._pipe_file(f"{root}/a", b"1")
    await asyncio.to_thread(other.pipe_file, f"{root}/a", b"22222")
    assert await fs._size(f"{root}/a") == 1
    fs.invalidate_cache()
    assert await fs._size(f"{root}/a") == 5
    await fs.aclose()
