"""Running a resolved plan: the entry points that the session calls, `run_definition` among them."""

from __future__ import annotations

from minidb.exec.build import build, build_with
from minidb.exec.change_rows import ChangeOperator
from minidb.exec.context import ExecutionContext
from minidb.exec.define import run_definition as run_definition
from minidb.exec.operator import Operator, drain
from minidb.plan.changes import Change
from minidb.plan.nodes import Plan, With
from minidb.value.sql_types import Row


class Query(Operator):
    """A whole query: its end, or `close`, releases all that the statement held, its snapshot included."""

    __slots__ = ("_context", "_source")

    def __init__(self, source: Operator, context: ExecutionContext) -> None:
        self._source: Operator | None = source
        self._context: ExecutionContext | None = context

    def next_batch(self) -> list[Row]:
        source = self._source
        if source is None:
            return []
        rows = source.next_batch()
        if not rows:
            self.close()
        return rows

    def close(self) -> None:
        source, self._source = self._source, None
        context, self._context = self._context, None
        if source is not None:
            source.close()
        if context is not None:
            context.close()


def run_query(plan: Plan, context: ExecutionContext) -> Operator:
    """A stream of the plan's rows: `next_batch()` until it is empty, and `close()` if that is not the end."""
    return Query(build(plan, context), context)


def run_change(plan: Plan, context: ExecutionContext) -> tuple[int, list[Row]]:
    """Run an INSERT, UPDATE or DELETE, with or without WITH: the rows changed, and RETURNING's rows."""
    change = plan.body if isinstance(plan, With) else plan
    assert isinstance(change, Change)
    body = ChangeOperator(change, build(change.source, context), context)
    query = Query(build_with(plan, body, context) if isinstance(plan, With) else body, context)
    try:
        rows = drain(query)
    finally:
        query.close()
    return body.count, rows
