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
from minidb.txn.characteristics import Characteristics
from minidb.txn.control import ConcurrencyControl
from minidb.txn.environment import Environment
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import NEXT_KEY, PREDICATE, SSI, TWO_PHASE_LOCKING, IsolationLevel
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
        self.serial = Serial(*shared)
        self._spares: dict[ConcurrencyControl, Transaction] = {}  # made, not begun: at most one for each
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
        control = self.control_of(level, strategy, range_locking)
        return self.begin_with(
            Characteristics(level, control, read_only), Interrupt() if interrupt is None else interrupt
        )

    def control_of(self, level: IsolationLevel, strategy: str, range_locking: str) -> ConcurrencyControl:
        """What carries the level out."""
        if level is not IsolationLevel.SERIALIZABLE:
            return self._controls[level]
        if strategy == TWO_PHASE_LOCKING:
            return self._two_phase_locking[range_locking]
        return self._serializable_snapshot if strategy == SSI else self.serial

    def begin_with(self, characteristics: Characteristics, interrupt: Interrupt) -> Transaction:
        """`begin` with all that may be said of a transaction. One for the serial executor (serial.py) is
        prepared by that when it is its turn."""
        control = characteristics.control
        transaction = self._spares.pop(control, None) or Transaction(self, control)
        transaction.start(self._next_transaction_id(), characteristics, interrupt)
        self.active[transaction.id] = transaction
        if characteristics.level is IsolationLevel.SERIALIZABLE and control is not self.serial:
            snapshot = control is self._serializable_snapshot
            self.certification.begin(transaction, snapshot, characteristics.read_only)
            if snapshot:
                transaction.remember_keys()
        return transaction

    def prepare_next(self, control: ConcurrencyControl) -> None:
        if control not in self._spares:
            self._spares[control] = Transaction(self, control)

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
