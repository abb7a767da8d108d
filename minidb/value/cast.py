"""Casts: the function that turns a value of one type into a value of another.

`cast_function` picks, once, a plain function of one argument that is then called per row; `identity` where
nothing changes, so that a caller can leave the cast out. Values of None never reach it.
Which casts exist at all is the business of `cast_matrix`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

from minidb.errors import DataError, ProgrammingError
from minidb.value import fit, numeric
from minidb.value.cast_matrix import CastContext, can_cast, common_type
from minidb.value.date_input import EPOCH, localise
from minidb.value.float_text import round_to_single
from minidb.value.interval import MICROSECONDS_PER_DAY, Interval
from minidb.value.json_text import load_exactly
from minidb.value.session_time import UTC, UTC_SESSION, SessionTime
from minidb.value.sql_types import (
    FLOAT_KINDS,
    INTEGER_BOUNDS,
    INTEGER_KINDS,
    NUMERIC_KINDS,
    TEXT_KINDS,
    Kind,
    SqlType,
    Value,
)
from minidb.value.text import ZONED_KINDS, plain_reader, writer

__all__ = [
    "CastContext",
    "can_cast",
    "cast_function",
    "common_type",
    "depends_on_session",
    "identity",
]

Cast = Callable[[Value], Value]
_INTEGER_ORDER = {Kind.SMALLINT: 0, Kind.INTEGER: 1, Kind.BIGINT: 2}
_MIDNIGHT = datetime.time()
_INFINITY = float("inf")


def identity(value: Value) -> Value:
    """The cast that changes nothing."""
    return value


def cast_function(
    source: SqlType, target: SqlType, explicit: bool, session: SessionTime = UTC_SESSION
) -> Cast:
    """The function that casts; `explicit` tells CAST from storing, where text that is too long is an error.

    `session` matters where `depends_on_session` says so. 42846 if there is no such cast.
    """
    if session is UTC_SESSION:
        return _cached_cast(source, target, explicit)
    return _make_cast(source, target, explicit, session)


def depends_on_session(source: SqlType, target: SqlType) -> bool:
    """Whether the result depends on the session's time zone, or on its `now`."""
    source_kind, target_kind = source.kind, target.kind
    if target_kind in ZONED_KINDS and (source_kind in TEXT_KINDS or source_kind is Kind.UNKNOWN):
        return True
    # Between a timestamp with time zone and anything else, text included.
    return (source_kind is Kind.TIMESTAMPTZ) != (target_kind is Kind.TIMESTAMPTZ)


@lru_cache(maxsize=4096)
def _cached_cast(source: SqlType, target: SqlType, explicit: bool) -> Cast:
    return _make_cast(source, target, explicit, UTC_SESSION)


def _make_cast(source: SqlType, target: SqlType, explicit: bool, session: SessionTime) -> Cast:
    if source == target and source.kind is not Kind.UNKNOWN:
        return identity
    if not can_cast(source, target, "explicit"):
        message = f"cannot cast type {source.kind.value} to {target.kind.value}"
        raise ProgrammingError(message, sqlstate="42846")
    convert = _conversion(source, target, session)
    adjust = fit.explicit_fit(target) if explicit else fit.assignment_fit(target)
    if adjust is None:
        return convert
    if convert is identity:
        return adjust
    fitted = adjust

    def convert_and_fit(value: Value) -> Value:
        return fitted(convert(value))

    return convert_and_fit


def _conversion(source_type: SqlType, target_type: SqlType, session: SessionTime) -> Cast:
    """From kind to kind, modifiers aside."""
    source, target = source_type.kind, target_type.kind
    if source is target:
        return identity
    if source is Kind.UNKNOWN:
        return plain_reader(target, session)
    if target in TEXT_KINDS or target is Kind.UNKNOWN:
        return _to_text(source_type, target, session)
    if source in TEXT_KINDS:
        return plain_reader(target, session)
    if source in NUMERIC_KINDS and target in NUMERIC_KINDS:
        return _between_numbers(source, target)
    if source is Kind.JSONB and target is not Kind.JSON:
        return _from_jsonb(target)
    if source is Kind.JSON:
        return plain_reader(target, session)
    if source in ZONED_KINDS and target in ZONED_KINDS:
        return _between_dates(source, target, session.zone)
    return _OTHERS[source, target]


def _to_text(source: SqlType, target: Kind, session: SessionTime) -> Cast:
    if source.kind is Kind.CHAR and target is not Kind.CHAR:
        return _without_padding
    if source.kind in TEXT_KINDS:
        return identity
    if source.kind is Kind.BOOLEAN:
        return _boolean_word
    write = writer(source, session)
    return identity if source.kind in (Kind.JSON, Kind.JSONB) else write


def _without_padding(value: str) -> str:
    return value.rstrip(" ")


def _boolean_word(value: bool) -> str:
    return "true" if value else "false"


# --- numbers ------------------------------------------------------------------------------------------


def _between_numbers(source: Kind, target: Kind) -> Cast:
    if target in INTEGER_KINDS:
        if source in INTEGER_KINDS:
            return identity if _INTEGER_ORDER[source] < _INTEGER_ORDER[target] else range_check(target)
        return _double_to_integer(target) if source in FLOAT_KINDS else _numeric_to_integer(target)
    if target is Kind.NUMERIC:
        if source in INTEGER_KINDS:
            return Decimal
        return numeric.from_double if source is Kind.DOUBLE else numeric.from_real
    if target is Kind.DOUBLE:
        return identity if source is Kind.REAL else float if source in INTEGER_KINDS else numeric.to_double
    return _integer_to_real if source in INTEGER_KINDS else _TO_REAL[source]


def raise_integer_range(kind: Kind) -> NoReturn:
    """22003."""
    raise DataError(f"{kind.value} out of range", sqlstate="22003")


def range_check(kind: Kind) -> Callable[[int], int]:
    """A function that returns an int that is within `kind`'s bounds; 22003 otherwise."""
    least, greatest = INTEGER_BOUNDS[kind]

    def check(value: int) -> int:
        if least <= value <= greatest:
            return value
        raise_integer_range(kind)

    return check


def _double_to_integer(kind: Kind) -> Callable[[float], int]:
    least, greatest = INTEGER_BOUNDS[kind]

    def convert(value: float) -> int:
        # NaN and the infinities fail the first comparison or the last.
        if -1e19 < value < 1e19:
            result = round(value)  # half to even, as PostgreSQL does for floats
            if least <= result <= greatest:
                return result
        raise_integer_range(kind)

    return convert


def _numeric_to_integer(kind: Kind) -> Callable[[Decimal], int]:
    least, greatest = INTEGER_BOUNDS[kind]
    name = kind.value

    def convert(value: Decimal) -> int:
        if not value.is_finite():
            special = "NaN" if value.is_nan() else "infinity"
            raise DataError(f"cannot convert {special} to {name}", sqlstate="0A000")
        result = numeric.to_integer(value) if value.adjusted() < 40 else greatest + 1
        if least <= result <= greatest:
            return result
        raise_integer_range(kind)

    return convert


def _integer_to_real(value: int) -> float:
    return round_to_single(float(value))


def _double_to_real(value: float) -> float:
    result = round_to_single(value)
    if result in (_INFINITY, -_INFINITY) and result != value:
        raise DataError("value out of range: overflow", sqlstate="22003")
    if result == 0.0 and value != 0.0:
        raise DataError("value out of range: underflow", sqlstate="22003")
    return result


def _numeric_to_real(value: Decimal) -> float:
    result = round_to_single(float(value))
    if (result in (_INFINITY, -_INFINITY) and value.is_finite()) or (result == 0.0 and value):
        text = numeric.format_numeric(value)
        raise DataError(f'"{text}" is out of range for type real', sqlstate="22003")
    return result


_TO_REAL: dict[Kind, Cast] = {Kind.DOUBLE: _double_to_real, Kind.NUMERIC: _numeric_to_real}


# --- dates and times ----------------------------------------------------------------------------------


def _between_dates(source: Kind, target: Kind, zone: datetime.tzinfo) -> Cast:
    if source is Kind.TIMESTAMPTZ:
        shown = _shown_in(zone)
        if target is Kind.TIMESTAMP:
            return shown
        if target is Kind.DATE:
            return lambda value: shown(value).date()
        return lambda value: shown(value).time()
    if target is Kind.TIMESTAMPTZ:
        if source is Kind.DATE:
            return lambda value: localise(datetime.datetime.combine(value, _MIDNIGHT), zone)
        return lambda value: localise(value, zone)
    return _OTHERS[source, target]


def _shown_in(zone: datetime.tzinfo) -> Callable[[datetime.datetime], datetime.datetime]:
    if zone is UTC:
        return lambda value: value.replace(tzinfo=None)

    def shown(value: datetime.datetime) -> datetime.datetime:
        try:
            return value.astimezone(zone).replace(tzinfo=None, fold=0)
        except OverflowError:
            raise DataError("timestamp out of range", sqlstate="22008") from None

    return shown


def _date_to_timestamp(value: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(value, _MIDNIGHT)


def microseconds_of_time(value: datetime.time) -> int:
    """Since midnight."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def _time_to_interval(value: datetime.time) -> Interval:
    return Interval(0, 0, microseconds_of_time(value))


def _interval_to_time(value: Interval) -> datetime.time:
    of_day = value.microseconds % MICROSECONDS_PER_DAY
    return (EPOCH + datetime.timedelta(microseconds=of_day)).time()


# --- JSON ---------------------------------------------------------------------------------------------


def _from_jsonb(target: Kind) -> Cast:
    from_number = identity if target is Kind.BOOLEAN else _from_numeric(target)

    def convert(value: str) -> Value:
        found: Any = load_exactly(value)
        if target is Kind.BOOLEAN and isinstance(found, bool):
            return found
        if target is not Kind.BOOLEAN and isinstance(found, Decimal):
            return from_number(found)
        name = _json_kind(found)
        raise DataError(f"cannot cast jsonb {name} to type {target.value}", sqlstate="22023")

    return convert


def _from_numeric(target: Kind) -> Cast:
    return identity if target is Kind.NUMERIC else _between_numbers(Kind.NUMERIC, target)


def _json_kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", Decimal: "numeric", str: "string", list: "array", dict: "object"}
    return names[type(value)]


_OTHERS: dict[tuple[Kind, Kind], Cast] = {
    (Kind.BOOLEAN, Kind.INTEGER): int,
    (Kind.INTEGER, Kind.BOOLEAN): bool,
    (Kind.DATE, Kind.TIMESTAMP): _date_to_timestamp,
    (Kind.TIMESTAMP, Kind.DATE): datetime.datetime.date,
    (Kind.TIMESTAMP, Kind.TIME): datetime.datetime.time,
    (Kind.TIME, Kind.INTERVAL): _time_to_interval,
    (Kind.INTERVAL, Kind.TIME): _interval_to_time,
    (Kind.JSONB, Kind.JSON): identity,
}
