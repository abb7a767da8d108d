"""A running query as a source of batches that releases everything it holds."""

from __future__ import annotations

from minidb.exec.context import ExecutionContext
from minidb.exec.run import run_query
from minidb.plan.nodes import Plan
from minidb.value.sql_types import Row


class Stream:
    """The rows of a resolved plan; the context is the query's own."""

    __slots__ = ("_context", "_operator")

    def __init__(self, plan: Plan, context: ExecutionContext) -> None:
        self._context = context
        self._operator = run_query(plan, context)

    def next_batch(self) -> list[Row]:
        """More rows; an empty list is the end."""
        return self._operator.next_batch()

    def close(self) -> None:
        """Release operators, sub-plans and files."""
        self._operator.close()
        self._context.close()
