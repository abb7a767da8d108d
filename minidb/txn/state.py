"""What the lock table and the isolation levels need to know of a transaction: data, no behaviour.

`Transaction` adds the operations. The split keeps imports pointing one way:

    lock_modes, interrupt, isolation <- state <- lock_table, control <- transaction <- database
"""

from __future__ import annotations

from queue import SimpleQueue
from time import time

from minidb.storage.snapshot import Snapshot
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel

# An object that can be locked: a key, a table by its storage id, or (4 bytes) all keys of one storage id.
LockTarget = bytes | int


class LockRequest:
    """One transaction waiting, or having waited, for one mode on one object."""

    __slots__ = ("granted", "mode", "owner", "signal", "since", "target", "upgrade")

    def __init__(self, owner: TransactionState, target: LockTarget, mode: int, upgrade: bool) -> None:
        self.owner = owner
        self.target = target
        self.mode = mode
        self.upgrade = upgrade  # holds a weaker mode already, so it goes before those that hold nothing
        self.granted = False
        self.since = time()
        self.signal: SimpleQueue[None] = SimpleQueue()  # one item wakes the waiter, to look again


class TransactionState:
    """A transaction's identity, what it sees, and its locks."""

    __slots__ = (
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
        self.interrupted = False  # by Ctrl-C while it took a lock: `held` may lack one
        self.waiting: LockRequest | None = None  # set while it waits, cleared by who grants
