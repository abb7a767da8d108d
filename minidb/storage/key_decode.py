"""Keys back to values: for `minidb check`, error messages and tests. Rows never need it.

What encoding gives up does not come back: a numeric's display scale, the months of an interval (they return
as days), trailing blanks of CHAR, and everything after the kept prefix of a truncated key.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Sequence

from minidb.errors import DataCorrupted
from minidb.storage import key_codec
from minidb.storage.key_codec import ENCODERS, INVERT, is_truncated
from minidb.storage.key_numeric import decode_numeric
from minidb.value.interval import Interval
from minidb.value.sql_types import INTEGER_KINDS, Kind, SqlType, Value


def storage_id_of(key: bytes) -> int:
    """The table or index that `key` belongs to."""
    return int.from_bytes(key[:4], "big")


def decode_key(
    types: Sequence[SqlType], data: bytes, descending: Sequence[bool] | None = None, *, position: int = 4
) -> tuple[Value, ...]:
    """The values of a key of `types`; DataCorrupted if it is not one."""
    if is_truncated(data):
        raise DataCorrupted("a truncated key cannot be decoded")
    down = descending if descending is not None else (False,) * len(types)
    values: list[Value] = []
    try:
        for type_, inverted in zip(types, down, strict=True):
            value, position = _decode_part(type_.kind, data, position, inverted)
            values.append(value)
    except (IndexError, ValueError, OverflowError, struct.error, ArithmeticError):
        raise DataCorrupted(f"key {data.hex()} does not decode as {', '.join(map(str, types))}") from None
    if position != len(data):
        raise DataCorrupted(f"key {data.hex()} is longer than its columns")
    return tuple(values)


def _decode_part(kind: Kind, data: bytes, position: int, inverted: bool) -> tuple[Value, int]:
    code = data[position]
    position += 1
    if code in (key_codec.NULL_FIRST, key_codec.NULL_LAST):
        return None, position
    if kind in INTEGER_KINDS:
        if code not in (key_codec.INTEGER_CODE, key_codec.NEGATIVE_CODE):
            raise ValueError(code)
        (integer,) = struct.unpack_from(">q", data, position)
        return (~integer if inverted else integer), position + 8
    if code != _CODES[kind]:
        raise ValueError(code)
    if inverted:  # undo it for all that follows; only this part is read from the result
        data = data[:position] + data[position:].translate(INVERT)
    if code in (key_codec.TEXT_CODE, key_codec.BYTES_CODE, key_codec.JSON_CODE):
        content, position = _decode_content(data, position)
        return (content if code == key_codec.BYTES_CODE else content.decode()), position
    if code == key_codec.NUMERIC_CODE:
        return decode_numeric(data, position)
    end = position + _WIDTHS[code]
    if end > len(data):
        raise ValueError(code)
    return _decode_fixed(code, data[position:end]), end


def _decode_content(data: bytes, position: int) -> tuple[bytes, int]:
    """Bytes up to the end mark 00 01; 00 FF inside stands for 00."""
    start = position
    while True:
        position = data.index(0, position)
        if data[position + 1] == 0x01:
            return data[start:position].replace(b"\x00\xff", b"\x00"), position + 2
        position += 2


def _decode_fixed(code: int, body: bytes) -> Value:
    number = int.from_bytes(body, "big")
    if code == key_codec.BOOLEAN_CODE:
        return bool(number)
    if code == key_codec.FLOAT_CODE:
        bits = number ^ (1 << 63) if number >> 63 else number ^ 0xFFFF_FFFF_FFFF_FFFF
        return struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    if code == key_codec.DATE_CODE:
        return datetime.date.fromordinal(number)
    if code == key_codec.TIME_CODE:
        return (datetime.datetime.min + datetime.timedelta(microseconds=number)).time()
    if code == key_codec.UUID_CODE:
        return uuid.UUID(bytes=body)
    if code == key_codec.INTERVAL_CODE:
        days, microseconds = divmod(number - (1 << 127), 86_400_000_000)
        return Interval(0, days, microseconds)
    moment = datetime.datetime.min + datetime.timedelta(microseconds=number - 86_400_000_000)
    return moment.replace(tzinfo=datetime.UTC) if code == key_codec.TIMESTAMPTZ_CODE else moment


_CODES: dict[Kind, int] = {
    Kind.BOOLEAN: key_codec.BOOLEAN_CODE,
    Kind.REAL: key_codec.FLOAT_CODE,
    Kind.DOUBLE: key_codec.FLOAT_CODE,
    Kind.NUMERIC: key_codec.NUMERIC_CODE,
    Kind.TEXT: key_codec.TEXT_CODE,
    Kind.VARCHAR: key_codec.TEXT_CODE,
    Kind.CHAR: key_codec.TEXT_CODE,
    Kind.UNKNOWN: key_codec.TEXT_CODE,
    Kind.BYTEA: key_codec.BYTES_CODE,
    Kind.DATE: key_codec.DATE_CODE,
    Kind.TIME: key_codec.TIME_CODE,
    Kind.TIMESTAMP: key_codec.TIMESTAMP_CODE,
    Kind.TIMESTAMPTZ: key_codec.TIMESTAMPTZ_CODE,
    Kind.INTERVAL: key_codec.INTERVAL_CODE,
    Kind.UUID: key_codec.UUID_CODE,
    Kind.JSON: key_codec.JSON_CODE,
    Kind.JSONB: key_codec.JSON_CODE,
}
_WIDTHS: dict[int, int] = {
    key_codec.BOOLEAN_CODE: 1,
    key_codec.FLOAT_CODE: 8,
    key_codec.DATE_CODE: 4,
    key_codec.TIME_CODE: 8,
    key_codec.TIMESTAMP_CODE: 8,
    key_codec.TIMESTAMPTZ_CODE: 8,
    key_codec.INTERVAL_CODE: 16,
    key_codec.UUID_CODE: 16,
}
assert set(_CODES) | INTEGER_KINDS == set(ENCODERS)
