"""SQLite's sqllogictest format: parse a file into records, run them against one connection.

    statement ok | statement error          then the statement
    query <types> [<sort>] [<label>]        then the query, `----`, and the expected values, one a line
    hash-threshold <n>                      results of more than n values are given as a hash
    skipif <database> / onlyif <database>   apply to the record that follows
    halt                                    ends the file

Types: T text, I integer, R real (printed with three decimals). Sort: nosort, rowsort, valuesort. A text under
I or R is converted as SQLite does it. An empty text prints as `(empty)`, NULL as `NULL`, unprintable
characters as `@`. Results that share a label must be equal.

The format is described at https://sqlite.org/sqllogictest/doc/trunk/about.wiki.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minidb

DATABASE_NAME = "postgresql"  # what minidb answers to in skipif and onlyif
NUMBER_PREFIX = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
HASH_LINE = re.compile(r"^(\d+) values hashing to ([0-9a-f]{32})$")


class FormatError(Exception):
    """The file is not sqllogictest; the message names the line."""


@dataclass
class Record:
    """One statement or query, with the number of the line where it starts."""

    line: int
    sql: str
    kind: str  # statement | query | halt | hash-threshold
    expect_error: bool = False
    types: str = ""
    sort: str = "nosort"
    label: str = ""
    expected: list[str] = field(default_factory=list)


@dataclass
class FileResult:
    """What a file's run came to; `failures` are (line, message)."""

    path: str
    passed: int = 0
    skipped: int = 0
    allowed: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)


def parse_file(path: Path) -> Iterator[tuple[Record, bool]]:
    """Each record and whether it is skipped for minidb."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    # A block is a run of lines without a blank one: the format's records.
    block: list[str] = []
    start = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            if not block:
                start = number
            block.append(line)
        elif block:
            record = _parse_block(path, start, block)
            block = []
            if record is not None:
                yield record


def _parse_block(path: Path, start: int, block: list[str]) -> tuple[Record, bool] | None:
    """A block of lines as a record; None if it holds only comments."""
    skipped = False
    for offset, line in enumerate(block):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        number = start + offset
        match words[0]:
            case "skipif" | "onlyif" if len(words) == 2:
                skipped = skipped or (words[1] == DATABASE_NAME) == (words[0] == "skipif")
            case "halt":
                return Record(number, "", "halt"), skipped
            case "hash-threshold" if len(words) == 2 and words[1].isdigit():
                return Record(number, "", "hash-threshold"), skipped
            case "statement" if len(words) == 2 and words[1] in ("ok", "error"):
                sql = "\n".join(block[offset + 1 :])
                return Record(number, sql, "statement", expect_error=words[1] == "error"), skipped
            case "query" if len(words) >= 2:
                return _parse_query(path, number, words, block[offset + 1 :]), skipped
            case _:
                raise FormatError(f"{path}:{number}: not a sqllogictest record: {line.strip()!r}")
    return None


def _parse_query(path: Path, number: int, words: list[str], lines: list[str]) -> Record:
    sort = words[2] if len(words) > 2 else "nosort"
    if set(words[1]) - set("TIR") or sort not in ("nosort", "rowsort", "valuesort"):
        raise FormatError(f"{path}:{number}: unknown types or sort mode: {' '.join(words)}")
    if "----" in lines:
        border = lines.index("----")
        sql, expected = lines[:border], lines[border + 1 :]
    else:
        sql, expected = lines, []
    return Record(
        number,
        "\n".join(sql),
        "query",
        types=words[1],
        sort=sort,
        label=words[3] if len(words) > 3 else "",
        expected=expected,
    )


def format_value(value: Any, type_code: str) -> str:
    """A value as the format prints it under a type letter."""
    if value is None:
        return "NULL"
    if type_code == "I" and isinstance(value, int | float | decimal.Decimal):
        return str(int(value))
    if type_code == "R" and isinstance(value, int | float | decimal.Decimal):
        return f"{value:.3f}"
    if type_code != "T" and isinstance(value, str):
        # As SQLite converts: the number that the text begins with, or 0.
        number = NUMBER_PREFIX.match(value)
        digits = float(number[0]) if number is not None else 0.0
        return str(int(digits)) if type_code == "I" else f"{digits:.3f}"
    if isinstance(value, bool):
        text = "1" if value else "0"
    elif isinstance(value, bytes):
        text = value.decode("latin-1")
    elif isinstance(value, datetime.datetime):
        text = value.isoformat(" ")
    else:
        text = str(value)
    if text == "":
        return "(empty)"
    return "".join([c if " " <= c <= "~" else "@" for c in text])


def render(rows: list[tuple[Any, ...]], types: str, sort: str) -> list[str]:
    """All values of a result, in the record's order."""
    table = [[format_value(value, code) for value, code in zip(row, types, strict=True)] for row in rows]
    if sort == "rowsort":
        table.sort()
    values = [value for row in table for value in row]
    if sort == "valuesort":
        values.sort()
    return values


def digest(values: list[str]) -> str:
    """The format's hash of a result: MD5 over each value and a newline."""
    return hashlib.md5("".join([f"{value}\n" for value in values]).encode("utf-8", "replace")).hexdigest()


def run_file(path: Path, name: str, allowed: frozenset[int] = frozenset()) -> FileResult:
    """Run a file in a fresh in-memory database; failures at the lines `allowed` are counted apart."""
    result = FileResult(name)
    labels: dict[str, str] = {}
    with minidb.connect(":memory:", autocommit=True) as connection:
        for record, skipped in parse_file(path):
            if skipped:
                result.skipped += record.kind in ("statement", "query")
                continue
            if record.kind == "halt":
                break
            if record.kind == "hash-threshold":
                continue  # the expected side says by itself whether it is a hash
            problem = _run_record(connection, record, labels)
            if problem is None:
                result.passed += 1
            elif record.line in allowed:
                result.allowed += 1
            else:
                result.failures.append((record.line, problem))
    return result


def _run_record(connection: minidb.Connection, record: Record, labels: dict[str, str]) -> str | None:
    """What is wrong with the record's outcome, or None."""
    cursor = connection.cursor()
    try:
        cursor.execute(record.sql)
        rows = cursor.fetchall() if record.kind == "query" else []
    except minidb.Error as error:
        if record.expect_error:
            return None
        return f"{record.kind} failed: {error.sqlstate} {error}"
    finally:
        cursor.close()
    if record.expect_error:
        return "no error where one was expected"
    if record.kind != "query":
        return None
    if rows and len(rows[0]) != len(record.types):
        return f"{len(rows[0])} columns instead of {len(record.types)}"
    return _compare(record, render(rows, record.types, record.sort), labels)


def _compare(record: Record, values: list[str], labels: dict[str, str]) -> str | None:
    hashed = HASH_LINE.match(record.expected[0]) if len(record.expected) == 1 else None
    own = digest(values)
    if hashed is not None:
        if (int(hashed[1]), hashed[2]) != (len(values), own):
            return f"expected {hashed[0]}, got {len(values)} values hashing to {own}"
    elif values != record.expected:
        return f"wrong values: expected {record.expected[:10]}, got {values[:10]} ({len(values)} in all)"
    if record.label and labels.setdefault(record.label, own) != own:
        return f"differs from an earlier result labelled {record.label}"
    return None
