"""to_char and to_number of numbers: templates such as `FM999,990.00` and `S9.99EEEE`.

A template is read into a list of pieces and a summary (`Template`); then the number's digits are laid over
the digit positions from the left, as PostgreSQL's NUM_processor does it: positions before the number's first
digit become blanks or zeros, and the sign stands directly before the first thing written.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Final, NoReturn

from minidb.errors import DataError, SyntaxError_
from minidb.value import numeric

_TOKEN: Final = re.compile(
    r'"((?:[^"\\]|\\.)*)"?|\\(.)|(EEEE|FM|MI|PL|SG|PR|RN|TH|SP|[,.09BDGLSV])|(.)', re.IGNORECASE | re.DOTALL
)
_ROMAN: Final = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_MOST_FLOAT_DIGITS: Final = 15


class Template:
    """A parsed template: `pieces` are (keyword, "") or ("", literal text); the rest, what they add up to."""

    __slots__ = (
        "blank", "bracket", "decimal", "exponent", "fill", "leading_sign", "minus", "moved", "multiplied",
        "pieces", "plus", "post", "pre", "roman", "sign_at", "trailing_sign", "zero_end", "zero_start",
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.pieces: list[tuple[str, str]] = []
        self.pre = self.post = self.moved = 0  # digits before and after the point, and behind V
        self.zero_start = self.zero_end = 0
        self.sign_at = 0
        self.fill = self.decimal = self.exponent = self.multiplied = self.roman = self.blank = False
        self.leading_sign = self.trailing_sign = self.minus = self.plus = self.bracket = False
        for match in _TOKEN.finditer(text):
            quoted, escaped, keyword, other = match.groups()
            if keyword is not None:
                # th and rn print in their own case
                key = keyword if keyword in ("th", "rn") else keyword.upper()
                self._count(key.upper())
                self.pieces.append((key, ""))
            elif quoted is not None:
                self.pieces.append(("", re.sub(r"\\(.)", r"\1", quoted)))
            else:
                self.pieces.append(("", escaped if escaped is not None else other))

    def _count(self, key: str) -> None:
        if self.exponent and key != "EEEE":
            _bad_template('"EEEE" must be the last pattern used')
        match key:
            case "9" | "0":
                if self.bracket:
                    _bad_template(f'"{key}" must be ahead of "PR"')
                self._count_digit(key)
            case "." | "D":
                if self.decimal:
                    _bad_template("multiple decimal points")
                if self.multiplied:
                    _bad_template('cannot use "V" and decimal point together')
                self.decimal = True
            case "FM":
                self.fill = True
            case "S" | "MI" | "PL" | "SG" | "PR":
                self._count_sign(key)
            case "RN":
                self.roman = True
            case "V":
                if self.decimal:
                    _bad_template('cannot use "V" and decimal point together')
                self.multiplied = True
            case "B":
                self.blank = True
            case "EEEE":
                if self.fill or self.roman or self.plus or self.minus or self.bracket or self.leading_sign:
                    _bad_template('"EEEE" is incompatible with other formats')
                self.exponent = True

    def _count_digit(self, key: str) -> None:
        if key == "9" and self.multiplied:
            self.moved += 1
            return
        if key == "0" and not self.zero_start and not self.decimal:
            self.zero_start = self.pre + 1
        if self.decimal:
            self.post += 1
        else:
            self.pre += 1
        if key == "0":
            self.zero_end = self.pre + self.post

    def _count_sign(self, key: str) -> None:
        if key == "S":
            if self.leading_sign or self.trailing_sign:
                _bad_template('cannot use "S" twice')
            if self.plus or self.minus or self.bracket:
                _bad_template('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
            if self.decimal:
                self.trailing_sign = True
            else:
                self.leading_sign = True
                self.sign_at = self.pre
            return
        if self.leading_sign or self.trailing_sign or (key == "PR" and (self.plus or self.minus)):
            _bad_template(f'cannot use "S" and "{key}" together' if key != "PR" else
                          'cannot use "PR" and "S"/"PL"/"MI"/"SG" together')  # fmt: skip
        self.minus = self.minus or key in ("MI", "SG")
        self.plus = self.plus or key in ("PL", "SG")
        self.bracket = self.bracket or key == "PR"


def _bad_template(message: str) -> NoReturn:
    raise SyntaxError_(message)


@lru_cache(maxsize=256)
def template(text: str) -> Template:
    """The parsed template."""
    return Template(text)


def format_number(value: Decimal, text: str) -> str:
    """to_char(numeric, template)."""
    shape = template(text)
    if shape.roman:
        return _laid_out(shape, _roman(value), 0, False, shape.pre)
    if shape.exponent:
        return _scientific(value, shape)
    pre = shape.pre
    if shape.multiplied:
        value = numeric.multiply(value, Decimal(10) ** shape.moved)
        pre += shape.moved
    negative, digits = _digits(value, shape.post)
    return _positioned(shape, digits, negative, pre)


def format_integer(value: int, text: str) -> str:
    """to_char(integer, template)."""
    return format_number(Decimal(value), text)


def format_double(value: float, text: str) -> str:
    """to_char(double precision, template): no more digits than a double holds."""
    shape = template(text)
    if not math.isfinite(value) or shape.roman or shape.exponent:
        return format_number(Decimal(repr(value)), text)
    pre = shape.pre + shape.moved
    if shape.multiplied:
        value *= 10.0**shape.moved
    whole = len(f"{abs(value):.0f}")
    post = 0 if whole >= _MOST_FLOAT_DIGITS else min(shape.post, _MOST_FLOAT_DIGITS - whole)
    digits = f"{abs(value):.{post}f}"
    return _positioned(shape, digits, value < 0, pre)


def _digits(value: Decimal, post: int) -> tuple[bool, str]:
    if not value.is_finite():
        return value.is_signed() and not value.is_nan(), "NaN" if value.is_nan() else "Infinity"
    rounded = numeric.round_numeric(value, post)
    return rounded < 0, numeric.format_numeric(abs(rounded))


def _positioned(shape: Template, digits: str, negative: bool, pre: int) -> str:
    """Blanks before a short number, # in place of one that is too long."""
    whole = len(digits.partition(".")[0])
    spaces = 0
    if whole < pre:
        spaces = pre - whole
    elif whole > pre:
        digits = "#" * pre + "." + "#" * shape.post
    return _laid_out(shape, digits, spaces, negative, pre)


def _scientific(value: Decimal, shape: Template) -> str:
    if not value.is_finite():
        return " " + "#" * shape.pre + "." + "#" * (shape.post + 4)
    mantissa = Context(prec=shape.post + 1, rounding=ROUND_HALF_UP).plus(value)
    exponent = mantissa.adjusted() if mantissa else 0
    digits = f"{abs(mantissa).scaleb(-exponent):.{shape.post}f}"
    return f"{'-' if value < 0 else ' '}{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _roman(value: Decimal) -> str:
    number = int(numeric.round_numeric(value)) if value.is_finite() else 0
    if not 0 < number < 4000:
        return "#" * 15
    result = ""
    for size, letters in _ROMAN:
        while number >= size:
            result += letters
            number -= size
    return result


class _Layout:
    """The state of laying digits over a template."""

    __slots__ = ("_bracket", "_current", "_end", "_last", "_position", "_shape", "_spaces", "_zero_start",
                 "digits", "inside", "negative", "output", "sign_after", "sign_before",
                 "sign_written")  # fmt: skip

    def __init__(self, shape: Template, digits: str, spaces: int, negative: bool, pre: int) -> None:
        self._shape = shape
        self.digits = digits
        self.negative = negative
        self.output: list[str] = []
        self.inside = False  # whether a digit has been written just now
        self._spaces = spaces
        self._position = 0  # of the next character of `digits`
        self._current = 0  # number of digit positions passed
        self._zero_start = shape.zero_start - 1
        self._bracket = shape.bracket and not (shape.fill and not negative)
        self.sign_before = shape.leading_sign and shape.pre != shape.sign_at
        self.sign_after = shape.trailing_sign or (shape.leading_sign and shape.pre == shape.sign_at)
        if shape.plus or shape.minus:
            self.sign_written = not (shape.plus and not shape.minus)
        else:
            signed = shape.leading_sign or shape.trailing_sign
            self.sign_written = not negative and shape.fill and not signed
        self._last: int | None = None  # the last digit worth printing, under FM
        if shape.fill and shape.decimal:
            self._last = self._last_relevant()
        count = shape.post + pre - 1
        if not self.sign_written and spaces == 0:
            count += 1
        self._end = count + (1 if spaces else 0) + (1 if shape.decimal else 0)

    def _last_relevant(self) -> int | None:
        point = self.digits.find(".")
        if point < 0:
            return None
        last = point
        for index in range(point + 1, len(self.digits)):
            if self.digits[index] != "0":
                last = index
        if self._shape.zero_end > self._spaces:
            last = max(last, min(len(self.digits) - 1, self._shape.zero_end - self._spaces))
        return last

    def _blank_zero(self) -> bool:
        """0.1 by 9.9 is ` .1`: the zero before the point is left out."""
        shape = self._shape
        return not shape.zero_start and self._position == 0 and self.digits[:1] == "0" and shape.post != 0

    def _ends_at_point(self) -> bool:
        return self._last is not None and self.digits[self._last] == "."

    def _write_sign(self) -> None:
        shape = self._shape
        if shape.leading_sign or shape.trailing_sign:
            if self.sign_before:
                self.output.append("-" if self.negative else "+")
                self.sign_written = True
        elif self._bracket:
            self.output.append("<" if self.negative else " ")
            self.sign_written = True
        else:
            if self.negative:
                self.output.append("-")
            elif not shape.fill:
                self.output.append(" ")
            self.sign_written = True

    def digit(self, key: str) -> None:
        """One of 9 0 . D."""
        shape = self._shape
        self.inside = False
        zero_here = bool(shape.zero_start) and self._zero_start <= self._current
        starts = self._current >= self._spaces or (
            bool(shape.zero_start) and self._zero_start == self._current
        )
        if not self.sign_written and starts and (not self._blank_zero() or self._ends_at_point()):
            self._write_sign()
        if self._current < self._spaces and not zero_here:
            if not shape.fill:
                self.output.append(" ")
        elif self._current < self._spaces:
            self.output.append("0")
            self.inside = True
        else:
            self._write_digit(key)
        end = self._current if self._last is not None and self._last == self._position else self._end
        if self._current + 1 == end:
            if self.sign_written and self._bracket:
                self.output.append(">" if self.negative else " ")
            elif self.sign_after:
                self.output.append("-" if self.negative else "+")
        self._current += 1

    def _write_digit(self, key: str) -> None:
        character = self.digits[self._position : self._position + 1]
        if character == ".":
            self.output.append(".")
        elif self._last is not None and self._position > self._last and key != "0":
            pass
        elif self._blank_zero():
            if not self._shape.fill:
                self.output.append(" ")
            elif self._ends_at_point():
                self.output.append("0")
        elif character:
            self.output.append(character)
            self.inside = True
        if character:
            self._position += 1


def _laid_out(shape: Template, digits: str, spaces: int, negative: bool, pre: int) -> str:
    layout = _Layout(shape, digits, spaces, negative, pre)
    output = layout.output
    blank = "" if shape.fill else " "
    for key, literal in shape.pieces:
        match key:
            case "":
                output.append(literal)
            case "9" | "0" | "." | "D":
                if not shape.roman:
                    layout.digit(key)
            case "," | "G":
                output.append("," if layout.inside else blank)
            case "L":
                output.append(" ")
            case "RN" | "rn":
                roman = digits if key == "RN" else digits.lower()
                output.append(roman if shape.fill else roman.rjust(15))
            case "TH" | "th":
                if not (shape.roman or digits.startswith("#") or negative or shape.decimal):
                    output.append(ordinal_suffix(digits, upper=key == "TH"))
            case "MI":
                output.append("-" if negative else blank)
            case "PL":
                output.append(blank if negative else "+")
            case "SG":
                output.append("-" if negative else "+")
    return "".join(output)


def ordinal_suffix(digits: str, *, upper: bool) -> str:
    """st, nd, rd or th."""
    ending = "th"
    if digits[-1:] in "123" and digits[-2:-1] != "1":
        ending = {"1": "st", "2": "nd", "3": "rd"}[digits[-1:]]
    return ending.upper() if upper else ending


def parse_number(text: str, pattern: str) -> Decimal:
    """to_number(text, template): digits where the template has some; the rest is passed over."""
    shape = template(pattern)
    if shape.roman:
        raise DataError('"RN" not supported for input', sqlstate="0A000")
    position = 0
    negative = False
    digits = ""
    seen_point = False
    for key, literal in shape.pieces:
        while text[position : position + 1] in (" ", "\t") and position < len(text):
            position += 1
        character = text[position : position + 1]
        if not character:
            break
        if character in "+-<" and not digits:
            negative = character in "-<"
            position += 1
            if key in ("S", "MI", "PL", "SG"):
                continue
            character = text[position : position + 1]
        match key:
            case "9" | "0":
                if character.isdigit():
                    digits += character
                    position += 1
                elif character == "." and not seen_point and shape.decimal:
                    break
            case "." | "D":
                while text[position : position + 1].isdigit():
                    position += 1
                if text[position : position + 1] == ".":
                    digits += "."
                    seen_point = True
                    position += 1
            case "," | "G":
                position += character == ","
            case "L":
                position += not character.isdigit() and character not in "+-."
            case "MI" | "S" | "SG" | "PL" | "PR":
                if character in "+->":
                    negative = negative or character == "-"
                    position += 1
            case "":
                position += len(literal)
    if not digits.strip("."):
        raise DataError(f'invalid input syntax for type numeric: "{text}"', sqlstate="22P02")
    if text[position:].strip().startswith("-"):
        negative = negative or shape.trailing_sign or shape.leading_sign or shape.minus
    number = numeric.parse_numeric(digits.rstrip("."))
    if shape.multiplied:
        number = numeric.divide(number, Decimal(10) ** shape.moved)
    return numeric.negate(number) if negative else number
