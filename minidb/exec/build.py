"""Plan node -> operator: the one match."""

from __future__ import annotations

from minidb.errors import NotSupportedError
from minidb.exec.context import ExecutionContext
from minidb.exec.operator import Operator
from minidb.exec.pipeline import FilterOperator, LimitOperator, ProjectOperator, ValuesOperator
from minidb.exec.scan import ScanOperator
from minidb.exec.sort import SortOperator
from minidb.plan.nodes import Filter, Limit, Plan, Project, Scan, Sort, Values


def build(plan: Plan, context: ExecutionContext) -> Operator:
    """The operator that runs a resolved plan. It computes nothing yet."""
    context.build = build
    match plan:
        case Scan():
            return ScanOperator(plan, context)
        case Values():
            return ValuesOperator(plan, context)
        case Filter():
            return FilterOperator(plan, build(plan.source, context), context)
        case Project():
            return ProjectOperator(plan, build(plan.source, context), context)
        case Sort():
            return SortOperator(plan, build(plan.source, context), context)
        case Limit():
            return LimitOperator(plan, build(plan.source, context), context)
        case _:
            raise NotSupportedError(f"{type(plan).__name__} is not supported here")
