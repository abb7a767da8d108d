"""Expressions that hold a plan: scalar subqueries, EXISTS, IN and quantified comparisons.

Each runs its sub-plan through the context. Correlation: `outer_ids` name the enclosing columns that the
plan refers to; for each row their values are put into `context.outer` before the plan runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minidb.errors import ProgrammingError
from minidb.expr.node import EvaluationContext, Expr
from minidb.plan.nodes import Plan
from minidb.value.sql_types import Row, SqlType, Value


@dataclass(frozen=True)
class Subquery(Expr):
    """Base of the sub-plan expressions.

    `outer` are the enclosing query's columns that `plan` refers to; resolve replaces each by a `Slot` or
    `OuterSlot` (kept in `outer_values`, ids in `outer_ids`). No `outer`: the plan runs once per statement.
    """

    plan: Plan
    type: SqlType
    outer_ids: tuple[int, ...] = ()
    outer_values: tuple[Expr, ...] = ()

    def rows(self, row: Row, context: EvaluationContext, limit: int | None) -> list[Row]:
        """The sub-plan's rows for this outer row."""
        if self.outer_ids:
            self.bind(row, context)
        return context.subquery_rows(self, limit)

    def bind(self, row: Row, context: EvaluationContext) -> None:
        """Put this outer row's values where the sub-plan finds them."""
        outer = context.outer
        for id_, value in zip(self.outer_ids, self.outer_values, strict=True):
            outer[id_] = value.evaluate(row, context)

    def children(self) -> tuple[Expr, ...]:
        return self.outer_values

    def holds_plan(self) -> bool:
        return True


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Exists(Subquery):
    """EXISTS (SELECT ...)."""

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        return bool(self.rows(row, context, 1))

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, outer_values=children)


@dataclass(frozen=True)
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
