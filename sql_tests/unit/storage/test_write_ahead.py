"""A lone commit's record is on its way to the disk while the commit goes on, and taken back if that fails."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from store_fixture import QUIET, contents, key, publish, put

import minidb
from minidb.errors import OperationalError
from minidb.storage.memtable import Generation
from minidb.storage.store import Store


def urgent(store: Store, **values: str) -> int:
    with store.commit_mutex:
        return store.commit({key(name): value.encode() for name, value in values.items()}, urgent=True)


def after_a_crash(tmp_path: Path) -> dict[str, str]:
    """What another process would find if this one died now."""
    copy = tmp_path / "copy.db"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(tmp_path / "test.db", copy)
    store = Store.open(str(copy), QUIET)
    try:
        return contents(store.latest)
    finally:
        store.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    put(store, a="1")
    return store


def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the writes to come."""
    sizes: list[int] = []
    pwrite = os.pwrite

    def note(descriptor: int, data: bytes, position: int) -> int:
        sizes.append(len(data))
        return pwrite(descriptor, data, position)

    monkeypatch.setattr(os, "pwrite", note)
    return sizes


def test_it_is_written_once_and_before_the_sync(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = written(monkeypatch)
    commit_id = urgent(store, b="2")
    assert len(sizes) == 1
    assert contents(store.durable) == {"a": "1"}
    assert after_a_crash(tmp_path) == {"a": "1", "b": "2"}
    del sizes[:]
    store.sync(commit_id)
    assert sizes == []
    assert contents(store.durable) == {"a": "1", "b": "2"}


def test_what_joins_it_is_written_by_the_sync(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = written(monkeypatch)
    urgent(store, b="2")
    publish(store, c="3")
    last = urgent(store, d="4")  # with others pending, one write serves all
    assert len(sizes) == 1
    store.sync(last)
    assert len(sizes) == 2
    store.sync(urgent(store, e="5"))
    assert len(sizes) == 3
    assert after_a_crash(tmp_path) == {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}


def test_nobody_waits_for_it_where_commits_are_relaxed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set_synchronous_commit(False)
    sizes = written(monkeypatch)
    urgent(store, b="2")
    assert sizes == []


@pytest.mark.skipif(minidb.IMPLEMENTATION == "compiled", reason="interrupts a compiled function")
def test_a_commit_that_fails_half_way_is_not_recovered(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Generation.insert

    def interrupted(self: Generation, commit_id: int, writes: Mapping[bytes, bytes | None]) -> None:
        insert(self, commit_id, writes)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Generation, "insert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            urgent(store, b="2" * 1000)
    assert contents(store.latest) == {"a": "1"}
    assert after_a_crash(tmp_path) == {"a": "1"}
    store.sync(urgent(store, c="3"))
    assert after_a_crash(tmp_path) == {"a": "1", "c": "3"}


@pytest.mark.parametrize("operation", ["pwrite", "posix_fadvise"])
def test_a_disk_that_fails_turns_the_database_read_only(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, operation, fail)
        with pytest.raises(OperationalError) as caught:
            urgent(store, b="2")
        assert caught.value.sqlstate == "58030"
    with pytest.raises(OperationalError) as caught:
        put(store, c="3")
    assert "read-only" in caught.value.message
    assert contents(store.latest) == {"a": "1"}
    assert after_a_crash(tmp_path) == {"a": "1"}


def test_a_failed_sync_takes_it_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_id = urgent(store, b="2")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OperationalError):
            store.sync(commit_id)
    assert contents(store.latest) == {"a": "1"}
