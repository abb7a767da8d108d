"""One transaction, and two that take turns in one thread."""

from __future__ import annotations

import datetime
import sys
from itertools import count
from types import FrameType
from typing import Any

import pytest
from unit.txn.database_fixture import (
    READ_COMMITTED,
    REPEATABLE_READ,
    TABLE,
    begin,
    insert_pairs,
    key,
    new_database,
    rows_of,
)

import minidb
from minidb.errors import InternalError, LockNotAvailable, SerializationFailure
from minidb.txn.control import StatementRestart
from minidb.txn.isolation import IsolationLevel
from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, KEY_SHARE, ROW_EXCLUSIVE, SHARE
from minidb.txn.savepoint_locks import _release_row, _release_table
from minidb.txn.transaction import COMMITTED, ROLLED_BACK


def test_commit_makes_writes_visible_and_rollback_forgets_them() -> None:
    database = new_database()
    first = begin(database)
    first.put(key(1), b"one")
    assert first.changed()
    assert database.store.latest.get(key(1)) is None
    first.commit()
    assert first.state == COMMITTED
    assert database.store.latest.get(key(1)) == b"one"
    second = begin(database)
    second.put(key(1), b"changed")
    second.delete(key(2))
    second.rollback()
    assert second.state == ROLLED_BACK
    assert rows_of(begin(database)) == [(1, b"one")]
    second.rollback()  # harmless
    with pytest.raises(InternalError) as raised:
        second.commit()
    assert raised.value.sqlstate == "25P01"
    with pytest.raises(InternalError):
        second.put(key(1), b"late")


def test_a_statement_does_not_see_its_own_writes_but_the_next_does() -> None:
    database = new_database(a=b"1", b=b"2")
    transaction = begin(database)
    transaction.put(key(1), b"10")
    transaction.put(key(3), b"3")
    assert transaction.get(key(1)) == b"1"
    assert transaction.get(key(3)) is None
    assert transaction.get_latest(key(3)) == b"3"
    assert rows_of(transaction) == [(1, b"1"), (2, b"2")]
    transaction.new_statement()
    assert transaction.get(key(1)) == b"10"
    transaction.delete(key(2))
    transaction.put(key(4), b"4")
    assert transaction.get(key(2)) == b"2"
    assert rows_of(transaction) == [(1, b"10"), (2, b"2"), (3, b"3")]
    transaction.next_command()
    assert transaction.get(key(2)) is None
    assert rows_of(transaction) == [(1, b"10"), (3, b"3"), (4, b"4")]
    backwards = transaction.batches(key(0), key(9), reverse=True)
    assert [value for batch in backwards for _, value in batch] == [b"4", b"3", b"10"]


def test_a_reader_holds_still_while_later_statements_write() -> None:
    database = new_database(a=b"1", b=b"2")
    transaction = begin(database)
    assert transaction.reader() is transaction.snapshot
    transaction.put(key(1), b"10")
    transaction.new_statement()
    reader = transaction.reader()
    batches = reader.batches(key(0), key(9))
    transaction.new_statement()
    transaction.delete(key(1))
    transaction.delete(key(2))
    transaction.put(key(3), b"3")
    assert [pair for batch in batches for pair in batch] == [(key(1), b"10"), (key(2), b"2")]
    assert reader.get(key(1)) == b"10"
    assert reader.get(key(3)) is None
    transaction.new_statement()
    assert rows_of(transaction) == [(3, b"3")]


def test_read_committed_takes_a_snapshot_per_statement_and_repeatable_read_keeps_its_first() -> None:
    database = new_database(a=b"1")
    committed = begin(database, READ_COMMITTED)
    repeatable = database.begin(REPEATABLE_READ)  # takes no snapshot yet, as BEGIN does not in PostgreSQL
    writer = begin(database)
    writer.put(key(1), b"2")
    writer.commit()
    assert committed.get(key(1)) == b"1"
    committed.new_statement()
    assert committed.get(key(1)) == b"2"
    repeatable.new_statement()
    assert repeatable.get(key(1)) == b"2"
    writer = begin(database)
    writer.delete(key(1))
    writer.commit()
    repeatable.new_statement()
    assert repeatable.get(key(1)) == b"2"
    assert repeatable.get_latest(key(1)) is None
    assert list(repeatable.batches_latest(key(0), key(9))) == []


def test_read_committed_restarts_and_repeatable_read_fails() -> None:
    database = new_database(a=b"1", b=b"2")
    committed, repeatable = begin(database, READ_COMMITTED), begin(database, REPEATABLE_READ)
    writer = begin(database)
    writer.put(key(1), b"10")
    writer.delete(key(2))
    writer.commit()
    with pytest.raises(SerializationFailure) as raised:
        repeatable.put(key(1), b"lost")
    error = raised.value
    assert error.sqlstate == "40001"
    assert error.retryable
    assert str(error) == "could not serialize access due to concurrent update"
    assert error.detail is not None
    assert f"Transaction {writer.id} updated key" in error.detail
    assert f"transaction {repeatable.id} took" in error.detail
    with pytest.raises(SerializationFailure, match="due to concurrent delete"):
        repeatable.delete(key(2))
    with pytest.raises(SerializationFailure):
        repeatable.lock_row(key(2))
    repeatable.rollback()
    start = committed.savepoint()
    committed.put(key(3), b"3")
    with pytest.raises(StatementRestart):
        committed.put(key(1), b"11")
    committed.rollback_to(start)
    committed.new_statement()
    assert committed.get(key(1)) == b"10"
    committed.put(key(1), b"11")
    committed.commit()
    assert rows_of(begin(database)) == [(1, b"11")]


def test_a_lock_alone_is_not_an_excuse_for_a_lost_update() -> None:
    database = new_database(a=b"1")
    repeatable = begin(database, REPEATABLE_READ)
    writer = begin(database)
    writer.put(key(1), b"2")
    writer.commit()
    repeatable.lock(key(1))
    with pytest.raises(SerializationFailure):
        repeatable.put(key(1), b"lost")


def test_insert_looks_at_the_newest_state_whatever_the_snapshot_shows() -> None:
    database = new_database(a=b"1")
    repeatable = begin(database, REPEATABLE_READ)
    writer = begin(database)
    writer.put(key(2), b"2")
    writer.commit()
    assert repeatable.insert(key(2), b"again") is False
    assert repeatable.insert(key(3), b"new") is True
    assert repeatable.insert(key(3), b"again") is False
    repeatable.delete(key(3))
    assert repeatable.insert(key(3), b"once more") is True


@pytest.mark.parametrize("many", [False, True])
def test_insert_of_a_key_that_only_the_snapshot_shows_writes_over_it(many: bool) -> None:
    database = new_database(a=b"1")
    repeatable, committed = begin(database, REPEATABLE_READ), begin(database)
    writer = begin(database)
    writer.delete(key(1))
    writer.commit()
    with pytest.raises(SerializationFailure, match="concurrent delete"):
        if many:
            repeatable.insert_many([key(1)], [b"again"])
        else:
            repeatable.insert(key(1), b"again")
    repeatable.rollback()
    assert committed.insert(key(1), b"again") is True


def test_insert_many_is_all_or_nothing() -> None:
    database = new_database(a=b"1", b=b"2")
    transaction = begin(database)
    pairs = [(key(number), b"new") for number in range(10, 20)]
    assert insert_pairs(transaction, pairs) is None
    assert insert_pairs(transaction, []) is None
    assert insert_pairs(transaction, [(key(30), b"x"), (key(12), b"twice")]) == 1
    assert insert_pairs(transaction, [(key(31), b"x"), (key(2), b"twice")]) == 1
    assert insert_pairs(transaction, [(key(32), b"x"), (key(33), b"x"), (key(32), b"twice")]) == 2
    assert insert_pairs(transaction, [(key(34), b"between"), (key(0), b"others")]) is None
    assert insert_pairs(transaction, [(key(30), b"x")]) is None
    transaction.new_statement()
    numbers = [number for number, _ in rows_of(transaction)]
    assert numbers == [0, 1, 2, *range(10, 20), 30, 34]
    other = begin(database)
    assert not other.lock(key(15), wait=False)
    transaction.rollback()
    assert other.lock(key(15), wait=False)
    assert rows_of(other) == [(1, b"1"), (2, b"2")]


def test_savepoints_undo_writes_and_keep_locks() -> None:
    database = new_database(a=b"1")
    transaction = begin(database)
    transaction.put(key(1), b"2")
    outer = transaction.savepoint()
    transaction.put(key(1), b"3")
    transaction.delete(key(5))
    inner = transaction.savepoint()
    transaction.delete(key(1))
    transaction.rollback_to(inner)
    transaction.new_statement()
    assert transaction.get(key(1)) == b"3"
    transaction.rollback_to(outer)
    assert transaction.get(key(1)) == b"2"
    assert not begin(database).lock(key(5), wait=False)
    transaction.rollback_to(0)
    assert not transaction.changed()
    transaction.commit()
    assert rows_of(begin(database)) == [(1, b"1")]


def test_read_only_transactions_write_nothing() -> None:
    database = new_database(a=b"1")
    transaction = database.begin(REPEATABLE_READ, read_only=True)
    transaction.new_statement()
    assert transaction.get(key(1)) == b"1"
    for attempt in (
        lambda: transaction.put(key(1), b""),
        lambda: transaction.delete(key(1)),
        lambda: transaction.insert(key(9), b""),
        lambda: insert_pairs(transaction, [(key(9), b"")]),
        lambda: transaction.lock(key(1)),
        lambda: transaction.lock_table(TABLE, ROW_EXCLUSIVE),
        lambda: transaction.drop_range(TABLE),
    ):
        with pytest.raises(InternalError) as raised:
            attempt()
        assert raised.value.sqlstate == "25006"
    transaction.commit()


def test_waits_end_with_lock_timeout() -> None:
    database = new_database(a=b"1")
    holder, waiter = begin(database), begin(database)
    holder.put(key(1), b"2")
    waiter.lock_timeout_ms = 1
    with pytest.raises(LockNotAvailable) as raised:
        waiter.put(key(1), b"3")
    assert raised.value.sqlstate == "55P03"
    assert waiter.waiting is None
    holder.rollback()
    waiter.put(key(1), b"3")


def test_foreign_key_checks_share_a_parent_with_updates_that_leave_its_key_alone() -> None:
    database = new_database(a=b"parent")
    first, second, third = begin(database), begin(database), begin(database)
    first.lock(key(1), KEY_SHARE)
    second.lock(key(1), KEY_SHARE)
    third.put(key(1), b"changed")
    assert not third.lock(key(1), wait=False)
    first.commit()
    second.commit()
    third.delete(key(1))


def test_catalog_changes_are_noted_and_undone() -> None:
    database = new_database()
    catalog_key = (0).to_bytes(4, "big") + b"table"
    transaction = begin(database)
    transaction.put(key(1), b"row")
    position = transaction.savepoint()
    assert not transaction.catalog_changed
    transaction.put(catalog_key, b"schema")
    assert transaction.catalog_changed
    transaction.rollback_to(position)
    assert not transaction.catalog_changed
    assert transaction.insert(catalog_key, b"schema")
    assert transaction.catalog_changed
    seen: list[tuple[int, bytes | None, bytes | None]] = []
    other = begin(database)
    other.put(key(2), b"other")
    other.commit()

    def on_commit(committing: object, commit_id: int) -> None:
        assert committing is transaction
        visible = database.store.latest.get(catalog_key)
        seen.append((commit_id, visible, transaction.get(key(2))))

    transaction.on_commit = on_commit
    assert transaction.get(catalog_key) is None
    transaction.commit()
    commit_id = database.store.latest.commit_id
    assert seen == [(commit_id, None, b"other")]
    assert database.catalog_commit == commit_id


def test_a_table_whose_definition_changed_is_looked_at_again() -> None:
    database = new_database()
    database.definition_key = lambda table_id: b"\x00\x00\x00\x00" + table_id.to_bytes(8, "big")
    committed, repeatable, unrelated = (
        begin(database),
        begin(database, REPEATABLE_READ),
        begin(database, REPEATABLE_READ),
    )
    ddl = begin(database)
    ddl.lock_table(7, ACCESS_EXCLUSIVE)
    ddl.put(database.definition_key(7), b"new definition")
    ddl.commit()
    with pytest.raises(StatementRestart):
        committed.lock_table(7, ROW_EXCLUSIVE)
    committed.new_statement()
    committed.lock_table(7, ROW_EXCLUSIVE)
    with pytest.raises(SerializationFailure) as raised:
        repeatable.lock_table(7, ROW_EXCLUSIVE)
    assert "table 7" in (raised.value.detail or "")
    unrelated.lock_table(8, ROW_EXCLUSIVE)


def test_a_strong_table_lock_refreshes_what_read_committed_sees() -> None:
    database = new_database()
    indexer = begin(database)
    writer = begin(database)
    writer.put(key(1), b"1")
    writer.commit()
    assert rows_of(indexer) == []
    indexer.lock_table(TABLE, SHARE)
    assert rows_of(indexer) == [(1, b"1")]


def test_dropped_ranges_go_to_the_store_at_commit() -> None:
    database = new_database(a=b"1", b=b"2")
    before = begin(database, REPEATABLE_READ)
    transaction = begin(database)
    transaction.drop_range(TABLE)
    assert transaction.changed()
    transaction.commit()
    assert rows_of(before) == [(1, b"1"), (2, b"2")]


def test_row_ids_go_on_after_the_last_stored() -> None:
    database = new_database(a=b"1", b=b"2")
    transaction = begin(database)
    assert [transaction.next_row_id(TABLE) for _ in range(3)] == [3, 4, 5]
    assert transaction.next_row_id(TABLE + 1) == 1
    assert begin(database).next_row_id(TABLE) == 6


def test_many_row_locks_become_one() -> None:
    database = new_database(a=b"1")
    database.row_lock_limit = 1000
    transaction, other = begin(database), begin(database)
    other.lock(key(1, 99))
    pairs = [(key(number), b"v") for number in range(100, 9000)]
    assert insert_pairs(transaction, pairs) is None
    assert len(transaction.held) < 10
    assert len(database.locks.owners) < 10
    assert not other.lock(key(1), wait=False)
    assert insert_pairs(transaction, [(key(number), b"v") for number in range(9000, 9100)]) is None
    transaction.put(key(1), b"2")
    transaction.delete(key(100))
    assert len(database.locks.owners) < 10
    transaction.commit()
    assert other.lock(key(1), wait=False)
    assert not database.locks.queues
    assert database.locks.escalate(other, key(0)[:4])


def test_row_locks_stay_apart_while_another_holds_one() -> None:
    database = new_database(a=b"1")
    database.row_lock_limit = 1000
    transaction, other = begin(database), begin(database)
    other.put(key(1), b"mine")
    for number in range(2, 6000):
        transaction.put(key(number), b"v")
    assert transaction.escalated is None
    other.commit()
    for number in range(6000, 16000):
        transaction.put(key(number), b"v")
    assert transaction.escalated == {key(1)[:4]}
    transaction.commit()
    assert len(rows_of(begin(database))) == 15999


def test_an_ended_transaction_leaves_nothing_behind() -> None:
    database = new_database(a=b"1")
    for end in ("commit", "rollback"):
        transaction = begin(database)
        transaction.lock_table(TABLE, ROW_EXCLUSIVE)
        transaction.put(key(1), b"2")
        transaction.lock(key(2), KEY_SHARE)
        getattr(transaction, end)()
    assert not database.active
    assert not database.locks.owners
    assert not database.locks.queues


def test_failed_commits_roll_back() -> None:
    database = new_database(a=b"1")
    transaction = begin(database)
    transaction.put(key(1), b"2")
    revoked: list[object] = []

    def refuse(committing: object, commit_id: int) -> None:
        raise SerializationFailure("refused")

    transaction.on_commit = refuse
    transaction.on_commit_failed = revoked.append
    with pytest.raises(SerializationFailure):
        transaction.commit()
    assert revoked == [transaction]
    assert transaction.state == ROLLED_BACK
    assert begin(database).lock(key(1), wait=False)


def test_started_at_is_aware_and_levels_have_names() -> None:
    transaction = new_database().begin()
    assert abs(datetime.datetime.now(datetime.UTC) - transaction.started_at) < datetime.timedelta(minutes=1)
    assert IsolationLevel.named("Repeatable  READ") is REPEATABLE_READ
    assert IsolationLevel.named("read_uncommitted") is IsolationLevel.READ_UNCOMMITTED


@pytest.mark.skipif(minidb.IMPLEMENTATION == "compiled", reason="compiled code has no lines to stop at")
def test_an_interrupt_at_any_line_of_giving_locks_back_leaves_none_behind() -> None:
    """Ctrl-C in the midst of ROLLBACK TO: the next ROLLBACK still finds every lock."""
    left = 0  # lines that are still to run

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        # Not at a line of the function with the `with`: no signal comes between its end and its release.
        if frame.f_code in (_release_row.__code__, _release_table.__code__) and event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    for line in count(1):
        database = new_database()
        transaction = begin(database)
        mark = transaction.mark_locks()
        assert mark is not None
        transaction.lock_table(TABLE, SHARE)
        transaction.put(key(1), b"one")
        transaction.lock(key(2), KEY_SHARE)
        transaction.rollback_to(0)
        left = line
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            transaction.release_locks_since(mark)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        transaction.rollback()
        locks = database.locks
        assert not locks.owners and not locks.queues and not locks.mutex.locked()
        if left > 0:
            assert line > 15
            break
