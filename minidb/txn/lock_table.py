"""The lock table: rows and keys, tables, and all keys of a storage id as one; FIFO queues, no lost wake-ups.

A row lock that nobody contests is one `dict.setdefault(key, owner)`, which the GIL makes atomic. A queue
exists only where there is more to know: somebody waits, or the lock is shared.

    owners    key -> the transaction that holds it exclusively, or the queue that knows its sharers
    queues    object -> LockQueue: who shares it, who waits for it
    held      of each transaction: key -> strongest mode; table_locks: storage id -> modes

Why no wake-up is lost, and nobody slips past a queue. Two sides write first and look afterwards:

    who locks or unlocks fast:   change `owners` (or its own `table_locks`)   then look into `queues`
    who queues:                  enter `queues`                               then look at the holders

At least one of them sees the other. A fast locker that finds a queue steps back and queues up; a fast
unlocker that finds one hands over. Whoever changed something calls `_pump`, which grants all that can be.

The modes that never conflict among tables (ROW EXCLUSIVE and weaker) work alike: a transaction notes them
in its own `table_locks`; a stronger request makes a queue first, then looks at all active transactions.

Lock order: Store.commit_mutex, then LockTable.mutex, then what observers take. No thread holds either
while it waits for a lock. `mutex` is held for a few dictionary operations, never across a callback other
than an observer's `on_wait` and `on_grant`, which must return at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from queue import Empty
from threading import Lock
from time import monotonic
from typing import Final

from minidb.errors import DatabaseError, LockNotAvailable, QueryCanceled
from minidb.txn.deadlock import deadlock_error, find_cycle
from minidb.txn.implicit_locks import ImplicitLocks
from minidb.txn.interrupt import STATEMENT_TIMEOUT
from minidb.txn.lock_modes import (
    NO_KEY_UPDATE,
    PASS,
    ROW_CONFLICTS,
    ROW_NAMES,
    TABLE_CONFLICTS,
    TABLE_NAMES,
    UPDATE,
    WEAK_TABLE_MODES,
)
from minidb.txn.state import LockRequest, LockTarget, TransactionState

PREFIX: Final = 4  # bytes of a key that hold its storage id


class LockQueue:
    """What is to be known of one object beyond a single exclusive holder."""

    __slots__ = ("granted", "target", "waiting")

    def __init__(self, target: LockTarget) -> None:
        self.target = target
        self.granted: dict[TransactionState, int] = {}  # sharers of a row; who holds a whole storage id
        self.waiting: list[LockRequest] = []


class LockObserver:
    """Told of waits, so that tests need no sleeps and views no polling."""

    def on_wait(self, request: LockRequest) -> None:
        """`request` is queued and its thread about to sleep. Called under the mutex."""

    def on_grant(self, request: LockRequest) -> None:
        """A waiting `request` was granted, by the thread that runs this. Called under the mutex."""

    def on_resume(self, request: LockRequest) -> None:
        """The waiter is awake again, granted or not. Called in its thread, which this may hold up."""


class LockTable:
    """Every lock of one database."""

    def __init__(
        self, active: dict[int, TransactionState], describe: Callable[[LockTarget], str] = repr
    ) -> None:
        self.owners: dict[bytes, TransactionState | LockQueue] = {}
        self.queues: dict[LockTarget, LockQueue] = {}
        self.active = active  # every transaction that has not ended, by id
        self.describe = describe
        self.observers: tuple[LockObserver, ...] = ()
        self.mutex = Lock()
        self.implicit = ImplicitLocks(self.owners, self.queues, self.mutex, LockQueue)
        self.waits = 0
        self.deadlocks = 0

    # -- rows ---------------------------------------------------------------------------------------------

    def lock_row(self, owner: TransactionState, key: bytes, mode: int = UPDATE, wait: bool = True) -> bool:
        """Hold `key` in `mode` until the transaction ends. False: it would have to wait, and must not."""
        held = owner.held
        was = held.get(key, 0)
        if was >= mode:
            return True
        if mode >= NO_KEY_UPDATE:
            held[key] = mode
            if self.owners.setdefault(key, owner) is owner and not self.queues:
                return True
        return self.lock_row_slowly(owner, key, mode, was, wait)

    def lock_row_slowly(self, owner: TransactionState, key: bytes, mode: int, was: int, wait: bool) -> bool:
        """What the fast path could not settle. `was` is the mode held before it tried."""
        held, owners, queues = owner.held, self.owners, self.queues
        prefix = key[:PREFIX]
        if owner.escalated is not None and prefix in owner.escalated:
            if was:
                held[key] = was
            else:
                held.pop(key, None)
                if owners.get(key) is owner:
                    del owners[key]
            return True
        if key not in queues and prefix not in queues and owners.get(key) is owner:
            return True  # the contention is elsewhere
        try:
            return self._queue_for_row(owner, key, mode, was, wait)
        except BaseException as error:
            self._after_failure(owner, error)
            raise

    def _queue_for_row(self, owner: TransactionState, key: bytes, mode: int, was: int, wait: bool) -> bool:
        held, owners, queues = owner.held, self.owners, self.queues
        prefix = key[:PREFIX]
        while True:
            with self.mutex:
                self.implicit.make_explicit(prefix)
                if self.implicit.has(owner, key):
                    held[key] = UPDATE
                    return True
                if was:
                    held[key] = was
                else:
                    held.pop(key, None)
                if was < NO_KEY_UPDATE and owners.get(key) is owner:
                    del owners[key]  # came in past the queue: step back
                gate = queues.get(prefix)
                if gate is not None:
                    behind = queues.get(key)
                    if behind is not None:
                        self._pump(behind)  # it may have been refused on our account
                    request = self._enqueue(gate, owner, PASS, False, wait)
                else:
                    queue = queues.get(key)
                    if queue is None:
                        queue = queues[key] = LockQueue(key)
                    request = self._enqueue(queue, owner, mode, was != 0, wait)
            if request is None:
                return False
            if not request.granted:
                self._wait(request)
            if request.target == key:
                return True

    def escalate(self, owner: TransactionState, prefix: bytes) -> bool:
        """Turn the owner's row locks under `prefix` into one lock on all of its keys.

        Memory is the reason: millions of row locks cost more than a gigabyte. It never waits, so it adds
        no deadlocks: False if another transaction holds a row there; the caller tries again later.
        """
        with self.mutex:
            self.implicit.take(owner)
            if prefix in self.queues:
                return False
            # Announced before the look at the holders, so that a newcomer sees it and steps back.
            gate = self.queues[prefix] = LockQueue(prefix)
            gate.granted[owner] = UPDATE
            if self._others_below(owner, prefix):
                gate.granted.clear()
                self._pump(gate)
                return False
            if owner.escalated is None:
                owner.escalated = set()
            owner.escalated.add(prefix)
            held, owners, queues = owner.held, self.owners, self.queues
            for key in [key for key in held if key[:PREFIX] == prefix and key not in queues]:
                del held[key]
                if owners.get(key) is owner:
                    del owners[key]
        return True

    def escalate_most(self, owner: TransactionState, enough: int) -> None:
        """Escalate where the owner holds most rows, until it holds no more than `enough`, if that can be."""
        held = owner.held
        for prefix, count in Counter([key[:PREFIX] for key in held]).most_common():
            if len(held) <= enough or count == 1:
                return
            self.escalate(owner, prefix)

    def _others_below(self, owner: TransactionState, prefix: bytes) -> bool:
        """Whether anybody but `owner` holds a key under `prefix`."""
        for key, holder in list(self.owners.items()):
            if holder is not owner and key[:PREFIX] == prefix:
                return True
        # A key that `owner` holds may have sharers beside it: FOR KEY SHARE.
        for target, queue in self.queues.items():
            if isinstance(target, bytes) and len(target) > PREFIX and target[:PREFIX] == prefix:
                if any(holder is not owner for holder in queue.granted):
                    return True
        return False

    # -- tables -------------------------------------------------------------------------------------------

    def lock_table(self, owner: TransactionState, storage_id: int, mode: int, wait: bool = True) -> bool:
        """Hold the table in `mode` until the transaction ends. False: it would have to wait."""
        table_locks = owner.table_locks
        was = table_locks.get(storage_id, 0)
        if was & mode:
            return True
        if mode & WEAK_TABLE_MODES:
            table_locks[storage_id] = was | mode
            if storage_id not in self.queues:
                return True
        try:
            with self.mutex:
                if was:
                    table_locks[storage_id] = was
                else:
                    table_locks.pop(storage_id, None)
                queue = self.queues.get(storage_id)
                if queue is None:
                    queue = self.queues[storage_id] = LockQueue(storage_id)
                request = self._enqueue(queue, owner, mode, was != 0, wait)
            if request is None:
                return False
            if not request.granted:
                self._wait(request)
        except BaseException as error:
            self._after_failure(owner, error)
            raise
        return True

    def _after_failure(self, owner: TransactionState, error: BaseException) -> None:
        """A keyboard interrupt may have come at any call: nobody waits now, and `held` may lack a lock."""
        if isinstance(error, DatabaseError):
            return
        owner.interrupted = True
        owner.waiting = None
        with self.mutex:
            for queue in list(self.queues.values()):
                left = [request for request in queue.waiting if request.owner is not owner]
                if len(left) != len(queue.waiting):
                    queue.waiting = left
                    self._pump(queue)

    # -- the end ------------------------------------------------------------------------------------------

    def release_all(self, owner: TransactionState) -> None:
        """The transaction ended: unlock what it held and hand over to who waits. May be called twice."""
        self.active.pop(owner.id, None)
        held = owner.held
        if self.implicit.batches or self.implicit.explicit:
            with self.mutex:
                self.implicit.end(owner)
        if owner.interrupted:
            held.update([(key, UPDATE) for key, holder in list(self.owners.items()) if holder is owner])
        if held:
            owners = self.owners
            for key in held:
                if owners.get(key) is owner:
                    del owners[key]
        if self.queues:
            self._release_contended(owner)
        held.clear()
        owner.table_locks.clear()
        owner.escalated = None

    def _release_contended(self, owner: TransactionState) -> None:
        held, table_locks = owner.held, owner.table_locks
        with self.mutex:
            queues = self.queues
            if len(queues) <= len(held) + len(table_locks) or owner.interrupted:
                candidates = list(queues.values())
            else:
                targets: list[LockTarget] = [*held, *table_locks, *(owner.escalated or ())]
                candidates = [queues[target] for target in targets if target in queues]
            for queue in candidates:
                target = queue.target
                shared = queue.granted.pop(owner, 0)
                if (
                    shared
                    or owner.interrupted
                    or (target in table_locks if isinstance(target, int) else target in held)
                ):
                    self._pump(queue)

    # -- queues; all under the mutex ----------------------------------------------------------------------

    def _enqueue(
        self, queue: LockQueue, owner: TransactionState, mode: int, upgrade: bool, wait: bool
    ) -> LockRequest | None:
        """Queue a request and grant what can be. Granted or waiting on return; None: would have to wait."""
        request = LockRequest(owner, queue.target, mode, upgrade)
        waiting = queue.waiting
        if upgrade:
            # Whoever waits behind us may wait for what we hold: an upgrade at the tail would be a deadlock.
            place = 0
            while place < len(waiting) and waiting[place].upgrade:
                place += 1
            waiting.insert(place, request)
        else:
            waiting.append(request)
        self._pump(queue)
        if request.granted:
            return request
        if not wait:
            waiting.remove(request)
            self._pump(queue)
            return None
        cycle = find_cycle(request, self.blockers)
        if cycle is not None:
            error = deadlock_error(cycle, self.describe_request)
            waiting.remove(request)
            self._pump(queue)
            self.deadlocks += 1
            raise error
        self.waits += 1
        owner.waiting = request
        owner.interrupt.signal = request.signal
        for observer in self.observers:
            observer.on_wait(request)
        return request

    def _pump(self, queue: LockQueue) -> None:
        """Grant, in order, what conflicts neither with a holder nor with a request ahead; then tidy up."""
        waiting = queue.waiting
        if waiting:
            conflicts = TABLE_CONFLICTS if isinstance(queue.target, int) else ROW_CONFLICTS
            ahead = 0
            for request in list(waiting):
                told = not request.granted  # else an interrupted call has granted it and got no further
                if not request.granted:
                    conflicting = conflicts[request.mode]
                    if conflicting & ahead or not self._grant(queue, request, conflicting):
                        ahead |= request.mode
                        continue
                    request.granted = True
                owner = request.owner
                if owner.waiting is request or not told:
                    owner.waiting = None
                    for observer in self.observers:
                        observer.on_grant(request)
                    request.signal.put(None)
                waiting.remove(request)
        if not waiting:
            self._tidy(queue)
        elif queue.granted and isinstance(queue.target, bytes) and len(queue.target) > PREFIX:
            self.owners.setdefault(queue.target, queue)

    def _grant(self, queue: LockQueue, request: LockRequest, conflicting: int) -> bool:
        owner, target, mode = request.owner, queue.target, request.mode
        for holder, holds in self._holders(queue):
            if holder is not owner and conflicting & holds:
                return False
        if isinstance(target, int):
            owner.table_locks[target] = owner.table_locks.get(target, 0) | mode
        elif mode == PASS:
            pass  # the row lock itself is asked for again
        elif mode >= NO_KEY_UPDATE:
            present = self.owners.setdefault(target, owner)
            if isinstance(present, LockQueue):
                self.owners[target] = owner
            elif present is not owner:
                return False  # came in past the queue this moment; it will see the queue and step back
            queue.granted.pop(owner, None)
            owner.held[target] = mode
        else:
            queue.granted[owner] = mode
            self.owners.setdefault(target, queue)
            owner.held[target] = mode
        return True

    def _tidy(self, queue: LockQueue) -> None:
        """Nobody waits: drop the queue unless it is still needed to know the sharers."""
        target = queue.target
        if isinstance(target, int):
            strong = ~WEAK_TABLE_MODES
            if any(holds & strong for _, holds in self._holders(queue)):
                return
        elif queue.granted:
            if len(target) > PREFIX:
                self.owners.setdefault(target, queue)
            return
        elif self.owners.get(target) is queue:
            del self.owners[target]
        if self.queues.get(target) is queue:
            del self.queues[target]

    def _holders(self, queue: LockQueue) -> list[tuple[TransactionState, int]]:
        target = queue.target
        if isinstance(target, int):
            return [
                (transaction, transaction.table_locks.get(target, 0))
                for transaction in list(self.active.values())
            ]
        holders = list(queue.granted.items())
        owner = self.owners.get(target)
        if isinstance(owner, TransactionState):
            new = self.implicit.has(owner, target)
            holders.append((owner, UPDATE if new else owner.held.get(target, UPDATE)))
        return holders

    def blockers(self, request: LockRequest) -> list[TransactionState]:
        """Whom a waiting request waits for, oldest transaction first."""
        queue = self.queues.get(request.target)
        if queue is None:
            return []
        conflicting = (TABLE_CONFLICTS if isinstance(queue.target, int) else ROW_CONFLICTS)[request.mode]
        found = {
            holder
            for holder, holds in self._holders(queue)
            if holder is not request.owner and conflicting & holds
        }
        for ahead in queue.waiting:
            if ahead is request:
                break
            if conflicting & ahead.mode:
                found.add(ahead.owner)
        return sorted(found, key=_by_id)

    # -- waiting ------------------------------------------------------------------------------------------

    def _wait(self, request: LockRequest) -> None:
        """Sleep until granted, or fail with 55P03 or 57014. Called without the mutex."""
        owner = request.owner
        interrupt = owner.interrupt
        limit_ms = owner.lock_timeout_ms
        lock_deadline = monotonic() + limit_ms / 1000 if limit_ms else None
        failure: DatabaseError | None = None
        try:
            while not request.granted:
                now = monotonic()
                if interrupt.requested:
                    failure = QueryCanceled(interrupt.reason)
                elif interrupt.deadline is not None and now >= interrupt.deadline:
                    failure = QueryCanceled(STATEMENT_TIMEOUT)
                elif lock_deadline is not None and now >= lock_deadline:
                    failure = LockNotAvailable("canceling statement due to lock timeout")
                if failure is not None:
                    break
                ends = [end for end in (interrupt.deadline, lock_deadline) if end is not None]
                try:
                    request.signal.get(timeout=max(0.0, min(ends) - now) if ends else None)
                except Empty:
                    continue
        finally:
            # Also when KeyboardInterrupt comes out of the sleep: a request without a thread behind it
            # would block its queue for ever.
            interrupt.signal = None
            with self.mutex:
                if not request.granted:
                    if failure is not None:
                        failure.detail = self._waited_for(request)
                    queue = self.queues[request.target]
                    queue.waiting.remove(request)
                    owner.waiting = None
                    self._pump(queue)
            for observer in self.observers:
                observer.on_resume(request)
        if failure is not None and not request.granted:
            raise failure

    # -- words --------------------------------------------------------------------------------------------

    def describe_request(self, request: LockRequest) -> str:
        """Mode and object: `FOR UPDATE on row (1) of table accounts`."""
        names = TABLE_NAMES if isinstance(request.target, int) else ROW_NAMES
        return f"{names[request.mode]} on {self.describe(request.target)}"

    def _waited_for(self, request: LockRequest) -> str:
        holders = ", ".join(str(transaction.id) for transaction in self.blockers(request))
        return (
            f"Transaction {request.owner.id} waited for {self.describe_request(request)}; "
            f"blocked by transaction {holders}."
        )

    def waiting_for(self, transaction: TransactionState) -> str | None:
        """What the transaction waits for and who has it, or None. From any thread."""
        with self.mutex:
            request = transaction.waiting
            if request is None:
                return None
            holders = ", ".join(str(blocker.id) for blocker in self.blockers(request))
            return f"{self.describe_request(request)}, blocked by transaction {holders}"

    def entries(self) -> list[tuple[LockTarget, int, int, bool]]:
        """(object, transaction id, mode, granted) of every lock, the waiting ones in queue order."""
        with self.mutex:
            found: list[tuple[LockTarget, int, int, bool]] = []
            for transaction in list(self.active.values()):
                held = list(transaction.held.items())
                found.extend((key, transaction.id, mode, True) for key, mode in held)
                prefixes = transaction.escalated or ()
                found.extend((prefix, transaction.id, UPDATE, True) for prefix in sorted(prefixes))
                for storage_id, mask in list(transaction.table_locks.items()):
                    modes = [mode for mode in TABLE_NAMES if mask & mode]
                    found.extend((storage_id, transaction.id, mode, True) for mode in modes)
            for queue in self.queues.values():
                for request in queue.waiting:
                    found.append((queue.target, request.owner.id, request.mode, False))
            return found


def _by_id(transaction: TransactionState) -> int:
    return transaction.id
