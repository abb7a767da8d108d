"""to_number: reads a number by a template, the way `number_patterns` would have printed it, or nearly so.

Every digit place of the template takes one character of the text, even one that is no digit; a comma of the
template is optional in the text; a sign may stand where S, MI, PL, SG or PR say, or just after the digits.
"""

from __future__ import annotations

from decimal import Decimal

from minidb.errors import DataError, NotSupportedError
from minidb.value.number_patterns import Template, template_of
from minidb.value.numeric import multiply, parse_numeric
from minidb.value.numeric_functions import power


def to_number(text: str, template_text: str) -> Decimal:
    """to_number(text, template): the digits of `text` at the template's digit places."""
    template = template_of(template_text)
    for keyword, name in (("RN", "RN"), ("EEEE", "EEEE")):
        if keyword in template.keywords:
            raise NotSupportedError(f'"{name}" not supported for input')
    reader = _Reader(text, template)
    digits = reader.read()
    if not any(character.isdigit() for character in digits):
        raise DataError(f'invalid input syntax for type numeric: "{digits or " "}"', sqlstate="22P02")
    value = parse_numeric(digits)
    return multiply(value, power(Decimal(10), Decimal(-template.shift))) if template.shift else value


class _Reader:
    """Takes digits from the text, place by place; a place takes one character even if it is no digit."""

    def __init__(self, text: str, template: Template) -> None:
        self.text = text
        self.template = template
        self.position = 0
        self.sign = " "
        self.digits = ""
        self.after = -1  # digits read after the point, -1 before it

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def read(self) -> str:
        for keyword, spelled in self.template.pieces:
            if self.position >= len(self.text):
                break
            match keyword:
                case "9" | "0" | ".":
                    self.read_place(keyword)
                    self.position += 1
                case "," | "G":
                    if self.peek() == "," and not (
                        keyword == "," and not self.digits and not self.template.fills
                    ):
                        self.position += 1
                case "MI" | "PL" | "SG":
                    signs = {"MI": "-", "PL": "+", "SG": "+-"}[keyword]
                    if self.peek() in signs:
                        self.sign = self.peek()
                        self.position += 1
                    else:
                        self.skip(1)
                case "TH":
                    self.skip(2)
                case "L":
                    self.skip(1)
                case "":
                    self.position += len(spelled)
        return self.sign.strip() + self.digits.rstrip(".")

    def skip(self, count: int) -> None:
        """Passes over characters that are not part of a number."""
        while count and self.position < len(self.text) and self.peek() not in "0123456789.,+-":
            self.position += 1
            count -= 1

    def read_place(self, keyword: str) -> None:
        keywords = self.template.keywords
        if self.peek() == " ":
            self.position += 1
        if self.position >= len(self.text):
            return
        if self.sign == " " and keyword != "." and not self.digits.strip("."):
            if self.peek() == "-" or ("PR" in keywords and self.peek() == "<"):
                self.sign = "-"
                self.position += 1
            elif self.peek() == "+":
                self.sign = "+"
                self.position += 1
        is_read = False
        if self.peek().isdigit():
            if self.after >= 0 and self.after == self.template.after:
                return
            self.digits += self.peek()
            if self.after >= 0:
                self.after += 1
            is_read = True
        elif self.template.has_point and self.after < 0 and self.peek() == ".":
            self.digits += "."
            self.after = 0
            is_read = True
        if self.sign == " " and self.digits.strip("."):
            self.read_sign_behind(is_read)

    def read_sign_behind(self, is_read: bool) -> None:
        """A sign after the last digit: where that is, only the text can tell."""
        keywords = self.template.keywords
        following = self.text[self.position + 1 : self.position + 2]
        if "S" in keywords and is_read:
            if following and following in "+-":
                self.sign = following
                self.position += 1
        elif (
            not is_read
            and "S" not in keywords
            and keywords & {"PL", "MI", "SG"}
            and self.peek() in ("+", "-")
        ):
            self.sign = self.peek()
            self.position += 1
