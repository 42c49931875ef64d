"""The database under the emulator: what is durable when."""

import asyncio

import pytest

from dvc_osf.emulator.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "osf.sqlite")
    yield store
    store.close()


def users(path):
    """Return what another process would find."""
    other = Store(path)
    found = other.db.execute("SELECT count(*) FROM users").fetchone()[0]
    other.close()
    return found


def test_without_a_loop_the_end_of_a_block_is_durable(store):
    with store.transaction():
        store.add_user("One")
        with store.transaction():
            store.add_user("Two")
    assert users(store.path) == 2


async def test_blocks_of_one_moment_become_durable_together(store):
    done = []
    for name in ("One", "Two"):
        with store.transaction():
            store.add_user(name)
            store.after_commit(lambda: done.append(users(store.path)))
    assert (users(store.path), done) == (0, [])
    await store.settled()
    assert (users(store.path), done) == (2, [2, 2])
    await store.settled()


async def test_a_block_that_fails_leaves_nothing(store):
    done = []
    token = store.token(store.add_token("user", ["osf.full_read"]).secret)

    def fail():
        with store.transaction():
            store.add_user("One")
            store.after_commit(lambda: done.append(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    await store.settled()
    assert (users(store.path), done) == (0, [])
    assert store.token(token.secret) == token


async def test_whoever_waits_learns_of_a_failure(store):
    with store.transaction():
        store.add_user("One")
    waiting = asyncio.create_task(store.settled())
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError), store.transaction():
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await waiting
    assert users(store.path) == 0


def test_what_is_open_at_the_end_is_kept(tmp_path):
    async def work():
        store = Store(tmp_path / "osf.sqlite")
        with store.transaction():
            store.add_user("One")
        store.close()

    asyncio.run(work())
    assert users(tmp_path / "osf.sqlite") == 1
