"""Expressions that hold a plan: scalar subqueries, EXISTS, IN and quantified comparisons.

Each runs its sub-plan through the context. Correlation: `outer_ids` name the enclosing columns that the
plan refers to; for each row their values are put into `context.outer` before the plan runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minidb.errors import ProgrammingError
from minidb.expr.node import EvaluationContext, Expr
from minidb.plan.nodes import Subquery
from minidb.value.sql_types import Row, Value


@dataclass(frozen=True, slots=True)
class ScalarSubquery(Subquery):
    """(SELECT ...): its one value, NULL if it has no row, 21000 if it has several."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        found = self.rows(row, context, 2)
        if len(found) > 1:
            raise ProgrammingError(
                "more than one row returned by a subquery used as an expression", sqlstate="21000"
            )
        return found[0][0] if found else None

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, outer_values=children)


@dataclass(frozen=True, slots=True)
class Exists(Subquery):
    """EXISTS (SELECT ...)."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return bool(self.rows(row, context, 1))

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, outer_values=children)


@dataclass(frozen=True, slots=True)
class QuantifiedComparison(Subquery):
    """`test` holds for ANY (IN is `= ANY`) or ALL rows of the plan, in three-valued logic.

    `test` is a boolean expression over the sub-plan's columns and, for the left operand, over columns
    that are in `outer_ids` like any other correlation; resolve makes it an expression over the sub-plan's row
    in which the enclosing query's columns are `OuterSlot`s.
    """

    test: Expr | None = None
    every: bool = False  # ALL

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        assert self.test is not None
        self.bind(row, context)
        found = context.subquery_contains(self)
        if found is not NotImplemented:
            return found
        test = self.test.evaluate
        unknown = False
        for candidate in context.subquery_rows(self, None):
            result = test(candidate, context)
            if result is None:
                unknown = True
            elif result is not self.every:
                return result
        return None if unknown else self.every

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, outer_values=children)
