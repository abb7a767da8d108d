"""ROLLBACK TO SAVEPOINT gives back the locks that were taken since, as PostgreSQL does.

    SAVEPOINT        mark: the modes held at this moment
    ROLLBACK TO      what is held now and was not, or was held in a weaker mode, goes back to the mark

Whoever undoes its writes has no more to protect by their locks. What it has *read* stays read, though: under
two-phase locking every lock is kept to the end, and so are those of a SERIALIZABLE transaction one of whose
constraints has looked past its snapshot: only locks keep what it found as it was. So are those of a
transaction that holds very many (a mark would cost too much each time), or has traded its row locks for one
on all rows.
"""

from __future__ import annotations

from typing import Final

from minidb.txn.lock_modes import ACCESS_EXCLUSIVE, NO_KEY_UPDATE
from minidb.txn.lock_queue import LockQueue
from minidb.txn.lock_table import LockTable
from minidb.txn.state import AdvisoryKey, TransactionState

MOST_LOCKS: Final = 10_000  # that are worth a mark


class LockMark:
    """The locks that a transaction held when it made a savepoint."""

    __slots__ = ("advisory", "rows", "tables")

    def __init__(self, owner: TransactionState) -> None:
        self.rows = dict(owner.held)
        self.tables = dict(owner.table_locks)
        self.advisory: dict[AdvisoryKey, int] = dict(owner.advisory or {})


def mark_locks(owner: TransactionState) -> LockMark | None:
    """What `release_since` goes back to; None: all that is locked from here on stays locked."""
    return LockMark(owner) if len(owner.held) <= MOST_LOCKS else None


def release_since(locks: LockTable, owner: TransactionState, mark: LockMark) -> None:
    """Give back what was locked since the mark; the writes under those locks are undone already."""
    if owner.escalated:
        return
    try:
        _release_since(locks, owner, mark)
    except BaseException:
        owner.interrupted = True  # Ctrl-C came between two steps: a lock may be out of `held`, and not free
        raise


def _release_since(locks: LockTable, owner: TransactionState, mark: LockMark) -> None:
    with locks.mutex:
        for key, mode in list(owner.held.items()):
            was = mark.rows.get(key, 0)
            if was != mode:
                _release_row(locks, owner, key, was)
        for table_id, mask in list(owner.table_locks.items()):
            was = mark.tables.get(table_id, 0)
            if was != mask:
                _release_table(locks, owner, table_id, was)
        for name, mask in list((owner.advisory or {}).items()):
            was = mark.advisory.get(name, 0)
            if was != mask:
                _release_advisory(locks, owner, name, was)


def _release_row(locks: LockTable, owner: TransactionState, key: bytes, was: int) -> None:
    owners, queue = locks.owners, locks.queues.get(key)
    if was == 0:
        del owner.held[key]
        if owners.get(key) is owner:
            del owners[key]
        queue = locks.queues.get(key)  # asked again: a fast locker looks here after it has looked there
        if queue is not None:
            queue.granted.pop(owner, None)
    else:
        owner.held[key] = was
        if was < NO_KEY_UPDATE:  # shared again: known to a queue, as all sharers are
            if queue is None:
                queue = locks.queues[key] = LockQueue(key)
            queue.granted[owner] = was
            if owners.get(key) is owner:
                owners[key] = queue
    if queue is not None:
        locks.pump(queue)


def _release_table(locks: LockTable, owner: TransactionState, table_id: int, was: int) -> None:
    if was:
        owner.table_locks[table_id] = was
    else:
        del owner.table_locks[table_id]
    if not was & ACCESS_EXCLUSIVE:
        locks.unbar_locked(owner, table_id)
    queue = locks.queues.get(table_id)
    if queue is not None:
        locks.pump(queue)


def _release_advisory(locks: LockTable, owner: TransactionState, name: AdvisoryKey, was: int) -> None:
    assert owner.advisory is not None
    queue = locks.queues.get(name)
    if was:
        owner.advisory[name] = was
        if queue is not None:
            queue.granted[owner] = was
    else:
        del owner.advisory[name]
        if queue is not None:
            queue.granted.pop(owner, None)
    if queue is not None:
        locks.pump(queue)
