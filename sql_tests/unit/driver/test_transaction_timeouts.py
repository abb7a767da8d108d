"""Transactions that end because their client does nothing, or takes too long: without sleeping for it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread
from time import monotonic

import pytest

import minidb
from minidb.session.watcher import watcher

HOUR = 3600.0


@pytest.fixture
def pair() -> Iterator[tuple[minidb.Connection, minidb.Connection]]:
    """Two connections to one database; the second does not wait."""
    with (
        minidb.connect(":memory:timeouts", autocommit=True) as ours,
        minidb.connect(":memory:timeouts", autocommit=True, lock_timeout="1ms") as theirs,
    ):
        ours.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        ours.execute("INSERT INTO t VALUES (1, 0)")
        yield ours, theirs
        ours.rollback()


def code(connection: minidb.Connection, statement: str) -> str:
    """The SQLSTATE of what a statement fails with."""
    with pytest.raises(minidb.Error) as caught:
        connection.execute(statement)
    return str(caught.value.sqlstate)


def idle(connection: minidb.Connection, setting: str = "idle_in_transaction_session_timeout") -> None:
    """Leave a transaction open that holds row 1 and would end in an hour."""
    connection.execute(f"SET {setting} = '1h'")
    connection.execute("BEGIN")
    connection.execute("UPDATE t SET n = n + 1 WHERE id = 1")


@pytest.mark.parametrize(
    ("setting", "sqlstate"),
    [("idle_in_transaction_session_timeout", "25P03"), ("transaction_timeout", "25P04")],
)
def test_locks_are_released_though_the_client_does_nothing(
    pair: tuple[minidb.Connection, minidb.Connection], setting: str, sqlstate: str
) -> None:
    ours, theirs = pair
    idle(ours, setting)
    watcher.tick(monotonic() + HOUR - 60)
    assert code(theirs, "UPDATE t SET n = 7 WHERE id = 1") == "55P03"
    watcher.tick(monotonic() + HOUR + 60)
    theirs.execute("UPDATE t SET n = 7 WHERE id = 1")
    assert code(ours, "SELECT n FROM t WHERE id = 1") == sqlstate
    assert code(ours, "SELECT n FROM t") == "25P02"
    ours.execute("ROLLBACK")
    assert ours.execute("SELECT n FROM t").fetchall() == [(7,)]
    counted = ours.execute("SELECT sqlstate, value FROM minidb_counters WHERE name = 'aborts' AND value > 0")
    assert counted.fetchall() == [(sqlstate, 1), ("55P03", 1)]


def test_commit_says_that_nothing_was_committed(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, _ = pair
    idle(ours)
    watcher.tick(monotonic() + HOUR + 60)
    with pytest.raises(minidb.InternalError, match="terminating transaction due to idle-in-transaction"):
        ours.commit()
    assert ours.in_failed_transaction
    ours.rollback()
    assert ours.execute("SELECT n FROM t").fetchall() == [(0,)]


def test_savepoints_go_too(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, theirs = pair
    idle(ours)
    ours.execute("SAVEPOINT s")
    assert code(ours, "SELECT 1 / 0") == "22012"
    watcher.tick(monotonic() + HOUR + 60)
    theirs.execute("UPDATE t SET n = 7 WHERE id = 1")
    assert code(ours, "ROLLBACK TO s") == "25P03"
    assert code(ours, "ROLLBACK TO s") == "3B001"
    ours.execute("ROLLBACK")


def test_rollback_is_no_error(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, _ = pair
    idle(ours)
    watcher.tick(monotonic() + HOUR + 60)
    ours.execute("ROLLBACK")
    ours.execute("BEGIN")
    ours.execute("UPDATE t SET n = 5 WHERE id = 1")
    ours.execute("COMMIT")
    watcher.tick(monotonic() + 3 * HOUR)
    assert ours.execute("SELECT n FROM t").fetchall() == [(5,)]


def test_a_statement_that_comes_in_time_starts_the_clock_anew(
    pair: tuple[minidb.Connection, minidb.Connection],
) -> None:
    ours, theirs = pair
    idle(ours)
    first = monotonic() + HOUR
    while monotonic() + HOUR <= first:
        pass
    ours.execute("SELECT 1")
    watcher.tick(first)
    assert code(theirs, "UPDATE t SET n = 7 WHERE id = 1") == "55P03"
    ours.execute("COMMIT")


def test_a_block_is_left_without_a_transaction(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, _ = pair
    ours.execute("SET idle_in_transaction_session_timeout = '1h'")
    with pytest.raises(minidb.InternalError) as caught, ours.transaction():
        watcher.tick(monotonic() + HOUR + 60)  # it has done nothing yet
    assert caught.value.sqlstate == "25P03"
    assert not ours.in_transaction


@pytest.mark.parametrize("statement", ["SELECT pg_sleep(1000)", "UPDATE t SET n = 1 WHERE id = 1"])
def test_transaction_timeout_stops_a_statement_and_a_wait(
    pair: tuple[minidb.Connection, minidb.Connection], statement: str
) -> None:
    ours, theirs = pair
    theirs.execute("BEGIN")
    theirs.execute("UPDATE t SET n = 2 WHERE id = 1")
    ours.execute("SET transaction_timeout = '20ms'")
    assert code(ours, statement) == "25P04"  # a transaction of its own
    ours.execute("BEGIN")
    ours.execute("SAVEPOINT s")
    assert code(ours, statement) == "25P04"
    assert code(ours, "ROLLBACK TO s") == "3B001"  # the savepoint has gone with the transaction
    ours.execute("ROLLBACK")
    theirs.execute("ROLLBACK")


def test_the_shorter_timeout_counts(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, _ = pair
    ours.execute("SET transaction_timeout = '1h'")
    ours.execute("SET statement_timeout = '5ms'")
    assert code(ours, "SELECT pg_sleep(1000)") == "57014"


def test_set_local_and_reset(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, _ = pair
    ours.execute("BEGIN")
    ours.execute("SET LOCAL idle_in_transaction_session_timeout = '1h'")
    watcher.tick(monotonic() + HOUR + 60)
    assert code(ours, "SELECT 1") == "25P03"
    ours.execute("ROLLBACK")
    ours.execute("BEGIN")
    watcher.tick(monotonic() + HOUR + 60)
    ours.execute("SELECT 1")
    ours.execute("COMMIT")
    assert ours.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)


def test_the_watcher_wakes_up_by_itself(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    ours, theirs = pair
    idle(ours)
    ours.execute("SET idle_in_transaction_session_timeout = '1ms'")
    theirs.execute("SET lock_timeout = '60s'")
    theirs.execute("UPDATE t SET n = 7 WHERE id = 1")  # waits for the watcher
    ours.execute("ROLLBACK")


def test_the_watcher_against_the_session(pair: tuple[minidb.Connection, minidb.Connection]) -> None:
    """However they meet: a transaction is committed as a whole and known to be, or not at all."""
    ours, _ = pair
    ours.execute("SET idle_in_transaction_session_timeout = '1h'")
    stop = Event()

    def tick() -> None:
        while not stop.is_set():
            watcher.tick(monotonic() + HOUR + 60)

    thread = Thread(target=tick)
    thread.start()
    committed = terminated = 0
    while committed < 5 or terminated < 5:
        try:
            ours.execute("BEGIN")
            ours.execute("UPDATE t SET n = n + 1 WHERE id = 1")
            ours.execute("COMMIT")
            committed += 1
        except minidb.InternalError as error:
            assert error.sqlstate == "25P03"
            terminated += 1
            ours.execute("ROLLBACK")
    stop.set()
    thread.join(60)
    assert ours.execute("SELECT n FROM t").fetchall() == [(committed,)]
