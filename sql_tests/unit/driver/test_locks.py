"""Locks as a client meets them: waits seen from outside, advisory locks, LOCK TABLE, the short path."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest

import minidb
from minidb.txn.lock_observer import LockObserver
from minidb.txn.lock_report import lock_entries
from minidb.txn.state import LockRequest

Pair = tuple[minidb.Connection, minidb.Connection]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connections to one database; the second does not wait for long."""
    with (
        minidb.connect(":memory:locks", autocommit=True) as ours,
        minidb.connect(":memory:locks", autocommit=True, lock_timeout="1ms") as theirs,
    ):
        ours.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        ours.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
        yield ours, theirs


def value(connection: minidb.Connection, query: str) -> object:
    """The one value of a query."""
    return connection.execute(query).fetchone()[0]


def test_what_a_connection_waits_for(pair: Pair) -> None:
    ours, theirs = pair
    waits = Event()

    class Observer(LockObserver):
        def on_wait(self, request: LockRequest) -> None:
            waits.set()

    locks = ours._session.database.transactions.locks
    locks.observers = (Observer(),)
    theirs.execute("SET lock_timeout = 0")
    ours.execute("BEGIN")
    ours.execute("UPDATE t SET n = 1 WHERE id = 1")
    assert not theirs.is_waiting() and theirs.waiting_for() is None
    thread = Thread(target=theirs.execute, args=("UPDATE t SET n = 2 WHERE id = 1",))
    thread.start()
    assert waits.wait(60)
    holder = ours._session.transaction
    assert holder is not None
    assert theirs.is_waiting()
    blocked_by = f"blocked by transaction {holder.id}"
    assert theirs.waiting_for() == f"FOR NO KEY UPDATE on row (1) of table t, {blocked_by}"
    assert not ours.is_waiting() and ours.waiting_for() is None
    ours.execute("COMMIT")
    thread.join(60)
    locks.observers = ()
    assert not theirs.is_waiting() and theirs.waiting_for() is None
    assert value(ours, "SELECT n FROM t WHERE id = 1") == 2


@pytest.mark.parametrize("end", ["DISCARD ALL", "SELECT pg_advisory_unlock_all()", None])
def test_what_ends_the_locks_of_a_session(pair: Pair, end: str | None) -> None:
    ours, theirs = pair
    ours.execute("SELECT pg_advisory_lock(1), pg_advisory_lock(1), pg_advisory_lock_shared(2)")
    assert value(theirs, "SELECT pg_try_advisory_lock(1)") is False
    assert value(theirs, "SELECT pg_try_advisory_lock_shared(2)") is True
    with pytest.raises(minidb.LockNotAvailable) as caught:
        theirs.execute("SELECT pg_advisory_lock(2)")
    assert "EXCLUSIVE on advisory lock 2; blocked by session" in str(caught.value.detail)
    if end is None:
        ours.close()
    else:
        ours.execute(end)
    assert value(theirs, "SELECT pg_try_advisory_lock(1)") is True
    assert value(theirs, "SELECT pg_try_advisory_lock(2)") is True
    assert lock_entries(theirs._session.database.transactions.locks)
    theirs.execute("SELECT pg_advisory_unlock_all()")
    assert not lock_entries(theirs._session.database.transactions.locks)


def test_an_advisory_lock_survives_the_error_after_it(pair: Pair) -> None:
    ours, theirs = pair
    ours.execute("BEGIN")
    with pytest.raises(minidb.DataError):
        ours.execute("SELECT pg_advisory_lock(id), 1 / (id - 2) FROM t ORDER BY id")
    ours.execute("ROLLBACK")
    assert value(theirs, "SELECT pg_try_advisory_lock(1)") is False
    assert value(ours, "SELECT pg_advisory_unlock(1)") is True
    assert value(ours, "SELECT pg_advisory_unlock(1)") is False


def test_an_advisory_lock_in_autocommit_lasts_as_long_as_its_statement(pair: Pair) -> None:
    ours, theirs = pair
    ours.execute("SELECT pg_advisory_xact_lock(1)")
    assert value(theirs, "SELECT pg_try_advisory_xact_lock(1)") is True
    assert value(ours, "SELECT (SELECT pg_try_advisory_xact_lock(5)) AND n = 0 FROM t WHERE id = 1") is True


def test_lock_table_reaches_prepared_statements_of_the_short_path(pair: Pair) -> None:
    ours, theirs = pair
    query = "SELECT n FROM t WHERE id = ?"
    assert theirs.execute(query, (1,)).fetchone() == (0,)
    assert theirs._session.prepared[query].fast_query is not None
    ours.execute("BEGIN")
    ours.execute("LOCK TABLE t")
    for _ in range(2):
        with pytest.raises(minidb.LockNotAvailable):
            theirs.execute(query, (1,))
    assert theirs.execute("SELECT 1 + ?", (1,)).fetchone() == (2,)
    assert not theirs._session.prepared
    ours.execute("COMMIT")
    assert theirs.execute(query, (1,)).fetchone() == (0,)
    assert theirs._session.prepared[query].fast_query is not None
    assert not theirs._session.database.transactions.locks.barred


def test_a_lock_that_was_refused_bars_nobody(pair: Pair) -> None:
    ours, theirs = pair
    ours.execute("BEGIN")
    ours.execute("UPDATE t SET n = 1 WHERE id = 1")
    theirs.execute("BEGIN")
    theirs.execute("SAVEPOINT s")
    for how in ("", " NOWAIT"):
        with pytest.raises(minidb.LockNotAvailable):
            theirs.execute("LOCK TABLE t" + how)
        theirs.execute("ROLLBACK TO s")
        assert not theirs._session.database.transactions.locks.barred
    theirs.execute("ROLLBACK")
    ours.execute("ROLLBACK")


def test_lock_table_needs_a_transaction(pair: Pair) -> None:
    ours, _ = pair
    with pytest.raises(minidb.InternalError) as caught:
        ours.execute("LOCK TABLE t")
    assert caught.value.sqlstate == "25P01"
    with minidb.connect(":memory:locks") as implicit:
        implicit.execute("LOCK TABLE t IN ROW SHARE MODE")
        assert implicit.in_transaction


def test_lock_table_in_a_read_only_transaction_takes_weak_modes(pair: Pair) -> None:
    ours, _ = pair
    ours.execute("BEGIN READ ONLY")
    ours.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    with pytest.raises(minidb.InternalError) as caught:
        ours.execute("LOCK TABLE t IN SHARE MODE")
    assert caught.value.sqlstate == "25006"


@pytest.mark.parametrize(
    "text", ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET LOCAL serializable_strategy = '2pl'"]
)
def test_a_table_stays_locked_when_characteristics_are_set(pair: Pair, text: str) -> None:
    ours, theirs = pair
    theirs.execute("SET lock_timeout = '1ms'")
    ours.execute("BEGIN")
    ours.execute("LOCK TABLE t")
    ours.execute(text)
    for statement in ("UPDATE t SET n = 1", "SELECT * FROM t"):
        with pytest.raises(minidb.LockNotAvailable):
            theirs.execute(statement)
    ours.execute("ROLLBACK")
    theirs.execute("UPDATE t SET n = 1")


def test_set_transaction_after_begin(pair: Pair) -> None:
    ours, _ = pair
    ours.execute("BEGIN")
    ours.execute("SET LOCAL lock_timeout = 5")
    ours.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    assert value(ours, "SHOW transaction_isolation") == "repeatable read"
    ours.execute("SELECT 1")
    with pytest.raises(minidb.InternalError):
        ours.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    ours.execute("ROLLBACK")
