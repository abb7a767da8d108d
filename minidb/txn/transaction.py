"""A transaction: reads its snapshot and its own writes, writes under locks, ends by commit or rollback.

Nothing reaches the store before commit: writes collect in the overlay, so a rollback only forgets. What a
write must wait for, and when it must fail, is decided by the lock table and the level's ConcurrencyControl;
`put` asks them at a key's first write only. One thread at a time uses a transaction, except for `waiting`,
`waiting_for` and its Interrupt, which any thread may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from minidb.txn.control import ConcurrencyControl, StatementRestart
from minidb.txn.environment import Environment
from minidb.txn.lock_modes import ACCESS_SHARE
from minidb.txn.writes import ACTIVE, TransactionWrites

COMMITTED: Final = "committed"
ROLLED_BACK: Final = "rolled back"


class Transaction(TransactionWrites):
    """See the module."""

    __slots__ = (
        "_graph",
        "on_commit",
        "on_commit_failed",
    )

    def __init__(self, environment: Environment, control: ConcurrencyControl) -> None:
        super().__init__(environment, control)
        # Told, under the commit mutex, the id of a commit that nobody can see yet; and if it fails after all.
        self.on_commit: Callable[[Transaction, int], None] | None = None
        self.on_commit_failed: Callable[[Transaction], None] | None = None
        self._graph = environment.certification.graph

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
                    commit_id = self._publish()
            elif self.on_commit is not None or self._catalog_from >= 0:
                commit_id = self._publish()
            else:
                commit_id = self.environment.committer.publish(
                    self.id, self.writes, (), urgent=self.synchronous_commit
                )
        except BaseException:
            self.rollback()
            raise
        self.state = COMMITTED  # whatever happens from here on, an interruption included
        self._end(COMMITTED)
        if self.synchronous_commit and not self.never_waits:
            store = self.store
            if commit_id > store.durable.commit_id:
                self.environment.prepare_next(self.control)
            store.sync(commit_id)

    def _publish(self) -> int:
        """Where something is to be done under the commit mutex."""
        return self.environment.committer.publish(
            self.id,
            self.writes,
            [storage_id for _, storage_id, _ in self.dropped],
            self._prepare_commit,
            self._revoke_commit,
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
