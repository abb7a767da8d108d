"""What a transaction sees: the snapshot of its statement, and its own writes up to where the statement began.

The running statement never sees its own writes (overlay.py says why). `new_statement` moves on to the next
statement, `next_command` makes the statement's writes so far visible to what it reads next.

    positions   0 ............ base_position ............ base_position + len(undo)
                writes on disk (huge)        writes in the overlay

A savepoint is a position. A transaction that outgrows its memory limit moves its overlay to disk and goes on
with an empty one: `_spill`.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator
from time import time
from typing import Any, Final

from minidb.storage.huge import HugeWrites
from minidb.storage.snapshot import Snapshot
from minidb.storage.view import View
from minidb.txn.characteristics import Characteristics
from minidb.txn.control import ConcurrencyControl
from minidb.txn.environment import Environment
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.overlay import ABSENT, Batch, Overlay, OverlayView, Undo
from minidb.txn.read_set import PREFIX, ReadRange
from minidb.txn.reader import HugeReader, Reader
from minidb.txn.spill import written_versions
from minidb.txn.state import TransactionState

AnyReader = Snapshot | HugeReader | Reader

ACCOUNT_EVERY: Final = 4096  # writes between two looks at memory
_NO_SNAPSHOT: Final = Snapshot(0, View(None, ()))
_NOT_YET: Final = Interrupt()


class Watch:
    """Where a statement of a SERIALIZABLE transaction says what it is about to read, and gets what to read
    from.

    `reader` is fixed for a query whose rows may be fetched after later statements have written.
    """

    __slots__ = ("_control", "_reader", "_transaction")

    def __init__(
        self, transaction: TransactionReads, control: ConcurrencyControl, reader: AnyReader | None
    ) -> None:
        self._transaction = transaction
        self._control = control
        self._reader = reader

    @property
    def reads_latest(self) -> bool:
        """Whether a range must be said whole before it is read, to be locked."""
        return self._control.reads_latest

    def keys(self, keys: list[bytes], to_change: bool = False) -> AnyReader:
        """These keys are about to be looked up."""
        self._control.before_read(self._transaction, keys, to_change)
        return self._transaction.reader() if self._reader is None else self._reader

    def range(self, read: ReadRange) -> AnyReader:
        """A range is about to be scanned."""
        self._control.before_scan(self._transaction, read)
        return self._transaction.reader() if self._reader is None else self._reader


class TransactionReads(TransactionState):
    """The reading half of a transaction. `Transaction` adds locks, writes and the end."""

    __slots__ = (
        "_account_at",
        "_accounted",
        "_catalog_from",
        "_per_statement",
        "_read_keys",
        "_reader",
        "_saw_latest",
        "_watches_reads",
        "_watches_snapshot",
        "_watches_writes",
        "base",
        "base_position",
        "began",
        "bytes",
        "control",
        "dropped",
        "environment",
        "huge",
        "overlay",
        "session",
        "statement_start",
        "store",
        "synchronous_commit",
        "undo",
    )

    def __init__(self, environment: Environment, control: ConcurrencyControl) -> None:
        super().__init__(0, IsolationLevel.READ_COMMITTED, _NO_SNAPSHOT, _NOT_YET)
        self.environment = environment
        self.store = environment.store
        self.control = control
        self.began = 0.0  # when
        self.session: Any = None  # who began it, if that is one: it answers nextval()
        self.synchronous_commit = True
        self.undo: Undo = []
        self.overlay: Overlay | None = None  # of these two, once needed
        self.base_position = 0
        self.huge: HugeWrites | None = None
        self.base: Snapshot | HugeReader = self.snapshot  # what lies below the overlay
        self.statement_start = 0  # an index into `undo`; negative where that has been cut off
        # (position, storage id, the one in its place or 0): ranges that end to exist
        self.dropped: list[tuple[int, int, int]] = []
        self._reader: Reader | None = None  # the running statement's, once it needed one
        self._per_statement = control.snapshot_per_statement
        self._watches_reads = control.watches_reads
        self._read_keys: set[bytes] | None = None  # where nothing is to be done but to remember
        self._watches_snapshot = False
        self._watches_writes = control.watches_all_writes
        self._saw_latest = False  # whether it looked past its snapshot
        self._catalog_from = -1  # position of the first change to the catalog
        self.bytes = 0  # of memory that the overlay takes, as of `_accounted`
        self._accounted = 0
        self._account_at = ACCOUNT_EVERY

    def start(self, id: int, characteristics: Characteristics, interrupt: Interrupt) -> None:
        """It begins now. What comes before this can be done ahead of time."""
        self.id = id
        self.level = characteristics.level
        self.deferrable = characteristics.deferrable
        self.lock_timeout_ms = characteristics.lock_timeout_ms
        self.synchronous_commit = characteristics.synchronous_commit
        self.interrupt = interrupt
        self.began = time()
        if characteristics.read_only:
            self.read_only = True
            self.base = self.snapshot = self.store.durable
            self._watches_snapshot = self.control.watches_snapshot
        else:
            self.base = self.snapshot = self.store.latest

    # -- statements ---------------------------------------------------------------------------------------

    def new_statement(self) -> None:
        """A statement begins: READ COMMITTED takes a new snapshot, the other levels their first."""
        if not self.used:
            if self._watches_snapshot:
                self._take_watched_snapshot()
            else:
                self.used = True
                self.base = self.snapshot = self.store.durable if self.read_only else self.store.latest
        elif self._per_statement:
            self.base = self.snapshot = self.store.durable if self.read_only else self.store.latest
        self.statement_start = len(self.undo)
        self._reader = None
        if self.huge is not None:
            self._read_huge()

    def _take_watched_snapshot(self) -> None:
        self.used = True
        self.take_snapshot()
        try:
            self.control.after_snapshot(self)
        except BaseException:
            self.used = False  # what it waited for is still to be waited for
            raise
        self._watches_reads = self.reads is not None

    def remember_keys(self) -> None:
        """To look up a key takes nothing from here on but to remember it."""
        self._read_keys = None if self.reads is None else self.reads.keys

    def take_snapshot(self) -> None:
        self.base = self.snapshot = self.store.durable if self.read_only else self.store.latest

    def see_latest(self) -> None:
        latest = self.store.latest
        if latest is not self.snapshot:
            self.base = self.snapshot = latest
            self._saw_latest = True
            self._reader = None
            if self.huge is not None:
                self._read_huge()

    def next_command(self) -> None:
        """What the statement wrote so far becomes visible to the reads that it begins from now on."""
        self.statement_start = len(self.undo)
        self._reader = None
        if self.huge is not None:
            self._read_huge()

    def view(self) -> tuple[Snapshot, int]:
        """What the running statement sees, to come back to after other statements ran in the midst of it."""
        return self.snapshot, self.base_position + self.statement_start

    def restore_view(self, view: tuple[Snapshot, int]) -> None:
        """The statement that was interrupted at `view` goes on, without seeing what the others wrote."""
        if self._per_statement and not self.control.reads_latest:
            self.base = self.snapshot = view[0]
        self.statement_start = view[1] - self.base_position
        self._reader = None
        if self.huge is not None:
            self._read_huge()

    def savepoint(self) -> int:
        """The position to roll back to."""
        return self.base_position + len(self.undo)

    def rollback_to(self, position: int) -> None:
        """Undo what was written since; locks stay."""
        index = position - self.base_position
        undone = self.undo[max(0, index) :] if self.reads is not None else ()
        if index >= 0:
            if index < len(self.undo):
                self._own_writes().rollback_to(index)
        else:
            assert self.huge is not None
            if self.reads is not None:
                for prefix in self.huge.prefixes:
                    self.reads.read_whole(prefix)
            self.huge.rollback_to(position)
            self._begin_overlay(position)
            index = 0
        if undone:
            self._remember_undone(undone)
        if self.statement_start > index:
            self.statement_start = index
        self._reader = None
        if self.huge is not None:
            self._read_huge()
        if self._catalog_from >= position:
            self._catalog_from = -1
        while self.dropped and self.dropped[-1][0] >= position:
            self.dropped.pop()
        if self._accounted > index:
            self._accounted = index
        self._account_at = index + ACCOUNT_EVERY

    def _remember_undone(self, undone: Iterable[tuple[bytes, Any]]) -> None:
        """That a key could be written has told whether it was there: what stays written needs no note of it,
        as whoever writes that key too is ordered by it."""
        writes = self.writes
        for key, previous in undone:
            keys = [key] if key else previous or ()
            for each in keys:
                if each not in writes:
                    self.saw_existence(each)

    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.undo) or self.base_position > 0

    @property
    def catalog_changed(self) -> bool:
        """Whether it wrote catalog objects."""
        return self._catalog_from >= 0

    @property
    def started_at(self) -> datetime.datetime:
        """When it began: now() and CURRENT_TIMESTAMP."""
        return datetime.datetime.fromtimestamp(self.began, datetime.UTC)

    # -- reading ------------------------------------------------------------------------------------------

    def get(self, key: bytes, to_change: bool = False) -> bytes | None:
        """The value of `key` as the running statement sees it, or None. `to_change`: to be written next."""
        if self._watches_reads:
            keys = self._read_keys
            if keys is None:
                self.control.before_read(self, [key], to_change)
            elif key not in self.writes:
                keys.add(key)
        undo = self.undo
        if undo:
            if len(undo) != self.statement_start:
                value = self._statement_reader().view.get(key)
            else:
                value = self.writes.get(key, ABSENT)
            if value is not ABSENT:
                return value
        return self.base.get(key)

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """The pairs of [start, stop) in key order, or from the end, as the running statement sees them.

        A SERIALIZABLE transaction remembers no such read: statements say first what they scan (`Watch`).
        """
        if self.statement_start <= 0:
            return self.base.batches(start, stop, reverse=reverse)
        return self._statement_reader().batches(start, stop, reverse=reverse)

    def reader(self) -> Snapshot | HugeReader | Reader:
        """What the running statement sees, to be read while later statements write."""
        return self.base if self.statement_start <= 0 else self._statement_reader()

    @property
    def watch(self) -> Watch | None:
        """What a statement must tell before it reads, or None."""
        return Watch(self, self.control, None) if self._watches_reads else None

    def watch_query(self) -> Watch | None:
        """The same for a query whose rows are fetched later: what it reads holds still."""
        if not self._watches_reads:
            return None
        return Watch(self, self.control, None if self.control.reads_latest else self.reader())

    def _statement_reader(self) -> Reader:
        reader = self._reader
        if reader is None:
            view = OverlayView(self._own_writes(), max(0, self.statement_start))
            reader = self._reader = Reader(self.base, view)
        return reader

    def _own_writes(self) -> Overlay:
        overlay = self.overlay
        if overlay is None:
            overlay = self.overlay = Overlay(self.writes, self.undo)
        return overlay

    def get_latest(self, key: bytes) -> bytes | None:
        """Own writes (the running statement's too), else the newest committed value: for unique and
        foreign keys, under a lock on the key."""
        value = self.writes.get(key, ABSENT)
        if value is not ABSENT:
            return value
        if self.huge is not None:
            written, value = self.huge.get(key)
            if written:
                return value
        self._saw_latest = True
        return self.store.latest.get(key)

    def first_written(self, keys: Iterable[bytes]) -> bytes | None:
        """The first of `keys` that own writes hold, moved to disk or not."""
        writes, huge = self.writes, self.huge
        for key in keys:
            value = writes.get(key, ABSENT)
            if value is ABSENT:
                if huge is None:
                    continue
                value = huge.get(key)[1]
            if value is not None:
                return key
        return None

    def batches_latest(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """Own writes over the newest committed state: for constraints, and for building indexes."""
        self._saw_latest = True
        latest: Snapshot | HugeReader = self.store.latest
        if self.huge is not None:
            latest = HugeReader(self.store.latest, self.huge, self.base_position)
        view = OverlayView(self._own_writes(), len(self.undo))
        return Reader(latest, view).batches(start, stop, reverse=reverse)

    # -- what constraints found out -----------------------------------------------------------------------

    def saw_existence(self, key: bytes) -> None:
        """Whether the newest committed state holds `key` has decided something."""
        if self.reads is not None:
            self.reads.add_existence(key, self.store.latest.commit_id)

    def saw_rows(self, read: ReadRange) -> None:
        """Which rows of a range the newest committed state holds has decided something."""
        if self.reads is not None:
            self.reads.add_existence_range(read, self.store.latest.commit_id)

    # -- memory -----------------------------------------------------------------------------------------

    def spilled_in(self, prefix: bytes) -> bool:
        return self.huge is not None and prefix in self.huge.prefixes

    def coarse_writes(self) -> Collection[bytes]:
        if not self.dropped and self.huge is None:
            return ()
        found = {id.to_bytes(PREFIX, "big") for _, *ids in self.dropped for id in ids if id}
        return found if self.huge is None else found | self.huge.prefixes

    def _spill(self) -> None:
        """Move the overlay to disk; who reads it still keeps it."""
        if self.huge is None:
            self.huge = self.store.begin_huge()
        self.huge.write(written_versions(self.undo, self.writes, self.base_position))
        start = self.statement_start - len(self.undo)
        self._begin_overlay(self.base_position + len(self.undo))
        self.statement_start = start
        self._read_huge()

    def _begin_overlay(self, position: int) -> None:
        self.writes = {}
        self.undo = []
        self.overlay = None
        self.base_position = position
        self._reader = None
        self.bytes = 0
        self._accounted = 0
        self._account_at = ACCOUNT_EVERY

    def _read_huge(self) -> None:
        """The running statement sees what was moved to disk before it began."""
        assert self.huge is not None
        position = self.base_position + min(0, self.statement_start)
        self.base = HugeReader(self.snapshot, self.huge, position)
        self._reader = None
