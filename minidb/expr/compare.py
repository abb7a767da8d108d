"""Comparison: `= <> < <= > >=`, IS DISTINCT FROM.

Most kinds compare as Python does, each operator in a node of its own. Two families do not: floats and
numerics know NaN, which SQL sorts above all else and takes to equal itself; and char(n) compares by a key.

All are `Comparison`s with `operator`, `left` and `right`, which is all that a planner rule needs to see.
"""

from __future__ import annotations

import decimal
import operator as python
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from minidb.expr.node import SAME_FOR_ALL_ROWS, EvaluationContext, Expr, Slot
from minidb.value.sql_types import BOOLEAN, Row, SqlType, Value

FUNCTIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": python.eq,
    "<>": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
SWAPPED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Comparison(Expr):
    """`left operator right`; unknown if either is NULL."""

    operator: str
    left: Expr
    right: Expr
    type: SqlType = BOOLEAN

    def holds(self, left: Value, right: Value) -> bool:
        """The comparison of two values, neither NULL."""
        return FUNCTIONS[self.operator](left, right)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else self.holds(left, right)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        holds = self.holds
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else holds(item, value) for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else holds(item, value)
            for item, value in zip(lefts, rights, strict=True)
        ]

    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return type(self)(self.operator, children[0], children[1])


@dataclass(frozen=True)
class Equal(Comparison):
    """`left = right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left == right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left == right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item == value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item == value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if row[index] == value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class NotEqual(Comparison):
    """`left <> right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left != right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left != right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item != value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item != value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if (item := row[index]) is not None and item != value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class Less(Comparison):
    """`left < right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left < right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left < right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item < value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item < value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if (item := row[index]) is not None and item < value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class LessOrEqual(Comparison):
    """`left <= right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left <= right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left <= right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item <= value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item <= value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if (item := row[index]) is not None and item <= value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class Greater(Comparison):
    """`left > right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left > right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left > right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item > value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item > value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if (item := row[index]) is not None and item > value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class GreaterOrEqual(Comparison):
    """`left >= right` of values that Python compares as SQL does."""

    def holds(self, left: Value, right: Value) -> bool:
        result: bool = left >= right
        return result

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else left >= right

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            return [None if item is None else item >= value for item in lefts]
        rights = right.evaluate_batch(rows, context)
        return [
            None if item is None or value is None else item >= value
            for item, value in zip(lefts, rights, strict=True)
        ]

    def filter_batch(self, rows: list[Row], context: EvaluationContext) -> list[Row]:
        left, right = self.left, self.right
        if isinstance(left, Slot):
            index = left.index
            if isinstance(right, SAME_FOR_ALL_ROWS):
                value = right.evaluate((), context)
                if value is None:
                    return []
                return [row for row in rows if (item := row[index]) is not None and item >= value]
        results = self.evaluate_batch(rows, context)
        return [row for row, result in zip(rows, results, strict=True) if result]


@dataclass(frozen=True)
class TotalComparison(Comparison):
    """Of floats or numerics: NaN equals NaN and is greater than every other value."""

    def holds(self, left: Value, right: Value) -> bool:
        compare = FUNCTIONS[self.operator]
        if left == left and right == right:
            return compare(left, right)
        return compare(left != left, right != right)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        if right is None:
            return None
        if left == left and right == right:
            return FUNCTIONS[self.operator](left, right)
        return FUNCTIONS[self.operator](left != left, right != right)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        lefts = self.left.evaluate_batch(rows, context)
        right = self.right
        if isinstance(right, SAME_FOR_ALL_ROWS):
            value = right.evaluate((), context)
            if value is None:
                return [None] * len(rows)
            if value == value:
                try:
                    return _with_number(self.operator, lefts, value)
                except decimal.InvalidOperation:
                    pass  # a NaN among Decimals: Python refuses to order it
            rights = [value] * len(rows)
        else:
            rights = right.evaluate_batch(rows, context)
        holds = self.holds
        return [
            None if item is None or value is None else holds(item, value)
            for item, value in zip(lefts, rights, strict=True)
        ]


def _with_number(operator: str, items: list[Value], value: Value) -> list[Value]:
    """`item operator value` for a value that is no NaN.

    A NaN item is to be greater: Python has every order with NaN false, hence `not <=` instead of `>`.
    """
    match operator:
        case "=":
            return [None if item is None else item == value for item in items]
        case "<>":
            return [None if item is None else item != value for item in items]
        case "<":
            return [None if item is None else item < value for item in items]
        case "<=":
            return [None if item is None else item <= value for item in items]
        case ">":
            return [None if item is None else not item <= value for item in items]
        case _:
            return [None if item is None else not item < value for item in items]


@dataclass(frozen=True)
class KeyedComparison(Comparison):
    """By a key of both values: char(n) without its trailing blanks."""

    key: Callable[[Any], Any] = str

    def holds(self, left: Value, right: Value) -> bool:
        key = self.key
        return FUNCTIONS[self.operator](key(left), key(right))

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return KeyedComparison(self.operator, children[0], children[1], BOOLEAN, self.key)


@dataclass(frozen=True)
class IsDistinct(Expr):
    """IS DISTINCT FROM: `<>` for which NULL is a value like any other. `equal` compares the same operands."""

    equal: Comparison
    type: SqlType = BOOLEAN

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        equal = self.equal
        left = equal.left.evaluate(row, context)
        right = equal.right.evaluate(row, context)
        if left is None or right is None:
            return left is not right
        return not equal.holds(left, right)

    def children(self) -> tuple[Expr, ...]:
        return self.equal.children()

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        equal = self.equal.with_children(children)
        assert isinstance(equal, Comparison)
        return IsDistinct(equal)


PLAIN: Final[dict[str, type[Comparison]]] = {
    "=": Equal,
    "<>": NotEqual,
    "<": Less,
    "<=": LessOrEqual,
    ">": Greater,
    ">=": GreaterOrEqual,
}


def with_operator(comparison: Comparison, operator: str) -> Comparison:
    """The same operands under another operator, e.g. to negate it."""
    left, right = comparison.left, comparison.right
    if isinstance(comparison, KeyedComparison):
        return KeyedComparison(operator, left, right, BOOLEAN, comparison.key)
    if isinstance(comparison, TotalComparison):
        return TotalComparison(operator, left, right)
    return PLAIN[operator](operator, left, right)


def swapped(comparison: Comparison) -> Comparison:
    """The same test with its operands exchanged: `1 < x` as `x > 1`."""
    exchanged = comparison.with_children((comparison.right, comparison.left))
    assert isinstance(exchanged, Comparison)
    return with_operator(exchanged, SWAPPED[comparison.operator])
