"""Advisory locks: locks on whatever an application means by a number, of a transaction or of a session.

    pg_advisory_xact_lock(k)   owner: the transaction                             ends with it
    pg_advisory_lock(k)        owner: the transaction, then moved to the session   counted; until unlocked

Every wait is the running transaction's, so that queues, timeouts, interrupts and the search for deadlocks are
those of all other locks; only when it has been granted is a session's lock moved to the session's owner. What
a session and its transaction hold never conflicts: they share an `Interrupt`, by which the lock table knows
them for one. While a session has a transaction open, who waits for the session waits for that transaction
(`LockTable._acting`): a circle through a session's lock is found like any other.

Modes are the table modes EXCLUSIVE and SHARE, as in PostgreSQL.
"""

from __future__ import annotations

from typing import Final

from minidb.txn.lock_modes import EXCLUSIVE, SHARE
from minidb.txn.lock_table import LockTable
from minidb.txn.state import AdvisoryKey, SessionOwner, TransactionState

_MODES: Final = {False: EXCLUSIVE, True: SHARE}


class AdvisoryLocks:
    """One session's, made at its first use of an advisory lock."""

    __slots__ = ("_counts", "_locks", "_owner", "_session_id")

    def __init__(self, locks: LockTable, session_id: int) -> None:
        self._locks = locks
        self._session_id = session_id
        self._owner: SessionOwner | None = None  # once there is something to own
        self._counts: dict[tuple[AdvisoryKey, int], int] = {}  # how often each must be unlocked

    def lock(
        self, transaction: TransactionState, key: AdvisoryKey, *, shared: bool, session: bool, wait: bool
    ) -> bool:
        """Take a lock for the transaction, or its session. False: it would have to wait, and must not."""
        mode = _MODES[shared]
        if session and (key, mode) in self._counts:
            self._counts[key, mode] += 1
            return True
        if not self._locks.lock_advisory(transaction, key, mode, wait):
            return False
        if not session:
            assert transaction.advisory is not None
            transaction.advisory[key] |= mode
            return True
        if self._owner is None:
            self._owner = SessionOwner(self._session_id, transaction.interrupt)
        self._locks.move_advisory(key, mode, transaction, self._owner)
        self._counts[key, mode] = 1
        return True

    def unlock(self, key: AdvisoryKey, *, shared: bool) -> bool:
        """Take back one `lock` of the session; False if it holds none."""
        mode = _MODES[shared]
        count = self._counts.get((key, mode), 0)
        if count > 1:
            self._counts[key, mode] = count - 1
        elif count:
            self._release(key, mode)
        return count > 0

    def unlock_all(self) -> None:
        """Give up all that the session holds, however often it was locked."""
        for key, mode in list(self._counts):
            self._release(key, mode)

    def _release(self, key: AdvisoryKey, mode: int) -> None:
        assert self._owner is not None
        del self._counts[key, mode]
        self._locks.move_advisory(key, mode, self._owner, None)
