"""Nodes that apply a Python function to their arguments: most SQL functions, and operators that are not hot.

All but `NullableCall` are strict: NULL if an argument is NULL, without calling the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from minidb.expr.node import SAME_FOR_ALL_ROWS, EvaluationContext, Expr
from minidb.value.sql_types import Row, SqlType, Value

Volatility = Literal["immutable", "stable", "volatile"]


@dataclass(frozen=True)
class Call(Expr):
    """`name(arguments)`, or an operator called `name`; the base class takes any number of arguments."""

    name: str
    arguments: tuple[Expr, ...]
    type: SqlType = field()
    function: Callable[..., Value] = field(compare=False, repr=False)
    volatility: Volatility = "immutable"
    is_operator: bool = False

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        values = [argument.evaluate(row, context) for argument in self.arguments]
        return None if None in values else self.function(*values)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        if not self.arguments or self.volatility == "volatile":
            evaluate = self.evaluate
            return [evaluate(row, context) for row in rows]
        function = self.function
        columns = [argument.evaluate_batch(rows, context) for argument in self.arguments]
        return [None if None in values else function(*values) for values in zip(*columns, strict=True)]

    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return type(self)(self.name, children, self.type, self.function, self.volatility, self.is_operator)

    def is_volatile(self) -> bool:
        return self.volatility == "volatile"

    def is_stable(self) -> bool:
        return self.volatility == "stable"


@dataclass(frozen=True)
class CallOne(Call):
    """Of one argument."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        value = self.arguments[0].evaluate(row, context)
        return None if value is None else self.function(value)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        function = self.function
        values = self.arguments[0].evaluate_batch(rows, context)
        return [None if value is None else function(value) for value in values]


@dataclass(frozen=True)
class CallTwo(Call):
    """Of two arguments."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        arguments = self.arguments
        left = arguments[0].evaluate(row, context)
        if left is None:
            return None
        right = arguments[1].evaluate(row, context)
        return None if right is None else self.function(left, right)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        function = self.function
        first, second = self.arguments
        lefts = first.evaluate_batch(rows, context)
        if isinstance(second, SAME_FOR_ALL_ROWS):
            value = second.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if left is None else function(left, value) for left in lefts]
        rights = second.evaluate_batch(rows, context)
        return [
            None if left is None or right is None else function(left, right)
            for left, right in zip(lefts, rights, strict=True)
        ]


@dataclass(frozen=True)
class NullableCall(Call):
    """The function sees NULLs as None."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.function(*[argument.evaluate(row, context) for argument in self.arguments])

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        evaluate = self.evaluate
        return [evaluate(row, context) for row in rows]


@dataclass(frozen=True)
class ContextCall(Call):
    """The function's first argument is the evaluation context, for the time zone, a sequence, `now`."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        values = [argument.evaluate(row, context) for argument in self.arguments]
        return None if None in values else self.function(context, *values)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        evaluate = self.evaluate
        return [evaluate(row, context) for row in rows]


@dataclass(frozen=True)
class NullableContextCall(Call):
    """The function's first argument is the evaluation context, and it sees NULLs as None."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return self.function(context, *[argument.evaluate(row, context) for argument in self.arguments])

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        evaluate = self.evaluate
        return [evaluate(row, context) for row in rows]


def call(
    name: str,
    arguments: Sequence[Expr],
    result: SqlType,
    function: Callable[..., Any],
    volatility: Volatility = "immutable",
    *,
    is_operator: bool = False,
    strict: bool = True,
    with_context: bool = False,
) -> Call:
    """The node class that suits the number of arguments and what the function wants to see."""
    kind: type[Call]
    if with_context:
        kind = ContextCall if strict else NullableContextCall
    elif not strict:
        kind = NullableCall
    elif volatility == "volatile":
        kind = Call
    else:
        kind = CallOne if len(arguments) == 1 else CallTwo if len(arguments) == 2 else Call
    return kind(name, tuple(arguments), result, function, volatility, is_operator)
