"""Join -> NestedLoop: what any join can be run as, also where no rule found something better.

With this rule alone a plan is executable as it was written, the reference for all other rules.
"""

from __future__ import annotations

from dataclasses import replace

from minidb.expr.node import Expr
from minidb.plan.nodes import Join, NestedLoop, Plan, Subquery
from minidb.plan.traverse import contains_subquery, expressions, map_children, map_expressions


def lower_joins(plan: Plan) -> Plan:
    """Every `Join` of the plan, and of the plans in its expressions, as a nested loop."""
    plan = map_children(plan, lower_joins)
    if any(contains_subquery(expression) for expression in expressions(plan)):
        plan = map_expressions(plan, _lower_in_expression)
    match plan:
        case Join(kind, left, right, on, null_aware):
            assert not null_aware, "only a hash join is null-aware"
            return NestedLoop(kind, left, right, on)
        case _:
            return plan


def _lower_in_expression(expression: Expr) -> Expr:
    operands = expression.children()
    if operands:
        expression = expression.with_children(tuple([_lower_in_expression(each) for each in operands]))
    if isinstance(expression, Subquery):
        return replace(expression, plan=lower_joins(expression.plan))
    return expression
