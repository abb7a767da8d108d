"""An isolation level as the moments at which it may wait or abort.

    after_snapshot()   before_read(keys)   before_scan(range)   before_write(key)   before_table(id)
    after_statement()  before_commit(id)   commit_failed()      after_end()

`Transaction` calls a moment only if the level's flag asks for it, so a level that needs nothing there pays
nothing. A control has no state of its own: one instance per database serves all transactions of its level;
what a level must remember of a transaction belongs into the transaction.

| level | snapshot | a write to a row changed since the snapshot |
|---|---|---|
| READ COMMITTED | per statement | the statement restarts on a new snapshot, keeping its locks |
| REPEATABLE READ | per transaction | 40001, first updater wins |
| SERIALIZABLE, ssi | per transaction | 40001, first updater wins |
| SERIALIZABLE, 2pl | the newest commit, under locks | cannot happen: the read locked it |
| SERIALIZABLE, serial | the newest commit | cannot happen: nobody else commits |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from minidb.storage.store import Store
from minidb.txn.read_set import ReadRange
from minidb.txn.state import LockRequest, LockTarget, TransactionState


class StatementRestart(Exception):
    """READ COMMITTED: the row to be written changed since the statement's snapshot.

    A signal to the session, never an error that a user sees. The session rolls back to the statement's
    savepoint, which keeps the locks, calls `new_statement()` and runs the statement again. Each round holds
    at least one lock more, so the rounds end.
    """


class MustWait(BaseException):
    """A serial transaction would have to wait for a lock, and must not.

    A signal to the serial executor; no Exception, so that a procedure that catches those lets it pass. The
    executor undoes the call, and runs it again when its caller has got the lock.
    """

    def __init__(self, request: LockRequest, blockers: tuple[TransactionState, ...]) -> None:
        super().__init__()
        self.request = request
        self.blockers = blockers


class ConcurrencyControl:
    """What every level answers; the defaults ask for nothing and do nothing."""

    strategy: ClassVar[str | None] = None  # SERIALIZABLE has several: this one's name
    snapshot_per_statement: ClassVar[bool] = False
    watches_reads: ClassVar[bool] = False  # call before_read, before_scan and after_statement
    reads_latest: ClassVar[bool] = False  # each read sees the newest commit, which its lock then keeps
    watches_snapshot: ClassVar[bool] = False  # call after_snapshot
    watches_all_writes: ClassVar[bool] = False  # call before_write even if nothing was committed since
    watches_commit: ClassVar[bool] = False  # call before_commit and commit_failed
    watches_end: ClassVar[bool] = False  # call after_end

    def __init__(
        self, store: Store, describe: Callable[[LockTarget], str], author_of: Callable[[int], int]
    ) -> None:
        self.store = store
        self.describe = describe
        self.author_of = author_of  # commit id -> transaction id, or 0 where that is forgotten

    def after_snapshot(self, transaction: TransactionState) -> None:
        """The transaction has taken its first snapshot."""

    def before_read(self, transaction: TransactionState, keys: list[bytes], to_change: bool) -> None:
        """`keys` are about to be looked up; `to_change`: their rows are about to be changed or locked."""

    def before_scan(self, transaction: TransactionState, read: ReadRange) -> None:
        """A range is about to be read."""

    def after_statement(self, transaction: TransactionState) -> None:
        """A statement has succeeded; may fail it all the same."""

    def before_write(self, transaction: TransactionState, key: bytes) -> None:
        """`key` is about to be written for the first time, and is locked."""

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        """A table was locked whose definition changed since the snapshot."""

    def before_commit(self, transaction: TransactionState, commit_id: int) -> None:
        """The transaction is about to commit under that id (or, having written nothing, to end at it); called
        under the graph's and the commit mutex, may refuse."""

    def commit_huge(self, commit: Callable[[], None]) -> None:
        """Carry out the commit of a transaction whose writes went to disk."""
        commit()

    def commit_failed(self, transaction: TransactionState) -> None:
        """The commit that `before_commit` let pass has failed."""

    def after_end(self, transaction: TransactionState) -> None:
        """The transaction committed or rolled back and has released its locks."""
