"""A transaction: reads its snapshot and its own writes, writes under locks, ends by commit or rollback.

Nothing reaches the store before commit: writes collect in the overlay, so a rollback only forgets. What a
write must wait for, and when it must fail, is decided by the lock table and the level's ConcurrencyControl;
`put` asks them at a key's first write only. One thread at a time uses a transaction, except for `waiting`,
`waiting_for` and its Interrupt, which any thread may.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from minidb.errors import InternalError
from minidb.storage.key_codec import prefix_successor
from minidb.txn.control import ConcurrencyControl, StatementRestart
from minidb.txn.environment import Environment
from minidb.txn.implicit_locks import FEWEST
from minidb.txn.interrupt import Interrupt
from minidb.txn.isolation import IsolationLevel
from minidb.txn.lock_modes import ACCESS_SHARE, NO_KEY_UPDATE, ROW_SHARE, UPDATE, WEAK_TABLE_MODES
from minidb.txn.overlay import ABSENT
from minidb.txn.read_set import PREFIX
from minidb.txn.reads import ACCOUNT_EVERY, TransactionReads
from minidb.txn.savepoint_locks import LockMark, mark_locks, release_since

ACTIVE: Final = "active"
COMMITTED: Final = "committed"
ROLLED_BACK: Final = "rolled back"

_CATALOG_END: Final = (1).to_bytes(4, "big")  # keys below it are the catalog's
_SAMPLED: Final = 8  # of a batch, one in so many has its size looked at
_ENTRY_OVERHEAD: Final = 250  # bytes that one write costs besides its key and value


class Transaction(TransactionReads):
    """See the module."""

    __slots__ = (
        "_escalate_at",
        "_graph",
        "announced",
        "locks",
        "locks_reads",
        "on_commit",
        "on_commit_failed",
        "owners",
        "queues",
        "state",
        "synchronous_commit",
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
        super().__init__(environment, id, level, control, read_only, interrupt)
        self.state = ACTIVE
        self.synchronous_commit = True
        # Told, under the commit mutex, the id of a commit that nobody can see yet; and if it fails after all.
        self.on_commit: Callable[[Transaction, int], None] | None = None
        self.on_commit_failed: Callable[[Transaction], None] | None = None
        # The hot paths' shortcuts to what others own.
        locks = self.locks = environment.locks
        self.owners = locks.owners
        self.queues = locks.queues
        self.announced = locks.announced
        self._graph = environment.certification.graph
        self.locks_reads = control.reads_latest
        self._escalate_at = environment.row_lock_limit

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

    def take_over_table_locks(self, other: Transaction) -> None:
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

    # -- the end ------------------------------------------------------------------------------------------

    def lock_tables_read(self, table_ids: tuple[int, ...]) -> None:
        """Where reads are locked (`locks_reads`), DDL must wait for them too: ACCESS SHARE."""
        for table_id in table_ids:
            self.lock_table(table_id, ACCESS_SHARE)
        if self.environment.catalog_commit > self.snapshot.commit_id:
            raise StatementRestart  # it waited for a definition

    def check(self) -> None:
        """After a statement: 40001 if the level knows already that COMMIT will fail."""
        reads = self.reads
        if reads is not None:
            if len(reads.keys) > reads.limit:
                reads.coarsen()
            graph = self._graph
            if graph.last_commit_id > self.snapshot.commit_id and (
                graph.ranged or not graph.written.isdisjoint(reads.keys) or reads.has_ranges()
            ):
                self.control.after_statement(self)

    def commit(self) -> None:
        """Make the writes the newest commit, and durable before this returns; else roll back and raise.
        One that never waits leaves it to the serial executor to make it durable."""
        if self.state is not ACTIVE:
            raise self._cannot_write()
        if self.huge is not None and self.base_position > 0:
            self.control.commit_huge(self._commit_huge)
            return
        if self.undo:
            self._commit_writes()
            return
        may_wait = (
            self.synchronous_commit and not self.never_waits and (not self.read_only or self._saw_latest)
        )
        if self.reads is not None:
            self._certify_reads()
        self._end(COMMITTED)
        if may_wait:
            seen = self.store.latest if self._saw_latest else self.snapshot
            if seen.commit_id > self.store.durable.commit_id:
                self.store.sync(seen.commit_id)

    def _certify_reads(self) -> None:
        """A transaction that wrote nothing may close a cycle, too."""
        if self.environment.certification.needs_no_certificate(self):
            return
        try:
            with self._graph.mutex:
                self.control.before_commit(self, self.store.latest.commit_id)
        except BaseException:
            self.rollback()
            raise

    def _commit_writes(self) -> None:
        try:
            if self.control.watches_commit or self.dropped:
                with self._graph.mutex:
                    commit_id = self._publish(True)
            else:
                commit_id = self._publish(self.on_commit is not None or self._catalog_from >= 0)
        except BaseException:
            self.rollback()
            raise
        self.state = COMMITTED  # whatever happens from here on, an interruption included
        self._end(COMMITTED)
        if self.synchronous_commit and not self.never_waits:
            self.store.sync(commit_id)

    def _publish(self, watched: bool) -> int:
        return self.environment.committer.publish(
            self.id,
            self.writes,
            [storage_id for _, storage_id, _ in self.dropped],
            self._prepare_commit if watched else None,
            self._revoke_commit if watched else None,
            self.synchronous_commit,
        )

    def _publish_huge(self) -> int:
        assert self.huge is not None
        dropped = [storage_id for _, storage_id, _ in self.dropped]
        return self.environment.committer.publish_huge(self.id, self.huge, dropped)

    def _commit_huge(self) -> None:
        assert self.huge is not None
        try:
            if self.undo:
                self._spill()
            if self.control.watches_commit or self.dropped:
                # Others certify when this has its place among the commits, which takes a while.
                with self._graph.mutex:
                    self._before_commit(self.store.latest.commit_id + 1, True)
                    commit_id = self._publish_huge()
                    if self.certified is not None:
                        self.certified.commit_id = self.certified.first_commit_id = commit_id
                        self._graph.last_commit_id = commit_id
            else:
                commit_id = self._publish_huge()
        except BaseException:
            if not self.huge.committed:
                self._revoke_commit()
                self.rollback()
                raise
            self._finish_huge(self.store.latest.commit_id)  # Ctrl-C came with the commit: its id, or a later
            raise
        self._finish_huge(commit_id)

    def _finish_huge(self, commit_id: int) -> None:
        self.state = COMMITTED
        self.huge = None
        try:
            # Later than an ordinary commit does it: the commit can be seen already. Until the catalog is
            # published, the old one finds what it describes: dropped ranges stay until a checkpoint, and our
            # table locks keep writers away.
            with self.store.commit_mutex:
                self._announce(commit_id)
        finally:
            self._end(COMMITTED)

    def _prepare_commit(self, commit_id: int) -> None:
        """Under the commit mutex: nothing else commits until this one has."""
        self._before_commit(commit_id, False)
        self._announce(commit_id)

    def _before_commit(self, commit_id: int, takes_long: bool) -> None:
        if self.control.watches_commit:
            self.control.before_commit(self, commit_id)
        if self.dropped:
            heirs = [(old, heir) for _, old, heir in self.dropped if heir]
            self.environment.certification.hand_over(heirs, commit_id, takes_long)

    def _announce(self, commit_id: int) -> None:
        if self._catalog_from >= 0:
            self.environment.catalog_commit = commit_id
        if self.on_commit is not None:
            # What it reads from here on is what the commit will show.
            self.base = self.snapshot = self.store.latest
            self.next_command()
            self.on_commit(self, commit_id)

    def _revoke_commit(self) -> None:
        if self.control.watches_commit:
            self.control.commit_failed(self)
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
            if self.queues or self.announced or self.locks.ranges.parked:
                self.locks.release_all(self)
        self.state = state
        # Open results may still read the overlay; whoever writes now is told that the transaction ended.
        self.writes = {}
        self.undo = []
        self.read_only = True
        if self.huge is not None:
            self.huge.abort()  # harmless after a commit
            self.huge = None
        if self.control.watches_end:
            self.control.after_end(self)
