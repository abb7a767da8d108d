"""What the tests of transactions share: an in-memory database, keys, and two transactions at a time."""

from __future__ import annotations

from minidb.storage.store import Store
from minidb.txn.database import TransactionalStore
from minidb.txn.isolation import IsolationLevel
from minidb.txn.transaction import Transaction

TABLE = 16
READ_COMMITTED = IsolationLevel.READ_COMMITTED
REPEATABLE_READ = IsolationLevel.REPEATABLE_READ


def key(number: int, storage_id: int = TABLE) -> bytes:
    return storage_id.to_bytes(4, "big") + number.to_bytes(8, "big")


def new_database(**rows: bytes) -> TransactionalStore:
    """A database in memory with rows 1, 2, ...: the keyword arguments' values."""
    database = TransactionalStore(Store.open(None))
    if rows:
        transaction = database.begin()
        for number, value in enumerate(rows.values(), 1):
            transaction.put(key(number), value)
        transaction.commit()
    return database


def begin(database: TransactionalStore, level: IsolationLevel = READ_COMMITTED) -> Transaction:
    """A transaction whose first statement has begun."""
    transaction = database.begin(level)
    transaction.new_statement()
    return transaction


def insert_pairs(transaction: Transaction, pairs: list[tuple[bytes, bytes]]) -> int | None:
    """`insert_many` of keys with their values."""
    return transaction.insert_many([key for key, _ in pairs], [value for _, value in pairs])


def rows_of(transaction: Transaction, storage_id: int = TABLE) -> list[tuple[int, bytes]]:
    """What the running statement sees of a table."""
    found = transaction.batches(key(0, storage_id), key(0, storage_id + 1))
    return [(int.from_bytes(each[4:], "big"), value) for batch in found for each, value in batch]
