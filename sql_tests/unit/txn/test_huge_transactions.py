"""Transactions that outgrow their memory limit behave as the others do."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from unit.txn.database_fixture import REPEATABLE_READ, TABLE, begin, insert_pairs, key, rows_of

from minidb.errors import SerializationFailure
from minidb.storage.options import StoreOptions
from minidb.storage.store import Store
from minidb.txn.database import TransactionalStore
from minidb.txn.overlay import ABSENT, Overlay
from minidb.txn.spill import written_versions
from minidb.txn.transaction import Transaction

SMALL = 400_000  # bytes of own writes: about 1,300 of them


def open_database(path: Path) -> TransactionalStore:
    return TransactionalStore(Store.open(str(path / "huge.db"), StoreOptions(huge_transaction_bytes=SMALL)))


@pytest.fixture
def database(tmp_path: Path) -> TransactionalStore:
    return open_database(tmp_path)


def grow(transaction: Transaction, storage_id: int = 99) -> None:
    """Write elsewhere until the transaction has moved to disk."""
    pairs = [(key(number, storage_id), b"filler") for number in range(5000)]
    before = transaction.base_position
    assert insert_pairs(transaction, pairs) is None
    assert transaction.base_position > before


def test_it_reads_what_it_wrote_and_commits_all_of_it(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    first = begin(database)
    for number in range(100):
        first.put(key(number), b"old")
    first.commit()
    transaction = begin(database)
    for number in range(0, 100, 2):
        transaction.put(key(number), b"new")
    for number in range(1, 100, 10):
        transaction.delete(key(number))
    grow(transaction)
    assert transaction.get(key(0)) == b"old"  # the statement still runs
    assert rows_of(transaction) == [(number, b"old") for number in range(100)]
    assert transaction.get_latest(key(0)) == b"new"
    assert transaction.get_latest(key(1)) is None
    assert transaction.insert(key(0), b"twice") is False
    assert transaction.insert(key(1), b"again") is True
    transaction.new_statement()
    transaction.put(key(3), b"newest")
    expected = {number: b"new" if number % 2 == 0 else b"old" for number in range(100)}
    for number in range(11, 100, 10):
        del expected[number]
    expected[1] = b"again"
    assert rows_of(transaction) == sorted(expected.items())
    backwards = transaction.batches(key(0), key(1000), reverse=True)
    assert [value for batch in backwards for _, value in batch] == [
        value for _, value in sorted(expected.items(), reverse=True)
    ]
    expected[3] = b"newest"
    transaction.new_statement()
    assert rows_of(transaction) == sorted(expected.items())
    assert rows_of(begin(database)) == [(number, b"old") for number in range(100)]
    latest = [pair for batch in transaction.batches_latest(key(0), key(4)) for pair in batch]
    assert latest == [(key(0), b"new"), (key(1), b"again"), (key(2), b"new"), (key(3), b"newest")]
    transaction.commit()
    assert transaction.state == "committed"
    reader = begin(database)
    assert rows_of(reader) == sorted(expected.items())
    assert len(rows_of(reader, 99)) == 5000
    reader.rollback()
    for each in database.transactions():
        each.rollback()
    database.close()
    database = open_database(tmp_path)
    assert rows_of(begin(database)) == sorted(expected.items())


def test_rollback_leaves_nothing(database: TransactionalStore, tmp_path: Path) -> None:
    transaction = begin(database)
    transaction.put(key(1), b"1")
    grow(transaction)
    assert list((tmp_path / "huge.db").glob("huge.*"))
    transaction.rollback()
    assert not list((tmp_path / "huge.db").glob("huge.*"))
    assert rows_of(begin(database)) == []
    assert not database.locks.owners
    assert not database.locks.queues


def test_savepoints_reach_back_to_what_is_on_disk(database: TransactionalStore) -> None:
    transaction = begin(database)
    transaction.put(key(1), b"1")
    transaction.put(key(2), b"2")
    first = transaction.savepoint()
    transaction.put(key(1), b"changed")
    transaction.delete(key(2))
    transaction.drop_range(77)
    grow(transaction)
    second = transaction.savepoint()
    transaction.put(key(1), b"changed again")
    transaction.put((0).to_bytes(4, "big") + b"catalog", b"object")
    transaction.drop_range(78)
    grow(transaction, 100)
    transaction.put(key(3), b"3")
    assert transaction.catalog_changed
    transaction.rollback_to(second)
    assert not transaction.catalog_changed
    assert [storage_id for _, storage_id, _ in transaction.dropped] == [77]
    transaction.new_statement()
    assert rows_of(transaction) == [(1, b"changed")]
    assert len(rows_of(transaction, 99)) == 5000
    assert rows_of(transaction, 100) == []
    transaction.rollback_to(first)
    transaction.new_statement()
    assert rows_of(transaction) == [(1, b"1"), (2, b"2")]
    assert rows_of(transaction, 99) == []
    assert transaction.dropped == []
    transaction.put(key(2), b"22")
    grow(transaction, 99)
    transaction.commit()
    assert rows_of(begin(database)) == [(1, b"1"), (2, b"22")]


def test_others_conflict_with_it_as_with_any_other(database: TransactionalStore) -> None:
    first = begin(database)
    first.put(key(1), b"1")
    first.put(key(2), b"2")
    first.commit()
    repeatable = begin(database, REPEATABLE_READ)
    huge = begin(database)
    huge.put(key(1), b"huge")
    grow(huge)
    assert not repeatable.lock(key(1), wait=False)
    huge.commit()
    with pytest.raises(SerializationFailure) as raised:
        repeatable.put(key(1), b"lost")
    assert f"Transaction {huge.id} updated" in (raised.value.detail or "")
    repeatable.put(key(2), b"fine")
    assert repeatable.get(key(1)) == b"1"
    repeatable.commit()
    assert rows_of(begin(database)) == [(1, b"huge"), (2, b"fine")]


def test_the_catalog_is_told(database: TransactionalStore) -> None:
    transaction = begin(database)
    transaction.put((0).to_bytes(4, "big") + b"table", b"schema")
    grow(transaction)
    told: list[tuple[int, bytes | None]] = []
    transaction.on_commit = lambda committing, commit_id: told.append(
        (commit_id, committing.get((0).to_bytes(4, "big") + b"table"))
    )
    transaction.commit()
    commit_id = database.store.latest.commit_id
    assert told == [(commit_id, b"schema")]
    assert database.catalog_commit == commit_id


def test_versions_are_listed_in_order() -> None:
    chance = random.Random(2)
    overlay = Overlay({}, [])
    expected = []
    for position in range(200):
        written = key(chance.randrange(20))
        value = chance.choice([None, b"%d" % position])
        overlay.undo.append((written, overlay.writes.get(written, ABSENT)))
        overlay.writes[written] = value
        expected.append((written, 1000 + position, value))
    assert written_versions(overlay.undo, overlay.writes, 1000) == expected


def test_locks_of_a_huge_transaction_are_few(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    database.row_lock_limit = 2000
    transaction = begin(database)
    for start in range(0, 20_000, 1000):
        transaction.new_statement()
        assert (
            insert_pairs(transaction, [(key(number), b"v" * 100) for number in range(start, start + 1000)])
            is None
        )
    assert len(transaction.held) <= 2000
    assert transaction.escalated == {key(0)[:4]}
    assert transaction.insert(key(5), b"twice") is False
    transaction.commit()
    assert len(rows_of(begin(database))) == 20_000
    assert TABLE == 16
