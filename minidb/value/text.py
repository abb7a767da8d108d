"""Every type's text, in and out, exactly as PostgreSQL 15 reads and prints it.

`from_text` and `to_text` do one value. Where many are read or printed, take the function first:
`reader(type)` and `writer(type)`. The session matters to the types in `ZONED_KINDS` only.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from minidb.errors import DataError
from minidb.value import fit
from minidb.value.date_input import parse_date, parse_time, parse_timestamp, parse_timestamptz
from minidb.value.date_output import format_date, format_time, format_timestamp, format_timestamptz
from minidb.value.float_text import format_double, format_real, parse_double, parse_real
from minidb.value.interval import format_interval
from minidb.value.interval_input import parse_interval
from minidb.value.json_text import parse_json, parse_jsonb
from minidb.value.numeric import format_numeric, parse_numeric
from minidb.value.session_time import UTC_SESSION, SessionTime
from minidb.value.sql_types import INTEGER_BOUNDS, Kind, SqlType, Value

# The kinds whose text depends on the session: its time zone, or its `now`.
ZONED_KINDS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})

_INTEGER = re.compile(r"\s*([+-]?[0-9]+)\s*\Z", re.ASCII)
_UUID = re.compile(r"(?:[0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}\Z", re.ASCII)
_ESCAPED_BYTE = re.compile(r"\\(?:(\\)|([0-3][0-7]{2})|(.|\Z))", re.DOTALL)


def from_text(text: str, type_: SqlType, session: SessionTime = UTC_SESSION) -> Value:
    """The value of `type_` that `text` spells, with the type's modifiers applied as INSERT would."""
    return reader(type_, session)(text)


def to_text(value: Value, type_: SqlType, session: SessionTime = UTC_SESSION) -> str:
    """The text of `value`, which is not None."""
    return writer(type_, session)(value)


def reader(type_: SqlType, session: SessionTime = UTC_SESSION) -> Callable[[str], Value]:
    """A function that reads text as `type_`."""
    read = plain_reader(type_.kind, session)
    adjust = fit.assignment_fit(type_)
    if adjust is None:
        return read

    def read_and_fit(text: str) -> Value:
        return adjust(read(text))

    return read_and_fit


def plain_reader(kind: Kind, session: SessionTime = UTC_SESSION) -> Callable[[str], Value]:
    """A function that reads text as `kind`, without modifiers."""
    return _zoned_reader(kind, session) if kind in ZONED_KINDS else _READERS[kind]


def writer(type_: SqlType, session: SessionTime = UTC_SESSION) -> Callable[[Value], str]:
    """A function that prints values of `type_`."""
    if type_.kind is Kind.TIMESTAMPTZ:
        zone = session.zone
        return lambda value: format_timestamptz(value, zone)
    return _WRITERS[type_.kind]


def _zoned_reader(kind: Kind, session: SessionTime) -> Callable[[str], Value]:
    parse: Callable[[str, SessionTime], Value]
    if kind is Kind.DATE:
        parse = parse_date
    elif kind is Kind.TIME:
        parse = parse_time
    elif kind is Kind.TIMESTAMP:
        parse = parse_timestamp
    else:
        parse = parse_timestamptz
    return lambda text: parse(text, session)


def _same(text: str) -> str:
    return text


def integer_reader(kind: Kind) -> Callable[[str], int]:
    """A function that reads SMALLINT, INTEGER or BIGINT."""
    least, greatest = INTEGER_BOUNDS[kind]
    name = kind.value

    def read(text: str) -> int:
        match = _INTEGER.match(text)
        if match is None:
            raise DataError(f'invalid input syntax for type {name}: "{text}"', sqlstate="22P02")
        value = int(match[1]) if len(match[1]) < 1000 else greatest + 1
        if least <= value <= greatest:
            return value
        raise DataError(f'value "{text}" is out of range for type {name}', sqlstate="22003")

    return read


def parse_boolean(text: str) -> bool:
    """true, false, yes, no, on, off, 1, 0 or a unique beginning of one."""
    word = text.strip().lower()
    if word:
        if "true".startswith(word) or "yes".startswith(word) or word in ("on", "1"):
            return True
        if "false".startswith(word) or "no".startswith(word) or word in ("of", "off", "0"):
            return False
    raise DataError(f'invalid input syntax for type boolean: "{text}"', sqlstate="22P02")


def format_boolean(value: bool) -> str:
    """t or f, as results show it; the cast to text says true or false."""
    return "t" if value else "f"


def encoded(text: str) -> bytes:
    """UTF-8; 22021 for half of a surrogate pair, which is no character and has none."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        message = f'invalid byte sequence for encoding "UTF8": lone surrogate U+{code:04X}'
        raise DataError(message, sqlstate="22021") from None


def parse_bytea(text: str) -> bytes:
    r"""\x0aff, or the escape format: characters, with \ooo for bytes and \\ for a backslash."""
    if text.startswith("\\x"):
        return _parse_hexadecimal(text[2:])
    if "\\" not in text:
        return encoded(text)
    pieces: list[bytes] = []
    position = 0
    for match in _ESCAPED_BYTE.finditer(text):
        pieces.append(encoded(text[position : match.start()]))
        if match[1]:
            pieces.append(b"\\")
        elif match[2]:
            pieces.append(bytes([int(match[2], 8)]))
        else:
            raise DataError("invalid input syntax for type bytea", sqlstate="22P02")
        position = match.end()
    pieces.append(encoded(text[position:]))
    return b"".join(pieces)


def _parse_hexadecimal(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        pass
    # White space may stand between bytes, but not within one.
    for character in re.sub(r"\s*(..)", r"\1", digits, flags=re.ASCII | re.DOTALL):
        if character not in "0123456789abcdefABCDEF":
            raise DataError(f'invalid hexadecimal digit: "{character}"', sqlstate="22023")
    raise DataError("invalid hexadecimal data: odd number of digits", sqlstate="22023")


def format_bytea(value: bytes) -> str:
    r"""\x0aff."""
    return "\\x" + value.hex()


def parse_uuid(text: str) -> uuid.UUID:
    """With or without hyphens between groups of four digits, in braces or not."""
    digits = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not _UUID.match(digits):
        raise DataError(f'invalid input syntax for type uuid: "{text}"', sqlstate="22P02")
    return uuid.UUID(hex=digits.replace("-", ""))


_READERS: dict[Kind, Callable[[str], Value]] = {
    Kind.BOOLEAN: parse_boolean,
    Kind.SMALLINT: integer_reader(Kind.SMALLINT),
    Kind.INTEGER: integer_reader(Kind.INTEGER),
    Kind.BIGINT: integer_reader(Kind.BIGINT),
    Kind.REAL: parse_real,
    Kind.DOUBLE: parse_double,
    Kind.NUMERIC: parse_numeric,
    Kind.TEXT: _same,
    Kind.VARCHAR: _same,
    Kind.CHAR: _same,
    Kind.UNKNOWN: _same,
    Kind.BYTEA: parse_bytea,
    Kind.INTERVAL: parse_interval,
    Kind.UUID: parse_uuid,
    Kind.JSON: parse_json,
    Kind.JSONB: parse_jsonb,
}

_WRITERS: dict[Kind, Callable[[Value], str]] = {
    Kind.BOOLEAN: format_boolean,
    Kind.SMALLINT: str,
    Kind.INTEGER: str,
    Kind.BIGINT: str,
    Kind.REAL: format_real,
    Kind.DOUBLE: format_double,
    Kind.NUMERIC: format_numeric,
    Kind.TEXT: _same,
    Kind.VARCHAR: _same,
    Kind.CHAR: _same,
    Kind.UNKNOWN: _same,
    Kind.BYTEA: format_bytea,
    Kind.DATE: format_date,
    Kind.TIME: format_time,
    Kind.TIMESTAMP: format_timestamp,
    Kind.INTERVAL: format_interval,
    Kind.UUID: str,
    Kind.JSON: _same,
    Kind.JSONB: _same,
}
