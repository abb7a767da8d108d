"""UNION, INTERSECT, EXCEPT, each distinct or ALL. NULLs are equal here, and so are NaNs.

union all       one side after the other
union           the same, distinct
intersect, except
                right side -> count per key; the left side streams past it
                right side too big for work_mem -> both sides divided by hash into files, then pair by pair
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from minidb.exec.context import ExecutionContext
from minidb.exec.distinct import distinct_rows
from minidb.exec.equality import row_keys
from minidb.exec.operator import Operator
from minidb.exec.partitions import Partitions
from minidb.exec.spill import row_bytes
from minidb.plan.nodes import SetOperation
from minidb.value.sql_types import Row


class SetOperationOperator(Operator):
    """See the module."""

    __slots__ = ("_all", "_context", "_keys_of", "_kind", "_left", "_output", "_right", "_types")

    def __init__(
        self, plan: SetOperation, left: Operator, right: Operator, context: ExecutionContext
    ) -> None:
        self._kind = plan.kind
        self._all = plan.all
        self._left = left
        self._right = right
        self._context = context
        self._types = [column.type for column in plan.columns]
        self._keys_of = row_keys(self._types)
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            self._output = self._run()
        return next(self._output, [])

    def _run(self) -> Iterator[list[Row]]:
        if self._kind == "union":
            both = self._both()
            return both if self._all else distinct_rows(both, self._types, self._context)
        return self._compare(_batches(self._left), _batches(self._right))

    def _both(self) -> Iterator[list[Row]]:
        yield from _batches(self._left)
        yield from _batches(self._right)

    def _compare(self, lefts: Iterator[list[Row]], rights: Iterator[list[Row]]) -> Iterator[list[Row]]:
        counts: Counter[Any] = Counter()
        used = 0
        read: list[list[Row]] = []
        for rows in rights:
            self._context.check_cancel()
            counts.update(self._keys_of(rows))
            read.append(rows)
            used += row_bytes(rows) + 80 * len(rows)
            if used > self._context.work_mem:
                counts.clear()
                yield from self._compare_divided(lefts, read, rights)
                return
        del read
        yield from self._stream(lefts, counts)

    def _stream(self, lefts: Iterator[list[Row]], counts: Counter[Any]) -> Iterator[list[Row]]:
        """The left rows that stay, given how often each key is on the right."""
        if self._all:
            choose = self._intersect_all if self._kind == "intersect" else self._except_all
            for rows in lefts:
                kept = choose(self._keys_of(rows), rows, counts)
                if kept:
                    yield kept
        else:
            yield from distinct_rows(self._members(lefts, counts), self._types, self._context)

    def _members(self, lefts: Iterator[list[Row]], counts: Counter[Any]) -> Iterator[list[Row]]:
        wanted = self._kind == "intersect"
        for rows in lefts:
            kept = [
                row for key, row in zip(self._keys_of(rows), rows, strict=True) if (key in counts) is wanted
            ]
            if kept:
                yield kept

    def _intersect_all(self, keys: list[Any], rows: list[Row], counts: Counter[Any]) -> list[Row]:
        kept: list[Row] = []
        for key, row in zip(keys, rows, strict=True):
            if counts.get(key, 0) > 0:
                counts[key] -= 1
                kept.append(row)
        return kept

    def _except_all(self, keys: list[Any], rows: list[Row], counts: Counter[Any]) -> list[Row]:
        kept: list[Row] = []
        for key, row in zip(keys, rows, strict=True):
            if counts.get(key, 0) > 0:
                counts[key] -= 1
            else:
                kept.append(row)
        return kept

    def _compare_divided(
        self, lefts: Iterator[list[Row]], read: list[list[Row]], rights: Iterator[list[Row]]
    ) -> Iterator[list[Row]]:
        right_files = Partitions(self._types, 0)
        while read:
            rows = read.pop()
            right_files.add_all(self._keys_of(rows), rows)
        for rows in rights:
            self._context.check_cancel()
            right_files.add_all(self._keys_of(rows), rows)
        left_files = Partitions(self._types, 0)
        for rows in lefts:
            self._context.check_cancel()
            left_files.add_all(self._keys_of(rows), rows)
        for left, right in zip(left_files.finish(), right_files.finish(), strict=True):
            if left is None:
                continue
            counts: Counter[Any] = Counter()
            if right is not None:
                for rows in right.blocks():
                    self._context.check_cancel()
                    counts.update(self._keys_of(rows))
                right.close()
            yield from self._stream(left.blocks(), counts)
            left.close()

    def reset(self) -> None:
        self._left.reset()
        self._right.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._left.close()
        self._right.close()


def _batches(source: Operator) -> Iterator[list[Row]]:
    while rows := source.next_batch():
        yield rows
