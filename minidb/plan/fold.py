"""Folding one expression: what `rules/fold_constants.py` does to each node once its operands are folded.

A constant NULL decides a comparison, an operator and most functions, whatever their other operands would do
(PostgreSQL too spares `1 / 0 * NULL` its division); true and false decide AND and OR or vanish from them. A
date that is compared with a constant timestamp (as with `DATE '1994-01-01' + INTERVAL '1' MONTH`) is compared
with a date instead: the bare column is cheaper, has statistics and may have an index.
"""

from __future__ import annotations

import datetime
from typing import Final

from minidb.errors import Error
from minidb.expr.arithmetic import FloatArithmetic, IntegerArithmetic
from minidb.expr.calls import Call, CallOne, CallTwo
from minidb.expr.cast import Cast
from minidb.expr.compare import PLAIN, Comparison, swapped
from minidb.expr.conditional import Case, Coalesce
from minidb.expr.logic import And, Not, Or
from minidb.expr.node import Constant, EvaluationContext, Expr
from minidb.plan.predicates import FALSE, TRUE
from minidb.plan.traverse import contains_volatile
from minidb.value.sql_types import BOOLEAN, DATE, Kind

# Immutable expressions look at nothing in it.
_CONTEXT: Final = EvaluationContext([], {}, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
# The nodes that are NULL as soon as one operand is.
_STRICT: Final = (Comparison, IntegerArithmetic, FloatArithmetic, CallOne, CallTwo)
_UNKNOWN: Final = Constant(None, BOOLEAN)


def fold_expression(expression: Expr) -> Expr:
    """Fold an expression without sub-plans whose operands may have become constant."""
    operands = expression.children()
    if operands:
        changed = tuple([fold_expression(operand) for operand in operands])
        if any(new is not old for new, old in zip(changed, operands, strict=True)):
            expression = expression.with_children(changed)
    return simplify(expression)


def simplify(expression: Expr) -> Expr:
    """One node whose operands are folded."""
    if isinstance(expression, And):
        return _junction(expression, And, FALSE, TRUE)
    if isinstance(expression, Or):
        return _junction(expression, Or, TRUE, FALSE)
    operands = expression.children()
    if expression.holds_plan() or (not operands and not isinstance(expression, Call)):
        return expression
    constant = True
    for operand in operands:
        if type(operand) is not Constant:
            constant = False
            break
    if constant:
        return _evaluated(expression)
    if isinstance(expression, _STRICT):
        for operand in operands:
            if type(operand) is Constant and operand.value is None and not contains_volatile(expression):
                return Constant(None, expression.type)
    if isinstance(expression, Comparison):
        return _compared_as_date(expression)
    if isinstance(expression, Not) and isinstance(expression.operand, Not):
        return expression.operand.operand
    if isinstance(expression, Case):
        return _live_branches(expression)
    if isinstance(expression, Coalesce):
        return _live_arguments(expression)
    return expression


def _live_branches(case: Case) -> Expr:
    """Without the branches that are never taken, nor those after one that always is.

    What they read (aggregates, too) then need not be computed, and can't fail.
    """
    conditions: list[Expr] = []
    results: list[Expr] = []
    otherwise = case.otherwise
    for condition, result in zip(case.conditions, case.results, strict=True):
        if type(condition) is not Constant:
            conditions.append(condition)
            results.append(result)
        elif condition.value:
            otherwise = result
            break
    if not conditions:
        return otherwise
    if len(conditions) == len(case.conditions):
        return case
    return Case(tuple(conditions), tuple(results), otherwise, case.type)


def _live_arguments(coalesce: Coalesce) -> Expr:
    """Without constant NULLs, and without what follows a constant that is not NULL."""
    arguments: list[Expr] = []
    for argument in coalesce.arguments:
        if type(argument) is not Constant:
            arguments.append(argument)
        elif argument.value is not None:
            arguments.append(argument)
            break
    if not arguments:
        return Constant(None, coalesce.type)
    if len(arguments) == 1:
        return arguments[0]
    return (
        coalesce if len(arguments) == len(coalesce.arguments) else Coalesce(tuple(arguments), coalesce.type)
    )


def _compared_as_date(comparison: Comparison) -> Comparison:
    """`date::timestamp < timestamp` as `date < date`; a timestamp within a day falls between two dates."""
    left, right = comparison.left, comparison.right
    if type(left) is Constant and isinstance(right, Cast):
        return _compared_as_date(swapped(comparison)) if _is_date_cast(right) else comparison
    if not isinstance(left, Cast) or not _is_date_cast(left) or type(right) is not Constant:
        return comparison
    moment: datetime.datetime = right.value
    day = Constant(moment.date(), DATE)
    operator = comparison.operator
    if moment.time() != datetime.time():
        if operator in ("=", "<>"):
            return comparison
        operator = "<=" if operator in ("<", "<=") else ">"
    return PLAIN[operator](operator, left.operand, day)


def _is_date_cast(cast: Cast) -> bool:
    return cast.type.kind is Kind.TIMESTAMP and cast.operand.type.kind is Kind.DATE


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
