"""The order of values where Python's own is not SQL's.

`sort_key(type)` is None where `<`, `==` and `hash` of the Python values already are SQL's: integers, text (by
code point), dates, booleans, UUIDs, bytes. The others need a key, which serves sorting, equality and hashing:

    real, double, numeric   NaN comes after everything and equals itself
    character(n)            blanks at the end do not count
    interval                by its length, with months of 30 days
    jsonb                   null < string < number < boolean < array < object; the longer after the shorter
    json                    has no order and no equality at all
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from minidb.errors import ProgrammingError
from minidb.value.interval import Interval
from minidb.value.json_text import load_exactly
from minidb.value.sql_types import Kind, SqlType, Value

_ZERO = Decimal(0)


def has_order(type_: SqlType) -> bool:
    """Whether values of the type can be compared, sorted and grouped."""
    return type_.kind is not Kind.JSON


def sort_key(type_: SqlType) -> Callable[[Value], Any] | None:
    """What to compare instead of the (not null) value, or None: the value itself. 42883 for json."""
    if type_.kind is Kind.JSON:
        raise ProgrammingError("could not identify an ordering operator for type json", sqlstate="42883")
    return _KEYS.get(type_.kind)


def float_key(value: float) -> tuple[bool, float]:
    """NaN after everything, equal to itself."""
    return (True, 0.0) if value != value else (False, value)


def numeric_key(value: Decimal) -> tuple[bool, Decimal]:
    """The same for numerics."""
    return (True, _ZERO) if value.is_nan() else (False, value)


def char_key(value: str) -> str:
    """CHAR(n): trailing blanks do not count."""
    return value.rstrip(" ")


def jsonb_key(value: str) -> tuple[Any, ...]:
    """A nested tuple that orders as PostgreSQL orders jsonb."""
    found = load_exactly(value)
    # PostgreSQL's quirk, kept for its indexes' sake: the empty array alone comes before everything.
    return (-1,) if found == [] else _json_key(found)


def _json_key(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if isinstance(value, str):
        return (1, value)
    if isinstance(value, bool):
        return (3, value)
    if isinstance(value, list):
        return (4, len(value), *[_json_key(item) for item in value])
    if isinstance(value, dict):
        parts: list[Any] = []
        for key in sorted(value, key=lambda key: (len(key.encode()), key)):
            parts.append(key)
            parts.append(_json_key(value[key]))
        return (5, len(value), *parts)
    return (2, value)


_KEYS: dict[Kind, Callable[[Value], Any]] = {
    Kind.REAL: float_key,
    Kind.DOUBLE: float_key,
    Kind.NUMERIC: numeric_key,
    Kind.CHAR: char_key,
    Kind.INTERVAL: Interval.total,
    Kind.JSONB: jsonb_key,
}
