"""What the ways to SERIALIZABLE have in common: their transactions are nodes of one conflict graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from minidb.storage.store import Store
from minidb.txn.certification import Certification
from minidb.txn.control import ConcurrencyControl
from minidb.txn.lock_table import LockTable
from minidb.txn.read_set import ReadRange
from minidb.txn.state import LockTarget, TransactionState


class CertifiedControl(ConcurrencyControl):
    """A level that remembers what was read, and has its commits certified."""

    watches_reads: ClassVar[bool] = True
    watches_commit: ClassVar[bool] = True
    watches_end: ClassVar[bool] = True

    def __init__(
        self,
        store: Store,
        describe: Callable[[LockTarget], str],
        author_of: Callable[[int], int],
        certification: Certification,
        locks: LockTable,
    ) -> None:
        super().__init__(store, describe, author_of)
        self.certification = certification
        self.locks = locks

    def before_read(self, transaction: TransactionState, keys: list[bytes], to_change: bool) -> None:
        reads, writes = transaction.reads, transaction.writes
        if reads is not None:
            # What it wrote itself is no read: whoever else writes that key is ordered by it (ww).
            reads.add_keys([key for key in keys if key not in writes] if writes else keys)

    def before_scan(self, transaction: TransactionState, read: ReadRange) -> None:
        if transaction.reads is not None:
            transaction.reads.add_range(read)

    def commit_failed(self, transaction: TransactionState) -> None:
        self.certification.revoke(transaction)

    def after_end(self, transaction: TransactionState) -> None:
        self.certification.end(transaction)
