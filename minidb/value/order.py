"""The order of values where Python's own is not SQL's.

`sort_key(type)` is None where `<` and `==` of the Python values already are SQL's: integers, text (by code
point), dates, booleans, UUIDs, bytes. Floats and numerics need one for NaN, which SQL puts behind
everything and makes equal to itself. CHAR(n) ignores trailing blanks; JSON has no order at all.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from minidb.errors import ProgrammingError
from minidb.value.sql_types import FLOAT_KINDS, Kind, SqlType, Value


def sort_key(type_: SqlType) -> Callable[[Value], Any] | None:
    """What to compare instead of the (not null) value, or None: the value itself. 42883 for json."""
    kind = type_.kind
    if kind in FLOAT_KINDS:
        return float_key
    if kind is Kind.NUMERIC:
        return numeric_key
    if kind is Kind.CHAR:
        return char_key
    if kind is Kind.JSON:
        raise ProgrammingError("could not identify an ordering operator for type json", sqlstate="42883")
    return None


def float_key(value: float) -> tuple[bool, float]:
    """NaN after everything, equal to itself."""
    return (True, 0.0) if value != value else (False, value)


def numeric_key(value: Decimal) -> tuple[bool, Decimal]:
    """The same for numerics."""
    return (True, _ZERO) if value.is_nan() else (False, value)


def char_key(value: str) -> str:
    """CHAR(n): trailing blanks do not count."""
    return value.rstrip(" ")


_ZERO = Decimal(0)
