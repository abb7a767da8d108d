"""Type modifiers: making a value of the right kind fit `varchar(5)`, `numeric(10,2)`, `timestamp(0)`.

Storing a value (an assignment, an implicit cast) refuses text that is too long, unless only spaces are lost;
an explicit cast cuts it. Everything else is rounded, or refused, alike in both.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import lru_cache

from minidb.errors import DataError
from minidb.value import numeric
from minidb.value.date_input import EPOCH, MICROSECONDS_PER_DAY
from minidb.value.interval import Interval, checked_interval
from minidb.value.sql_types import Kind, SqlType, Value

_MICROSECOND = datetime.timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def assignment_fit(type_: SqlType) -> Callable[[Value], Value] | None:
    """What storing into `type_` does to a value of its kind; None if nothing."""
    return _fit(type_, explicit=False)


@lru_cache(maxsize=1024)
def explicit_fit(type_: SqlType) -> Callable[[Value], Value] | None:
    """What CAST(... AS `type_`) does to a value of its kind; None if nothing."""
    return _fit(type_, explicit=True)


def _fit(type_: SqlType, *, explicit: bool) -> Callable[[Value], Value] | None:
    kind = type_.kind
    if type_.length is not None:
        if kind is Kind.CHAR:
            return _character_fit(type_.length, explicit=explicit)
        return _varying_fit(type_.length, explicit=explicit)
    if type_.precision is None:
        return None
    if kind is Kind.NUMERIC:
        return numeric.fitter(type_.precision, type_.scale or 0)
    if type_.precision >= 6:
        return None
    return _SECOND_FITS[kind](10 ** (6 - type_.precision))


def _varying_fit(length: int, *, explicit: bool) -> Callable[[str], str]:
    def cut(value: str) -> str:
        return value[:length]

    def fit(value: str) -> str:
        if len(value) <= length:
            return value
        if value[length:].strip(" "):
            message = f"value too long for type character varying({length})"
            raise DataError(message, sqlstate="22001")
        return value[:length]

    return cut if explicit else fit


def _character_fit(length: int, *, explicit: bool) -> Callable[[str], str]:
    def cut(value: str) -> str:
        return value[:length].ljust(length)

    def fit(value: str) -> str:
        if len(value) <= length:
            return value.ljust(length)
        if value[length:].strip(" "):
            raise DataError(f"value too long for type character({length})", sqlstate="22001")
        return value[:length]

    return cut if explicit else fit


def round_half_away(value: int, step: int) -> int:
    """The multiple of `step` nearest to `value`, halves away from zero."""
    half = step // 2
    return -((half - value) // step * step) if value < 0 else (value + half) // step * step


def _time_fit(step: int) -> Callable[[datetime.time], datetime.time]:
    def fit(value: datetime.time) -> datetime.time:
        rounded = (value.microsecond + step // 2) // step * step
        if rounded < 1_000_000:
            return value.replace(microsecond=rounded)
        total = ((value.hour * 60 + value.minute) * 60 + value.second + 1) * 1_000_000
        if total >= MICROSECONDS_PER_DAY:
            raise DataError("time out of range", sqlstate="22008")
        return (EPOCH + datetime.timedelta(microseconds=total)).time()

    return fit


def _timestamp_fit(step: int) -> Callable[[datetime.datetime], datetime.datetime]:
    def fit(value: datetime.datetime) -> datetime.datetime:
        # Halves go away from 2000-01-01, from which PostgreSQL counts; never seen but before that day.
        change = (value.microsecond + step // 2) // step * step - value.microsecond
        try:
            return value + change * _MICROSECOND if change else value
        except OverflowError:
            raise DataError("timestamp out of range", sqlstate="22008") from None

    return fit


def _interval_fit(step: int) -> Callable[[Interval], Interval]:
    def fit(value: Interval) -> Interval:
        return checked_interval(value.months, value.days, round_half_away(value.microseconds, step))

    return fit


_SECOND_FITS: dict[Kind, Callable[[int], Callable[[Value], Value]]] = {
    Kind.TIME: _time_fit,
    Kind.TIMESTAMP: _timestamp_fit,
    Kind.TIMESTAMPTZ: _timestamp_fit,
    Kind.INTERVAL: _interval_fit,
}
