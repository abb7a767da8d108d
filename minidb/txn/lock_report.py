"""Every lock of a database at one moment: what the views of locks show.

Locks that nobody contests are in their holders' own dictionaries, and change while this looks at them; the
queues, and who waits for whom, hold still under the lock table's mutex.
"""

from __future__ import annotations

from dataclasses import dataclass

from minidb.txn.lock_modes import NO_KEY_UPDATE, TABLE_NAMES, UPDATE, mode_name
from minidb.txn.lock_table import LockTable
from minidb.txn.state import AdvisoryKey, LockTarget, TransactionState


@dataclass(frozen=True)
class LockEntry:
    """One lock that is held, or (with `waits_for` and `since`) waited for."""

    target: LockTarget
    owner: TransactionState  # or the session that owns advisory locks
    mode: int
    granted: bool = True
    waits_for: tuple[TransactionState, ...] = ()
    since: float | None = None  # time.time()

    @property
    def mode_name(self) -> str:
        """`FOR UPDATE`, `ROW EXCLUSIVE`."""
        return mode_name(self.mode, isinstance(self.target, int | AdvisoryKey))


def lock_entries(locks: LockTable) -> list[LockEntry]:
    """The locks held, transaction by transaction, then those waited for in the order of their queues."""
    found: list[LockEntry] = []
    with locks.mutex:
        for transaction in list(locks.active.values()):
            for key, mode in list(transaction.held.items()):
                # One that is asked for this moment is noted already, and not owned yet.
                if mode < NO_KEY_UPDATE or locks.owners.get(key) is transaction:
                    found.append(LockEntry(key, transaction, mode))
            for prefix in sorted(transaction.escalated or ()):
                found.append(LockEntry(prefix, transaction, UPDATE))
            for storage_id, mask in list(transaction.table_locks.items()):
                found.extend([LockEntry(storage_id, transaction, mode) for mode in _modes(mask)])
        for queue in locks.queues.values():
            if isinstance(queue.target, AdvisoryKey):
                for owner, mask in queue.granted.items():
                    found.extend([LockEntry(queue.target, owner, mode) for mode in _modes(mask)])
        for ranges in locks.announced.values():
            found.extend([LockEntry(each.target, each.owner, each.mode) for each in ranges if each.granted])
        waiting = [request for queue in locks.queues.values() for request in queue.waiting]
        for request in [*waiting, *locks.ranges.parked]:
            blockers = tuple(locks.blockers(request))
            found.append(
                LockEntry(request.target, request.owner, request.mode, False, blockers, request.since)
            )
    return found


def _modes(mask: int) -> list[int]:
    return [mode for mode in TABLE_NAMES if mask & mode]
