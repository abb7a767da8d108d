"""NUMERIC arithmetic on `decimal.Decimal`, with PostgreSQL's rules for the scale of each result.

A Decimal's exponent is the number's display scale, so `1.50` and `1.5` are equal and print differently.
Invariants of every numeric value in the database: the exponent is never positive (`1E+5` is stored as
`100000`), and there is no negative zero. NaN and the infinities are values like others.

    +  -      the greater scale of the two                       exact
    *         the sum of the scales                              exact
    /         at least 16 significant digits, see `divide`       rounded half away from zero
    %         the greater scale, the sign of the dividend        exact

Python's own operators would round to the caller's thread context (28 digits): here every operation names its
context. Two facts make it cheap: a Decimal operation costs what its operands cost, not what the context's
precision would allow; and a context's methods, looked up once, take about 80 ns.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NoReturn

from minidb.errors import DataError

MAX_WEIGHT_DIGITS: Final = 131072  # before the decimal point
MAX_SCALE: Final = 16383  # after it, of a value
MAX_RESULT_SCALE: Final = 1000  # of a quotient, a root, a logarithm
MIN_SIGNIFICANT_DIGITS: Final = 16

# Overflow is the only signal that means an error; invalid operations give NaN as they do in PostgreSQL.
WIDE: Final = decimal.Context(
    prec=MAX_WEIGHT_DIGITS + 2 * MAX_SCALE,
    rounding=decimal.ROUND_HALF_UP,
    Emin=-MAX_WEIGHT_DIGITS,
    Emax=MAX_WEIGHT_DIGITS - 1,
    traps=[decimal.Overflow],
)
_wide_add = WIDE.add
_wide_subtract = WIDE.subtract
_wide_multiply = WIDE.multiply
_wide_remainder = WIDE.remainder
_wide_quantize = WIDE.quantize

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
NAN: Final = Decimal("NaN")
INFINITY: Final = Decimal("Infinity")
_QUANTA: Final = [Decimal((0, (1,), -scale)) for scale in range(64)]

_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*\Z", re.ASCII)
_SPECIAL = {
    "nan": NAN,
    "infinity": INFINITY,
    "+infinity": INFINITY,
    "-infinity": -INFINITY,
    "inf": INFINITY,
    "+inf": INFINITY,
    "-inf": -INFINITY,
}


def raise_overflow() -> NoReturn:
    """22003: more digits than any numeric can have."""
    raise DataError("value overflows numeric format", sqlstate="22003")


def raise_division_by_zero() -> NoReturn:
    """22012."""
    raise DataError("division by zero", sqlstate="22012")


def quantum(scale: int) -> Decimal:
    """10^-scale: what `quantize` wants."""
    return _QUANTA[scale] if 0 <= scale < 64 else Decimal((0, (1,), -scale))


def scale_of(value: Decimal) -> int:
    """Digits after the decimal point, 0 for NaN and the infinities."""
    text = str(value)  # a tenth of the time that as_tuple takes
    if "E" in text:
        exponent = value.as_tuple().exponent
        return -exponent if isinstance(exponent, int) and exponent < 0 else 0
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1


def normalised(value: Decimal) -> Decimal:
    """The value with no positive exponent and no negative zero, within numeric's bounds."""
    if not value.is_finite():
        return NAN if value.is_nan() else value
    if value and value.adjusted() >= MAX_WEIGHT_DIGITS:
        raise_overflow()
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent > 0:
        return _wide_quantize(value, ONE) if value else ZERO
    if -exponent > MAX_SCALE:
        raise_overflow()
    return value if value else value.copy_abs()


def parse_numeric(text: str) -> Decimal:
    """The number that `text` spells; 22P02 if it is none."""
    match = _NUMBER.match(text)
    if match is None:
        special = _SPECIAL.get(text.strip().lower())
        if special is None:
            raise DataError(f'invalid input syntax for type numeric: "{text}"', sqlstate="22P02")
        return special
    digits = match[1]
    if "e" in digits or "E" in digits:
        exponent = int(re.split("[eE]", digits)[1][:20])
        if abs(exponent) > MAX_WEIGHT_DIGITS + MAX_SCALE:
            raise_overflow()
        return normalised(Decimal(digits))
    value = Decimal(digits)
    if len(digits) > MAX_SCALE:
        return normalised(value)
    return value if value else value.copy_abs()


def format_numeric(value: Decimal) -> str:
    """All digits, as many after the point as the scale says."""
    text = str(value)
    return f"{value:f}" if "E" in text else text


def add(left: Decimal, right: Decimal) -> Decimal:
    """left + right, exactly."""
    try:
        return _wide_add(left, right)
    except decimal.Overflow:
        raise_overflow()


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """left - right, exactly."""
    try:
        return _wide_subtract(left, right)
    except decimal.Overflow:
        raise_overflow()


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """left * right, exactly, but for the digits beyond the greatest scale."""
    try:
        product = _wide_multiply(left, right)
    except decimal.Overflow:
        raise_overflow()
    if product:
        return product
    return product.copy_abs()


def negate(value: Decimal) -> Decimal:
    """-value; zero stays plain zero."""
    return value.copy_negate() if value and not value.is_nan() else value


def absolute(value: Decimal) -> Decimal:
    """|value|."""
    return value.copy_abs()


def _leading_digits(value: Decimal, weight: int) -> int:
    """The first base-10000 digit of |value|, given its weight in that base."""
    return abs(int(value.scaleb(-4 * weight, WIDE)))


# Truncating contexts for a quotient of so many digits; the last digit is then rounded away.
_DIVIDE_SHORT = decimal.Context(
    prec=60, rounding=decimal.ROUND_DOWN, Emin=-999999, Emax=999999, traps=[]
).divide


def _divide_function(digits: int) -> Callable[[Decimal, Decimal], Decimal]:
    if digits <= 60:
        return _DIVIDE_SHORT
    context = decimal.Context(prec=digits, rounding=decimal.ROUND_DOWN, Emin=-999999, Emax=999999, traps=[])
    return context.divide


def divide(left: Decimal, right: Decimal) -> Decimal:
    """left / right with PostgreSQL's scale: 16 significant digits or more, never below an operand's scale.

    PostgreSQL counts in base 10000 and estimates the quotient's weight from the operands' weights and first
    digits there; the scale depends on that estimate, so it is repeated here.
    """
    if not right:
        if left.is_nan():
            return NAN
        raise_division_by_zero()
    if not (left.is_finite() and right.is_finite()):
        return ZERO if left.is_finite() and not right.is_nan() else _signed_special(left, right)
    left_top = left.adjusted() if left else 0
    right_top = right.adjusted()
    quotient_weight = (left_top >> 2) - (right_top >> 2)
    left_width, right_width = left_top & 3, right_top & 3
    if left_width < right_width or not left:
        quotient_weight -= 1
    elif left_width == right_width:
        left_first = _leading_digits(left, left_top >> 2)
        if left_first <= _leading_digits(right, right_top >> 2):
            quotient_weight -= 1
    scale = MIN_SIGNIFICANT_DIGITS - quotient_weight * 4
    left_scale, right_scale = scale_of(left), scale_of(right)
    if left_scale > scale:
        scale = left_scale
    if right_scale > scale:
        scale = right_scale
    if scale < 0:
        scale = 0
    elif scale > MAX_RESULT_SCALE:
        scale = MAX_RESULT_SCALE
    return divide_to_scale(left, right, scale)


def divide_to_scale(left: Decimal, right: Decimal, scale: int) -> Decimal:
    """left / right for finite operands, rounded half away from zero at `scale` digits."""
    digits = (left.adjusted() if left else 0) - right.adjusted() + scale + 3
    # Truncation keeps the digit that decides a half: rounding twice does no harm after it.
    quotient = _divide_function(digits)(left, right) if digits > 0 else ZERO
    try:
        result = _wide_quantize(quotient, quantum(scale))
    except decimal.Overflow:
        raise_overflow()
    if result.is_nan():  # quantize reports more digits than the context has so
        raise_overflow()
    return result if result else result.copy_abs()


def _signed_special(left: Decimal, right: Decimal) -> Decimal:
    """A quotient that involves NaN or an infinite dividend."""
    result = WIDE.divide(left, right)
    return NAN if result.is_nan() else result


def modulo(left: Decimal, right: Decimal) -> Decimal:
    """left % right: the remainder of truncating division."""
    if not right:
        if left.is_nan():
            return NAN
        raise_division_by_zero()
    remainder = _wide_remainder(left, right)
    if remainder:
        return remainder
    return remainder.copy_abs()


def truncate_divide(left: Decimal, right: Decimal) -> Decimal:
    """div(left, right): the quotient truncated to an integer."""
    if not right:
        if left.is_nan():
            return NAN
        raise_division_by_zero()
    if not left.is_finite() or not right.is_finite():
        return divide(left, right)
    quotient = WIDE.divide_int(left, right)
    if quotient.is_nan():
        raise_overflow()
    return quotient if quotient else ZERO


def round_numeric(value: Decimal, scale: int = 0) -> Decimal:
    """round(value, scale): half away from zero; a negative scale rounds before the point."""
    return _rescaled(value, scale, decimal.ROUND_HALF_UP)


def truncate_numeric(value: Decimal, scale: int = 0) -> Decimal:
    """trunc(value, scale): towards zero."""
    return _rescaled(value, scale, decimal.ROUND_DOWN)


def _rescaled(value: Decimal, scale: int, rounding: str) -> Decimal:
    if not value.is_finite():
        return value
    scale = max(-MAX_WEIGHT_DIGITS, min(scale, MAX_SCALE))
    result = value.quantize(quantum(scale), rounding, WIDE)
    if result.is_nan():
        raise_overflow()
    if scale < 0:
        result = _wide_quantize(result, ONE)
    return result if result else result.copy_abs()


def ceiling(value: Decimal) -> Decimal:
    """The least integer not below `value`."""
    return _rescaled(value, 0, decimal.ROUND_CEILING)


def floor(value: Decimal) -> Decimal:
    """The greatest integer not above `value`."""
    return _rescaled(value, 0, decimal.ROUND_FLOOR)


def sign(value: Decimal) -> Decimal:
    """-1, 0 or 1; NaN of NaN."""
    if value.is_nan():
        return NAN
    return ZERO if not value else Decimal(-1) if value.is_signed() else ONE


def compare(left: Decimal, right: Decimal) -> int:
    """-1, 0, 1, with NaN equal to itself and greater than all else."""
    if left.is_nan() or right.is_nan():
        return int(left.is_nan()) - int(right.is_nan())
    return -1 if left < right else int(left > right)


def fitter(precision: int, scale: int) -> Callable[[Decimal], Decimal]:
    """A function that makes a value a NUMERIC(precision, scale): rounds, then 22003 if it is too big."""
    step = quantum(scale)
    bound = Decimal((0, (1,), precision - scale))
    negative_bound = -bound

    def fit(value: Decimal) -> Decimal:
        if not value.is_finite():
            if value.is_nan():
                return value
            detail = f"A field with precision {precision}, scale {scale} cannot hold an infinite value."
            raise DataError("numeric field overflow", sqlstate="22003", detail=detail)
        result = _wide_quantize(value, step)
        if negative_bound < result < bound:
            if scale < 0:
                result = _wide_quantize(result, ONE)
            return result if result else result.copy_abs()
        limit = f"10^{precision - scale}" if precision != scale else "1"
        detail = (
            f"A field with precision {precision}, scale {scale} must round to an absolute value "
            f"less than {limit}."
        )
        raise DataError("numeric field overflow", sqlstate="22003", detail=detail)

    return fit


def to_integer(value: Decimal) -> int:
    """The nearest integer, halves away from zero; 0A000 of NaN and the infinities. No range check."""
    if not value.is_finite():
        name = "NaN" if value.is_nan() else "infinity"
        raise DataError(f"cannot convert {name} to integer", sqlstate="0A000")
    return int(_wide_quantize(value, ONE))


def from_double(value: float) -> Decimal:
    """What a double precision becomes: its 15 significant digits."""
    return normalised(Decimal(f"{value:.15g}"))


def from_real(value: float) -> Decimal:
    """What a real becomes: its 6 significant digits."""
    return normalised(Decimal(f"{value:.6g}"))


def to_double(value: Decimal) -> float:
    """The nearest double; 22003 if there is none."""
    result = float(value)
    if (result in (float("inf"), float("-inf")) and value.is_finite()) or (result == 0.0 and value):
        text = format_numeric(value)
        raise DataError(f'"{text}" is out of range for type double precision', sqlstate="22003")
    return result
