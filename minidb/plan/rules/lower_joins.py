"""Join -> NestedLoop: what any join can be run as, also where no rule found something better.

With this rule alone a plan is executable as it was written, the reference for all other rules; with it last,
after any others.
"""

from __future__ import annotations

from dataclasses import replace

from minidb.expr.node import Expr
from minidb.plan.join_method import equal_sides
from minidb.plan.nodes import Filter, HashJoin, Join, MultiJoin, NestedLoop, Plan
from minidb.plan.predicates import join, split
from minidb.plan.subqueries import Subquery
from minidb.plan.traverse import contains_subquery, expressions, map_children, map_expressions


def lower_joins(plan: Plan) -> Plan:
    """Every join of the plan, and of the plans in its expressions, as a nested loop."""
    plan = map_children(plan, lower_joins)
    if any(contains_subquery(expression) for expression in expressions(plan)):
        plan = map_expressions(plan, _lower_in_expression)
    match plan:
        case Join(null_aware=True):
            return _null_aware(plan)
        case Join(kind, left, right, on):
            return NestedLoop(kind, left, right, on)
        case MultiJoin(relations, conjuncts, filters):
            joined = relations[0]
            for relation in relations[1:]:
                joined = NestedLoop("inner", joined, relation)
            condition = join(conjuncts)
            if condition is not None:
                joined = Filter(joined, condition)
            for semi in filters:
                joined = lower_joins(Join(semi.kind, joined, semi.right, semi.on, semi.null_aware))
            return joined
        case _:
            return plan


def _null_aware(plan: Join) -> Plan:
    """NOT IN: only a hash join is null-aware."""
    pairs, others = equal_sides(split(plan.on), {column.id for column in plan.right.columns})
    assert not others, "decorrelate makes null-aware joins of equalities only"
    left_keys = tuple([pair[0] for pair in pairs])
    right_keys = tuple([pair[1] for pair in pairs])
    return HashJoin("anti", plan.left, plan.right, left_keys, right_keys, None, null_aware=True)


def _lower_in_expression(expression: Expr) -> Expr:
    operands = expression.children()
    if operands:
        expression = expression.with_children(tuple([_lower_in_expression(each) for each in operands]))
    if isinstance(expression, Subquery):
        return replace(expression, plan=lower_joins(expression.plan))
    return expression
