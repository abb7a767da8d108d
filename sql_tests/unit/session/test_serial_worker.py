"""Calls without a thread: nobody hears of one that is not durable, while the next ones run already."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb.session import serial_worker
from minidb.session.serial_statistics import SerialStatistics
from minidb.storage import log
from minidb.storage.store import Store
from minidb.storage.sync_ahead import SyncAhead

CLIENTS, CALLS = 16, 60


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[minidb.Connection]:
    connection = minidb.connect(str(tmp_path / "test.db"), execution="serial")
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    connection.execute(
        "CREATE PROCEDURE write(note_id INTEGER, OUT newest BIGINT) LANGUAGE plpgsql AS $$ "
        "BEGIN INSERT INTO note VALUES (note_id); newest := note_id; END $$"
    )
    yield connection
    connection.close()


def store_of(connection: minidb.Connection) -> Store:
    return connection._session.database.store


def statistics_of(connection: minidb.Connection) -> SerialStatistics:
    return connection._session.database.executor.statistics


def waiting_procedure(connection: minidb.Connection) -> tuple[threading.Event, threading.Event]:
    """Makes `wait`, which tells that it runs by the first event, and waits for the second."""
    arrived, go_on = threading.Event(), threading.Event()

    @connection.database.procedure
    def wait(transaction: minidb.ProcedureTransaction) -> int:
        arrived.set()
        assert go_on.wait(60)
        return 1

    return arrived, go_on


class Chains:
    """Clients that each make their next call where they hear of the last one."""

    def __init__(self, connection: minidb.Connection) -> None:
        self.connection = connection
        self.store = store_of(connection)
        self.too_early: list[int] = []
        self.heard_of = 0
        self.left = CLIENTS
        self.done = threading.Event()

    def run(self) -> None:
        for client in range(CLIENTS):
            self.go_on(client, 0)
        assert self.done.wait(60)

    def go_on(self, client: int, call: int) -> None:
        if call == CALLS:
            self.left -= 1
            if not self.left:
                self.done.set()
            return
        future = self.connection.call_async("write", client * CALLS + call)
        future.add_done_callback(lambda ended: self.heard(client, call, ended))

    def heard(self, client: int, call: int, future: Future[Any]) -> None:
        (written,) = future.result()
        table = self.connection._session.database.catalog.table("note")
        prefix = table.storage_id.to_bytes(4, "big")
        rows = self.store.durable.count(prefix, (table.storage_id + 1).to_bytes(4, "big"))
        self.heard_of += 1
        if rows < self.heard_of:
            self.too_early.append(written)
        self.go_on(client, call + 1)


@pytest.mark.parametrize("disk", ["as it is", "slow"])
def test_nobody_hears_of_what_is_not_durable(
    connection: minidb.Connection, disk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if disk == "slow":
        seconds = iter(range(10**9))
        monkeypatch.setattr(serial_worker, "perf_counter", lambda: float(next(seconds)))
        monkeypatch.setattr(Store, "sync_ended", False)
    chains = Chains(connection)
    chains.run()
    assert chains.too_early == []
    assert connection.execute("SELECT count(*) FROM note").fetchone() == (CLIENTS * CALLS,)
    if disk == "slow":  # whole batches, instead of halves
        assert statistics_of(connection).largest_batch == CLIENTS


def test_a_callback_may_use_the_database(connection: minidb.Connection) -> None:
    seen: list[Any] = []
    told = threading.Event()

    def look(future: Future[Any]) -> None:
        seen.append(connection.execute("SELECT id FROM note").fetchall())
        seen.append(connection.call("write", 2))
        told.set()

    connection.call_async("write", 1).add_done_callback(look)
    assert told.wait(60)
    assert seen == [[(1,)], (2,)]


def test_a_callback_may_wait_for_another_thread_s_commit(tmp_path: Path) -> None:
    """At that moment the disk works for the calls that ran meanwhile."""
    path = str(tmp_path / "test.db")
    serial = minidb.connect(
        path, autocommit=True, isolation_level="serializable", serializable_strategy="serial"
    )
    others = minidb.connect(path, autocommit=True)
    serial.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    serial.execute(
        "CREATE PROCEDURE write(id INTEGER) LANGUAGE SQL BEGIN ATOMIC INSERT INTO note VALUES (id); END"
    )
    heard: list[bool] = []
    told = threading.Semaphore(0)

    def wait(number: int) -> None:
        write = threading.Thread(
            target=others.execute, args=("INSERT INTO note VALUES (?)", (1000 + number,))
        )
        write.start()
        write.join(60)
        heard.append(not write.is_alive())
        told.release()

    for number in range(40):
        serial.call_async("write", number).add_done_callback(lambda _, number=number: wait(number))
    for _ in range(40):
        assert told.acquire(timeout=60)
    assert heard == [True] * 40
    assert serial.execute("SELECT count(*) FROM note").fetchone() == (80,)
    others.close()
    serial.close()


def test_a_failed_disk_fails_the_calls(
    connection: minidb.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "no disk")

    connection.call("write", 0)
    with monkeypatch.context() as patch:
        patch.setattr(log, "sync_data", fail)
        patch.setattr(SyncAhead, "finish", fail)
        futures = [connection.call_async("write", number) for number in range(1, 40)]
        errors = [future.exception(60) for future in futures]
    assert all(isinstance(error, minidb.OperationalError) for error in errors)
    with pytest.raises(minidb.OperationalError, match="read-only since"):
        connection.call("write", 100)
    assert connection.execute("SELECT id FROM note").fetchall() == [(0,)]


def test_a_long_call_does_not_hold_up_those_before_it(connection: minidb.Connection) -> None:
    """What the disk has done is told before a call begins that is known to take long."""
    arrived, go_on = waiting_procedure(connection)
    statistics_of(connection).add("wait", 60.0, False)
    first = connection.call_async("write", 1)
    second = connection.call_async("wait")
    assert first.result(60) == (1,)
    assert arrived.wait(60) and not second.done()
    go_on.set()
    assert second.result(60) == (1,)


def test_cancelled_calls_do_not_run(connection: minidb.Connection) -> None:
    arrived, go_on = waiting_procedure(connection)
    first = connection.call_async("wait")
    assert arrived.wait(60)
    others = [connection.call_async("write", number) for number in range(6)]
    assert [future.cancel() for future in others[::2]] == [True] * 3
    assert not first.cancel()
    go_on.set()
    assert [future.result(60) for future in others[1::2]] == [(1,), (3,), (5,)]
    assert connection.execute("SELECT id FROM note ORDER BY id").fetchall() == [(1,), (3,), (5,)]
