"""INTERVAL: months, days and microseconds, three counts that never turn into each other by themselves.

A month has no fixed number of days and a day (across a clock change) no fixed number of hours, so PostgreSQL
keeps the three apart, and so do we. Only comparison needs one number: it takes a month as 30 days and a day
as 24 hours. Hence `1 mon = 30 days` is true, while the two print and add differently.
"""

from __future__ import annotations

import datetime

import msgspec

from minidb.errors import DataError

MICROSECONDS_PER_SECOND = 1_000_000
MICROSECONDS_PER_MINUTE = 60 * MICROSECONDS_PER_SECOND
MICROSECONDS_PER_HOUR = 60 * MICROSECONDS_PER_MINUTE
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR
DAYS_PER_MONTH = 30

_INT32 = 2**31
_INT64 = 2**63


class Interval(msgspec.Struct, frozen=True, eq=False, array_like=True, gc=False):
    """Immutable; equal and hashed by `total()`. Make one from computed numbers with `checked_interval`."""

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def total(self) -> int:
        """Microseconds, with months of 30 days: what comparison and sorting go by."""
        return (self.months * DAYS_PER_MONTH + self.days) * MICROSECONDS_PER_DAY + self.microseconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interval) and self.total() == other.total()

    def __hash__(self) -> int:
        return hash(self.total())

    def __lt__(self, other: Interval) -> bool:
        return self.total() < other.total()

    def __le__(self, other: Interval) -> bool:
        return self.total() <= other.total()

    def __gt__(self, other: Interval) -> bool:
        return self.total() > other.total()

    def __ge__(self, other: Interval) -> bool:
        return self.total() >= other.total()

    def __str__(self) -> str:
        return format_interval(self)

    def to_timedelta(self) -> datetime.timedelta:
        """What Python sees: a month counts 30 days."""
        try:
            return datetime.timedelta(
                days=self.months * DAYS_PER_MONTH + self.days, microseconds=self.microseconds
            )
        except OverflowError:
            raise DataError(f"interval too large for a Python timedelta: {self}", sqlstate="22008") from None

    @staticmethod
    def from_timedelta(delta: datetime.timedelta) -> Interval:
        """Days stay days, the rest becomes microseconds."""
        return Interval(0, delta.days, delta.seconds * MICROSECONDS_PER_SECOND + delta.microseconds)


def checked_interval(months: int, days: int, microseconds: int) -> Interval:
    """The interval, or 22008 where PostgreSQL's 32- and 64-bit fields would overflow."""
    if not -_INT32 <= months < _INT32 or not -_INT32 <= days < _INT32 or not -_INT64 <= microseconds < _INT64:
        raise DataError("interval out of range", sqlstate="22008")
    return Interval(months, days, microseconds)


def format_interval(interval: Interval) -> str:
    """PostgreSQL's `postgres` style: `1 year 2 mons -3 days +04:05:06.7`."""
    years, months = divmod(abs(interval.months), 12)
    if interval.months < 0:
        years, months = -years, -months
    parts: list[str] = []
    before_is_negative = False
    for value, unit in ((years, "year"), (months, "mon"), (interval.days, "day")):
        if value:
            plus = "+" if before_is_negative and value > 0 else ""
            parts.append(f"{plus}{value} {unit}{'' if value == 1 else 's'}")
            before_is_negative = value < 0
    microseconds = interval.microseconds
    if microseconds or not parts:
        sign = "-" if microseconds < 0 else "+" if before_is_negative else ""
        seconds, fraction = divmod(abs(microseconds), MICROSECONDS_PER_SECOND)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        text = f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
        parts.append(f"{text}.{fraction:06d}".rstrip("0") if fraction else text)
    return " ".join(parts)
