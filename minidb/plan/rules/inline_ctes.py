"""A WITH item that is scanned once becomes a derived table there, so that filters can reach into it.

    With c AS (Scan t): Filter x > 1: CteScan c   ->   Filter x > 1: Project: Scan t

Recursive, volatile and data-modifying items stay, as do those scanned inside an expression's sub-plan, which
would otherwise run anew for each row. An item nobody scans is dropped unless it modifies data.
"""

from __future__ import annotations

from minidb.plan.nodes import Cte, CteScan, Plan, Project, With
from minidb.plan.traverse import expressions, map_children, plan_is_volatile, subqueries, walk_plan


def inline_ctes(plan: Plan) -> Plan:
    """Inline in every `With` of the plan."""
    if isinstance(plan, With):
        plan = _inline(plan)
    return map_children(plan, inline_ctes)


def _inline(plan: With) -> Plan:
    scans: dict[int, int] = {}
    fixed: set[int] = set()  # scanned where a plan runs again and again
    for cte in plan.ctes:
        _count_scans(cte.plan, scans, fixed)
        if cte.step is not None:
            repeated: dict[int, int] = {}
            _count_scans(cte.step, repeated, fixed)
            fixed.update(repeated)
    _count_scans(plan.body, scans, fixed)
    kept: list[Cte] = []
    inlined: dict[int, Plan] = {}
    for cte in plan.ctes:
        body = _replace_scans(cte.plan, inlined)
        if cte.id not in fixed and cte.step is None and not plan_is_volatile(body):
            if scans.get(cte.id, 0) == 0:
                continue
            if scans[cte.id] == 1:
                inlined[cte.id] = body
                continue
        kept.append(Cte(cte.id, cte.name, body, cte.step, cte.union_all))
    body = _replace_scans(plan.body, inlined)
    return With(tuple(kept), body) if kept else body


def _count_scans(plan: Plan, scans: dict[int, int], fixed: set[int]) -> None:
    """Count the scans of each CTE in the tree; those in sub-plans of expressions go to `fixed`."""
    for node in walk_plan(plan):
        if isinstance(node, CteScan):
            scans[node.cte] = scans.get(node.cte, 0) + 1
        for expression in expressions(node):
            for subquery in subqueries(expression):
                inner: dict[int, int] = {}
                _count_scans(subquery.plan, inner, fixed)
                fixed.update(inner)


def _replace_scans(plan: Plan, inlined: dict[int, Plan]) -> Plan:
    if not inlined:
        return plan
    if isinstance(plan, CteScan) and plan.cte in inlined:
        body = inlined[plan.cte]
        return Project(body, plan.columns, body.columns)
    return map_children(plan, lambda child: _replace_scans(child, inlined))
