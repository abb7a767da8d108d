"""Templates of numbers, such as `FM999,990.00`, `S9999`, `9.99EEEE`, `RN`, and to_char by them.

The rules where blanks, signs and zeros go are PostgreSQL's own, found only in its code: `_Writer` follows its
`NUM_processor` step by step. `number` there are the digits to be laid out, `blanks` how many positions of the
template come before their first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, NoReturn

from minidb.errors import DataError, NotSupportedError, SyntaxError_
from minidb.value.cast import cast_function
from minidb.value.numeric import WIDE, format_numeric, multiply, round_numeric
from minidb.value.sql_types import INTEGER, NUMERIC

_PIECE: Final = re.compile(
    r"(?P<keyword>FM|EEEE|MI|PL|PR|RN|SG|SP|TH|[90.,BDGLSV])|"
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"?|\\(?P<escaped>")|(?P<literal>.)',
    re.DOTALL | re.IGNORECASE,
)
_DOUBLE_DIGITS: Final = 15
_REAL_DIGITS: Final = 6
_ROMAN: Final = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """What the whole template asks for; `pieces` are (keyword in upper case or "", text as written)."""

    pieces: tuple[tuple[str, str], ...]
    before: int  # digits before the point
    after: int
    shift: int  # digits after V
    zero_start: int  # the position of the first 0 before the point; -1 if there is none
    zero_end: int
    has_point: bool
    fills: bool  # not FM
    sign_place: str  # where S stands: "before", "after" or ""
    sign_position: int
    keywords: frozenset[str]


def _raise_template(message: str) -> NoReturn:
    raise SyntaxError_(message)


@lru_cache(maxsize=512)
def template_of(text: str) -> Template:
    """The parsed template; 42601 if its parts do not go together."""
    pieces: list[tuple[str, str]] = []
    seen: set[str] = set()
    before = after = shift = zero_end = sign_position = 0
    zero_start = -1
    sign_place = ""
    for match in _PIECE.finditer(text):
        found = match["keyword"]
        if found is None:
            quoted = match["quoted"]
            plain = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else None
            pieces.append(("", plain if plain is not None else match["escaped"] or match["literal"]))
            continue
        keyword = "." if found in "Dd" else found.upper()
        _check_piece(keyword, seen)
        pieces.append((keyword, found))
        if keyword == "9" or keyword == "0":
            if keyword == "9" and "V" in seen:
                shift += 1
                continue
            if keyword == "0" and zero_start < 0 and "." not in seen:
                zero_start = before
            if "." in seen:
                after += 1
            else:
                before += 1
            if keyword == "0":
                zero_end = before + after
        elif keyword == "S":
            if "." not in seen:
                sign_place, sign_position = "before", before
            else:
                sign_place = sign_place or "after"
        seen.add(keyword)
    return Template(
        tuple(pieces), before, after, shift, zero_start, zero_end, "." in seen, "FM" not in seen,
        sign_place, sign_position, frozenset(seen),
    )  # fmt: skip


def _check_piece(keyword: str, seen: set[str]) -> None:
    """The combinations that PostgreSQL refuses."""
    if "EEEE" in seen and keyword != "EEEE":
        _raise_template('"EEEE" must be the last pattern used')
    if keyword == "SP":
        raise NotSupportedError("the format modifier SP is not supported")
    if keyword in "90" and "PR" in seen:
        _raise_template(f'"{keyword}" must be ahead of "PR"')
    if keyword == ".":
        if "." in seen:
            _raise_template("multiple decimal points")
        if "V" in seen:
            _raise_template('cannot use "V" and decimal point together')
    if keyword == "V" and "." in seen:
        _raise_template('cannot use "V" and decimal point together')
    signs = seen & {"PL", "MI", "SG", "PR"}
    if keyword == "S":
        if "S" in seen:
            _raise_template('cannot use "S" twice')
        if signs:
            _raise_template('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
    if keyword in ("PL", "MI", "SG") and "S" in seen:
        _raise_template(f'cannot use "S" and "{keyword}" together')
    if keyword == "PR" and ("S" in seen or signs - {"PR"}):
        _raise_template('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
    if keyword == "EEEE":
        if "EEEE" in seen:
            _raise_template('cannot use "EEEE" twice')
        if seen & {"B", "FM", "S", "PR", "MI", "PL", "SG", "RN", "V"}:
            _raise_template('"EEEE" is incompatible with other formats')


_numeric_to_integer = cast_function(NUMERIC, INTEGER, True)


# --- to_char ------------------------------------------------------------------------------------------


def to_char_numeric(value: Decimal, text: str) -> str:
    """to_char(numeric | integer | bigint, template)."""
    template = template_of(text)
    if "RN" in template.keywords:
        return _roman_text(template, _numeric_to_integer(value))
    if "EEEE" in template.keywords:
        return _scientific(template, value)
    if template.shift:
        value = multiply(value, Decimal((0, (1,), template.shift)))
    digits = format_numeric(round_numeric(value, template.after))
    return _laid_out(template, digits, template.before + template.shift, template.after)


def to_char_float(value: float, text: str, digits: int = _DOUBLE_DIGITS) -> str:
    """to_char(double precision, template); of a real with 6 `digits`."""
    template = template_of(text)
    if "RN" in template.keywords:
        return _roman_text(template, round(value) if abs(value) < 1e9 else 0)
    if "EEEE" in template.keywords:
        if value - value != 0:
            return _not_a_number(template)
        return (
            f"{value:+.{template.after}e}".replace("+", " ", 1)
            if value >= 0
            else f"{value:.{template.after}e}"
        )
    if template.shift:
        value *= 10.0**template.shift
    before = template.before + template.shift
    whole = _c_format(abs(value), 0)
    after = max(0, min(template.after, digits - len(whole)))
    return _laid_out(template, _c_format(value, after), before, after)


def to_char_real(value: float, text: str) -> str:
    """to_char(real, template)."""
    return to_char_float(value, text, _REAL_DIGITS)


def _c_format(value: float, after: int) -> str:
    text = f"{value:.{after}f}"
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def _roman_text(template: Template, number: int) -> str:
    text = "#" * 15
    if 1 <= number <= 3999:
        text = ""
        for amount, letters in _ROMAN:
            text += letters * (number // amount)
            number %= amount
    parts: list[str] = []
    for keyword, spelled in template.pieces:
        if keyword == "RN":
            cased = text.lower() if spelled == "rn" else text
            parts.append(cased.rjust(15) if template.fills else cased)
        elif not keyword:
            parts.append(spelled)
    return "".join(parts)


def _not_a_number(template: Template) -> str:
    hashes = ["#"] * (template.before + template.after + 6)
    hashes[0] = " "
    hashes[template.before + 1] = "."
    return "".join(hashes)


def _scientific(template: Template, value: Decimal) -> str:
    if not value.is_finite():
        return _not_a_number(template)
    if not value:
        mantissa, exponent = Decimal(0), 0
    else:
        exponent = value.adjusted()
        mantissa = round_numeric(value.scaleb(-exponent, WIDE), template.after)
        if abs(mantissa) >= 10:
            exponent += 1
            mantissa = round_numeric(value.scaleb(-exponent, WIDE), template.after)
    digits = format_numeric(round_numeric(mantissa, template.after))
    text = f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text if text.startswith("-") else " " + text


def _laid_out(template: Template, digits: str, before: int, after: int) -> str:
    sign = "-" if digits.startswith("-") else "+"
    number = digits.lstrip("-")
    length = len(number.partition(".")[0])
    blanks = before - length if length < before else 0
    if length > before:
        number = "#" * before + "." + "#" * after
    return _Writer(template, number, blanks, sign, before, after).write()


class _Writer:
    """Lays the digits out along the template; `position` counts its digit places and the point."""

    def __init__(
        self, template: Template, number: str, blanks: int, sign: str, before: int, after: int
    ) -> None:
        self.template = template
        self.number = number
        self.blanks = blanks
        self.sign = sign
        self.after = after
        self.output: list[str] = []
        self.end = -1  # the length of the output at which a number without a fraction, NaN, broke off
        self.next_digit = 0
        self.position = 0
        self.in_number = False
        self.last_relevant = -1  # the last digit that FM leaves, -1: all
        keywords = template.keywords
        self.brackets = "PR" in keywords and not (sign != "-" and not template.fills)
        if keywords & {"PL", "MI", "SG"}:
            self.sign_written = "SG" in keywords or "MI" in keywords
        else:
            self.sign_written = sign == "+" and not template.fills and "S" not in keywords
        self.sign_place = template.sign_place
        if self.sign_place == "before" and before == template.sign_position and "S" in keywords:
            self.sign_place = "after"
        self.count = after + before - 1
        if not template.fills and template.has_point:
            self.find_last_relevant()
        if not self.sign_written and blanks == 0:
            self.count += 1

    def find_last_relevant(self) -> None:
        point = self.number.find(".")
        if point < 0:
            return
        stripped = self.number.rstrip("0")
        self.last_relevant = max(point, len(stripped) - 1)
        if self.template.zero_end > self.blanks:
            last_zero = min(len(self.number) - 1, self.template.zero_end - self.blanks)
            self.last_relevant = max(self.last_relevant, last_zero)

    def write(self) -> str:
        fills = self.template.fills
        for keyword, spelled in self.template.pieces:
            match keyword:
                case "":
                    self.output.append(spelled)
                case "9" | "0" | ".":
                    self.write_place(keyword)
                case "," | "G":
                    if self.in_number:
                        self.output.append(",")
                    elif fills:
                        self.output.append(" ")
                case "L":
                    self.output.append(" ")
                case "TH":
                    if not self.number.startswith("#") and self.sign != "-" and not self.template.has_point:
                        self.output.append(_ordinal_ending(self.number, spelled))
                case "MI":
                    self.output.append("-" if self.sign == "-" else " " if fills else "")
                case "PL":
                    self.output.append("+" if self.sign == "+" else " " if fills else "")
                case "SG":
                    self.output.append(self.sign)
        return "".join(self.output if self.end < 0 else self.output[: self.end])

    def at_point_only(self) -> bool:
        return self.last_relevant >= 0 and self.number[self.last_relevant] == "."

    def is_blank_zero(self) -> bool:
        """Whether the next digit is the 0 of 0.1, which 9.9 shows as a blank."""
        return (
            self.template.zero_start < 0
            and self.next_digit == 0
            and self.number.startswith("0")
            and self.after != 0
        )

    def write_place(self, keyword: str) -> None:
        template = self.template
        self.in_number = False
        starts = self.position >= self.blanks or template.zero_start == self.position
        if not self.sign_written and starts and (not self.is_blank_zero() or self.at_point_only()):
            self.write_sign()
        if self.position < self.blanks:
            if template.zero_start < 0 or template.zero_start > self.position:
                if template.fills:
                    self.output.append(" ")
            else:
                self.output.append("0")
                self.in_number = True
        else:
            self.write_digit(keyword)
            if self.next_digit < len(self.number):
                self.next_digit += 1
        end = self.count + (1 if self.blanks else 0) + (1 if template.has_point else 0)
        if self.last_relevant >= 0 and self.last_relevant == self.next_digit:
            end = self.position
        if self.position + 1 == end:
            if self.sign_written and self.brackets:
                self.output.append(" " if self.sign == "+" else ">")
            elif self.sign_place == "after":
                self.output.append(self.sign)
        self.position += 1

    def write_sign(self) -> None:
        if self.template.sign_place:
            if self.sign_place == "before":
                self.output.append(self.sign)
                self.sign_written = True
            return
        if self.brackets:
            self.output.append(" " if self.sign == "+" else "<")
        elif self.sign == "+":
            if self.template.fills:
                self.output.append(" ")
        else:
            self.output.append("-")
        self.sign_written = True

    def write_digit(self, keyword: str) -> None:
        digit = self.number[self.next_digit] if self.next_digit < len(self.number) else ""
        if digit == ".":
            if not self.at_point_only() or not self.template.fills:
                self.output.append(".")
        elif self.last_relevant >= 0 and self.next_digit > self.last_relevant and keyword != "0":
            pass
        elif self.is_blank_zero():
            if self.template.fills:
                self.output.append(" ")
            elif self.at_point_only():
                self.output.append("0")
        else:
            if not digit and self.end < 0:
                self.end = len(self.output)
            self.output.append(digit)
            self.in_number = True


def _ordinal_ending(number: str, spelled: str) -> str:
    if not number[-1:].isdigit():
        raise DataError(f'"{number}" is not a number', sqlstate="22P02")
    tens = number[-2:-1] == "1"
    ending = "th" if tens else {"1": "st", "2": "nd", "3": "rd"}.get(number[-1:], "th")
    return ending if spelled == "th" else ending.upper()
