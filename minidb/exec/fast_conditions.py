"""Expressions that the fast forms of changes may evaluate: over the row and its parameters alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

from minidb.expr.node import EvaluationContext, Expr, Parameter, walk
from minidb.plan.changes import Target
from minidb.plan.nodes import Subquery
from minidb.value.sql_types import Row

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
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


def row_checks(target: Target) -> Callable[[Row], bool] | None:
    """Whether a row violates a CHECK."""
    if not target.checks:
        return None
    conditions = [condition.evaluate for _, condition in target.checks]

    def violates(row: Row) -> bool:
        return any(condition(row, NO_CONTEXT) is False for condition in conditions)

    return violates
