"""A call on its way through the serial executor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from minidb.txn.control import MustWait
from minidb.txn.transaction import Transaction

if TYPE_CHECKING:
    from minidb.session.statement_runner import StatementRunner

MOST_AT_ONCE: Final = 100  # calls that run before the disk is told of them


class CallInputs:
    """A call as text and parameters, as far as it can be recorded (call_log.py)."""

    __slots__ = ("many", "parameters", "text")

    def __init__(self, text: str, parameters: Any, *, many: bool = False) -> None:
        self.text = text
        self.parameters = parameters
        self.many = many  # `parameters` is a list of them: executemany


class SerialCall:
    """`work` runs in the session, whose thread waits meanwhile, by whichever thread leads."""

    __slots__ = (
        "commit_id", "done", "error", "finished", "future", "inputs", "leads", "name", "refused", "result",
        "session", "settings", "signal", "started", "synchronous", "transaction", "urgent", "work",
    )  # fmt: skip

    def __init__(
        self,
        session: StatementRunner,
        name: str,
        work: Callable[[], Any],
        inputs: CallInputs | None = None,
        future: Future[Any] | None = None,
    ) -> None:
        self.session = session
        self.name = name  # of the procedure, or the kind of statement
        self.work = work
        self.inputs = inputs
        self.transaction: Transaction | None = None  # begun already, as it had to wait for a lock
        self.settings: dict[str, Any] | None = None  # of the session, for this call; None: as they are
        self.future = future  # it is told; else a thread waits
        # One item wakes that thread, to look again.
        self.signal: SimpleQueue[None] | None = SimpleQueue() if future is None else None
        self.commit_id = 0  # the newest that it has seen or made
        self.urgent = False  # nobody waits behind it, so that its commit is synced at once
        self.started = False  # its future cannot be cancelled any more
        self.synchronous = True  # its caller waits for the disk
        self.leads = False  # its thread is the next leader
        self.finished = False  # it has run
        self.done = False  # and is durable
        self.refused: MustWait | None = None  # the lock that it must wait for
        self.result: Any = None
        self.error: BaseException | None = None
