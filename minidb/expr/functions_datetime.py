"""Functions of dates, times and intervals. Those of timestamps with time zone look at the session's zone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from minidb.expr.cast import session_time
from minidb.expr.function_table import Overload, define
from minidb.expr.node import EvaluationContext
from minidb.value import date_fields, datetimes
from minidb.value.date_input import localise
from minidb.value.interval import Interval
from minidb.value.interval_arithmetic import justify_days, justify_hours, justify_interval
from minidb.value.session_time import zone_by_name
from minidb.value.sql_types import Kind, Value

# --- the present ----------------------------------------------------------------------------------


def now(context: EvaluationContext) -> datetime.datetime:
    """now(), current_timestamp, transaction_timestamp(): when the transaction began."""
    return context.now


def clock_timestamp(context: EvaluationContext) -> datetime.datetime:
    """clock_timestamp(): this very moment."""
    return context.clock()


def _local(context: EvaluationContext) -> datetime.datetime:
    return context.now.astimezone(session_time(context).zone).replace(tzinfo=None, fold=0)


def current_date(context: EvaluationContext) -> datetime.date:
    """current_date, on the session's clocks."""
    return _local(context).date()


def local_time(context: EvaluationContext, digits: int = 6) -> datetime.time:
    """localtime."""
    return _with_digits(_local(context), digits).time()


def local_timestamp(context: EvaluationContext, digits: int = 6) -> datetime.datetime:
    """localtimestamp."""
    return _with_digits(_local(context), digits)


def current_timestamp(context: EvaluationContext, digits: int = 6) -> datetime.datetime:
    """current_timestamp(digits)."""
    return _with_digits(context.now, digits)


def _with_digits(value: datetime.datetime, digits: int) -> datetime.datetime:
    step = 10 ** (6 - max(0, min(digits, 6)))
    rounded = (value.microsecond + step // 2) // step * step
    return value + datetime.timedelta(microseconds=rounded - value.microsecond)


def time_of_day(context: EvaluationContext) -> str:
    """timeofday(): clock_timestamp() as text in an older style."""
    shown = clock_timestamp(context).astimezone(session_time(context).zone)
    return shown.strftime("%a %b %d %H:%M:%S.%f %Y %Z")


# --- fields ---------------------------------------------------------------------------------------


def _extract_from(kind: Kind) -> Callable[[str, Value], Decimal]:
    return lambda name, value: date_fields.extract(name, value, kind)


def _date_part_from(kind: Kind) -> Callable[[str, Value], float]:
    return lambda name, value: date_fields.date_part(name, value, kind)


def extract_from_instant(context: EvaluationContext, name: str, value: datetime.datetime) -> Decimal:
    """extract(field from timestamptz)."""
    return date_fields.extract(name, value, Kind.TIMESTAMPTZ, session_time(context).zone)


def date_part_from_instant(context: EvaluationContext, name: str, value: datetime.datetime) -> float:
    """date_part(field, timestamptz)."""
    return date_fields.date_part(name, value, Kind.TIMESTAMPTZ, session_time(context).zone)


def truncate_instant(context: EvaluationContext, name: str, value: datetime.datetime) -> datetime.datetime:
    """date_trunc(field, timestamptz)."""
    return date_fields.truncate_instant(name, value, session_time(context).zone)


def truncate_instant_in(name: str, value: datetime.datetime, zone: str) -> datetime.datetime:
    """date_trunc(field, timestamptz, zone)."""
    return date_fields.truncate_instant(name, value, zone_by_name(zone))


# --- age ------------------------------------------------------------------------------------------


def age_today(context: EvaluationContext, value: datetime.datetime) -> Interval:
    """age(timestamp): up to the midnight that began today."""
    return datetimes.age(datetimes.midnight(current_date(context)), value)


def age_of_instants(
    context: EvaluationContext, later: datetime.datetime, earlier: datetime.datetime
) -> Interval:
    """age(timestamptz, timestamptz), on the session's clocks."""
    zone = session_time(context).zone
    return datetimes.age(
        later.astimezone(zone).replace(tzinfo=None, fold=0),
        earlier.astimezone(zone).replace(tzinfo=None, fold=0),
    )


def age_of_instant_today(context: EvaluationContext, value: datetime.datetime) -> Interval:
    """age(timestamptz)."""
    local = value.astimezone(session_time(context).zone).replace(tzinfo=None, fold=0)
    return datetimes.age(datetimes.midnight(current_date(context)), local)


# --- zones ----------------------------------------------------------------------------------------


def timestamp_at_zone(zone: str, value: datetime.datetime) -> datetime.datetime:
    """timestamp AT TIME ZONE zone."""
    return datetimes.timestamp_at_zone(value, zone)


def instant_at_zone(zone: str, value: datetime.datetime) -> datetime.datetime:
    """timestamptz AT TIME ZONE zone."""
    return datetimes.instant_at_zone(value, zone)


def timestamp_at_offset(offset: Interval, value: datetime.datetime) -> datetime.datetime:
    """timestamp AT TIME ZONE INTERVAL."""
    return datetimes.timestamp_at_zone(value, datetimes.zone_of_interval(offset))


def instant_at_offset(offset: Interval, value: datetime.datetime) -> datetime.datetime:
    """timestamptz AT TIME ZONE INTERVAL."""
    return datetimes.instant_at_zone(value, datetimes.zone_of_interval(offset))


def make_timestamptz(
    context: EvaluationContext, year: int, month: int, day: int, hour: int, minute: int, second: float
) -> datetime.datetime:
    """make_timestamptz(...), on the session's clocks."""
    naive = datetimes.make_timestamp(year, month, day, hour, minute, second)
    return localise(naive, session_time(context).zone)


def make_timestamptz_in(
    year: int, month: int, day: int, hour: int, minute: int, second: float, zone: str
) -> datetime.datetime:
    """make_timestamptz(..., zone)."""
    return localise(datetimes.make_timestamp(year, month, day, hour, minute, second), zone_by_name(zone))


# --- OVERLAPS -------------------------------------------------------------------------------------


def overlaps(first_start: Any, first_end: Any, second_start: Any, second_end: Any) -> bool | None:
    """(start, end) OVERLAPS (start, end): half-open ranges, each put in order; a point counts as itself."""
    first, first_end = _in_order(first_start, first_end)
    second, second_end = _in_order(second_start, second_end)
    if first is None or second is None:
        return None
    if first == second:
        return None if first_end is None or second_end is None else True
    if first > second:
        first, first_end, second, second_end = second, second_end, first, first_end
    if first_end is None:
        return None
    if second < first_end:
        return True
    return None if second_end is None else False


def _in_order(start: Any, end: Any) -> tuple[Any, Any]:
    """A range by its earlier end; the other end is None if it is not known."""
    if start is None or (end is not None and start > end):
        return end, start
    return start, end


_PARTS: Final = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INTERVAL)
_NAMES: Final = {Kind.DATE: "date", Kind.TIME: "time", Kind.TIMESTAMP: "timestamp", Kind.INTERVAL: "interval"}
_STAMP: Final = "integer, integer, integer, integer, integer, double"


def _present() -> list[Overload]:
    found = [
        define(f"{name}() timestamptz", now, "stable", with_context=True)
        for name in ("now", "current_timestamp", "transaction_timestamp", "statement_timestamp")
    ]
    return [
        *found,
        define("current_timestamp(integer) timestamptz", current_timestamp, "stable", with_context=True),
        define("clock_timestamp() timestamptz", clock_timestamp, "volatile", with_context=True),
        define("timeofday() text", time_of_day, "volatile", with_context=True),
        define("current_date() date", current_date, "stable", with_context=True),
        define("localtime() time", local_time, "stable", with_context=True),
        define("localtime(integer) time", local_time, "stable", with_context=True),
        define("localtimestamp() timestamp", local_timestamp, "stable", with_context=True),
        define("localtimestamp(integer) timestamp", local_timestamp, "stable", with_context=True),
    ]


def _fields() -> list[Overload]:
    found = [define(f"extract(text, {_NAMES[kind]}) numeric", _extract_from(kind)) for kind in _PARTS]
    found += [define(f"date_part(text, {_NAMES[kind]}) double", _date_part_from(kind)) for kind in _PARTS]
    instant: dict[str, Callable[..., Any]] = {
        "extract(text, timestamptz) numeric": extract_from_instant,
        "date_part(text, timestamptz) double": date_part_from_instant,
        "date_trunc(text, timestamptz) timestamptz": truncate_instant,
    }
    found += [
        define(signature, function, "stable", with_context=True) for signature, function in instant.items()
    ]
    return [
        *found,
        define("date_trunc(text, timestamp) timestamp", date_fields.truncate_timestamp),
        define("date_trunc(text, interval) interval", date_fields.truncate_interval),
        define("date_trunc(text, timestamptz, text) timestamptz", truncate_instant_in),
        define("date_bin(interval, timestamp, timestamp) timestamp", date_fields.date_bin),
        define("date_bin(interval, timestamptz, timestamptz) timestamptz", date_fields.date_bin),
    ]


FUNCTIONS: Final[tuple[Overload, ...]] = (
    *_present(),
    *_fields(),
    define("age(timestamp, timestamp) interval", datetimes.age),
    define("age(timestamp) interval", age_today, "stable", with_context=True),
    define("age(timestamptz, timestamptz) interval", age_of_instants, "stable", with_context=True),
    define("age(timestamptz) interval", age_of_instant_today, "stable", with_context=True),
    define("make_date(integer, integer, integer) date", datetimes.make_date),
    define("make_time(integer, integer, double) time", datetimes.make_time),
    define(f"make_timestamp({_STAMP}) timestamp", datetimes.make_timestamp),
    define(f"make_timestamptz({_STAMP}) timestamptz", make_timestamptz, "stable", with_context=True),
    define(f"make_timestamptz({_STAMP}, text) timestamptz", make_timestamptz_in),
    *[
        define(f"make_interval({', '.join(['integer'] * count)}) interval", datetimes.make_interval)
        for count in range(7)
    ],
    define(f"make_interval({', '.join(['integer'] * 6)}, double) interval", datetimes.make_interval),
    define("to_timestamp(double) timestamptz", datetimes.instant_of_epoch),
    define("justify_days(interval) interval", justify_days),
    define("justify_hours(interval) interval", justify_hours),
    define("justify_interval(interval) interval", justify_interval),
    *[define(f"isfinite({name}) boolean", lambda value: True) for name in ("date", "timestamp", "interval")],
    define("isfinite(timestamptz) boolean", lambda value: True),
    define("timezone(text, timestamp) timestamptz", timestamp_at_zone),
    define("timezone(text, timestamptz) timestamp", instant_at_zone),
    define("timezone(interval, timestamp) timestamptz", timestamp_at_offset),
    define("timezone(interval, timestamptz) timestamp", instant_at_offset),
    define("overlaps(time, time, time, time) boolean", overlaps, strict=False),
    define("overlaps(timestamp, timestamp, timestamp, timestamp) boolean", overlaps, strict=False),
    define("overlaps(timestamptz, timestamptz, timestamptz, timestamptz) boolean", overlaps, strict=False),
)
