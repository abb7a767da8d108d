"""SQL values to bytes that sort the way SQL sorts, and back.

A key is a 4-byte big-endian storage id followed by one encoded part per key column. Each part starts with
a code byte that names its type, so that keys can be read without the catalog; `README.md` beside this file
has the table of codes with a test vector for each, which a test checks.

    00000010 11 0000000000000007                storage id 16, integer 7
    00000011 30 6162 0001 11 0000000000000007   storage id 17, text 'ab', integer 7

Invariant: for values of one type, `encode(a) < encode(b)` exactly if SQL orders a before b, and
`encode(a) == encode(b)` exactly if SQL calls them equal (1 and 1.00; 0.0 and -0.0). No encoded part is a
prefix of another of the same type, so parts can be concatenated in any order, ascending or descending.

Descending parts have the bytes after their code inverted; an integer is encoded as its complement `~value`
instead, which is the same thing. NULL has a code of its own, below or above all others, and is not inverted.

LMDB's keys end at 511 bytes. A longer one keeps its first 491 bytes followed by a 20-byte hash of the
whole, and so is exactly 511 bytes long, which no other key is (`is_truncated`). Such keys are unique and
sort correctly against all others but not among those that share their first 491 bytes: whoever scans them
rechecks the row, begins and ends a range at `range_start` and `range_stop`, and sorts anew where order
matters.

The idea is FoundationDB's tuple layer (design/tuple.md in its sources); we differ in the two-byte end of
text, which sorts correctly also when inverted, and in numeric.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from minidb.errors import DataError
from minidb.storage.key_numeric import encode_numeric
from minidb.value.interval import Interval
from minidb.value.sql_types import INTEGER_KINDS, Kind, SqlType, Value

MAXIMUM_KEY: Final = 511  # LMDB's limit, in bytes
KEPT_PREFIX: Final = 491  # of a longer key; the other 20 bytes are its hash

NULL_FIRST: Final = 0x01
BOOLEAN_CODE: Final = 0x08
NEGATIVE_CODE: Final = 0x10  # integers: two codes make the sign sort, two's complement does the rest
INTEGER_CODE: Final = 0x11
FLOAT_CODE: Final = 0x20
NUMERIC_CODE: Final = 0x28
TEXT_CODE: Final = 0x30
BYTES_CODE: Final = 0x38
DATE_CODE: Final = 0x40
TIME_CODE: Final = 0x41
TIMESTAMP_CODE: Final = 0x42
TIMESTAMPTZ_CODE: Final = 0x43
INTERVAL_CODE: Final = 0x48
UUID_CODE: Final = 0x50
JSON_CODE: Final = 0x58
NULL_LAST: Final = 0xFE

INVERT: Final = bytes(255 - byte for byte in range(256))
END: Final = b"\x00\x01"  # of text; a zero byte inside is written 00 FF
ESCAPED_ZERO: Final = b"\x00\xff"

PartEncoder = Callable[[Value], bytes]
KeyEncoder = Callable[[Sequence[Value]], bytes]

_pack_id = struct.Struct(">I").pack
_pack_integer = struct.Struct(">Bq").pack
_pack_unsigned = struct.Struct(">BQ").pack
_pack_double = struct.Struct(">d").pack
_double_bits = struct.Struct(">Q").unpack
_pack_date = struct.Struct(">BI").pack
_MICROSECONDS_A_DAY: Final = 86_400_000_000
_INTERVAL_ZERO: Final = 1 << 127  # added to an interval's total: it becomes positive
_NAN_BITS: Final = 0x7FF8_0000_0000_0000


def storage_prefix(storage_id: int) -> bytes:
    """The four bytes that every key under `storage_id` starts with."""
    return _pack_id(storage_id)


def prefix_successor(prefix: bytes) -> bytes | None:
    """The least key greater than every key that starts with `prefix`; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def is_truncated(key: bytes) -> bool:
    """Whether `key` stands for a longer one: it does not order reliably, and its row must be rechecked."""
    return len(key) == MAXIMUM_KEY


def fit(key: bytes) -> bytes:
    """`key` itself, or its prefix and hash if LMDB could not hold it."""
    if len(key) < MAXIMUM_KEY:
        return key
    return key[:KEPT_PREFIX] + blake2b(key, digest_size=MAXIMUM_KEY - KEPT_PREFIX).digest()


def range_start(key: bytes) -> bytes:
    """Where a scan from `key` on begins: at the kept prefix if the key was truncated."""
    return key[:KEPT_PREFIX] if len(key) >= MAXIMUM_KEY else key


def range_stop(key: bytes, inclusive: bool) -> bytes | None:
    """Where a scan up to `key` ends: before it, or after all that start with it (also if truncated)."""
    if len(key) >= MAXIMUM_KEY:
        return prefix_successor(key[:KEPT_PREFIX])
    return prefix_successor(key) if inclusive else key


def encoder_for(
    types: Sequence[SqlType],
    descending: Sequence[bool] | None = None,
    nulls_first: Sequence[bool] | None = None,
    *,
    prefix: bytes = b"",
) -> KeyEncoder:
    """A function from one value of each of `types` to their key, `prefix` included.

    For a scan that fixes only the first columns, make an encoder of those columns' types.
    """
    count = len(types)
    down = tuple(descending) if descending is not None else (False,) * count
    first = tuple(nulls_first) if nulls_first is not None else (False,) * count
    parts = [part_encoder(types[i], down[i], first[i]) for i in range(count)]
    plain_integers = all(type_.kind in INTEGER_KINDS for type_ in types) and not any(down)
    if count == 1:
        return _one_integer(prefix, parts[0]) if plain_integers else _one_part(prefix, parts[0])
    if count == 2:
        return _two_integers(prefix, parts) if plain_integers else _two_parts(prefix, parts)
    return _many_parts(prefix, parts)


def _one_integer(prefix: bytes, part: PartEncoder) -> KeyEncoder:
    pack = struct.Struct(f">{len(prefix) + 1}sq").pack
    start = prefix + bytes((INTEGER_CODE,))

    def encode(values: Sequence[Value]) -> bytes:
        value = values[0]
        if value is not None and value >= 0:
            return pack(start, value)
        return prefix + part(value)

    return encode


def _two_integers(prefix: bytes, parts: list[PartEncoder]) -> KeyEncoder:
    pack = struct.Struct(f">{len(prefix) + 1}sqBq").pack
    start = prefix + bytes((INTEGER_CODE,))
    code = INTEGER_CODE

    def encode(values: Sequence[Value]) -> bytes:
        first, second = values
        if first is not None and second is not None and first >= 0 and second >= 0:
            return pack(start, first, code, second)
        return prefix + parts[0](first) + parts[1](second)

    return encode


def _one_part(prefix: bytes, part: PartEncoder) -> KeyEncoder:
    def encode(values: Sequence[Value]) -> bytes:
        key = prefix + part(values[0])
        return key if len(key) < MAXIMUM_KEY else fit(key)

    return encode


def _two_parts(prefix: bytes, parts: list[PartEncoder]) -> KeyEncoder:
    first_part, second_part = parts

    def encode(values: Sequence[Value]) -> bytes:
        first, second = values
        key = prefix + first_part(first) + second_part(second)
        return key if len(key) < MAXIMUM_KEY else fit(key)

    return encode


def _many_parts(prefix: bytes, parts: list[PartEncoder]) -> KeyEncoder:
    def encode(values: Sequence[Value]) -> bytes:
        key = prefix + b"".join([part(value) for part, value in zip(parts, values, strict=True)])
        return key if len(key) < MAXIMUM_KEY else fit(key)

    return encode


def part_encoder(type_: SqlType, descending: bool, nulls_first: bool) -> PartEncoder:
    """A function from one value, or None, to its part of a key."""
    null = bytes((NULL_FIRST if nulls_first else NULL_LAST,))
    if type_.kind in INTEGER_KINDS:
        return _descending_integer(null) if descending else _ascending_integer(null)
    encode_value = ENCODERS[type_.kind]
    if not descending:

        def ascending_part(value: Value) -> bytes:
            return null if value is None else encode_value(value)

        return ascending_part

    def descending_part(value: Value) -> bytes:
        if value is None:
            return null
        part = encode_value(value)
        return part[:1] + part[1:].translate(INVERT)

    return descending_part


def _ascending_integer(null: bytes) -> PartEncoder:
    def encode(value: Value) -> bytes:
        if value is None:
            return null
        return _pack_integer(INTEGER_CODE if value >= 0 else NEGATIVE_CODE, value)

    return encode


def _descending_integer(null: bytes) -> PartEncoder:
    def encode(value: Value) -> bytes:
        if value is None:
            return null
        return _pack_integer(NEGATIVE_CODE if value >= 0 else INTEGER_CODE, ~value)

    return encode


def encode_boolean(value: bool) -> bytes:
    return b"\x08\x01" if value else b"\x08\x00"


def encode_float(value: float) -> bytes:
    (bits,) = _double_bits(_pack_double(value + 0.0))  # + 0.0 makes -0.0 positive
    if value != value:
        bits = _NAN_BITS  # one NaN, above infinity
    return _pack_unsigned(FLOAT_CODE, bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63))


def encode_decimal(value: Decimal) -> bytes:
    return b"\x28" + encode_numeric(value)


def encode_text(value: str) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise DataError("text holds a lone surrogate, which is not UTF-8", sqlstate="22021") from None
    if 0 in data:  # faster than b"\x00" in it, which Python takes for a number first
        data = data.replace(b"\x00", ESCAPED_ZERO)
    return b"\x30" + data + END


def encode_char(value: str) -> bytes:
    """Trailing blanks of CHAR(n) do not count in comparisons."""
    return encode_text(value.rstrip(" "))


def encode_bytes(value: bytes) -> bytes:
    return b"\x38" + value.replace(b"\x00", ESCAPED_ZERO) + END


def encode_date(value: datetime.date) -> bytes:
    return _pack_date(DATE_CODE, value.toordinal())


def encode_time(value: datetime.time) -> bytes:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return _pack_unsigned(TIME_CODE, seconds * 1_000_000 + value.microsecond)


def encode_timestamp(value: datetime.datetime) -> bytes:
    return _pack_unsigned(TIMESTAMP_CODE, _microseconds(value))


def encode_timestamptz(value: datetime.datetime) -> bytes:
    return _pack_unsigned(TIMESTAMPTZ_CODE, _microseconds(value.astimezone(datetime.UTC)))


def _microseconds(value: datetime.datetime) -> int:
    """Since year 1, ignoring the zone."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return value.toordinal() * _MICROSECONDS_A_DAY + seconds * 1_000_000 + value.microsecond


def encode_interval(value: Interval) -> bytes:
    """By its total, months counting 30 days, as SQL compares intervals."""
    total = (value.months * 30 + value.days) * _MICROSECONDS_A_DAY + value.microseconds
    return b"\x48" + (total + _INTERVAL_ZERO).to_bytes(16, "big")


def encode_uuid(value: uuid.UUID) -> bytes:
    return b"\x50" + value.bytes


def encode_json(value: str) -> bytes:
    """By its text: equality is what keys need of it."""
    return b"\x58" + encode_text(value)[1:]


ENCODERS: Final[dict[Kind, PartEncoder]] = {
    Kind.BOOLEAN: encode_boolean,
    Kind.SMALLINT: _ascending_integer(b""),
    Kind.INTEGER: _ascending_integer(b""),
    Kind.BIGINT: _ascending_integer(b""),
    Kind.REAL: encode_float,
    Kind.DOUBLE: encode_float,
    Kind.NUMERIC: encode_decimal,
    Kind.TEXT: encode_text,
    Kind.VARCHAR: encode_text,
    Kind.CHAR: encode_char,
    Kind.BYTEA: encode_bytes,
    Kind.DATE: encode_date,
    Kind.TIME: encode_time,
    Kind.TIMESTAMP: encode_timestamp,
    Kind.TIMESTAMPTZ: encode_timestamptz,
    Kind.INTERVAL: encode_interval,
    Kind.UUID: encode_uuid,
    Kind.JSON: encode_json,
    Kind.JSONB: encode_json,
    Kind.UNKNOWN: encode_text,
}
