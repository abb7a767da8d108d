"""What the ways to SERIALIZABLE have in common: their transactions are nodes of one conflict graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from minidb.storage.store import Store
from minidb.txn.certification import Certification
from minidb.txn.control import ConcurrencyControl
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
    ) -> None:
        super().__init__(store, describe, author_of)
        self.certification = certification

    def commit_failed(self, transaction: TransactionState) -> None:
        self.certification.revoke(transaction)

    def after_end(self, transaction: TransactionState) -> None:
        self.certification.end(transaction)
