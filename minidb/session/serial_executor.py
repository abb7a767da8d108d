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

Calls without a thread of their own (`submit`) are led by a thread that begins with the first of them
(serial_worker.py).
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from queue import Empty
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from minidb.errors import DatabaseError, NotSupportedError, QueryCanceled
from minidb.session.serial_call import MOST_AT_ONCE, SerialCall
from minidb.session.serial_statistics import SerialStatistics
from minidb.session.serial_worker import SerialWorker
from minidb.txn.control import MustWait
from minidb.txn.interrupt import Interrupt

if TYPE_CHECKING:
    from minidb.session.database import Database


class SerialExecutor:
    """See the module. `_mutex` guards the queue and who leads, and is held for a few steps only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self.queue: deque[SerialCall] = deque()
        self._runner = 0  # the thread that runs a call at this moment
        self._led = False  # somebody leads, or was told to
        self._worker: SerialWorker | None = None  # leads calls that no thread waits for
        self.store = database.store
        self.statistics = SerialStatistics()

    @property
    def waiting(self) -> int:
        """How many calls are in the queue."""
        return len(self.queue)

    def run(self, call: SerialCall) -> Any:
        """Run a call in its turn. Returns, or raises what it raised, once it is durable."""
        if self._runner == threading.get_ident():
            raise NotSupportedError(
                "a procedure cannot use another connection to its database under serial execution",
                hint="Use the transaction that the procedure was given.",
            )
        while True:
            if self._worker is not None and self._worker.thread == threading.get_ident():
                self._run_here(call)  # a future's callback: nobody else will
            elif self._enqueue(call):
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
        worker = self._worker
        if worker is not None and worker.thread == threading.get_ident() and self._led:
            self.queue.append(call)  # by a future's callback: the thread leads, and will look
        elif self._enqueue(call):
            self._lead_by_worker()

    def _enqueue(self, call: SerialCall) -> bool:
        """Whether the caller leads now."""
        call.done = call.finished = call.leads = False
        call.refused = call.error = None
        with self._mutex:
            self.queue.append(call)
            if self._led:
                return False
            self._led = True
            return True

    def _run_here(self, call: SerialCall) -> None:
        """The thread leads, and is between two calls."""
        call.refused = call.error = None
        self.perform(call, call)
        failure = self.make_durable([call])
        self.tell([call], call, failure)

    # --- leading ----------------------------------------------------------------------------------

    def _lead(self, own: SerialCall) -> None:
        """Run what is in the queue, the own call first, and pass leadership on."""
        batch: list[SerialCall] = []
        queue = self.queue
        try:
            self._run_queue(batch, own)
        finally:
            # Ctrl-C may have come at any call: what it kept from running is another's to run.
            missed = [call for call in batch if not call.finished and call is not own]
            if not own.finished and own in queue:
                queue.remove(own)
            finished = [call for call in batch if call.finished]
            failure, interrupted = self._make_durable(finished)
            self._pass_on(missed)
            self.tell(finished, own, failure)
            if interrupted is not None:
                raise interrupted

    def _run_queue(self, batch: list[SerialCall], own: SerialCall) -> None:
        while len(batch) < MOST_AT_ONCE and self.take_next(batch):
            self.perform(batch[-1], own)

    def take_next(self, batch: list[SerialCall]) -> bool:
        """Move the next call from the queue to a batch; False if there is none."""
        with self._mutex:
            if not self.queue:
                return False
            batch.append(self.queue[0])
            self.queue.popleft()
            return True

    def perform(self, call: SerialCall, own: SerialCall) -> float:
        """Run a call, of which it is noted how it ended; the seconds that it took.

        Ctrl-C is the end of the leader's own call; if it comes to another's, it is raised.
        """
        future = call.future
        if future is not None and not call.started and not future.set_running_or_notify_cancel():
            call.finished = call.done = True
            call.future = None
            return 0.0
        database = self._database
        call.started = True
        call.urgent = not self.queue and database.call_log is None  # its record goes first
        began = perf_counter()
        try:
            self._runner = threading.get_ident()
            call.result = database.transactions.serial.alone(call.session.perform, call)
        except MustWait as refused:
            call.refused = refused
            self.statistics.lock_waits += 1
        except KeyboardInterrupt as interrupt:
            if call is not own:
                raise
            call.error = interrupt
        except BaseException as error:
            call.error = error
        finally:
            self._runner = 0
        call.finished = True
        seconds = perf_counter() - began
        if call.refused is None:
            self.statistics.add(call.name, seconds, call.error is not None)
        return seconds

    def _pass_on(self, missed: list[SerialCall]) -> None:
        with self._mutex:
            self.queue.extendleft(reversed(missed))
            if not self.queue:
                self._led = False
                return
            heir = self.queue[0]
            if heir.signal is not None:
                heir.leads = True
                heir.signal.put(None)
                return
        self._lead_by_worker()

    def resign(self) -> bool:
        """Stop leading, unless something has come into the queue."""
        with self._mutex:
            if self.queue:
                return False
            self._led = False
            return True

    def _make_durable(self, batch: list[SerialCall]) -> tuple[DatabaseError | None, KeyboardInterrupt | None]:
        interrupted: KeyboardInterrupt | None = None
        while True:
            try:
                return self.make_durable(batch), interrupted
            except KeyboardInterrupt as interrupt:  # others are waiting for what this thread does
                interrupted = interrupt

    def make_durable(self, batch: list[SerialCall], begun: int = 0) -> DatabaseError | None:
        """Return once the calls are on the disk, if somebody waits for that, or what kept them from it.

        `begun`: the sync up to there is on its way already (`Store.begin_sync`).
        """
        try:
            if any(call.synchronous for call in batch):
                self.store.sync(max([begun, *[call.commit_id for call in batch]]))
                if self._database.call_log is not None:
                    self._database.call_log.flush()  # what changed nothing but sequences
            else:
                self.store.throttle()
        except DatabaseError as error:
            return error
        return None

    def tell(self, batch: list[SerialCall], own: SerialCall | None, failure: DatabaseError | None) -> None:
        """Everybody hears how the own call has ended: all are durable, or that has failed."""
        self.statistics.add_batch(len(batch))
        for call in batch:
            if failure is not None and call.refused is None and call.error is None:
                call.error = failure
            call.done = call.future is None or call.refused is None
            if call.future is not None:
                self._settle(call, call.future)
            elif call is not own and call.signal is not None:
                call.signal.put(None)

    # --- following --------------------------------------------------------------------------------

    def _await(self, call: SerialCall) -> None:
        """Wait until the call is done, or lead when told to."""
        interrupt = call.session.interruption
        signal = interrupt.signal = call.signal
        assert signal is not None
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
                    signal.get(timeout=None if deadline is None else max(0.0, deadline - monotonic()))
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
            if call.leads:
                return False
            try:
                self.queue.remove(call)
            except ValueError:
                return False
            call.done = True
            return True

    def _abandon(self, call: SerialCall) -> None:
        """Its thread was interrupted (Ctrl-C): nobody may be left waiting for it, nor use its session."""
        if call.done or self._withdraw(call):
            return
        if call.leads and not call.finished:
            with self._mutex:
                if call in self.queue:
                    self.queue.remove(call)
            self._pass_on([])
            return
        signal = call.signal
        assert signal is not None
        while not call.done:
            try:
                signal.get()
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

    def _lead_by_worker(self) -> None:
        worker = self._worker
        if worker is None:
            worker = self._worker = SerialWorker(self)
        worker.lead()

    def _settle(self, call: SerialCall, future: Future[Any]) -> None:
        """Tell the future; one that must wait for a lock gets a thread that does."""
        if call.refused is not None:
            retry = threading.Thread(target=self._retry, args=(call, future, call.refused), daemon=True)
            retry.start()
        elif call.error is not None:
            future.set_exception(call.error)
        else:
            future.set_result(call.result)

    def _retry(self, call: SerialCall, future: Future[Any], refused: MustWait) -> None:
        try:
            self._wait_for_lock(call, refused)
        except BaseException as error:
            call.done = True
            future.set_exception(error)
            return
        self.submit(call)

    def close(self) -> None:
        """The database is about to close: end the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
