"""What the lock table and the isolation levels need to know of a transaction: data, no behaviour.

`Transaction` adds the operations. The split keeps imports pointing one way:

    lock_modes, interrupt, isolation <- state <- lock_table, control <- transaction <- database
"""

from __future__ import annotations

from queue import SimpleQueue
from typing import NamedTuple

from minidb.storage.snapshot import Snapshot, View
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel


class AdvisoryKey(NamedTuple):
    """The name that an application gives to a lock of its own: one bigint, or two integers."""

    first: int
    second: int | None = None

    def __str__(self) -> str:
        name = str(self.first) if self.second is None else f"({self.first}, {self.second})"
        return f"advisory lock {name}"


# An object that can be locked: a key, a table by its storage id, (4 bytes) all keys of one storage id, or
# what an application means by an advisory lock.
LockTarget = bytes | int | AdvisoryKey


class LockRequest:
    """One transaction waiting, or having waited, for one mode on one object."""

    __slots__ = ("granted", "mode", "owner", "signal", "target", "upgrade")

    def __init__(self, owner: TransactionState, target: LockTarget, mode: int, upgrade: bool) -> None:
        self.owner = owner
        self.target = target
        self.mode = mode
        self.upgrade = upgrade  # holds a weaker mode already, so it goes before those that hold nothing
        self.granted = False
        self.signal: SimpleQueue[None] = SimpleQueue()  # one item wakes the waiter, to look again


class TransactionState:
    """A transaction's identity, what it sees, and its locks."""

    __slots__ = (
        "advisory",
        "escalated",
        "held",
        "id",
        "interrupt",
        "interrupted",
        "level",
        "lock_timeout_ms",
        "snapshot",
        "table_locks",
        "waiting",
    )

    def __init__(self, id: int, level: IsolationLevel, snapshot: Snapshot, interrupt: Interrupt) -> None:
        self.id = id
        self.level = level
        self.snapshot = snapshot
        self.interrupt = interrupt
        self.lock_timeout_ms = 0  # 0: wait as long as it takes
        self.held: dict[bytes, int] = {}  # key -> strongest row mode
        self.table_locks: dict[int, int] = {}  # storage id -> mask of table modes
        self.escalated: set[bytes] | None = None  # prefixes whose keys are all locked as one
        self.advisory: dict[AdvisoryKey, int] | None = None  # -> the modes to be held to its end
        self.interrupted = False  # by Ctrl-C while it took a lock: `held` may lack one
        self.waiting: LockRequest | None = None  # set while it waits, cleared by who grants


class SessionOwner(TransactionState):
    """Who holds what outlives transactions: a session. It shares the session's Interrupt, and never waits."""

    __slots__ = ()

    def __init__(self, id: int, interrupt: Interrupt) -> None:
        super().__init__(id, IsolationLevel.READ_COMMITTED, Snapshot(0, View(None, ())), interrupt)
