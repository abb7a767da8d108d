"""Running a resolved plan: the entry points that the session calls."""

from __future__ import annotations

from minidb.exec.build import build
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import Operator
from minidb.plan.nodes import Plan


def run_query(plan: Plan, context: ExecutionContext) -> Operator:
    """A stream of the plan's rows: `next_batch()` until it is empty, then `close()` it and the context."""
    return build(plan, context)
