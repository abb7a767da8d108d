"""Arithmetic on dates, times and timestamps, and building them from numbers.

An interval is added months first (the day is cut to the month's last), then days on the calendar, then
exact time; for a timestamp with time zone the first two happen on the session's clocks, so that a day stays
a day across a clock change.
"""

from __future__ import annotations

import calendar
import datetime
import math
from typing import NoReturn

from minidb.errors import DataError
from minidb.value.cast import microseconds_of_time
from minidb.value.date_input import EPOCH, MICROSECONDS_PER_DAY, localise
from minidb.value.interval import MICROSECONDS_PER_SECOND, Interval, checked_interval
from minidb.value.interval_arithmetic import justify_hours, negate_interval
from minidb.value.session_time import UTC, zone_by_name

_ONE_MICROSECOND = datetime.timedelta(microseconds=1)
_MIDNIGHT = datetime.time()
EPOCH_UTC = EPOCH.replace(tzinfo=UTC)


def raise_timestamp_range() -> NoReturn:
    """22008."""
    raise DataError("timestamp out of range", sqlstate="22008")


def raise_date_range() -> NoReturn:
    """22008."""
    raise DataError("date out of range", sqlstate="22008")


def microseconds_since_epoch(value: datetime.datetime) -> int:
    """Since 1970, exactly; of a naive timestamp as if it were UTC."""
    delta = value - (EPOCH if value.tzinfo is None else EPOCH_UTC)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


# --- dates --------------------------------------------------------------------------------------------


def add_days(value: datetime.date, days: int) -> datetime.date:
    """date + integer."""
    try:
        return datetime.date.fromordinal(value.toordinal() + days)
    except (ValueError, OverflowError):
        raise_date_range()


def subtract_days(value: datetime.date, days: int) -> datetime.date:
    """date - integer."""
    return add_days(value, -days)


def subtract_dates(left: datetime.date, right: datetime.date) -> int:
    """date - date, in days."""
    return left.toordinal() - right.toordinal()


def date_at(value: datetime.date, time: datetime.time) -> datetime.datetime:
    """date + time."""
    return datetime.datetime.combine(value, time)


def midnight(value: datetime.date) -> datetime.datetime:
    """The timestamp at which the date begins."""
    return datetime.datetime.combine(value, _MIDNIGHT)


# --- timestamps ---------------------------------------------------------------------------------------


def add_months(value: datetime.datetime, months: int) -> datetime.datetime:
    """The same day and time some months on, or that month's last day."""
    month_number = value.year * 12 + value.month - 1 + months
    year, month = month_number // 12, month_number % 12 + 1
    if not 1 <= year <= 9999:
        raise_timestamp_range()
    return value.replace(year=year, month=month, day=min(value.day, calendar.monthrange(year, month)[1]))


def add_interval(value: datetime.datetime, interval: Interval) -> datetime.datetime:
    """timestamp + interval."""
    if interval.months:
        value = add_months(value, interval.months)
    try:
        return value + datetime.timedelta(interval.days, 0, interval.microseconds)
    except OverflowError:
        raise_timestamp_range()


def subtract_interval(value: datetime.datetime, interval: Interval) -> datetime.datetime:
    """timestamp - interval."""
    return add_interval(value, negate_interval(interval))


def add_interval_to_instant(
    value: datetime.datetime, interval: Interval, zone: datetime.tzinfo
) -> datetime.datetime:
    """timestamptz + interval: months and days on the clocks of `zone`."""
    if zone is UTC:
        return add_interval(value, interval)
    try:
        if interval.months or interval.days:
            local = value.astimezone(zone).replace(tzinfo=None, fold=0)
            if interval.months:
                local = add_months(local, interval.months)
            value = localise(local + datetime.timedelta(interval.days), zone)
        return value + interval.microseconds * _ONE_MICROSECOND
    except OverflowError:
        raise_timestamp_range()


def subtract_interval_from_instant(
    value: datetime.datetime, interval: Interval, zone: datetime.tzinfo
) -> datetime.datetime:
    """timestamptz - interval."""
    return add_interval_to_instant(value, negate_interval(interval), zone)


def subtract_timestamps(left: datetime.datetime, right: datetime.datetime) -> Interval:
    """timestamp - timestamp, or instant - instant: days of 24 hours and time, never months."""
    delta = left - right
    microseconds = (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds
    return justify_hours(Interval(0, 0, microseconds))


def age(later: datetime.datetime, earlier: datetime.datetime) -> Interval:
    """age(later, earlier): years, months and days as a person counts them, both naive."""
    if later < earlier:
        return negate_interval(age_forward(earlier, later, is_negated=True))
    return age_forward(later, earlier, is_negated=False)


def age_forward(later: datetime.datetime, earlier: datetime.datetime, *, is_negated: bool) -> Interval:
    """The age for `later` >= `earlier`.

    Days are borrowed from the month of `earlier`; of the other operand's where the order was turned around.
    """
    microseconds = microseconds_of_time(later.time()) - microseconds_of_time(earlier.time())
    days = later.day - earlier.day
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    if microseconds < 0:
        microseconds += MICROSECONDS_PER_DAY
        days -= 1
    if days < 0:
        lender = earlier
        days += calendar.monthrange(lender.year, lender.month)[1]
        months -= 1
    return Interval(months, days, microseconds)


# --- times --------------------------------------------------------------------------------------------


def time_of_microseconds(microseconds: int) -> datetime.time:
    """The time of day so long after midnight, days left out."""
    return (EPOCH + datetime.timedelta(microseconds=microseconds % MICROSECONDS_PER_DAY)).time()


def add_interval_to_time(value: datetime.time, interval: Interval) -> datetime.time:
    """time + interval: round the clock, only the interval's time part counts."""
    return time_of_microseconds(microseconds_of_time(value) + interval.microseconds)


def subtract_interval_from_time(value: datetime.time, interval: Interval) -> datetime.time:
    """time - interval."""
    return time_of_microseconds(microseconds_of_time(value) - interval.microseconds)


def subtract_times(left: datetime.time, right: datetime.time) -> Interval:
    """time - time."""
    return Interval(0, 0, microseconds_of_time(left) - microseconds_of_time(right))


# --- AT TIME ZONE -------------------------------------------------------------------------------------


def zone_of_interval(interval: Interval) -> datetime.tzinfo:
    """AT TIME ZONE INTERVAL '-08:00'."""
    if interval.months or interval.days:
        message = f'interval time zone "{interval}" must not include months or days'
        raise DataError(message, sqlstate="22023")
    try:
        return datetime.timezone(datetime.timedelta(microseconds=interval.microseconds))
    except ValueError:
        raise DataError("time zone displacement out of range", sqlstate="22009") from None


def timestamp_at_zone(value: datetime.datetime, zone: datetime.tzinfo | str) -> datetime.datetime:
    """timestamp AT TIME ZONE zone: the instant at which clocks there show it."""
    return localise(value, zone_by_name(zone) if isinstance(zone, str) else zone)


def instant_at_zone(value: datetime.datetime, zone: datetime.tzinfo | str) -> datetime.datetime:
    """timestamptz AT TIME ZONE zone: what clocks there show."""
    try:
        shown = value.astimezone(zone_by_name(zone) if isinstance(zone, str) else zone)
    except OverflowError:
        raise_timestamp_range()
    return shown.replace(tzinfo=None, fold=0)


# --- from numbers -------------------------------------------------------------------------------------


def make_date(year: int, month: int, day: int) -> datetime.date:
    """make_date(year, month, day); 22008 if there is no such day."""
    try:
        return datetime.date(year, month, day)
    except (ValueError, OverflowError):
        message = f"date field value out of range: {year}-{month:02d}-{day:02d}"
        raise DataError(message, sqlstate="22008") from None


def make_time(hour: int, minute: int, second: float) -> datetime.time:
    """make_time(hour, minute, second)."""
    if math.isfinite(second) and 0 <= second <= 60 and 0 <= hour <= 24 and 0 <= minute <= 59:
        microseconds = (hour * 60 + minute) * 60_000_000 + round(second * 1_000_000)
        if microseconds < MICROSECONDS_PER_DAY:
            return time_of_microseconds(microseconds)
    message = f"time field value out of range: {hour}:{minute:02d}:{second:02g}"
    raise DataError(message, sqlstate="22008")


def make_timestamp(
    year: int, month: int, day: int, hour: int, minute: int, second: float
) -> datetime.datetime:
    """make_timestamp(...)."""
    try:
        start = datetime.datetime(year, month, day)
    except (ValueError, OverflowError):
        message = f"date field value out of range: {year}-{month:02d}-{day:02d}"
        raise DataError(message, sqlstate="22008") from None
    if not (math.isfinite(second) and 0 <= second <= 60 and 0 <= hour <= 24 and 0 <= minute <= 59):
        message = f"time field value out of range: {hour}:{minute:02d}:{second:02g}"
        raise DataError(message, sqlstate="22008")
    microseconds = (hour * 60 + minute) * 60_000_000 + round(second * 1_000_000)
    return start + datetime.timedelta(microseconds=microseconds)


def make_interval(
    years: int = 0, months: int = 0, weeks: int = 0, days: int = 0, hours: int = 0, minutes: int = 0,
    seconds: float = 0.0,
) -> Interval:  # fmt: skip
    """make_interval(...)."""
    if not math.isfinite(seconds):
        raise DataError("interval out of range", sqlstate="22008")
    whole_minutes = hours * 60 + minutes
    microseconds = whole_minutes * 60_000_000 + round(seconds * MICROSECONDS_PER_SECOND)
    return checked_interval(years * 12 + months, weeks * 7 + days, microseconds)


def instant_of_epoch(seconds: float) -> datetime.datetime:
    """to_timestamp(seconds since 1970)."""
    if math.isnan(seconds):
        raise DataError("timestamp cannot be NaN", sqlstate="22008")
    try:
        return EPOCH_UTC + datetime.timedelta(microseconds=round(seconds * 1_000_000))
    except OverflowError:
        raise DataError(f'timestamp out of range: "{seconds:g}"', sqlstate="22008") from None
