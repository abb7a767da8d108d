"""Ad-hoc text by its shape: `... WHERE id = 17` is prepared once as `... WHERE id = $1`.

One regular expression lifts the literals that stand where a parameter means the same: right after a
comparison operator, and, in a plain `INSERT ... VALUES` or CALL, between parentheses and commas. All other
literals (positions in ORDER BY, type modifiers, LIMIT, intervals) stay in the text and so in the shape.
A text that already has parameters, comments, dollar quotes or escape strings is left alone.
"""

from __future__ import annotations

import re
from decimal import Decimal

from minidb.value.sql_types import Value

_UNSAFE = re.compile(r"--|/\*|\$|\?|:[A-Za-z_]|;\s*\S|\"|(?<![\w'])[ebxun]'|&'", re.IGNORECASE)
_LITERAL = r"(?:-?\d+(?:\.\d+)?(?![\w.])|'(?:[^']|'')*')"
# Strings that are not lifted are consumed whole, so that no literal is found inside of them.
_COMPARED = re.compile(r"(?P<before>[=<>]\s*)(?P<literal>" + _LITERAL + r")(?!\s*(?:::|'))|'(?:[^']|'')*'")
_VALUE = re.compile(r"(?P<before>[(,]\s*)(?P<literal>" + _LITERAL + r")(?=\s*[,)])|'(?:[^']|'')*'")
_INSERT = re.compile(r"\s*insert\s+into\s+[\w.]+\s*(?:\([\w\s,]*\)\s*)?values(?=\s*\()", re.IGNORECASE)
_CALL = re.compile(r"\s*call\s+[\w.]+\s*(?=\()", re.IGNORECASE)
_SIMPLE = re.compile(r"\s*(?:select|update|delete)\b", re.IGNORECASE)
_AFTER_VALUES = re.compile(r"\b(?:on\s+conflict|returning|select)\b", re.IGNORECASE)
_LONGEST = 2000  # characters: longer texts are rarely repeated, and a shape is kept for each


def lift(text: str) -> tuple[str, list[Value]] | None:
    """(shape, values) of the text, or None where it must be taken as it is."""
    if len(text) > _LONGEST or _UNSAFE.search(text) is not None:
        return None
    insert = _INSERT.match(text)
    if insert is not None:
        start = insert.end()
        if _AFTER_VALUES.search(text, start) is not None:
            return None
        pattern = _VALUE
    elif _SIMPLE.match(text) is not None:
        start, pattern = 0, _COMPARED
    elif (call := _CALL.match(text)) is not None:
        start, pattern = call.end(), _VALUE
    else:
        return None
    values: list[Value] = []

    def replace(match: re.Match[str]) -> str:
        literal = match["literal"]
        if literal is None:
            return match[0]
        values.append(_value(literal))
        return f"{match['before']}${len(values)} "

    shape = text[:start] + pattern.sub(replace, text[start:])
    return (shape, values) if values else None


def _value(literal: str) -> Value:
    if literal[0] == "'":
        return literal[1:-1].replace("''", "'")
    return Decimal(literal) if "." in literal else int(literal)
