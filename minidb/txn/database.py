"""The store with transactions: where transactions begin, and what outlives each of them.

    TransactionalStore
      begin()       a Transaction under the control of its level
      locks         LockTable: who holds and who waits for what
      committer     numbers commits
      counters      sequences and other counters that no rollback sets back
      row_ids       hidden row ids

A lone SELECT needs none of this: it reads `store.durable`.
"""

from __future__ import annotations

from itertools import count

from minidb.errors import DatabaseError
from minidb.storage.snapshot import Snapshot
from minidb.storage.store import Store
from minidb.txn.control import ConcurrencyControl
from minidb.txn.environment import Environment
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import NEXT_KEY, PREDICATE, SSI, IsolationLevel
from minidb.txn.read_committed import ReadCommitted
from minidb.txn.serial import Serial
from minidb.txn.serializable_snapshot import SerializableSnapshot
from minidb.txn.snapshot_isolation import SnapshotIsolation
from minidb.txn.transaction import Transaction
from minidb.txn.two_phase_locking import TwoPhaseLocking


class TransactionalStore(Environment):
    """One open database's transactions."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        read_committed = ReadCommitted(store, self.describe, self.committer.author_of)
        snapshot_isolation = SnapshotIsolation(store, self.describe, self.committer.author_of)
        self._controls: dict[IsolationLevel, ConcurrencyControl] = {
            IsolationLevel.READ_UNCOMMITTED: read_committed,
            IsolationLevel.READ_COMMITTED: read_committed,
            IsolationLevel.REPEATABLE_READ: snapshot_isolation,
        }
        shared = (store, self.describe, self.committer.author_of, self.certification, self.locks)
        self._serializable_snapshot = SerializableSnapshot(*shared)
        self._two_phase_locking = {
            PREDICATE: TwoPhaseLocking(*shared, next_key=False),
            NEXT_KEY: TwoPhaseLocking(*shared, next_key=True),
        }
        self.serial = Serial(store, self.describe, self.committer.author_of, self.certification)
        self._next_transaction_id = count(1).__next__

    def begin(
        self,
        level: IsolationLevel = IsolationLevel.READ_COMMITTED,
        *,
        read_only: bool = False,
        interrupt: Interrupt | None = None,
        strategy: str = SSI,
        range_locking: str = PREDICATE,
    ) -> Transaction:
        """A new transaction. Its snapshot is taken by its first `new_statement`.

        `strategy` and `range_locking` are those of SERIALIZABLE: see isolation.py.
        """
        serializable = level is IsolationLevel.SERIALIZABLE
        control = self._controls.get(level)
        if control is None:
            control = (
                self._serializable_snapshot if strategy == SSI else self._two_phase_locking[range_locking]
            )
        transaction = Transaction(
            self,
            self._next_transaction_id(),
            level,
            control,
            read_only,
            interrupt if interrupt is not None else Interrupt(),
        )
        self.active[transaction.id] = transaction
        if serializable:
            self.certification.begin(transaction, strategy == SSI, read_only)
            if strategy == SSI:
                transaction.remember_keys()
        return transaction

    def begin_serial(self, interrupt: Interrupt, read_only: bool) -> Transaction:
        """A transaction for the serial executor (serial.py), which prepares it when it is its turn."""
        transaction = Transaction(
            self, self._next_transaction_id(), IsolationLevel.SERIALIZABLE, self.serial, read_only, interrupt
        )
        self.active[transaction.id] = transaction
        return transaction

    def is_safe(self, snapshot: Snapshot) -> bool:
        """Whether a lone SELECT of that snapshot is serializable as it is."""
        return self.certification.is_safe(snapshot.commit_id)

    def transactions(self) -> list[Transaction]:
        """Those that have not ended, oldest first."""
        return [each for each in list(self.active.values()) if isinstance(each, Transaction)]

    def close(self) -> None:
        """Roll back what is open, leave the counters exact if possible, and close the store."""
        for transaction in self.transactions():
            transaction.rollback()
        try:
            self.counters.flush()
        except DatabaseError:
            self.counters.forget_all()  # read-only, full or broken: sequences skip what they had reserved
        finally:
            self.store.close()
