"""GROUP BY: one pass over the source into a `GroupTable`; what does not fit is set aside and done later.

source -> table (full) -> rows of further groups -> partition 0..15 (files) -> each like a source of its own
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from minidb.exec.context import ExecutionContext
from minidb.exec.grouping import GroupTable
from minidb.exec.operator import Operator
from minidb.exec.partitions import Partitions
from minidb.plan.nodes import Aggregate
from minidb.value.sql_types import Row

CHUNK_ROWS: Final = 32_768  # rows grouped together: more make the work per group cheaper


class AggregateOperator(Operator):
    """A row per group of the source's rows."""

    __slots__ = ("_context", "_output", "_plan", "_source")

    def __init__(self, plan: Aggregate, source: Operator, context: ExecutionContext) -> None:
        self._plan = plan
        self._source = source
        self._context = context
        self._output: Iterator[list[Row]] | None = None

    def next_batch(self) -> list[Row]:
        if self._output is None:
            self._output = self._groups(self._source_batches(), 0)
        return next(self._output, [])

    def _source_batches(self) -> Iterator[list[Row]]:
        while rows := self._source.next_batch():
            yield rows

    def _groups(self, batches: Iterator[list[Row]], depth: int) -> Iterator[list[Row]]:
        table = GroupTable(self._plan, self._context)
        aside: Partitions | None = None
        chunk: list[Row] = []
        for batch in batches:
            chunk = chunk + batch if chunk else batch
            if len(chunk) >= CHUNK_ROWS or not self._plan.group:
                aside = self._feed(table, chunk, aside, depth)
                chunk = []
        if chunk:
            aside = self._feed(table, chunk, aside, depth)
        yield from table.results()
        del table
        if aside is not None:
            for partition in aside.files():
                yield from self._groups(partition.blocks(), depth + 1)
                partition.close()

    def _feed(
        self, table: GroupTable, chunk: list[Row], aside: Partitions | None, depth: int
    ) -> Partitions | None:
        self._context.check_cancel()
        rejected = table.add(chunk)
        if rejected:
            if aside is None:
                aside = Partitions([column.type for column in self._plan.source.columns], depth)
            for key, rows in rejected:
                aside.add(key, rows)
        return aside

    def reset(self) -> None:
        self._source.reset()
        self._output = None

    def close(self) -> None:
        self._output = None
        self._source.close()
