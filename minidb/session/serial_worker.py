"""The thread that leads calls which no thread waits for: it runs the next while the disk works for the last.

    calls   A B C D | E F G H | A' B' C' D' | ...        those whose futures are told of A to D call again
    disk            | A - D   | E - H       | ...

Nobody is woken in between, so that two batches, of half the callers each, cost no more than one of all. Where
the disk takes longer than it takes to run them all, halves would only mean more syncs: then a batch is all of
the queue, as it is with leaders who are callers themselves (serial_executor.py).
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
        executor, store, waiting = self._executor, self._store, self._executor.queue
        statistics = executor.statistics
        ran: list[SerialCall] = []  # the disk does not know of these
        syncing: list[SerialCall] = []  # it works for these
        ran_seconds = syncing_seconds = since = 0.0
        begun = 0
        call: SerialCall | None
        while True:
            try:
                call = waiting.popleft()  # without the mutex: who withdraws a call sees that it is gone
            except IndexError:
                call = None
            if syncing and (
                call is None
                or statistics.seconds(call.name) > LONG
                or (ran and len(ran) % LOOK_EVERY == 0 and store.sync_ended)
            ):
                waits = call is None and not store.sync_ended
                failure = executor.make_durable(syncing, begun)
                self._slow_disk = waits and perf_counter() - since > syncing_seconds + ran_seconds
                executor.tell(syncing, None, failure)
                syncing = []
            if call is not None:
                ran.append(call)
                ran_seconds += executor.perform(call, call)
            elif not ran:
                if executor.resign():
                    return
                continue
            enough = MOST_AT_ONCE if self._slow_disk else min(len(waiting), MOST_AT_ONCE)
            if syncing or (waiting and len(ran) < enough):
                continue
            syncing, ran = ran, []
            syncing_seconds, ran_seconds = ran_seconds, 0.0
            since = perf_counter()
            failure, begun = self._begin_sync(syncing)
            if not begun:
                executor.tell(syncing, None, failure)
                syncing = []

    def _begin_sync(self, batch: list[SerialCall]) -> tuple[DatabaseError | None, int]:
        """What failed, and what to wait for: 0 if nothing."""
        try:
            if any(call.synchronous for call in batch):
                begun = self._store.begin_sync()
                if begun:
                    return None, begun
        except DatabaseError as error:
            return error, 0
        return self._executor.make_durable(batch), 0
