"""+ and - of dates, times, timestamps and intervals, * and / of intervals, as a table.

A row: operator, left and right kind, the result's, the function, and whether that function's first argument
is the evaluation context: adding days to a timestamp with time zone follows the session's clocks.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

from minidb.expr.cast import session_time
from minidb.expr.node import EvaluationContext
from minidb.value import datetimes
from minidb.value.datetimes import midnight
from minidb.value.interval import Interval
from minidb.value.interval_arithmetic import (
    add_intervals,
    divide_interval,
    multiply_interval,
    subtract_intervals,
)
from minidb.value.sql_types import Kind


def _swapped(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda left, right: function(right, left)


def _date_plus_interval(value: datetime.date, interval: Interval) -> datetime.datetime:
    return datetimes.add_interval(midnight(value), interval)


def _date_minus_interval(value: datetime.date, interval: Interval) -> datetime.datetime:
    return datetimes.subtract_interval(midnight(value), interval)


def instant_plus_interval(
    context: EvaluationContext, value: datetime.datetime, interval: Interval
) -> datetime.datetime:
    """timestamptz + interval."""
    return datetimes.add_interval_to_instant(value, interval, session_time(context).zone)


def instant_minus_interval(
    context: EvaluationContext, value: datetime.datetime, interval: Interval
) -> datetime.datetime:
    """timestamptz - interval."""
    return datetimes.subtract_interval_from_instant(value, interval, session_time(context).zone)


def _interval_plus_instant(
    context: EvaluationContext, interval: Interval, value: datetime.datetime
) -> datetime.datetime:
    return instant_plus_interval(context, value, interval)


def _adding(
    left: Kind, right: Kind, result: Kind, function: Callable[[Any, Any], Any]
) -> tuple[Entry, Entry]:
    """An addition and the same with its operands exchanged."""
    return ("+", left, right, result, function, False), ("+", right, left, result, _swapped(function), False)


Entry = tuple[str, Kind, Kind, Kind, Callable[..., Any], bool]
_DATE, _TIME, _TIMESTAMP, _INSTANT, _INTERVAL = (
    Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL,
)  # fmt: skip

TABLE: Final[tuple[Entry, ...]] = (
    *_adding(_DATE, Kind.INTEGER, _DATE, datetimes.add_days),
    *_adding(_DATE, _TIME, _TIMESTAMP, datetimes.date_at),
    *_adding(_DATE, _INTERVAL, _TIMESTAMP, _date_plus_interval),
    *_adding(_TIMESTAMP, _INTERVAL, _TIMESTAMP, datetimes.add_interval),
    *_adding(_TIME, _INTERVAL, _TIME, datetimes.add_interval_to_time),
    ("+", _INTERVAL, _INTERVAL, _INTERVAL, add_intervals, False),
    ("+", _INSTANT, _INTERVAL, _INSTANT, instant_plus_interval, True),
    ("+", _INTERVAL, _INSTANT, _INSTANT, _interval_plus_instant, True),
    ("-", _DATE, Kind.INTEGER, _DATE, datetimes.subtract_days, False),
    ("-", _DATE, _DATE, Kind.INTEGER, datetimes.subtract_dates, False),
    ("-", _DATE, _INTERVAL, _TIMESTAMP, _date_minus_interval, False),
    ("-", _TIMESTAMP, _TIMESTAMP, _INTERVAL, datetimes.subtract_timestamps, False),
    ("-", _TIMESTAMP, _INTERVAL, _TIMESTAMP, datetimes.subtract_interval, False),
    ("-", _INSTANT, _INSTANT, _INTERVAL, datetimes.subtract_timestamps, False),
    ("-", _INSTANT, _INTERVAL, _INSTANT, instant_minus_interval, True),
    ("-", _TIME, _TIME, _INTERVAL, datetimes.subtract_times, False),
    ("-", _TIME, _INTERVAL, _TIME, datetimes.subtract_interval_from_time, False),
    ("-", _INTERVAL, _INTERVAL, _INTERVAL, subtract_intervals, False),
    ("*", _INTERVAL, Kind.DOUBLE, _INTERVAL, multiply_interval, False),
    ("*", Kind.DOUBLE, _INTERVAL, _INTERVAL, _swapped(multiply_interval), False),
    ("/", _INTERVAL, Kind.DOUBLE, _INTERVAL, divide_interval, False),
)
