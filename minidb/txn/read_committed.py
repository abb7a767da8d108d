"""READ COMMITTED: each statement reads a snapshot of its own; one that meets a changed row starts over.

    T1: UPDATE t SET n = n + 1 WHERE id = 1      locks the row
    T2:   UPDATE t SET n = n + 1 WHERE id = 1    waits for the lock
    T1: COMMIT
    T2:   ... has the lock, finds the row newer than its snapshot, starts over: reads 1, writes 2

Invariant: when a statement ends, every row it wrote was, at the moment it was locked, as the statement's
snapshot shows it; so each statement acts on one consistent state.

PostgreSQL differs: it re-evaluates the one changed row (EvalPlanQual) and leaves the others as they were
in the old snapshot, so one statement can act on two states. Starting over is stricter, and simpler.
"""

from __future__ import annotations

from typing import ClassVar

from minidb.txn.control import ConcurrencyControl, StatementRestart
from minidb.txn.state import TransactionState


class ReadCommitted(ConcurrencyControl):
    """A snapshot per statement, and restarts."""

    snapshot_per_statement: ClassVar[bool] = True

    def before_write(self, transaction: TransactionState, key: bytes) -> None:
        if self.store.newest_change(key, transaction.snapshot):
            raise StatementRestart

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        raise StatementRestart
