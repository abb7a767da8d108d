"""What a reader sees: a commit id, and the view (LMDB root, generations) in which that id is meaningful.

    Snapshot --> View --> generations, newest first     recent: a version is visible if its id is not above ours
                     `--> LMDB read transaction         the rest: a copy-on-write root, as of a checkpoint

All snapshots of one checkpoint share one view and one LMDB read transaction; dropping the last reference to it
ends it. LMDB's rule is one thread per read transaction, but what it protects is the first access to a tree, which
`begin_read` has done; gets and cursors then only read the shared transaction, and each iteration has its own cursor.
Everything here is immutable, but for what a fork or a close puts in place of the root: something that raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lmdb

from minidb.storage.lmdb_errors import translated
from minidb.storage.memtable import Generation, Version
from minidb.storage.scan import Item, merged_batches, root_batches

RootGet = Callable[[bytes], "bytes | None"]
OpenCursor = Callable[[], Any]


def find_nothing(key: bytes) -> bytes | None:
    """The `root_get` of a database that has no checkpoint yet."""
    return None


class View:
    """One LMDB root and the generations on top of it; shared by all snapshots between two checkpoints."""

    __slots__ = ("__weakref__", "generations", "open_cursor", "root", "root_get", "tables")

    def __init__(self, root: lmdb.Transaction[bytes] | None, generations: tuple[Generation, ...]) -> None:
        self.root = root  # None before the first checkpoint of a database in memory
        self.generations = generations  # newest first
        self.tables: tuple[dict[bytes, Version], ...] = tuple([each.versions for each in generations])
        self.root_get: RootGet = find_nothing if root is None else root.get
        self.open_cursor: OpenCursor | None = None if root is None else root.cursor

    def forbid(self, refuse: Callable[..., Any]) -> None:
        """From now on any access calls `refuse`, which raises."""
        self.tables = ()
        self.generations = (Generation(),)
        self.root_get = refuse
        self.open_cursor = refuse


class Snapshot:
    """The database as of one commit. Cheap, immutable, safe to share between threads, ended by dropping it."""

    __slots__ = ("commit_id", "view")

    def __init__(self, commit_id: int, view: View) -> None:
        self.commit_id = commit_id
        self.view = view

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        view = self.view
        for versions in view.tables:
            version = versions.get(key)
            while version is not None:
                if version[0] <= self.commit_id:
                    return version[1]
                version = version[2]
        try:
            return view.root_get(key)
        except lmdb.Error as error:
            raise translated(error) from None

    def batches(
        self, start: bytes, stop: bytes | None, *, reverse: bool = False
    ) -> Iterator[list[tuple[bytes, bytes]]]:
        """The pairs with start <= key < stop in key order, or from the end; None is no upper end.

        Batches are never empty, begin small and grow: a reader of one row does not pay for thousands.
        """
        view = self.view
        recent = [each for each in view.generations if each.has_keys_in(start, stop)]
        if recent:
            return merged_batches(view.open_cursor, recent, self.commit_id, start, stop, reverse)
        if view.open_cursor is None:
            return iter(())
        return root_batches(view.open_cursor, start, stop, reverse)

    def rows(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> list[Item]:
        """All pairs of a range that is known to be short."""
        rows: list[Item] = []
        for batch in self.batches(start, stop, reverse=reverse):
            rows += batch
        return rows

    def first(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Item | None:
        """The first pair of a range, or its last if `reverse`."""
        for batch in self.batches(start, stop, reverse=reverse):
            return batch[0]
        return None

    def count(self, start: bytes, stop: bytes | None) -> int:
        """How many keys a range has."""
        return sum([len(batch) for batch in self.batches(start, stop)])
