"""idle_in_transaction_session_timeout and transaction_timeout: what happens while the client does nothing.

    session's thread   ... statement |      idle       | statement ...
    TransactionTimer        busy     | due at a moment |   busy
    watcher's thread                   tick: past due -> roll back

A session has a timer once it uses one of the two settings; the process has one watcher thread once there is
a timer, and it sleeps until the nearest moment at which one is due. Who sets neither setting pays nothing.

The timer's mutex decides between the session's thread that begins a statement and the watcher that ends the
transaction: `enter` makes the timer busy, or finds that the transaction has expired; `expire` acts only on a
timer that is idle. A running statement ends itself: its deadline is in the session's Interrupt.

PostgreSQL ends the session. Here, where it is somebody's object, only the transaction ends: it is rolled
back, the next statement says why (25P03, 25P04), and then only ROLLBACK is accepted, as after any error.
"""

from __future__ import annotations

import os
import threading
from time import monotonic

from minidb.errors import InternalError
from minidb.txn.interrupt import TRANSACTION_TIMEOUT, Interrupt
from minidb.txn.transaction import Transaction
from minidb.txn.writes import ACTIVE

IDLE = ("25P03", "terminating transaction due to idle-in-transaction timeout")
TOO_LONG = ("25P04", TRANSACTION_TIMEOUT)


class TransactionTimer:
    """One session's. All but `expire` and `due` is called by the session's thread."""

    def __init__(self, watcher: Watcher, interrupt: Interrupt) -> None:
        self.idle_ms = 0
        self.transaction_ms = 0
        self.due: float | None = None  # when the idle transaction ends; None: nothing idles
        self._reason = IDLE  # for what `due` is
        self._expired: tuple[str, str] | None = None  # why the watcher ended the transaction
        self._transaction: Transaction | None = None
        self._began = 0.0
        self._depth = 0  # of calls that are in the session now
        self._interrupt = interrupt
        self._mutex = threading.Lock()
        self._watcher = watcher

    def enter(self, transaction: Transaction | None) -> InternalError | None:
        """The session does something; the error to fail with if its transaction has ended meanwhile."""
        with self._mutex:
            self.due = None
            expired, self._expired = self._expired, None
        self._depth += 1
        if self._depth == 1:
            if transaction is None or transaction is not self._transaction:
                self._transaction = transaction
                self._began = monotonic()
            self._limit()
        return None if expired is None else InternalError(expired[1], sqlstate=expired[0])

    def _limit(self) -> None:
        """The running statement stops itself at the end of the transaction's time."""
        interrupt = self._interrupt
        interrupt.ends_transaction = False
        if self.transaction_ms:
            end = self._began + self.transaction_ms / 1000
            if interrupt.deadline is None or end <= interrupt.deadline:
                interrupt.deadline = end
                interrupt.ends_transaction = True

    def leave(self, transaction: Transaction | None) -> None:
        """The session is idle again, with this transaction open."""
        self._depth -= 1
        if self._depth:
            return
        if transaction is not self._transaction:
            self._transaction = transaction  # begun by the statement: at its beginning
        if transaction is None or transaction.state is not ACTIVE:
            return
        ends: list[tuple[float, tuple[str, str]]] = []
        if self.idle_ms:
            ends.append((monotonic() + self.idle_ms / 1000, IDLE))
        if self.transaction_ms:
            ends.append((self._began + self.transaction_ms / 1000, TOO_LONG))
        if ends:
            due, self._reason = min(ends)
            self.due = due
            self._watcher.expect(due)

    def expire(self, now: float) -> None:
        """Called by the watcher: end the transaction if its time is up and no statement runs."""
        with self._mutex:
            if self.due is None or self.due > now:
                return
            self.due = None
            transaction = self._transaction
            assert transaction is not None
            self._expired = self._reason
            if transaction.huge is None:
                transaction.rollback()
            else:
                # A result may be reading what it wrote to disk: that goes when the session says so.
                transaction.locks.release_all(transaction)

    def close(self) -> None:
        """The session ends, or uses the settings no more."""
        self._interrupt.ends_transaction = False
        with self._mutex:
            self.due = None
        self._watcher.forget(self)


class Watcher:
    """Ends what is past due. Its thread only calls `tick`, at the right moments; tests call it at others."""

    def __init__(self) -> None:
        self._timers: set[TransactionTimer] = set()
        self._changed = threading.Condition()
        self._wakes = float("inf")  # when the thread looks again
        self._thread: threading.Thread | None = None

    def timer(self, interrupt: Interrupt) -> TransactionTimer:
        """A new session's timer."""
        timer = TransactionTimer(self, interrupt)
        with self._changed:
            self._timers.add(timer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="minidb-timeouts", daemon=True)
                self._thread.start()
        return timer

    def forget(self, timer: TransactionTimer) -> None:
        """A timer is of no use any more."""
        with self._changed:
            self._timers.discard(timer)

    def expect(self, due: float) -> None:
        """A timer is due then: see to it that somebody looks."""
        if due < self._wakes:
            with self._changed:
                self._changed.notify()

    def tick(self, now: float) -> float:
        """End what is past due; when something is due next."""
        with self._changed:
            timers = list(self._timers)
        for timer in timers:
            timer.expire(now)
        return min([due for timer in timers if (due := timer.due) is not None], default=float("inf"))

    def _run(self) -> None:
        while True:
            # Until `_wakes` says when, whoever sets a timer wakes this thread: none is overlooked.
            self._wakes = float("inf")
            nearest = self.tick(monotonic())
            with self._changed:
                self._wakes = nearest
                if not any(timer.due is not None and timer.due < nearest for timer in self._timers):
                    self._changed.wait(None if nearest == float("inf") else max(0.0, nearest - monotonic()))


watcher = Watcher()


def _after_fork() -> None:
    """The child has no such thread; what sessions there were are the parent's."""
    global watcher
    watcher = Watcher()


os.register_at_fork(after_in_child=_after_fork)
