"""Evaluate what needs no row: `a > 2 + 3` -> `a > 5`; simplify AND, OR, NOT around what is then constant.

Only immutable expressions are folded: not now(), not parameters, not sub-plans. One whose evaluation fails is
left as it is: an error belongs to the moment when a row reaches the expression, and none may (`CASE WHEN
false THEN 1/0 END`, an empty table).

    Filter(true)   -> its source
    Filter(false)  -> no rows: Values of nothing
"""

from __future__ import annotations

from dataclasses import replace

from minidb.expr.node import Column, Constant, Expr, Parameter
from minidb.plan.fold import simplify
from minidb.plan.nodes import Filter, Plan, Values
from minidb.plan.predicates import TRUE, is_never_true
from minidb.plan.subqueries import Subquery
from minidb.plan.traverse import PlanFunction, map_children, map_expressions


def fold_constants(plan: Plan, visit_subplan: PlanFunction | None = None) -> Plan:
    """Fold in every expression of the plan. Sub-plans are folded too, or given to `visit_subplan` instead."""

    def fold(expression: Expr) -> Expr:
        kind = type(expression)
        if kind is Column or kind is Constant or kind is Parameter:
            return expression
        operands = expression.children()
        if operands:
            changed = [fold(operand) for operand in operands]
            for new, old in zip(changed, operands, strict=True):
                if new is not old:
                    expression = expression.with_children(tuple(changed))
                    break
        if isinstance(expression, Subquery):
            inner = fold_plan(expression.plan) if visit_subplan is None else visit_subplan(expression.plan)
            return expression if inner is expression.plan else replace(expression, plan=inner)
        return simplify(expression)

    def fold_plan(node: Plan) -> Plan:
        node = map_expressions(map_children(node, fold_plan), fold)
        if isinstance(node, Filter):
            if node.where == TRUE:
                return node.source
            if is_never_true(node.where):
                return Values(node.columns, ())
        return node

    return fold_plan(plan)
