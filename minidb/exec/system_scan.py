"""The rows of a system view, as they are at the first read; `reset` starts over the same ones."""

from __future__ import annotations

from minidb.exec.context import ExecutionContext
from minidb.exec.operator import BATCH_ROWS, Operator
from minidb.plan.nodes import SystemScan
from minidb.value.sql_types import Row


class SystemScanOperator(Operator):
    """See the module."""

    __slots__ = ("_context", "_position", "_rows", "_view")

    def __init__(self, plan: SystemScan, context: ExecutionContext) -> None:
        self._view = plan.view
        self._context = context
        self._rows: list[Row] | None = None
        self._position = 0

    def next_batch(self) -> list[Row]:
        self._context.check_cancel()
        if self._rows is None:
            self._rows = list(self._view.rows(self._context.session))
        start = self._position
        self._position = start + BATCH_ROWS
        return self._rows[start : start + BATCH_ROWS]

    def reset(self) -> None:
        self._position = 0
