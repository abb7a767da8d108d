"""sum and avg. Integers and numerics are exact at any size; floats are summed in the order they come."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

from minidb.errors import DataError
from minidb.expr.aggregate_base import AggregateFunction
from minidb.expr.arithmetic import out_of_range, to_single
from minidb.value import numeric
from minidb.value.interval import checked_interval
from minidb.value.interval_arithmetic import divide_interval
from minidb.value.sql_types import BIGINT, DOUBLE, INTERVAL, NUMERIC, Kind, SqlType, Value

_BIGINT_END = 2**63


def add_decimals(values: list[Value], start: Value) -> Decimal:
    """`start` and all `values`, exactly, at C speed."""
    with localcontext(numeric.WIDE):
        total: Decimal = sum(values, Decimal(start))
    return total


class IntegerSum(AggregateFunction):
    """sum(smallint | integer): bigint; sum(bigint): numeric. State is an int, None before the first."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type_: SqlType) -> None:
        self.name = name
        self.type = type_

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return value if state is None else state + value

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        return sum(values, state or 0) if values else state

    def merge(self, state: Any, other: Any) -> Any:
        return state if other is None else self.add(state, other)

    def finish(self, state: Any) -> Value:
        if state is None:
            return None
        if self.type is BIGINT:
            return state if -_BIGINT_END <= state < _BIGINT_END else out_of_range(Kind.BIGINT)
        return Decimal(state)


class NumericSum(AggregateFunction):
    """sum(numeric)."""

    __slots__ = ("name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = NUMERIC

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return value if state is None else numeric.add(state, value)

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        return add_decimals(values, numeric.ZERO if state is None else state) if values else state

    def merge(self, state: Any, other: Any) -> Any:
        return state if other is None else self.add(state, other)

    def finish(self, state: Any) -> Value:
        return state


def add_floats(values: list[Value], start: float) -> float:
    """The sum; 22003 if it overflows."""
    total: float = sum(values, start)
    if total - total != 0.0:
        finite = all(map(math.isfinite, values)) and math.isfinite(start)
        if finite:
            raise DataError("value out of range: overflow", sqlstate="22003")
    return total


class FloatSum(AggregateFunction):
    """sum(real), which PostgreSQL adds up in single precision, and sum(double precision)."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type_: SqlType) -> None:
        self.name = name
        self.type = type_

    def start(self) -> Any:
        return None

    def add(self, state: Any, value: Value) -> Any:
        return self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        if not values:
            return state
        if self.type.kind is Kind.DOUBLE:
            return add_floats(values, 0.0 if state is None else state)
        total = 0.0 if state is None else state
        for value in values:
            total = to_single(total + value)
        return total

    def merge(self, state: Any, other: Any) -> Any:
        return state if other is None else self.add_batch(state, [other])

    def finish(self, state: Any) -> Value:
        return state


class Average(AggregateFunction):
    """avg of integers and numerics: numeric, with the scale of a division. State: [count, sum]."""

    __slots__ = ("_integers", "name", "type")

    def __init__(self, name: str, *, integers: bool) -> None:
        self.name = name
        self.type = NUMERIC
        self._integers = integers

    def start(self) -> Any:
        return [0, 0]

    def add(self, state: Any, value: Value) -> Any:
        return self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        count, total = state
        total = sum(values, total) if self._integers else add_decimals(values, total)
        return [count + len(values), total]

    def merge(self, state: Any, other: Any) -> Any:
        return [
            state[0] + other[0],
            state[1] + other[1] if self._integers else numeric.add(state[1], other[1]),
        ]

    def finish(self, state: Any) -> Value:
        count, total = state
        return numeric.divide(Decimal(total), Decimal(count)) if count else None


class FloatAverage(AggregateFunction):
    """avg(real | double precision): double precision. State: [count, sum]."""

    __slots__ = ("name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = DOUBLE

    def start(self) -> Any:
        return [0, 0.0]

    def add(self, state: Any, value: Value) -> Any:
        return self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        return [state[0] + len(values), add_floats(values, state[1])]

    def merge(self, state: Any, other: Any) -> Any:
        return [state[0] + other[0], add_floats([other[1]], state[1])]

    def finish(self, state: Any) -> Value:
        return state[1] / state[0] if state[0] else None


class IntervalSum(AggregateFunction):
    """sum and avg of intervals. State: [count, months, days, microseconds]."""

    __slots__ = ("name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = INTERVAL

    def start(self) -> Any:
        return [0, 0, 0, 0]

    def add(self, state: Any, value: Value) -> Any:
        return [state[0] + 1, state[1] + value.months, state[2] + value.days, state[3] + value.microseconds]

    def merge(self, state: Any, other: Any) -> Any:
        return [first + second for first, second in zip(state, other, strict=True)]

    def finish(self, state: Any) -> Value:
        count, months, days, microseconds = state
        if not count:
            return None
        total = checked_interval(months, days, microseconds)
        return total if self.name == "sum" else divide_interval(total, float(count))
