"""Roots, powers and logarithms of NUMERIC, to at least 16 significant digits, scaled as in PostgreSQL.

PostgreSQL first estimates how many digits the result has before its decimal point, then computes as many
after it as make 16 in all (never fewer than an operand has). The estimates are repeated here, on the same
base-10000 digits, because the number of digits shown depends on them; the digits themselves come from
`decimal`, whose exp, ln and power are correctly rounded.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from typing import NoReturn

from minidb.errors import DataError
from minidb.value.numeric import (
    INFINITY,
    MAX_RESULT_SCALE,
    MAX_SCALE,
    MAX_WEIGHT_DIGITS,
    MIN_SIGNIFICANT_DIGITS,
    NAN,
    ONE,
    WIDE,
    ZERO,
    compare,
    divide_to_scale,
    multiply,
    normalised,
    quantum,
    raise_division_by_zero,
    raise_overflow,
    round_numeric,
    scale_of,
    truncate_numeric,
)

_LOG10_OF_E = 0.434294481903252
_LN_OF_10 = 2.302585092994046
_LIMIT = 2000  # NUMERIC_MAX_RESULT_SCALE
_GUARD_DIGITS = 12


def _context(digits: int) -> decimal.Context:
    return decimal.Context(
        prec=max(digits, 1) + _GUARD_DIGITS,
        rounding=decimal.ROUND_HALF_EVEN,
        Emin=-999999,
        Emax=999999,
        traps=[],
    )


def _raise_argument(message: str) -> NoReturn:
    raise DataError(message, sqlstate="2201E")


def _raise_power(message: str) -> NoReturn:
    raise DataError(message, sqlstate="2201F")


def _result_scale(weight: int, *operand_scales: int) -> int:
    """Digits after the point for a result of about 10^weight."""
    return min(max(MIN_SIGNIFICANT_DIGITS - weight, 0, *operand_scales), MAX_RESULT_SCALE)


def _weight(value: Decimal) -> int:
    """The weight of the first base-10000 digit; 0 for zero."""
    return value.adjusted() >> 2 if value else 0


def _base_10000_digits(value: Decimal, count: int) -> list[int]:
    """The first digits of |value| in base 10000, as many as it has but at most `count`."""
    digits: list[int] = []
    if not value:
        return digits
    scaled = value.copy_abs().scaleb(-4 * _weight(value), WIDE)
    while scaled and len(digits) < count:
        digit = int(scaled)
        digits.append(digit)
        scaled = WIDE.subtract(scaled, Decimal(digit)).scaleb(4, WIDE)
    return digits


def sqrt(value: Decimal) -> Decimal:
    """The square root; 2201F of a negative number."""
    if value.is_nan():
        return NAN
    if value < 0:
        _raise_power("cannot take square root of a negative number")
    if not value.is_finite():
        return value
    scale = _result_scale(_weight(value) * 2 + 1, scale_of(value))
    # One exact truncated root and a sticky digit decide a half correctly.
    root = math.isqrt(int(value.scaleb(2 * scale + 2, WIDE)))
    exact = Decimal(root).scaleb(-scale - 1, WIDE)
    return normalised(WIDE.quantize(exact, quantum(scale)))


def exp(value: Decimal) -> Decimal:
    """e to the power of `value`."""
    if not value.is_finite():
        return NAN if value.is_nan() else INFINITY if value > 0 else ZERO
    weight = _LOG10_OF_E * float(value)
    limited = max(-_LIMIT, min(_LIMIT, weight))
    scale = _result_scale(int(limited), scale_of(value))
    if abs(float(value)) >= _LIMIT * 3:
        if value > 0:
            raise_overflow()
        return WIDE.quantize(ZERO, quantum(scale))
    return _rounded(_context(int(weight) + scale + 2).exp(value), scale)


def _rounded(value: Decimal, scale: int) -> Decimal:
    result = WIDE.quantize(value, quantum(scale))
    if result.is_nan():
        raise_overflow()
    return result if result else result.copy_abs()


def _ln_weight(value: Decimal) -> int:
    """About the decimal weight of ln(value)."""
    if value <= 0:
        return 0
    if Decimal("0.9") <= value <= Decimal("1.1"):
        difference = WIDE.subtract(value, ONE)
        if not difference:
            return 0
        return _weight(difference) * 4 + int(math.log10(_base_10000_digits(difference, 1)[0]))
    digits = _base_10000_digits(value, 2)
    exponent = _weight(value) * 4
    number = digits[0]
    if len(digits) > 1:
        number = number * 10000 + digits[1]
        exponent -= 4
    return int(math.log10(abs(math.log(number) + exponent * _LN_OF_10)))


def _check_logarithm(value: Decimal) -> None:
    if value == 0:
        _raise_argument("cannot take logarithm of zero")
    if value < 0:
        _raise_argument("cannot take logarithm of a negative number")


def ln(value: Decimal) -> Decimal:
    """The natural logarithm; 2201E of zero and of negative numbers."""
    if value.is_nan():
        return NAN
    _check_logarithm(value)
    if not value.is_finite():
        return INFINITY
    weight = _ln_weight(value)
    scale = _result_scale(weight, scale_of(value))
    return _rounded(_context(weight + scale + 2).ln(value), scale)


def log(base: Decimal, value: Decimal) -> Decimal:
    """The logarithm of `value` to `base`."""
    if base.is_nan() or value.is_nan():
        return NAN
    _check_logarithm(base)
    _check_logarithm(value)
    if not base.is_finite():
        return NAN if not value.is_finite() else ZERO
    if not value.is_finite():
        return INFINITY
    if base == 1:
        raise_division_by_zero()
    weight = _ln_weight(value) - _ln_weight(base)
    scale = _result_scale(weight, scale_of(base), scale_of(value))
    context = _context(max(weight, 0) + scale + 2 - min(_ln_weight(base), 0))
    return _rounded(context.divide(context.ln(value), context.ln(base)), scale)


def log10(value: Decimal) -> Decimal:
    """log(value): to base 10."""
    return log(Decimal(10), value)


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """`base` to the power of `exponent`."""
    if not (base.is_finite() and exponent.is_finite()):
        return _special_power(base, exponent)
    is_integer = exponent == exponent.to_integral_value()
    if base == 0 and exponent < 0:
        _raise_power("zero raised to a negative power is undefined")
    if base < 0 and not is_integer:
        _raise_power("a negative number raised to a non-integer power yields a complex result")
    if is_integer and -(2**31) <= exponent < 2**31:
        return _integer_power(base, int(exponent))
    if base == 0:
        return WIDE.quantize(ZERO, quantum(MIN_SIGNIFICANT_DIGITS))
    return _general_power(base, exponent)


def _integer_power(base: Decimal, exponent: int) -> Decimal:
    weight = 0.0
    if base:
        digits = _base_10000_digits(base, 4)
        number, power_of_ten = 0, _weight(base) * 4 + 4
        for digit in digits:
            number = number * 10000 + digit
            power_of_ten -= 4
        weight = exponent * (math.log10(number) + power_of_ten)
    if weight > MAX_WEIGHT_DIGITS + 4:
        raise_overflow()
    # An integer power has 16 digits after the point, whatever its size (PostgreSQL 16 changed that).
    scale = min(max(MIN_SIGNIFICANT_DIGITS, scale_of(base)), MAX_RESULT_SCALE)
    if weight + 1 < -scale:
        return WIDE.quantize(ZERO, quantum(scale))
    if exponent == 0:
        return WIDE.quantize(ONE, quantum(scale))
    if exponent == 1:
        return round_numeric(base, scale)
    if exponent == -1:
        return divide_to_scale(ONE, base, scale)
    if exponent == 2:
        return round_numeric(multiply(base, base), scale)
    if not base:
        return WIDE.quantize(ZERO, quantum(scale))
    context = _context(int(max(weight, -scale)) + scale + 8)
    result = context.power(base, exponent)
    if result and result.adjusted() >= MAX_WEIGHT_DIGITS:
        raise_overflow()
    return _rounded(result, scale)


def _general_power(base: Decimal, exponent: Decimal) -> Decimal:
    positive = base.copy_abs()
    rough = _context(20)
    value = float(rough.multiply(rough.ln(positive), exponent))
    if abs(value) > _LIMIT * 3.01:
        if value > 0:
            raise_overflow()
        return WIDE.quantize(ZERO, quantum(MAX_RESULT_SCALE))
    weight = value * _LOG10_OF_E
    scale = _result_scale(int(weight), scale_of(base), scale_of(exponent))
    context = _context(int(max(weight, -scale)) + scale + 8)
    result = context.power(positive, exponent)
    if base < 0 and WIDE.remainder(exponent, Decimal(2)):
        result = result.copy_negate()
    return _rounded(result, scale)


def _special_power(base: Decimal, exponent: Decimal) -> Decimal:
    """A power that involves NaN or an infinity: what POSIX's pow says."""
    if exponent.is_nan():
        return ONE if base == 1 else NAN
    if base.is_nan():
        return ONE if exponent == 0 else NAN
    if exponent.is_infinite():
        if base == 0 and exponent < 0:
            _raise_power("zero raised to a negative power is undefined")
        magnitude = base.copy_abs()
        if magnitude == 1:
            return ONE
        return INFINITY if (magnitude > 1) == (exponent > 0) else ZERO
    if exponent == 0:
        return ONE
    if base > 0:
        return INFINITY if exponent > 0 else ZERO
    if exponent != exponent.to_integral_value():
        _raise_power("a negative number raised to a non-integer power yields a complex result")
    if exponent < 0:
        return ZERO
    return INFINITY.copy_negate() if WIDE.remainder(exponent, Decimal(2)) else INFINITY


def factorial(number: int) -> Decimal:
    """n!; 22003 of negative numbers and beyond what numeric holds."""
    if number < 0:
        raise DataError("factorial of a negative number is undefined", sqlstate="22003")
    if number > 32177:
        raise_overflow()
    return Decimal(math.factorial(number))


def gcd(left: Decimal, right: Decimal) -> Decimal:
    """The greatest common divisor, of fractions too."""
    if not (left.is_finite() and right.is_finite()):
        return NAN
    scale = max(scale_of(left), scale_of(right))
    divisor = math.gcd(int(left.scaleb(scale, WIDE)), int(right.scaleb(scale, WIDE)))
    return Decimal(divisor).scaleb(-scale, WIDE)


def lcm(left: Decimal, right: Decimal) -> Decimal:
    """The least common multiple."""
    if not (left.is_finite() and right.is_finite()):
        return NAN
    scale = max(scale_of(left), scale_of(right))
    multiple = math.lcm(int(left.scaleb(scale, WIDE)), int(right.scaleb(scale, WIDE)))
    result = Decimal(multiple).scaleb(-scale, WIDE)
    if result and result.adjusted() >= MAX_WEIGHT_DIGITS:
        raise_overflow()
    return result


def min_scale(value: Decimal) -> int | None:
    """The digits after the point that the value needs; NULL of NaN and the infinities."""
    return scale_of(trim_scale(value)) if value.is_finite() else None


def trim_scale(value: Decimal) -> Decimal:
    """The same value without zeros at the end of its fraction."""
    if not value.is_finite():
        return value
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else value


def width_bucket(operand: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    """The number of the equal-width bucket between `low` and `high` that `operand` falls into."""
    if count <= 0:
        raise DataError("count must be greater than zero", sqlstate="2201G")
    if operand.is_nan() or low.is_nan() or high.is_nan():
        raise DataError("operand, lower bound, and upper bound cannot be NaN", sqlstate="2201G")
    if not (low.is_finite() and high.is_finite()):
        raise DataError("lower and upper bounds must be finite", sqlstate="2201G")
    order = compare(low, high)
    if order == 0:
        raise DataError("lower bound cannot equal upper bound", sqlstate="2201G")
    if order > 0:
        operand, low, high = operand.copy_negate(), low.copy_negate(), high.copy_negate()
    if operand < low:
        return 0
    if operand >= high:
        return count + 1
    context = _context(MAX_SCALE)
    part = context.multiply(context.subtract(operand, low), Decimal(count))
    share = context.divide(part, context.subtract(high, low))
    return int(truncate_numeric(share)) + 1
