"""Templates of to_char, to_date and to_timestamp, and to_char itself for dates, times and intervals.

A template such as `Dy, DD Mon YYYY HH24:MI:SS` is cut, once, into pieces: keywords with their modifiers (FM
takes padding away, TH adds an ordinal ending) and literal characters, which double quotes can protect.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from minidb.errors import DataError, NotSupportedError
from minidb.value.date_input import DAY_NAMES, MONTH_NAMES, julian_day
from minidb.value.date_output import format_offset
from minidb.value.interval import Interval

_KEYWORDS: Final = """
    A.D. A.M. AD AM B.C. BC CC DAY DDD DD DY Day Dy D FF1 FF2 FF3 FF4 FF5 FF6 FX HH24 HH12 HH IDDD ID IW
    IYYY IYY IY I J MI MM MONTH MON MS Month Mon OF P.M. PM Q RM SSSSS SSSS SS TZH TZM TZ US WW W Y,YYY
    YYYY YYY YY Y
"""
_ALL_KEYWORDS: Final = sorted({*_KEYWORDS.split(), *_KEYWORDS.lower().split()}, key=len, reverse=True)
_PIECE: Final = re.compile(
    r"(?P<prefix>(?:FM|fm|TM|tm)*)(?P<keyword>" + "|".join(map(re.escape, _ALL_KEYWORDS)) + r")"
    r"(?P<suffix>TH|th|SP|sp)?"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"?'
    r'|\\(?P<escaped>")'
    r"|(?P<literal>.)",
    re.DOTALL,
)
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_NAMES: Final = frozenset({"MONTH", "MON", "DAY", "DY"})
# Of these PostgreSQL prints the last few too, from a calendar that an interval does not have.
_NOT_OF_INTERVALS: Final = _NAMES | {
    "A.D.", "AD", "B.C.", "BC", "TZ", "TZH", "TZM", "OF", "D", "ID",
    "IYYY", "IYY", "IY", "I", "IW", "WW", "W", "IDDD", "J",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A keyword (in upper case, `spelled` as written) or, with keyword "", literal text."""

    keyword: str
    spelled: str
    fill: bool = True  # not FM
    ordinal: str = ""  # TH or th
    quoted: bool = False  # literal text from within quotes


@lru_cache(maxsize=512)
def pieces_of(template: str) -> tuple[Piece, ...]:
    """The template's pieces, in order."""
    found: list[Piece] = []
    for match in _PIECE.finditer(template):
        keyword = match["keyword"]
        if keyword is None:
            if match["quoted"] is not None:
                text = re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL)
                found.extend([Piece("", character, quoted=True) for character in text])
            else:
                found.append(Piece("", match["escaped"] or match["literal"]))
            continue
        if (match["suffix"] or "").upper() == "SP":
            raise NotSupportedError("the format modifier SP is not supported")
        prefix = match["prefix"].upper()
        fill = "FM" not in prefix and not ("TM" in prefix and keyword.upper() in _NAMES)
        found.append(Piece(keyword.upper(), keyword, fill, match["suffix"] or ""))
    return tuple(found)


def to_char_timestamp(value: datetime.datetime, template: str) -> str:
    """to_char(timestamp, template); an aware `value` must be in the zone to be shown."""
    return "".join([_show(piece, value) for piece in pieces_of(template)])


def to_char_interval(value: Interval, template: str) -> str:
    """to_char(interval, template): hours may exceed 23, fields keep their signs."""
    return "".join([_show_interval(piece, value) for piece in pieces_of(template)])


def _show(piece: Piece, value: datetime.datetime) -> str:
    keyword = piece.keyword
    if not keyword:
        return piece.spelled
    if keyword in _NAMES or keyword == "RM":
        return _show_name(piece, value)
    text = _show_text(piece, value)
    if text is not None:
        return text
    number, width = _number_of(keyword, value)
    if width < 0:  # a fraction of a second: its zeros count
        return f"{number:0{-width}d}" + _ordinal_ending(number, piece.ordinal)
    if keyword == "Y,YYY":
        return f"{number // 1000},{number % 1000:03d}" + _ordinal_ending(number, piece.ordinal)
    return _padded(number, width if piece.fill else 0) + _ordinal_ending(number, piece.ordinal)


def _padded(number: int, width: int) -> str:
    """With zeros up to `width`, the sign not counted."""
    return f"{number:0{width + (number < 0)}d}" if width else str(number)


def _show_name(piece: Piece, value: datetime.datetime) -> str:
    keyword = piece.keyword
    if keyword == "RM":
        name, width = _ROMAN[value.month - 1], 4
    elif keyword in ("MONTH", "MON"):
        name, width = MONTH_NAMES[value.month - 1], 9
    else:
        name, width = DAY_NAMES[value.weekday()], 9
    if keyword in ("MON", "DY"):
        name, width = name[:3], 0
    if piece.spelled.isupper():
        name = name.upper()
    elif piece.spelled.islower():
        name = name.lower()
    else:
        name = name.capitalize()
    return name.ljust(width) if piece.fill else name


def _show_text(piece: Piece, value: datetime.datetime) -> str | None:
    """What is neither a number nor a name; None if `piece` is a number."""
    keyword, lower = piece.keyword, piece.spelled.islower()
    match keyword:
        case "AM" | "PM":
            text = "PM" if value.hour >= 12 else "AM"
        case "A.M." | "P.M.":
            text = "P.M." if value.hour >= 12 else "A.M."
        case "AD" | "BC":
            text = "AD"
        case "A.D." | "B.C.":
            text = "A.D."
        case "FX":
            return ""
        case "TZ":
            text = (value.tzname() or "").upper()
        case "OF":
            return format_offset(value.utcoffset() or datetime.timedelta())[:6]
        case "TZH":
            return format_offset(value.utcoffset() or datetime.timedelta())[:3]
        case "TZM":
            seconds = abs(round((value.utcoffset() or datetime.timedelta()).total_seconds()))
            return f"{seconds // 60 % 60:02d}"
        case _:
            return None
    return text.lower() if lower else text


def _number_of(keyword: str, value: datetime.datetime) -> tuple[int, int]:
    """A numeric keyword's number, and the width that zeros fill it to (negative: even under FM)."""
    clock = _clock_number(keyword, value.hour, value.minute, value.second, value.microsecond)
    if clock is not None:
        return clock
    year, iso = value.year, value.isocalendar()
    match keyword:
        case "YYYY" | "Y,YYY":
            return year, 4
        case "YYY" | "YY" | "Y":
            return year % 10 ** len(keyword), len(keyword)
        case "IYYY":
            return iso.year, 4
        case "IYY" | "IY" | "I":
            return iso.year % 10 ** len(keyword), len(keyword)
        case "MM":
            return value.month, 2
        case "DD":
            return value.day, 2
        case "DDD":
            return value.timetuple().tm_yday, 3
        case "IDDD":
            return (iso.week - 1) * 7 + iso.weekday, 3
        case "D":
            return value.isoweekday() % 7 + 1, 0
        case "ID":
            return value.isoweekday(), 0
        case "WW":
            return (value.timetuple().tm_yday - 1) // 7 + 1, 2
        case "IW":
            return iso.week, 2
        case "W":
            return (value.day - 1) // 7 + 1, 0
        case "CC":
            return (year + 99) // 100, 2
        case "Q":
            return (value.month + 2) // 3, 0
        case _:
            assert keyword == "J", keyword
            return julian_day(value.date()), 0


def _clock_number(keyword: str, hour: int, minute: int, second: int, micro: int) -> tuple[int, int] | None:
    sign = -1 if hour < 0 else 1
    match keyword:
        case "HH24":
            return hour, 2
        case "HH" | "HH12":
            return sign * (abs(hour) % 12 or 12), 2
        case "MI":
            return minute, 2
        case "SS":
            return second, 2
        case "MS":
            return micro // 1000 if micro >= 0 else -(-micro // 1000), -3
        case "US":
            return micro, -6
        case "SSSS" | "SSSSS":
            return (hour * 60 + minute) * 60 + second, 0
    if keyword.startswith("FF"):
        digits = int(keyword[2])
        return int(micro / 10 ** (6 - digits)), -digits
    return None


def _ordinal_ending(number: int, ordinal: str) -> str:
    if not ordinal:
        return ""
    tens, units = abs(number) // 10 % 10, abs(number) % 10
    ending = "th" if tens == 1 else {1: "st", 2: "nd", 3: "rd"}.get(units, "th")
    return ending.upper() if ordinal == "TH" else ending


def _show_interval(piece: Piece, value: Interval) -> str:
    keyword = piece.keyword
    if not keyword:
        return piece.spelled
    if keyword in _NOT_OF_INTERVALS:
        raise DataError(
            "invalid format specification for an interval value",
            sqlstate="22007",
            hint="Intervals are not tied to specific calendar dates.",
        )
    sign = -1 if value.months < 0 else 1
    years, months = sign * (abs(value.months) // 12), sign * (abs(value.months) % 12)
    time_sign = -1 if value.microseconds < 0 else 1
    seconds, micro = divmod(abs(value.microseconds), 1_000_000)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    clock = _clock_number(
        keyword, time_sign * hour, time_sign * minute, time_sign * second, time_sign * micro
    )
    if clock is not None:
        number, width = clock
    elif keyword in ("AM", "PM", "A.M.", "P.M."):
        afternoon = hour % 24 >= 12
        text = ("P.M." if afternoon else "A.M.") if "." in keyword else "PM" if afternoon else "AM"
        return text.lower() if piece.spelled.islower() else text
    elif keyword == "RM":
        return _roman(piece, years, months)
    elif keyword == "FX" or (keyword == "Q" and not months):
        return ""
    else:
        number, width = _interval_number(keyword, years, months, value.days)
    if width < 0:
        return _padded(number, -width)
    if keyword == "Y,YYY":
        return f"{int(number / 1000)},{abs(number) % 1000:03d}"
    return _padded(number, width if piece.fill else 0) + _ordinal_ending(number, piece.ordinal)


def _roman(piece: Piece, years: int, months: int) -> str:
    if not years and not months:
        return ""
    if not months:
        text = "XII" if years > 0 else "I"
    else:
        text = _ROMAN[months - 1 if months > 0 else months]
    if piece.spelled.islower():
        text = text.lower()
    return text.ljust(4) if piece.fill else text


def _interval_number(keyword: str, years: int, months: int, days: int) -> tuple[int, int]:
    match keyword:
        case "YYYY" | "Y,YYY":
            return years, 4
        case "YYY" | "YY" | "Y":
            return abs(years) % 10 ** len(keyword), len(keyword)
        case "MM":
            return months, 2
        case "DD":
            return days, 2 if days >= 0 else 1
        case "DDD":
            number = years * 360 + months * 30 + days
            return number, 3 if number >= 0 else 2
        case "CC":
            return int(years / 100), 2
        case _:
            assert keyword == "Q", keyword
            return int((months - 1) / 3) + 1, 0
