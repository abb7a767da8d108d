"""Ranges in key order: straight from LMDB where nothing is recent, merged with the memtable where something is.

    root       a   c d   f          each source gives a run of its next keys; the smallest last key of those
    older        b     e            runs that may go on is the bound; everything up to it is complete, and is
    newer          c'    f-         merged (newer over older, deletions out) into one batch:  a b c' d e

Nothing here is done per row that C can do per batch: LMDB's cursor is an iterator, merging is a dict, and sorting
two sorted runs is what Python's sort is best at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Final

import lmdb

from minidb.storage.lmdb_errors import translated
from minidb.storage.memtable import Generation

Item = tuple[bytes, bytes]

FIRST_BATCH: Final = 16  # doubled from batch to batch, so that a short scan does not read far past its end
LARGEST_BATCH: Final = 2048

_key_of: Final = itemgetter(0)


def root_batches(
    open_cursor: Callable[[], Any], start: bytes, stop: bytes | None, reverse: bool
) -> Iterator[list[Item]]:
    """The pairs of one LMDB root in [start, stop)."""
    try:
        if reverse:
            yield from _backward(open_cursor(), start, stop)
        else:
            yield from _forward(open_cursor(), start, stop)
    except lmdb.Error as error:
        raise translated(error) from None


def _forward(cursor: Any, start: bytes, stop: bytes | None) -> Iterator[list[Item]]:
    if not cursor.set_range(start):
        return
    items: Iterator[Item] = cursor.iternext(True, True)
    size = FIRST_BATCH
    while True:
        batch = list(islice(items, size))
        if not batch:
            return
        if stop is not None and batch[-1][0] >= stop:
            del batch[bisect_left(batch, stop, key=_key_of) :]
            if batch:
                yield batch
            return
        yield batch
        if size < LARGEST_BATCH:
            size *= 2


def _backward(cursor: Any, start: bytes, stop: bytes | None) -> Iterator[list[Item]]:
    if stop is not None and cursor.set_range(stop):
        if not cursor.prev():
            return
    elif not cursor.last():
        return
    items: Iterator[Item] = cursor.iterprev(True, True)
    size = FIRST_BATCH
    while True:
        batch = list(islice(items, size))
        if not batch:
            return
        if batch[-1][0] < start:
            del batch[_first_below(batch, start) :]
            if batch:
                yield batch
            return
        yield batch
        if size < LARGEST_BATCH:
            size *= 2


def _first_below(descending: list[Item], key: bytes) -> int:
    """The position in a list of falling keys where keys less than `key` begin."""
    return bisect_left(descending, True, key=lambda item: item[0] < key)


class KeyRun:
    """The next keys of one generation in a range, fetched a few at a time."""

    __slots__ = ("done", "generation", "keys", "reverse", "start", "start_inclusive", "stop")

    def __init__(self, generation: Generation, start: bytes, stop: bytes | None, reverse: bool) -> None:
        self.generation = generation
        self.start = start
        self.start_inclusive = True
        self.stop = stop
        self.reverse = reverse
        self.keys: list[bytes] = []
        self.done = False  # nothing beyond `keys`

    def fill(self, count: int) -> None:
        """Fetch up to `count` keys if none are left from before."""
        if self.keys or self.done:
            return
        self.keys = self.generation.keys_from(
            self.start, self.stop, (self.start_inclusive, False), self.reverse, count
        )
        if len(self.keys) < count:
            self.done = True
        elif self.reverse:
            self.stop = self.keys[-1]
        else:
            self.start = self.keys[-1]
            self.start_inclusive = False

    def take(self, bound: bytes | None) -> list[bytes]:
        """Remove and return the keys up to `bound`, inclusive; all if None."""
        keys = self.keys
        if bound is None:
            self.keys = []
            return keys
        if self.reverse:
            cut = bisect_left(keys, True, key=lambda key: key < bound)
        else:
            cut = bisect_right(keys, bound)
        self.keys = keys[cut:]
        return keys[:cut]


def merged_batches(
    open_cursor: Callable[[], Any] | None,
    generations: list[Generation],
    commit_id: int,
    start: bytes,
    stop: bytes | None,
    reverse: bool,
) -> Iterator[list[Item]]:
    """The pairs in [start, stop) that a snapshot sees; `generations` are newest first."""
    root = iter(()) if open_cursor is None else root_batches(open_cursor, start, stop, reverse)
    root_done = False
    rows: list[Item] = []
    runs = [KeyRun(each, start, stop, reverse) for each in reversed(generations)]
    size = FIRST_BATCH
    while True:
        if not rows and not root_done:
            rows = next(root, [])
            root_done = not rows
        ends = [rows[-1][0]] if rows else []
        for run in runs:
            run.fill(size)
            if not run.done:
                ends.append(run.keys[-1])
        if not ends:
            bound = None
        else:
            bound = max(ends) if reverse else min(ends)
        batch, rows = _split(rows, bound, reverse)
        batch = _merge(batch, runs, bound, commit_id, reverse)
        if batch:
            yield batch
        if bound is None:
            return
        if size < LARGEST_BATCH:
            size *= 2


def _split(rows: list[Item], bound: bytes | None, reverse: bool) -> tuple[list[Item], list[Item]]:
    if bound is None or not rows:
        return rows, []
    cut = _first_below(rows, bound) if reverse else bisect_right(rows, bound, key=_key_of)
    return rows[:cut], rows[cut:]


def _merge(
    rows: list[Item], runs: list[KeyRun], bound: bytes | None, commit_id: int, reverse: bool
) -> list[Item]:
    """`rows` with the visible versions of the runs' keys up to `bound` put over them, oldest run first."""
    merged: dict[bytes, bytes] | None = None
    for run in runs:
        keys = run.take(bound)
        if not keys:
            continue
        if merged is None:
            merged = dict(rows)
        find = run.generation.versions.get
        for key in keys:
            version = find(key)
            while version is not None and version[0] > commit_id:
                version = version[2]
            if version is not None:
                value = version[1]
                if value is None:
                    merged.pop(key, None)
                else:
                    merged[key] = value
    if merged is None:
        return rows
    return sorted(merged.items(), reverse=reverse)
