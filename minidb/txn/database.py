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
from minidb.storage.store import Store
from minidb.txn.control import ConcurrencyControl
from minidb.txn.environment import Environment
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel, refuse_serializable
from minidb.txn.read_committed import ReadCommitted
from minidb.txn.snapshot_isolation import SnapshotIsolation
from minidb.txn.transaction import Transaction


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
        self._next_transaction_id = count(1).__next__

    def begin(
        self,
        level: IsolationLevel = IsolationLevel.READ_COMMITTED,
        *,
        read_only: bool = False,
        interrupt: Interrupt | None = None,
    ) -> Transaction:
        """A new transaction. Its snapshot is taken by its first `new_statement`."""
        control = self._controls.get(level)
        if control is None:
            raise refuse_serializable()
        transaction = Transaction(
            self,
            self._next_transaction_id(),
            level,
            control,
            read_only,
            interrupt if interrupt is not None else Interrupt(),
        )
        self.active[transaction.id] = transaction
        return transaction

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
