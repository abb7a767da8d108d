"""Arithmetic on intervals: field by field, and PostgreSQL's way of spreading fractions to smaller units."""

from __future__ import annotations

import math
from typing import NoReturn

from minidb.errors import DataError
from minidb.value.interval import (
    DAYS_PER_MONTH,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    Interval,
    checked_interval,
)

_SECONDS_PER_DAY = 86400


def _raise_range() -> NoReturn:
    raise DataError("interval out of range", sqlstate="22008")


def add_intervals(left: Interval, right: Interval) -> Interval:
    """left + right."""
    return checked_interval(
        left.months + right.months, left.days + right.days, left.microseconds + right.microseconds
    )


def subtract_intervals(left: Interval, right: Interval) -> Interval:
    """left - right."""
    return checked_interval(
        left.months - right.months, left.days - right.days, left.microseconds - right.microseconds
    )


def negate_interval(value: Interval) -> Interval:
    """-value."""
    return checked_interval(-value.months, -value.days, -value.microseconds)


def multiply_interval(value: Interval, factor: float) -> Interval:
    """value * factor: a fraction of a month becomes days, a fraction of a day becomes time."""
    if not math.isfinite(factor):
        _raise_range()
    return _spread(value, value.months * factor, value.days * factor, value.microseconds * factor)


def divide_interval(value: Interval, divisor: float) -> Interval:
    """value / divisor; 22012 by zero."""
    if divisor == 0:
        raise DataError("division by zero", sqlstate="22012")
    if math.isnan(divisor):
        _raise_range()
    return _spread(value, value.months / divisor, value.days / divisor, value.microseconds / divisor)


def _round_like_microseconds(value: float) -> float:
    """PostgreSQL's TSROUND: cut the noise beyond a microsecond."""
    return round(value * 1e6) / 1e6


def _spread(value: Interval, months: float, days: float, microseconds: float) -> Interval:
    if max(abs(months), abs(days)) >= 2**31 or abs(microseconds) >= 2**64:
        _raise_range()
    whole_months, whole_days = int(months), int(days)
    days_of_months = _round_like_microseconds((months - whole_months) * DAYS_PER_MONTH)
    seconds = (days_of_months - int(days_of_months) + days - whole_days) * _SECONDS_PER_DAY
    seconds = _round_like_microseconds(seconds)
    # Rounding may have made a whole day of the fraction, or more.
    if abs(seconds) >= _SECONDS_PER_DAY:
        extra_days = int(seconds / _SECONDS_PER_DAY)
        whole_days += extra_days
        seconds -= extra_days * _SECONDS_PER_DAY
    whole_days += int(days_of_months)
    return checked_interval(whole_months, whole_days, round(microseconds + seconds * MICROSECONDS_PER_SECOND))


def justify_hours(value: Interval) -> Interval:
    """Days of 24 hours out of the time part; both then have one sign."""
    carried, microseconds = _carry(value.microseconds, MICROSECONDS_PER_DAY)
    days, microseconds = _same_sign(value.days + carried, microseconds, MICROSECONDS_PER_DAY)
    return checked_interval(value.months, days, microseconds)


def justify_days(value: Interval) -> Interval:
    """Months of 30 days out of the days; both then have one sign."""
    carried, days = _carry(value.days, DAYS_PER_MONTH)
    months, days = _same_sign(value.months + carried, days, DAYS_PER_MONTH)
    return checked_interval(months, days, value.microseconds)


def justify_interval(value: Interval) -> Interval:
    """Both, and all three fields of one sign."""
    months, days, microseconds = value.months, value.days, value.microseconds
    carried, microseconds = _carry(microseconds, MICROSECONDS_PER_DAY)
    days += carried
    carried, days = _carry(days, DAYS_PER_MONTH)
    months += carried
    if months > 0 and (days < 0 or (days == 0 and microseconds < 0)):
        days += DAYS_PER_MONTH
        months -= 1
    elif months < 0 and (days > 0 or (days == 0 and microseconds > 0)):
        days -= DAYS_PER_MONTH
        months += 1
    days, microseconds = _same_sign(days, microseconds, MICROSECONDS_PER_DAY)
    return checked_interval(months, days, microseconds)


def _carry(value: int, unit: int) -> tuple[int, int]:
    """How many whole units, truncated towards zero, and what is left."""
    whole = abs(value) // unit
    return (whole, value - whole * unit) if value >= 0 else (-whole, value + whole * unit)


def _same_sign(high: int, low: int, unit: int) -> tuple[int, int]:
    if high > 0 > low:
        return high - 1, low + unit
    if high < 0 < low:
        return high + 1, low - unit
    return high, low
