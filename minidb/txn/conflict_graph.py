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

from collections.abc import Collection
from threading import RLock
from typing import Final

from minidb.txn.footprint import RW, WR, WW, Dependencies, Edge, Footprint
from minidb.txn.read_set import ReadSet

LIMIT: Final = 100_000  # keys that the retained transactions may hold before the oldest are merged

FEW: Final = 8
MANY: Final = 64


class ConflictGraph:
    """See the module. `mutex` guards all of it, and is taken before Store.commit_mutex.

    While few transactions are retained, each is compared by two set operations. With many (a long transaction
    holds them), `by_key` finds those that have a key in common; `ranged` are those that need more than keys.
    """

    __slots__ = (
        "by_key", "has_merged", "heirs", "last_commit_id", "limit", "mutex", "nodes", "prune_at", "ranged",
        "size", "written",
    )  # fmt: skip

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.mutex = RLock()
        self.nodes: dict[Footprint, None] = {}  # in the order of their commits
        self.ranged: dict[Footprint, None] = {}  # those of them that are `coarse`
        self.by_key: dict[bytes, list[Footprint]] | None = None
        self.heirs: dict[bytes, tuple[bytes, int]] = {}  # storage -> what replaced it, in which commit
        self.prune_at = FEW  # so many nodes are worth looking for some to drop
        self.has_merged = False
        self.written: set[bytes] = set()  # by them, and perhaps by others until the last `prune`
        self.size = 0
        self.last_commit_id = 0  # the newest commit of a transaction that wrote

    # -- edges ------------------------------------------------------------------------------------------

    def dependencies(self, node: Footprint) -> Dependencies:
        """Every edge between a transaction that has not committed yet and a retained one."""
        found = Dependencies()
        if self.heirs:
            self._follow_heirs(node)
        if not self.nodes:
            return found
        reads, writes = node.reads, node.writes
        for other in self._with_common_keys(node):
            if other.writes and not other.writes.keys().isdisjoint(reads.keys):
                for key in other.writes.keys() & reads.keys:
                    _read(found, other, key, node.as_of)
            if writes:
                if not writes.keys().isdisjoint(other.reads.keys):
                    found.add(other, RW, next(iter(writes.keys() & other.reads.keys)), True)
                if other.writes and not writes.keys().isdisjoint(other.writes):
                    found.add(other, WW, next(iter(writes.keys() & other.writes.keys())), True)
            if reads.existence or other.reads.existence:
                self._of_existence(node, other, found)
        if node.coarse:
            for other in self.nodes:
                self._of_ranges(node, other, found)
        else:
            for other in self.ranged:
                self._of_ranges(node, other, found)
        return found

    def hand_over(self, old: bytes, heir: bytes, commit_id: int) -> None:
        """A table's storage is replaced: who looked for rows in the old would find those of the new."""
        self.heirs[old] = heir, commit_id
        for node in self.nodes:
            self._follow_heirs(node)
            if node.coarse:
                self.ranged[node] = None

    def _follow_heirs(self, node: Footprint) -> None:
        for prefix in node.reads.prefixes() & self.heirs.keys():
            while prefix in self.heirs:
                prefix, _ = self.heirs[prefix]
                node.reads.read_whole(prefix)
            node.coarse = True

    def may_follow(self, keys: set[bytes], as_of: int) -> bool:
        """Whether anybody may have replaced one of these keys since that commit. Needs no mutex."""
        if not self.ranged and self.written.isdisjoint(keys):
            return False
        for other in tuple(self.nodes):
            if other.commit_id > as_of and (other.dropped or not other.writes.keys().isdisjoint(keys)):
                return True
        return False

    def _with_common_keys(self, node: Footprint) -> Collection[Footprint]:
        by_key = self.by_key
        touched = node.touched
        if by_key is None:
            return [other for other in self.nodes if not other.touched.isdisjoint(touched)]
        found: dict[Footprint, None] = {}
        for key in by_key.keys() & touched:
            found.update(dict.fromkeys(by_key[key]))
        return found

    @staticmethod
    def _of_existence(node: Footprint, other: Footprint, found: Dependencies) -> None:
        """What constraints found out, of the newest state, about whether keys exist."""
        reads = node.reads
        for seen_of in (reads.existence, reads.existence_later):
            for key, seen in seen_of.items():
                if key in other.writes and _changed_existence(other, key):
                    _read(found, other, key, seen)
        for key in other.reads.existence:
            if key in node.writes and _changed_existence(node, key):
                found.add(other, RW, key, True)

    def _of_ranges(self, node: Footprint, other: Footprint, found: Dependencies) -> None:
        """What is not a matter of comparing keys: ranges, and tables as wholes."""
        reads, as_of = node.reads, node.as_of
        for read in reads.ranges:
            for key in other.written_in(read.prefix):
                if read.meets(key, other.old_value(key), other.writes[key]):
                    _read(found, other, key, as_of)
        for prefix in reads.whole:
            for key in other.written_in(prefix):
                _read(found, other, key, as_of)
        for read, seen in reads.existence_ranges:
            for key in other.written_in(read.prefix):
                if read.meets(key, other.old_value(key), other.writes[key]):
                    _read(found, other, key, seen)
        if other not in found.before:
            self._of_its_ranges(node, other, found)
        if other.dropped or node.dropped:
            self._of_tables(node, other, found)

    @staticmethod
    def _of_its_ranges(node: Footprint, other: Footprint, found: Dependencies) -> None:
        """The other way round: what `other` read and the transaction replaces."""
        theirs = other.reads
        for read in theirs.ranges:
            for key in node.written_in(read.prefix):
                if read.meets(key, node.old_value(key), node.writes[key]):
                    found.add(other, RW, key, True)
                    return
        for prefix in theirs.whole:
            written = node.written_in(prefix)
            if written:
                found.add(other, RW, written[0], True)
                return
        for read, _ in theirs.existence_ranges:
            for key in node.written_in(read.prefix):
                if _changed_existence(node, key) and read.meets(key, node.old_value(key), node.writes[key]):
                    found.add(other, RW, key, True)
                    return

    @staticmethod
    def _of_tables(node: Footprint, other: Footprint, found: Dependencies) -> None:
        """The edges of which only the table is known."""
        if other.dropped:
            for prefix in other.dropped & node.reads.prefixes():
                _read(found, other, prefix, node.as_of)
            for prefix in other.dropped & node.tables():
                found.add(other, WW, prefix, True)
        if node.dropped:
            for prefix in node.dropped & other.tables():
                found.add(other, WW, prefix, True)
            for prefix in node.dropped & other.reads.prefixes():
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
        self.size += node.size
        self.written.update(node.writes)
        if node.coarse:
            self.ranged[node] = None
        if self.by_key is not None:
            self._index(node)
        elif len(self.nodes) > MANY:
            self.by_key = {}
            for each in self.nodes:
                self._index(each)

    def _index(self, node: Footprint) -> None:
        by_key = self.by_key
        assert by_key is not None
        for key in node.touched:
            by_key.setdefault(key, []).append(node)

    def _leave(self, node: Footprint) -> None:
        self.size -= node.size
        self.ranged.pop(node, None)
        by_key = self.by_key
        if by_key is not None:
            for key in node.touched:
                nodes = by_key.get(key)
                if nodes is not None and node in nodes:
                    nodes.remove(node)
                    if not nodes:
                        del by_key[key]

    def clear(self) -> None:
        """Nobody is active who could still conflict with anybody."""
        self.nodes.clear()
        self.ranged.clear()
        self.written = set()
        self.heirs.clear()
        self.by_key = None
        self.size = 0
        self.prune_at = FEW
        self.has_merged = False

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
        if self.heirs:
            self.heirs = {old: found for old, found in self.heirs.items() if found[1] > oldest}
        free = self._free(oldest)
        while free:
            for node in free:
                self.remove(node)
            free = self._free(oldest)
        if self.has_merged:
            for node in self._out_of_reach(oldest):
                self.remove(node)
        if self.size > self.limit:
            self._summarise(sorted(snapshots))
        self.written = set().union(*[node.writes for node in self.nodes])
        if not self.nodes:
            self.by_key = None
        self.prune_at = max(FEW, 2 * len(self.nodes))

    def _free(self, oldest: int) -> list[Footprint]:
        free: list[Footprint] = []
        for node in self.nodes:
            if node.commit_id > oldest and node.changed():
                break
            if not node.incoming:
                free.append(node)
        return free

    def _out_of_reach(self, oldest: int) -> list[Footprint]:
        """Whom no path reaches from a node that can get a new edge in. `_free` finds them one by one; but
        not in a circle, and merging may make one: A -> B -> C, and A and C become one."""
        todo = [node for node in self.nodes if node.commit_id > oldest and node.changed()]
        reached = set(todo)
        for node in todo:
            for successor in node.successors:
                if successor not in reached:
                    reached.add(successor)
                    todo.append(successor)
        left = [node for node in self.nodes if node not in reached]
        self.has_merged = any(node.merged > 1 for node in reached)
        return left

    # -- memory -----------------------------------------------------------------------------------------

    def _summarise(self, snapshots: list[int]) -> None:
        """Merge the oldest nodes between two snapshots until half of the limit is kept."""
        groups: dict[int, list[Footprint]] = {}
        kept = self.size
        for node in list(self.nodes):
            if kept <= self.limit // 2:
                break
            kept -= node.size
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
            dropped |= node.tables()
        merged = Footprint(last.id, last.as_of, reads, {}, dropped, None)
        merged.commit_id = last.commit_id
        merged.first_commit_id = nodes[0].first_commit_id
        merged.merged = sum([node.merged for node in nodes])
        self.has_merged = self.has_merged or len(nodes) > 1
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


def _read(found: Dependencies, writer: Footprint, key: bytes, as_of: int | None) -> None:
    """A transaction that sees commits up to `as_of` saw what `writer` wrote, or what it replaced."""
    if as_of is None or writer.first_commit_id <= as_of:
        found.add(writer, WR, key, True)
    if as_of is not None and writer.commit_id > as_of:
        found.add(writer, RW, key, False)


def _changed_existence(writer: Footprint, key: bytes) -> bool:
    """Whether the write made the key appear or disappear, rather than changed its row."""
    return (writer.old_value(key) is None) != (writer.writes[key] is None)
