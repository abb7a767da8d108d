"""Evaluate what needs no row: `a > 2 + 3` -> `a > 5`; simplify AND, OR, NOT around what is then constant.

Only immutable expressions are folded: not now(), not parameters, not sub-plans. One whose evaluation fails is
left as it is: an error belongs to the moment when a row reaches the expression, and none may (`CASE WHEN
false THEN 1/0 END`, an empty table).

    Filter(true)   -> its source
    Filter(false)  -> no rows: Values of nothing
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Final

from minidb.errors import Error
from minidb.expr.calls import Call
from minidb.expr.compare import Comparison
from minidb.expr.logic import And, Not, Or
from minidb.expr.node import Column, Constant, EvaluationContext, Expr, Parameter
from minidb.plan.nodes import Filter, Plan, Subquery, Values
from minidb.plan.predicates import FALSE, TRUE, is_never_true
from minidb.plan.traverse import PlanFunction, contains_volatile, map_children, map_expressions
from minidb.value.sql_types import BOOLEAN

# Immutable expressions look at nothing in it.
_CONTEXT: Final = EvaluationContext([], {}, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
_UNKNOWN: Final = Constant(None, BOOLEAN)


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
        return _simplify(expression)

    def fold_plan(node: Plan) -> Plan:
        node = map_expressions(map_children(node, fold_plan), fold)
        if isinstance(node, Filter):
            if node.where == TRUE:
                return node.source
            if is_never_true(node.where):
                return Values(node.columns, ())
        return node

    return fold_plan(plan)


def fold_expression(expression: Expr) -> Expr:
    """Fold an expression without sub-plans whose operands may have become constant."""
    operands = expression.children()
    if operands:
        changed = tuple([fold_expression(operand) for operand in operands])
        if any(new is not old for new, old in zip(changed, operands, strict=True)):
            expression = expression.with_children(changed)
    return _simplify(expression)


def _simplify(expression: Expr) -> Expr:
    """One node whose operands are folded."""
    if isinstance(expression, And):
        return _junction(expression, And, FALSE, TRUE)
    if isinstance(expression, Or):
        return _junction(expression, Or, TRUE, FALSE)
    operands = expression.children()
    if not operands and not isinstance(expression, Call):
        return expression
    constant = True
    for operand in operands:
        if type(operand) is not Constant:
            constant = False
            break
    if constant:
        return _evaluated(expression)
    if isinstance(expression, Comparison):
        for operand in operands:
            if type(operand) is Constant and operand.value is None and not contains_volatile(expression):
                return _UNKNOWN
    if isinstance(expression, Not) and isinstance(expression.operand, Not):
        return expression.operand.operand
    return expression


def _junction(node: And | Or, kind: type[And] | type[Or], decides: Constant, neutral: Constant) -> Expr:
    """AND (decided by false, not changed by true) or OR (the other way round) of folded operands."""
    kept: list[Expr] = []
    changed = False
    for operand in node.operands:
        if type(operand) is Constant:
            if operand.value is decides.value:
                return decides
            if operand.value is neutral.value:
                changed = True
                continue
        if isinstance(operand, kind):
            kept.extend(operand.operands)
            changed = True
        else:
            kept.append(operand)
    if not kept:
        return neutral
    if len(kept) == 1:
        return kept[0]
    if all(type(operand) is Constant for operand in kept):
        return _UNKNOWN
    return kind(tuple(kept)) if changed else node


def _evaluated(expression: Expr) -> Expr:
    if expression.is_volatile() or expression.is_stable():
        return expression
    try:
        value = expression.evaluate((), _CONTEXT)
    except Error:
        return expression
    return Constant(value, expression.type)
