"""The serial executor: one call at a time, in the order of arrival, with one sync for all of a batch.

    thread 1   call A --> leads: runs A, B, C -- sync -- passes on .... A done, B and C woken
    thread 2      call B --> waits ..................................... done
    thread 3         call C --> waits .................................. done
    thread 4                       call D --> waits ................. leads: runs D ... -- sync -- ...

There is no thread of its own for this: the first to come leads, and runs the calls of all who wait. Who finds
the queue empty runs its call at once, with no handoff (12-17 us). What comes while the disk works is the next
leader's batch. (Passing leadership on before the sync, so that one batch would run while the disk works for
another, gave batches of one and two handoffs a call: 16 threads ran a third fewer calls.) Nobody hears back
before its call is durable.

A call that has to wait for a lock (txn/serial.py) is undone and leaves the queue; its own thread waits for
the lock, while the executor goes on with the others, and then queues up again, holding that lock.

Calls without a thread of their own (`submit`) are led by a thread that starts with the first of them.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final

from minidb.errors import DatabaseError, NotSupportedError, QueryCanceled
from minidb.session.serial_call import SerialCall
from minidb.session.serial_statistics import SerialStatistics
from minidb.txn.control import MustWait
from minidb.txn.interrupt import Interrupt

if TYPE_CHECKING:
    from minidb.session.database import Database

MOST_AT_ONCE: Final = 100  # calls that one leader runs before it syncs


class SerialExecutor:
    """See the module. `_mutex` guards the queue and who leads, and is held for a few steps only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self._queue: deque[SerialCall] = deque()
        self._runner = 0  # the thread that runs a call at this moment
        self._led = False  # somebody leads, or was told to
        self._worker: SimpleQueue[bool] | None = None  # True: lead; False: end
        self.statistics = SerialStatistics()

    @property
    def waiting(self) -> int:
        """How many calls are in the queue."""
        return len(self._queue)

    def run(self, call: SerialCall) -> Any:
        """Run a call in its turn. Returns, or raises what it raised, once it is durable."""
        if self._runner == threading.get_ident():
            raise NotSupportedError(
                "a procedure cannot use another connection to its database under serial execution",
                hint="Use the transaction that the procedure was given.",
            )
        while True:
            if self._enqueue(call):
                self._lead(call)
            else:
                self._await(call)
            if call.refused is None:
                break
            self._wait_for_lock(call, call.refused)
        if call.error is not None:
            try:
                raise call.error
            finally:
                call.error = None  # no circle of references by way of the traceback
        return call.result

    def submit(self, call: SerialCall) -> None:
        """Queue a call whose future will tell how it ended."""
        if self._enqueue(call):
            self._wake_worker()

    def _enqueue(self, call: SerialCall) -> bool:
        """Whether the caller leads now."""
        call.done = call.finished = call.leads = False
        call.refused = call.error = None
        with self._mutex:
            self._queue.append(call)
            if self._led:
                return False
            self._led = True
            return True

    # --- leading ----------------------------------------------------------------------------------

    def _lead(self, own: SerialCall | None) -> None:
        """Run what is in the queue, the own call first, and pass leadership on."""
        batch: list[SerialCall] = []
        queue = self._queue
        try:
            self._run_queue(batch, own)
        finally:
            # Ctrl-C may have come at any call: what it kept from running is another's to run.
            missed = [call for call in batch if not call.finished and call is not own]
            if own is not None and not own.finished and own in queue:
                queue.remove(own)
            finished = [call for call in batch if call.finished]
            failure, interrupted = self._make_durable(finished)
            self._pass_on(missed)
            self._tell(finished, own, failure)
            if interrupted is not None:
                raise interrupted

    def _run_queue(self, batch: list[SerialCall], own: SerialCall | None) -> None:
        queue, mutex = self._queue, self._mutex
        thread = threading.get_ident()
        while len(batch) < MOST_AT_ONCE and queue:
            with mutex:
                call = queue[0] if queue else None
                if call is not None:
                    batch.append(call)
                    queue.popleft()
            if call is None:
                return  # it was withdrawn
            self._perform(call, own, thread)

    def _perform(self, call: SerialCall, own: SerialCall | None, thread: int) -> None:
        began = perf_counter()
        future = call.future
        if future is not None and not future.running() and not future.set_running_or_notify_cancel():
            call.finished = True
            return
        try:
            database = self._database
            call.urgent = not self._queue and database.call_log is None  # its record goes first
            self._runner = thread
            call.result = database.transactions.serial.alone(call.session.perform, call)
        except MustWait as refused:
            call.refused = refused
            self.statistics.lock_waits += 1
        except KeyboardInterrupt as interrupt:
            if call is not own:
                raise  # it is not this call that was to be interrupted
            call.error = interrupt
        except BaseException as error:
            call.error = error
        finally:
            self._runner = 0
        call.finished = True
        if call.refused is None:
            self.statistics.add(call.name, perf_counter() - began, call.error is not None)

    def _pass_on(self, missed: list[SerialCall]) -> None:
        with self._mutex:
            self._queue.extendleft(reversed(missed))
            if not self._queue:
                self._led = False
                return
            heir = self._queue[0]
            if heir.future is None:
                heir.leads = True
                heir.signal.put(None)
                return
        self._wake_worker()

    def _make_durable(self, batch: list[SerialCall]) -> tuple[DatabaseError | None, KeyboardInterrupt | None]:
        store = self._database.store
        interrupted: KeyboardInterrupt | None = None
        while True:
            try:
                if any(call.session.settings["synchronous_commit"] for call in batch):
                    store.sync(store.latest.commit_id)
                    if self._database.call_log is not None:
                        self._database.call_log.flush()  # what changed nothing but sequences
                else:
                    store.throttle()
            except DatabaseError as error:
                return error, interrupted
            except KeyboardInterrupt as interrupt:  # others are waiting for what this thread does
                interrupted = interrupt
                continue
            return None, interrupted

    def _tell(self, batch: list[SerialCall], own: SerialCall | None, failure: DatabaseError | None) -> None:
        self.statistics.add_batch(len(batch))
        for call in batch:
            if failure is not None and call.refused is None and call.error is None:
                call.error = failure
            call.done = True
            if call.future is not None:
                self._settle(call)
            elif call is not own:
                call.signal.put(None)

    # --- following --------------------------------------------------------------------------------

    def _await(self, call: SerialCall) -> None:
        """Wait until the call is done, or lead when told to."""
        interrupt = call.session.interruption
        interrupt.signal = call.signal
        try:
            while not call.done:
                if call.leads:
                    interrupt.signal = None
                    self._lead(call)
                    return
                failure: DatabaseError | None = None
                deadline = interrupt.deadline
                if interrupt.requested:
                    failure = QueryCanceled(interrupt.reason)
                elif deadline is not None and monotonic() >= deadline:
                    failure = interrupt.timed_out()
                if failure is not None:
                    if self._withdraw(call):
                        raise failure
                    deadline = None  # it runs, and finds out by itself
                try:
                    call.signal.get(timeout=None if deadline is None else max(0.0, deadline - monotonic()))
                except Empty:
                    continue
        except BaseException:
            self._abandon(call)
            raise
        finally:
            interrupt.signal = None

    def _withdraw(self, call: SerialCall) -> bool:
        """Take it out of the queue, unless it runs already, or is to lead."""
        with self._mutex:
            if call.leads or call not in self._queue:
                return False
            self._queue.remove(call)
            call.done = True
            return True

    def _abandon(self, call: SerialCall) -> None:
        """Its thread was interrupted (Ctrl-C): nobody may be left waiting for it, nor use its session."""
        if call.done or self._withdraw(call):
            return
        if call.leads and not call.finished:
            with self._mutex:
                if call in self._queue:
                    self._queue.remove(call)
            self._pass_on([])
            return
        while not call.done:
            try:
                call.signal.get()
            except KeyboardInterrupt:
                continue

    def _wait_for_lock(self, call: SerialCall, refused: MustWait) -> None:
        """Get the lock that the call was refused. Nothing else is held, so no deadlock can come of it."""
        session = call.session
        interrupt = session.interruption if call.future is None else Interrupt()
        transaction = self._database.transactions.begin_with(session.serial_characteristics(), interrupt)
        if call.future is None:
            session.transaction = transaction  # for those who watch
        try:
            self._database.transactions.locks.wait_as(transaction, refused)
        except BaseException:
            transaction.rollback()
            raise
        finally:
            if call.future is None:
                session.transaction = None
        call.transaction = transaction

    # --- calls without a thread -------------------------------------------------------------------

    def _wake_worker(self) -> None:
        worker = self._worker
        if worker is None:
            worker = self._worker = SimpleQueue()
            threading.Thread(
                target=self._work, args=(worker,), name="minidb serial calls", daemon=True
            ).start()
        worker.put(True)

    def _work(self, orders: SimpleQueue[bool]) -> None:
        while orders.get():
            self._lead(None)

    def _settle(self, call: SerialCall) -> None:
        """Tell the future; one that must wait for a lock gets a thread that does."""
        future = call.future
        assert future is not None
        if call.refused is not None:
            threading.Thread(target=self._retry, args=(call, call.refused), daemon=True).start()
            return
        if future.cancelled():
            return
        if call.error is not None:
            future.set_exception(call.error)
        else:
            future.set_result(call.result)

    def _retry(self, call: SerialCall, refused: MustWait) -> None:
        try:
            self._wait_for_lock(call, refused)
        except BaseException as error:
            call.refused, call.error = None, error
            self._settle(call)
            return
        self.submit(call)

    def close(self) -> None:
        """The database is about to close: end the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.put(False)
