"""A sync goes on while its thread does something else, and nobody is told too early."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from store_fixture import QUIET, contents, publish
from test_write_ahead import after_a_crash

from minidb.errors import DatabaseError, OperationalError
from minidb.storage import log
from minidb.storage import sync_ahead as module
from minidb.storage.store import Store
from minidb.storage.sync_ahead import SyncAhead, sync_ahead


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "test.db"), QUIET)


def test_one_sync_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "file", "wb", buffering=0) as file:
        ahead = sync_ahead(file.fileno())
        if ahead is None:
            pytest.skip("this system's C library is another")
        for number in range(20):
            monkeypatch.setattr(module, "LONGEST_LOOK", 0.0 if number % 3 == 0 else 60.0)
            file.write(b"x" * 1000)
            assert ahead.begin()
            ahead.finish()
            assert ahead.ended
            ahead.finish()
        assert ahead.begin()
        ahead.close()
        ahead.close()


def test_a_file_that_cannot_be_synced(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        ahead = sync_ahead(file.fileno())
    if ahead is None:
        pytest.skip("this system's C library is another")
    if ahead.begin():  # it may find out at once, or later
        with pytest.raises(OSError) as raised:
            ahead.finish()
        assert raised.value.errno == errno.EBADF


def test_what_was_committed_meanwhile_is_not_durable(store: Store, tmp_path: Path) -> None:
    assert store.begin_sync() == 0
    publish(store, a="1")
    first = store.begin_sync()
    publish(store, b="2")
    assert contents(store.durable) == {}
    store.sync(first)
    assert contents(store.durable) == {"a": "1"}
    store.sync(first)
    second = store.begin_sync()
    publish(store, c="3")
    store.sync(second + 1)
    assert contents(store.durable) == {"a": "1", "b": "2", "c": "3"}
    assert after_a_crash(tmp_path) == {"a": "1", "b": "2", "c": "3"}
    store.close()


def test_others_wait_until_it_has_ended(store: Store) -> None:
    publish(store, a="1")
    first = store.begin_sync()
    last = publish(store, b="2")
    other = threading.Thread(target=store.sync, args=(last,))
    other.start()
    store.sync(first)
    other.join(60)
    assert not other.is_alive() and contents(store.durable) == {"a": "1", "b": "2"}
    store.close()


@pytest.mark.parametrize("wait", ["checkpoint", "close", "sync", "relax"])
def test_who_began_it_can_wait_for_others(store: Store, wait: str) -> None:
    publish(store, a="1")
    store.begin_sync()
    last = publish(store, b="2")
    if wait == "checkpoint":
        store.checkpoint()
    elif wait == "close":
        store.close()
        return
    elif wait == "sync":
        store.sync(last)
    else:
        store.set_synchronous_commit(False)
    assert contents(store.durable) == {"a": "1", "b": "2"}
    store.close()


@pytest.mark.parametrize("need", ["checkpoint", "close", "sync", "set_synchronous_commit"])
def test_others_end_it_if_they_need_it(store: Store, need: str) -> None:
    """Who began it may be busy, and wait for them."""
    publish(store, a="1")
    first = store.begin_sync()
    last = publish(store, b="2")
    arguments: dict[str, list[object]] = {"sync": [last], "set_synchronous_commit": [False]}
    other = threading.Thread(target=getattr(store, need), args=arguments.get(need, []))
    other.start()
    other.join(60)
    assert not other.is_alive()
    if need != "close":
        assert contents(store.durable) == {"a": "1", "b": "2"}
        store.sync(first)
        store.close()


def test_where_somebody_leads_it_is_waited_for(store: Store) -> None:
    store._group.begin()
    last = publish(store, a="1")
    started: list[int] = []
    thread = threading.Thread(target=lambda: started.append(store.begin_sync()))
    thread.start()
    store._group.durable_id = store._flush()
    store._group.end()
    thread.join(60)
    assert started == [0] and store.durable.commit_id == last
    store.close()


@pytest.mark.parametrize("where", ["write", "sync"])
def test_a_failed_disk_is_told_to_all(store: Store, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "no disk")

    publish(store, a="1")
    with monkeypatch.context() as patch, pytest.raises(DatabaseError) as raised:
        if where == "write":
            patch.setattr(log, "write_all", fail)
        else:
            patch.setattr(log, "sync_data", fail)
            patch.setattr(SyncAhead, "finish", fail)
        store.sync(store.begin_sync())
    assert raised.value.sqlstate == "58030"
    assert contents(store.latest) == {}
    with pytest.raises(OperationalError, match="read-only since"):
        publish(store, b="2")
    store.close()


def test_without_such_a_library_the_thread_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: SyncAhead, descriptor: int) -> None:
        raise OSError("another C library")

    monkeypatch.setattr(SyncAhead, "__init__", refuse)
    publish(store, a="1")
    first = store.begin_sync()
    assert store.sync_ended
    store.sync(first)
    assert contents(store.durable) == {"a": "1"}
    store.close()
