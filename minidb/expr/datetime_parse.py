"""to_date and to_timestamp: text read by a template.

A field takes as many characters as it has letters if another number follows at once, else all digits that are
there. Blanks before a field are passed over; a separator of the template stands for any separator, or none;
any other character of it for one character, whichever. A number that is zero counts as not given.
"""

from __future__ import annotations

import datetime
import re
from typing import Final, NoReturn

from minidb.errors import DataError, NotSupportedError
from minidb.expr.datetime_template import DAYS, MONTHS, ROMAN_MONTHS, Field, fields_of, is_fixed
from minidb.value.date_input import date_of_julian_day

_NUMBER: Final = re.compile(r"[+-]?\d+")
_WIDTHS: Final = {
    "HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6, "SSSS": 5, "SSSSS": 5, "MM": 2,
    "DD": 2, "DDD": 3, "IDDD": 3, "D": 1, "ID": 1, "WW": 2, "IW": 2, "W": 1, "Q": 1, "CC": 2, "J": 7,
    "YYYY": 4,
    "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "TZH": 2, "TZM": 2, "Y,YYY": 5,
    "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
}  # fmt: skip
_DIGIT_KEYS: Final = frozenset(_WIDTHS) - {"TZH", "TZM"}
_ISO_KEYS: Final = frozenset({"IYYY", "IYY", "IY", "I", "IW", "ID", "IDDD"})
_GREGORIAN_KEYS: Final = frozenset(
    {"YYYY", "YYY", "YY", "Y", "Y,YYY", "MM", "MON", "MONTH", "DD", "DDD", "WW"}
)


_FIXED_WIDTH_HINT: Final = 'If your source string is not fixed-width, try using the "FM" modifier.'


class Parsed:
    """The numbers that were found, by keyword."""

    __slots__ = ("_text", "afternoon", "before_christ", "numbers", "offset", "offset_sign", "short_year")

    def __init__(self, text: str) -> None:
        self._text = text
        self.numbers: dict[str, int] = {}
        self.afternoon: bool | None = None
        self.before_christ = False
        self.short_year = False  # of two digits or one, to which CC adds the century
        self.offset: datetime.timedelta | None = None
        self.offset_sign = 1

    def timestamp(self) -> datetime.datetime:
        """The timestamp they make; missing parts are the first of their kind."""
        try:
            return datetime.datetime.combine(self._date(), datetime.time()) + self._time()
        except (ValueError, OverflowError):
            self._out_of_range()

    def _out_of_range(self) -> NoReturn:
        raise DataError(f'date/time field value out of range: "{self._text}"', sqlstate="22008")

    def _date(self) -> datetime.date:
        numbers = self.numbers
        if "J" in numbers:
            return date_of_julian_day(numbers["J"])
        if "IYYY" in numbers or "IW" in numbers:
            year, week = numbers.get("IYYY", 1), numbers.get("IW", 1)
            if "IDDD" in numbers:
                start = datetime.date.fromisocalendar(year, 1, 1)
                return start + datetime.timedelta(days=numbers["IDDD"] - 1)
            return datetime.date.fromisocalendar(year, week, numbers.get("ID", 1))
        year = self._year()
        if "DDD" in numbers and "MM" not in numbers:
            if not 1 <= numbers["DDD"] <= 366:
                self._out_of_range()
            day = datetime.date(year, 1, 1) + datetime.timedelta(days=numbers["DDD"] - 1)
            return day if day.year == year else self._out_of_range()
        if "WW" in numbers and "MM" not in numbers:
            return datetime.date(year, 1, 1) + datetime.timedelta(days=(numbers["WW"] - 1) * 7)
        day_of_month = numbers.get("DD", 1)
        if "W" in numbers and "DD" not in numbers:
            day_of_month = (numbers["W"] - 1) * 7 + 1
        return datetime.date(year, numbers.get("MM", 1), day_of_month)

    def _year(self) -> int:
        numbers = self.numbers
        if "YYYY" not in numbers:
            return (numbers["CC"] - 1) * 100 + 1 if "CC" in numbers else 1
        year = numbers["YYYY"]
        if "CC" in numbers and self.short_year:
            year = year % 100 + (numbers["CC"] - (1 if year % 100 else 0)) * 100
        if self.before_christ or year <= 0:
            raise DataError("date out of range: before the year 1", sqlstate="22008")
        return year

    def _time(self) -> datetime.timedelta:
        numbers = self.numbers
        if "SSSS" in numbers:
            seconds = numbers["SSSS"]
            if not 0 <= seconds < 86400:
                self._out_of_range()
            return datetime.timedelta(seconds=seconds, microseconds=numbers.get("US", 0))
        hour = numbers.get("HH24", 0)
        if "HH12" in numbers:
            hour = numbers["HH12"]
            if not 1 <= hour <= 12:
                raise DataError(
                    f'hour "{hour}" is invalid for the 12-hour clock',
                    sqlstate="22007",
                    hint="Use the 24-hour clock, or give an hour between 1 and 12.",
                )
            if self.afternoon is not None:
                hour = hour % 12 + (12 if self.afternoon else 0)
        minute, second = numbers.get("MI", 0), numbers.get("SS", 0)
        if not (0 <= hour <= 24 and 0 <= minute < 60 and 0 <= second <= 60) or (
            hour == 24 and minute + second
        ):
            self._out_of_range()
        return datetime.timedelta(
            hours=hour, minutes=minute, seconds=second, microseconds=numbers.get("US", 0)
        )


def parse_with_template(text: str, template: str) -> Parsed:
    """What `text` says, read by `template`; 22007 where it does not fit."""
    fields = fields_of(template)
    keys = {field.key for field in fields}
    if keys & _ISO_KEYS and keys & _GREGORIAN_KEYS:
        raise DataError(
            "invalid combination of date conventions",
            sqlstate="22007",
            hint="Do not mix Gregorian and ISO week date conventions in a formatting template.",
        )
    parsed = Parsed(text)
    fixed = is_fixed(template)
    position = 0
    extra = 0  # blanks and separators passed over beyond those of the template
    for index, field in enumerate(fields):
        if not fixed and (field.key or index == 0):
            start = position
            while text[position : position + 1].isspace():
                position += 1
            extra += position - start
        if field.key:
            if position >= len(text):
                break
            position = _read(parsed, field, text, position, _delimited(fields, index))
        elif fixed:
            position += 1
        elif not field.quoted and not field.literal.isalnum():
            extra -= 1
            if position < len(text) and not text[position].isalnum() and text[position].isascii():
                position += 1
                extra += 1
        elif extra > 0:
            extra -= 1
        else:
            position += 1
    return parsed


def _delimited(fields: tuple[Field, ...], index: int) -> bool:
    """Whether the digits end where the field ends: no other number follows at once."""
    field = fields[index]
    if field.fill or field.suffix or index + 1 == len(fields):
        return True
    following = fields[index + 1]
    return following.key not in _DIGIT_KEYS and not following.literal.isdigit()


def _read(parsed: Parsed, field: Field, text: str, position: int, delimited: bool) -> int:
    key = field.key
    if key in _WIDTHS:
        return _read_number(parsed, field, text, position, delimited)
    rest = text[position:]
    match key:
        case "MONTH" | "MON":
            names = [name[:3] if key == "MON" else name for name in MONTHS]
            number, width = _read_name(names, rest, field)
            _set(parsed, "MM", number + 1, field)
            return position + width
        case "DAY" | "DY":
            _, width = _read_name([name[:3] if key == "DY" else name for name in DAYS], rest, field)
            return position + width
        case "RM":
            ordered = sorted(ROMAN_MONTHS, key=len, reverse=True)
            number, width = _read_name(list(ordered), rest, field)
            _set(parsed, "MM", ROMAN_MONTHS.index(ordered[number]) + 1, field)
            return position + width
        case "AM" | "PM" | "A.M." | "P.M.":
            number, width = _read_name(["am", "pm", "a.m.", "p.m."], rest, field)
            parsed.afternoon = number % 2 == 1
            return position + width
        case "AD" | "BC" | "A.D." | "B.C.":
            number, width = _read_name(["ad", "bc", "a.d.", "b.c."], rest, field)
            parsed.before_christ = number % 2 == 1
            return position + width
    raise NotSupportedError(f'formatting field "{field.spelled}" is only supported in to_char')


def _read_name(names: list[str], rest: str, field: Field) -> tuple[int, int]:
    lowered = rest.lower()
    for number, name in enumerate(names):
        if lowered.startswith(name.lower()):
            return number, len(name)
    raise DataError(
        f'invalid value "{rest.split()[0] if rest.split() else rest}" for "{field.spelled}"',
        sqlstate="22007",
        detail="The given value did not match any of the allowed values for this field.",
    )


def _read_number(parsed: Parsed, field: Field, text: str, position: int, delimited: bool) -> int:
    if field.key == "Y,YYY":
        return _read_grouped_year(parsed, field, text, position)
    width = _WIDTHS[field.key]
    piece = text[position:] if delimited else text[position : position + width]
    if len(piece) < width and not delimited:
        raise DataError(
            f'source string too short for "{field.spelled}" formatting field',
            sqlstate="22007",
            detail=f"Field requires {width} characters, but only {len(piece)} remain.",
            hint=_FIXED_WIDTH_HINT,
        )
    match = _NUMBER.match(piece)
    if match is None:
        raise DataError(
            f'invalid value "{piece[:width]}" for "{field.spelled}"',
            sqlstate="22007",
            detail="Value must be an integer.",
        )
    digits = match[0]
    if not delimited and len(digits) < width:
        raise DataError(
            f'invalid value "{piece}" for "{field.spelled}"',
            sqlstate="22007",
            detail=f"Field requires {width} characters, but only {len(digits)} could be parsed.",
            hint=_FIXED_WIDTH_HINT,
        )
    if len(digits) > 10:
        raise DataError(
            f'value for "{field.spelled}" in source string is out of range',
            sqlstate="22008",
            detail="Value must be in the range -2147483648 to 2147483647.",
        )
    _store(parsed, field, int(digits), digits)
    end = position + len(digits)
    return end + 2 if field.suffix else end


def _read_grouped_year(parsed: Parsed, field: Field, text: str, position: int) -> int:
    match = re.compile(r"(\d+),(\d{3})").match(text, position)
    if match is None:
        raise DataError('invalid input string for "Y,YYY"', sqlstate="22007")
    _set(parsed, "YYYY", int(match[1]) * 1000 + int(match[2]), field)
    return match.end()


def _store(parsed: Parsed, field: Field, number: int, digits: str) -> None:
    key = field.key
    if key == "MS":
        parsed.numbers["US"] = parsed.numbers.get("US", 0) + number * 10 ** max(0, 3 - len(digits)) * 1000
    elif key == "US" or key.startswith("FF"):
        parsed.numbers["US"] = parsed.numbers.get("US", 0) + number * 10 ** max(0, 6 - len(digits))
    elif key in ("TZH", "TZM"):
        parts = parsed.offset or datetime.timedelta()
        if key == "TZH":
            parsed.offset_sign = -1 if digits.startswith("-") else 1
            parsed.offset = datetime.timedelta(hours=number)
        else:
            parsed.offset = parts + parsed.offset_sign * datetime.timedelta(minutes=number)
    elif key in ("HH", "HH12"):
        _set(parsed, "HH12", number, field)
    elif key in ("SSSS", "SSSSS"):
        _set(parsed, "SSSS", number, field)
    elif key in ("YYYY", "IYYY"):
        _set(parsed, key, number, field)
    elif key in ("YYY", "YY", "Y"):
        parsed.short_year = len(key) <= 2
        _set(parsed, "YYYY", _full_year(number) if len(digits) < 4 else number, field)
    elif key in ("IYY", "IY", "I"):
        _set(parsed, "IYYY", _full_year(number) if len(digits) < 4 else number, field)
    else:
        _set(parsed, key, number, field)


def _set(parsed: Parsed, key: str, number: int, field: Field) -> None:
    known = parsed.numbers.get(key)
    if known is not None and known != number:
        raise DataError(
            f'conflicting values for "{field.spelled}" field in formatting string',
            sqlstate="22007",
            detail="This value contradicts a previous setting for the same field type.",
        )
    if number:
        parsed.numbers[key] = number


def _full_year(number: int) -> int:
    """Fewer than four digits mean the year nearest to 2020."""
    if number < 70:
        return number + 2000
    if number < 100:
        return number + 1900
    return number + 2000 if number < 520 else number + 1000
