"""to_date and to_timestamp: dates and times read by a template.

The template is followed piece by piece. Outside FX mode it is lenient, as in PostgreSQL: blanks before a
field are skipped, a separator matches any separator or none, a literal character matches any character, and
a number takes all its digits unless the next piece is a number too.
"""

from __future__ import annotations

import datetime
import re
from typing import NoReturn

from minidb.errors import DataError, NotSupportedError
from minidb.value.date_input import DAY_NAMES, MONTH_NAMES, date_of_julian_day, localise
from minidb.value.date_patterns import Piece, pieces_of
from minidb.value.session_time import UTC

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_ROMAN = ("XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I")
_SHORT_MONTHS = tuple([name[:3] for name in MONTH_NAMES])
_SUNDAY_FIRST = (DAY_NAMES[6], *DAY_NAMES[:6])
_SHORT_DAYS = tuple([name[:3] for name in _SUNDAY_FIRST])
# Keywords that read so many digits into a field.
_NUMBERS: dict[str, tuple[str, int]] = {
    "HH": ("hour", 2), "HH12": ("hour", 2), "HH24": ("hour", 2), "MI": ("minute", 2), "SS": ("second", 2),
    "SSSS": ("second_of_day", 4), "SSSSS": ("second_of_day", 5), "MM": ("month", 2), "DD": ("day", 2),
    "DDD": ("day_of_year", 3), "IDDD": ("day_of_year", 4), "D": ("weekday", 1), "ID": ("weekday", 2),
    "WW": ("week", 2), "IW": ("week", 2), "W": ("week_of_month", 1), "CC": ("century", 2), "J": ("julian", 1),
    "Q": ("", 1), "TZM": ("zone_minutes", 3),
}  # fmt: skip
_YEARS = frozenset({"YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I"})
_FRACTIONS = {"MS": 3, "US": 6, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6}
_ISO = frozenset({"IYYY", "IYY", "IY", "I", "IDDD", "ID", "IW"})
_GREGORIAN = frozenset("YYYY YYY YY Y Y,YYY MM MON MONTH RM DD DDD D WW W CC".split())  # noqa: SIM905
_NOT_DIGITS = frozenset(
    {
        "AM",
        "PM",
        "A.M.",
        "P.M.",
        "AD",
        "BC",
        "A.D.",
        "B.C.",
        "MONTH",
        "MON",
        "DAY",
        "DY",
        "RM",
        "TZ",
        "TZH",
        "OF",
    }
)


def to_date(text: str, template: str) -> datetime.date:
    """to_date(text, template)."""
    return _TemplateReader(text, template).read().date()


def to_timestamp(text: str, template: str, zone: datetime.tzinfo = UTC) -> datetime.datetime:
    """to_timestamp(text, template): an instant in UTC; without TZH in the template, of clocks in `zone`."""
    reader = _TemplateReader(text, template)
    moment = reader.read()
    return localise(moment, reader.zone() or zone)


def _raise_format(message: str, detail: str | None = None, hint: str | None = None) -> NoReturn:
    raise DataError(message, sqlstate="22007", detail=detail, hint=hint)


class _TemplateReader:
    """One reading: the position in the text, and the fields found so far."""

    def __init__(self, text: str, template: str) -> None:
        self.text = text
        self.position = 0
        self.pieces = pieces_of(template)
        self.numbers: dict[str, int] = {}
        self.year_digits = 0
        self.microseconds = 0
        self.afternoon: bool | None = None
        self.twelve_hours = False
        self.before_christ = False
        self.zone_sign = 0
        self.is_iso = False
        self.is_gregorian = False

    def read(self) -> datetime.datetime:
        """The moment that the text says."""
        exact = any(piece.keyword == "FX" for piece in self.pieces)
        skipped = 0  # blanks passed that the template did not ask for
        for index, piece in enumerate(self.pieces):
            if not exact and (piece.keyword or index == 0):
                skipped += self.skip_blanks()
            if self.position >= len(self.text):
                break
            if piece.keyword:
                if piece.keyword != "FX":
                    self.read_field(piece, index)
                    skipped = 0 if exact else self.skip_blanks()
                continue
            character = self.text[self.position]
            if exact:
                self.position += 1
            elif not piece.quoted and (piece.spelled.isspace() or _is_separator(piece.spelled)):
                skipped -= 1
                if character.isspace() or _is_separator(character):
                    self.position += 1
                    skipped += 1
            elif skipped > 0:
                skipped -= 1
            else:
                self.position += 1
        try:
            return self.finish()
        except (ValueError, OverflowError):
            self.out_of_range()

    def out_of_range(self) -> NoReturn:
        raise DataError(f'date/time field value out of range: "{self.text}"', sqlstate="22008")

    def skip_blanks(self) -> int:
        start = self.position
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.position - start

    # --- fields -----------------------------------------------------------------------------------

    def read_field(self, piece: Piece, index: int) -> None:
        keyword = piece.keyword
        self.set_convention(keyword)
        if keyword in _NUMBERS:
            name, digits = _NUMBERS[keyword]
            number, _ = self.read_number(piece, index, digits if keyword != "ID" else 1)
            if keyword == "ID":
                number = number % 7 + 1  # Sunday is 1 from here on
            if keyword in ("HH", "HH12"):
                self.twelve_hours = True
            if name:
                self.set(name, number, piece)
        elif keyword in _YEARS:
            self.read_year(piece, index)
        elif keyword == "Y,YYY":
            self.read_thousands(piece)
        elif keyword in _FRACTIONS:
            number, used = self.read_number(piece, index, _FRACTIONS[keyword])
            self.microseconds += number * 10 ** (6 - min(used, 6))
        elif keyword in ("TZ", "OF"):
            raise NotSupportedError(f'formatting field "{piece.spelled}" is only supported in to_char')
        elif keyword == "TZH":
            self.read_zone_hours(piece, index)
        else:
            self.read_name(piece)
        if piece.ordinal:
            self.position += 2

    def set_convention(self, keyword: str) -> None:
        self.is_iso = self.is_iso or keyword in _ISO
        self.is_gregorian = self.is_gregorian or keyword in _GREGORIAN
        if self.is_iso and self.is_gregorian:
            hint = "Do not mix Gregorian and ISO week date conventions in a formatting template."
            _raise_format("invalid combination of date conventions", None, hint)

    def set(self, name: str, number: int, piece: Piece) -> None:
        if self.numbers.get(name, number) != number:
            _raise_format(
                f'conflicting values for "{piece.spelled}" field in formatting string',
                "This value contradicts a previous setting for the same field type.",
            )
        self.numbers[name] = number

    def read_number(self, piece: Piece, index: int, digits: int) -> tuple[int, int]:
        """The number at the present position, and how many characters it took."""
        self.skip_blanks()
        if not piece.fill or self.next_is_separator(piece, index):
            match = _INTEGER.match(self.text, self.position)
        else:
            rest = len(self.text) - self.position
            if rest < digits:
                _raise_format(
                    f'source string too short for "{piece.spelled}" formatting field',
                    f"Field requires {digits} characters, but only {rest} remain.",
                    'If your source string is not fixed-width, try using the "FM" modifier.',
                )
            match = _INTEGER.match(self.text, self.position, self.position + digits)
            if match is not None and match.end() - match.start() < digits:
                found = self.text[self.position : self.position + digits]
                _raise_format(
                    f'invalid value "{found}" for "{piece.spelled}"',
                    f"Field requires {digits} characters, but only {len(match[0])} could be parsed.",
                    'If your source string is not fixed-width, try using the "FM" modifier.',
                )
        if match is None:
            found = self.text[self.position : self.position + digits]
            _raise_format(f'invalid value "{found}" for "{piece.spelled}"', "Value must be an integer.")
        number = int(match[0][:20])
        if not -(2**31) <= number < 2**31:
            message = f'value for "{piece.spelled}" in source string is out of range'
            raise DataError(
                message, sqlstate="22008", detail=f"Value must be in the range {-(2**31)} to {2**31 - 1}."
            )
        self.position = match.end()
        return number, len(match[0])

    def next_is_separator(self, piece: Piece, index: int) -> bool:
        """Whether what follows in the template cannot begin with a digit."""
        if piece.ordinal or index + 1 == len(self.pieces):
            return True
        following = self.pieces[index + 1]
        return following.keyword in _NOT_DIGITS if following.keyword else not following.spelled.isdigit()

    def read_year(self, piece: Piece, index: int) -> None:
        keyword = piece.keyword
        year, used = self.read_number(piece, index, len(keyword))
        if len(keyword) < 4 and used < 4:
            # The year nearest to 2020 that ends so.
            year += 2000 if year < 70 else 1900 if year < 100 else 2000 if year < 520 else 1000
        self.set("year", year, piece)
        self.year_digits = len(keyword)

    def read_thousands(self, piece: Piece) -> None:
        match = re.compile(r"([+-]?\d{1,9}),(\d{1,3})", re.ASCII).match(self.text, self.position)
        if match is None:
            _raise_format('invalid input string for "Y,YYY"')
        self.set("year", int(match[1]) * 1000 + int(match[2]), piece)
        self.year_digits = 4
        self.position = match.end()

    def read_zone_hours(self, piece: Piece, index: int) -> None:
        self.zone_sign = 1
        if self.text[self.position] in "+- ":
            self.zone_sign = -1 if self.text[self.position] == "-" else 1
            self.position += 1
        elif self.position and self.text[self.position - 1] == "-":
            self.zone_sign = -1  # the separator before it was its sign
        number, _ = self.read_number(piece, index, 2)
        self.set("zone_hours", number, piece)

    def read_name(self, piece: Piece) -> None:
        keyword = piece.keyword
        match keyword:
            case "AM" | "PM" | "A.M." | "P.M.":
                names = ("A.M.", "P.M.") if "." in keyword else ("AM", "PM")
                self.afternoon = self.choose(piece, names) == 1
                self.twelve_hours = True
            case "AD" | "BC" | "A.D." | "B.C.":
                names = ("A.D.", "B.C.") if "." in keyword else ("AD", "BC")
                self.before_christ = self.choose(piece, names) == 1
            case "MONTH":
                self.set("month", self.choose(piece, MONTH_NAMES) + 1, piece)
            case "MON":
                self.set("month", self.choose(piece, _SHORT_MONTHS) + 1, piece)
            case "RM":
                self.set("month", 12 - self.choose(piece, _ROMAN), piece)
            case "DAY":
                self.set("weekday", self.choose(piece, _SUNDAY_FIRST) + 1, piece)
            case _:
                assert keyword == "DY", keyword
                self.set("weekday", self.choose(piece, _SHORT_DAYS) + 1, piece)

    def choose(self, piece: Piece, names: tuple[str, ...]) -> int:
        rest = self.text[self.position :].lower()
        for number, name in enumerate(names):
            if rest.startswith(name.lower()):
                self.position += len(name)
                return number
        word = self.text[self.position :].split(maxsplit=1)
        _raise_format(
            f'invalid value "{word[0] if word else ""}" for "{piece.spelled}"',
            "The given value did not match any of the allowed values for this field.",
        )

    # --- the result -------------------------------------------------------------------------------

    def zone(self) -> datetime.tzinfo | None:
        """The zone that TZH and TZM gave."""
        if not self.zone_sign:
            return None
        hours, minutes = self.numbers.get("zone_hours", 0), self.numbers.get("zone_minutes", 0)
        if hours > 15 or minutes > 59:
            self.out_of_range()
        return datetime.timezone(self.zone_sign * datetime.timedelta(hours=hours, minutes=minutes))

    def finish(self) -> datetime.datetime:
        date = self.finish_date()
        numbers = self.numbers
        hour, minute, second = numbers.get("hour", 0), numbers.get("minute", 0), numbers.get("second", 0)
        if "second_of_day" in numbers:
            total = numbers["second_of_day"]
            hour, minute, second = total // 3600, total // 60 % 60, total % 60
        if self.twelve_hours:
            if not 1 <= hour <= 12:
                _raise_format(
                    f'hour "{hour}" is invalid for the 12-hour clock',
                    None,
                    "Use the 24-hour clock, or give an hour between 1 and 12.",
                )
            hour = hour % 12 + (12 if self.afternoon else 0)
        start = datetime.datetime.combine(date, datetime.time(hour, minute, second))
        if not 0 <= self.microseconds < 1_000_000:
            self.out_of_range()
        return start + datetime.timedelta(microseconds=self.microseconds)

    def finish_date(self) -> datetime.date:
        numbers = self.numbers
        if "julian" in numbers:
            return date_of_julian_day(numbers["julian"])
        year = self.finish_year()
        if self.before_christ or year == 0:
            raise NotSupportedError("dates before Christ are not supported")
        week = numbers.get("week", 0)
        day_of_year = numbers.get("day_of_year", 0)
        if week and self.is_iso:
            weekday = numbers.get("weekday", 2)  # Monday
            monday = datetime.date.fromisocalendar(year, 1, 1) + datetime.timedelta(weeks=week - 1)
            return monday + datetime.timedelta(days=(weekday - 2) % 7)
        if week:
            day_of_year = (week - 1) * 7 + 1
        month, day = numbers.get("month", 1), numbers.get("day", 1)
        if "week_of_month" in numbers and "day" not in numbers:
            day = (numbers["week_of_month"] - 1) * 7 + 1
        if day_of_year and (month <= 1 or day <= 1):
            if self.is_iso:
                return datetime.date.fromisocalendar(year, 1, 1) + datetime.timedelta(days=day_of_year - 1)
            first = datetime.date(year, 1, 1)
            if not 1 <= day_of_year <= (datetime.date(year, 12, 31) - first).days + 1:
                self.out_of_range()
            return first + datetime.timedelta(days=day_of_year - 1)
        return datetime.date(year, month, day)

    def finish_year(self) -> int:
        year, century = self.numbers.get("year", 0), self.numbers.get("century", 0)
        if not century:
            if not year and "day_of_year" in self.numbers:
                _raise_format("cannot calculate day of year without year information")
            return year
        if "year" not in self.numbers:
            return (century - 1) * 100 + 1
        if self.year_digits > 2:
            return year
        of_century = year % 100
        return (century - 1) * 100 + of_century if of_century else century * 100


def _is_separator(character: str) -> bool:
    return " " < character < "\x7f" and not character.isalnum()
