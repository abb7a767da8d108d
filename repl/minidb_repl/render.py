"""Results and errors as text: aligned tables, CSV, JSON, a caret under the token that is wrong."""

from __future__ import annotations

import csv
import datetime
import json
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TextIO

import minidb

Rows = Iterable[Sequence[Any]]
Output = Callable[[TextIO, list[str], list[str], Rows], int]

ROWS_MEASURED = 1000  # a table's widths are those of this many rows at a time, so that results stream
_RIGHT = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})


def text_of(value: Any) -> str:
    """A value as PostgreSQL's shell prints it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)


def print_table(out: TextIO, names: list[str], types: list[str], rows: Rows) -> int:
    """Aligned columns, numbers to the right, and the number of rows; returns it."""
    count = 0
    pending: list[list[str]] = []
    header = True
    for row in rows:
        pending.append([text_of(value).replace("\n", "\\n") for value in row])
        count += 1
        if len(pending) == ROWS_MEASURED:
            _print_block(out, names if header else None, types, pending)
            pending, header = [], False
    if pending or header:
        _print_block(out, names if header else None, types, pending)
    out.write(f"({count} row{'' if count == 1 else 's'})\n")
    return count


def _print_block(out: TextIO, names: list[str] | None, types: list[str], cells: list[list[str]]) -> None:
    widths = [max([_width(row[i]) for row in cells], default=0) for i in range(len(types))]
    if names is not None:
        widths = [max(width, _width(name)) for width, name in zip(widths, names, strict=True)]
        centred = [_pad(name, width, "centre") for name, width in zip(names, widths, strict=True)]
        out.write((" " + " | ".join(centred)).rstrip() + "\n")
        out.write("+".join(["-" * (width + 2) for width in widths]) + "\n")
    sides = ["right" if type_.split("(")[0] in _RIGHT else "left" for type_ in types]
    for row in cells:
        padded = [_pad(cell, width, side) for cell, width, side in zip(row, widths, sides, strict=True)]
        out.write((" " + " | ".join(padded)).rstrip() + "\n")


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _pad(text: str, width: int, side: str) -> str:
    space = width - _width(text)
    if side == "right":
        return " " * space + text
    if side == "centre":
        return " " * (space // 2) + text + " " * (space - space // 2)
    return text + " " * space


def print_csv(out: TextIO, names: list[str], types: list[str], rows: Rows) -> int:
    """Comma-separated, with a header line; NULL is an empty field."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for row in rows:
        writer.writerow([text_of(value) for value in row])
        count += 1
    return count


def print_json(out: TextIO, names: list[str], types: list[str], rows: Rows) -> int:
    """An array of objects, one a line. Equal column names are numbered, so that none is lost."""
    keys: list[str] = []
    for name in names:
        key, number = name, 2
        while key in keys:
            key, number = f"{name}_{number}", number + 1
        keys.append(key)
    count = 0
    out.write("[")
    for row in rows:
        out.write(",\n " if count else "\n ")
        out.write(json.dumps(dict(zip(keys, row, strict=True)), default=_json_value, ensure_ascii=False))
        count += 1
    out.write("\n]\n")
    return count


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.is_finite() else str(value)
    if isinstance(value, uuid.UUID | datetime.date | datetime.time | datetime.timedelta | bytes):
        return text_of(value)
    return str(value)


FORMATS: dict[str, Output] = {"table": print_table, "csv": print_csv, "json": print_json}


def describe_error(error: minidb.Error, sql: str) -> str:
    """PostgreSQL's shell's form: message, the line with a caret, detail, hint, context."""
    lines = [f"ERROR:  {error.sqlstate}: {error}"]
    if error.position is not None and 1 <= error.position <= len(sql) + 1:
        before = sql[: error.position - 1]
        number = before.count("\n") + 1
        line = sql.split("\n")[number - 1]
        label = f"LINE {number}: "
        column = len(before) - (before.rfind("\n") + 1)
        lines.append(label + line)
        lines.append(" " * (len(label) + _width(line[:column])) + "^")
    lines.extend(_details(error))
    if error.context:
        lines.append(f"CONTEXT:  {error.context}")
    return "\n".join(lines)


def describe_notice(notice: minidb.Notice) -> str:
    """What a statement said on its way, in the same form."""
    return "\n".join([f"{notice.severity}:  {notice.message}", *_details(notice)])


def _details(about: minidb.Error | minidb.Notice) -> list[str]:
    parts = (("DETAIL", about.detail), ("HINT", about.hint))
    return [f"{label}:  {text}" for label, text in parts if text]
