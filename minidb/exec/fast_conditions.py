"""Expressions that the fast forms of changes may evaluate: over the row and its parameters, or with what the
transaction knows, its time and the sequences."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

from minidb.expr import functions_datetime, functions_system
from minidb.expr.calls import ContextCall
from minidb.expr.node import EvaluationContext, Expr, Parameter, walk
from minidb.plan.changes import Target
from minidb.plan.subqueries import Subquery
from minidb.value.sql_types import Row

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_OF_TRANSACTION: Final = (
    functions_datetime.now,
    functions_datetime.current_timestamp,
    functions_system.nextval,
)
NO_CONTEXT: Final = EvaluationContext([], {}, _EPOCH)


def parameter_context(parameters: Any) -> EvaluationContext:
    """A context for expressions that see nothing but parameters."""
    return EvaluationContext(parameters, {}, _EPOCH)


def is_immutable(expression: Expr, parameters: bool = False) -> bool:
    """Whether it always yields the same for the same row (and, if allowed, parameters)."""
    return all(_is_immutable(node, parameters) for node in walk(expression))


def _is_immutable(node: Expr, parameters: bool) -> bool:
    if isinstance(node, Subquery) or node.is_volatile():
        return False
    return not node.is_stable() or (parameters and isinstance(node, Parameter))


class TransactionContext(EvaluationContext):
    """What an expression sees of the transaction: when it began, and its session's sequences."""

    __slots__ = ("_transaction",)

    def __init__(self, parameters: Any, transaction: Any) -> None:
        super().__init__(parameters, {}, transaction.started_at)
        self._transaction = transaction

    def sequence_value(self, operation: str, name: str, value: int | None) -> int:
        """nextval."""
        found: int = self._transaction.session.sequence_value(operation, name, value)
        return found


def sees_transaction(expressions: list[Expr]) -> bool:
    """Whether now() or nextval() is in them: then they are given a `TransactionContext`."""
    return _holds_call(expressions, _OF_TRANSACTION)


def draws(expressions: list[Expr]) -> bool:
    """Whether nextval() is in them. A form that declines after it has drawn makes the general path draw
    again, which a call that is recorded must not do: whether there is a fast form yet is not recorded."""
    return _holds_call(expressions, (functions_system.nextval,))


def is_assignable(expression: Expr) -> bool:
    """Whether it needs nothing but row, parameters and a `TransactionContext`."""
    return all(_calls(node, _OF_TRANSACTION) or _is_immutable(node, True) for node in walk(expression))


def _holds_call(expressions: list[Expr], functions: tuple[Callable[..., Any], ...]) -> bool:
    return any(_calls(node, functions) for expression in expressions for node in walk(expression))


def _calls(node: Expr, functions: tuple[Callable[..., Any], ...]) -> bool:
    return isinstance(node, ContextCall) and node.function in functions


def row_checks(target: Target) -> Callable[[Row], bool] | None:
    """Whether a row violates a CHECK."""
    if not target.checks:
        return None
    conditions = [condition.evaluate for _, condition in target.checks]

    def violates(row: Row) -> bool:
        return any(condition(row, NO_CONTEXT) is False for condition in conditions)

    return violates
