"""Variance and standard deviation, exact for integers and numerics; correlation and regression.

Floats are accumulated as PostgreSQL does, by Youngs and Cramer's recurrence, which is numerically stable:

    Sxx += (N * x - Sx)^2 / (N * (N - 1))
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from typing import Any, Final

from minidb.errors import DataError
from minidb.expr.aggregate_base import AggregateFunction
from minidb.expr.aggregate_sum import add_decimals
from minidb.value import numeric
from minidb.value.sql_types import BIGINT, DOUBLE, NUMERIC, Value

# name -> (a sample's, a standard deviation rather than a variance)
KINDS: Final = {
    "variance": (True, False),
    "var_samp": (True, False),
    "var_pop": (False, False),
    "stddev": (True, True),
    "stddev_samp": (True, True),
    "stddev_pop": (False, True),
}


class NumericVariance(AggregateFunction):
    """Of integers and numerics. State: [count, sum, sum of squares], exact."""

    __slots__ = ("_deviation", "_integers", "_sample", "name", "type")

    def __init__(self, name: str, *, integers: bool) -> None:
        self.name = name
        self.type = NUMERIC
        self._integers = integers
        self._sample, self._deviation = KINDS[name]

    def start(self) -> Any:
        return [0, 0, 0]

    def add(self, state: Any, value: Value) -> Any:
        return self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        count, total, squares = state
        if self._integers:
            total += sum(values)
            squares += sum([value * value for value in values])
        else:
            total = add_decimals(values, total)
            squares = add_decimals([numeric.multiply(value, value) for value in values], squares)
        return [count + len(values), total, squares]

    def merge(self, state: Any, other: Any) -> Any:
        count = state[0] + other[0]
        if self._integers:
            return [count, state[1] + other[1], state[2] + other[2]]
        return [count, numeric.add(state[1], other[1]), numeric.add(state[2], other[2])]

    def finish(self, state: Any) -> Value:
        count, total, squares = state
        if count < (2 if self._sample else 1):
            return None
        mean_of = Decimal(count)
        total, squares = Decimal(total), Decimal(squares)
        if not total.is_finite() or not squares.is_finite():
            return numeric.NAN
        spread = numeric.subtract(numeric.multiply(mean_of, squares), numeric.multiply(total, total))
        if spread <= 0:
            return numeric.ZERO
        result = numeric.divide(spread, Decimal(count * (count - 1 if self._sample else count)))
        if not self._deviation:
            return result
        scale = numeric.scale_of(result)
        root = decimal.Context(prec=max(result.adjusted(), 0) + scale + 10).sqrt(result)
        return numeric.round_numeric(root, scale)


class FloatVariance(AggregateFunction):
    """Of floats. State: [count, sum, sum of squared differences from the mean]."""

    __slots__ = ("_deviation", "_sample", "name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = DOUBLE
        self._sample, self._deviation = KINDS[name]

    def start(self) -> Any:
        return [0.0, 0.0, 0.0]

    def add(self, state: Any, value: Value) -> Any:
        return self.add_batch(state, [value])

    def add_batch(self, state: Any, values: list[Value]) -> Any:
        count, total, spread = state
        for value in values:
            count += 1.0
            total += value
            if count > 1.0:
                difference = value * count - total
                spread += difference * difference / (count * (count - 1.0))
            elif value - value != 0.0:
                spread = math.nan
        _check(values, total, spread)
        return [count, total, spread]

    def merge(self, state: Any, other: Any) -> Any:
        return _merged(state, other)

    def finish(self, state: Any) -> Value:
        count, _, spread = state
        if count < (2 if self._sample else 1):
            return None
        result = spread / (count - 1.0 if self._sample else count)
        return math.sqrt(result) if self._deviation and result == result else result


def _check(values: list[Value], total: float, spread: float) -> None:
    """Overflow: an infinite sum of finite values."""
    if (math.isinf(total) or math.isinf(spread)) and all(map(math.isfinite, values)):
        raise DataError("value out of range: overflow", sqlstate="22003")


def _merged(state: Any, other: Any) -> Any:
    if not state[0] or not other[0]:
        return other if not state[0] else state
    count = state[0] + other[0]
    difference = state[1] / state[0] - other[1] / other[0]
    spread = state[2] + other[2] + state[0] * other[0] * difference * difference / count
    return [count, state[1] + other[1], spread]


class Regression(AggregateFunction):
    """regr_*, corr, covar_* of pairs (y, x). State: [N, Sx, Sxx, Sy, Syy, Sxy]."""

    __slots__ = ("name", "type")

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = BIGINT if name == "regr_count" else DOUBLE

    def start(self) -> Any:
        return [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]

    def add(self, state: Any, value: Value) -> Any:
        y, x = value
        count, sum_x, spread_x, sum_y, spread_y, joint = state
        count += 1.0
        sum_x += x
        sum_y += y
        if count > 1.0:
            difference_x = x * count - sum_x
            difference_y = y * count - sum_y
            scale = 1.0 / (count * (count - 1.0))
            spread_x += difference_x * difference_x * scale
            spread_y += difference_y * difference_y * scale
            joint += difference_x * difference_y * scale
        else:
            if x - x != 0.0:
                spread_x = joint = math.nan
            if y - y != 0.0:
                spread_y = joint = math.nan
        _check([x, y], sum_x + sum_y, spread_x + spread_y)
        return [count, sum_x, spread_x, sum_y, spread_y, joint]

    def merge(self, state: Any, other: Any) -> Any:
        if not state[0] or not other[0]:
            return other if not state[0] else state
        count = state[0] + other[0]
        weight = state[0] * other[0] / count
        difference_x = state[1] / state[0] - other[1] / other[0]
        difference_y = state[3] / state[0] - other[3] / other[0]
        return [
            count,
            state[1] + other[1],
            state[2] + other[2] + weight * difference_x * difference_x,
            state[3] + other[3],
            state[4] + other[4] + weight * difference_y * difference_y,
            state[5] + other[5] + weight * difference_x * difference_y,
        ]

    def finish(self, state: Any) -> Value:
        count = state[0]
        if self.name == "regr_count":
            return int(count)
        if count < (2.0 if self.name == "covar_samp" else 1.0):
            return None
        return _regression(self.name, *state)


def _regression(
    name: str, count: float, sum_x: float, spread_x: float, sum_y: float, spread_y: float, joint: float
) -> float | None:
    match name:
        case "regr_sxx":
            return spread_x
        case "regr_syy":
            return spread_y
        case "regr_sxy":
            return joint
        case "regr_avgx":
            return sum_x / count
        case "regr_avgy":
            return sum_y / count
        case "covar_pop":
            return joint / count
        case "covar_samp":
            return joint / (count - 1.0)
        case "corr":
            return None if spread_x == 0.0 or spread_y == 0.0 else joint / math.sqrt(spread_x * spread_y)
        case "regr_r2":
            if spread_x == 0.0:
                return None
            return 1.0 if spread_y == 0.0 else joint * joint / (spread_x * spread_y)
        case "regr_slope":
            return None if spread_x == 0.0 else joint / spread_x
        case _:
            return None if spread_x == 0.0 else (sum_y - sum_x * joint / spread_x) / count


REGRESSIONS: Final = (
    "corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2",
    "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
)  # fmt: skip
