"""An isolation level as the moments at which it may wait or abort.

    before_read(key)      before_scan(range)      before_write(key)      before_commit()      after_end()

`Transaction` calls a moment only if the level's flag asks for it, so a level that needs nothing there pays
nothing. A control has no state of its own: one instance per database serves all transactions of its level;
what a level must remember of a transaction belongs into the transaction.

| level | snapshot | a write to a row changed since the snapshot |
|---|---|---|
| READ COMMITTED | per statement | the statement restarts on a new snapshot, keeping its locks |
| REPEATABLE READ | per transaction | 40001, first updater wins |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from minidb.storage.store import Store
from minidb.txn.state import LockTarget, TransactionState


class StatementRestart(Exception):
    """READ COMMITTED: the row to be written changed since the statement's snapshot.

    A signal to the session, never an error that a user sees. The session rolls back to the statement's
    savepoint, which keeps the locks, calls `new_statement()` and runs the statement again. Each round holds
    at least one lock more, so the rounds end.
    """


class ConcurrencyControl:
    """What every level answers; the defaults ask for nothing and do nothing."""

    strategy: ClassVar[str | None] = None  # SERIALIZABLE has several: this one's name
    snapshot_per_statement: ClassVar[bool] = False
    watches_reads: ClassVar[bool] = False  # call before_read and before_scan
    watches_all_writes: ClassVar[bool] = False  # call before_write even if nothing was committed since
    watches_commit: ClassVar[bool] = False  # call before_commit
    watches_end: ClassVar[bool] = False  # call after_end

    def __init__(
        self, store: Store, describe: Callable[[LockTarget], str], author_of: Callable[[int], int]
    ) -> None:
        self.store = store
        self.describe = describe
        self.author_of = author_of  # commit id -> transaction id, or 0 where that is forgotten

    def before_read(self, transaction: TransactionState, key: bytes) -> None:
        """`key` is about to be read."""

    def before_scan(self, transaction: TransactionState, start: bytes, stop: bytes | None) -> None:
        """[start, stop) is about to be read."""

    def before_write(self, transaction: TransactionState, key: bytes) -> None:
        """`key` is about to be written for the first time, and is locked."""

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        """A table was locked whose definition changed since the snapshot."""

    def before_commit(self, transaction: TransactionState) -> None:
        """The transaction is about to commit; called under the commit mutex, may refuse."""

    def after_end(self, transaction: TransactionState) -> None:
        """The transaction committed or rolled back and has released its locks."""
