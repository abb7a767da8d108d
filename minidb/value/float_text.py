"""REAL and DOUBLE PRECISION as text: the shortest digits that read back as the same number.

PostgreSQL switches to an exponent where %g would: below 1e-4, and from 1e15 (double) or 1e6 (real) on, while
Python's repr waits until 1e16. REAL values are Python floats that are exactly some 32-bit float.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import NoReturn

from minidb.errors import DataError
from minidb.value.numeric import WIDE

_INFINITY = float("inf")
_single = struct.Struct("<f")
_single_bits = struct.Struct("<I")
_LEAST_TIE = 2.0**51
_LEAST_NORMAL = 2.0**-126

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9A-Fa-f]*\.?[0-9A-Fa-f]*(?:[pP][+-]?\d+)?\Z", re.ASCII)
_SPECIAL = {
    "nan": float("nan"),
    "inf": _INFINITY,
    "+inf": _INFINITY,
    "-inf": -_INFINITY,
    "infinity": _INFINITY,
    "+infinity": _INFINITY,
    "-infinity": -_INFINITY,
}


def _raise_range(text: str, type_name: str) -> NoReturn:
    raise DataError(f'"{text}" is out of range for type {type_name}', sqlstate="22003")


def parse_double(text: str, type_name: str = "double precision") -> float:
    """The double that `text` spells."""
    stripped = text.strip()
    if _NUMBER.match(stripped):
        value = float(stripped)
    elif stripped.lower() in _SPECIAL:
        return _SPECIAL[stripped.lower()]
    elif _HEXADECIMAL.match(stripped):
        try:
            value = float.fromhex(stripped)
        except (ValueError, OverflowError):
            raise DataError(
                f'invalid input syntax for type {type_name}: "{text}"', sqlstate="22P02"
            ) from None
    else:
        raise DataError(f'invalid input syntax for type {type_name}: "{text}"', sqlstate="22P02")
    if value in (_INFINITY, -_INFINITY) or (value == 0.0 and _has_digit_other_than_zero(stripped)):
        _raise_range(stripped, type_name)
    return value


def _has_digit_other_than_zero(text: str) -> bool:
    return any(character in "123456789" for character in re.split("[eEpP]", text)[0])


def parse_real(text: str) -> float:
    """The 32-bit float that `text` spells, as a Python float."""
    value = parse_double(text, "real")
    single = round_to_single(value)
    if (single in (_INFINITY, -_INFINITY) and value != single) or (single == 0.0 and value != 0.0):
        _raise_range(text.strip(), "real")
    return single


def round_to_single(value: float) -> float:
    """The nearest 32-bit float; an infinity beyond the greatest."""
    try:
        single: float = _single.unpack(_single.pack(value))[0]
    except OverflowError:
        return _INFINITY if value > 0 else -_INFINITY
    return single


def format_double(value: float) -> str:
    """As PostgreSQL prints it: 0.1, 1e+20, Infinity, NaN."""
    text = repr(value)
    if len(text) < 16 and "e" not in text and "n" not in text:
        return text[:-2] if text.endswith(".0") else text
    special = _special(value)
    if special is not None:
        return special
    if not -_LEAST_TIE < value < _LEAST_TIE:
        text = _not_at_the_border(text, value)
    return _from_digits(text, 15)


def _not_at_the_border(text: str, value: float) -> str:
    """`text`, or more digits if it lies exactly between `value` and the next double.

    Such a text reads back as the same number only where halves are rounded to even: Python relies on it,
    PostgreSQL does not. Doubles below 2**51 have no such neighbours of 17 digits or less.
    """
    exact, half_step = Decimal(value), Decimal(math.ulp(value) / 2)
    digits = len(text.lstrip("-").partition("e")[0].replace(".", "").rstrip("0"))
    while digits < 17 and WIDE.subtract(Decimal(text), exact).copy_abs() == half_step:
        digits += 1
        text = f"{value:.{digits - 1}e}"
    return text


def _special(value: float) -> str | None:
    if value != value:
        return "NaN"
    if value == _INFINITY:
        return "Infinity"
    return "-Infinity" if value == -_INFINITY else None


def format_real(value: float) -> str:
    """The shortest digits that read back as the same 32-bit float."""
    special = _special(value)
    if special is not None:
        return special
    if value == 0.0:
        return "-0" if repr(value)[0] == "-" else "0"
    least, greatest = _borders(value)
    # The float is in the middle of six digits' reach, unless it is below the normal ones.
    for digits in range(6 if abs(value) >= _LEAST_NORMAL else 1, 10):
        text = f"{value:.{digits - 1}e}"
        if least < float(text) < greatest:
            break
        neighbour = _away_from_zero(text, digits)
        if least < float(neighbour) < greatest:
            text = neighbour
            break
    return _from_digits(text, 6)


def _borders(value: float) -> tuple[float, float]:
    """The middles between a 32-bit float and its neighbours, which are doubles."""
    bits = _single_bits.unpack(_single.pack(abs(value)))[0]
    below: float = _single.unpack(_single_bits.pack(bits - 1))[0]
    above: float = _single.unpack(_single_bits.pack(bits + 1))[0]
    size = abs(value)
    low = (size + below) / 2
    high = (size + above) / 2 if above != _INFINITY else size + (size - low)
    return (-high, -low) if value < 0 else (low, high)


def _away_from_zero(text: str, digits: int) -> str:
    """The next decimal of so many digits away from zero.

    Below a power of two the floats lie twice as dense as above it: there the nearest decimal may be another
    float's although one a little further off, above, is this one's.
    """
    mantissa, _, exponent = text.partition("e")
    return (
        f"{int(mantissa.replace('.', '')) + (-1 if mantissa[0] == '-' else 1)}e{int(exponent) - digits + 1}"
    )


def _from_digits(text: str, exponent_from: int) -> str:
    """Lay out the digits of `text` (any float syntax), with an exponent where PostgreSQL has one."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent_text = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(exponent_text or 0) + len(whole) - 1
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    exponent -= leading
    digits = digits.strip("0") or "0"
    if digits == "0":
        return sign + "0"
    if -5 < exponent < exponent_from:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        if len(digits) <= exponent + 1:
            return sign + digits.ljust(exponent + 1, "0")
        return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
