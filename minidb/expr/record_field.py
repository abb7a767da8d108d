"""A field of a record that is a parameter: `account.balance` in a PL/pgSQL expression."""

from __future__ import annotations

from dataclasses import dataclass

from minidb.expr.node import EvaluationContext, Expr
from minidb.value.sql_types import Row, SqlType, Value


@dataclass(frozen=True)
class RecordField(Expr):
    """Field `field` of the record (a tuple) that is the `index`-th parameter."""

    index: int
    field: int
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return context.parameters[self.index][self.field]

    def is_stable(self) -> bool:
        return True
