"""What the lock table and the isolation levels need to know of a transaction: data, no behaviour.

`Transaction` adds the operations. The split keeps imports pointing one way:

    lock_modes, interrupt, isolation <- state <- lock_table, control <- transaction <- database
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from queue import SimpleQueue
from time import time
from typing import NamedTuple

from minidb.errors import DatabaseError
from minidb.storage.snapshot import Snapshot
from minidb.storage.view import View
from minidb.txn.footprint import Footprint
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.overlay import Writes
from minidb.txn.read_set import ReadRange, ReadSet


class AdvisoryKey(NamedTuple):
    """The name that an application gives to a lock of its own: one bigint, or two integers."""

    first: int
    second: int | None = None

    def __str__(self) -> str:
        name = str(self.first) if self.second is None else f"({self.first}, {self.second})"
        return f"advisory lock {name}"


class RangeWrite:
    """Keys just written, as the object of a request that waits for those who hold a range around them."""

    __slots__ = ("keys",)

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys


# An object with a queue: a key, a table by its id, (4 bytes) all keys of one storage id, or what an
# application means by an advisory lock.
QueueTarget = bytes | int | AdvisoryKey
# What a request can ask for: such an object, a range, or to go on after a write.
LockTarget = QueueTarget | ReadRange | RangeWrite

_next_number = count(1).__next__


def _nothing(key: bytes) -> bytes | None:
    return None


class LockRequest:
    """One transaction waiting, or having waited, for one mode on one object."""

    __slots__ = (
        "blocked_by", "failure", "granted", "latest", "mode", "number", "owner", "signal", "since", "target",
        "upgrade",
    )  # fmt: skip

    def __init__(self, owner: TransactionState, target: LockTarget, mode: int, upgrade: bool) -> None:
        self.owner = owner
        self.target = target
        self.mode = mode
        self.upgrade = upgrade  # holds a weaker mode already, so it goes before those that hold nothing
        self.granted = False
        self.failure: DatabaseError | None = None  # a deadlock that was found while it waited
        self.since = time()
        self.number = _next_number()  # in the order of asking
        # Whom it waits for, where that is not a matter of its object's queue: see range_locks.py.
        self.blocked_by: tuple[TransactionState, ...] | None = None
        self.latest: Callable[[bytes], bytes | None] = _nothing  # finds what a key holds now, for the same
        self.signal: SimpleQueue[None] = SimpleQueue()  # one item wakes the waiter, to look again


class TransactionState:
    """A transaction's identity, what it sees, and its locks."""

    __slots__ = (
        "advisory",
        "certified",
        "deferrable",
        "escalated",
        "held",
        "id",
        "interrupt",
        "interrupted",
        "level",
        "lock_timeout_ms",
        "never_waits",
        "read_only",
        "reads",
        "refused",
        "snapshot",
        "table_locks",
        "used",
        "waiting",
        "writes",
    )

    def __init__(
        self,
        id: int,
        level: IsolationLevel,
        snapshot: Snapshot,
        interrupt: Interrupt,
        read_only: bool = False,
    ) -> None:
        self.id = id
        self.level = level
        self.snapshot = snapshot
        self.read_only = read_only
        self.deferrable = False  # SERIALIZABLE READ ONLY: wait for a safe snapshot
        self.used = False  # whether a statement has begun, and with it the first snapshot
        self.reads: ReadSet | None = None  # where the level remembers what was read
        self.certified: Footprint | None = None  # its node in the conflict graph, once it commits
        self.interrupt = interrupt
        self.refused: BaseException | None = None  # that MustWait, which may have been swallowed
        self.never_waits = False  # it fails with MustWait instead
        self.lock_timeout_ms = 0  # 0: wait as long as it takes
        self.held: dict[bytes, int] = {}  # key -> strongest row mode
        self.table_locks: dict[int, int] = {}  # storage id -> mask of table modes
        self.escalated: set[bytes] | None = None  # prefixes whose keys are all locked as one
        self.advisory: dict[AdvisoryKey, int] | None = None  # -> the modes to be held to its end
        self.interrupted = False  # by Ctrl-C while it took a lock: `held` may lack one
        self.waiting: LockRequest | None = None  # set while it waits, cleared by who grants
        self.writes: Writes = {}  # key -> new value, of what lies in memory

    def spilled_in(self, prefix: bytes) -> bool:
        """Whether writes under this storage id have been moved to disk."""
        return False

    def coarse_writes(self) -> Collection[bytes]:
        """The storage ids of which it wrote keys that are not in `writes`, or dropped all."""
        return ()

    def take_snapshot(self) -> None:
        """See the newest commit from here on, or the newest durable one if it only reads."""
        raise NotImplementedError

    def see_latest(self) -> None:
        """See the newest commit, durable or not, from here on."""
        raise NotImplementedError


class SessionOwner(TransactionState):
    """Who holds what outlives transactions: a session. It shares the session's Interrupt, and never waits."""

    __slots__ = ()

    def __init__(self, id: int, interrupt: Interrupt) -> None:
        super().__init__(id, IsolationLevel.READ_COMMITTED, Snapshot(0, View(None, ())), interrupt)
