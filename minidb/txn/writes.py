"""The writing half of a transaction: locks, then changes of its own overlay; nothing reaches the store.

What a write must wait for, and when it must fail, is decided by the lock table and the level's
ConcurrencyControl; `put` asks them at a key's first write only.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from minidb.errors import InternalError
from minidb.storage.key_codec import prefix_successor
from minidb.txn.control import ConcurrencyControl, StatementRestart
from minidb.txn.environment import Environment
from minidb.txn.implicit_locks import FEWEST
from minidb.txn.lock_modes import ACCESS_SHARE, NO_KEY_UPDATE, ROW_SHARE, UPDATE, WEAK_TABLE_MODES
from minidb.txn.overlay import ABSENT
from minidb.txn.read_set import PREFIX
from minidb.txn.reads import ACCOUNT_EVERY, TransactionReads
from minidb.txn.savepoint_locks import LockMark, mark_locks, release_since

ACTIVE: Final = "active"

_CATALOG_END: Final = (1).to_bytes(4, "big")  # keys below it are the catalog's
_SAMPLED: Final = 8  # of a batch, one in so many has its size looked at
_ENTRY_OVERHEAD: Final = 250  # bytes that one write costs besides its key and value


class TransactionWrites(TransactionReads):
    """See the module. `Transaction` adds the end."""

    __slots__ = ("_escalate_at", "announced", "locks", "locks_reads", "owners", "queues", "state")

    def __init__(self, environment: Environment, control: ConcurrencyControl) -> None:
        super().__init__(environment, control)
        self.state = ACTIVE
        # The hot paths' shortcuts to what others own.
        locks = self.locks = environment.locks
        self.owners = locks.owners
        self.queues = locks.queues
        self.announced = locks.announced
        self.locks_reads = control.reads_latest
        self._escalate_at = environment.row_lock_limit

    def new_statement_sees(self, catalog_version: int) -> bool:
        """`new_statement`, and whether it may run as it was prepared under the catalog of that commit: it has
        no DDL of its own, its snapshot is not older, and no table is locked against readers."""
        self.new_statement()
        return self._catalog_from < 0 and not self.locks.barred and catalog_version <= self.snapshot.commit_id

    # -- locking ------------------------------------------------------------------------------------------

    def lock(self, key: bytes, mode: int = UPDATE, wait: bool = True) -> bool:
        """Lock a row or key to the end; whether it changed is not looked at. False: it would have to wait."""
        if self.read_only:
            raise self._cannot_write()
        granted = self.locks.lock_row(self, key, mode, wait)
        if len(self.held) > self._escalate_at:
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

    def lock_table_by_name(self, table_id: int, mode: int, wait: bool) -> bool:
        """LOCK TABLE: as `lock_table`, but open to READ ONLY transactions, and before the first snapshot."""
        if not self.locks.lock_table(self, table_id, mode, wait):
            return False
        if self.used:
            if self.store.latest is not self.snapshot:
                self._after_table_lock(table_id, mode)
        elif self.environment.catalog_commit > self.snapshot.commit_id:
            raise StatementRestart  # the name may mean something else by now
        return True

    def take_over_table_locks(self, other: TransactionWrites) -> None:
        """Hold what another one of the same session holds, which then ends: nobody comes in between."""
        locks = self.locks
        with locks.mutex:
            self.table_locks.update(other.table_locks)
            for holders in locks.barred.values():
                if other in holders:
                    holders.add(self)

    def _after_table_lock(self, table_id: int, mode: int) -> None:
        environment = self.environment
        if environment.catalog_commit > self.snapshot.commit_id:
            definition_key = environment.definition_key
            if definition_key is None or self.store.newest_change(definition_key(table_id), self.snapshot):
                self.control.before_table(self, table_id)
        if mode > WEAK_TABLE_MODES and self.control.snapshot_per_statement:
            # It may have waited for writers; what they committed is part of what it now guards.
            self.base = self.snapshot = self.store.latest
            self._reader = None
            if self.huge is not None:
                self._read_huge()

    def mark_locks(self) -> LockMark | None:
        """The locks held now, for `release_locks_since`; None where all are kept to the end."""
        return None if self.locks_reads else mark_locks(self)

    def release_locks_since(self, mark: LockMark) -> None:
        """After `rollback_to` the position of the same moment: give back what was locked since."""
        reads = self.reads
        if reads is None or not (reads.existence or reads.existence_ranges):
            release_since(self.locks, self, mark)

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
                self._catalog_from = self.base_position + len(self.undo)
        undo = self.undo
        undo.append((key, previous))
        writes[key] = value
        if self.announced:
            self._await_ranges([key])
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
                self._catalog_from = self.base_position + len(self.undo)
        undo = self.undo
        undo.append((key, previous))
        writes[key] = None
        if self.announced:
            self._await_ranges([key])
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
            if (self.store.latest.get(key) if self.huge is None else self.get_latest(key)) is not None:
                self._saw_latest = True
                self.saw_existence(key)
                return False
            changed = self.store.latest is not self.snapshot
            if self._watches_writes or (changed and self._sees_what_is_gone(key)):
                self.control.before_write(self, key)
            if key < _CATALOG_END and self._catalog_from < 0:
                self._catalog_from = self.base_position + len(self.undo)
        elif previous is not None:
            return False
        undo = self.undo
        undo.append((key, previous))
        writes[key] = value
        if self.announced:
            self._await_ranges([key])
        if len(undo) >= self._account_at:
            self._account()
        return True

    def _sees_what_is_gone(self, key: bytes) -> bool:
        """Whether the snapshot shows a key that was deleted since. To insert it again is to write over that:
        index entries of the old row, still seen, would lead to the new one."""
        return not self._per_statement and self.snapshot.get(key) is not None

    def put_entry(self, key: bytes, value: bytes) -> None:
        """Write a key that nobody else can want: an index entry under its row's lock, a row with a new id."""
        undo = self.undo
        writes = self.writes
        undo.append((key, writes.get(key, ABSENT)))
        writes[key] = value
        if self.announced:
            self._await_ranges([key])
        if len(undo) >= self._account_at:
            self._account()

    def delete_entry(self, key: bytes) -> None:
        """Remove an index entry; its row's lock covers it."""
        undo = self.undo
        writes = self.writes
        undo.append((key, writes.get(key, ABSENT)))
        writes[key] = None
        if self.announced:
            self._await_ranges([key])
        if len(undo) >= self._account_at:
            self._account()

    def insert_many(self, keys: list[bytes], values: list[bytes]) -> int | None:
        """Write keys of one storage id that must be new: all, or if one exists, none. The index of the first
        that does, or None. At C speed where the keys are new to this transaction and end a table."""
        if not keys:
            return None
        if self.read_only:
            raise self._cannot_write()
        if self._watches_writes or not self._lock_many(keys):
            return self._insert_each(keys, values)
        taken = self._first_taken(keys)
        if taken is None and self.store.latest is not self.snapshot:
            self._refuse_what_is_gone(keys)
        if taken is not None or self._put_new(keys, values):
            return taken
        return self._insert_each(keys, values)

    def _first_taken(self, keys: list[bytes]) -> int | None:
        """The index of the first key that exists, but for own writes in memory."""
        latest, huge = self.store.latest, self.huge
        low = min(keys)
        found = latest.first(low, prefix_successor(low[:PREFIX]))
        if found is None or found[0] > max(keys):
            if huge is None or next(huge.batches(low, max(keys) + b"\x00"), None) is None:
                return None
        get = latest.get if huge is None else self.get_latest
        for place, key in enumerate(keys):
            if get(key) is not None:
                self._saw_latest = True
                self.saw_existence(key)
                return place
        return None

    def _refuse_what_is_gone(self, keys: list[bytes]) -> None:
        if self.snapshot.first(min(keys), max(keys) + b"\x00") is not None:
            for key in keys:
                if self._sees_what_is_gone(key):
                    self.control.before_write(self, key)

    def put_entries(self, entries: dict[bytes, bytes]) -> None:
        """`put_entry` for many keys."""
        if not self._put_new(list(entries), list(entries.values())):
            for key, value in entries.items():
                self.put_entry(key, value)

    def _put_new(self, keys: list[bytes], values: list[bytes]) -> bool:
        """Write many keys, one entry of the undo list for all; nothing, and False, if own writes have one."""
        if not keys:
            return True
        if self._catalog_from < 0 and min(keys) < _CATALOG_END:
            self._catalog_from = self.base_position + len(self.undo)
        writes = self.writes
        before = len(writes)
        done = False
        try:
            deque(map(writes.setdefault, keys, values), maxlen=0)
            if len(writes) == before + len(keys):
                self.undo.append((b"", keys))
                done = True
        finally:
            if not done:  # an interrupt, or a key that was there; a dictionary's newest entries are its last
                while len(writes) > before:
                    writes.popitem()
        if not done:
            return False
        if self.announced:
            self._await_ranges(keys)
        sampled = sum(map(len, keys[::_SAMPLED])) + sum(map(len, values[::_SAMPLED]))
        self.bytes += sampled * _SAMPLED + _ENTRY_OVERHEAD * len(keys)
        self._account()
        return True

    def _lock_many(self, keys: list[bytes]) -> bool:
        """Lock many keys that are new. False, with none locked, where they have to be inserted one by one."""
        if self.escalated is not None and keys[0][:4] in self.escalated:
            return self.writes.keys().isdisjoint(keys)
        if len(keys) >= FEWEST and self.locks.implicit.lock_new(self, keys, self.environment.row_lock_limit):
            return True
        held = self.held
        new = dict.fromkeys(keys, UPDATE)
        if len(new) != len(keys) or not new.keys().isdisjoint(held.keys()):
            return False
        held.update(new)
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
        return True

    def _await_ranges(self, keys: list[bytes]) -> None:
        """Somebody holds ranges, or asks for one: wait for those that the writes just made meet."""
        announced = self.announced
        concerned = [key for key in keys if key[:PREFIX] in announced]
        if concerned:
            self.locks.wait_for_ranges(self, concerned, self.latest_value)

    def latest_value(self, key: bytes) -> bytes | None:
        """What the newest commit holds."""
        return self.store.latest.get(key)

    def _insert_each(self, keys: list[bytes], values: list[bytes]) -> int | None:
        position = self.savepoint()
        for place, (key, value) in enumerate(zip(keys, values, strict=True)):
            if not self.insert(key, value):
                self.rollback_to(position)
                return place
        return None

    def drop_range(self, storage_id: int, heir: int = 0) -> None:
        """All keys under `storage_id` end to exist at commit (DROP, TRUNCATE); `heir` is where
        rows are from then on. The table is locked."""
        if self.read_only:
            raise self._cannot_write()
        self.dropped.append((self.savepoint(), storage_id, heir))
        self.undo.append((b"", None))  # so that the drop has a position of its own to roll back to

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
        undo = self.undo
        keys = [key for key, _ in islice(undo, self._accounted, None) if key]
        values = [value for value in map(self.writes.get, keys) if value]
        self.bytes += sum(map(len, keys)) + sum(map(len, values)) + _ENTRY_OVERHEAD * len(keys)
        self._accounted = len(undo)
        self._account_at = len(undo) + ACCOUNT_EVERY
        if len(self.held) > self._escalate_at:
            self._escalate()
        if self.bytes > self.store.options.huge_transaction_bytes:
            self._spill()

    def _escalate(self) -> None:
        limit = self.environment.row_lock_limit
        self.locks.escalate_most(self, limit // 2)
        # Where others' locks prevent it, the next attempt comes when there are half as many more.
        self._escalate_at = max(limit, len(self.held) * 3 // 2)
