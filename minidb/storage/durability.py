"""From committed to durable: who waits for the log's sync, and what becomes of all when the disk fails.

`latest` is the newest commit, `durable` the newest that is synced; whoever acknowledges a commit waits for
`sync`. One sync serves all who wait (group_commit.py). `begin_sync` lets the thread go on meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from minidb.errors import DatabaseError, InternalError, OperationalError
from minidb.storage.files import file_error
from minidb.storage.group_commit import GroupCommit
from minidb.storage.log import CommitLog, Segment
from minidb.storage.snapshot import Snapshot


class Durability:
    """The log's half of a store. Lock order: leadership of `_group`, then `commit_mutex`."""

    def __init__(self, snapshot: Snapshot, log: CommitLog | None, *, relaxed: bool, read_only: bool) -> None:
        self.commit_mutex = threading.RLock()
        self.latest = snapshot
        self.durable = snapshot
        self._log = log
        self._segment = None if log is None else log.current
        self._relaxed = relaxed or log is None  # commits do not wait for the disk
        self._group = GroupCommit(self._flush, snapshot.commit_id)
        self._target: Snapshot | None = None  # what the sync that `begin_sync` began will make durable
        # Called before the log is synced: what must be durable before the commits up to `latest` are.
        self.before_sync: Callable[[], None] | None = None
        self._refuse: Callable[[], DatabaseError] | None = _refuse_read_only if read_only else None
        self._overloaded = False
        self._syncs = 0

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
            self._end_own_sync()
            self._group.wait(commit_id)

    def begin_sync(self) -> int:
        """Have the disk begin with all that was committed so far; the id for `sync`, which waits for the end.

        0: all is durable already. Nobody else can sync until this thread has called `sync`, so it must soon.
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
        return target.commit_id

    @property
    def sync_ended(self) -> bool:
        """Whether what `begin_sync` began has ended."""
        return self._segment is None or self._segment.flush_ended

    def _end_own_sync(self) -> None:
        """If this thread has begun a sync, wait for its end, before it waits for somebody who may do so."""
        target, segment = self._target, self._segment
        if target is None or segment is None or self._group.leader != threading.get_ident():
            return
        self._target = None
        try:
            try:
                segment.end_flush()
            except OSError as error:
                raise self._log_failed(segment, error) from None
            self.durable = target
            self._group.durable_id = target.commit_id
        finally:
            self._group.end()

    def set_synchronous_commit(self, on: bool) -> None:
        """Whether commits wait for the log's sync, from now on."""
        if self._log is None:
            return
        self._end_own_sync()
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


def _refuse_read_only() -> DatabaseError:
    return InternalError("the database is open read-only", sqlstate="25006")
