"""The thread that leads calls which no thread waits for: it runs the next while the disk works for the last.

    calls   A B C D |        E F G H |        A' B' C' D' | ...    those whose futures are told call again
    told            |                | A - D              | E - H
    disk            | A - D          | E - H              | A' - D'

Nobody is woken in between, so that two batches, of half the callers each, cost no more than one of all. The
disk is given the next batch before the last one is told. Where it takes longer than it takes to run them all,
halves would only mean more syncs: then a batch is all of the queue, as it is with leaders who are callers
themselves (serial_executor.py).
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Final

from minidb.errors import DatabaseError
from minidb.session.serial_call import MOST_AT_ONCE, SerialCall

if TYPE_CHECKING:
    from minidb.session.serial_executor import SerialExecutor

LONG: Final = 0.001  # seconds: no sync is left unseen for longer, if the next call's name tells
LOOK_EVERY: Final = 8  # calls; a look at the disk costs a fifth of a short one


class SerialWorker:
    """One thread, which leads when told to. `thread` is its identity."""

    def __init__(self, executor: SerialExecutor) -> None:
        self._executor = executor
        self._store = executor.store
        self._orders: SimpleQueue[bool] = SimpleQueue()  # True: lead; False: end
        self._syncing: list[SerialCall] = []  # the disk works for these
        self._begun = 0  # up to that commit
        self._since = 0.0  # from that moment on
        self._seconds = 0.0  # that they took
        self._slow_disk = False  # a sync takes longer than the calls of all who wait
        thread = threading.Thread(target=self._work, name="minidb serial calls", daemon=True)
        thread.start()
        self.thread = thread.ident

    def lead(self) -> None:
        """Leadership is passed to it."""
        self._orders.put(True)

    def close(self) -> None:
        """End it, after what it was told to do."""
        self._orders.put(False)

    def _work(self) -> None:
        while self._orders.get():
            self._lead()

    def _lead(self) -> None:
        """Run what is in the queue, and what comes meanwhile, until there is nothing left."""
        executor, waiting = self._executor, self._executor.queue
        ran: list[SerialCall] = []  # the disk does not know of these
        seconds = 0.0  # that they took
        call: SerialCall | None
        while True:
            try:
                call = waiting.popleft()  # without the mutex: who withdraws a call sees that it is gone
            except IndexError:
                call = None
            if self._syncing and self._should_end(call, len(ran)):
                last = self._syncing
                failure = self._end_sync(seconds, idle=call is None)
                if call is None and not self._slow_disk and self._begin_sync(ran, seconds):
                    ran, seconds = [], 0.0
                executor.tell(last, None, failure)
            if call is not None:
                ran.append(call)
                seconds += executor.perform(call, call)
            elif not ran and not self._syncing:
                if executor.resign():
                    return
                continue
            enough = MOST_AT_ONCE if self._slow_disk else min(len(waiting), MOST_AT_ONCE)
            if self._syncing or (waiting and len(ran) < enough):
                continue
            if not self._begin_sync(ran, seconds):
                executor.tell(ran, None, executor.make_durable(ran))
            ran, seconds = [], 0.0

    def _should_end(self, call: SerialCall | None, ran: int) -> bool:
        """Whether to tell those for whom the disk works before that call is run; None: there is no other."""
        if call is None or self._executor.statistics.seconds(call.name) > LONG:
            return True
        return ran > 0 and ran % LOOK_EVERY == 0 and self._store.sync_ended

    def _begin_sync(self, batch: list[SerialCall], seconds: float) -> bool:
        """Have the disk work for them; False if there is nothing to wait for, or if it fails."""
        begun = 0
        if any(call.synchronous for call in batch):
            try:
                begun = self._store.begin_sync()
            except DatabaseError:
                return False
        if begun:
            self._syncing, self._begun, self._seconds = batch, begun, seconds
            self._since = perf_counter()
        return begun > 0

    def _end_sync(self, seconds: float, idle: bool) -> DatabaseError | None:
        """Wait for the disk; what failed. `seconds`: of the calls that were run meanwhile."""
        waits = idle and not self._store.sync_ended
        failure = self._executor.make_durable(self._syncing, self._begun)
        self._slow_disk = waits and perf_counter() - self._since > self._seconds + seconds
        self._syncing = []
        return failure
