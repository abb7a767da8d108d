"""Functions of double precision with PostgreSQL's errors: roots, powers, logarithms, trigonometry.

Results that overflow or underflow are errors (22003) unless an argument was infinite or zero; arguments
outside the domain are errors too (22003, or 2201E and 2201F for logarithms and powers).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NoReturn

from minidb.errors import DataError

_INFINITY: Final = math.inf


def raise_overflow() -> NoReturn:
    """22003."""
    raise DataError("value out of range: overflow", sqlstate="22003")


def raise_underflow() -> NoReturn:
    """22003."""
    raise DataError("value out of range: underflow", sqlstate="22003")


def _input_out_of_range() -> NoReturn:
    raise DataError("input is out of range", sqlstate="22003")


def power(base: float, exponent: float) -> float:
    """base ^ exponent."""
    if base != base:
        return 1.0 if exponent == 0.0 else base
    if exponent != exponent:
        return 1.0 if base == 1.0 else exponent
    if base == 0.0 and exponent < 0.0:
        raise DataError("zero raised to a negative power is undefined", sqlstate="2201F")
    finite_exponent = exponent - exponent == 0.0
    if base < 0.0 and finite_exponent and exponent != math.floor(exponent):
        raise DataError(
            "a negative number raised to a non-integer power yields a complex result", sqlstate="2201F"
        )
    try:
        result: float = math.pow(base, exponent)
    except OverflowError:
        raise_overflow()
    if result == 0.0 and base != 0.0 and finite_exponent and base - base == 0.0:
        raise_underflow()
    return result


def square_root(value: float) -> float:
    """|/ value."""
    if value < 0.0:
        raise DataError("cannot take square root of a negative number", sqlstate="2201F")
    return math.sqrt(value)


def cube_root(value: float) -> float:
    """||/ value."""
    return math.cbrt(value)


def exponential(value: float) -> float:
    """exp."""
    try:
        result = math.exp(value)
    except OverflowError:
        raise_overflow()
    if result == 0.0 and value != -_INFINITY:
        raise_underflow()
    return result


def _check_logarithm(value: float) -> None:
    if value == 0.0:
        raise DataError("cannot take logarithm of zero", sqlstate="2201E")
    if value < 0.0:
        raise DataError("cannot take logarithm of a negative number", sqlstate="2201E")


def natural_logarithm(value: float) -> float:
    """ln."""
    _check_logarithm(value)
    return math.log(value)


def decimal_logarithm(value: float) -> float:
    """log, log10."""
    _check_logarithm(value)
    return math.log10(value)


def round_half_even(value: float) -> float:
    """round(double precision)."""
    return math.copysign(round(value), value) if value - value == 0.0 else value


def ceiling(value: float) -> float:
    """ceil."""
    return math.copysign(math.ceil(value), value) if value - value == 0.0 else value


def floor(value: float) -> float:
    """floor."""
    return math.copysign(math.floor(value), value) if value - value == 0.0 else value


def truncate(value: float) -> float:
    """trunc."""
    return math.copysign(math.trunc(value), value) if value - value == 0.0 else value


def sign(value: float) -> float:
    """sign."""
    return 1.0 if value > 0.0 else -1.0 if value < 0.0 else 0.0


def degrees(value: float) -> float:
    """degrees."""
    result = value / (math.pi / 180.0)
    return result if result - result == 0.0 or value - value != 0.0 else raise_overflow()


def radians(value: float) -> float:
    """radians."""
    return value * (math.pi / 180.0)


def of_angle(function: Callable[[float], float]) -> Callable[[float], float]:
    """sin, cos, tan: infinite angles are out of range."""

    def checked(value: float) -> float:
        if value in (_INFINITY, -_INFINITY):
            _input_out_of_range()
        return function(value)

    return checked


def cotangent(value: float) -> float:
    """cot: infinite at 0."""
    if value in (_INFINITY, -_INFINITY):
        _input_out_of_range()
    tangent = math.tan(value)
    return 1.0 / tangent if tangent != 0.0 else math.copysign(_INFINITY, tangent)


def of_range(function: Callable[[float], float], low: float, high: float) -> Callable[[float], float]:
    """asin, acos, acosh ...: defined between `low` and `high`."""

    def checked(value: float) -> float:
        if value != value:
            return value
        if not low <= value <= high:
            _input_out_of_range()
        return function(value)

    return checked


def hyperbolic(function: Callable[[float], float]) -> Callable[[float], float]:
    """sinh, cosh: infinite where they overflow."""

    def checked(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return math.copysign(_INFINITY, function(math.copysign(1.0, value)))

    return checked


def inverse_hyperbolic_tangent(value: float) -> float:
    """atanh: infinite at -1 and 1."""
    if value != value:
        return value
    if not -1.0 <= value <= 1.0:
        _input_out_of_range()
    return math.copysign(_INFINITY, value) if value in (1.0, -1.0) else math.atanh(value)


def in_degrees(function: Callable[[float], float], exact: dict[float, float]) -> Callable[[float], float]:
    """sind, cosd, tand: exact at the multiples of 30 or 45 degrees."""

    def checked(value: float) -> float:
        if value != value:
            return value
        if value in (_INFINITY, -_INFINITY):
            _input_out_of_range()
        reduced = math.fmod(value, 360.0)
        found = exact.get(reduced if reduced >= 0.0 else reduced + 360.0)
        return found if found is not None else function(math.radians(reduced))

    return checked


SINES: Final = {0.0: 0.0, 30.0: 0.5, 90.0: 1.0, 150.0: 0.5, 180.0: 0.0, 210.0: -0.5, 270.0: -1.0, 330.0: -0.5}
COSINES: Final = {
    0.0: 1.0,
    60.0: 0.5,
    90.0: 0.0,
    120.0: -0.5,
    180.0: -1.0,
    240.0: -0.5,
    270.0: 0.0,
    300.0: 0.5,
}
TANGENTS: Final = {0.0: 0.0, 45.0: 1.0, 135.0: -1.0, 180.0: 0.0, 225.0: 1.0, 315.0: -1.0}
