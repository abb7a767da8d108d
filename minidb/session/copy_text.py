r"""COPY's text format, PostgreSQL's own: a line a row, fields between tabs, `\N` for NULL, backslash escapes.

    1<tab>two\nlines<tab>\N

Control characters, the delimiter and the backslash itself are written with a backslash before them; what is
read may also use octal (`\101`) and hexadecimal (`\x41`) bytes, and end early with a line of `\.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TextIO

from minidb.errors import DataError
from minidb.session.result import Columns
from minidb.value.sql_types import Row
from minidb.value.text import to_text

NULL: Final = r"\N"
DELIMITER: Final = "\t"
_ROWS_PER_BATCH: Final = 2048
_LETTERS: Final = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\"}
_CONTROLS: Final = {letter.encode(): control.encode() for control, letter in _LETTERS.items()}
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_TRAILING_BACKSLASHES: Final = re.compile(r"\\+\Z")


def read(file: TextIO, columns: Columns, delimiter: str, null: str, header: bool) -> Iterator[list[Row]]:
    """The file's rows, as texts that are cast like literals."""
    rows: list[Row] = []
    width = len(columns)
    for number, line in enumerate(_lines(file), 0 if header else 1):
        if line == r"\.":
            break
        if number == 0:
            continue
        fields = _split(line, delimiter)
        if len(fields) != width:
            raise _wrong_width(columns, len(fields), number)
        rows.append(tuple([None if field == null else _decoded(field, number) for field in fields]))
        if len(rows) == _ROWS_PER_BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _lines(file: TextIO) -> Iterator[str]:
    """Lines without their ends; a backslash at the end of one continues it."""
    started = ""
    for line in file:
        line = started + line.rstrip("\n")
        started = ""
        backslashes = _TRAILING_BACKSLASHES.search(line)
        if backslashes is not None and len(backslashes[0]) % 2:
            started = line[:-1] + r"\n"
        else:
            yield line
    if started:
        yield started


def _split(line: str, delimiter: str) -> list[str]:
    """The raw fields; a delimiter after a backslash is data."""
    if "\\" not in line:
        return line.split(delimiter)
    fields = []
    start = place = 0
    while place < len(line):
        character = line[place]
        if character == "\\":
            place += 1
        elif character == delimiter:
            fields.append(line[start:place])
            start = place + 1
        place += 1
    fields.append(line[start:])
    return fields


def _decoded(field: str, number: int) -> str:
    if "\\" not in field:
        return field
    try:
        return _ESCAPE.sub(_unescaped, field.encode()).decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f'invalid byte sequence for encoding "UTF8": {error.reason} (row {number} of the file)',
            sqlstate="22021",
        ) from None


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    if escape[:1].isdigit() and escape[:1] < b"8":
        return bytes([int(escape, 8) & 0xFF])
    if escape[:1] == b"x" and len(escape) > 1:
        return bytes([int(escape[1:], 16)])
    return _CONTROLS.get(escape, escape)


def _wrong_width(columns: Columns, found: int, number: int) -> DataError:
    if found < len(columns):
        what = f'missing data for column "{columns[found][0]}"'
    else:
        what = "extra data after last expected column"
    return DataError(f"{what} (row {number} of the file)", sqlstate="22P04")


def write(file: TextIO, rows: list[Row], columns: Columns, delimiter: str, null: str) -> None:
    """Append rows to the file."""
    special = str.maketrans(
        {
            **{control: "\\" + letter for control, letter in _LETTERS.items()},
            delimiter: "\\" + _LETTERS.get(delimiter, delimiter),
        }
    )
    texts = []
    for values, (_, type_) in zip(zip(*rows, strict=True), columns, strict=True):
        texts.append(
            [null if value is None else to_text(value, type_).translate(special) for value in values]
        )
    if not columns:
        file.write("\n" * len(rows))
    file.write("".join([delimiter.join(fields) + "\n" for fields in zip(*texts, strict=True)]))


def write_header(file: TextIO, columns: Columns, delimiter: str) -> None:
    """The line of the columns' names."""
    file.write(delimiter.join([name for name, _ in columns]) + "\n")
