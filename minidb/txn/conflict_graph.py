"""The committed SERIALIZABLE transactions that can still be part of a cycle, and the edges between them.

A history is serializable if its dependency graph has no cycle (Adya). An edge A -> B says that A comes before
B in any equivalent serial order:

    wr   B read what A wrote             ww   B replaced what A wrote
    rw   A read what B replaced, or would have found what B wrote

    T1 --rw--> T2 --rw--> T1             write skew: each read what the other replaced

Invariant: the committed transactions and the edges between them form no cycle. A transaction that is about to
commit is compared with all that are retained; if a path leads from it back to itself, it is refused, and the
error shows that path. A transaction is dropped when no active one has a snapshot older than its commit (so it
can get no new incoming edge) and it has no incoming edge; dropping it may free its successors.

Textbook SSI (Cahill et al., SIGMOD 2008; Ports and Grittner, VLDB 2012) refuses already two consecutive
rw edges, of which many close no cycle. Revilak et al. (ICDE 2011) test for the cycle itself, at commit, as is
done here; theirs are row reads, ours are keys and ranges with conditions (read_set.py), so that a phantom is
an ordinary edge. As in PostgreSQL, the guarantee is among SERIALIZABLE transactions.

Memory is bounded: past `limit` keys the oldest transactions between two active snapshots become one, which
has read and written whole tables. That may refuse a transaction that closes no cycle, and never lets one pass
that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Final

from minidb.storage.snapshot import Snapshot
from minidb.txn.read_set import PREFIX, ReadRange, ReadSet

LIMIT: Final = 100_000  # keys that the retained transactions may hold before the oldest are merged

WR: Final = "wr"
WW: Final = "ww"
RW: Final = "rw"


class Edge:
    """Why one transaction comes before another: the kind, and the key (its storage id, if that is all)."""

    __slots__ = ("key", "kind")

    def __init__(self, kind: str, key: bytes) -> None:
        self.kind = kind
        self.key = key


class Footprint:
    """What a transaction read and wrote; once committed, a node of the graph.

    as_of     the newest commit that its reads could see; None: all that are committed now (two-phase locking)
    before    the state that its writes replaced
    """

    __slots__ = (
        "as_of", "before", "commit_id", "dropped", "first_commit_id", "id", "incoming", "merged", "reads",
        "successors", "tables_written", "writes",
    )  # fmt: skip

    def __init__(
        self,
        id: int,
        as_of: int | None,
        reads: ReadSet,
        writes: Mapping[bytes, bytes | None],
        dropped: Iterable[bytes],
        before: Snapshot | None,
    ) -> None:
        self.id = id
        self.as_of = as_of
        self.reads = reads
        self.writes = writes
        self.dropped = frozenset(dropped)  # prefixes of which it wrote unknown keys, or all
        self.before = before
        self.commit_id = 0
        self.first_commit_id = 0  # of those merged into this one
        self.merged = 1  # how many transactions this stands for
        self.successors: dict[Footprint, Edge] = {}
        self.incoming = 0
        self.tables_written: dict[bytes, list[bytes]] | None = None

    def changed(self) -> bool:
        """Whether it wrote anything: else later commits can add no edge that leads to it."""
        return bool(self.writes or self.dropped)

    def written_in(self, prefix: bytes) -> list[bytes]:
        """The keys that it wrote under a storage id."""
        if self.tables_written is None:
            found: dict[bytes, list[bytes]] = {}
            for key in self.writes:
                found.setdefault(key[:PREFIX], []).append(key)
            self.tables_written = found
        return self.tables_written.get(prefix, [])

    def old_value(self, key: bytes) -> bytes | None:
        """What a key held before it was written."""
        return None if self.before is None else self.before.get(key)

    def size(self) -> int:
        """Roughly how many keys it holds."""
        return len(self.writes) + self.reads.size()


class Dependencies:
    """The edges between a transaction that is about to commit and those that have."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: dict[Footprint, Edge] = {}  # each comes before it
        self.after: dict[Footprint, Edge] = {}  # each comes after it

    def add(self, other: Footprint, kind: str, key: bytes, precedes: bool) -> None:
        """`other` precedes the transaction, or follows it."""
        edges = self.before if precedes else self.after
        if other not in edges:
            edges[other] = Edge(kind, key)


class ConflictGraph:
    """See the module. `mutex` guards all of it, and is taken before Store.commit_mutex."""

    __slots__ = (
        "coarse_readers", "coarse_writers", "last_commit_id", "limit", "mutex", "nodes", "range_readers",
        "readers", "size", "writers",
    )  # fmt: skip

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.mutex = RLock()
        self.nodes: dict[Footprint, None] = {}  # in the order of their commits
        self.size = 0
        self.last_commit_id = 0  # the newest commit of a transaction that wrote
        self.writers: dict[bytes, list[Footprint]] = {}
        self.readers: dict[bytes, list[Footprint]] = {}
        self.range_readers: dict[bytes, list[tuple[Footprint, ReadRange, bool]]] = {}
        self.coarse_writers: dict[bytes, list[Footprint]] = {}
        self.coarse_readers: dict[bytes, list[Footprint]] = {}

    # -- edges ------------------------------------------------------------------------------------------

    def dependencies(self, node: Footprint) -> Dependencies:
        """Every edge between a transaction that has not committed yet and a retained one."""
        found = Dependencies()
        if self.nodes:
            self._of_reads(node, found)
            self._of_writes(node, found)
            if self.coarse_writers or self.coarse_readers or node.dropped:
                self._of_tables(node, found)
        return found

    def _of_reads(self, node: Footprint, found: Dependencies) -> None:
        reads, as_of, writers = node.reads, node.as_of, self.writers
        if not writers:
            return
        for key in writers.keys() & reads.keys:
            for writer in writers[key]:
                self._read(found, writer, key, as_of)
        for key in writers.keys() & reads.existence.keys():
            seen = reads.existence[key]
            for writer in writers[key]:
                if writer.commit_id <= seen and _changed_existence(writer, key):
                    found.add(writer, WR, key, True)
        if not (reads.ranges or reads.whole or reads.existence_ranges):
            return
        for writer in self.nodes:
            for read in reads.ranges:
                for key in writer.written_in(read.prefix):
                    if read.meets(key, writer.old_value(key), writer.writes[key]):
                        self._read(found, writer, key, as_of)
            for prefix in reads.whole:
                for key in writer.written_in(prefix):
                    self._read(found, writer, key, as_of)
            for read, seen in reads.existence_ranges:
                if writer.commit_id <= seen:
                    for key in writer.written_in(read.prefix):
                        if read.meets(key, writer.old_value(key), writer.writes[key]):
                            found.add(writer, WR, key, True)

    @staticmethod
    def _read(found: Dependencies, writer: Footprint, key: bytes, as_of: int | None) -> None:
        """The reader saw what `writer` wrote, or what it replaced."""
        if as_of is None or writer.first_commit_id <= as_of:
            found.add(writer, WR, key, True)
        if as_of is not None and writer.commit_id > as_of:
            found.add(writer, RW, key, False)

    def _of_writes(self, node: Footprint, found: Dependencies) -> None:
        writes = node.writes
        if not writes:
            return
        for key in self.writers.keys() & writes.keys():
            for writer in self.writers[key]:
                found.add(writer, WW, key, True)
        for key in self.readers.keys() & writes.keys():
            for reader in self.readers[key]:
                if key in reader.reads.keys or _changed_existence(node, key):
                    found.add(reader, RW, key, True)
        for prefix, ranges in self.range_readers.items():
            for key in node.written_in(prefix):
                old, new = node.old_value(key), writes[key]
                for reader, read, existence in ranges:
                    if reader not in found.before and read.meets(key, old, new):
                        if not existence or _changed_existence(node, key):
                            found.add(reader, RW, key, True)

    def _of_tables(self, node: Footprint, found: Dependencies) -> None:
        """The edges of which only the table is known."""
        read = node.reads.prefixes()
        written = {key[:PREFIX] for key in node.writes} | node.dropped
        for prefix in read:
            for writer in self.coarse_writers.get(prefix, ()):
                self._read(found, writer, prefix, node.as_of)
        for prefix in written:
            for writer in self.coarse_writers.get(prefix, ()):
                found.add(writer, WW, prefix, True)
            for reader in self.coarse_readers.get(prefix, ()):
                found.add(reader, RW, prefix, True)
        for prefix in node.dropped:
            for other in self.nodes:
                if other.written_in(prefix):
                    found.add(other, WW, prefix, True)
                elif prefix in other.reads.prefixes():
                    found.add(other, RW, prefix, True)

    # -- cycles -----------------------------------------------------------------------------------------

    def cycle(self, found: Dependencies) -> list[tuple[Footprint, Edge]] | None:
        """A path from the transaction back to itself: (a transaction, the edge that leads to it), in order.

        The last edge, back to the transaction, is `found.before` of the last node. None: there is none.
        """
        ends, starts = found.before, found.after
        if not ends or not starts:
            return None
        came_from: dict[Footprint, Footprint | None] = dict.fromkeys(starts)
        todo = list(starts)
        for node in todo:  # grows while it is walked: breadth first, so the path shown is a shortest one
            if node in ends:
                path: list[tuple[Footprint, Edge]] = []
                at: Footprint | None = node
                while at is not None:
                    previous = came_from[at]
                    path.append((at, starts[at] if previous is None else previous.successors[at]))
                    at = previous
                path.reverse()
                return path
            for successor in node.successors:
                if successor not in came_from:
                    came_from[successor] = node
                    todo.append(successor)
        return None

    def reaches(self, found: Dependencies, commit_id: int) -> bool:
        """Whether a path leads from the transaction to one that committed no later than `commit_id`."""
        todo = list(found.after)
        seen = set(todo)
        for node in todo:
            if node.first_commit_id <= commit_id and node.changed():
                return True
            for successor in node.successors:
                if successor not in seen:
                    seen.add(successor)
                    todo.append(successor)
        return False

    # -- nodes ------------------------------------------------------------------------------------------

    def add(self, node: Footprint, commit_id: int, found: Dependencies) -> None:
        """The transaction commits."""
        node.commit_id = node.first_commit_id = commit_id
        if node.changed():
            self.last_commit_id = commit_id
        for other, edge in found.before.items():
            other.successors[node] = edge
        node.successors = found.after
        for other in found.after:
            other.incoming += 1
        node.incoming = len(found.before)
        self.nodes[node] = None
        self._enter(node)

    def _enter(self, node: Footprint) -> None:
        self.size += node.size()
        for key in node.writes:
            self.writers.setdefault(key, []).append(node)
        reads = node.reads
        for key in reads.keys:
            self.readers.setdefault(key, []).append(node)
        for key in reads.existence:
            if key not in reads.keys:
                self.readers.setdefault(key, []).append(node)
        for read in reads.ranges:
            self.range_readers.setdefault(read.prefix, []).append((node, read, False))
        for read, _ in reads.existence_ranges:
            self.range_readers.setdefault(read.prefix, []).append((node, read, True))
        for prefix in reads.whole:
            self.coarse_readers.setdefault(prefix, []).append(node)
        for prefix in node.dropped:
            self.coarse_writers.setdefault(prefix, []).append(node)

    def _leave(self, node: Footprint) -> None:
        self.size -= node.size()
        for key in node.writes:
            _remove(self.writers, key, node)
        reads = node.reads
        for key in reads.keys:
            _remove(self.readers, key, node)
        for key in reads.existence:
            if key not in reads.keys:
                _remove(self.readers, key, node)
        for prefix in {read.prefix for read in reads.ranges} | {
            read.prefix for read, _ in reads.existence_ranges
        }:
            left = [each for each in self.range_readers.get(prefix, ()) if each[0] is not node]
            if left:
                self.range_readers[prefix] = left
            else:
                self.range_readers.pop(prefix, None)
        for prefix in reads.whole:
            _remove(self.coarse_readers, prefix, node)
        for prefix in node.dropped:
            _remove(self.coarse_writers, prefix, node)

    def remove(self, node: Footprint) -> None:
        """Forget a node that has no incoming edge, or whose commit failed."""
        if node not in self.nodes:
            return
        del self.nodes[node]
        self._leave(node)
        for successor in node.successors:
            successor.incoming -= 1
        if node.incoming:
            for other in self.nodes:
                other.successors.pop(node, None)

    def prune(self, snapshots: list[int]) -> None:
        """Drop what can be in no cycle any more; `snapshots`: what active transactions (and the next) see."""
        oldest = min(snapshots)
        free = self._free(oldest)
        while free:
            for node in free:
                self.remove(node)
            free = self._free(oldest)
        if self.size > self.limit:
            self._summarise(sorted(snapshots))

    def _free(self, oldest: int) -> list[Footprint]:
        free: list[Footprint] = []
        for node in self.nodes:
            if node.commit_id > oldest and node.changed():
                break
            if not node.incoming:
                free.append(node)
        return free

    # -- memory -----------------------------------------------------------------------------------------

    def _summarise(self, snapshots: list[int]) -> None:
        """Merge the oldest nodes between two snapshots until half of the limit is kept."""
        groups: dict[int, list[Footprint]] = {}
        kept = self.size
        for node in list(self.nodes):
            if kept <= self.limit // 2:
                break
            kept -= node.size()
            between = sum([snapshot < node.commit_id for snapshot in snapshots])
            groups.setdefault(between, []).append(node)
        for nodes in groups.values():
            self._merge(nodes)

    def _merge(self, nodes: list[Footprint]) -> None:
        """One node instead of many: what any of them read or wrote, and its table."""
        last = nodes[-1]
        members = set(nodes)
        reads = ReadSet(last.reads.limit)
        dropped: set[bytes] = set()
        for node in nodes:
            reads.whole |= node.reads.prefixes()
            dropped |= {key[:PREFIX] for key in node.writes} | node.dropped
        merged = Footprint(last.id, last.as_of, reads, {}, dropped, None)
        merged.commit_id = last.commit_id
        merged.first_commit_id = nodes[0].first_commit_id
        merged.merged = sum([node.merged for node in nodes])
        for node in nodes:
            for successor, edge in node.successors.items():
                if successor not in members:
                    merged.successors.setdefault(successor, edge)
        order: dict[Footprint, None] = {}
        for node in self.nodes:
            if node in members:
                self._leave(node)
                if node is last:
                    order[merged] = None
            else:
                order[node] = None
        self.nodes = order
        for other in order:
            into = [other.successors.pop(node) for node in nodes if node in other.successors]
            if into and other is not merged:
                other.successors[merged] = into[0]
        self._enter(merged)
        for each in order:
            each.incoming = 0
        for each in order:
            for successor in each.successors:
                successor.incoming += 1

    # -- for people -------------------------------------------------------------------------------------

    def entries(self) -> list[tuple[Footprint, Footprint | None, Edge | None]]:
        """Each retained transaction with each of its successors, or once without any."""
        with self.mutex:
            found: list[tuple[Footprint, Footprint | None, Edge | None]] = []
            for node in self.nodes:
                found.extend((node, successor, edge) for successor, edge in node.successors.items())
                if not node.successors:
                    found.append((node, None, None))
            return found


def _changed_existence(writer: Footprint, key: bytes) -> bool:
    """Whether the write made the key appear or disappear, rather than changed its row."""
    return (writer.old_value(key) is None) != (writer.writes[key] is None)


def _remove(lists: dict[bytes, list[Footprint]], key: bytes, node: Footprint) -> None:
    nodes = lists.get(key)
    if nodes is None:
        return
    if len(nodes) == 1:
        if nodes[0] is node:
            del lists[key]
        return
    nodes.remove(node)
