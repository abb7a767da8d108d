"""What the lock table knows: queues, holders, who waits for whom; and what it tells its observers.

`LockTable` is the part that changes any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from minidb.txn.implicit_locks import ImplicitLocks
from minidb.txn.lock_modes import (
    RANGE_WRITE,
    ROW_CONFLICTS,
    SAFE_SNAPSHOT,
    SERIAL_TURN,
    TABLE_CONFLICTS,
    UPDATE,
    mode_name,
)
from minidb.txn.lock_observer import LockObserver
from minidb.txn.range_locks import RangeLocks
from minidb.txn.read_set import ReadRange
from minidb.txn.state import (
    AdvisoryKey,
    LockRequest,
    LockTarget,
    QueueTarget,
    RangeWrite,
    SessionOwner,
    TransactionState,
)


class LockQueue:
    """What is to be known of one object beyond a single exclusive holder."""

    __slots__ = ("granted", "target", "waiting")

    def __init__(self, target: QueueTarget) -> None:
        self.target = target
        # Sharers of a row; who holds a whole storage id; who holds an advisory lock.
        self.granted: dict[TransactionState, int] = {}
        self.waiting: list[LockRequest] = []


class LockQueues:
    """The locks and queues of one database, and the questions about them."""

    def __init__(
        self, active: dict[int, TransactionState], describe: Callable[[LockTarget], str] = repr
    ) -> None:
        self.owners: dict[bytes, TransactionState | LockQueue] = {}
        self.queues: dict[QueueTarget, LockQueue] = {}
        self.active = active  # every transaction that has not ended, by id
        self.describe = describe
        self.observers: tuple[LockObserver, ...] = ()
        self.mutex = Lock()
        self.barred: dict[int, set[TransactionState]] = {}  # tables -> who locks them by name, readers too
        self.implicit = ImplicitLocks(self.owners, self.queues, self.mutex, LockQueue)
        self.ranges = RangeLocks(active)
        self.announced = self.ranges.announced  # the writers' shortcut: empty where nobody locks ranges
        self.waits = 0
        self.deadlocks = 0

    def _holders(self, queue: LockQueue) -> list[tuple[TransactionState, int]]:
        target = queue.target
        if isinstance(target, int):
            return [
                (transaction, transaction.table_locks.get(target, 0))
                for transaction in list(self.active.values())
            ]
        holders = list(queue.granted.items())
        if isinstance(target, bytes):
            owner = self.owners.get(target)
            if isinstance(owner, TransactionState):
                new = self.implicit.has(owner, target)
                holders.append((owner, UPDATE if new else owner.held.get(target, UPDATE)))
        return holders

    def blockers(self, request: LockRequest) -> list[TransactionState]:
        """Whom a waiting request waits for, oldest transaction first."""
        if request.blocked_by is not None:
            return sorted([each for each in request.blocked_by if each.id in self.active], key=_by_id)
        assert not isinstance(request.target, ReadRange | RangeWrite)
        queue = self.queues.get(request.target)
        if queue is None:
            return []
        conflicting = (ROW_CONFLICTS if isinstance(queue.target, bytes) else TABLE_CONFLICTS)[request.mode]
        found = {
            self._acting(holder)
            for holder, holds in self._holders(queue)
            if conflicting & holds and holder.interrupt is not request.owner.interrupt
        }
        for ahead in queue.waiting:
            if ahead is request:
                break
            if conflicting & ahead.mode:
                found.add(ahead.owner)
        return sorted(found, key=_by_id)

    def _acting(self, holder: TransactionState) -> TransactionState:
        """Who waits where `holder` does: for a session that holds advisory locks, its open transaction."""
        if not isinstance(holder, SessionOwner):
            return holder
        for transaction in list(self.active.values()):
            if transaction.interrupt is holder.interrupt:
                return transaction
        return holder

    def describe_request(self, request: LockRequest) -> str:
        """Mode and object: `FOR UPDATE on row (1) of table accounts`."""
        name = mode_name(request.mode, isinstance(request.target, int | AdvisoryKey))
        if request.mode in (SAFE_SNAPSHOT, SERIAL_TURN):
            return name
        return f"{name} {'' if request.mode == RANGE_WRITE else 'on '}{self.describe(request.target)}"

    def _waited_for(self, request: LockRequest) -> str:
        return (
            f"Transaction {request.owner.id} waited for {self.describe_request(request)}; "
            f"blocked by {names_of(self.blockers(request))}."
        )

    def waiting_for(self, transaction: TransactionState) -> str | None:
        """What the transaction waits for and who has it, or None. From any thread."""
        with self.mutex:
            request = transaction.waiting
            if request is None:
                return None
            return f"{self.describe_request(request)}, blocked by {names_of(self.blockers(request))}"


def names_of(owners: list[TransactionState]) -> str:
    """`transaction 4, 5, session 7`."""
    transactions = ", ".join(str(each.id) for each in owners if not isinstance(each, SessionOwner))
    sessions = ", ".join(str(each.id) for each in owners if isinstance(each, SessionOwner))
    found = [("transaction ", transactions), ("session ", sessions)]
    return ", ".join(kind + ids for kind, ids in found if ids)


def _by_id(transaction: TransactionState) -> int:
    return transaction.id
