"""Functions of numbers: each for the types that PostgreSQL has it for."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from minidb.errors import DataError
from minidb.expr import float_functions
from minidb.expr.arithmetic import absolute_integer, division_by_zero, out_of_range
from minidb.expr.function_table import Overload, define
from minidb.expr.node import EvaluationContext
from minidb.value import numeric, numeric_functions
from minidb.value.sql_types import Kind

_INTEGERS: Final = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)


def random_value(context: EvaluationContext) -> float:
    """random(): from 0 up to 1."""
    value: float = context.chance().random()
    return value


def modulo_integer(left: int, right: int) -> int:
    """mod: with the sign of the dividend."""
    if right == 0:
        division_by_zero()
    result = left % right
    return result - right if result and (left < 0) is not (right < 0) else result


def gcd_integer(left: int, right: int) -> int:
    """gcd(integer, integer)."""
    result = math.gcd(left, right)
    return result if result < 2**31 else out_of_range(Kind.INTEGER)


def gcd_bigint(left: int, right: int) -> int:
    """gcd(bigint, bigint)."""
    result = math.gcd(left, right)
    return result if result < 2**63 else out_of_range(Kind.BIGINT)


def lcm_integer(left: int, right: int) -> int:
    """lcm(integer, integer)."""
    result = math.lcm(left, right)
    return result if result < 2**31 else out_of_range(Kind.INTEGER)


def lcm_bigint(left: int, right: int) -> int:
    """lcm(bigint, bigint)."""
    result = math.lcm(left, right)
    return result if result < 2**63 else out_of_range(Kind.BIGINT)


def width_bucket_double(value: float, low: float, high: float, count: int) -> int:
    """width_bucket(double precision, double precision, double precision, integer)."""
    if count <= 0:
        raise DataError("count must be greater than zero", sqlstate="2201G")
    if value != value or low != low or high != high:
        raise DataError("operand, lower bound, and upper bound cannot be NaN", sqlstate="2201G")
    if math.isinf(low) or math.isinf(high):
        raise DataError("lower and upper bounds must be finite", sqlstate="2201G")
    if low == high:
        raise DataError("lower bound cannot equal upper bound", sqlstate="2201G")
    rising = low < high
    if value < low if rising else value > low:
        return 0
    if value >= high if rising else value <= high:
        return count + 1
    return min(int(count * ((value - low) / (high - low))), count - 1) + 1


def scale_of(value: Decimal) -> int | None:
    """scale."""
    return numeric.scale_of(value) if value.is_finite() else None


def _both(name: str, of_double: object, of_numeric: object) -> list[Overload]:
    """One argument, one result, of both types."""
    assert callable(of_double) and callable(of_numeric)
    return [define(f"{name}(double) double", of_double), define(f"{name}(numeric) numeric", of_numeric)]


_INFINITY: Final = math.inf

FUNCTIONS: Final[tuple[Overload, ...]] = (
    *[define(f"abs({kind.value}) {kind.value}", absolute_integer(kind)) for kind in _INTEGERS],
    define("abs(real) real", abs),
    *_both("abs", abs, numeric.absolute),
    *_both("sign", float_functions.sign, numeric.sign),
    *_both("ceil", float_functions.ceiling, numeric.ceiling),
    *_both("ceiling", float_functions.ceiling, numeric.ceiling),
    *_both("floor", float_functions.floor, numeric.floor),
    *_both("round", float_functions.round_half_even, numeric.round_numeric),
    define("round(numeric, integer) numeric", numeric.round_numeric),
    *_both("trunc", float_functions.truncate, numeric.truncate_numeric),
    define("trunc(numeric, integer) numeric", numeric.truncate_numeric),
    *[define(f"mod({k.value}, {k.value}) {k.value}", modulo_integer) for k in _INTEGERS],
    define("mod(numeric, numeric) numeric", numeric.modulo),
    define("div(numeric, numeric) numeric", numeric.truncate_divide),
    define("gcd(integer, integer) integer", gcd_integer),
    define("gcd(bigint, bigint) bigint", gcd_bigint),
    define("gcd(numeric, numeric) numeric", numeric_functions.gcd),
    define("lcm(integer, integer) integer", lcm_integer),
    define("lcm(bigint, bigint) bigint", lcm_bigint),
    define("lcm(numeric, numeric) numeric", numeric_functions.lcm),
    define("power(double, double) double", float_functions.power),
    define("pow(double, double) double", float_functions.power),
    *_both("sqrt", float_functions.square_root, numeric_functions.sqrt),
    define("cbrt(double) double", float_functions.cube_root),
    *_both("exp", float_functions.exponential, numeric_functions.exp),
    *_both("ln", float_functions.natural_logarithm, numeric_functions.ln),
    *_both("log", float_functions.decimal_logarithm, numeric_functions.log10),
    *_both("log10", float_functions.decimal_logarithm, numeric_functions.log10),
    define("log(numeric, numeric) numeric", numeric_functions.log),
    define("power(numeric, numeric) numeric", numeric_functions.power),
    define("pow(numeric, numeric) numeric", numeric_functions.power),
    define("pi() double", lambda: math.pi),
    define("degrees(double) double", float_functions.degrees),
    define("radians(double) double", float_functions.radians),
    define("sin(double) double", float_functions.of_angle(math.sin)),
    define("cos(double) double", float_functions.of_angle(math.cos)),
    define("tan(double) double", float_functions.of_angle(math.tan)),
    define("cot(double) double", float_functions.cotangent),
    define("asin(double) double", float_functions.of_range(math.asin, -1.0, 1.0)),
    define("acos(double) double", float_functions.of_range(math.acos, -1.0, 1.0)),
    define("atan(double) double", math.atan),
    define("atan2(double, double) double", math.atan2),
    define("sinh(double) double", float_functions.hyperbolic(math.sinh)),
    define("cosh(double) double", float_functions.hyperbolic(math.cosh)),
    define("tanh(double) double", math.tanh),
    define("asinh(double) double", math.asinh),
    define("acosh(double) double", float_functions.of_range(math.acosh, 1.0, _INFINITY)),
    define("atanh(double) double", float_functions.inverse_hyperbolic_tangent),
    define("sind(double) double", float_functions.in_degrees(math.sin, float_functions.SINES)),
    define("cosd(double) double", float_functions.in_degrees(math.cos, float_functions.COSINES)),
    define("tand(double) double", float_functions.in_degrees(math.tan, float_functions.TANGENTS)),
    define("random() double", random_value, "volatile", with_context=True),
    define("factorial(bigint) numeric", numeric_functions.factorial),
    define("width_bucket(double, double, double, integer) integer", width_bucket_double),
    define("width_bucket(numeric, numeric, numeric, integer) integer", numeric_functions.width_bucket),
    define("scale(numeric) integer", scale_of),
    define("min_scale(numeric) integer", numeric_functions.min_scale),
    define("trim_scale(numeric) numeric", numeric_functions.trim_scale),
)
