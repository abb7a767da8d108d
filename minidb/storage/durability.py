"""The way of a commit, into the log, the memtable and onto the disk; and what becomes of all if that fails.

`latest` is the newest commit, `durable` the newest that is synced; whoever acknowledges a commit waits for
`sync`. One sync serves all who wait (group_commit.py). `begin_sync` lets the thread go on meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from minidb.errors import DatabaseError, InternalError, OperationalError
from minidb.storage.compiling import mypyc_attr
from minidb.storage.files import file_error
from minidb.storage.group_commit import GroupCommit
from minidb.storage.log import CommitLog, Segment
from minidb.storage.memtable import ENTRY_OVERHEAD, Generation
from minidb.storage.options import StoreOptions
from minidb.storage.snapshot import Snapshot


@mypyc_attr(allow_interpreted_subclasses=True)  # a store is referred to weakly
class Durability:
    """What a store does for each commit. Lock order: leadership of `_group`, then `commit_mutex`."""

    def __init__(
        self,
        options: StoreOptions,
        snapshot: Snapshot,
        generation: Generation,
        log: CommitLog | None,
        read_only: bool,
    ) -> None:
        self.options = options
        self.commit_mutex = threading.RLock()
        self._view = snapshot.view
        self._active = generation  # what commits are inserted into
        self._last_id = snapshot.commit_id
        self.latest = snapshot
        self.durable = snapshot
        self._log = log
        self._segment = None if log is None else log.current
        self._relaxed = log is None or not options.synchronous_commit  # commits do not wait for the disk
        self._idle = log is not None  # the background thread sleeps: the next commit wakes it
        self._group = GroupCommit(self._flush, snapshot.commit_id)
        self._target: Snapshot | None = None  # what the sync that `begin_sync` began makes durable
        # Called before the log is synced: what must be durable before the commits up to `latest` are.
        self.before_sync: Callable[[], None] | None = None
        self._refuse: Callable[[], DatabaseError] | None = _refuse_read_only if read_only else None
        self._overloaded = False
        self._syncs = 0

    def commit(
        self, writes: dict[bytes, bytes | None], dropped: Sequence[int] = (), *, urgent: bool = False
    ) -> int:
        """Append one commit and publish it as `latest`; None deletes a key. The caller holds commit_mutex.

        The whole key range of each storage id in `dropped` ends to exist. Durable only after `sync` of the id
        returned; `urgent` tells that it will be called at once. DiskFull leaves everything as it was.
        """
        if self._refuse is not None:
            raise self._refuse()
        commit_id = self._last_id + 1
        segment = self._segment
        position = tail = 0
        record = b""
        if segment is None and self._log is not None:
            segment = self._segment = self._log.start()
        if segment is not None:
            record = segment.record(commit_id, self._group.durable_id, writes, dropped)
            size = len(record)
            position = segment.tail
            tail = position + size
            if tail > segment.reserved:
                segment.reserve(tail, self.options.log_step_bytes)
        else:
            size = _size_of(writes)
        if self.options.quota_bytes is not None:
            self._check_quota(writes, size)
        ahead: Segment | None = None
        generation = self._active
        try:
            # With nobody to share the sync, the disk may begin while this goes on.
            if urgent and segment and not (segment.pending or self._group.leader or self._relaxed):
                ahead = segment
                ahead.write_ahead(record)
            size += ENTRY_OVERHEAD * len(writes)
            ended = tuple(dropped)
            snapshot = Snapshot(commit_id, self._view)
            generation.insert(commit_id, writes)
        except BaseException as error:
            generation.undo(commit_id, writes)
            if ahead is not None:
                self._withdraw(ahead, error)
            raise
        # No call from here to the end of publication: a keyboard interrupt comes only with a call or
        # a jump backwards, so it cannot leave a commit half made.
        if segment is not None:
            segment.pending += ((position, record),)
            segment.tail = tail
        self._last_id = commit_id
        self.latest = snapshot
        if self._relaxed:
            self.durable = snapshot
        generation.dropped += ended
        generation.size = size = generation.size + size
        if self._idle or size > self.options.checkpoint_bytes:
            self._wake()
        return commit_id

    def _check_quota(self, writes: Mapping[bytes, bytes | None], size: int) -> None:
        """DiskFull if there may not be so many bytes more."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Wake the background thread."""
        raise NotImplementedError

    def throttle(self) -> None:
        """Wait for a checkpoint if memory is short. For those who do not call `sync`, which does it too."""
        raise NotImplementedError

    def sync(self, commit_id: int) -> None:
        """Return once `commit_id` is durable, or at once if commits are not to wait for that.

        Called without commit_mutex. Also where committers wait if checkpoints cannot keep up with them.
        """
        if self._overloaded:
            self.throttle()
        if commit_id > self.durable.commit_id:
            self._group.wait(commit_id)

    def begin_sync(self) -> int:
        """Have the disk begin with all that was committed so far; the id for `sync`, which waits for the end.

        0: all is durable already. Whoever needs the end first waits for it, this thread or another.
        """
        if self._overloaded:
            self.throttle()
        target = self.latest  # its record is pending already
        if target.commit_id <= self.durable.commit_id:
            return 0
        segment = self._segment
        if segment is None or not self._group.try_begin():
            self._group.wait(target.commit_id)
            return 0
        try:
            self._write_log(segment, segment.begin_flush)
        except BaseException:
            self._group.end()
            raise
        self._target = target
        self._group.leave(self._end_begun)
        return target.commit_id

    @property
    def sync_ended(self) -> bool:
        """Whether what `begin_sync` began has ended."""
        return self._segment is None or self._segment.flush_ended

    def _end_begun(self) -> None:
        """Wait for the end of what `begin_sync` began; the caller leads. What GroupCommit calls."""
        segment, target = self._segment, self._target
        if segment is None or target is None:
            return  # Ctrl-C came when all of this was done
        try:
            segment.end_flush()
        except OSError as error:
            raise self._log_failed(segment, error) from None
        self.durable = target
        self._group.durable_id = target.commit_id
        self._target = None  # which keeps a view in memory

    def set_synchronous_commit(self, on: bool) -> None:
        """Whether commits wait for the log's sync, from now on."""
        if self._log is None:
            return
        self._group.begin()
        try:
            with self.commit_mutex:
                self._relaxed = False
                self._group.durable_id = self._flush()
                self._relaxed = not on
            self._group.end()
        except BaseException:
            self._group.end()
            raise

    def _flush(self) -> int:
        """Write and sync the pending log; the caller leads. What GroupCommit calls."""
        target = self.latest  # its record is pending already
        segment = self._segment
        if segment is not None and segment.pending:
            self._write_log(segment, segment.flush)
        if not self._relaxed:
            self.durable = target
        return target.commit_id

    def _write_log(self, segment: Segment, write: Callable[[Callable[[], None] | None], None]) -> None:
        if self._refuse is not None:
            raise self._refuse()
        try:
            write(self.before_sync)
        except OSError as error:
            raise self._log_failed(segment, error) from None
        self._syncs += 1

    def _withdraw(self, segment: Segment, reason: BaseException) -> None:
        """The record that was written ahead does not count; if the disk is the reason, the log ends here."""
        try:
            segment.withdraw()
            if isinstance(reason, OSError):
                raise reason
        except OSError as error:
            raise self._log_failed(segment, error) from None

    def _log_failed(self, segment: Segment, error: OSError) -> DatabaseError:
        return self._fail(file_error("could not write log file", segment.path, error))

    def _fail(self, error: DatabaseError) -> DatabaseError:
        """After `error` nothing more is acknowledged: the database is read-only until it is opened anew."""
        message = f"the database is read-only since an earlier error: {error.message}"
        self._refuse = lambda: OperationalError(message, sqlstate=error.sqlstate)
        with self.commit_mutex:
            if not self._relaxed:
                self.latest = self.durable  # what was not synced was acknowledged to nobody
        return error


def _size_of(writes: Mapping[bytes, bytes | None]) -> int:
    return sum(map(len, writes)) + sum([len(value) for value in writes.values() if value is not None])


def _refuse_read_only() -> DatabaseError:
    return InternalError("the database is open read-only", sqlstate="25006")
