"""Runs several sessions step by step, one thread at a time, so that every run has the same transcript.

Each session has a thread of its own, as in life: a step that must wait for a lock really waits. The lock
table tells when (`on_wait`), who is let go (`on_grant`), and asks before a waiter goes on (`on_resume`), so
the stepper needs neither sleeps nor polling:

    step(t2, UPDATE)   t2's thread runs ... on_wait            -> "t2 waits for ..."
    step(t1, COMMIT)   t1's thread runs ... on_grant(t2) ... done
                       t2's thread is let go ... done           -> t2's result

Exactly one session's thread runs at any moment; who was granted goes on in the order of the grants.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread, get_ident

from minidb.txn.lock_observer import LockObserver
from minidb.txn.lock_table import LockTable
from minidb.txn.state import LockRequest, SessionOwner

_WOKE = "woke"
PATIENCE_S = 60.0  # after which a silent session is a bug of the test or of the database

Action = Callable[[], str]


class SilentSession(AssertionError):
    """The session that should run neither ends its step nor waits for a lock."""


class Outcome:
    """What became of a step: a result, an error, or a wait that goes on."""

    def __init__(self, session: str, text: str, waits: bool = False) -> None:
        self.session = session
        self.text = text
        self.waits = waits

    def __repr__(self) -> str:
        return f"{self.session}: {self.text}"


class _Session:
    """One session's thread."""

    def __init__(self, name: str, stepper: Stepper) -> None:
        self.name = name
        self.stepper = stepper
        self.actions: SimpleQueue[Action | None] = SimpleQueue()
        self.resume: SimpleQueue[None] = SimpleQueue()
        self.waiting: LockRequest | None = None  # what its thread waits for, until granted or given up
        self.busy = False  # its last step has not ended: between two steps of others, it waits
        self.thread = Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.stepper.sessions_by_thread[get_ident()] = self
        while (action := self.actions.get()) is not None:
            try:
                text = action()
            except Exception as error:  # whatever a step raises is its result
                text = describe_error(error)
            self.stepper.events.put(Outcome(self.name, text))


def describe_error(error: Exception) -> str:
    """An error as golden files show it."""
    code = getattr(error, "sqlstate", type(error).__name__)
    lines = [f"ERROR {code}: {error}"]
    detail = getattr(error, "detail", None)
    if detail:
        lines.append(detail)
    return "\n".join(lines)


class Stepper(LockObserver):
    """Steps sessions of one database. Use as a context manager: it ends the threads."""

    def __init__(self, locks: LockTable, patience_s: float = PATIENCE_S) -> None:
        self.locks = locks
        self.patience_s = patience_s
        self.events: SimpleQueue[Outcome] = SimpleQueue()
        self.sessions: dict[str, _Session] = {}
        self.sessions_by_thread: dict[int, _Session] = {}
        self._granted: list[_Session] = []
        self._woken: list[_Session] = []  # their wait ended without a grant; held up until it is their turn
        locks.observers = (*locks.observers, self)

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *_: object) -> None:
        self.locks.observers = tuple(each for each in self.locks.observers if each is not self)
        for session in self.sessions.values():
            session.actions.put(None)
            session.resume.put(None)

    def is_waiting(self, name: str) -> bool:
        """Whether the session's last step still waits."""
        session = self.sessions.get(name)
        return session is not None and session.busy

    def has_timeout(self, name: str) -> bool:
        """Whether the waiting session's wait ends by itself."""
        session = self.sessions[name]
        request = session.waiting
        if session in self._woken or request is None:
            return True
        return request.owner.lock_timeout_ms > 0 or request.owner.interrupt.deadline is not None

    def step(self, name: str, action: Action) -> list[Outcome]:
        """Run one step of a session, and whatever it lets go on; what happened, in order."""
        session = self.sessions.get(name)
        if session is None:
            session = self.sessions[name] = _Session(name, self)
        assert not session.busy, f"{name} still waits and cannot take a step"
        session.busy = True
        session.actions.put(action)
        return [self._next_event(session), *self._let_go_on()]

    def wake(self, name: str, cause: Callable[[], None] | None = None) -> list[Outcome]:
        """Let a waiting session's wait end by `cause` (an interrupt), or by its own timeout."""
        assert self.is_waiting(name), f"{name} does not wait"
        if cause is not None:
            cause()
        session = self.sessions[name]
        while session not in self._woken:
            self._hear()
        self._woken.remove(session)
        session.resume.put(None)
        return [self._next_event(session), *self._let_go_on()]

    def wake_first(self) -> list[Outcome]:
        """Let the session go on whose wait is the first to end by a timeout."""
        while not self._woken:
            self._hear()
        return self.wake(self._woken[0].name)

    def _let_go_on(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while self._granted:
            session = self._granted.pop(0)
            session.resume.put(None)
            outcomes.append(self._next_event(session))
        return outcomes

    def _next_event(self, session: _Session) -> Outcome:
        """What becomes of the step of the one session that runs."""
        while (outcome := self._hear()) is None:
            pass
        assert outcome.session == session.name
        session.busy = outcome.waits
        return outcome

    def _hear(self) -> Outcome | None:
        """The next event; None if it is that some session woke by itself, which then is among `_woken`."""
        try:
            outcome = self.events.get(timeout=self.patience_s)
        except Empty:
            raise SilentSession("no session goes on: a lost wake-up, or a wait without end") from None
        if outcome.text is not _WOKE:
            return outcome
        self._woken.append(self.sessions[outcome.session])
        return None

    # -- the lock table's observer --------------------------------------------------------------------

    def on_wait(self, request: LockRequest) -> None:
        """The running session waits from now on."""
        session = self.sessions_by_thread.get(get_ident())
        if session is None:
            return
        session.waiting = request
        blockers = ", ".join(
            f"session {each.id}" if isinstance(each, SessionOwner) else str(each.id)
            for each in self.locks.blockers(request)
        )
        text = f"waits for {self.locks.describe_request(request)}, blocked by {blockers}"
        self.events.put(Outcome(session.name, text, waits=True))

    def on_grant(self, request: LockRequest) -> None:
        """Another session may go on, when it is its turn."""
        for session in self.sessions.values():
            if session.waiting is request:
                session.waiting = None
                self._granted.append(session)

    def on_resume(self, request: LockRequest) -> None:
        """In the waiter's thread: hold it up until it is its turn."""
        session = self.sessions_by_thread.get(get_ident())
        if session is None:
            return
        if not request.granted and request.failure is None:
            session.waiting = None
            self.events.put(Outcome(session.name, _WOKE))
        session.resume.get()
