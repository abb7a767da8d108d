"""to_char of timestamps and intervals."""

from __future__ import annotations

import datetime
from typing import Final

from minidb.errors import DataError
from minidb.expr.datetime_template import DAYS, MONTHS, ROMAN_MONTHS, Field, fields_of
from minidb.expr.number_format import ordinal_suffix
from minidb.value.date_input import julian_day
from minidb.value.interval import Interval

_NOT_FOR_INTERVALS: Final = frozenset(
    {"DAY", "DY", "D", "ID", "IDDD", "TZ", "TZH", "TZM", "OF", "IYYY", "IYY", "IY", "I", "IW", "WW", "W", "J",
     "AD", "BC", "A.D.", "B.C.", "MONTH", "MON"}
)  # fmt: skip


def format_timestamp(value: datetime.datetime, template: str) -> str:
    """to_char(timestamp, template); an aware value prints its own offset."""
    output: list[str] = []
    for field in fields_of(template):
        if not field.key:
            output.append(field.literal)
            continue
        text = _time_field(field, value.hour, value.minute, value.second, value.microsecond)
        if text is None:
            text = _date_field(field, value)
        output.append(_with_suffix(field, text))
    return "".join(output)


def format_interval(value: Interval, template: str) -> str:
    """to_char(interval, template)."""
    sign = -1 if value.microseconds < 0 else 1
    seconds, microseconds = divmod(abs(value.microseconds), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    month_sign = -1 if value.months < 0 else 1
    years, months = divmod(abs(value.months), 12)
    output: list[str] = []
    for field in fields_of(template):
        key = field.key
        if not key:
            output.append(field.literal)
            continue
        if key in _NOT_FOR_INTERVALS:
            raise DataError(
                "invalid format specification for an interval value",
                sqlstate="22007",
                hint="Intervals are not tied to specific calendar dates.",
            )
        text = _time_field(field, sign * hour, sign * minute, sign * second, sign * microseconds)
        if text is None:
            text = _interval_field(field, month_sign * years, month_sign * months, value.days)
        output.append(_with_suffix(field, text))
    return "".join(output)


def _with_suffix(field: Field, text: str) -> str:
    if field.suffix and text[-1:].isdigit():
        return text + ordinal_suffix(text, upper=field.suffix == "TH")
    return text


def _padded(number: int, width: int, field: Field) -> str:
    """Zeros to the left, one more place for a minus sign; nothing under FM."""
    if field.fill:
        return str(number)
    return f"{number:0{width if number >= 0 else width + 1}d}"


def _named(name: str, field: Field, width: int) -> str:
    """A name in the case of the keyword, blanks behind it unless FM."""
    if field.spelled.isupper():
        name = name.upper()
    elif field.spelled.islower():
        name = name.lower()
    return name if field.fill else name.ljust(width)


def _time_field(field: Field, hour: int, minute: int, second: int, microsecond: int) -> str | None:
    match field.key:
        case "HH" | "HH12":
            return _padded(hour % 12 or 12 if hour >= 0 else -(-hour % 12 or 12), 2, field)
        case "HH24":
            return _padded(hour, 2, field)
        case "MI":
            return _padded(minute, 2, field)
        case "SS":
            return _padded(second, 2, field)
        case "SSSS" | "SSSSS":
            return str((hour * 60 + minute) * 60 + second)
        case "MS":
            return f"{int(microsecond / 1000):03d}"
        case "US":
            return f"{microsecond:06d}"
        case "AM" | "PM" | "A.M." | "P.M.":
            word = "PM" if hour > 0 and hour % 24 >= 12 else "AM"
            word = f"{word[0]}.M." if "." in field.key else word
            return word if field.spelled.isupper() else word.lower()
    if field.key.startswith("FF"):
        digits = int(field.key[2])
        return f"{int(microsecond / 10 ** (6 - digits)):0{digits}d}"
    return None


def _date_field(field: Field, value: datetime.datetime) -> str:
    date = value.date()
    weekday = date.isoweekday() % 7
    match field.key:
        case "MONTH":
            return _named(MONTHS[date.month - 1], field, 9)
        case "MON":
            return _named(MONTHS[date.month - 1][:3], field, 0)
        case "MM":
            return _padded(date.month, 2, field)
        case "DAY":
            return _named(DAYS[weekday], field, 9)
        case "DY":
            return _named(DAYS[weekday][:3], field, 0)
        case "D":
            return str(weekday + 1)
        case "ID":
            return str(date.isoweekday())
        case "DD":
            return _padded(date.day, 2, field)
        case "DDD":
            return _padded(date.timetuple().tm_yday, 3, field)
        case "IDDD":
            iso = date.isocalendar()
            return _padded((iso.week - 1) * 7 + iso.weekday, 3, field)
        case "WW":
            return _padded((date.timetuple().tm_yday - 1) // 7 + 1, 2, field)
        case "IW":
            return _padded(date.isocalendar().week, 2, field)
        case "W":
            return str((date.day - 1) // 7 + 1)
        case "Q":
            return str((date.month - 1) // 3 + 1)
        case "CC":
            return _padded((date.year - 1) // 100 + 1, 2, field)
        case "J":
            return str(julian_day(date))
        case "RM":
            return _named(ROMAN_MONTHS[date.month - 1], field, 4)
        case "AD" | "BC":
            return "AD" if field.spelled.isupper() else "ad"
        case "A.D." | "B.C.":
            return "A.D." if field.spelled.isupper() else "a.d."
        case "TZ" | "TZH" | "TZM" | "OF":
            return _zone_field(field, value)
    year = date.isocalendar().year if field.key.startswith("I") else date.year
    return _year(field, year)


def _year(field: Field, year: int) -> str:
    key = field.key
    if key == "Y,YYY":
        thousands, rest = divmod(year, 1000)
        return f"{thousands},{rest:03d}"
    width = len(key)
    return _padded(year if width == 4 else year % 10**width, width, field)


def _zone_field(field: Field, value: datetime.datetime) -> str:
    offset = value.utcoffset()
    if offset is None:
        return {"TZ": "", "TZH": "+00", "TZM": "00", "OF": "+00"}[field.key]
    if field.key == "TZ":
        name = value.tzname() or ""
        return name.upper() if field.spelled.isupper() else name.lower()
    total = round(offset.total_seconds())
    sign = "-" if total < 0 else "+"
    hours, rest = divmod(abs(total), 3600)
    if field.key == "TZH":
        return f"{sign}{hours:02d}"
    if field.key == "TZM":
        return f"{rest // 60:02d}"
    return f"{sign}{hours:02d}" + (f":{rest // 60:02d}" if rest else "")


def _interval_field(field: Field, years: int, months: int, days: int) -> str:
    match field.key:
        case "MM":
            return _padded(months, 2, field)
        case "RM":
            return _named(ROMAN_MONTHS[months - 1 if months > 0 else 12 + months], field, 4) if months else ""
        case "DD":
            return str(days) if field.fill else f"{days:02d}"
        case "DDD":
            all_days = years * 360 + months * 30 + days
            return str(all_days) if field.fill else f"{all_days:03d}"
        case "Q":
            return str((months - 1) // 3 + 1) if months else ""
        case "CC":
            return _padded(int(years / 100), 2, field)
    if field.key == "Y,YYY":
        return _year(field, years)
    width = len(field.key)
    return _padded(years if width == 4 else years % 10**width, width, field)
