"""What things cost in requests: by the server's own log, which the totals must equal."""

from __future__ import annotations

import asyncio
import random

import pytest

from dvc_osf.emulator import Fault


def test_three_hundred_new_files_in_twenty_new_folders(
    connect_both, osf, plant, root, tmp_path, asked
):
    plant.folders("store/here")
    for number in range(300):
        folder = tmp_path / "push" / f"{number % 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03}").write_bytes(random.Random(number).randbytes(1000 + number))
    fs = connect_both(batch_size=16)

    fs.put(f"{tmp_path}/push/", f"{root}/store/here/", recursive=True)

    listed = [entry.path for entry in osf.requests if entry.host == "files"]
    counts = asked()
    assert counts["file PUT"] == 300
    assert counts["folder PUT"] == 20
    # The root, `store` and `here`: no folder that the push has made.
    assert counts["listing"] == 3
    assert counts == {"api": 1, "listing": 3, "folder PUT": 20, "file PUT": 300}
    assert counts == dict(fs.stats.requests)
    assert fs.stats.total == 324 == len(listed) + 1
    assert fs.stats.retries == 0
    assert len(fs.find(f"{root}/store/here")) == 300
    # All of it is known from the answers.
    assert asked() == {}


async def test_the_same_by_sixteen_tasks(
    osf_here, connect_here, plant_here, root_here, asked_here, most_at_once
):
    await plant_here.put({"here": None})
    fs = connect_here(max_requests=16)
    turns = asyncio.Semaphore(16)

    async def push(number):
        async with turns:
            await fs._pipe_file(f"{root_here}/here/{number % 20}/{number}", b"%d" % number)

    await asyncio.gather(*map(push, range(300)))

    assert 1 < most_at_once(osf_here.requests) <= 16
    counts = asked_here()
    assert counts == {"api": 1, "listing": 2, "folder PUT": 20, "file PUT": 300}
    assert counts == dict(fs.stats.requests)


def test_a_new_file_is_one_put_after_the_listings_of_its_folders(fs, plant, root, asked):
    plant.folders("a/b")
    fs.pipe_file(f"{root}/a/b/one", b"1")
    assert asked() == {"api": 1, "listing": 2, "file PUT": 1}
    fs.pipe_file(f"{root}/a/b/two", b"2")
    assert asked() == {"file PUT": 1}


def test_a_new_file_in_a_folder_that_was_looked_at_is_one_put(fs, plant, root, asked):
    plant.folders("a")
    fs.ls(f"{root}/a")
    asked()

    fs.pipe_file(f"{root}/a/f", b"1")
    assert asked() == {"file PUT": 1}


def test_overwriting_a_known_file_is_one_put(fs, plant, root, asked):
    plant.files({"f": b"old"})
    fs.info(f"{root}/f")
    asked()

    fs.pipe_file(f"{root}/f", b"new")
    fs.pipe_file(f"{root}/f", b"newer")
    assert asked() == {"file PUT": 2}


def test_a_small_read_is_one_get(fs, plant, root, asked):
    plant.files({"f": b"x" * 1000})
    fs.info(f"{root}/f")
    asked()

    fs.cat_file(f"{root}/f")
    assert asked() == {"download": 1}
    fs.cat_file(f"{root}/f", 10, 20)
    assert asked() == {"download": 1}


def test_looking_again_costs_nothing_until_the_listing_expires(fs, plant, root, asked, clock):
    plant.files({"a/f": b"x"})

    def look():
        fs.info(f"{root}/a/f")
        fs.exists(f"{root}/a/nothing")
        fs.isdir(f"{root}/a")
        fs.ls(f"{root}/a")
        fs.find(root)
        fs.glob(f"{root}/*/f")
        fs.du(root)
        return asked()

    assert look() == {"api": 1, "listing": 2}
    assert look() == {}
    clock.forward += 59
    assert look() == {}
    clock.forward += 2
    assert look() == {"listing": 2}


def test_an_expired_listing_that_still_holds_is_a_304(fs, osf, plant, root, clock):
    plant.files({"f": b"x"})
    fs.ls(root)
    clock.forward += 61
    osf.clear_requests()

    assert fs.ls(root, detail=False) == [f"{root}/f"]

    (request,) = osf.requests
    assert request.status == 304
    assert request.sent == 0
    # The whole time again.
    clock.forward += 59
    fs.ls(root)
    assert len(osf.requests) == 1


def test_what_a_project_is_is_asked_once(fs, osf, root, asked, clock):
    for _ in range(3):
        fs.ls(osf.project)
        fs.info(osf.project)
        fs.ls(root)
        clock.forward += 1000
    assert asked()["api"] == 1


def test_two_projects_are_asked_for_once_each(fs, osf, root, asked):
    second = osf.add_project("Second")
    fs.ls(root)
    fs.ls(f"{second}/osfstorage")
    fs.pipe_file(f"{second}/osfstorage/f", b"x")
    assert asked() == {"api": 2, "listing": 2, "file PUT": 1}


def test_a_registration_costs_one_more(fs, osf, plant, asked):
    plant.files({"f": b"x"})
    registration = osf.make_registration(osf.project)
    osf.clear_requests()

    assert fs.cat_file(f"{registration}/osfstorage/f") == b"x"
    assert asked() == {"api": 2, "listing": 1, "download": 1}
    fs.cat_file(f"{registration}/osfstorage/f")
    assert asked() == {"download": 1}


async def test_what_several_want_at_once_is_asked_once(
    connect_here, plant_here, root_here, asked_here
):
    await plant_here.put({"a/b/f": b"x"})
    fs = connect_here()

    await asyncio.gather(
        *(fs._info(f"{root_here}/a/b/f") for _ in range(10)),
        *(fs._ls(f"{root_here}/a") for _ in range(10)),
        *(fs._exists(f"{root_here}/a/b/{number}") for number in range(10)),
    )
    assert asked_here() == {"api": 1, "listing": 3}


async def test_a_look_that_is_cancelled_does_not_disturb_the_others(
    osf_here, connect_here, plant_here, root_here, asked_here
):
    await plant_here.put({"f": b"x"})
    fs = connect_here()
    osf_here.settings.latency = 0.05
    first = asyncio.ensure_future(fs._info(f"{root_here}/f"))
    second = asyncio.ensure_future(fs._info(f"{root_here}/f"))
    await asyncio.sleep(0.02)
    first.cancel()

    assert (await second)["size"] == 1
    assert first.cancelled()
    assert asked_here() == {"api": 1, "listing": 1}


@pytest.mark.parametrize("options", [{"use_listings_cache": False}, {"listings_expiry_time": 0}])
def test_without_a_cache_every_look_asks(connect_both, other, plant, root, options):
    plant.files({"a/f": b"x"})
    fs = connect_both(**options)

    assert fs.exists(f"{root}/a/f")
    other.rm_file(f"{root}/a/f")
    assert not fs.exists(f"{root}/a/f")
    other.pipe_file(f"{root}/a/f", b"22")
    assert fs.info(f"{root}/a/f")["size"] == 2


def test_a_listing_may_be_believed_for_ever(connect_both, other, root, asked, clock):
    fs = connect_both(listings_expiry_time=None)
    assert fs.ls(root) == []
    clock.forward += 10**9
    other.pipe_file(f"{root}/f", b"x")
    asked()

    assert fs.ls(root) == []
    assert asked() == {}
    assert len(fs.ls(root, refresh=True)) == 1


def test_refresh_asks_again(fs, other, root, asked):
    fs.ls(root)
    other.pipe_file(f"{root}/f", b"x")
    asked()

    assert not fs.exists(f"{root}/f")
    assert fs.info(f"{root}/f", refresh=True)["size"] == 1
    assert fs.exists(f"{root}/f")
    assert len(fs.ls(root, refresh=True)) == 1
    assert asked() == {"listing": 2}


def test_invalidate_cache_forgets_a_place_or_everything(fs, other, plant, root, asked):
    plant.files({"a/f": b"x", "b/f": b"x"})
    fs.find(root)
    other.pipe_file(f"{root}/a/new", b"x")
    asked()

    fs.invalidate_cache(f"{root}/b")
    assert fs.ls(f"{root}/a", detail=False) == [f"{root}/a/f"]
    assert asked().get("download") is None
    fs.invalidate_cache(f"osf://{root}/a")
    assert fs.ls(f"{root}/a", detail=False) == [f"{root}/a/f", f"{root}/a/new"]
    fs.invalidate_cache()
    asked()
    fs.find(root)
    # With everything goes what the project's providers are.
    assert asked() == {"api": 1, "listing": 3}


def test_the_totals_count_bytes_and_answers(fs, plant, root, asked):
    plant.files({"f": b"x" * 1000})
    fs.cat_file(f"{root}/f")
    fs.pipe_file(f"{root}/g", b"y" * 300)
    with pytest.raises(FileNotFoundError):
        fs.cat_file("zzzzz/osfstorage/f")

    assert fs.stats.bytes_sent == 300
    assert fs.stats.bytes_received > 1000
    assert fs.stats.statuses == {200: 3, 201: 1, 404: 2}
    assert dict(fs.stats.requests) == asked()
    assert fs.stats.upload_rate > 0
    fs.stats.reset()
    assert fs.stats.total == 0


def test_a_request_names_the_client(fs, osf, root):
    fs.ls(root)
    assert all(entry.headers["user-agent"].startswith("dvc-osf/") for entry in osf.requests)


def test_a_redirected_read_is_two_requests(fs, osf, plant, root, asked):
    osf.settings.storage_redirect = True
    plant.files({"f": b"x"})

    fs.cat_file(f"{root}/f")

    counts = asked()
    assert counts == {"api": 1, "listing": 1, "download": 1, "storage": 1}
    assert counts == dict(fs.stats.requests)


async def test_invalidate_cache_takes_effect_at_once_within_the_loop(connect_here, root_here):
    fs, other = connect_here(), connect_here()
    assert await fs._ls(root_here) == []
    await other._pipe_file(f"{root_here}/f", b"x")

    fs.invalidate_cache()
    assert len(await fs._ls(root_here)) == 1


async def test_a_listing_that_was_under_way_when_it_was_invalidated_is_not_believed(
    osf_here, connect_here, root_here
):
    fs, other = connect_here(), connect_here()
    await fs._info(root_here)
    await other._info(root_here)
    # The answer is made before the write, and arrives after it.
    osf_here.add_fault(Fault(method="GET", host="files", times=1, bandwidth=50))
    old = asyncio.ensure_future(fs._ls(root_here))
    await asyncio.sleep(0.05)
    await other._pipe_file(f"{root_here}/f", b"x")
    fs.invalidate_cache()

    assert len(await fs._ls(root_here)) == 1
    await old
    assert len(await fs._ls(root_here)) == 1
