"""A call of a function that a user defined: its value comes from the session, through the context."""

from __future__ import annotations

from dataclasses import dataclass

from minidb.expr.node import EvaluationContext, Expr
from minidb.value.sql_types import Row, SqlType, Value


@dataclass(frozen=True)
class UserFunction(Expr):
    """`name(arguments)`, each of its argument's type; `routine` is the function's id in the catalog.

    An immutable one counts as stable: it runs statements, which nothing can do before execution.
    """

    routine: int
    name: str
    arguments: tuple[Expr, ...]
    type: SqlType
    volatility: str = "volatile"

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        values = [argument.evaluate(row, context) for argument in self.arguments]
        rows = context.routine_rows(self.routine, values)
        return rows[0][0] if rows else None

    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return UserFunction(self.routine, self.name, children, self.type, self.volatility)

    def is_volatile(self) -> bool:
        return self.volatility == "volatile"

    def is_stable(self) -> bool:
        return self.volatility != "volatile"
