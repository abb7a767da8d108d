"""The last step before execution: resolved expressions in the form that evaluates fastest.

    v + 1, v < $1     over a column and a constant or parameter: one call instead of three
    ts > now() - x    operands without columns are computed once per statement, not per row

Each form keeps the plain node it stands for: batches, which are fast already, go to that one.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from minidb.expr.arithmetic import (
    AddInteger,
    IntegerArithmetic,
    MultiplyInteger,
    SubtractInteger,
    out_of_range,
)
from minidb.expr.compare import FUNCTIONS, PLAIN, Comparison
from minidb.expr.node import Column, Constant, EvaluationContext, Expr, Once, OuterSlot, Parameter, Slot
from minidb.value.sql_types import Row, SqlType, Value

_ARITHMETIC: Final[dict[type[Expr], Callable[[Any, Any], Any]]] = {
    AddInteger: python.add,
    SubtractInteger: python.sub,
    MultiplyInteger: python.mul,
}
_PLAIN_COMPARISONS: Final = frozenset(PLAIN.values())


@dataclass(frozen=True)
class Specialised(Expr):
    """`plain`, whose left operand is the slot `index`, evaluated in one call."""

    plain: Expr
    type: SqlType = field()
    index: int = field(compare=False)
    function: Callable[[Any, Any], Any] = field(compare=False, repr=False)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        return self.plain.evaluate_batch(rows, context)

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        return self.plain.filter_batch(rows, context)

    def children(self) -> tuple[Expr, ...]:
        return self.plain.children()

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return _specialised_node(self.plain.with_children(children))


@dataclass(frozen=True)
class SlotAndConstant(Specialised):
    """A comparison with a constant."""

    value: Value = field(compare=False)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        item = row[self.index]
        return None if item is None else self.function(item, self.value)


@dataclass(frozen=True)
class SlotAndParameter(Specialised):
    """A comparison with a parameter."""

    parameter: int = field(compare=False)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        item = row[self.index]
        value = context.parameters[self.parameter]
        return None if item is None or value is None else self.function(item, value)


@dataclass(frozen=True)
class IntegerSlotAndConstant(Specialised):
    """Integer arithmetic with a constant, between the bounds of its type."""

    value: int = field(compare=False)
    low: int = field(compare=False)
    high: int = field(compare=False)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        item = row[self.index]
        if item is None:
            return None
        result = self.function(item, self.value)
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)


@dataclass(frozen=True)
class IntegerSlotAndParameter(Specialised):
    """Integer arithmetic with a parameter."""

    parameter: int = field(compare=False)
    low: int = field(compare=False)
    high: int = field(compare=False)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        item = row[self.index]
        value = context.parameters[self.parameter]
        if item is None or value is None:
            return None
        result = self.function(item, value)
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)


def specialise(expression: Expr) -> Expr:
    """The same resolved expression, faster. Not for expressions that are still to be transformed."""
    children = expression.children()
    if not children or isinstance(expression, Once | Specialised):
        return expression
    if not _depends_on_row(expression):
        return expression  # the whole of it is computed once anyway, or as often as asked for
    changed = tuple([_operand(child) for child in children])
    if any(new is not old for new, old in zip(changed, children, strict=True)):
        expression = expression.with_children(changed)
    return _specialised_node(expression)


def _operand(expression: Expr) -> Expr:
    if isinstance(expression, Constant | Parameter | Slot | OuterSlot | Once):
        return expression
    if _holds_for_statement(expression):
        return Once(expression, expression.type)
    return specialise(expression)


def _depends_on_row(expression: Expr) -> bool:
    """Whether a column of the row is in it, or something that is no better: a subquery, random()."""
    if isinstance(expression, Slot | Column) or expression.is_volatile() or expression.holds_plan():
        return True
    return any(_depends_on_row(child) for child in expression.children())


def _holds_for_statement(expression: Expr) -> bool:
    """Whether its value cannot change while a statement runs."""
    if isinstance(expression, Slot | Column | OuterSlot) or expression.holds_plan():
        return False
    if expression.is_volatile():
        return False
    return all(_holds_for_statement(child) for child in expression.children())


def _specialised_node(node: Expr) -> Expr:
    if type(node) in _PLAIN_COMPARISONS:
        assert isinstance(node, Comparison)
        left, right = node.left, node.right
        if isinstance(left, Slot):
            function = FUNCTIONS[node.operator]
            if isinstance(right, Constant) and right.value is not None:
                return SlotAndConstant(node, node.type, left.index, function, right.value)
            if isinstance(right, Parameter):
                return SlotAndParameter(node, node.type, left.index, function, right.index)
        return node
    compute = _ARITHMETIC.get(type(node))
    if compute is not None:
        assert isinstance(node, IntegerArithmetic)
        left, right, low, high = node.left, node.right, node.low, node.high
        if isinstance(left, Slot):
            if isinstance(right, Constant) and right.value is not None:
                return IntegerSlotAndConstant(node, node.type, left.index, compute, right.value, low, high)
            if isinstance(right, Parameter):
                return IntegerSlotAndParameter(node, node.type, left.index, compute, right.index, low, high)
    return node
