"""The operators with no state to speak of: values, filter, project, limit."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from minidb.errors import DataError
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.expr.node import Constant, Expr, Slot
from minidb.plan.nodes import Filter, Limit, Project, Values
from minidb.value.sql_types import Row, Value

NO_LIMIT = 1 << 62


class ValuesOperator(Operator):
    """VALUES, and the one empty row of a SELECT without FROM."""

    __slots__ = ("_context", "_position", "_rows")

    def __init__(self, plan: Values, context: ExecutionContext) -> None:
        self._context = context
        self._rows = plan.rows
        self._position = 0

    def next_batch(self) -> list[Row]:
        context = self._context
        context.check_cancel()
        start = self._position
        self._position = start + BATCH_ROWS
        return [
            tuple([expression.evaluate((), context) for expression in row])
            for row in self._rows[start : self._position]
        ]

    def reset(self) -> None:
        self._position = 0


class FilterOperator(Operator):
    """The rows for which the condition is true."""

    __slots__ = ("_context", "_filter", "_source")

    def __init__(self, plan: Filter, source: Operator, context: ExecutionContext) -> None:
        self._context = context
        self._source = source
        self._filter = plan.where.filter_batch

    def next_batch(self) -> list[Row]:
        while True:
            rows = self._source.next_batch()
            if not rows:
                return rows
            kept = self._filter(rows, self._context)
            if kept:
                return kept

    def reset(self) -> None:
        self._source.reset()

    def close(self) -> None:
        self._source.close()


def row_maker(expressions: tuple[Expr, ...]) -> Callable[[list[Row], Any], list[Row]]:
    """A function (rows, context) -> rows of the expressions' values, the fastest way for their shape."""
    slots = [expression.index for expression in expressions if isinstance(expression, Slot)]
    if len(slots) == len(expressions) and slots:
        return slots_maker(tuple(slots))
    if not expressions:
        return lambda rows, context: [()] * len(rows)

    def make(rows: list[Row], context: Any) -> list[Row]:
        return list(zip(*[column_values(each, rows, context) for each in expressions], strict=True))

    return make


def slots_maker(slots: tuple[int, ...]) -> Callable[[list[Row], Any], list[Row]]:
    """`row_maker` for plain positions."""
    if len(slots) == 1:
        (only,) = slots
        return lambda rows, context: [(row[only],) for row in rows]
    pick = itemgetter(*slots)
    return lambda rows, context: list(map(pick, rows))


def column_values(expression: Expr, rows: list[Row], context: Any) -> list[Value]:
    """The expression's values for all rows."""
    if isinstance(expression, Constant):
        return [expression.value] * len(rows)
    return expression.evaluate_batch(rows, context)


class ProjectOperator(Operator):
    """A row of expressions for each row.

    Under a LIMIT no expression is evaluated for rows that nobody will see: it might fail, or draw from a
    sequence.
    """

    __slots__ = ("_context", "_make", "_pending", "_plain", "_source", "_wanted")

    def __init__(self, plan: Project, source: Operator, context: ExecutionContext) -> None:
        self._context = context
        self._source = source
        self._make = row_maker(plan.expressions)
        self._plain = all(isinstance(each, Slot | Constant) for each in plan.expressions)
        self._wanted = NO_LIMIT
        self._pending: list[Row] = []

    def next_batch(self) -> list[Row]:
        rows = self._pending or self._source.next_batch()
        if not rows:
            return rows
        if len(rows) > self._wanted:
            if self._wanted <= 0:
                return []
            self._pending = rows[self._wanted :]
            rows = rows[: self._wanted]
        elif self._pending:
            self._pending = []
        self._wanted -= len(rows)
        return self._make(rows, self._context)

    def reset(self) -> None:
        self._source.reset()
        self._pending = []
        self._wanted = NO_LIMIT

    def close(self) -> None:
        self._source.close()

    def expect(self, rows: int) -> None:
        self._source.expect(rows)
        if not self._plain:
            self._wanted = rows


def row_count(expression: Expr | None, context: ExecutionContext, clause: str) -> int | None:
    """The value of LIMIT or OFFSET; None if there is none. A negative one is an error."""
    count = None if expression is None else expression.evaluate((), context)
    if count is None:
        return None
    if count < 0:
        sqlstate = "2201W" if clause == "LIMIT" else "2201X"
        raise DataError(f"{clause} must not be negative", sqlstate=sqlstate)
    return int(count)


class LimitOperator(Operator):
    """`count` rows after `offset`, and with ties those that sort equal to the last one."""

    __slots__ = (
        "_context", "_count", "_last", "_left", "_offset", "_skip", "_source", "_started", "_ties",
    )  # fmt: skip

    def __init__(self, plan: Limit, source: Operator, context: ExecutionContext) -> None:
        self._context = context
        self._source = source
        self._count = plan.count
        self._offset = plan.offset
        self._ties = tuple([key.expression for key in plan.ties])
        self._started = False
        self._left = NO_LIMIT  # rows still to deliver
        self._skip = 0
        self._last: tuple[Value, ...] | None = (
            None  # sort key of the last counted row, while looking for peers
        )

    def next_batch(self) -> list[Row]:
        if not self._started:
            self._start()
        if self._last is not None:
            return self._peers(self._source.next_batch())
        if self._left <= 0:
            return []
        rows = self._source.next_batch()
        while self._skip and rows:
            skipped = min(self._skip, len(rows))
            self._skip -= skipped
            rows = rows[skipped:] or self._source.next_batch()
        if len(rows) < self._left:
            self._left -= len(rows)
            return rows
        kept, rest = rows[: self._left], rows[self._left :]
        self._left = 0
        if self._ties and kept:
            self._last = self._key(kept[-1])
            return kept + (self._peers(rest) if rest else [])
        return kept

    def _start(self) -> None:
        self._started = True
        count = row_count(self._count, self._context, "LIMIT")
        self._skip = row_count(self._offset, self._context, "OFFSET") or 0
        if count is not None:
            self._left = count
            if not self._ties:
                self._source.expect(count + self._skip)

    def _key(self, row: Row) -> tuple[Value, ...]:
        return tuple([expression.evaluate(row, self._context) for expression in self._ties])

    def _peers(self, rows: list[Row]) -> list[Row]:
        """The leading rows with the last row's sort key; the first other one ends it all."""
        for position, row in enumerate(rows):
            if self._key(row) != self._last:
                self._last = None
                return rows[:position]
        return rows

    def reset(self) -> None:
        self._source.reset()
        self._started = False
        self._left = NO_LIMIT
        self._last = None

    def close(self) -> None:
        self._source.close()
