"""SERIALIZABLE by snapshots: snapshot isolation that remembers what it read, and a graph that may not close a
cycle.

    T1: reads a          T2: reads b            nobody waits
    T1: writes b         T2: writes a
    T1: COMMIT           T2: COMMIT -> 40001    T2 -rw(b)-> T1 -rw(a)-> T2

Reads never wait and never make others wait. A write follows snapshot isolation's rule (first updater wins);
at commit the transaction is certified (certification.py, conflict_graph.py): it fails only if the history
would not be serializable, and the error shows the cycle.

Papers: Fekete et al., TODS 2005; Cahill et al., SIGMOD 2008; Ports and Grittner, VLDB 2012 (safe snapshots);
Revilak et al., ICDE 2011 (cycles instead of dangerous structures).
"""

from __future__ import annotations

from typing import ClassVar

from minidb.txn.certified import CertifiedControl
from minidb.txn.isolation import SSI
from minidb.txn.snapshot_isolation import definition_changed, refuse_if_changed
from minidb.txn.state import TransactionState


class SerializableSnapshot(CertifiedControl):
    """`serializable_strategy = 'ssi'`."""

    strategy: ClassVar[str | None] = SSI
    watches_snapshot: ClassVar[bool] = True

    def after_snapshot(self, transaction: TransactionState) -> None:
        if not transaction.read_only:
            return
        certification = self.certification
        if transaction.reads is None:
            # An earlier statement (LOCK TABLE) has found a safe snapshot, and given it back.
            certification.begin(transaction, True, True)
            transaction.take_snapshot()
        if transaction.deferrable:
            self._await_safe_snapshot(transaction)
        elif certification.is_safe(transaction.snapshot.commit_id):
            certification.forget_reads(transaction)
        else:
            transaction.see_latest()  # what is committed and not durable yet may have left the graph

    def _await_safe_snapshot(self, transaction: TransactionState) -> None:
        certification = self.certification
        while not certification.is_safe(transaction.snapshot.commit_id):
            if certification.watch_snapshot(transaction):
                try:
                    self.locks.wait_for_end(transaction, certification.others_that_write(transaction))
                finally:
                    spoilt = certification.was_spoilt(transaction)
                if not spoilt:
                    break
            self.store.sync(self.store.latest.commit_id)  # a newer snapshot will show what is committed now
            transaction.take_snapshot()
        certification.forget_reads(transaction)

    def before_write(self, transaction: TransactionState, key: bytes) -> None:
        refuse_if_changed(self, transaction, key)

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        raise definition_changed(self, transaction, storage_id)

    def after_statement(self, transaction: TransactionState) -> None:
        self.certification.check(transaction)

    def before_commit(self, transaction: TransactionState, commit_id: int) -> None:
        self.certification.certify(transaction, commit_id, transaction.snapshot.commit_id)
