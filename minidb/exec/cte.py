"""WITH: each item is computed at most once, when and as far as it is scanned, and shared by all its scans.

    With --registers--> context.ctes[id] = rows       body: CteScan(id) reads them batch by batch

A recursive item is also computed only as far as its readers go, so `LIMIT` ends an endless recursion:

    base rows -> result, working table
    step over the working table -> result, next working table     until a round yields nothing

While the step runs, and only then, `context.ctes[id]` is the working table. Whoever keeps something that
was computed from a CTE's rows (a join's hash table, a sub-plan's result) keeps the rows' object with it and
starts anew when it finds another in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minidb.exec.change import run_change
from minidb.exec.context import ExecutionContext
from minidb.exec.equality import row_keys
from minidb.exec.operator import Operator, SharedRows
from minidb.exec.spill import RowBuffer
from minidb.plan.changes import Change
from minidb.plan.nodes import Cte, CteScan
from minidb.value.sql_types import Row, SqlType


class CteRows(SharedRows):
    """The rows of one WITH item, taken from `batches` as they are asked for."""

    __slots__ = ("_batches", "_buffer")

    def __init__(self, batches: Iterator[list[Row]], types: Sequence[SqlType], limit: int) -> None:
        self._batches: Iterator[list[Row]] | None = batches
        self._buffer = RowBuffer(types, limit)

    def batch(self, number: int) -> list[Row]:
        while self._batches is not None and self._buffer.batch_count <= number:
            rows = next(self._batches, None)
            if rows is None:
                self._batches = None
            elif rows:
                self._buffer.append(rows)
        return self._buffer.batch(number)

    def close(self) -> None:
        self._batches = None
        self._buffer.close()


class _WorkingTable(SharedRows):
    """What the last round of a recursive item yielded."""

    __slots__ = ("buffer",)

    def __init__(self, types: Sequence[SqlType], limit: int) -> None:
        self.buffer = RowBuffer(types, limit)

    def batch(self, number: int) -> list[Row]:
        return self.buffer.batch(number)

    def close(self) -> None:
        self.buffer.close()


class _Item:
    """One WITH item with its operators."""

    __slots__ = ("_base", "_context", "_cte", "_step", "_types")

    def __init__(self, cte: Cte, base: Operator, step: Operator | None, context: ExecutionContext) -> None:
        self._cte = cte
        self._base = base
        self._step = step
        self._context = context
        self._types = [column.type for column in cte.plan.columns]

    def register(self) -> None:
        """Put rows, not computed yet, into the context."""
        batches = self._batches() if self._step is None else self._recursion(self._step)
        self._context.ctes[self._cte.id] = CteRows(batches, self._types, self._context.work_mem)

    def run_change(self) -> None:
        """Run a data-modifying item to its end, whoever scans it."""
        plan = self._cte.plan
        if isinstance(plan, Change):
            _, rows = run_change(plan, self._base, self._context)
            self._context.ctes[self._cte.id] = CteRows(iter([rows]), self._types, self._context.work_mem)

    def _batches(self) -> Iterator[list[Row]]:
        while rows := self._base.next_batch():
            yield rows

    def _recursion(self, step: Operator) -> Iterator[list[Row]]:
        new_rows = _NewRows(self._types) if not self._cte.union_all else None
        working = _WorkingTable(self._types, self._context.work_mem)
        for rows in self._batches():
            fresh = rows if new_rows is None else new_rows.select(rows)
            if fresh:
                working.buffer.append(fresh)
                yield fresh
        while working.buffer.batch_count:
            following = _WorkingTable(self._types, self._context.work_mem)
            step.reset()
            while rows := self._step_batch(step, working):
                self._context.check_cancel()
                fresh = rows if new_rows is None else new_rows.select(rows)
                if fresh:
                    following.buffer.append(fresh)
                    yield fresh
            working.close()
            working = following

    def _step_batch(self, step: Operator, working: _WorkingTable) -> list[Row]:
        """A batch of the step, which sees the working table in place of the result."""
        ctes = self._context.ctes
        result = ctes[self._cte.id]
        ctes[self._cte.id] = working
        try:
            return step.next_batch()
        finally:
            ctes[self._cte.id] = result

    def reset(self) -> None:
        """For another run of the whole WITH, under other outer values."""
        self._base.reset()
        if self._step is not None:
            self._step.reset()

    def close(self) -> None:
        self._base.close()
        if self._step is not None:
            self._step.close()


class _NewRows:
    """UNION in a recursive item: lets each row through once."""

    __slots__ = ("_keys_of", "_seen")

    def __init__(self, types: Sequence[SqlType]) -> None:
        self._keys_of = row_keys(types)
        self._seen: set[Any] = set()

    def select(self, rows: list[Row]) -> list[Row]:
        """Those not seen before."""
        seen = self._seen
        fresh: list[Row] = []
        for key, row in zip(self._keys_of(rows), rows, strict=True):
            if key not in seen:
                seen.add(key)
                fresh.append(row)
        return fresh


class WithOperator(Operator):
    """The body of a WITH. Data-modifying items are run first, in their order."""

    __slots__ = ("_body", "_context", "_items", "_started")

    def __init__(
        self,
        items: list[tuple[Cte, Operator, Operator | None]],
        body: Operator,
        context: ExecutionContext,
    ) -> None:
        self._context = context
        self._items = [_Item(cte, base, step, context) for cte, base, step in items]
        self._body = body
        self._started = False

    def next_batch(self) -> list[Row]:
        if not self._started:
            self._started = True
            for item in self._items:
                item.register()
            for item in self._items:
                item.run_change()
        return self._body.next_batch()

    def reset(self) -> None:
        for item in self._items:
            item.reset()
        self._body.reset()
        self._started = False

    def close(self) -> None:
        self._body.close()
        for item in self._items:
            item.close()

    def expect(self, rows: int) -> None:
        self._body.expect(rows)


class CteScanOperator(Operator):
    """The rows of a WITH item."""

    __slots__ = ("_context", "_cte", "_position", "_rows")

    def __init__(self, plan: CteScan, context: ExecutionContext) -> None:
        self._context = context
        self._cte = plan.cte
        self._rows: SharedRows | None = None
        self._position = 0

    def next_batch(self) -> list[Row]:
        if self._rows is None:
            self._rows = self._context.ctes[self._cte]
        self._context.check_cancel()
        rows = self._rows.batch(self._position)
        self._position += 1
        return rows

    def reset(self) -> None:
        self._rows = None
        self._position = 0
