"""Locks of bulk inserts: nothing is kept for each key until somebody else asks for a row of the table."""

from __future__ import annotations

from threading import Thread

import pytest
from unit.txn.database_fixture import TABLE, begin, insert_pairs, key, new_database, rows_of

from minidb.txn.database import TransactionalStore
from minidb.txn.lock_modes import KEY_SHARE
from minidb.txn.lock_observer import LockObserver
from minidb.txn.state import LockRequest
from minidb.txn.transaction import Transaction

PREFIX = key(0)[:4]


def load(transaction: Transaction, start: int, stop: int, storage_id: int = TABLE) -> int | None:
    return insert_pairs(transaction, [(key(number, storage_id), b"new") for number in range(start, stop)])


@pytest.fixture
def database() -> TransactionalStore:
    return new_database(a=b"1", b=b"2")


def test_nothing_is_kept_for_each_key(database: TransactionalStore) -> None:
    transaction = begin(database)
    assert load(transaction, 100, 200) is None
    assert load(transaction, 200, 300) is None
    assert not database.locks.owners
    assert not transaction.held
    transaction.commit()
    assert not database.locks.queues and not database.locks.implicit.batches
    assert len(rows_of(begin(database))) == 202


@pytest.mark.parametrize("level", [KEY_SHARE, None])
def test_others_meet_the_locks(database: TransactionalStore, level: int | None) -> None:
    transaction, other = begin(database), begin(database)
    assert load(transaction, 100, 200) is None
    assert other.lock(key(1), wait=False)  # of the same table, but no new row
    assert database.locks.owners.keys() == {key(number) for number in (1, *range(100, 200))}
    assert not other.lock(key(150), **({} if level is None else {"mode": level}), wait=False)
    assert load(transaction, 200, 300) is None
    assert not other.lock(key(250), wait=False)
    assert other.lock(key(300), wait=False)
    assert load(transaction, 200, 300) == 0  # its own
    transaction.commit()
    assert other.lock(key(150), wait=False)
    other.rollback()
    assert not database.locks.owners and not database.locks.queues


def test_a_key_that_another_holds_is_waited_for(database: TransactionalStore) -> None:
    transaction, other = begin(database), begin(database)
    assert other.insert(key(150), b"first")
    waits: list[tuple[Transaction, object]] = []

    class CommitThen(LockObserver):
        def on_wait(self, request: LockRequest) -> None:
            assert isinstance(request.owner, Transaction)
            waits.append((request.owner, request.target))
            thread = Thread(target=other.commit)
            thread.start()

    database.locks.observers = (CommitThen(),)
    assert load(transaction, 100, 200) == 50
    assert waits == [(transaction, key(150))]
    assert not transaction.writes


def test_who_waits_for_a_new_key_finds_it_taken(database: TransactionalStore) -> None:
    transaction, other = begin(database), begin(database)
    assert load(transaction, 100, 200) is None

    class CommitThen(LockObserver):
        def on_wait(self, request: LockRequest) -> None:
            Thread(target=transaction.commit).start()

    database.locks.observers = (CommitThen(),)
    assert load(other, 50, 150) == 50
    assert other.insert(key(150), b"twice") is False


def test_two_loads_of_one_table(database: TransactionalStore) -> None:
    transactions = [begin(database) for _ in range(3)]
    for start in range(1000, 3000, 300):
        for place, transaction in enumerate(transactions):
            assert load(transaction, start + 100 * place, start + 100 * place + 100) is None
    for transaction in transactions:
        transaction.commit()
    assert len(rows_of(begin(database))) == 2 + 2100
    assert not database.locks.owners and not database.locks.queues


def test_a_savepoint_keeps_them(database: TransactionalStore) -> None:
    transaction, other = begin(database), begin(database)
    position = transaction.savepoint()
    assert load(transaction, 100, 200) is None
    transaction.rollback_to(position)
    assert not transaction.writes
    assert not other.lock(key(199), wait=False)
    assert load(transaction, 100, 200) is None
    transaction.rollback()
    assert other.lock(key(199), wait=False)


def test_own_rows_can_be_changed_again(database: TransactionalStore) -> None:
    transaction = begin(database)
    assert load(transaction, 100, 200) is None
    transaction.new_statement()
    transaction.put(key(100), b"changed")
    transaction.delete(key(101))
    assert transaction.insert(key(102), b"twice") is False
    assert load(transaction, 101, 165) == 1  # the first was deleted, the second is there
    transaction.put(key(1), b"changed")
    transaction.commit()
    rows = dict(rows_of(begin(database)))
    assert (rows[1], rows[100], 101 in rows, rows[102]) == (b"changed", b"changed", False, b"new")
    assert not database.locks.owners and not database.locks.queues


def test_others_rows_under_other_storage_ids_are_not_concerned(database: TransactionalStore) -> None:
    transaction, other = begin(database), begin(database)
    assert load(transaction, 100, 200) is None
    assert load(transaction, 100, 200, 17) is None
    other.put(key(1, 18), b"elsewhere")
    assert set(database.locks.implicit.batches) == {PREFIX, key(0, 17)[:4]}
    assert not other.lock(key(100, 17), wait=False)
    assert set(database.locks.implicit.batches) == {PREFIX}
    transaction.rollback()
    other.commit()
    assert not database.locks.owners and not database.locks.queues
