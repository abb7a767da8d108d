"""Records of a client alone go directly to the disk, and lie in the file as they would otherwise."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fixture import QUIET, contents, key, publish
from test_write_ahead import after_a_crash, urgent

import minidb
from minidb.errors import OperationalError
from minidb.storage import direct_write, log
from minidb.storage.direct_write import BLOCK, DirectWriter, open_direct
from minidb.storage.memtable import Generation
from minidb.storage.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(64 * BLOCK))
    writer = open_direct(str(path))
    if writer is None:
        pytest.skip("this system or file system has no direct writes")
    writer.close()
    return path


@pytest.fixture
def store(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(direct_write, "LONGEST_LOOK", 60.0)  # however busy the machine is
    return Store.open(str(tmp_path / "test.db"), QUIET)


def alone(store: Store, count: int, start: int = 0) -> dict[str, str]:
    """Commits one by one; what they leave."""
    for number in range(start, start + count):
        store.sync(urgent(store, **{f"k{number:03d}": "v" * (number % 7 * 100)}))
    return {f"k{number:03d}": "v" * (number % 7 * 100) for number in range(start, start + count)}


def is_direct(store: Store) -> bool:
    segment = store._segment
    return segment is not None and segment._direct is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3 * BLOCK), min_size=1, max_size=20), st.integers(0, BLOCK))
def test_records_lie_one_behind_the_other(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], start: int
) -> None:
    path = tmp_path_factory.mktemp("direct") / "file"
    before = os.urandom(start)
    path.write_bytes(before + bytes(80 * BLOCK - start))
    writer = open_direct(str(path))
    if writer is None:
        pytest.skip("this system or file system has no direct writes")
    expected = before
    source = os.open(path, os.O_RDONLY)
    for number, size in enumerate(sizes):
        record = bytes([number + 1]) * size
        assert writer.begin(record, len(expected), 80 * BLOCK, source)
        assert not writer.begin(record, len(expected), 80 * BLOCK, source)  # one at a time
        writer.finish()
        writer.finish()
        expected += record
        assert path.read_bytes()[: len(expected)] == expected
    writer.close()
    os.close(source)


def test_what_does_not_fit_is_refused(path: Path) -> None:
    writer = open_direct(str(path))
    assert writer is not None
    source = os.open(path, os.O_RDONLY)
    assert not writer.begin(b"x" * 10, BLOCK - 5, BLOCK, source)  # beyond what the disk has promised
    assert not writer.begin(b"x" * 100_000, 0, 64 * BLOCK, source)
    assert not writer.begin(b"x", 100 * BLOCK + 1, 200 * BLOCK, source)  # behind the end of the file
    assert path.read_bytes() == bytes(64 * BLOCK)
    os.close(source)
    writer.close()
    writer.close()


def test_a_slow_disk_is_found_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_write, "LONGEST_LOOK", 0.0)
    writer = open_direct(str(path))
    assert writer is not None
    source = os.open(path, os.O_RDONLY)
    for number in range(200):
        assert writer.begin(b"x", number, BLOCK, source)
        writer.finish()
        if writer.slow:
            break
    assert writer.slow
    assert path.read_bytes()[: number + 1] == b"x" * (number + 1)
    os.close(source)
    writer.close()


def test_a_client_alone_takes_the_direct_way(store: Store, tmp_path: Path) -> None:
    expected = alone(store, log.ALONE - 1)
    assert not is_direct(store)
    expected |= alone(store, 100, start=log.ALONE)
    assert is_direct(store)
    assert contents(store.durable) == expected
    assert after_a_crash(tmp_path) == expected
    commit_id = urgent(store, last="1")
    assert contents(store.durable) == expected  # not yet
    store.sync(commit_id)
    assert after_a_crash(tmp_path) == expected | {"last": "1"}
    store.checkpoint()
    assert not is_direct(store)
    expected |= {"last": "1"} | alone(store, 40, start=200)
    assert is_direct(store)
    store.close()
    again = Store.open(str(tmp_path / "test.db"), QUIET)
    assert contents(again.latest) == expected
    again.close()


def test_company_ends_it(store: Store, tmp_path: Path) -> None:
    expected = alone(store, 30)
    assert is_direct(store)
    urgent(store, b="2")  # on its way already when the next one joins it
    last = publish(store, c="3" * 5000)
    store.sync(last)
    assert not is_direct(store)
    expected |= {"b": "2", "c": "3" * 5000}
    assert after_a_crash(tmp_path) == expected
    expected |= alone(store, 30, start=500)
    assert is_direct(store)
    assert after_a_crash(tmp_path) == expected


def test_long_records_go_the_other_way(store: Store, tmp_path: Path) -> None:
    expected = alone(store, 30)
    for number in range(3):
        expected[f"long{number}"] = "x" * 200_000
        store.sync(urgent(store, **{f"long{number}": "x" * 200_000}))
        expected |= alone(store, 3, start=100 + 10 * number)
    assert after_a_crash(tmp_path) == expected


@pytest.mark.skipif(minidb.IMPLEMENTATION == "compiled", reason="interrupts a compiled function")
def test_an_interrupted_commit_is_taken_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(store, 30)

    def interrupted(self: Generation, commit_id: int, writes: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Generation, "insert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            urgent(store, b="2")
    assert after_a_crash(tmp_path) == expected
    expected |= alone(store, 30, start=100)
    assert after_a_crash(tmp_path) == expected


def test_a_disk_that_fails_turns_the_database_read_only(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(store, 30)
    commit_id = urgent(store, b="2")
    finish = DirectWriter.finish

    def fail(self: DirectWriter) -> None:
        finish(self)
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, "finish", fail)
        with pytest.raises(OperationalError) as caught:
            store.sync(commit_id)
        assert caught.value.sqlstate == "58030"
    with pytest.raises(OperationalError):
        with store.commit_mutex:
            store.commit({key("c"): b"3"})
    assert contents(store.latest) == expected


def test_ctrl_c_while_it_looks_loses_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(store, 30)
    commit_id = urgent(store, b="2")

    def interrupted(self: DirectWriter) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.sync(commit_id)
    expected |= {"b": "2"} | alone(store, 3, start=100)
    assert contents(store.durable) == expected
    assert after_a_crash(tmp_path) == expected


def test_ctrl_c_in_the_midst_of_beginning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_write, "_LOST_SECONDS", 0)
    writer = open_direct(str(path))
    assert writer is not None
    source = os.open(path, os.O_RDONLY)
    writer._submitting = True  # and nothing was
    assert not writer.begin(b"x", 0, BLOCK, source)
    writer.forget()
    assert writer.begin(b"x", 0, BLOCK, source)
    writer.busy, writer._submitting = False, True  # it was, but we do not know
    monkeypatch.setattr(direct_write, "_LOST_SECONDS", 10)
    writer.forget()
    assert path.read_bytes()[:1] == b"x"
    assert writer.begin(b"y", 1, BLOCK, source)
    writer.finish()
    assert path.read_bytes()[:2] == b"xy"
    os.close(source)
    writer.close()


def test_ctrl_c_at_any_call_of_finishing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `finish` had done already, another one ends it."""
    source = os.open(path, os.O_RDONLY)
    writer = open_direct(str(path))
    assert writer is not None
    call = writer._call
    written = b""
    for strike in range(4):
        record = bytes([65 + strike]) * 5000
        assert writer.begin(record, len(written), 64 * BLOCK, source)
        written += record
        calls = 0

        def interrupted(*arguments: object, strike: int = strike) -> int:
            nonlocal calls
            result: int = call(*arguments)  # done, but nobody gets to know
            calls += 1
            if calls > strike // 2:
                raise KeyboardInterrupt
            return result

        with monkeypatch.context() as patch:
            patch.setattr(direct_write, "LONGEST_LOOK", 0.0 if strike % 2 else 60.0)
            writer._call = interrupted
            with suppress(KeyboardInterrupt):
                writer.finish()
        writer._call = call
        writer.finish()
        assert path.read_bytes()[: len(written)] == written
    os.close(source)
    writer.close()


def test_a_file_system_that_refuses_is_written_otherwise(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(store, 30)
    commit_id = urgent(store, b="2")
    finish = DirectWriter.finish

    def refuse(self: DirectWriter) -> bool:
        finish(self)
        return False

    synced: list[int] = []
    fdatasync = os.fdatasync
    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, "finish", refuse)
        patch.setattr(os, "fdatasync", lambda file: (synced.append(file), fdatasync(file)))
        store.sync(commit_id)
    assert len(synced) == 1
    expected |= {"b": "2"} | alone(store, 40, start=100)
    assert not is_direct(store)
    assert after_a_crash(tmp_path) == expected


def test_what_cannot_begin_is_synced_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(store, 30)
    synced: list[int] = []
    fdatasync = os.fdatasync
    with monkeypatch.context() as patch:
        patch.setattr(DirectWriter, "begin", lambda *arguments: False)
        patch.setattr(os, "fdatasync", lambda file: (synced.append(file), fdatasync(file)))
        for number in range(3):
            store.sync(urgent(store, b=str(number)))
            assert len(synced) == number + 1
