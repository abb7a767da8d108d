"""What a reader sees: a commit id, and the view (LMDB root, layers, generations) in which it has a meaning.

    Snapshot --> View --> generations, newest first   recent: a version is visible if its id is not above ours
                     |--> layers                      huge transactions not yet merged into the root: rare
                     `--> root                        the rest: a copy-on-write LMDB root, as of a checkpoint

All snapshots of one checkpoint share one view and one LMDB read transaction; dropping the last reference
ends it. LMDB's rule is one thread per read transaction, but what that protects is the first access to a
tree, which `begin_read` has done; after it gets and cursors only read what is shared, and each iteration
has its own cursor. Everything here is immutable, but for what a fork or a close puts into a view: something
that raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import lmdb

from minidb.storage.layer import LayerRun
from minidb.storage.lmdb_errors import translated
from minidb.storage.scan import (
    FIRST_BATCH,
    Item,
    MemoryRun,
    Run,
    from_start,
    from_stop,
    merge,
    merged_batches,
    root_batches,
)
from minidb.storage.view import View


def _root_batches(view: View, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[list[Item]]:
    if view.open_cursor is None:
        return iter(())
    return root_batches(view.open_cursor, start, stop, reverse)


class Snapshot:
    """The database as of one commit: cheap, immutable, shared between threads, ended by dropping it."""

    __slots__ = ("commit_id", "view")
    watch: ClassVar[None] = None  # nobody remembers what is read from it

    def __init__(self, commit_id: int, view: View) -> None:
        self.commit_id = commit_id
        self.view = view

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        view = self.view
        for versions in view.tables:
            version = versions.get(key)
            while version is not None:
                if version.commit_id <= self.commit_id:
                    return version.value
                version = version.older
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
        runs = self._runs(view, start, stop, reverse)
        if runs:
            return merged_batches(_root_batches(view, start, stop, reverse), runs, reverse)
        return _root_batches(view, start, stop, reverse)

    def _runs(self, view: View, start: bytes, stop: bytes | None, reverse: bool) -> list[Run]:
        """What lies over the root in that range, oldest first."""
        runs: list[Run] = []
        for generation in view.generations:
            if generation.may_have_keys_in(start, stop):
                run = MemoryRun(generation, self.commit_id, start, stop, reverse)
                run.fill(FIRST_BATCH)
                if run.keys:
                    runs.append(run)
        for layer in view.layers:
            runs.append(LayerRun(layer, start, stop, reverse))
        runs.reverse()
        return runs

    def rows(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> list[Item]:
        """All pairs of a range that is known to be short, as the lookup of an index key is."""
        view = self.view
        runs = self._runs(view, start, stop, reverse)
        rows: list[Item] = []
        for run in runs:
            if not run.done:  # not so short
                for batch in merged_batches(_root_batches(view, start, stop, reverse), runs, reverse):
                    rows += batch
                return rows
        if view.open_cursor is not None:
            try:
                cursor = view.open_cursor()
                rows = list(from_stop(cursor, start, stop) if reverse else from_start(cursor, start, stop))
            except lmdb.Error as error:
                raise translated(error) from None
        return merge(rows, [run.take(None, reverse) for run in runs], reverse) if runs else rows

    def first(self, start: bytes, stop: bytes | None, *, reverse: bool = False) -> Item | None:
        """The first pair of a range, or its last if `reverse`."""
        for batch in self.batches(start, stop, reverse=reverse):
            return batch[0]
        return None

    def count(self, start: bytes, stop: bytes | None) -> int:
        """How many keys a range has."""
        return sum([len(batch) for batch in self.batches(start, stop)])
