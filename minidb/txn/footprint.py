"""What a SERIALIZABLE transaction read and wrote, and why one comes before another: nodes and edges.

The graph that they form, and the search for cycles in it, is in conflict_graph.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from minidb.storage.snapshot import Snapshot
from minidb.txn.read_set import PREFIX, ReadSet

WR: Final = "wr"
WW: Final = "ww"
RW: Final = "rw"

_NOTHING: Final[frozenset[bytes]] = frozenset()


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
        "as_of", "before", "coarse", "commit_id", "dropped", "first_commit_id", "id", "incoming", "merged",
        "reads", "size", "successors", "tables_written", "touched", "writes",
    )  # fmt: skip

    def __init__(
        self,
        id: int,
        as_of: int | None,
        reads: ReadSet,
        writes: Mapping[bytes, bytes | None],
        dropped: Collection[bytes],
        before: Snapshot | None,
    ) -> None:
        self.id = id
        self.as_of = as_of
        self.reads = reads
        self.writes = writes
        self.touched = reads.keys.union(writes, reads.existence)  # by key
        self.dropped = frozenset(dropped) if dropped else _NOTHING  # prefixes of which it wrote unknown keys
        self.coarse = bool(dropped) or reads.has_ranges()  # comparing keys is not all there is to do
        self.before = before
        self.commit_id = 0
        self.first_commit_id = 0  # of those merged into this one
        self.merged = 1  # how many transactions this stands for
        self.successors: dict[Footprint, Edge] = {}
        self.incoming = 0
        self.tables_written: dict[bytes, list[bytes]] | None = None
        self.size = len(writes) + reads.size()  # roughly how many keys it holds

    def changed(self) -> bool:
        """Whether it wrote anything: else later commits can add no edge that leads to it."""
        return bool(self.writes or self.dropped)

    def tables(self) -> set[bytes]:
        """The storage ids of what it wrote."""
        return {key[:PREFIX] for key in self.writes} | self.dropped

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
