"""min and max of a key's leading column are its first and last entry.

    Aggregate max(x)            Aggregate max(x)
      Scan t             ->       Limit 1
                                    Scan t by the index on x, in reverse, NULLs left out

Several of them become one sub-plan each: SELECT min(x), max(x) reads two rows.
"""

from __future__ import annotations

from dataclasses import replace

from minidb.expr.node import Column, Constant, Expr
from minidb.plan.access import Path, best_path
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import (
    Aggregate,
    AggregateCall,
    FullScan,
    KeyLookup,
    KeyRange,
    Limit,
    Plan,
    Project,
    Scan,
    SortKey,
    Values,
)
from minidb.plan.ordering import ordered_path
from minidb.plan.predicates import join, split
from minidb.plan.subqueries import ScalarSubquery
from minidb.plan.traverse import contains_volatile, map_children
from minidb.value.sql_types import BIGINT


def min_max(plan: Plan, estimator: Estimator | None = None) -> Plan:
    """Replace ungrouped min and max of key columns by reading one entry."""
    known = Estimator(plan) if estimator is None else estimator

    def visit(node: Plan) -> Plan:
        if isinstance(node, Aggregate) and not node.group and isinstance(node.source, Scan):
            return _first_entries(node, node.source, known) or node
        return map_children(node, visit)

    return visit(plan)


def _first_entries(plan: Aggregate, scan: Scan, estimator: Estimator) -> Plan | None:
    if type(scan.access) is not FullScan or not plan.calls:
        return None
    if scan.where is not None and contains_volatile(scan.where):
        return None
    whole = best_path(scan, split(scan.where), estimator).cost
    found: list[Plan] = []
    for call in plan.calls:
        first = _first_entry(call, scan, estimator, whole)
        if first is None:
            return None
        found.append(Aggregate(first, (), (), (call,)))
    if len(found) == 1:
        return found[0]
    values: list[Expr] = [
        ScalarSubquery(each, call.column.type) for each, call in zip(found, plan.calls, strict=True)
    ]
    return Project(Values((), ((),)), plan.columns, tuple(values))


def _first_entry(call: AggregateCall, scan: Scan, estimator: Estimator, whole: float) -> Plan | None:
    name = call.function.name
    if name not in ("min", "max") or call.where is not None or call.order_by or len(call.arguments) != 1:
        return None
    argument = call.arguments[0]
    if not isinstance(argument, Column):
        return None
    key = SortKey(argument, descending=name == "max", nulls_first=name == "max")
    found = ordered_path(scan, (key,), 1.0, estimator)
    if found is None:
        return None
    path, reverse = found
    access = _without_nulls(path, scan, argument)
    if access is None or path.cost > whole:
        return None
    ordered = replace(scan, access=access, where=join(path.rest), reverse=reverse)
    return Limit(ordered, Constant(1, BIGINT))


def _without_nulls(path: Path, scan: Scan, argument: Column) -> FullScan | KeyLookup | KeyRange | None:
    """The access leaving out NULLs of the argument, which would come first or last."""
    access = path.access
    if not isinstance(access, KeyRange) or path.key is None or path.key.index is None:
        return access  # by primary key: never NULL
    slot = dict(zip([column.id for column in scan.columns], scan.slots, strict=False))[argument.id]
    place = len(access.equal)
    if place < len(path.key.parts) and path.key.parts[place].key == slot:
        return replace(access, not_null=True)
    return None  # the argument is among the equal parts: one value, no need of an order
