"""The store: commits go to a log and a memtable, checkpoints to LMDB, and readers hold snapshots of both.

    commit(writes)  -->  log record (pending)  -->  memtable  -->  latest
    sync(id)        -->  one write and fdatasync for all that is pending  -->  durable
    checkpoint()    -->  sealed generations into LMDB, synced  -->  a new view, the log trimmed

Two snapshots are always published as plain attributes, which readers take without a lock: `latest`, the
newest commit, and `durable`, the newest that a crash cannot take back. Whoever acknowledges a commit waits
for `sync`.

Invariants: what LMDB holds was synced to the log first. `durable` is never newer than `latest`. A view's
root and generations together hold every commit up to the ids of its snapshots.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from minidb.errors import DatabaseError, DiskFull, OperationalError
from minidb.storage import fork
from minidb.storage.checkpoint import Background, Pace, apply_generations, merge_layer
from minidb.storage.durability import Durability
from minidb.storage.group_commit import GroupCommit
from minidb.storage.huge import HugeWrites
from minidb.storage.layer import remove_layer_files
from minidb.storage.lmdb_store import CheckpointTree, LogPosition
from minidb.storage.memtable import Generation, newest_since
from minidb.storage.opening import Parts, open_parts
from minidb.storage.options import StoreOptions
from minidb.storage.row_codec import same_value
from minidb.storage.snapshot import Snapshot
from minidb.storage.statistics import Statistics
from minidb.storage.undisturbed import undisturbed
from minidb.storage.view import View

__all__ = ["HugeWrites", "Snapshot", "Statistics", "Store", "StoreOptions"]

_BACKLOG_FACTOR = 4  # checkpoint_bytes, times this: committers wait for the checkpoint


class Store(Durability):
    """One open database.

    Lock order: `_checkpoint_mutex`, leadership of `_group`, `commit_mutex`, a generation's mutex.
    Whoever holds commit_mutex must not call `sync`, `checkpoint` or `close`.
    """

    def __init__(self, parts: Parts, options: StoreOptions) -> None:
        self.path = parts.path  # None for :memory:
        self.read_only = parts.read_only
        self._parts = parts
        self._tree = parts.tree
        self._checkpoint_mutex = threading.Lock()
        generation = parts.generation
        parts.generation = Generation()  # it links to all that follow, and would keep them in memory
        root = None if parts.tree is None else parts.tree.begin_read()
        view = View(root, (generation,), parts.layers)
        self._views: weakref.WeakSet[View] = weakref.WeakSet([view])
        super().__init__(options, Snapshot(parts.last_id, view), generation, parts.log, parts.read_only)
        self._background = Background(self)
        self._pace = Pace(parts.last_id, time.monotonic())
        self._position = parts.position  # what LMDB holds
        self._huge_number = 0
        self._commits_at_open = parts.last_id
        self._checkpoints = 0
        self._live_bytes = 0 if parts.tree is None else parts.tree.live_bytes()
        fork.register(self)
        if self._has_unwritten() and not self.read_only:
            self._wake()

    @staticmethod
    def open(path: str | None, options: StoreOptions | None = None) -> Store:
        """Open or create the database directory `path`; None is a private database in memory."""
        chosen = options if options is not None else StoreOptions()
        return Store(open_parts(path, chosen), chosen)

    # -- committing ------------------------------------------------------------------------------------------

    def newest_change(self, key: bytes, since: Snapshot) -> int:
        """The id of the newest commit of `key` that `since` does not see, or 0. For first updater wins."""
        newest, huge_id = newest_since(since.view.generations[0], key, since.commit_id)
        commit_id = 0 if newest is None else newest.commit_id
        if huge_id > commit_id:
            before = since.get(key) if newest is None else newest.value
            if not same_value(key, before, self.latest.get(key)):
                return huge_id  # or an earlier huge one: their keys are not remembered
        return commit_id

    def _check_quota(self, writes: Mapping[bytes, bytes | None], size: int) -> None:
        quota = self.options.quota_bytes
        if quota is None or all(value is None for value in writes.values()):
            return
        if self._live_bytes + self._active.size + size > quota:
            raise DiskFull(
                f"the database is limited to {quota} bytes", hint="Delete rows, or raise the quota."
            )

    # -- checkpoints -----------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Bring all commits so far into LMDB, and trim the log."""
        undisturbed(self._checkpoint_now)

    def _checkpoint_now(self) -> None:
        with self._checkpoint_mutex:
            if self._refuse is not None:
                raise self._refuse()
            self._checkpoint()

    def _checkpoint(self, *, closing: bool = False) -> None:
        if self._has_unwritten():
            if self._log is not None and not closing:
                self._log.prepare()
            self._group.wait(self._last_id)  # most of the log, without holding anybody up
            segment, last_id = self._seal(closing)
            self._write_sealed(LogPosition(last_id, segment))
            if self._log is not None and not closing:
                self._log.trim(segment)
        if self._log is not None and closing:
            self._log.discard()

    def _has_unwritten(self) -> bool:
        view = self._view
        return self._last_id != self._position.commit_id or len(view.generations) > 1 or bool(view.layers)

    def _seal(self, closing: bool) -> tuple[int, int]:
        """Begin a new generation and log segment, all before synced: (new segment, last old commit)."""
        self._group.begin()
        try:
            with self.commit_mutex:
                self._group.durable_id = self._flush()
                segment = 0
                if self._log is not None:
                    segment = self._log.next_number if closing else self._log.roll()
                    self._segment = self._log.current
                new = Generation()
                self._active.newer = new
                self._active = new
                self._overloaded = False
                view = self._view
                self._show(View(view.root, (new, *view.generations), view.layers))
                last_id = self._last_id
            self._group.end()
            return segment, last_id
        except BaseException:
            self._group.end()
            raise

    def _write_sealed(self, position: LogPosition) -> None:
        """Layers and sealed generations into LMDB, oldest first; then a view without them."""
        tree = self._writable_tree()
        merged: list[str] = []
        for layer in reversed(self._view.layers):
            merged.append(layer.name)
            left = tuple([name for name in self._position.layers if name not in merged])
            self._position = msgspec.structs.replace(self._position, layers=left)
            merge_layer(tree, layer, self._position)
        sealed = tuple(reversed(self._view.generations[1:]))
        tree.write(position, lambda transaction: apply_generations(transaction, sealed))
        self._live_bytes = tree.live_bytes()
        tree.environment.reader_check()  # slots of processes that were killed while they read
        self._position = position
        self._checkpoints += 1
        root = tree.begin_read()
        self._group.begin()
        try:
            with self.commit_mutex:
                self._show(View(root, (self._active,)))
            self._group.end()
        except BaseException:
            self._group.end()
            raise
        remove_layer_files(self._parts.temporary_directory(), merged)

    def _writable_tree(self) -> CheckpointTree:
        if self._tree is None:
            self._tree = self._parts.make_tree()
        return self._tree

    # -- huge transactions -----------------------------------------------------------------------------------

    def begin_huge(self) -> HugeWrites:
        """A place on disk for the writes of a transaction that has outgrown `huge_transaction_bytes`."""
        if self._refuse is not None:
            raise self._refuse()
        with self.commit_mutex:
            self._huge_number += 1
            return HugeWrites(self._parts.temporary_directory(), time.time_ns() + self._huge_number)

    def commit_huge(self, huge: HugeWrites, dropped: Sequence[int] = ()) -> int:
        """Commit all of `huge`, durably. The caller holds locks on what it wrote, but not commit_mutex."""
        return undisturbed(partial(self._commit_huge, huge, dropped), to_the_end=True)

    def _commit_huge(self, huge: HugeWrites, dropped: Sequence[int]) -> int:
        huge.seal()
        if self.before_sync is not None:
            self.before_sync()
        with self._checkpoint_mutex:
            if self._refuse is not None:
                raise self._refuse()
            self._checkpoint()  # what the transaction has seen is below its layer
            tree = self._writable_tree()
            position = msgspec.structs.replace(self._position, layers=(*self._position.layers, huge.name))
            tree.write(position)  # this commits it
            self._position = position
            return self._show_huge(huge, dropped)

    def _show_huge(self, huge: HugeWrites, dropped: Sequence[int]) -> int:
        """Give a huge commit its id and its place in the view."""
        prefixes = frozenset(huge.prefixes)
        layer = huge.into_layer()
        self._group.begin()
        try:
            with self.commit_mutex:
                self._active.huge += ((self._last_id + 1, prefixes),)
                # The view first, unseen: `commit` publishes layer and id in one step.
                view = self._view
                self._view = View(view.root, view.generations, (layer, *view.layers))
                self._views.add(self._view)
                commit_id = self.commit({}, dropped)
                self._group.durable_id = self._flush()  # what is older becomes durable with it
                huge.committed = True
            self._group.end()
            return commit_id
        except BaseException as error:
            if isinstance(error, DatabaseError):
                self._fail(error)  # it is committed on disk: only another open can show it
            self._group.end()
            raise

    def _show(self, view: View) -> None:
        """Publish the same commits in a new view; the caller leads and holds commit_mutex."""
        latest, durable = self.latest, self.durable
        self._views.add(view)
        self._view = view
        self.latest = Snapshot(latest.commit_id, view)
        same = durable.commit_id == latest.commit_id
        self.durable = self.latest if same else Snapshot(durable.commit_id, view)

    # -- the background thread -------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._idle = False
        limit = self.options.checkpoint_bytes
        if self._active.size > limit:
            self._overloaded = self._active.size > _BACKLOG_FACTOR * limit
        self._background.wake()

    def throttle(self) -> None:
        """Wait for a checkpoint if memory is short. For those who do not call `sync`, which does it too."""
        if self._overloaded:
            undisturbed(self._throttle)

    def _throttle(self) -> None:
        with self._checkpoint_mutex:
            if self._overloaded and self._refuse is None:
                try:
                    self._checkpoint()
                except DiskFull:
                    return  # the commit is in the log all the same; it is the log that will refuse the next

    def tick(self, now: float) -> float | None:
        """Do what is due; returns the seconds until the next call, or None to sleep until the next commit."""
        options, pace = self.options, self._pace
        if self._refuse is not None:
            return None
        if not self._has_unwritten():
            self._idle = True
            return 0.0 if self._has_unwritten() else None
        last_id = self._last_id
        stale = pace.observe(last_id, self._position.commit_id, now)
        try:
            if last_id > self._group.durable_id and (stale or self._relaxed):
                self._group.wait(last_id)
            if self._active.size > options.checkpoint_bytes or (
                self._log is not None and pace.is_due(now, options, self._roots_held() > 1)
            ):
                self.checkpoint()
        except DiskFull:
            return max(options.pause_seconds, options.flush_seconds)  # the log still has it; try again
        except DatabaseError as error:
            if self._refuse is None:
                self._fail(error)
            return None
        return options.flush_seconds if self._log is not None else None

    def _roots_held(self) -> int:
        """How many LMDB roots snapshots keep alive, the newest included."""
        return len({id(view.root) for view in list(self._views)})

    # -- the end ---------------------------------------------------------------------------------------------

    def statistics(self) -> Statistics:
        """Counters and sizes."""
        generations = self._view.generations
        return Statistics(
            commits=self._last_id - self._commits_at_open,
            durable_commit=self._group.durable_id,
            syncs=self._syncs,
            checkpoints=self._checkpoints,
            memtable_bytes=sum([each.size for each in generations]),
            log_bytes=0 if self._log is None else self._log.size(),
            checkpoint_file_bytes=0 if self._tree is None else self._tree.file_bytes(),
            live_bytes=self._live_bytes,
            roots_held=self._roots_held(),
        )

    def close(self) -> None:
        """Write a last checkpoint and give the files up. Snapshots still held raise from now on when read."""
        if self._refuse is _refuse_closed:
            return
        undisturbed(self._close, to_the_end=True)

    def _close(self) -> None:
        self._background.stop()
        with self._checkpoint_mutex:
            with self.commit_mutex:
                if self._refuse in (_refuse_closed, fork.refuse):
                    return
            if self._refuse is None and self._log is not None:
                try:
                    self._checkpoint(closing=True)
                except DatabaseError as error:
                    self._fail(error)  # the log has what LMDB has not: the next open replays it
            with self.commit_mutex:
                self._refuse = _refuse_closed
                for view in list(self._views):
                    view.forbid(_raise_closed)
                self._parts.close()

    def __del__(self) -> None:
        if self._refuse is not _refuse_closed:  # forgotten: its log is complete, the next open replays it
            self._parts.close()

    def after_fork(self) -> None:
        """In a fork child: refuse everything, and let go of the owner file."""
        self._checkpoint_mutex = threading.Lock()  # whoever held these is not in this process
        self.commit_mutex = threading.RLock()
        self._group = GroupCommit(fork.refuse, 0)
        self._background = Background(self)
        self._refuse = fork.refuse
        for view in list(self._views):
            view.forbid(fork.refuse)
        self._parts.after_fork()


def _refuse_closed() -> DatabaseError:
    return OperationalError("the database is closed", sqlstate="57P01")


def _raise_closed(*arguments: object) -> DatabaseError:
    raise _refuse_closed()
