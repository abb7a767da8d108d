"""Python values in and out: what a parameter's type is, and how values cross the driver's border.

in   type_of_python_value(value)      the SQL type it has by itself
     input_converter(type)(value)     the engine's form of it, as that type; errors as for a literal
     to_internal(value, type)         the same, for a single value
out  OUTPUT_CONVERTERS[kind](value)   for the kinds whose internal form is not what users get
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from minidb.errors import DataError, InterfaceError
from minidb.value import fit
from minidb.value.cast import cast_function
from minidb.value.interval import Interval
from minidb.value.json_text import load_python
from minidb.value.numeric import normalised
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTEGER,
    INTEGER_BOUNDS,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    UUID,
    Kind,
    SqlType,
    Value,
)
from minidb.value.text import encoded

_INT32 = 2**31
_INT64 = 2**63

_SIMPLE: dict[type, SqlType] = {
    bool: BOOLEAN,
    float: DOUBLE,
    Decimal: NUMERIC,
    str: UNKNOWN,
    type(None): UNKNOWN,
    bytes: BYTEA,
    bytearray: BYTEA,
    memoryview: BYTEA,
    datetime.date: DATE,
    datetime.time: TIME,
    datetime.timedelta: INTERVAL,
    Interval: INTERVAL,
    uuid.UUID: UUID,
    dict: JSON,
    list: JSON,
}

# Values of exactly this class are already what the engine keeps for a type of the kind, modifiers aside.
_OWN_CLASS: dict[Kind, type] = {
    Kind.BOOLEAN: bool,
    Kind.DOUBLE: float,
    Kind.BYTEA: bytes,
    Kind.DATE: datetime.date,
    Kind.INTERVAL: Interval,
    Kind.UUID: uuid.UUID,
}


def type_of_python_value(value: Any) -> SqlType:
    """The SQL type of a parameter; text and None are `unknown`: their place decides. 07006 if it has none."""
    class_ = type(value)
    if class_ is int:
        return INTEGER if -_INT32 <= value < _INT32 else BIGINT if -_INT64 <= value < _INT64 else NUMERIC
    if class_ is datetime.datetime:
        return TIMESTAMP if value.tzinfo is None else TIMESTAMPTZ
    found = _SIMPLE.get(class_)
    if found is None:
        for base in class_.__mro__[1:-1]:  # an IntEnum, a str subclass, numpy's float64
            if base is int:
                return type_of_python_value(int(value))
            if base is datetime.datetime:
                return TIMESTAMP if value.tzinfo is None else TIMESTAMPTZ
            if base in _SIMPLE:
                return _SIMPLE[base]
        raise InterfaceError(f"cannot use a Python {class_.__name__} as a parameter", sqlstate="07006")
    return found


def to_internal(value: Any, type_: SqlType) -> Value:
    """A Python value (not None) as a value of `type_`, by any cast; but text that is too long is an error."""
    return input_converter(type_)(value)


@lru_cache(maxsize=1024)
def input_converter(type_: SqlType) -> Callable[[Any], Value]:
    """A function that does what `to_internal` does, with a short way for values of the type's own class."""
    kind = type_.kind
    if kind in INTEGER_BOUNDS:
        return _integer_converter(type_)
    if kind is Kind.TEXT or kind is Kind.VARCHAR or kind is Kind.UNKNOWN:
        return _text_converter(type_)
    if kind is Kind.NUMERIC:
        return _numeric_converter(type_)
    own_class = _OWN_CLASS.get(kind)
    if own_class is None or fit.assignment_fit(type_) is not None:
        return lambda value: _converted(value, type_)

    def convert(value: Any) -> Value:
        return value if type(value) is own_class else _converted(value, type_)

    return convert


def _integer_converter(type_: SqlType) -> Callable[[Any], Value]:
    least, greatest = INTEGER_BOUNDS[type_.kind]

    def convert(value: Any) -> Value:
        if type(value) is int and least <= value <= greatest:
            return value
        return _converted(value, type_)

    return convert


def _text_converter(type_: SqlType) -> Callable[[Any], Value]:
    length = type_.length
    limit = length if length is not None else 2**62

    def convert(value: Any) -> Value:
        if type(value) is str and value.isascii() and "\x00" not in value and len(value) <= limit:
            return value
        return _converted(value, type_)

    return convert


def _numeric_converter(type_: SqlType) -> Callable[[Any], Value]:
    adjust = fit.assignment_fit(type_)

    def convert(value: Any) -> Value:
        if type(value) is Decimal and value and value.is_finite() and "E" not in str(value):
            return value if adjust is None else adjust(value)
        return _converted(value, type_)

    return convert


def _converted(value: Any, type_: SqlType) -> Value:
    own = type_of_python_value(value)
    value = _plain(value, own)
    kind = type_.kind
    if own.kind is kind and type_.length is None and type_.precision is None:
        return value
    if kind is Kind.UNKNOWN:
        return cast_function(own, TEXT, False)(value)
    return cast_function(own, type_, False)(value)


def _plain(value: Any, own: SqlType) -> Value:
    """The value as an instance of the class that the engine keeps for its type."""
    match own.kind:
        case Kind.SMALLINT | Kind.INTEGER | Kind.BIGINT:
            return int(value)
        case Kind.DOUBLE:
            return float(value)
        case Kind.BOOLEAN:
            return bool(value)
        case Kind.NUMERIC:
            return Decimal(value) if isinstance(value, int) else normalised(value)
        case Kind.UNKNOWN:
            return _checked_text(value)
        case Kind.BYTEA:
            return bytes(value)
        case Kind.DATE:
            return datetime.date(value.year, value.month, value.day)
        case Kind.TIME:
            if value.tzinfo is not None:
                raise InterfaceError("time with time zone is not supported as a parameter", sqlstate="0A000")
            return value.replace(fold=0)
        case Kind.TIMESTAMP:
            return datetime.datetime.combine(value.date(), value.time().replace(fold=0))
        case Kind.TIMESTAMPTZ:
            return _in_utc(value)
        case Kind.INTERVAL:
            return Interval.from_timedelta(value) if isinstance(value, datetime.timedelta) else value
        case Kind.JSON:
            return _json_text(value)
    return value


def _checked_text(value: str) -> str:
    """A plain str that can be stored: no NUL (as in PostgreSQL), no half of a surrogate pair."""
    text = str.__str__(value)
    if "\x00" in text:
        raise DataError('invalid byte sequence for encoding "UTF8": 0x00', sqlstate="22021")
    encoded(text)
    return text


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    try:
        moved = value.astimezone(datetime.UTC)
    except OverflowError:
        raise DataError("timestamp out of range", sqlstate="22008") from None
    return datetime.datetime.combine(moved.date(), moved.time(), datetime.UTC)


def _json_text(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_json_value)
    except (ValueError, TypeError, RecursionError) as error:  # NaN, a circle, a key that is no text
        raise InterfaceError(f"cannot store this Python value in JSON: {error}", sqlstate="07006") from None
    return _checked_text(text)


def _json_value(value: Any) -> Any:
    """What JSON has no form for: numbers stay numbers, dates and UUIDs become their text."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


OUTPUT_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.JSON: load_python,
    Kind.JSONB: load_python,
    Kind.INTERVAL: Interval.to_timedelta,
}
