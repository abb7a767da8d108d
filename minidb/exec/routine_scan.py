"""A user's function in FROM: all of its rows are computed at once, as PostgreSQL's function scan does.

A join may read the rows many times, but the function runs only once: they are kept. Only if its arguments
come from further out (LATERAL, a correlated sub-plan), it runs again for each of the rows there.
"""

from __future__ import annotations

from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.expr.node import OuterSlot, walk
from minidb.plan.nodes import FunctionScan
from minidb.plan.subqueries import Subquery
from minidb.value.sql_types import Row


class RoutineOperator(Operator):
    """The rows of one function; one that returns no set yields one row, of NULLs if it returned nothing."""

    __slots__ = (
        "_arguments",
        "_context",
        "_lateral",
        "_position",
        "_returns_set",
        "_routine",
        "_rows",
        "_width",
    )

    def __init__(self, plan: FunctionScan, context: ExecutionContext) -> None:
        self._context = context
        self._arguments = plan.arguments
        self._routine = plan.routine
        self._width = len(plan.columns)
        self._returns_set = plan.returns_set
        self._lateral = any(
            isinstance(node, OuterSlot | Subquery) for argument in plan.arguments for node in walk(argument)
        )
        self._rows: list[Row] | None = None  # not computed yet
        self._position = 0

    def reset(self) -> None:
        self._position = 0
        if self._lateral:
            self._rows = None

    def next_batch(self) -> list[Row]:
        self._context.check_cancel()
        rows = self._rows
        if rows is None:
            rows = self._rows = self._computed()
        start = self._position
        self._position = min(start + BATCH_ROWS, len(rows))
        return rows[start : self._position]

    def _computed(self) -> list[Row]:
        values = [argument.evaluate((), self._context) for argument in self._arguments]
        rows = self._context.routine_rows(self._routine, values)
        if not rows and not self._returns_set:
            return [(None,) * self._width]
        return rows
