"""How locks are granted and waited for: queues in their order, parked requests, the sleep of who waits.

    enqueue -> pump: granted at once, or (unless a deadlock would close) asleep until a pump grants it

`LockTable` is the part that asks for locks and gives them back.
"""

from __future__ import annotations

from queue import Empty
from time import monotonic

from minidb.errors import DatabaseError, LockNotAvailable, QueryCanceled
from minidb.txn.control import MustWait
from minidb.txn.deadlock import deadlock_error, find_cycle
from minidb.txn.lock_modes import (
    NO_KEY_UPDATE,
    PASS,
    ROW_CONFLICTS,
    TABLE_CONFLICTS,
    WEAK_TABLE_MODES,
)
from minidb.txn.lock_queue import LockQueue, LockQueues
from minidb.txn.read_set import PREFIX, ReadRange
from minidb.txn.state import AdvisoryKey, LockRequest, RangeWrite, TransactionState


class LockWaits(LockQueues):
    """See the module."""

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
        self.pump(queue)
        if request.granted:
            return request
        if not wait:
            waiting.remove(request)
            self.pump(queue)
            return None
        if owner.never_waits:
            blockers = tuple(self.blockers(request))
            waiting.remove(request)
            self.pump(queue)
            owner.refused = MustWait(request, blockers)
            raise owner.refused
        cycle = find_cycle(request, self.blockers)
        if cycle is not None:
            error = deadlock_error(cycle, self.describe_request)
            waiting.remove(request)
            self.pump(queue)
            self.deadlocks += 1
            raise error
        self._begin_wait(request)
        return request

    def _begin_wait(self, request: LockRequest) -> None:
        self.waits += 1
        owner = request.owner
        owner.waiting = request
        owner.interrupt.signal = request.signal
        for observer in self.observers:
            observer.on_wait(request)

    def _let_go_on(self, request: LockRequest) -> None:
        """A waiting request was granted, or has to fail."""
        request.owner.waiting = None
        for observer in self.observers:
            observer.on_grant(request)
        request.signal.put(None)

    def pump(self, queue: LockQueue) -> None:
        """Grant, in order, what conflicts neither with a holder nor with a request ahead; then tidy up."""
        waiting = queue.waiting
        if waiting:
            conflicts = ROW_CONFLICTS if isinstance(queue.target, bytes) else TABLE_CONFLICTS
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
                    self._let_go_on(request)
                waiting.remove(request)
        if not waiting:
            self._tidy(queue)
        elif queue.granted and isinstance(queue.target, bytes) and len(queue.target) > PREFIX:
            self.owners.setdefault(queue.target, queue)

    def _grant(self, queue: LockQueue, request: LockRequest, conflicting: int) -> bool:
        owner, target, mode = request.owner, queue.target, request.mode
        for holder, holds in self._holders(queue):
            if conflicting & holds and holder.interrupt is not owner.interrupt:
                return False
        if isinstance(target, AdvisoryKey):
            queue.granted[owner] = queue.granted.get(owner, 0) | mode
        elif isinstance(target, int):
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
            if isinstance(target, bytes) and len(target) > PREFIX:
                self.owners.setdefault(target, queue)
            return
        elif isinstance(target, bytes) and self.owners.get(target) is queue:
            del self.owners[target]
        if self.queues.get(target) is queue:
            del self.queues[target]

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
                if request.failure is not None:
                    raise request.failure
                if interrupt.requested:
                    failure = QueryCanceled(interrupt.reason)
                elif interrupt.deadline is not None and now >= interrupt.deadline:
                    failure = interrupt.timed_out()
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
                    owner.waiting = None
                    if request.blocked_by is not None:
                        self._withdraw(request)
                    else:
                        assert not isinstance(request.target, ReadRange | RangeWrite)
                        queue = self.queues[request.target]
                        queue.waiting.remove(request)
                        self.pump(queue)
            for observer in self.observers:
                observer.on_resume(request)
        if failure is not None and not request.granted:
            raise failure

    # -- parked requests ----------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """Grant, in the order of asking, what no longer has anybody to wait for. Under the mutex."""
        ranges = self.ranges
        waits_for_more: list[LockRequest] = []
        for request in list(ranges.parked):
            before = request.blocked_by or ()
            request.blocked_by = ranges.blockers(request, request.latest)
            if not request.blocked_by:
                request.granted = True
                ranges.parked.remove(request)
                self._let_go_on(request)
            elif any(each not in before for each in request.blocked_by):
                waits_for_more.append(request)
        for request in waits_for_more:
            cycle = find_cycle(request, self.blockers)
            if cycle is not None:
                request.failure = deadlock_error(cycle, self.describe_request)
                ranges.withdraw(request)
                self.deadlocks += 1
                self._let_go_on(request)

    def _withdraw(self, request: LockRequest) -> None:
        self.ranges.withdraw(request)
        self._look_again()  # others may have waited behind it

    # -- failures -----------------------------------------------------------------------------------------

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
                    self.pump(queue)
            for request in list(self.ranges.parked):
                if request.owner is owner:
                    self._withdraw(request)
