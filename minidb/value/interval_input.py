"""Intervals from text: PostgreSQL's own format, the SQL standard's, and ISO 8601's.

    1 year 2 months -3 days 04:05:06.7      1-2      3 4:05:06      P1Y2M3DT4H5M6.7S      1.5 weeks ago

A fraction of a unit goes down to the next ones: of a month to days (30), of a day to time.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import NoReturn

from minidb.errors import DataError
from minidb.value.interval import (
    DAYS_PER_MONTH,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_MINUTE,
    MICROSECONDS_PER_SECOND,
    Interval,
    checked_interval,
)

_UNIT_WORDS = {
    "microsecond": "us us usec usecs usecond useconds microsecond microseconds microsecon",
    "millisecond": "ms msec msecs mseconds msecond millisecond milliseconds millisecon",
    "second": "s sec secs second seconds",
    "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d day days",
    "week": "w week weeks",
    "month": "mon mons month months",
    "year": "y yr yrs year years",
    "decade": "dec decs decade decades",
    "century": "c cent century centuries",
    "millennium": "mil mils millennia millennium millenniums",
}
UNITS = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}

_MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
_DAYS = {"day": 1, "week": 7}
_MICROSECONDS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": MICROSECONDS_PER_SECOND,
    "minute": MICROSECONDS_PER_MINUTE,
    "hour": MICROSECONDS_PER_HOUR,
}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>[+-]?\d+:\d+(?::\d+)?(?:\.\d*)?)
    | (?P<years>[+-]?\d+-\d+(?!\d*-))
    | (?P<number>[+-]?\s*(?:\d+\.?\d*|\.\d+)(?![\d.]|[eE][+-]?\d|-\d))
    | (?P<word>[A-Za-z]+)
    | (?P<skip>[@,])
    )""",
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)
_ISO = re.compile(r"\s*P(?P<date>[^T\s]*)(?:T(?P<time>\S*))?\s*\Z", re.IGNORECASE)
_ISO_PART = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([A-Za-z])", re.ASCII)
_ISO_NUMBERS = re.compile(r"(\d+)-(\d+)-(\d+)\Z", re.ASCII)
_ISO_DATE_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME_UNITS = {"H": "hour", "M": "minute", "S": "second"}


class IntervalSum:
    """An interval being summed up from amounts of units."""

    __slots__ = ("days", "microseconds", "months")

    def __init__(self) -> None:
        self.months = 0
        self.days = 0
        self.microseconds = 0

    def add(self, amount: Decimal, unit: str) -> None:
        """`amount` of `unit`, its fraction going down to smaller units."""
        whole = int(amount)
        fraction = amount - whole
        if unit in _MICROSECONDS:
            size = _MICROSECONDS[unit]
            self.microseconds += whole * size + _rounded(float(fraction) * size)
            return
        if unit in _DAYS:
            self.days += whole * _DAYS[unit]
            self.add_days(fraction * _DAYS[unit])
            return
        self.months += whole * _MONTHS[unit]
        if unit == "month":
            self.add_days(fraction * DAYS_PER_MONTH)
        else:
            self.months += round(fraction * _MONTHS[unit])

    def add_days(self, days: Decimal) -> None:
        whole = int(days)
        self.days += whole
        self.microseconds += _rounded(float(days - whole) * MICROSECONDS_PER_DAY)

    def negated(self) -> IntervalSum:
        result = IntervalSum()
        result.months, result.days, result.microseconds = -self.months, -self.days, -self.microseconds
        return result


def _rounded(microseconds: float) -> int:
    """The nearest integer, halves towards zero, as PostgreSQL rounds fractions of a unit."""
    return math.ceil(microseconds - 0.5) if microseconds > 0 else math.floor(microseconds + 0.5)


def _fail(text: str) -> NoReturn:
    raise DataError(f'invalid input syntax for type interval: "{text}"', sqlstate="22007")


def parse_interval(text: str, unit: str = "second") -> Interval:
    """The interval that `text` spells; a number without a unit counts `unit`s."""
    if len(text) > 1000:
        _fail(text)
    match = _ISO.match(text)
    total = _sum_of_iso(match, text) if match is not None else _sum_of_words(text, unit)
    try:
        return checked_interval(total.months, total.days, total.microseconds)
    except DataError:
        message = f'interval field value out of range: "{text}"'
        raise DataError(message, sqlstate="22015") from None


def _sum_of_words(text: str, default_unit: str) -> IntervalSum:
    total = IntervalSum()
    tokens = _tokens(text)
    pending: list[Decimal] = []  # a number whose unit may follow
    seen: set[str] = set()
    ago = False

    def settle(unit: str) -> None:
        if unit in seen:
            _fail(text)
        seen.add(unit)
        total.add(pending.pop(), unit)

    for kind, token in tokens:
        if kind == "number":
            if pending:
                _fail(text)
            pending.append(Decimal("".join(token.split())))
        elif kind == "word":
            unit = UNITS.get(token.lower())
            if unit is not None and pending:
                settle(unit)
            elif token.lower() == "ago" and not pending:
                ago = True
            else:
                _fail(text)
        else:
            if pending:  # 3 4:05:06 is three days
                settle("day")
            if kind in seen or (kind == "time" and seen & {"hour", "minute", "second"}):
                _fail(text)
            seen.add(kind)
            if kind == "time":
                total.microseconds += _time(token, text)
            else:
                total.months += _years(token, text)
    if pending:
        if "time" in seen:
            _fail(text)
        settle(default_unit)
    if not seen:
        _fail(text)
    return total.negated() if ago else total


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, stripped = 0, text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            _fail(text)
        kind = str(match.lastgroup)
        if kind != "skip":
            tokens.append((kind, match[kind]))
        position = match.end()
    return tokens


def _time(token: str, text: str) -> int:
    sign = -1 if token[0] == "-" else 1
    parts = token.lstrip("+-").split(":")
    if len(parts) == 2 and "." in parts[1]:
        parts = ["0", *parts]  # 5:06.7 is minutes and seconds
    hours, minutes = int(parts[0]), int(parts[1])
    seconds = Decimal(parts[2]) if len(parts) > 2 else Decimal(0)
    if minutes > 59 or seconds > 60:
        raise DataError(f'interval field value out of range: "{text}"', sqlstate="22015")
    micros = (hours * 60 + minutes) * MICROSECONDS_PER_MINUTE
    return sign * (micros + round(float(seconds) * MICROSECONDS_PER_SECOND))


def _years(token: str, text: str) -> int:
    sign = -1 if token[0] == "-" else 1
    years, months = token.lstrip("+-").split("-")
    if int(months) > 11:
        raise DataError(f'interval field value out of range: "{text}"', sqlstate="22015")
    return sign * (int(years) * 12 + int(months))


def _sum_of_iso(match: re.Match[str], text: str) -> IntervalSum:
    total = IntervalSum()
    numbers = _ISO_NUMBERS.match(match["date"])
    if numbers is not None:  # P1-2-3T4:5:6
        total.months = int(numbers[1]) * 12 + int(numbers[2])
        total.days = int(numbers[3])
        total.microseconds = _time(match["time"], text) if match["time"] else 0
        return total
    found = 0 if match["time"] is None else 1
    for part, units in ((match["date"], _ISO_DATE_UNITS), (match["time"] or "", _ISO_TIME_UNITS)):
        position = 0
        while position < len(part):
            piece = _ISO_PART.match(part, position)
            unit = units.get(piece[2].upper()) if piece else None
            if piece is None or unit is None:
                _fail(text)
            total.add(Decimal(piece[1]), unit)
            position = piece.end()
            found += 1
    if not found:
        _fail(text)
    return total
