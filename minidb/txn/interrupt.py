"""A request to stop the running statement, seen by loops over rows and by lock waits.

One per session, handed to each of its transactions. `request` may be called from any thread and from a
signal handler: it takes no lock that the interrupted thread could hold (SimpleQueue.put is reentrant).
"""

from __future__ import annotations

from queue import SimpleQueue
from time import monotonic

from minidb.errors import DatabaseError, InternalError, QueryCanceled

USER_REQUEST = "canceling statement due to user request"
STATEMENT_TIMEOUT = "canceling statement due to statement timeout"
PROCEDURE_TIMEOUT = "canceling procedure due to procedure timeout"
TRANSACTION_TIMEOUT = "terminating transaction due to transaction timeout"


class Interrupt:
    """`requested` and `deadline` are polled once per batch; `signal` wakes the lock wait there is, if any."""

    __slots__ = ("deadline", "ends_transaction", "procedure_deadline", "reason", "requested", "signal")

    def __init__(self) -> None:
        self.requested = False
        self.reason = USER_REQUEST
        self.deadline: float | None = None  # time.monotonic() at which a timeout strikes
        self.procedure_deadline: float | None = None  # the same, of a call under serial execution: set if it
        # comes before `deadline`, which is then the same moment
        self.ends_transaction = False  # it is transaction_timeout's, not statement_timeout's
        self.signal: SimpleQueue[None] | None = None

    def request(self, reason: str = USER_REQUEST) -> None:
        """Stop what runs, with 57014."""
        self.reason = reason
        self.requested = True
        # The waiter publishes `signal` before it reads `requested`, we write and read in the opposite
        # order: one of the two sees the other, and no request is lost.
        signal = self.signal
        if signal is not None:
            signal.put(None)

    def clear(self) -> None:
        """Forget a request that came too late: called where a statement starts."""
        self.requested = False

    def check(self) -> None:
        """Raise QueryCanceled if the statement must stop."""
        if self.requested:
            raise QueryCanceled(self.reason)
        if self.deadline is not None and monotonic() >= self.deadline:
            raise self.timed_out()

    def timed_out(self) -> DatabaseError:
        """What a statement fails with whose deadline has passed."""
        if self.ends_transaction:
            return InternalError(TRANSACTION_TIMEOUT, sqlstate="25P04")
        return QueryCanceled(STATEMENT_TIMEOUT if self.procedure_deadline is None else PROCEDURE_TIMEOUT)
