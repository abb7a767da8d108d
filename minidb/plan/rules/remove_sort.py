"""No sort where a key gives the order, which with a LIMIT also means that few rows are read.

    Limit 10                              Limit 10
      Sort created DESC           ->        Scan posts by the index on created, in reverse
        Scan posts

The order passes up unchanged through filters, projections of plain columns and nested loops that run their
right side anew for each left row. Without a LIMIT reading a whole table through an index usually costs more
than sorting it; the estimates decide.
"""

from __future__ import annotations

import math
from dataclasses import replace

from minidb.expr.node import Column, Constant, Expr
from minidb.plan.access import best_path
from minidb.plan.cost import SORT_ROW
from minidb.plan.estimate import Estimator
from minidb.plan.nodes import Filter, FullScan, Limit, NestedLoop, Plan, Project, Scan, Sort, SortKey
from minidb.plan.ordering import ordered_path
from minidb.plan.predicates import join, split
from minidb.plan.traverse import map_children

UNKNOWN_LIMIT = 100.0  # rows, of LIMIT with a parameter


def remove_sort(plan: Plan, estimator: Estimator | None = None) -> Plan:
    """Replace sorts by scans in key order."""
    known = Estimator(plan) if estimator is None else estimator
    return _visit(plan, None, known)


def _visit(plan: Plan, limit: float | None, estimator: Estimator) -> Plan:
    """`limit`: how many rows of the plan will be read, if that is known."""
    match plan:
        case Limit(source, count, offset, ties):
            rows = _limit_rows(count, offset) if not ties else None
            return Limit(_visit(source, rows, estimator), count, offset, ties)
        case Project(source, columns, values):
            return Project(_visit(source, limit, estimator), columns, values)
        case Sort(source, keys, top):
            ordered = _ordered(source, keys, limit, estimator)
            if ordered is None:
                return Sort(_visit(source, None, estimator), keys, top)
            return ordered if top is None else Limit(ordered, top)
        case _:
            return map_children(plan, lambda child: _visit(child, None, estimator))


def _limit_rows(count: Expr | None, offset: Expr | None) -> float | None:
    if count is None or (isinstance(count, Constant) and count.value is None):
        return None
    total = 0.0
    for bound in (count, offset):
        if isinstance(bound, Constant):
            total += float(bound.value or 0)
        elif bound is not None:
            total += UNKNOWN_LIMIT
    return total


def _ordered(plan: Plan, keys: tuple[SortKey, ...], limit: float | None, estimator: Estimator) -> Plan | None:
    """The plan with its rows in this order, if that is cheaper than sorting them."""
    match plan:
        case Scan(access=FullScan()):
            return _ordered_scan(plan, keys, limit, estimator)
        case Filter(source, where):
            passing = max(estimator.selectivity(split(where)), 1e-6)
            inner = _ordered(source, keys, None if limit is None else limit / passing, estimator)
            return None if inner is None else Filter(inner, where)
        case Project(source, columns, values):
            value_of = {column.id: value for column, value in zip(columns, values, strict=True)}
            below: list[SortKey] = []
            for key in keys:
                expression = key.expression
                value = value_of.get(expression.id) if isinstance(expression, Column) else None
                if value is None:
                    return None
                below.append(SortKey(value, key.descending, key.nulls_first))
            inner = _ordered(source, tuple(below), limit, estimator)
            return None if inner is None else Project(inner, columns, values)
        case NestedLoop(kind, left) if plan.bindings:
            if kind in ("right", "full"):
                return None
            if limit is not None:
                limit = limit * max(estimator.rows(left) / max(estimator.rows(plan), 1.0), 1.0)
            inner = _ordered(left, keys, limit, estimator)
            return None if inner is None else replace(plan, left=inner)
        case _:
            return None


def _ordered_scan(
    scan: Scan, keys: tuple[SortKey, ...], limit: float | None, estimator: Estimator
) -> Plan | None:
    found = ordered_path(scan, keys, limit, estimator)
    if found is None:
        return None
    path, reverse = found
    rows = estimator.rows(scan)
    unordered = best_path(scan, split(scan.where), estimator).cost + rows * SORT_ROW * math.log2(rows + 2)
    if path.cost > unordered:
        return None
    return replace(scan, access=path.access, where=join(path.rest), reverse=reverse)
