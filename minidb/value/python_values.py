"""Python values in and out: what a parameter's type is, and how values cross the driver's border.

in   type_of_python_value(value)      the SQL type it has by itself
     to_internal(value, type)         the engine's form of it, as that type; errors as for a literal
out  OUTPUT_CONVERTERS[kind](value)   for the kinds whose internal form is not what users get
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from minidb.errors import DataError, InterfaceError
from minidb.value.cast import cast_function
from minidb.value.interval import Interval
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE,
    INTEGER,
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


def type_of_python_value(value: Any) -> SqlType:
    """The SQL type of a parameter; text and None are `unknown`: their place decides. 07006 if it has none."""
    kind = type(value)
    if kind is int:
        return INTEGER if -_INT32 <= value < _INT32 else BIGINT if -_INT64 <= value < _INT64 else NUMERIC
    if kind is datetime.datetime:
        return TIMESTAMP if value.tzinfo is None else TIMESTAMPTZ
    found = _SIMPLE.get(kind)
    if found is None:
        for base in kind.__mro__[1:-1]:  # an IntEnum, a str subclass, numpy's float64
            if base in (int, datetime.datetime):
                return type_of_python_value(base(value) if base is int else _plain_datetime(value))
            if base in _SIMPLE:
                return _SIMPLE[base]
        raise InterfaceError(f"cannot use a Python {kind.__name__} as a parameter", sqlstate="07006")
    return found


def to_internal(value: Any, type_: SqlType) -> Value:
    """A Python value (not None) as a value of `type_`, cast explicitly if it is of another type."""
    own = type_of_python_value(value)
    value = _plain(value, own)
    kind = type_.kind
    if own is UNKNOWN:
        if kind is Kind.UNKNOWN or kind is Kind.TEXT:
            return value
        return cast_function(UNKNOWN, type_, True)(value)
    if own.kind is kind and type_.length is None and type_.precision is None:
        return value
    if kind is Kind.UNKNOWN:
        return cast_function(own, TEXT, True)(value)
    return cast_function(own, type_, True)(value)


def _plain(value: Any, own: SqlType) -> Value:
    """The engine's own class for the value's type."""
    match own.kind:
        case Kind.BYTEA:
            return bytes(value)
        case Kind.INTERVAL if isinstance(value, datetime.timedelta):
            microseconds = value.seconds * 1_000_000 + value.microseconds
            return Interval(0, value.days, microseconds)
        case Kind.TIMESTAMPTZ:
            try:
                return value.astimezone(datetime.UTC)
            except OverflowError:
                raise DataError("timestamp out of range", sqlstate="22008") from None
        case Kind.JSON:
            return json.dumps(value, ensure_ascii=False, default=_json_value)
        case Kind.TIME if value.tzinfo is not None:
            raise InterfaceError("time with time zone is not supported as a parameter", sqlstate="0A000")
        case Kind.UNKNOWN if "\x00" in value:
            raise DataError('invalid byte sequence for encoding "UTF8": 0x00', sqlstate="22021")
    return value


def _plain_datetime(value: datetime.datetime) -> datetime.datetime:
    return datetime.datetime.combine(value.date(), value.timetz())


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime.date | datetime.time | uuid.UUID):
        return str(value)
    raise InterfaceError(f"cannot store a Python {type(value).__name__} in JSON", sqlstate="07006")


OUTPUT_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.JSON: json.loads,
    Kind.JSONB: json.loads,
    Kind.INTERVAL: Interval.to_timedelta,
}
