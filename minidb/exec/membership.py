"""IN (SELECT ...) by a set: the sub-plan's values are hashed once, then each outer row costs one look-up.

    left = ANY (plan)        left <> ALL (plan)

It needs a plan that does not depend on the outer row, and one equality between something of the outer row
and something of the plan's row; what is not of this shape is compared row by row.
"""

from __future__ import annotations

from typing import Any

from minidb.exec.equality import ColumnMap, column_map
from minidb.expr.compare import Comparison
from minidb.expr.node import EvaluationContext, Expr, OuterSlot, Slot, walk
from minidb.plan.subqueries import QuantifiedComparison, Subquery
from minidb.value.sql_types import Row, Value


class Membership:
    """The values of one sub-plan, and how to look one up."""

    __slots__ = ("_left", "_map", "_negated", "_null", "_right", "_some", "_values")

    def __init__(self, left: Expr, right: Expr, negated: bool) -> None:
        self._left = left
        self._right = right
        self._negated = negated
        self._map: ColumnMap | None = column_map(left.type)
        self._values: set[Any] = set()
        self._null = False
        self._some = False

    def load(self, rows: list[Row], context: EvaluationContext) -> None:
        """Hash the plan's rows."""
        values = self._right.evaluate_batch(rows, context)
        map_ = column_map(self._right.type)
        self._values = set(values if map_ is None else map_(values))
        self._null = None in self._values
        self._some = bool(rows)

    def contains(self, context: EvaluationContext) -> Value:
        """Whether the present outer row's value is among them, in three-valued logic."""
        if not self._some:
            return self._negated
        value = self._left.evaluate((), context)
        if value is None:
            return None
        if self._map is not None:
            (value,) = self._map([value])
        if value in self._values:
            return not self._negated
        return None if self._null else self._negated


def membership(subquery: Subquery) -> Membership | None:
    """An empty `Membership` if the expression has the shape for it."""
    if not isinstance(subquery, QuantifiedComparison):
        return None
    test = subquery.test
    if not isinstance(test, Comparison) or test.operator != ("<>" if subquery.every else "="):
        return None
    for left, right in ((test.left, test.right), (test.right, test.left)):
        if left.type.kind is right.type.kind and not _holds(left, Slot) and not _holds(right, OuterSlot):
            return Membership(left, right, subquery.every)
    return None


def _holds(expression: Expr, kind: type[Expr]) -> bool:
    """Whether it holds a node of that kind, a sub-plan, or something that differs from call to call."""
    return any(isinstance(node, kind | Subquery) or node.is_volatile() for node in walk(expression))
