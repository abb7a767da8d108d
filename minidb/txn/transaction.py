"""A transaction: reads its snapshot and its own writes, writes under locks, ends by commit or rollback.

Nothing reaches the store before commit: writes collect in the overlay, so a rollback only forgets. What a
write must wait for, and when it must fail, is decided by the lock table and the level's ConcurrencyControl;
`put` asks them at a key's first write only. One thread at a time uses a transaction, except for `waiting`,
`waiting_for` and its Interrupt, which any thread may.

The statement of the present moment never sees its own writes: see overlay.py. `new_statement` moves on to
the next statement, `next_command` makes the statement's writes so far visible to what it reads next.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat
from time import time
from typing import Final

from minidb.errors import InternalError
from minidb.storage.snapshot import Snapshot
from minidb.txn.control import ConcurrencyControl
from minidb.txn.environment import Environment
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.lock_modes import ACCESS_SHARE, NO_KEY_UPDATE, ROW_SHARE, UPDATE, WEAK_TABLE_MODES
from minidb.txn.overlay import ABSENT, Batch, Overlay, OverlayView
from minidb.txn.reader import Reader
from minidb.txn.state import TransactionState

ACTIVE: Final = "active"
COMMITTED: Final = "committed"
ROLLED_BACK: Final = "rolled back"

_CATALOG_END: Final = (1).to_bytes(4, "big")  # keys below it are the catalog's
_ACCOUNT_EVERY: Final = 4096  # writes between two looks at memory
_ENTRY_OVERHEAD: Final = 250  # bytes that one write costs besides its key and value


class Transaction(TransactionState):
    """See the module."""

    __slots__ = (
        "_account_at",
        "_accounted",
        "_catalog_from",
        "_reader",
        "_saw_latest",
        "_watches_reads",
        "_watches_writes",
        "began",
        "bytes",
        "control",
        "environment",
        "locks",
        "on_commit",
        "on_commit_failed",
        "overlay",
        "owners",
        "queues",
        "read_only",
        "state",
        "statement_start",
        "store",
        "synchronous_commit",
        "undo",
        "used",
        "writes",
    )

    def __init__(
        self,
        environment: Environment,
        id: int,
        level: IsolationLevel,
        control: ConcurrencyControl,
        read_only: bool,
        interrupt: Interrupt,
    ) -> None:
        store = environment.store
        super().__init__(id, level, store.durable if read_only else store.latest, interrupt)
        self.environment = environment
        self.store = store
        self.control = control
        self.read_only = read_only
        self.began = time()
        self.state = ACTIVE
        self.used = False  # whether a statement has begun
        self.synchronous_commit = True
        # Told, under the commit mutex, the id of a commit that nobody can see yet; and if it fails after all.
        self.on_commit: Callable[[Transaction, int], None] | None = None
        self.on_commit_failed: Callable[[Transaction], None] | None = None
        # The hot paths' shortcuts to what others own.
        locks = self.locks = environment.locks
        self.owners = locks.owners
        self.queues = locks.queues
        overlay = self.overlay = Overlay()
        self.writes = overlay.writes
        self.undo = overlay.undo
        self.statement_start = 0  # position in `undo` where the running statement began
        self._reader: Reader | None = None  # the running statement's, once it needed one
        self._watches_reads = control.watches_reads
        self._watches_writes = control.watches_all_writes
        self._saw_latest = False  # whether it looked past its snapshot
        self._catalog_from = -1  # position in `undo` of the first change to the catalog
        self.bytes = 0
        self._accounted = 0
        self._account_at = _ACCOUNT_EVERY

    # -- statements ---------------------------------------------------------------------------------------

    def new_statement(self) -> None:
        """A statement begins: READ COMMITTED takes a new snapshot, the other levels their first."""
        if not self.used or self.control.snapshot_per_statement:
            self.used = True
            self.snapshot = self.store.durable if self.read_only else self.store.latest
        self.statement_start = len(self.undo)
        self._reader = None

    def next_command(self) -> None:
        """What the statement wrote so far becomes visible to the reads that it begins from now on."""
        self.statement_start = len(self.undo)
        self._reader = None

    def savepoint(self) -> int:
        """The position to roll back to."""
        return len(self.undo)

    def rollback_to(self, position: int) -> None:
        """Undo what was written since; locks stay."""
        self.overlay.rollback_to(position)
        if self.statement_start > position:
            self.statement_start = position
        self._reader = None
        if self._catalog_from >= position:
            self._catalog_from = -1
        if self._accounted > position:
            self._accounted = position
        self._account_at = position + _ACCOUNT_EVERY

    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.undo)

    @property
    def catalog_changed(self) -> bool:
        """Whether it wrote catalog objects."""
        return self._catalog_from >= 0

    @property
    def started_at(self) -> datetime.datetime:
        """When it began: now() and CURRENT_TIMESTAMP."""
        return datetime.datetime.fromtimestamp(self.began, datetime.UTC)

    # -- reading ------------------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """The value of `key` as the running statement sees it, or None."""
        if self._watches_reads:
            self.control.before_read(self, key)
        undo = self.undo
        if undo:
            if len(undo) != self.statement_start:
                value = self._statement_reader().view.get(key)
            else:
                value = self.writes.get(key, ABSENT)
            if value is not ABSENT:
                return value
        return self.snapshot.get(key)

    def batches(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """The pairs of [start, stop) in key order, or from the end, as the running statement sees them."""
        if self._watches_reads:
            self.control.before_scan(self, start, stop)
        if self.statement_start == 0:
            return self.snapshot.batches(start, stop, reverse=reverse)
        return self._statement_reader().batches(start, stop, reverse=reverse)

    def reader(self) -> Snapshot | Reader:
        """What the running statement sees, to be read while later statements write."""
        if self.statement_start == 0:
            return self.snapshot
        return self._statement_reader()

    def _statement_reader(self) -> Reader:
        reader = self._reader
        if reader is None:
            view = OverlayView(self.overlay, self.statement_start)
            reader = self._reader = Reader(self.snapshot, view)
        return reader

    def get_latest(self, key: bytes) -> bytes | None:
        """Own writes (the running statement's too), else the newest committed value: for unique and
        foreign keys, under a lock on the key."""
        value = self.writes.get(key, ABSENT)
        if value is not ABSENT:
            return value
        self._saw_latest = True
        return self.store.latest.get(key)

    def batches_latest(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Iterator[Batch]:
        """Own writes over the newest committed state: for constraints, and for building indexes."""
        self._saw_latest = True
        view = OverlayView(self.overlay, len(self.undo))
        return Reader(self.store.latest, view).batches(start, stop, reverse=reverse)

    # -- locking ------------------------------------------------------------------------------------------

    def lock(self, key: bytes, mode: int = UPDATE, wait: bool = True) -> bool:
        """Lock a row or key to the end; whether it changed is not looked at. False: it would have to wait."""
        if self.read_only:
            raise self._cannot_write()
        granted = self.locks.lock_row(self, key, mode, wait)
        if len(self.held) > self.environment.row_lock_limit:
            self._escalate()
        return granted

    def lock_row(self, key: bytes, mode: int = UPDATE, wait: bool = True) -> bool:
        """Lock a row that the statement has read, with the level's rule for changed rows."""
        granted = self.lock(key, mode, wait)
        if granted and key not in self.writes and self.store.latest is not self.snapshot:
            self.control.before_write(self, key)
        return granted

    def lock_table(self, table_id: int, mode: int, wait: bool = True) -> bool:
        """Lock a table to the end. If its definition is newer than the snapshot, the statement restarts
        (READ COMMITTED) or the transaction fails (40001). False: it would have to wait."""
        if self.table_locks.get(table_id, 0) & mode:
            return True
        if self.read_only and mode > ROW_SHARE:
            raise self._cannot_write()
        if not self.locks.lock_table(self, table_id, mode, wait):
            return False
        if self.store.latest is not self.snapshot and mode != ACCESS_SHARE:
            self._after_table_lock(table_id, mode)
        return True

    def _after_table_lock(self, table_id: int, mode: int) -> None:
        environment = self.environment
        if environment.catalog_commit > self.snapshot.commit_id:
            definition_key = environment.definition_key
            if definition_key is None or self.store.newest_change(definition_key(table_id), self.snapshot):
                self.control.before_table(self, table_id)
        if mode > WEAK_TABLE_MODES and self.control.snapshot_per_statement:
            # It may have waited for writers; what they committed is part of what it now guards.
            self.snapshot = self.store.latest
            self._reader = None

    def waiting_for(self) -> str | None:
        """The lock it waits for at this moment, and who has it. From any thread."""
        return self.locks.waiting_for(self)

    # -- writing ------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: bytes) -> None:
        """Write a row, new or changed."""
        writes = self.writes
        previous = writes.get(key, ABSENT)
        if previous is ABSENT:
            held = self.held
            was = held.get(key, 0)
            if was < NO_KEY_UPDATE:
                if self.read_only:
                    raise self._cannot_write()
                held[key] = NO_KEY_UPDATE
                if self.owners.setdefault(key, self) is not self or self.queues:
                    self.locks.lock_row_slowly(self, key, NO_KEY_UPDATE, was, True)
            if self.store.latest is not self.snapshot or self._watches_writes:
                self.control.before_write(self, key)
            if key < _CATALOG_END and self._catalog_from < 0:
                self._catalog_from = len(self.undo)
        undo = self.undo
        undo.append((key, previous))
        writes[key] = value
        if len(undo) >= self._account_at:
            self._account()

    def delete(self, key: bytes) -> None:
        """Remove a row."""
        held = self.held
        was = held.get(key, 0)
        if was < UPDATE:
            if self.read_only:
                raise self._cannot_write()
            held[key] = UPDATE
            if self.owners.setdefault(key, self) is not self or self.queues:
                self.locks.lock_row_slowly(self, key, UPDATE, was, True)
        writes = self.writes
        previous = writes.get(key, ABSENT)
        if previous is ABSENT:
            if self.store.latest is not self.snapshot or self._watches_writes:
                self.control.before_write(self, key)
            if key < _CATALOG_END and self._catalog_from < 0:
                self._catalog_from = len(self.undo)
        undo = self.undo
        undo.append((key, previous))
        writes[key] = None
        if len(undo) >= self._account_at:
            self._account()

    def insert(self, key: bytes, value: bytes) -> bool:
        """Write a key that must be new; False if own writes or the newest committed state have it."""
        held = self.held
        was = held.get(key, 0)
        if was < UPDATE:
            if self.read_only:
                raise self._cannot_write()
            held[key] = UPDATE
            if self.owners.setdefault(key, self) is not self or self.queues:
                self.locks.lock_row_slowly(self, key, UPDATE, was, True)
        writes = self.writes
        previous = writes.get(key, ABSENT)
        if previous is ABSENT:
            if self.store.latest.get(key) is not None:
                self._saw_latest = True
                return False
            if self._watches_writes:
                self.control.before_write(self, key)
            if key < _CATALOG_END and self._catalog_from < 0:
                self._catalog_from = len(self.undo)
        elif previous is not None:
            return False
        undo = self.undo
        undo.append((key, previous))
        writes[key] = value
        if len(undo) >= self._account_at:
            self._account()
        return True

    def put_entry(self, key: bytes, value: bytes) -> None:
        """Write a key that nobody else can want: an index entry under its row's lock, a row with a new id."""
        undo = self.undo
        writes = self.writes
        undo.append((key, writes.get(key, ABSENT)))
        writes[key] = value
        if len(undo) >= self._account_at:
            self._account()

    def delete_entry(self, key: bytes) -> None:
        """Remove an index entry; its row's lock covers it."""
        undo = self.undo
        writes = self.writes
        undo.append((key, writes.get(key, ABSENT)))
        writes[key] = None
        if len(undo) >= self._account_at:
            self._account()

    def insert_many(self, pairs: Sequence[tuple[bytes, bytes]]) -> int | None:
        """Write keys of one storage id that must be new: all, or if one exists, none. The index of the first
        that does, or None. At C speed where the keys are new to this transaction and end a table."""
        fresh = dict(pairs)
        if not fresh:
            return None
        if self.read_only:
            raise self._cannot_write()
        writes, held = self.writes, self.held
        if (
            len(fresh) != len(pairs)
            or self._watches_writes
            or not fresh.keys().isdisjoint(writes)
            or not fresh.keys().isdisjoint(held)
        ):
            return self._insert_each(pairs)
        if self.escalated is None or pairs[0][0][:4] not in self.escalated:
            self._lock_many(fresh)
        latest = self.store.latest
        if latest.first(min(fresh), max(fresh) + b"\x00") is not None:
            get = latest.get
            for place, key in enumerate(fresh):
                if get(key) is not None:
                    self._saw_latest = True
                    return place
        self.put_entries(fresh)
        return None

    def put_entries(self, entries: dict[bytes, bytes]) -> None:
        """`put_entry` for many keys that this transaction has not written before."""
        if self._catalog_from < 0 and min(entries, default=_CATALOG_END) < _CATALOG_END:
            self._catalog_from = len(self.undo)
        self.undo.extend(zip(entries, repeat(ABSENT)))
        self.writes.update(entries)
        if len(self.undo) >= self._account_at:
            self._account()

    def _lock_many(self, keys: dict[bytes, bytes]) -> None:
        """Lock keys of which none is held yet."""
        held = self.held
        held.update(zip(keys, repeat(UPDATE)))
        setdefault = self.owners.setdefault
        refused = [key for key in keys if setdefault(key, self) is not self]
        if refused or self.queues:
            # What was refused is not ours yet: `held` must not say so while we wait for others.
            for key in refused:
                del held[key]
            for key in [key for key in keys if key in held]:
                self.locks.lock_row_slowly(self, key, UPDATE, 0, True)
            for key in refused:
                self.locks.lock_row(self, key, UPDATE, True)

    def _insert_each(self, pairs: Sequence[tuple[bytes, bytes]]) -> int | None:
        position = len(self.undo)
        for place, (key, value) in enumerate(pairs):
            if not self.insert(key, value):
                self.rollback_to(position)
                return place
        return None

    def drop_range(self, storage_id: int) -> None:
        """All keys under `storage_id` end to exist at commit (DROP, TRUNCATE). The table is locked."""
        if self.read_only:
            raise self._cannot_write()
        self.overlay.drop(storage_id)

    def next_row_id(self, storage_id: int) -> int:
        """A row id that no other row of a table without a primary key has."""
        return self.environment.row_ids.next(storage_id)

    def _cannot_write(self) -> InternalError:
        if self.state is not ACTIVE:
            return InternalError(f"the transaction has been {self.state}", sqlstate="25P01")
        return InternalError("cannot execute this statement in a read-only transaction", sqlstate="25006")

    # -- memory -------------------------------------------------------------------------------------------

    def _account(self) -> None:
        """Every few thousand writes: keep locks and overlay within their limits."""
        undo, find = self.undo, self.writes.get
        size = 0
        for key, _ in islice(undo, self._accounted, None):
            value = find(key)
            size += len(key) + _ENTRY_OVERHEAD if value is None else len(key) + len(value) + _ENTRY_OVERHEAD
        self.bytes += size
        self._accounted = len(undo)
        self._account_at = len(undo) + _ACCOUNT_EVERY
        if len(self.held) > self.environment.row_lock_limit:
            self._escalate()

    def _escalate(self) -> None:
        """Lock whole storage ids instead of row by row, where nobody else holds a row of them."""
        held = self.held
        most = Counter([key[:4] for key in held]).most_common()
        for prefix, count in most:
            if len(held) <= self.environment.row_lock_limit // 2:
                break
            if count > 1:
                self.locks.escalate(self, prefix)

    # -- the end ------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make the writes the newest commit, and durable before this returns; else roll back and raise."""
        if self.state is not ACTIVE:
            raise self._cannot_write()
        if self.undo:
            self._commit_writes()
            return
        may_wait = self.synchronous_commit and not self.read_only
        self._end(COMMITTED)
        if may_wait:
            seen = self.store.latest if self._saw_latest else self.snapshot
            if seen.commit_id > self.store.durable.commit_id:
                self.store.sync(seen.commit_id)

    def _commit_writes(self) -> None:
        watched = self.control.watches_commit or self.on_commit is not None or self._catalog_from >= 0
        try:
            commit_id = self.environment.committer.publish(
                self.id,
                self.writes,
                self.overlay.dropped,
                self._prepare_commit if watched else None,
                self._revoke_commit if watched else None,
            )
        except BaseException:
            self.rollback()
            raise
        self.state = COMMITTED  # whatever happens from here on, an interruption included
        self._end(COMMITTED)
        if self.synchronous_commit:
            self.store.sync(commit_id)

    def _prepare_commit(self, commit_id: int) -> None:
        """Under the commit mutex: nothing else commits until this one has."""
        self.control.before_commit(self)
        if self._catalog_from >= 0:
            self.environment.catalog_commit = commit_id
        if self.on_commit is not None:
            # What it reads from here on is what the commit will show.
            self.snapshot = self.store.latest
            self.next_command()
            self.on_commit(self, commit_id)

    def _revoke_commit(self) -> None:
        if self.on_commit_failed is not None:
            self.on_commit_failed(self)

    def rollback(self) -> None:
        """Forget the writes and release the locks. Harmless after the end."""
        if self.state is ACTIVE:
            self._end(ROLLED_BACK)
        elif self.held or self.table_locks:
            self._end(self.state)  # an interruption hit the end itself

    def _end(self, state: str) -> None:
        if self.held or self.table_locks:
            self.locks.release_all(self)
        else:
            self.environment.active.pop(self.id, None)
            if self.queues:
                self.locks.release_all(self)
        self.state = state
        # Open results may still read the overlay; whoever writes now is told that the transaction ended.
        self.writes = {}
        self.undo = []
        self.read_only = True
        if self.control.watches_end:
            self.control.after_end(self)
