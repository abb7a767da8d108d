"""Dates, times and timestamps from text, in the formats that PostgreSQL reads (DateStyle ISO, MDY).

ISO 8601 text takes a short path, one regular expression. All else is cut into words, numbers and groups such
as `8-Jan-99` or `04:05`, which fill the fields of a `_Reader` one after the other:

    January 8, 1999      1/8/1999      19990108T040506      8 Jan 1999 4:05 PM PST      J2451187      epoch
"""

from __future__ import annotations

import datetime
import re
from typing import Final, NoReturn

from minidb.errors import DataError, NotSupportedError
from minidb.value.session_time import (
    UTC,
    UTC_SESSION,
    SessionTime,
    abbreviated_zone,
    fixed_zone,
    named_zone,
    posix_zone,
)

_ISO = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(?:(Z)|([+-])(\d{2})(?::?(\d{2}))?)?)?\s*\Z",
    re.ASCII,
)
_ISO_TIME = re.compile(r"\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*\Z", re.ASCII)

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>\d+:\d+(?::\d+(?:\.\d*)?)?)
    | (?P<zone>[+-]\d{1,2}(?::\d{1,2}){1,2}|[+-]\d{1,4}(?![\d.]))
    | (?P<date>\d+([-/.])(?:\d+|[A-Za-z]+)\4\d+|\d+-[A-Za-z]+-?\d+|[A-Za-z]{3,9}[-/]\d+[-/]\d+)
    | (?P<day_of_year>\d{4}[-.]\d{3}(?!\d))
    | (?P<compact>\d+(?:\.\d*)?)
    | (?P<julian>[Jj]\d+(?:\.\d+)?)
    | (?P<infinity>[+-]?infinity\b)
    | (?P<word>[A-Za-z]+(?:[_/+-]+[A-Za-z0-9_]+)*)
    | (?P<skip>[,.;/]+)
    )""",
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)

MONTH_NAMES: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
DAY_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = {name[:3]: number for number, name in enumerate(MONTH_NAMES, 1)}
_MONTHS |= {name: number for number, name in enumerate(MONTH_NAMES, 1)} | {"sept": 9}
_IGNORED = frozenset(
    {name[:3] for name in DAY_NAMES} | set(DAY_NAMES) | {"tues", "weds", "thur", "thurs", "at", "on"}
)
_SPECIAL_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_JULIAN_DAY_OF_ORDINAL_0: Final = 1721425  # Julian day = proleptic ordinal + this
_MAX_LENGTH: Final = 150
MICROSECONDS_PER_DAY: Final = 86_400_000_000
EPOCH: Final = datetime.datetime(1970, 1, 1)


def raise_bad_text(type_name: str, text: str) -> NoReturn:
    """22007: the text is no such value."""
    raise DataError(f'invalid input syntax for type {type_name}: "{text}"', sqlstate="22007")


def raise_bad_field(text: str) -> NoReturn:
    """22008: it looks like a date or a time, but has a thirteenth month or a 25th hour."""
    raise DataError(f'date/time field value out of range: "{text}"', sqlstate="22008")


def raise_infinity(type_name: str) -> NoReturn:
    """Python's dates have no infinity, and neither have ours."""
    raise NotSupportedError(f"infinite values of type {type_name} are not supported")


def localise(naive: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The instant, in UTC, at which clocks in `zone` show `naive`.

    A time that a clock change skips is read with the offset before the change, one that occurs twice means
    the second: in either case the lesser offset.
    """
    if zone is UTC:
        return naive.replace(tzinfo=UTC)
    first, second = zone.utcoffset(naive), zone.utcoffset(naive.replace(fold=1))
    assert first is not None and second is not None
    try:
        return (naive - min(first, second)).replace(tzinfo=UTC)
    except OverflowError:
        raise DataError("timestamp out of range", sqlstate="22008") from None


def parse_date(text: str, session: SessionTime = UTC_SESSION) -> datetime.date:
    """The date that `text` spells; a time of day after it is ignored."""
    match = _ISO.match(text)
    if match is not None and match[4] is None:
        try:
            return datetime.date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            raise_bad_field(text)
    return _Reader(text, "date", session).read().date()


def parse_time(text: str, session: SessionTime = UTC_SESSION) -> datetime.time:
    """The time of day that `text` spells; a zone after it is ignored."""
    match = _ISO_TIME.match(text)
    if match is not None:
        hour, minute, second, fraction = match.groups()
        try:
            return datetime.time(
                int(hour), int(minute), int(second or 0), int(fraction.ljust(6, "0")) if fraction else 0
            )
        except ValueError:
            pass  # 24:00 or a leap second: the reader knows which are right
    return _Reader(text, "time", session).read().time()


def parse_timestamp(text: str, session: SessionTime = UTC_SESSION) -> datetime.datetime:
    """The timestamp that `text` spells; a zone in it is ignored, as PostgreSQL does."""
    match = _ISO.match(text)
    if match is not None:
        try:
            naive = _from_iso(match)
        except ValueError:  # 24:00, a leap second, or an error to be named
            return _Reader(text, "timestamp", session).read()
        if match[9]:
            _iso_zone(match)
        return naive
    return _Reader(text, "timestamp", session).read()


def parse_timestamptz(text: str, session: SessionTime = UTC_SESSION) -> datetime.datetime:
    """The instant that `text` spells, in UTC; without a zone in the text it is read in the session's."""
    match = _ISO.match(text)
    if match is not None:
        try:
            naive = _from_iso(match)
        except ValueError:
            naive = None
        if naive is not None:
            if match[8]:
                return naive.replace(tzinfo=UTC)
            if match[9]:
                return localise(naive, _iso_zone(match))
            return localise(naive, session.zone)
    reader = _Reader(text, "timestamp with time zone", session)
    naive = reader.read()
    return localise(naive, reader.zone or session.zone)


def _iso_zone(match: re.Match[str]) -> datetime.tzinfo:
    return _offset_zone(match[9], [int(match[10]), int(match[11] or 0)], match.string)


def _offset_zone(sign: str, numbers: list[int], text: str) -> datetime.tzinfo:
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    try:
        return fixed_zone(1 if sign == "+" else -1, hours, minutes, seconds)
    except DataError:
        message = f'time zone displacement out of range: "{text}"'
        raise DataError(message, sqlstate="22009") from None


def _from_iso(match: re.Match[str]) -> datetime.datetime:
    year, month, day, hour, minute, second, fraction = match.groups()[:7]
    if hour is None:
        return datetime.datetime(int(year), int(month), int(day))
    return datetime.datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0),
        int(fraction.ljust(6, "0")) if fraction else 0,
    )  # fmt: skip


def date_of_julian_day(day: int) -> datetime.date:
    """The date of a Julian day number."""
    return datetime.date.fromordinal(day - _JULIAN_DAY_OF_ORDINAL_0)


def julian_day(date: datetime.date) -> int:
    """The Julian day number of a date."""
    return date.toordinal() + _JULIAN_DAY_OF_ORDINAL_0


class _Reader:
    """The fields of one text, filled token by token."""

    def __init__(self, text: str, type_name: str, session: SessionTime) -> None:
        self.text = text
        self.type_name = type_name
        self.session = session
        self.year: int | None = None
        self.year_digits = 0
        self.month: int | None = None
        self.month_is_named = False
        self.day: int | None = None
        self.day_of_year: int | None = None
        self.whole_date: datetime.date | None = None
        self.microseconds: int | None = None  # of the day
        self.hour = -1
        self.half: str | None = None  # am or pm
        self.before_christ = False
        self.zone: datetime.tzinfo | None = None
        self.expects_time = False  # after ISO's T
        self.special: datetime.datetime | None = None

    def read(self) -> datetime.datetime:
        """What the text says; `zone` is the zone it named, if any."""
        position, text = 0, self.text.rstrip()
        if len(text) > _MAX_LENGTH:
            self.fail()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                self.fail()
            self.take(str(match.lastgroup), match[str(match.lastgroup)])
            position = match.end()
        if not text.strip():
            self.fail()
        try:
            return self.finish()
        except (ValueError, OverflowError):
            raise_bad_field(self.text)

    def fail(self) -> NoReturn:
        raise_bad_text(self.type_name, self.text)

    # --- tokens -----------------------------------------------------------------------------------

    def take(self, kind: str, token: str) -> None:
        if kind == "time":
            self.take_time(token)
        elif kind == "zone":
            self.take_offset(token)
        elif kind == "date":
            self.take_date(re.split(r"[-/.]", token) if token[0].isalnum() else [token])
        elif kind == "day_of_year":
            self.year, self.year_digits, self.day_of_year = int(token[:4]), 4, int(token[5:])
        elif kind == "compact":
            self.take_number(token)
        elif kind == "julian":
            self.take_julian(token[1:])
        elif kind == "infinity":
            raise_infinity(self.type_name)
        elif kind == "word":
            self.take_word(token.lower(), token)

    def take_time(self, token: str) -> None:
        if self.microseconds is not None:
            self.fail()
        parts = token.split(":")
        self.set_time(int(parts[0]), int(parts[1]), parts[2] if len(parts) > 2 else "0")

    def set_time(self, hour: int, minute: int, second_text: str) -> None:
        second, _, fraction = second_text.partition(".")
        seconds = int(second or 0)
        if hour > 24 or minute > 59 or seconds > 60:
            raise_bad_field(self.text)
        microsecond = round(int(fraction[:12]) * 10 ** (6 - len(fraction[:12]))) if fraction else 0
        self.hour = hour
        self.microseconds = ((hour * 60 + minute) * 60 + seconds) * 1_000_000 + microsecond
        if self.microseconds > MICROSECONDS_PER_DAY:
            raise_bad_field(self.text)

    def take_offset(self, token: str) -> None:
        if self.zone is not None or (self.microseconds is None and not self.has_date()):
            self.fail()
        parts = token[1:].split(":")
        if len(parts) == 1 and len(parts[0]) > 2:
            parts = [parts[0][:-2], parts[0][-2:]]
        self.zone = _offset_zone(token[0], [int(part) for part in parts], self.text)

    def has_date(self) -> bool:
        return self.year is not None or self.day is not None or self.whole_date is not None

    def take_date(self, parts: list[str]) -> None:
        if self.has_date() or self.microseconds is not None or len(parts) != 3:
            self.fail()
        first, second, third = parts
        if first.isalpha():
            self.set_month(first)
            self.day = int(second)
            self.set_year(third)
        elif second.isalpha():
            self.set_month(second)
            year, day = (first, third) if len(first) > 2 else (third, first)
            self.day = int(day)
            self.set_year(year)
        elif len(first) > 2:
            self.set_year(first)
            self.month, self.day = int(second), int(third)
        else:
            self.month, self.day = int(first), int(second)
            self.set_year(third)

    def set_month(self, name: str) -> None:
        month = _MONTHS.get(name.lower())
        if self.month is not None and self.day is None and not self.month_is_named:
            self.day, self.month = self.month, None  # in 8 Jan the number was the day
        if month is None or self.month is not None:
            self.fail()
        self.month, self.month_is_named = month, True

    def set_year(self, digits: str) -> None:
        self.year, self.year_digits = int(digits), len(digits)

    def take_number(self, token: str) -> None:
        digits, point, fraction = token.partition(".")
        if (self.expects_time or self.has_date() or self.type_name == "time") and len(digits) in (4, 6):
            if self.microseconds is None and (self.complete_date() or self.type_name == "time"):
                seconds = digits[4:] or "0"
                self.set_time(
                    int(digits[:2]), int(digits[2:4]), f"{seconds}.{fraction}" if point else seconds
                )
                self.expects_time = False
                return
        if point or self.expects_time:
            self.fail()
        if len(digits) > 8:
            raise_bad_field(self.text)
        if len(digits) == 8 and not self.has_date():
            self.set_year(digits[:4])
            self.month, self.day = int(digits[4:6]), int(digits[6:])
        elif len(digits) == 6 and not self.has_date():
            self.set_year(digits[:2])
            self.month, self.day = int(digits[2:4]), int(digits[4:])
        elif self.year is None and (len(digits) > 2 or self.day is not None):
            if self.month is None and self.day is not None:
                self.fail()
            self.set_year(digits)
        elif self.month is None:
            self.month = int(digits)
        elif self.day is None:
            self.day = int(digits)
        else:
            self.fail()

    def complete_date(self) -> bool:
        return self.whole_date is not None or (
            self.year is not None and (self.day is not None or self.day_of_year is not None)
        )

    def take_julian(self, number: str) -> None:
        if self.has_date():
            self.fail()
        day, _, fraction = number.partition(".")
        try:
            self.whole_date = date_of_julian_day(int(day))
        except (ValueError, OverflowError):
            raise_bad_field(self.text)
        if fraction:
            self.microseconds = round(float("0." + fraction) * MICROSECONDS_PER_DAY)

    def take_word(self, word: str, spelled: str) -> None:
        if word in _MONTHS:
            self.set_month(word)
        elif word in ("am", "pm"):
            if self.microseconds is None or self.half is not None:
                self.fail()
            self.half = word
        elif word in ("ad", "bc"):
            self.before_christ = word == "bc"
        elif word == "t":
            self.expects_time = True
        elif word.startswith("t") and word[1:].isdigit():
            self.expects_time = True
            self.take_number(word[1:])
        elif word in _IGNORED:
            pass
        elif word == "allballs":
            self.microseconds, self.zone = 0, UTC
        elif word in _SPECIAL_DAYS or word in ("now", "epoch"):
            self.take_special(word)
        else:
            self.take_zone(spelled)

    def take_special(self, word: str) -> None:
        if self.has_date() or self.special is not None:
            self.fail()
        if word == "epoch":
            self.special, self.zone = EPOCH, UTC
            return
        # A date or a timestamp without zone takes what the session's clocks show.
        now = self.session.current()
        if word == "now":
            self.special, self.zone = now.replace(tzinfo=None), now.tzinfo
            if self.type_name.endswith("with time zone"):
                self.special, self.zone = now.astimezone(UTC).replace(tzinfo=None), UTC
        else:
            self.whole_date = now.date() + datetime.timedelta(days=_SPECIAL_DAYS[word])

    def take_zone(self, name: str) -> None:
        if self.zone is not None or not (self.microseconds is not None or self.has_date()):
            self.fail()
        zone = abbreviated_zone(name) or named_zone(name) or posix_zone(name)
        if zone is None:
            if "/" in name:
                raise DataError(f'time zone "{name.lower()}" not recognized', sqlstate="22023")
            self.fail()
        self.zone = zone

    # --- the result -------------------------------------------------------------------------------

    def finish(self) -> datetime.datetime:
        if self.special is not None:
            return self.special
        microseconds = self.microseconds or 0
        if self.half is not None:
            if self.hour > 12:
                raise_bad_field(self.text)
            hours = (12 if self.half == "pm" else 0) - (12 if self.hour == 12 else 0)
            microseconds += hours * 3_600_000_000
        if self.type_name == "time":
            return self.finish_time(microseconds)
        moment = datetime.datetime.combine(self.finish_date(), datetime.time())
        if self.type_name == "date":
            return moment
        return moment + datetime.timedelta(microseconds=microseconds)

    def finish_time(self, microseconds: int) -> datetime.datetime:
        if self.microseconds is None:
            self.fail()
        if microseconds >= MICROSECONDS_PER_DAY:
            raise NotSupportedError("the time 24:00:00 is not supported")
        return EPOCH + datetime.timedelta(microseconds=microseconds)

    def finish_date(self) -> datetime.date:
        if self.whole_date is not None:
            return self.whole_date
        if self.year is None:
            self.fail()
        year = self.year
        if self.before_christ:
            raise NotSupportedError("dates before Christ are not supported")
        if self.year_digits <= 2:
            year += 2000 if year < 70 else 1900
        if self.day_of_year is not None:
            if not 1 <= self.day_of_year <= 366:
                raise_bad_field(self.text)
            return datetime.date(year, 1, 1) + datetime.timedelta(days=self.day_of_year - 1)
        if self.month is None or self.day is None:
            self.fail()
        return datetime.date(year, self.month, self.day)
