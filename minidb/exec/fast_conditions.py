"""Expressions that the fast forms of changes may evaluate: over the row and its parameters alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

from minidb.expr import functions_datetime
from minidb.expr.calls import ContextCall
from minidb.expr.node import EvaluationContext, Expr, Parameter, walk
from minidb.plan.changes import Target
from minidb.plan.nodes import Subquery
from minidb.value.sql_types import Row

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TIMES: Final = (functions_datetime.now, functions_datetime.current_timestamp)
NO_CONTEXT: Final = EvaluationContext([], {}, _EPOCH)


def parameter_context(parameters: Any) -> EvaluationContext:
    """A context for expressions that see nothing but parameters."""
    return EvaluationContext(parameters, {}, _EPOCH)


def is_immutable(expression: Expr, parameters: bool = False) -> bool:
    """Whether it always yields the same for the same row (and, if allowed, parameters)."""
    for node in walk(expression):
        if isinstance(node, Subquery) or node.is_volatile():
            return False
        if node.is_stable() and not (parameters and isinstance(node, Parameter)):
            return False
    return True


def sees_time(expressions: list[Expr]) -> bool:
    """Whether now() is in them: then they are given `time_context`."""
    return any(_is_time(node) for expression in expressions for node in walk(expression))


def is_assignable(expression: Expr) -> bool:
    """Whether it needs nothing but row, parameters and the transaction's time."""
    for node in walk(expression):
        if _is_time(node):
            continue
        if isinstance(node, Subquery) or node.is_volatile():
            return False
        if node.is_stable() and not isinstance(node, Parameter):
            return False
    return True


def _is_time(node: Expr) -> bool:
    return isinstance(node, ContextCall) and node.function in _TIMES


def time_context(parameters: Any, transaction: Any) -> EvaluationContext:
    """A context for expressions that see parameters and the time."""
    return EvaluationContext(parameters, {}, transaction.started_at)


def row_checks(target: Target) -> Callable[[Row], bool] | None:
    """Whether a row violates a CHECK."""
    if not target.checks:
        return None
    conditions = [condition.evaluate for _, condition in target.checks]

    def violates(row: Row) -> bool:
        return any(condition(row, NO_CONTEXT) is False for condition in conditions)

    return violates
