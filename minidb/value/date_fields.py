"""EXTRACT, date_part, date_trunc and date_bin: one field of a date, time, timestamp or interval.

EXTRACT yields numeric (seconds with six digits after the point), date_part the same as double precision.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import NoReturn

from minidb.errors import DataError, NotSupportedError
from minidb.value.cast import microseconds_of_time
from minidb.value.date_input import julian_day, localise
from minidb.value.datetimes import microseconds_since_epoch, midnight, raise_timestamp_range
from minidb.value.interval import MICROSECONDS_PER_DAY, Interval, checked_interval
from minidb.value.interval_input import UNITS
from minidb.value.numeric import WIDE, add, divide
from minidb.value.session_time import UTC
from minidb.value.sql_types import Kind, Value

_TRUNCATIONS = frozenset(
    {"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"}
    | {"decade", "century", "millennium"}
)
_FIELDS = _TRUNCATIONS | {
    "isoyear", "julian", "dow", "isodow", "doy", "epoch", "timezone", "timezone_hour", "timezone_minute",
}  # fmt: skip
_PLURALS = {
    "microseconds": "microsecond", "milliseconds": "millisecond", "quarters": "quarter", "qtr": "quarter",
    "timezone_h": "timezone_hour", "timezone_m": "timezone_minute", "j": "julian", "jd": "julian",
}  # fmt: skip
_TIME_FIELDS = frozenset({"microsecond", "millisecond", "second", "minute", "hour"})
_MICROSECONDS_PER_YEAR_OF_EPOCH = 31557600 * 1_000_000  # 365.25 days


def field_name(name: str, kind: Kind) -> str:
    """The field that `name` means, in the singular; 22023 if there is none such."""
    folded = name.strip().lower()
    folded = _PLURALS.get(folded) or UNITS.get(folded, folded)
    if folded not in _FIELDS:
        raise DataError(f'unit "{name.lower()}" not recognized for type {kind.value}', sqlstate="22023")
    return folded


def _raise_unsupported(name: str, kind: Kind) -> NoReturn:
    raise NotSupportedError(f'unit "{name}" not supported for type {kind.value}')


def extract(name: str, value: Value, kind: Kind, zone: datetime.tzinfo = UTC) -> Decimal:
    """EXTRACT(name FROM value); `kind` is the value's type, `zone` the session's for timestamptz."""
    field = field_name(name, kind)
    if kind is Kind.INTERVAL:
        return _from_interval(field, value)
    if kind is Kind.TIME:
        if field == "epoch":
            return Decimal(microseconds_of_time(value)).scaleb(-6, WIDE)
        if field not in _TIME_FIELDS:
            _raise_unsupported(name.lower(), kind)
        return _from_time(field, value)
    if kind is Kind.DATE:
        if field in _TIME_FIELDS or field.startswith("timezone"):
            _raise_unsupported(name.lower(), kind)
        if field == "epoch":
            return Decimal((value.toordinal() - 719163) * 86400)
        if field == "julian":
            return Decimal(julian_day(value))
        return Decimal(_from_date(field, value))
    return _from_timestamp(field, name, value, kind, zone)


def date_part(name: str, value: Value, kind: Kind, zone: datetime.tzinfo = UTC) -> float:
    """date_part(name, value)."""
    return float(extract(name, value, kind, zone))


def _from_timestamp(
    field: str, name: str, value: datetime.datetime, kind: Kind, zone: datetime.tzinfo
) -> Decimal:
    if field == "epoch":
        return Decimal(microseconds_since_epoch(value)).scaleb(-6, WIDE)
    if kind is Kind.TIMESTAMPTZ:
        value = value.astimezone(zone)
        if field.startswith("timezone"):
            return _from_offset(field, value)
    elif field.startswith("timezone"):
        _raise_unsupported(name.lower(), kind)
    if field in _TIME_FIELDS:
        return _from_time(field, value.time())
    if field == "julian":
        part = divide(Decimal(microseconds_of_time(value.time())), Decimal(MICROSECONDS_PER_DAY))
        return add(Decimal(julian_day(value.date())), part)
    return Decimal(_from_date(field, value.date()))


def _from_offset(field: str, value: datetime.datetime) -> Decimal:
    offset = value.utcoffset()
    seconds = 0 if offset is None else round(offset.total_seconds())
    if field == "timezone":
        return Decimal(seconds)
    sign = -1 if seconds < 0 else 1
    hours, rest = divmod(abs(seconds), 3600)
    return Decimal(sign * (hours if field == "timezone_hour" else rest // 60))


def _from_time(field: str, value: datetime.time) -> Decimal:
    if field == "hour":
        return Decimal(value.hour)
    if field == "minute":
        return Decimal(value.minute)
    return _from_seconds(field, value.second * 1_000_000 + value.microsecond)


def _from_seconds(field: str, microseconds: int) -> Decimal:
    """SECOND, MILLISECONDS or MICROSECONDS: each includes the whole seconds."""
    if field == "second":
        return Decimal(microseconds).scaleb(-6, WIDE)
    return Decimal(microseconds).scaleb(-3, WIDE) if field == "millisecond" else Decimal(microseconds)


def _from_date(field: str, value: datetime.date) -> int:
    year = value.year
    match field:
        case "year":
            return year
        case "month":
            return value.month
        case "day":
            return value.day
        case "quarter":
            return (value.month + 2) // 3
        case "decade":
            return year // 10
        case "century":
            return (year + 99) // 100
        case "millennium":
            return (year + 999) // 1000
        case "isoyear":
            return value.isocalendar().year
        case "week":
            return value.isocalendar().week
        case "dow":
            return value.isoweekday() % 7
        case "isodow":
            return value.isoweekday()
        case _:
            assert field == "doy"
            return value.timetuple().tm_yday


def _from_interval(field: str, value: Interval) -> Decimal:
    sign = -1 if value.months < 0 else 1
    years, months = divmod(abs(value.months), 12)
    years, months = sign * years, sign * months
    if field == "epoch":
        of_years = years * _MICROSECONDS_PER_YEAR_OF_EPOCH
        days = months * 30 + value.days
        return Decimal(of_years + days * MICROSECONDS_PER_DAY + value.microseconds).scaleb(-6, WIDE)
    time_sign = -1 if value.microseconds < 0 else 1
    minutes, of_minute = divmod(abs(value.microseconds), 60_000_000)
    match field:
        case "year":
            return Decimal(years)
        case "month":
            return Decimal(months)
        case "day":
            return Decimal(value.days)
        case "quarter":
            return Decimal(int(months / 3) + 1)
        case "decade":
            return Decimal(int(years / 10))
        case "century":
            return Decimal(int(years / 100))
        case "millennium":
            return Decimal(int(years / 1000))
        case "hour":
            return Decimal(time_sign * (minutes // 60))
        case "minute":
            return Decimal(time_sign * (minutes % 60))
        case "second" | "millisecond" | "microsecond":
            return _from_seconds(field, time_sign * of_minute)
        case _:
            _raise_unsupported(field, Kind.INTERVAL)


# --- date_trunc ---------------------------------------------------------------------------------------


def _raise_no_truncation(field: str, name: str, kind: Kind) -> NoReturn:
    if field.startswith("timezone"):
        _raise_unsupported(name.lower(), kind)
    raise DataError(f'unit "{name.lower()}" not recognized for type {kind.value}', sqlstate="22023")


def truncate_timestamp(name: str, value: datetime.datetime, kind: Kind = Kind.TIMESTAMP) -> datetime.datetime:
    """date_trunc(name, timestamp)."""
    field = field_name(name, kind)
    if field not in _TRUNCATIONS:
        _raise_no_truncation(field, name, kind)
    match field:
        case "microsecond":
            return value
        case "millisecond":
            return value.replace(microsecond=value.microsecond // 1000 * 1000)
        case "second":
            return value.replace(microsecond=0)
        case "minute":
            return value.replace(second=0, microsecond=0)
        case "hour":
            return value.replace(minute=0, second=0, microsecond=0)
    return midnight(_truncated_date(field, value.date()))


def _truncated_date(field: str, value: datetime.date) -> datetime.date:
    year = value.year
    match field:
        case "day":
            return value
        case "week":
            return value - datetime.timedelta(days=value.weekday()) if value.toordinal() > 6 else value
        case "month":
            return value.replace(day=1)
        case "quarter":
            return value.replace(month=(value.month - 1) // 3 * 3 + 1, day=1)
        case "decade":
            year = year // 10 * 10
        case "century":
            year = (year - 1) // 100 * 100 + 1
        case "millennium":
            year = (year - 1) // 1000 * 1000 + 1
    if year < 1:
        raise_timestamp_range()
    return datetime.date(year, 1, 1)


def truncate_instant(name: str, value: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """date_trunc(name, timestamptz): on the clocks of `zone`."""
    local = value.astimezone(zone)
    truncated = truncate_timestamp(name, local.replace(tzinfo=None, fold=0), Kind.TIMESTAMPTZ)
    field = field_name(name, Kind.TIMESTAMPTZ)
    if field in _TIME_FIELDS:
        # Within the hour the offset is kept: an hour that occurs twice stays the one it was.
        offset = local.utcoffset()
        assert offset is not None
        return (truncated - offset).replace(tzinfo=UTC)
    return localise(truncated, zone)


def truncate_interval(name: str, value: Interval) -> Interval:
    """date_trunc(name, interval)."""
    field = field_name(name, Kind.INTERVAL)
    if field == "week":
        detail = "Months usually have fractional weeks."
        raise NotSupportedError('unit "week" not supported for type interval', detail=detail)
    if field not in _TRUNCATIONS:
        _raise_no_truncation(field, name, Kind.INTERVAL)
    months, days, microseconds = value.months, value.days, value.microseconds
    step = _MONTH_STEPS.get(field)
    if step is not None:
        return checked_interval(_towards_zero(months, step), 0, 0)
    if field == "day":
        return Interval(months, days, 0)
    return Interval(months, days, _towards_zero(microseconds, _MICROSECOND_STEPS[field]))


_MONTH_STEPS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
_MICROSECOND_STEPS = {
    "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "millisecond": 1000, "microsecond": 1,
}  # fmt: skip


def _towards_zero(value: int, step: int) -> int:
    return value // step * step if value >= 0 else -(-value // step * step)


def date_bin(stride: Interval, value: datetime.datetime, origin: datetime.datetime) -> datetime.datetime:
    """date_bin(stride, value, origin): the beginning of the stride that `value` lies in."""
    if stride.months:
        raise NotSupportedError("timestamps cannot be binned into intervals containing months or years")
    width = stride.days * MICROSECONDS_PER_DAY + stride.microseconds
    if width <= 0:
        raise DataError("stride must be greater than zero", sqlstate="22008")
    distance = microseconds_since_epoch(value) - microseconds_since_epoch(origin)
    try:
        return origin + datetime.timedelta(microseconds=distance // width * width)
    except OverflowError:
        raise_timestamp_range()
