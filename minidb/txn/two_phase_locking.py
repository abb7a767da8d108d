"""SERIALIZABLE by locks: strict two-phase locking, shared on what is read, exclusive on what is written.

    T1: reads a          T2: reads b            shared locks
    T1: writes b                                waits for T2
                         T2: writes a           would wait for T1: 40P01, the cycle in its detail
    T1: goes on, COMMIT

Every lock is kept to the end. What is read is the newest state, never an old snapshot: a lock is taken first,
then the transaction's snapshot moves on to the newest commit. That changes nothing that it has read, because
all of that is locked. Ranges are locked with their condition (`range_locking = 'predicate'`) or as keys with
the gaps between them ('next-key'); without that, new rows could appear in them (phantoms).

It also leaves its read set in the conflict graph. Among themselves such transactions cannot form a cycle; but
one that reads a snapshot can close one through them, and must be able to see it.

Papers: Eswaran, Gray, Lorie, Traiger, CACM 1976 (two-phase, predicates); Gray and Reuter 1993.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from minidb.storage.store import Store
from minidb.txn.certification import Certification
from minidb.txn.certified import CertifiedControl
from minidb.txn.control import StatementRestart
from minidb.txn.isolation import TWO_PHASE_LOCKING
from minidb.txn.lock_modes import NO_KEY_UPDATE, SHARE_ROW
from minidb.txn.lock_table import LockTable
from minidb.txn.next_key import widened
from minidb.txn.read_set import PREFIX, ReadRange, end_of, whole
from minidb.txn.state import LockTarget, TransactionState


class TwoPhaseLocking(CertifiedControl):
    """`serializable_strategy = '2pl'`; `next_key` is the way it locks ranges."""

    strategy: ClassVar[str | None] = TWO_PHASE_LOCKING
    snapshot_per_statement: ClassVar[bool] = True
    reads_latest: ClassVar[bool] = True

    def __init__(
        self,
        store: Store,
        describe: Callable[[LockTarget], str],
        author_of: Callable[[int], int],
        certification: Certification,
        locks: LockTable,
        next_key: bool,
    ) -> None:
        super().__init__(store, describe, author_of, certification, locks)
        self.next_key = next_key

    def before_read(self, transaction: TransactionState, keys: list[bytes], to_change: bool) -> None:
        reads = transaction.reads
        assert reads is not None
        mode = NO_KEY_UPDATE if to_change else SHARE_ROW
        held = transaction.held
        for key in keys:
            if held.get(key, 0) < mode and (to_change or key[:PREFIX] not in reads.whole):
                self.locks.lock_row(transaction, key, mode)
        transaction.see_latest()
        if self.next_key:
            for key in keys:
                if transaction.snapshot.get(key) is None and key not in transaction.writes:
                    self._lock(transaction, ReadRange(key[:PREFIX], key, key + b"\x00"))
        if len(reads.keys) + len(keys) > reads.limit:
            for prefix in {key[:PREFIX] for key in keys}:
                self._lock_whole(transaction, prefix)
        reads.add_keys([key for key in keys if key[:PREFIX] not in reads.whole])

    def before_scan(self, transaction: TransactionState, read: ReadRange) -> None:
        reads = transaction.reads
        assert reads is not None
        if read.prefix in reads.whole:
            return
        if reads.is_full():
            self._lock_whole(transaction, read.prefix)
        else:
            self._lock(transaction, read)
            reads.add_range(read)

    def _lock(self, transaction: TransactionState, read: ReadRange) -> None:
        if self.next_key:
            read = read.widened(*self._widened(read))
        self.locks.lock_range(transaction, read, self._latest)
        transaction.see_latest()

    def _widened(self, read: ReadRange) -> tuple[bytes, bytes | None]:
        prefix = read.start[:PREFIX]  # an index's, where it is scanned by one
        if read.start == prefix and read.stop == end_of(prefix):
            return read.start, read.stop
        return widened(self.store.latest, prefix, read.start, read.stop)

    def _lock_whole(self, transaction: TransactionState, prefix: bytes) -> None:
        """Past a limit the transaction locks a table as a whole, so that its memory stays bounded."""
        reads = transaction.reads
        assert reads is not None
        if prefix not in reads.whole:
            self.locks.lock_range(transaction, whole(prefix), self._latest)
            transaction.see_latest()
            reads.read_whole(prefix)

    def _latest(self, key: bytes) -> bytes | None:
        return self.store.latest.get(key)

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        raise StatementRestart

    def before_commit(self, transaction: TransactionState, commit_id: int) -> None:
        self.certification.certify(transaction, commit_id, None)
