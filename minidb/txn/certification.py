"""Certification: a SERIALIZABLE transaction commits only if no cycle closes through it (conflict_graph.py).

    begin      registered, so that what it may conflict with is retained
    snapshot   READ ONLY and nothing could spoil it: a safe snapshot, nothing is recorded from here on
    statement  if its cycle is certain already, it fails here rather than at COMMIT
    commit     compared with all that are retained, under the graph's and the commit mutex
    end        what nobody can conflict with any more is dropped

**Safe snapshots** (Ports and Grittner, VLDB 2012). A reader R of snapshot S is on a cycle only if somebody
that committed after S came before somebody that committed up to S, which takes an rw edge from a transaction
that was active at S. So S is safe if no read/write transaction was active then, or if all those have ended
and none came before anything that S shows. The first is looked for when a READ ONLY transaction takes its
snapshot; a DEFERRABLE one waits for the second, and takes another snapshot if it turns out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from minidb.errors import SerializationFailure
from minidb.storage.store import Store
from minidb.txn.conflict_graph import ConflictGraph
from minidb.txn.footprint import Dependencies, Edge, Footprint
from minidb.txn.read_set import PREFIX, ReadSet
from minidb.txn.state import LockTarget, TransactionState

READ_SET_LIMIT = 10_000  # keys that one transaction's read set holds before it becomes coarser


class Certification:
    """The conflict graph of one database, and who is in it or may come to be."""

    def __init__(self, store: Store, describe: Callable[[LockTarget], str]) -> None:
        self.store = store
        self.describe = describe
        self.graph = ConflictGraph()
        self.read_set_limit = READ_SET_LIMIT
        self.snapshots: dict[int, TransactionState] = {}  # active, reading a snapshot (ssi)
        self.writers: dict[int, TransactionState] = {}  # active, may write: they could spoil a snapshot
        self.serial_runs = False  # a serial transaction, which holds the graph's mutex
        self.unrecorded = 0  # no commit after this one went past the graph: see `certify`
        self._deferred: dict[int, set[int]] = {}  # snapshot -> ids of DEFERRABLE readers that it would spoil

    # -- a transaction's life ---------------------------------------------------------------------------

    def begin(self, transaction: TransactionState, reads_snapshot: bool, read_only: bool) -> None:
        """Before its first snapshot is taken."""
        transaction.reads = ReadSet(self.read_set_limit)
        if not read_only:
            self.writers[transaction.id] = transaction
        if reads_snapshot:
            self.snapshots[transaction.id] = transaction
        if self.serial_runs:  # that one may not have seen us, and does not record its reads then
            with self.graph.mutex:
                pass
        if self.unrecorded > self.store.latest.commit_id:
            with self.store.commit_mutex:
                pass  # the commit that the graph does not know will be in the snapshot

    def is_safe(self, commit_id: int) -> bool:
        """Whether whoever takes the snapshot of that commit now, and only reads, can be on no cycle."""
        return not self.writers and self.graph.last_commit_id <= commit_id

    def forget_reads(self, transaction: TransactionState) -> None:
        """Its snapshot is safe."""
        self.snapshots.pop(transaction.id, None)
        transaction.reads = None

    def check(self, transaction: TransactionState) -> None:
        """After a statement: fail now if COMMIT is certain to fail."""
        graph = self.graph
        reads = transaction.reads
        snapshot_id = transaction.snapshot.commit_id
        assert reads is not None
        if not reads.has_ranges() and not graph.may_follow(reads.keys, snapshot_id):
            return
        with graph.mutex:
            node = self._footprint(transaction, snapshot_id, reads)
            found = graph.dependencies(node)
            path = graph.cycle(found)
        if path is not None:
            raise self._refused(node, path, found.before[path[-1][0]], "")

    def certify(self, transaction: TransactionState, commit_id: int, as_of: int | None) -> None:
        """Refuse the commit, or enter it into the graph. `commit_id`: of the coming commit, or, of one that
        wrote nothing, the newest. Called under the graph's mutex and, of a commit, the commit mutex."""
        graph = self.graph
        reads = transaction.reads
        if reads is None:
            return
        if not graph.nodes and not transaction.coarse_writes():
            if transaction.writes:
                # Said before the look at who is active; `begin` looks in the reverse order, and waits until
                # this is committed.
                self.unrecorded = commit_id
            if len(self.snapshots) == (transaction.id in self.snapshots):
                # Nobody that it could conflict with is active or retained.
                if transaction.writes:
                    graph.last_commit_id = commit_id
                return
        node = self._footprint(transaction, as_of, reads)
        found = graph.dependencies(node)
        path = graph.cycle(found)
        if path is not None:
            raise self._refused(node, path, found.before[path[-1][0]], "on commit ")
        if found.after and self._deferred:
            self._spoil(found)
        if node.changed() or found.before:  # else no edge leads to it, now or later: it is on no cycle
            graph.add(node, commit_id, found)
            transaction.certified = node

    def needs_no_certificate(self, transaction: TransactionState) -> bool:
        """Whether a transaction that wrote nothing is on no cycle, now or later, as it comes after nobody who
        is retained. Needs no mutex: who commits from now on is not in its snapshot."""
        reads, snapshot_id = transaction.reads, transaction.snapshot.commit_id
        if reads is None:
            return True
        if reads.has_ranges() or reads.existence or self.graph.heirs:
            return False
        graph, keys = self.graph, reads.keys
        if not graph.ranged and graph.written.isdisjoint(keys):
            return True
        for other in tuple(graph.nodes):
            if other.dropped or (
                other.first_commit_id <= snapshot_id and not other.writes.keys().isdisjoint(keys)
            ):
                return False
        return True

    def hand_over(self, heirs: list[tuple[int, int]], commit_id: int, takes_long: bool) -> None:
        """A commit, of any level, puts new storage in the place of old: who looked for rows in the old has
        looked for those that come into the new. Called under the graph's mutex, as `certify` is."""
        self.unrecorded = commit_id
        if self.snapshots or self.graph.nodes or takes_long:
            for old, heir in heirs:
                self.graph.hand_over(old.to_bytes(PREFIX, "big"), heir.to_bytes(PREFIX, "big"), commit_id)

    def revoke(self, transaction: TransactionState) -> None:
        """The commit has failed after all."""
        if transaction.certified is not None:
            with self.graph.mutex:
                self.graph.remove(transaction.certified)
            transaction.certified = None

    def end(self, transaction: TransactionState) -> None:
        """It has committed or rolled back."""
        self.snapshots.pop(transaction.id, None)
        self.writers.pop(transaction.id, None)
        transaction.certified = None
        graph = self.graph
        if graph.nodes or graph.heirs:
            if not self.snapshots:
                self.prune()
            elif len(graph.nodes) >= graph.prune_at and graph.mutex.acquire(blocking=False):
                try:  # else somebody commits, and whoever ends next will do it
                    self.prune()
                finally:
                    graph.mutex.release()

    def prune(self) -> None:
        """Drop from the graph whom nobody can conflict with any more."""
        graph = self.graph
        with graph.mutex:
            if not self.snapshots:  # who begins now sees all that is committed
                graph.clear()
                return
            # In this order: whoever takes its first snapshot meanwhile takes one that is no older.
            seen = [self.store.latest.commit_id]
            seen.extend([each.snapshot.commit_id for each in list(self.snapshots.values()) if each.used])
            graph.prune(seen)

    def _footprint(self, transaction: TransactionState, as_of: int | None, reads: ReadSet) -> Footprint:
        before = self.store.latest
        writes = transaction.writes
        if None in writes.values():
            # What it inserted and deleted again was never there for others.
            for key, value in writes.items():
                if value is None and before.get(key) is None:
                    reads.add_existence(key, before.commit_id)  # but that it could be inserted was seen
            writes = {
                key: value
                for key, value in writes.items()
                if value is not None or before.get(key) is not None
            }
        return Footprint(transaction.id, as_of, reads, writes, transaction.coarse_writes(), before)

    # -- DEFERRABLE -------------------------------------------------------------------------------------

    def others_that_write(self, transaction: TransactionState) -> tuple[TransactionState, ...]:
        """Whom a DEFERRABLE transaction has to wait for."""
        return tuple([each for each in list(self.writers.values()) if each is not transaction])

    def watch_snapshot(self, transaction: TransactionState) -> bool:
        """From now on a commit that would make this transaction's snapshot unsafe is noted. False: there may
        have been one already."""
        commit_id = transaction.snapshot.commit_id
        with self.graph.mutex:
            if self.graph.last_commit_id > commit_id:
                return False
            self._deferred.setdefault(commit_id, set()).add(transaction.id)
        return True

    def was_spoilt(self, transaction: TransactionState) -> bool:
        """Whether there was one; the snapshot is watched no longer."""
        commit_id = transaction.snapshot.commit_id
        with self.graph.mutex:
            waiting = self._deferred.get(commit_id, set())
            spoilt = transaction.id not in waiting
            waiting.discard(transaction.id)
            if not waiting:
                self._deferred.pop(commit_id, None)
        return spoilt

    def _spoil(self, found: Dependencies) -> None:
        for commit_id in list(self._deferred):
            if self.graph.reaches(found, commit_id):
                self._deferred[commit_id].clear()

    # -- words ------------------------------------------------------------------------------------------

    def _refused(
        self, node: Footprint, path: list[tuple[Footprint, Edge]], last: Edge, when: str
    ) -> SerializationFailure:
        lines = []
        at = node
        for successor, edge in path:
            lines.append(self._edge(at, successor, edge))
            at = successor
        lines.append(self._edge(at, node, last))
        return SerializationFailure(
            "could not serialize access due to read/write dependencies among transactions",
            detail=f"Transaction {node.id} {when}would close a cycle:\n" + "\n".join(lines),
            hint="The transaction might succeed if retried.",
        )

    def _edge(self, first: Footprint, second: Footprint, edge: Edge) -> str:
        what = self.describe(edge.key)
        a, b = first.id, second.id
        reason = {
            "wr": f"{b} read {what} as {a} wrote it",
            "ww": f"{b} replaced {what}, which {a} wrote",
            "rw": f"{a} read {what} before {b} wrote it",
        }[edge.kind]
        if len(edge.key) <= PREFIX:
            reason += " (of a transaction whose reads or writes are kept by table only)"
        return f"transaction {a} -{edge.kind}-> transaction {b}: {reason}"
