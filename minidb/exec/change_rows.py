"""A change as a source of rows: what RETURNING yields."""

from __future__ import annotations

from minidb.exec.change import run_change
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import Operator
from minidb.plan.changes import Change
from minidb.value.sql_types import Row


class ChangeOperator(Operator):
    """Runs the change at the first call; `count` is then the number of rows changed."""

    __slots__ = ("_context", "_plan", "_source", "count")

    def __init__(self, plan: Change, source: Operator, context: ExecutionContext) -> None:
        self._plan = plan
        self._source = source
        self._context = context
        self.count = -1  # not run yet

    def next_batch(self) -> list[Row]:
        if self.count >= 0:
            return []
        self.count, rows = run_change(self._plan, self._source, self._context)
        return rows

    def reset(self) -> None:
        raise AssertionError("a change runs once")

    def close(self) -> None:
        self._source.close()
