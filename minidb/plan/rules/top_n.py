"""A sort under a LIMIT keeps only the first rows: Limit 10 offset 5 over Sort -> Sort limit 15."""

from __future__ import annotations

from minidb.expr.node import Constant, Expr
from minidb.expr.operators import binary
from minidb.plan.nodes import Limit, Plan, Project, Sort
from minidb.plan.traverse import map_children


def top_n(plan: Plan) -> Plan:
    """Tell each sort how many of its rows will be read."""
    match plan:
        case Limit(source, Constant() | Expr() as count, offset, ()):
            limit = count if offset is None else _sum(count, offset)
            return Limit(top_n(_limited(source, limit)), count, offset)
        case _:
            return map_children(plan, top_n)


def _limited(plan: Plan, limit: Expr) -> Plan:
    match plan:
        case Project(source, columns, values):
            return Project(_limited(source, limit), columns, values)
        case Sort(source, keys, None):
            return Sort(source, keys, limit)
        case _:
            return plan


def _sum(count: Expr, offset: Expr) -> Expr:
    if isinstance(count, Constant) and isinstance(offset, Constant):
        known = count.value is not None
        return Constant(count.value + (offset.value or 0) if known else None, count.type)
    return binary("+", count, offset)
