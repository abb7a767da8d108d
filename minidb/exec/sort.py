"""ORDER BY: in memory while it fits, else sorted runs in temporary files that are merged; top-N by pruning.

    rows -> [ buffer of work_mem ] -> sort -> run 0
                                   -> sort -> run 1      merge: cut every run's block at the least last
                                      ...                key, sort what was cut off, deliver it

A key that is not a plain column is computed once and carried along as an extra column at the row's end,
so that merging never evaluates an expression again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.exec.ordering import Ordering
from minidb.exec.pipeline import row_count
from minidb.exec.spill import SpillFile, row_bytes
from minidb.expr.node import Slot
from minidb.plan.nodes import Sort
from minidb.value.sql_types import Row, Value

MERGED_RUNS: Final = 64  # more runs than this are merged in several passes
TOP_ROWS: Final = 100_000  # a larger limit is not worth pruning for


class SortOperator(Operator):
    """All rows of the source in order, or the first `limit` of them."""

    __slots__ = (
        "_context", "_extra", "_limit", "_ordering", "_output", "_source", "_types", "_width",
    )  # fmt: skip

    def __init__(self, plan: Sort, source: Operator, context: ExecutionContext) -> None:
        self._context = context
        self._source = source
        self._limit = plan.limit
        self._width = len(plan.columns)
        expressions = [key.expression for key in plan.keys]
        self._extra = [each for each in expressions if not isinstance(each, Slot)]
        positions: list[int] = []
        for expression in expressions:
            if isinstance(expression, Slot):
                positions.append(expression.index)
            else:
                positions.append(self._width + len(positions) - sum([p < self._width for p in positions]))
        self._ordering = Ordering(plan.keys, positions, context)
        self._types = [column.type for column in plan.columns] + [each.type for each in self._extra]
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            limit = row_count(self._limit, self._context, "LIMIT")
            if limit is not None and limit <= TOP_ROWS:
                self._output = _slices(self._top(limit))
            else:
                self._output = self._sorted()
        for rows in self._output:
            self._context.check_cancel()
            if self._extra:
                width = self._width
                return [row[:width] for row in rows]
            return rows
        return []

    def _read(self) -> list[Row]:
        """A batch of the source, with the computed keys appended."""
        rows = self._source.next_batch()
        if self._extra and rows:
            keys = [expression.evaluate_batch(rows, self._context) for expression in self._extra]
            return [row + key for row, key in zip(rows, zip(*keys, strict=True), strict=True)]
        return rows

    def _top(self, limit: int) -> list[Row]:
        """The first `limit` rows: keep that many, and of each batch only what sorts before the last one."""
        ordering = self._ordering
        rows: list[Row] = []
        keys: list[Value] = []
        least_to_beat: Value = None
        while limit:
            batch = self._read()
            if not batch:
                break
            new = ordering.comparable(batch)
            if least_to_beat is None:
                rows += batch
                keys += new
            else:
                for position, key in enumerate(new):
                    if key < least_to_beat:
                        rows.append(batch[position])
                        keys.append(key)
            if len(rows) >= limit + max(limit, BATCH_ROWS) or (least_to_beat is None and len(rows) >= limit):
                rows, keys = _first(rows, keys, limit)
                least_to_beat = keys[-1]
        return _first(rows, keys, limit)[0]

    def _sorted(self) -> Iterator[list[Row]]:
        budget = self._context.work_mem
        runs: list[SpillFile] = []
        buffer: list[Row] = []
        used = 0
        while batch := self._read():
            buffer += batch
            used += row_bytes(batch)
            if used > budget:
                runs.append(self._write_run(self._ordering.sort(buffer)))
                buffer, used = [], 0
        buffer = self._ordering.sort(buffer)
        if not runs:
            return _slices(buffer)
        if buffer:
            runs.append(self._write_run(buffer))
        del buffer
        while len(runs) > MERGED_RUNS:
            groups = [runs[start : start + MERGED_RUNS] for start in range(0, len(runs), MERGED_RUNS)]
            runs = []
            for group in groups:
                merged = SpillFile(self._types)
                for batch in merge(group, self._ordering):
                    merged.append(batch)
                    self._context.check_cancel()
                runs.append(merged)
        return merge(runs, self._ordering)

    def _write_run(self, rows: list[Row]) -> SpillFile:
        run = SpillFile(self._types)
        for batch in _slices(rows):
            run.append(batch)
            self._context.check_cancel()
        return run

    def reset(self) -> None:
        self._source.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._source.close()


def _first(rows: list[Row], keys: list[Value], limit: int) -> tuple[list[Row], list[Value]]:
    order = sorted(range(len(rows)), key=keys.__getitem__)[:limit]
    return [rows[position] for position in order], [keys[position] for position in order]


def _slices(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows in batches."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


class _RunReader:
    """The block of a run that is being merged: its rows from `start` on, with their comparable keys."""

    __slots__ = ("_blocks", "_ordering", "keys", "rows", "start")

    def __init__(self, run: SpillFile, ordering: Ordering) -> None:
        self._blocks = run.blocks()
        self._ordering = ordering
        self.rows: list[Row] = []
        self.keys: list[Value] = []
        self.start = 0

    def refill(self) -> bool:
        """Go on to the next block if this one is used up; False at the end of the run."""
        if self.start >= len(self.rows):
            self.rows = next(self._blocks, [])
            self.keys = self._ordering.comparable(self.rows)
            self.start = 0
        return bool(self.rows)


def merge(runs: list[SpillFile], ordering: Ordering) -> Iterator[list[Row]]:
    """Merge sorted runs, batch by batch; among equal keys, earlier runs first.

    Invariant: nothing that is still in a file sorts before `bound`, the least of the last keys in memory.
    """
    readers = [_RunReader(run, ordering) for run in runs]
    while readers := [reader for reader in readers if reader.refill()]:
        bounding = 0
        for number, reader in enumerate(readers):
            if reader.keys[-1] < readers[bounding].keys[-1]:
                bounding = number
        bound = readers[bounding].keys[-1]
        rows: list[Row] = []
        keys: list[Value] = []
        for number, reader in enumerate(readers):
            # the bounding run may go on with keys equal to `bound`: later runs must wait with theirs
            cut = bisect_right if number <= bounding else bisect_left
            start, stop = reader.start, cut(reader.keys, bound, reader.start)
            if start < stop:
                rows += reader.rows[start:stop]
                keys += reader.keys[start:stop]
                reader.start = stop
        if len(readers) == 1:
            yield rows
            continue
        order = sorted(range(len(rows)), key=keys.__getitem__)
        ordered = [rows[position] for position in order]
        yield from _slices(ordered)
