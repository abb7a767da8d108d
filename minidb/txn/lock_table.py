"""The lock table: rows and keys, tables, all keys of a storage id as one, advisory locks; FIFO queues.

A row lock that nobody contests is one `dict.setdefault(key, owner)`, which the GIL makes atomic. A queue
exists only where there is more to know: somebody waits, or the lock is shared.

    owners    key -> the transaction that holds it exclusively, or the queue that knows its sharers
    queues    object -> LockQueue: who shares it, who waits for it
    held      of each transaction: key -> strongest mode; table_locks: storage id -> modes

Why no wake-up is lost, and nobody slips past a queue. Two sides write first and look afterwards:

    who locks or unlocks fast:   change `owners` (or its own `table_locks`)   then look into `queues`
    who queues:                  enter `queues`                               then look at the holders

At least one of them sees the other. A fast locker that finds a queue steps back and queues up; a fast
unlocker that finds one hands over. Whoever changed something calls `pump`, which grants all that can be.

The modes that never conflict among tables (ROW EXCLUSIVE and weaker) work alike: a transaction notes them
in its own `table_locks`; a stronger request makes a queue first, then looks at all active transactions.

Lock order: Store.commit_mutex, then LockTable.mutex, then what observers take. No thread holds either
while it waits for a lock. `mutex` is held for a few dictionary operations, never across a callback other
than an observer's `on_wait` and `on_grant`, which must return at once.
"""

from __future__ import annotations

from collections import Counter

from minidb.txn.control import MustWait
from minidb.txn.deadlock import deadlock_error, find_cycle
from minidb.txn.lock_modes import (
    NO_KEY_UPDATE,
    PASS,
    RANGE_READ,
    RANGE_WRITE,
    SAFE_SNAPSHOT,
    SERIAL_TURN,
    UPDATE,
    WEAK_TABLE_MODES,
)
from minidb.txn.lock_queue import LockQueue
from minidb.txn.lock_waits import LockWaits
from minidb.txn.range_locks import Lookup
from minidb.txn.read_set import PREFIX, ReadRange
from minidb.txn.state import AdvisoryKey, LockRequest, QueueTarget, RangeWrite, TransactionState


class LockTable(LockWaits):
    """Every lock of one database."""

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
                        self.pump(behind)  # it may have been refused on our account
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
                self.pump(gate)
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

    def bar(self, owner: TransactionState, storage_id: int) -> None:
        """Readers of the table, who need no lock otherwise, are to ask for one until the owner has ended."""
        with self.mutex:
            self.barred.setdefault(storage_id, set()).add(owner)

    def unbar(self, owner: TransactionState, storage_id: int) -> None:
        """Take that back."""
        with self.mutex:
            self.unbar_locked(owner, storage_id)

    def unbar_locked(self, owner: TransactionState, storage_id: int) -> None:
        """The same under the mutex."""
        owners = self.barred.get(storage_id)
        if owners is not None:
            owners.discard(owner)
            if not owners:
                del self.barred[storage_id]

    # -- advisory locks -----------------------------------------------------------------------------------

    def lock_advisory(self, owner: TransactionState, key: AdvisoryKey, mode: int, wait: bool = True) -> bool:
        """Hold an application's own lock until the transaction ends. False: it would have to wait."""
        if owner.advisory is None:
            owner.advisory = {}
        owner.advisory.setdefault(key, 0)
        try:
            with self.mutex:
                queue = self.queues.get(key)
                if queue is None:
                    queue = self.queues[key] = LockQueue(key)
                held = 0
                for holder, holds in queue.granted.items():
                    if holder.interrupt is owner.interrupt:
                        held |= holds
                if held & mode:
                    queue.granted[owner] = queue.granted.get(owner, 0) | mode
                    return True
                request = self._enqueue(queue, owner, mode, held != 0, wait)
            if request is None:
                return False
            if not request.granted:
                self._wait(request)
        except BaseException as error:
            self._after_failure(owner, error)
            raise
        return True

    def move_advisory(
        self, key: AdvisoryKey, mode: int, source: TransactionState, to: TransactionState | None
    ) -> None:
        """Leave a lock to another owner of the same session, or (None) give it up; but not what `source` is
        to hold to its own end."""
        kept = 0 if source.advisory is None else source.advisory[key]
        with self.mutex:
            queue = self.queues[key]
            left = queue.granted.pop(source) & ~mode | kept
            if left:
                queue.granted[source] = left
            if to is not None:
                queue.granted[to] = queue.granted.get(to, 0) | mode
            self.pump(queue)

    # -- ranges -------------------------------------------------------------------------------------------

    def lock_range(self, owner: TransactionState, read: ReadRange, latest: Lookup) -> None:
        """Keep what a range holds, and may come to hold, as it is until the transaction ends."""
        request = LockRequest(owner, read, RANGE_READ, False)
        with self.mutex:
            self.ranges.announce(request)
        self._park(request, latest)

    def wait_for_ranges(self, owner: TransactionState, keys: list[bytes], latest: Lookup) -> None:
        """Called after these keys were written: wait for those who hold a range that the writes meet."""
        self._park(LockRequest(owner, RangeWrite(keys), RANGE_WRITE, False), latest)

    def wait_for_end(
        self, owner: TransactionState, others: tuple[TransactionState, ...], why: int = SAFE_SNAPSHOT
    ) -> None:
        """Wait until all of these transactions have ended."""
        request = LockRequest(owner, RangeWrite([]), why, False)
        request.blocked_by = others
        self._park(request, request.latest)

    def wait_as(self, owner: TransactionState, refused: MustWait) -> None:
        """Get the lock that a serial transaction was refused, in its place in the queue; or let those end who
        are in its way, where it is not a lock that can be held."""
        target, mode = refused.request.target, refused.request.mode
        if isinstance(target, int):
            self.lock_table(owner, target, mode)
        elif isinstance(target, AdvisoryKey):
            self.lock_advisory(owner, target, mode)
        elif isinstance(target, bytes) and mode != PASS:
            self.lock_row(owner, target, mode)
        else:
            self.wait_for_end(owner, refused.blockers, SERIAL_TURN)

    def _park(self, request: LockRequest, latest: Lookup) -> None:
        """Grant a request that waits for transactions rather than in a queue, now or when they have ended."""
        owner = request.owner
        try:
            with self.mutex:
                # Parked before it looks at who is active: who ends without a lock leaves first, and then
                # looks, without the mutex, whether anybody is parked.
                request.latest = latest
                self.ranges.parked.append(request)
                request.blocked_by = self.ranges.blockers(request, latest)
                if not request.blocked_by:
                    self.ranges.parked.remove(request)
                    request.granted = True
                    return
                if owner.never_waits:
                    self.ranges.withdraw(request)
                    owner.refused = MustWait(request, request.blocked_by)
                    raise owner.refused
                cycle = find_cycle(request, self.blockers)
                if cycle is not None:
                    error = deadlock_error(cycle, self.describe_request)
                    self._withdraw(request)
                    self.deadlocks += 1
                    raise error
                self._begin_wait(request)
            self._wait(request)
        except BaseException as error:
            self._after_failure(owner, error)
            raise

    def _release_ranges(self, owner: TransactionState) -> None:
        """The transaction has ended: look again, in the order of asking, at who may go on.

        Whoever waits on may now wait for others than before: a reader that goes on without a write that has
        come to stand behind it is what that write has to wait for. So this, too, may close a circle.
        """
        with self.mutex:
            self.ranges.release(owner)
            self._look_again()

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
        if self.announced or self.ranges.parked:
            self._release_ranges(owner)
        held.clear()
        owner.table_locks.clear()
        owner.escalated = owner.advisory = None

    def _release_contended(self, owner: TransactionState) -> None:
        held, table_locks = owner.held, owner.table_locks
        with self.mutex:
            for storage_id in list(self.barred):
                self.unbar_locked(owner, storage_id)
            queues = self.queues
            if len(queues) <= len(held) + len(table_locks) or owner.interrupted:
                candidates = list(queues.values())
            else:
                targets: list[QueueTarget] = [*held, *table_locks, *(owner.escalated or ())]
                targets.extend(owner.advisory or ())
                candidates = [queues[target] for target in targets if target in queues]
            for queue in candidates:
                target = queue.target
                shared = queue.granted.pop(owner, 0)
                if (
                    shared
                    or owner.interrupted
                    or (target in table_locks if isinstance(target, int) else target in held)
                ):
                    self.pump(queue)
