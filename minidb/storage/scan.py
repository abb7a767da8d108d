"""Ranges in key order: straight from LMDB where nothing is recent, merged with what is where something is.

    root       a   c d   f        each source gives a run of its next keys; the nearest end of those runs that
    older        b     e          may go on is the bound: up to it everything is known, and is merged (newer
    newer          c'    f-       over older, deletions out) into one batch:  a b c' d e

Nothing is done per row that C can do per batch: LMDB's cursor is an iterator, `takewhile` finds the end of
a short range, merging is a dict, and two sorted runs are what Python's sort is best at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any, Final

import lmdb

from minidb.storage.lmdb_errors import translated
from minidb.storage.memtable import Generation

Item = tuple[bytes, bytes]
Entry = tuple[bytes, "bytes | None"]  # None: deleted
OpenCursor = Callable[[], Any]

FIRST_BATCH: Final = 8  # rows; most index lookups find fewer
GROWTH: Final = 8
LARGEST_BATCH: Final = 2048

_key_of: Final = itemgetter(0)


def root_batches(
    open_cursor: OpenCursor, start: bytes, stop: bytes | None, reverse: bool
) -> Iterator[list[Item]]:
    """The pairs of one LMDB tree in [start, stop)."""
    try:
        cursor = open_cursor()
        items = from_stop(cursor, start, stop) if reverse else from_start(cursor, start, stop)
        size = FIRST_BATCH
        while batch := list(islice(items, size)):
            yield batch
            size = min(size * GROWTH, LARGEST_BATCH)
    except lmdb.Error as error:
        raise translated(error) from None


def from_start(cursor: Any, start: bytes, stop: bytes | None) -> Iterator[Item]:
    """The pairs from `start` on, up to `stop`; the end is found without reading past it."""
    if not cursor.set_range(start):
        return iter(())
    items: Iterator[Item] = cursor.iternext(True, True)
    return items if stop is None else takewhile((stop,).__gt__, items)


def from_stop(cursor: Any, start: bytes, stop: bytes | None) -> Iterator[Item]:
    """The pairs below `stop`, from the last on, down to `start`."""
    if stop is not None and cursor.set_range(stop):
        if not cursor.prev():
            return iter(())
    elif not cursor.last():
        return iter(())
    return takewhile((start,).__le__, cursor.iterprev(True, True))


class Run:
    """One source of a merge: its next entries in the order of the scan, fetched a few at a time."""

    __slots__ = ("done", "keys")

    def __init__(self) -> None:
        self.keys: list[bytes] = []  # fetched, not yet taken
        self.done = False  # nothing comes after `keys`

    def fill(self, count: int) -> None:
        """Fetch about `count` keys if none are left."""
        raise NotImplementedError

    def take(self, bound: bytes | None, reverse: bool) -> list[Entry]:
        """Remove the keys up to `bound` inclusive (all if None), and return what the reader sees of them."""
        raise NotImplementedError

    def cut(self, bound: bytes | None, reverse: bool) -> list[bytes]:
        """Remove and return the keys up to `bound`."""
        keys = self.keys
        if bound is None or keys[-1] == bound:
            self.keys = []
            return keys
        place = bisect_left(keys, True, key=bound.__gt__) if reverse else bisect_right(keys, bound)
        self.keys = keys[place:]
        return keys[:place]


class MemoryRun(Run):
    """The versions of one memtable generation that a snapshot sees."""

    __slots__ = ("commit_id", "exclusive", "generation", "reverse", "start", "stop")

    def __init__(
        self, generation: Generation, commit_id: int, start: bytes, stop: bytes | None, reverse: bool
    ) -> None:
        self.keys = []
        self.done = False
        self.generation = generation
        self.commit_id = commit_id
        self.start = start
        self.stop = stop
        self.reverse = reverse
        self.exclusive = False  # `start` itself has been taken

    def fill(self, count: int) -> None:
        if self.keys or self.done:
            return
        keys = self.generation.keys_from(self.start, self.stop, count, self.exclusive, self.reverse)
        self.keys = keys
        if len(keys) < count:
            self.done = True
        elif self.reverse:
            self.stop = keys[-1]
        else:
            self.start = keys[-1]
            self.exclusive = True

    def take(self, bound: bytes | None, reverse: bool) -> list[Entry]:
        if not self.keys:
            return []
        commit_id = self.commit_id
        find = self.generation.versions.get
        entries: list[Entry] = []
        for key in self.cut(bound, reverse):
            version = find(key)
            while version is not None and version.commit_id > commit_id:
                version = version.older
            if version is not None:
                entries.append((key, version.value))
        return entries


def merged_batches(
    root: Iterator[list[Item]], runs: list[Run], reverse: bool, size: int = FIRST_BATCH
) -> Iterator[list[Item]]:
    """The pairs of `root` with the entries of `runs`, oldest run first, put over them."""
    rows: list[Item] = []
    root_done = False
    while True:
        if not rows and not root_done:
            rows = next(root, [])
            root_done = not rows
        ends = [rows[-1][0]] if rows else []
        for run in runs:
            run.fill(size)
            if not run.done:
                ends.append(run.keys[-1])
        if ends:
            bound = max(ends) if reverse else min(ends)
            batch, rows = _split(rows, bound, reverse)
        else:
            bound = None
            batch, rows = rows, []
        merged = merge(batch, [run.take(bound, reverse) for run in runs], reverse)
        if merged:
            yield merged
        if bound is None:
            return
        size = min(size * GROWTH, LARGEST_BATCH)


def _split(rows: list[Item], bound: bytes, reverse: bool) -> tuple[list[Item], list[Item]]:
    if not rows or rows[-1][0] == bound:
        return rows, []
    if reverse:
        place = bisect_left(rows, True, key=lambda item: item[0] < bound)
    else:
        place = bisect_right(rows, bound, key=_key_of)
    return rows[:place], rows[place:]


def merge(rows: list[Item], changes: Iterable[list[Entry]], reverse: bool) -> list[Item]:
    """One ordered list of `rows` and `changes`, later lists over earlier ones."""
    changes = [entries for entries in changes if entries]
    if not changes:
        return rows
    if not rows and len(changes) == 1:
        return [(key, value) for key, value in changes[0] if value is not None]
    merged: dict[bytes, bytes | None] = dict(rows)
    for entries in changes:
        merged.update(entries)
    return sorted([(key, value) for key, value in merged.items() if value is not None], reverse=reverse)
