"""REPEATABLE READ is snapshot isolation: one snapshot per transaction, and the first updater wins.

    T1: reads n = 0                   T2: reads n = 0
    T1: UPDATE t SET n = 1            locks the row
                                      T2: UPDATE t SET n = 1      waits for the lock
    T1: COMMIT                        T2: 40001: the row is newer than its snapshot

Invariant: of two transactions that overlap in time and write the same key, at most one commits; so no
update is lost. (Write skew, where each writes what the other only read, is possible.)

Paper: Berenson et al., A Critique of ANSI SQL Isolation Levels, SIGMOD 1995. We differ from its "first
committer wins": a conflict is found at the write, under the lock, not at commit. An insert of a key that
exists now is no such conflict but a duplicate (23505), whatever the snapshot shows; one of a key that exists
only in the snapshot writes over a row that has changed, and fails like an update.
"""

from __future__ import annotations

from minidb.errors import SerializationFailure
from minidb.txn.control import ConcurrencyControl
from minidb.txn.state import TransactionState


class SnapshotIsolation(ConcurrencyControl):
    """First updater wins."""

    def before_write(self, transaction: TransactionState, key: bytes) -> None:
        refuse_if_changed(self, transaction, key)

    def before_table(self, transaction: TransactionState, storage_id: int) -> None:
        raise definition_changed(self, transaction, storage_id)


def refuse_if_changed(control: ConcurrencyControl, transaction: TransactionState, key: bytes) -> None:
    """40001 if the key was changed by a commit that the transaction's snapshot does not show."""
    store = control.store
    commit_id = store.newest_change(key, transaction.snapshot)
    if commit_id:
        author = control.author_of(commit_id)
        who = f"Transaction {author}" if author else f"The transaction of commit {commit_id}"
        done = "update" if store.latest.get(key) is not None else "delete"
        raise SerializationFailure(
            f"could not serialize access due to concurrent {done}",
            detail=f"{who} {done}d {control.describe(key)} and committed "
            f"after transaction {transaction.id} took its snapshot.",
            hint="The transaction might succeed if retried.",
        )


def definition_changed(
    control: ConcurrencyControl, transaction: TransactionState, storage_id: int
) -> SerializationFailure:
    """40001: the table is not what the transaction's snapshot says."""
    return SerializationFailure(
        "could not serialize access due to concurrent update",
        detail=f"The definition of {control.describe(storage_id)} was changed by a transaction that "
        f"committed after transaction {transaction.id} took its snapshot.",
        hint="The transaction might succeed if retried.",
    )
