"""DISTINCT and DISTINCT ON: rows stream through; the keys seen so far are remembered.

When the keys outgrow the budget the rest of the input is divided by hash into files. Keys that were seen
before go on being dropped at once, so what a file holds is new, up to duplicates within the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minidb.exec.context import ExecutionContext
from minidb.exec.equality import row_keys
from minidb.exec.operator import Operator
from minidb.exec.partitions import Partitions
from minidb.exec.pipeline import row_maker
from minidb.exec.spill import row_bytes
from minidb.plan.nodes import Distinct
from minidb.value.sql_types import Row, SqlType


def distinct_rows(
    batches: Iterator[list[Row]], types: list[SqlType], context: ExecutionContext, depth: int = 0
) -> Iterator[list[Row]]:
    """Each row of the batches once, in batches."""
    keys_of = row_keys(types)
    seen: set[Any] = set()
    used = 0
    aside: Partitions | None = None
    for batch in batches:
        context.check_cancel()
        keys = keys_of(batch)
        if keys is batch:
            rows = [row for row in dict.fromkeys(batch) if row not in seen]
            keys = rows
        else:
            first: dict[Any, Row] = {}
            for key, row in zip(keys, batch, strict=True):
                if key not in seen:
                    first.setdefault(key, row)
            keys, rows = list(first), list(first.values())
        if not rows:
            continue
        if aside is not None:
            aside.add_all(keys, rows)
            continue
        seen.update(keys)
        used += row_bytes(rows) + 64 * len(rows)
        if used > context.work_mem:
            aside = Partitions(types, depth)
        yield rows
    seen.clear()
    if aside is not None:
        for file in aside.files():
            yield from distinct_rows(file.blocks(), types, context, depth + 1)
            file.close()


class DistinctOperator(Operator):
    """Each row once; with ON, the first row of each run of equal keys."""

    __slots__ = ("_context", "_keys_of", "_on", "_output", "_source", "_types")

    def __init__(self, plan: Distinct, source: Operator, context: ExecutionContext) -> None:
        self._source = source
        self._context = context
        self._types = [column.type for column in plan.columns]
        self._on = row_maker(plan.on) if plan.on else None
        self._keys_of = row_keys([expression.type for expression in plan.on])
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            if self._on is None:
                self._output = distinct_rows(self._batches(), self._types, self._context)
            else:
                self._output = self._first_of_each()
        return next(self._output, [])

    def _batches(self) -> Iterator[list[Row]]:
        while rows := self._source.next_batch():
            yield rows

    def _first_of_each(self) -> Iterator[list[Row]]:
        """The source is sorted by the keys, so equal ones are neighbours."""
        assert self._on is not None
        last: Any = None  # a key is a tuple
        for batch in self._batches():
            first: list[Row] = []
            for key, row in zip(self._keys_of(self._on(batch, self._context)), batch, strict=True):
                if key != last:
                    first.append(row)
                    last = key
            if first:
                yield first

    def reset(self) -> None:
        self._source.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._source.close()
