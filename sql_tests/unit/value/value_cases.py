"""Reads the tables of cases beside it, and says what minidb makes of a case in the words of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from minidb.errors import Error
from minidb.value.session_time import SessionTime, zone_by_name
from minidb.value.sql_types import SqlType, Value
from minidb.value.text import from_text, to_text
from minidb.value.types_by_name import type_from_name

NEW_YORK = zone_by_name("America/New_York")
SESSION = SessionTime(NEW_YORK)
_TYPE_NAME = re.compile(r"([^(]+)(?:\(([^)]*)\))?(.*)")


def cases(name: str) -> list[tuple[str, ...]]:
    """The rows of `name`.tsv."""
    text = (Path(__file__).parent / f"{name}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("# ") and line != "#"]
    return [tuple([_unescaped(field) for field in row]) for row in rows]


def _unescaped(field: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n"}.get(match[1], match[1]), field)


def type_named(text: str) -> SqlType:
    """`numeric(5,2)` and the like."""
    match = _TYPE_NAME.match(text)
    assert match is not None
    modifiers = [int(number) for number in match[2].split(",")] if match[2] else []
    return type_from_name(match[1] + match[3], modifiers)


def value_of(type_name: str, text: str) -> Value:
    """The value of the type that the text spells, in the tables' time zone."""
    return from_text(text, type_named(type_name), SESSION)


def shown(type_name: str, value: Value) -> str:
    """The text of a value, in the tables' time zone."""
    return to_text(value, type_named(type_name), SESSION)


def outcome(function: Callable[[], Value]) -> str:
    """The result as a text, or `!SQLSTATE: message`."""
    try:
        result = function()
    except Error as error:
        return f"!{error.sqlstate}: {error.message}"
    return "<NULL>" if result is None else str(result)


def disagreements(rows: list[tuple[str, ...]], evaluate: Callable[[tuple[str, ...]], Value]) -> list[str]:
    """The rows whose last field is not what `evaluate` yields for the others."""
    found: list[str] = []
    for *operands, expected in rows:
        actual = outcome(lambda operands=tuple(operands): evaluate(operands))  # type: ignore[misc]
        if actual != expected:
            found.append(f"{operands}: expected {expected!r}, is {actual!r}")
    return found
