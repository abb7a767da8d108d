"""Plan node -> operator: the one match."""

from __future__ import annotations

from minidb.errors import NotSupportedError
from minidb.exec.aggregate import AggregateOperator
from minidb.exec.change_rows import ChangeOperator
from minidb.exec.context import ExecutionContext
from minidb.exec.cte import CteScanOperator, WithOperator
from minidb.exec.dependent_join import DependentJoinOperator, is_lookup
from minidb.exec.distinct import DistinctOperator
from minidb.exec.function_scan import SeriesOperator
from minidb.exec.hash_join import HashJoinOperator
from minidb.exec.lock_rows import LockOperator
from minidb.exec.nested_loop_join import NestedLoopOperator
from minidb.exec.not_in_join import NotInJoinOperator
from minidb.exec.operator import Operator
from minidb.exec.pipeline import FilterOperator, LimitOperator, ProjectOperator, ValuesOperator
from minidb.exec.routine_scan import RoutineOperator
from minidb.exec.scan import ScanOperator
from minidb.exec.set_operations import SetOperationOperator
from minidb.exec.sort import SortOperator
from minidb.exec.system_scan import SystemScanOperator
from minidb.plan.changes import Change
from minidb.plan.nodes import (
    Aggregate,
    CteScan,
    Distinct,
    Filter,
    FunctionScan,
    HashJoin,
    Join,
    Limit,
    Lock,
    NestedLoop,
    Plan,
    Project,
    Scan,
    SetOperation,
    Sort,
    SystemScan,
    Values,
    With,
)


def build(plan: Plan, context: ExecutionContext) -> Operator:
    """The operator that runs a resolved plan. It computes nothing yet."""
    context.build = build
    match plan:
        case Scan():
            return ScanOperator(plan, context)
        case Filter():
            return FilterOperator(plan, build(plan.source, context), context)
        case Project():
            return ProjectOperator(plan, build(plan.source, context), context)
        case Sort():
            return SortOperator(plan, build(plan.source, context), context)
        case Limit():
            return LimitOperator(plan, build(plan.source, context), context)
        case Aggregate():
            return AggregateOperator(plan, build(plan.source, context), context)
        case Distinct():
            return DistinctOperator(plan, build(plan.source, context), context)
        case NestedLoop() if plan.bindings:
            right = None if is_lookup(plan.right) else build(plan.right, context)
            return DependentJoinOperator(plan, build(plan.left, context), right, context)
        case HashJoin() | NestedLoop() | Join():
            return _build_join(plan, build(plan.left, context), build(plan.right, context), context)
        case Values():
            return ValuesOperator(plan, context)
        case SetOperation():
            return SetOperationOperator(plan, build(plan.left, context), build(plan.right, context), context)
        case With():
            return build_with(plan, build(plan.body, context), context)
        case CteScan():
            return CteScanOperator(plan, context)
        case FunctionScan():
            return SeriesOperator(plan, context) if not plan.routine else RoutineOperator(plan, context)
        case SystemScan():
            return SystemScanOperator(plan, context)
        case Lock():
            return LockOperator(plan, build(plan.source, context), context)
        case Change():
            return ChangeOperator(plan, build(plan.source, context), context)
        case _:
            raise NotSupportedError(f"{type(plan).__name__} is not supported here")


def _build_join(
    plan: HashJoin | NestedLoop | Join, left: Operator, right: Operator, context: ExecutionContext
) -> Operator:
    if isinstance(plan, HashJoin):
        if plan.null_aware:
            return NotInJoinOperator(plan, left, right, context)
        return HashJoinOperator(plan, left, right, context)
    return NestedLoopOperator(plan, left, right, context)


def build_with(plan: With, body: Operator, context: ExecutionContext) -> WithOperator:
    """The operator of a WITH over its body's operator."""
    return WithOperator(
        [
            (
                cte,
                # a data-modifying item is run as a whole, over its own source
                build(cte.plan.source if isinstance(cte.plan, Change) else cte.plan, context),
                None if cte.step is None else build(cte.step, context),
            )
            for cte in plan.ctes
        ],
        body,
        context,
    )
