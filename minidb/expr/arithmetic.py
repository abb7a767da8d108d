"""+ - * / % and unary minus of integers and floats, with PostgreSQL's checks.

Integers are checked against the result type's bounds and divide towards zero. Floats must not turn infinite
(overflow) or zero (underflow) unless an operand is. `real` results are rounded to single precision.
Numerics and dates use functions of the value layer, through `calls`.
"""

from __future__ import annotations

import decimal
import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NoReturn

from minidb.errors import DataError
from minidb.expr.calls import CallTwo
from minidb.expr.node import SAME_FOR_ALL_ROWS, EvaluationContext, Expr
from minidb.value import numeric
from minidb.value.sql_types import INTEGER_BOUNDS, Kind, Row, SqlType, Value

_INFINITY: Final = float("inf")
_SINGLE: Final = struct.Struct("<f")


def out_of_range(kind: Kind) -> NoReturn:
    """22003 in PostgreSQL's words."""
    name = "value" if kind in (Kind.REAL, Kind.DOUBLE) else kind.value
    raise DataError(f"{name} out of range", sqlstate="22003")


def division_by_zero() -> NoReturn:
    """22012."""
    raise DataError("division by zero", sqlstate="22012")


@dataclass(frozen=True)
class IntegerArithmetic(Expr):
    """`left operator right`, the result between `low` and `high`, the bounds of `type`."""

    operator: str
    left: Expr
    right: Expr
    type: SqlType = field()
    low: int
    high: int

    def compute(self, left: int, right: int) -> int:
        """The result for two values, neither NULL."""
        raise NotImplementedError

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        return None if right is None else self.compute(left, right)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        compute = self.compute
        lefts = self.left.evaluate_batch(rows, context)
        rights = self.right.evaluate_batch(rows, context)
        return [
            None if left is None or right is None else compute(left, right)
            for left, right in zip(lefts, rights, strict=True)
        ]

    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return type(self)(self.operator, children[0], children[1], self.type, self.low, self.high)


@dataclass(frozen=True)
class AddInteger(IntegerArithmetic):
    """left + right."""

    def compute(self, left: int, right: int) -> int:
        result = left + right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        if right is None:
            return None
        result: int = left + right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        low, high, kind = self.low, self.high, self.type.kind
        lefts = self.left.evaluate_batch(rows, context)
        second = self.right
        if isinstance(second, SAME_FOR_ALL_ROWS):
            right = second.evaluate((), context)
            if right is None:
                return [None] * len(rows)
            return [
                None
                if left is None
                else (result if low <= (result := left + right) <= high else out_of_range(kind))
                for left in lefts
            ]
        rights = second.evaluate_batch(rows, context)
        return [
            None
            if left is None or right is None
            else (result if low <= (result := left + right) <= high else out_of_range(kind))
            for left, right in zip(lefts, rights, strict=True)
        ]


@dataclass(frozen=True)
class SubtractInteger(IntegerArithmetic):
    """left - right."""

    def compute(self, left: int, right: int) -> int:
        result = left - right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        if right is None:
            return None
        result: int = left - right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        low, high, kind = self.low, self.high, self.type.kind
        lefts = self.left.evaluate_batch(rows, context)
        second = self.right
        if isinstance(second, SAME_FOR_ALL_ROWS):
            right = second.evaluate((), context)
            if right is None:
                return [None] * len(rows)
            return [
                None
                if left is None
                else (result if low <= (result := left - right) <= high else out_of_range(kind))
                for left in lefts
            ]
        rights = second.evaluate_batch(rows, context)
        return [
            None
            if left is None or right is None
            else (result if low <= (result := left - right) <= high else out_of_range(kind))
            for left, right in zip(lefts, rights, strict=True)
        ]


@dataclass(frozen=True)
class MultiplyInteger(IntegerArithmetic):
    """left * right."""

    def compute(self, left: int, right: int) -> int:
        result = left * right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        if right is None:
            return None
        result: int = left * right
        return result if self.low <= result <= self.high else out_of_range(self.type.kind)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        low, high, kind = self.low, self.high, self.type.kind
        lefts = self.left.evaluate_batch(rows, context)
        second = self.right
        if isinstance(second, SAME_FOR_ALL_ROWS):
            right = second.evaluate((), context)
            if right is None:
                return [None] * len(rows)
            return [
                None
                if left is None
                else (result if low <= (result := left * right) <= high else out_of_range(kind))
                for left in lefts
            ]
        rights = second.evaluate_batch(rows, context)
        return [
            None
            if left is None or right is None
            else (result if low <= (result := left * right) <= high else out_of_range(kind))
            for left, right in zip(lefts, rights, strict=True)
        ]


@dataclass(frozen=True)
class DivideInteger(IntegerArithmetic):
    """left / right, truncated towards zero."""

    def compute(self, left: int, right: int) -> int:
        if right == 0:
            division_by_zero()
        result = left // right
        if result < 0 and result * right != left:
            result += 1
        return result if result <= self.high else out_of_range(self.type.kind)


@dataclass(frozen=True)
class ModuloInteger(IntegerArithmetic):
    """left % right, with the sign of `left`."""

    def compute(self, left: int, right: int) -> int:
        if right == 0:
            division_by_zero()
        result = left % right
        if result and (left < 0) is not (right < 0):
            result -= right
        return result


def to_single(value: float) -> float:
    """The nearest single-precision number; 22003 if it overflows."""
    try:
        result: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        raise DataError("value out of range: overflow", sqlstate="22003") from None
    return result


def add_float(left: float, right: float) -> float:
    """left + right."""
    result = left + right
    return result if result - result == 0.0 else _unless_overflow(result, left, right)


def subtract_float(left: float, right: float) -> float:
    """left - right."""
    result = left - right
    return result if result - result == 0.0 else _unless_overflow(result, left, right)


def multiply_float(left: float, right: float) -> float:
    """left * right."""
    result = left * right
    if result == 0.0 and left != 0.0 and right != 0.0:
        raise DataError("value out of range: underflow", sqlstate="22003")
    return result if result - result == 0.0 else _unless_overflow(result, left, right)


def divide_float(left: float, right: float) -> float:
    """left / right."""
    if right == 0.0:
        if left != left:
            return left
        division_by_zero()
    result = left / right
    if result == 0.0 and left != 0.0 and right not in (_INFINITY, -_INFINITY):
        raise DataError("value out of range: underflow", sqlstate="22003")
    return result if result - result == 0.0 else _unless_overflow(result, left, right)


def _unless_overflow(result: float, left: float, right: float) -> float:
    """An infinite or NaN result is fine if an operand was infinite or NaN."""
    if result == result and left - left == 0.0 and right - right == 0.0:
        raise DataError("value out of range: overflow", sqlstate="22003")
    return result


_PLAIN_FLOAT: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_FLOAT: Final[dict[str, Callable[[float, float], float]]] = {
    "+": add_float,
    "-": subtract_float,
    "*": multiply_float,
    "/": divide_float,
}


@dataclass(frozen=True)
class FloatArithmetic(Expr):
    """`left operator right` of floats (or integers that stand for them)."""

    operator: str
    left: Expr
    right: Expr
    type: SqlType

    def evaluate(self, row: Row, context: EvaluationContext) -> Value:
        left = self.left.evaluate(row, context)
        if left is None:
            return None
        right = self.right.evaluate(row, context)
        if right is None:
            return None
        result = _FLOAT[self.operator](left, right)
        return result if self.type.kind is Kind.DOUBLE else single_result(result)

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        function = _FLOAT[self.operator]
        lefts = self.left.evaluate_batch(rows, context)
        rights = self.right.evaluate_batch(rows, context)
        if self.type.kind is Kind.DOUBLE:
            if self.operator != "/":
                plain = _PLAIN_FLOAT[self.operator]
                results = [
                    None if left is None or right is None else plain(left, right)
                    for left, right in zip(lefts, rights, strict=True)
                ]
                # One look at all of them: nothing infinite, NaN or, after a product, zero needs no other.
                total = sum([result for result in results if result is not None])
                if total - total == 0.0 and not (self.operator == "*" and 0.0 in results):
                    return results
            return [
                None if left is None or right is None else function(left, right)
                for left, right in zip(lefts, rights, strict=True)
            ]
        return [
            None if left is None or right is None else single_result(function(left, right))
            for left, right in zip(lefts, rights, strict=True)
        ]

    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def with_children(self, children: tuple[Expr, ...]) -> Expr:
        return FloatArithmetic(self.operator, children[0], children[1], self.type)


def single_result(result: float) -> float:
    """`result` of two single-precision operands, rounded; 22003 if it then over- or underflows."""
    rounded = to_single(result)
    if rounded == 0.0 and result != 0.0:
        raise DataError("value out of range: underflow", sqlstate="22003")
    return rounded


@dataclass(frozen=True)
class NumericArithmetic(CallTwo):
    """+ - * of numerics, one of which may be an int; a batch runs on the decimal context itself."""

    def evaluate_batch(self, rows: list[Row], context: EvaluationContext) -> list[Value]:
        first, second = self.arguments
        lefts = first.evaluate_batch(rows, context)
        rights = second.evaluate_batch(rows, context)
        compute = _NUMERIC[self.name]
        try:
            results = [
                None if left is None or right is None else compute(left, right)
                for left, right in zip(lefts, rights, strict=True)
            ]
        except decimal.Overflow:
            numeric.raise_overflow()
        if self.name == "*":  # there is no negative zero
            return [result if result is None or result else result.copy_abs() for result in results]
        return results


_NUMERIC: Final[dict[str, Callable[[Any, Any], Decimal]]] = {
    "+": numeric.WIDE.add,
    "-": numeric.WIDE.subtract,
    "*": numeric.WIDE.multiply,
}


_INTEGER: Final[dict[str, type[IntegerArithmetic]]] = {
    "+": AddInteger,
    "-": SubtractInteger,
    "*": MultiplyInteger,
    "/": DivideInteger,
    "%": ModuloInteger,
}


def integer_arithmetic(operator: str, left: Expr, right: Expr, result: SqlType) -> Expr:
    """The node for `left operator right` of integers of type `result` or narrower."""
    low, high = INTEGER_BOUNDS[result.kind]
    return _INTEGER[operator](operator, left, right, result, low, high)


def negate_integer(kind: Kind) -> Callable[[int], int]:
    """Unary minus; the lowest value of each type has no opposite."""
    return _NEGATE[kind]


def _negate_smallint(value: int) -> int:
    return -value if value != -(2**15) else out_of_range(Kind.SMALLINT)


def _negate_integer(value: int) -> int:
    return -value if value != -(2**31) else out_of_range(Kind.INTEGER)


def _negate_bigint(value: int) -> int:
    return -value if value != -(2**63) else out_of_range(Kind.BIGINT)


_NEGATE: Final = {
    Kind.SMALLINT: _negate_smallint,
    Kind.INTEGER: _negate_integer,
    Kind.BIGINT: _negate_bigint,
}


def absolute_integer(kind: Kind) -> Callable[[int], int]:
    """@ and abs(); the lowest value of each type has no opposite."""
    negate = _NEGATE[kind]
    return lambda value: value if value >= 0 else negate(value)
