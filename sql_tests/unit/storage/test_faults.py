"""Writes and syncs that fail: nothing acknowledged is lost, nothing is acknowledged that may be lost."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest
from store_fixture import QUIET, contents, publish, put

from minidb.errors import DatabaseError, DiskFull, OperationalError
from minidb.storage.lmdb_store import CheckpointTree
from minidb.storage.store import Store


def failing(monkeypatch: pytest.MonkeyPatch, name: str, code: int, times: int = 1) -> Callable[[], int]:
    """Let the next calls of os.`name` fail; returns how many have."""
    function: Any = getattr(os, name)
    failed = [0]

    def fail(*arguments: Any) -> Any:
        if failed[0] < times:
            failed[0] += 1
            raise OSError(code, os.strerror(code))
        return function(*arguments)

    monkeypatch.setattr(os, name, fail)
    return lambda: failed[0]


def opened(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    put(store, a="1")
    return store


@pytest.mark.parametrize("operation", ["pwrite", "fdatasync"])
@pytest.mark.parametrize(("code", "sqlstate"), [(errno.EIO, "58030"), (errno.ENOSPC, "53100")])
def test_a_failed_sync_turns_the_database_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, code: int, sqlstate: str
) -> None:
    store = opened(tmp_path)
    commit_id = publish(store, a="2", b="2")
    waiting = publish(store, c="3")
    failing(monkeypatch, operation, code)
    with pytest.raises(OperationalError) as caught:
        store.sync(commit_id)
    assert caught.value.sqlstate == sqlstate
    assert isinstance(caught.value, DiskFull) == (code == errno.ENOSPC)
    for use in (lambda: store.sync(commit_id), lambda: store.sync(waiting), lambda: publish(store, d="4")):
        with pytest.raises(OperationalError) as caught:
            use()
        assert caught.value.sqlstate == sqlstate
        assert "read-only" in caught.value.message
    assert contents(store.latest) == contents(store.durable) == {"a": "1"}
    with pytest.raises(OperationalError):
        store.checkpoint()
    store.close()
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    # What was not acknowledged may be there or not, but whole, and in order.
    assert contents(store.latest) in ({"a": "1"}, {"a": "2", "b": "2"}, {"a": "2", "b": "2", "c": "3"})
    put(store, e="5")
    store.close()


def test_all_who_wait_for_a_failed_sync_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    release = threading.Event()
    entered = threading.Event()

    def fail(descriptor: int) -> None:
        entered.set()
        release.wait()
        raise OSError(errno.EIO, "broken")

    outcomes: list[str | None] = []

    def commit(name: str) -> None:
        try:
            put(store, **{name: "x"})
        except DatabaseError as error:
            outcomes.append(error.sqlstate)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        threads = [threading.Thread(target=commit, args=(f"t{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        entered.wait()
        release.set()
        for thread in threads:
            thread.join()
    assert outcomes == ["58030"] * 6
    assert contents(store.latest) == {"a": "1"}
    store.close()


def test_a_full_disk_is_met_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        failed = failing(patch, "posix_fallocate", errno.ENOSPC, times=2)  # the large step, and just enough
        with pytest.raises(DiskFull) as caught:
            publish(store, a="2", large="x" * 1_200_000)
        assert caught.value.sqlstate == "53100"
        assert failed() == 2
    assert contents(store.latest) == {"a": "1"}
    put(store, b="2")  # still of use for what fits
    put(store, large="x" * 1_200_000)  # and once there is space again
    store.checkpoint()
    assert sorted(contents(store.latest)) == ["a", "b", "large"]
    store.close()


def test_a_nearly_full_disk_gives_just_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    failing(monkeypatch, "posix_fallocate", errno.ENOSPC, times=1)
    put(store, large="x" * 1_200_000)
    store.close()


@pytest.mark.parametrize("operation", ["posix_fallocate", "pwrite", "fsync", "rename"])
def test_no_log_file_can_be_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    path = str(tmp_path / "test.db")
    Store.open(path, QUIET).close()
    store = Store.open(path, QUIET)
    with monkeypatch.context() as patch:
        failing(patch, operation, errno.ENOSPC)
        with pytest.raises(DiskFull):
            publish(store, a="1")
    assert contents(store.latest) == {}
    put(store, a="1")
    store.close()


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    pwrite = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, data, place: pwrite(file, bytes(data)[:1000], place))
        put(store, b="x" * 12345)
    shutil.copytree(tmp_path / "test.db", tmp_path / "copy.db")
    store.close()
    store = Store.open(str(tmp_path / "copy.db"), QUIET)
    assert contents(store.latest) == {"a": "1", "b": "x" * 12345}
    store.close()


def test_a_checkpoint_without_space_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)

    def fail(*arguments: Any) -> None:
        raise DiskFull("no space")

    for number in range(3):
        put(store, **{f"k{number}": "x"})
        with monkeypatch.context() as patch:
            patch.setattr(CheckpointTree, "write", fail)
            with pytest.raises(DiskFull):
                store.checkpoint()
        put(store, a=str(number))
    before = store.latest
    shutil.copytree(tmp_path / "test.db", tmp_path / "copy.db")
    store.checkpoint()
    expected = {"a": "2", "k0": "x", "k1": "x", "k2": "x"}
    assert contents(store.latest) == contents(before) == expected
    assert len(store.latest.view.generations) == 1
    store.close()
    for name in ("test.db", "copy.db"):
        store = Store.open(str(tmp_path / name), QUIET)
        assert contents(store.latest) == expected
        store.close()


def test_closing_without_space_leaves_it_to_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointTree, "write", lambda *arguments: (_ for _ in ()).throw(DiskFull("no space")))
        store.close()
    store = Store.open(str(tmp_path / "test.db"), QUIET)
    assert contents(store.latest) == {"a": "1"}
    store.close()


@pytest.mark.parametrize(
    ("error", "sqlstate"),
    [
        (lmdb.MapFullError(""), "53100"),
        (lmdb.DiskError(""), "53100"),
        (lmdb.Error(f"mdb_put: {os.strerror(errno.ENOSPC)}"), "53100"),
        (lmdb.CorruptedError(""), "XX001"),
        (lmdb.ReadersFullError(""), "53300"),
        (lmdb.PanicError(""), "58030"),
        (lmdb.Error(""), "58030"),
    ],
)
def test_errors_of_lmdb_are_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: lmdb.Error, sqlstate: str
) -> None:
    store = opened(tmp_path)

    def fail(*arguments: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("minidb.storage.checkpoint.put_all", fail)
        with pytest.raises(DatabaseError) as caught:
            store.checkpoint()
        assert caught.value.sqlstate == sqlstate
    store.checkpoint()
    assert contents(store.latest) == {"a": "1"}
    store.close()
