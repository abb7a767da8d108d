"""What a rule may know about a condition: its conjuncts, when NULLs make it fail, what it equates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minidb.expr.arithmetic import FloatArithmetic, IntegerArithmetic
from minidb.expr.calls import Call, NullableCall, NullableContextCall
from minidb.expr.cast import Cast, Relabel, SessionCast
from minidb.expr.compare import Comparison
from minidb.expr.logic import And, IsNotNull, IsTruth, Not, Or
from minidb.expr.membership import InList
from minidb.expr.node import Column, Constant, Expr
from minidb.plan.traverse import contains_subquery
from minidb.value.sql_types import BOOLEAN

TRUE = Constant(True, BOOLEAN)
FALSE = Constant(False, BOOLEAN)


def split(condition: Expr | None) -> list[Expr]:
    """The conjuncts of a condition."""
    if condition is None:
        return []
    if isinstance(condition, And):
        found: list[Expr] = []
        for operand in condition.operands:
            found.extend(split(operand))
        return found
    return [condition]


def join(conjuncts: Sequence[Expr]) -> Expr | None:
    """The conjuncts as one condition; None if there are none."""
    if not conjuncts:
        return None
    return conjuncts[0] if len(conjuncts) == 1 else And(tuple(conjuncts))


def is_never_true(condition: Expr) -> bool:
    """Whether it is a constant false or NULL."""
    return type(condition) is Constant and condition.value is not True


def is_null_with(expression: Expr, ids: frozenset[int] | set[int]) -> bool:
    """Whether the expression is certainly NULL when all of these columns are."""
    if type(expression) is Column:
        return expression.id in ids
    if isinstance(expression, Comparison | Not):
        return any(is_null_with(operand, ids) for operand in expression.children())
    if isinstance(expression, InList):
        return is_null_with(expression.operand, ids)
    if isinstance(expression, Call):
        strict = not isinstance(expression, NullableCall | NullableContextCall)
        return strict and any(is_null_with(operand, ids) for operand in expression.arguments)
    if isinstance(expression, Cast | SessionCast | Relabel):
        return is_null_with(expression.operand, ids)
    if isinstance(expression, IntegerArithmetic | FloatArithmetic):
        return is_null_with(expression.left, ids) or is_null_with(expression.right, ids)
    return False


def rejects_nulls(condition: Expr, ids: frozenset[int] | set[int]) -> bool:
    """Whether the condition is never true when all of these columns are NULL: an outer join's missing row."""
    if isinstance(condition, And):
        return any(rejects_nulls(operand, ids) for operand in condition.operands)
    if isinstance(condition, Or):
        return all(rejects_nulls(operand, ids) for operand in condition.operands)
    if isinstance(condition, IsNotNull):
        return is_null_with(condition.operand, ids)
    if isinstance(condition, IsTruth):
        wants_truth = condition.truth is not None and not condition.negated
        return wants_truth and is_null_with(condition.operand, ids)
    return is_null_with(condition, ids)


def is_equality(condition: Expr) -> bool:
    """Whether it is `left = right`."""
    return isinstance(condition, Comparison) and condition.operator == "="


def unique(conjuncts: Iterable[Expr]) -> list[Expr]:
    """Without those that are there twice, in order. Sub-plans are not compared: that would take long."""
    seen: set[Expr] = set()
    found: list[Expr] = []
    for conjunct in conjuncts:
        if not contains_subquery(conjunct):
            if conjunct in seen:
                continue
            seen.add(conjunct)
        found.append(conjunct)
    return found
