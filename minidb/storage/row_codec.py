"""Rows to bytes and back: MessagePack arrays with a checksum as their last element.

    row (7, 'ab', None)  ->  94 07 a2 6162 c0 00           an array of 3 + 1 elements, as it is encoded
                             94 07 a2 6162 c0 ce crc32     as a checkpoint writes it

A row gets its checksum when it comes to lie in LMDB (`checksummed`). Until then it lies in the log, whose
records have checksums of their own, and holds 0 in that place.

The array's length tells how many columns the table had when the row was written, so rows from before an ADD
COLUMN decode too: what they lack is filled with the columns' `missing` values. The checksum (of all bytes
before its own) is the last element on purpose: a decoder built by msgspec for the table's types decodes it
like a column, and the row keeps it as one more element that nobody looks at, which costs nothing; only
`verify` checks it.

Values keep msgspec's own forms, since those are read in C: numeric as its text, so its scale survives;
date, time and timestamp as ISO 8601; timestamptz as MessagePack's timestamp; uuid as 16 bytes; interval as
an array of its three fields.
"""

from __future__ import annotations

import datetime
import struct
import uuid
import zlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import repeat
from types import GenericAlias
from typing import Any, Final

import msgspec

from minidb.errors import DataCorrupted, DataError
from minidb.value.interval import Interval
from minidb.value.sql_types import Kind, Row, SqlType, Value

_CHECKSUM: Final = b"\xce"  # MessagePack's code for four bytes of unsigned integer
_CHECKSUM_SIZE: Final = 5
_FIRST_USER_KEY: Final = (16).to_bytes(4, "big")  # storage ids from here on are tables and indexes

PYTHON_TYPES: Final[dict[Kind, Any]] = {
    Kind.BOOLEAN: bool,
    Kind.SMALLINT: int,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.REAL: float,
    Kind.DOUBLE: float,
    Kind.NUMERIC: Decimal,
    Kind.TEXT: str,
    Kind.VARCHAR: str,
    Kind.CHAR: str,
    Kind.BYTEA: bytes,
    Kind.DATE: datetime.date,
    Kind.TIME: datetime.time,
    Kind.TIMESTAMP: datetime.datetime,
    Kind.TIMESTAMPTZ: datetime.datetime,
    Kind.INTERVAL: Interval,
    Kind.UUID: uuid.UUID,
    Kind.JSON: str,
    Kind.JSONB: str,
    Kind.UNKNOWN: str,
}


# What a value that nobody will look at is read as: its form in the row, which costs less than its class.
_STORED_FORMS: Final[dict[Kind, Any]] = {
    Kind.NUMERIC: str,
    Kind.DATE: str,
    Kind.TIME: str,
    Kind.TIMESTAMP: str,
    Kind.UUID: bytes,
    Kind.INTERVAL: tuple,
}


def _encode_other(value: Any) -> Any:
    if isinstance(value, Interval):
        return (value.months, value.days, value.microseconds)
    raise TypeError(f"a row cannot hold {type(value).__name__}")


def _decode_other(wanted: type, value: Any) -> Any:
    if wanted is Interval:
        return Interval(*value)
    raise TypeError(f"a row cannot hold {wanted.__name__}")


def _lone_surrogate() -> DataError:
    return DataError("text holds a lone surrogate, which UTF-8 cannot encode", sqlstate="22021")


_crc32 = zlib.crc32
_checksum = struct.Struct(">BI").pack  # MessagePack's code for four bytes of unsigned integer, and those
_encode = msgspec.msgpack.Encoder(enc_hook=_encode_other, uuid_format="bytes").encode


def verify(data: bytes) -> bool:
    """Whether the row's checksum is right."""
    end = len(data) - _CHECKSUM_SIZE
    return (
        end > 0
        and data[end : end + 1] == _CHECKSUM
        and _crc32(data[:end]) == int.from_bytes(data[end + 1 :], "big")
    )


def checksummed(key: bytes, value: bytes) -> bytes:
    """What LMDB is to hold under `key`: a row with its checksum; anything else as it is.

    Other values of tables and indexes are row keys, none of which begins like an array. A row that has
    its checksum, which ends in 0 by chance, stays as it is.
    """
    if value[-1:] != b"\0" or key < _FIRST_USER_KEY or not _array_length(value) or verify(value):
        return value
    body = value[:-1]
    return body + _checksum(0xCE, _crc32(body))


def same_value(key: bytes, one: bytes | None, other: bytes | None) -> bool:
    """Whether two values of a key are the same, with their checksums or without."""
    if one is None or other is None:
        return one is other
    return checksummed(key, one) == checksummed(key, other)


class RowCodec:
    """Encodes and decodes the rows of one table version.

    `types` are its physical slots in order; `missing` holds, for each, what an older row that lacks it holds.
    A decoded row has one element more than `types`, the checksum: index it by slot.
    """

    def __init__(
        self,
        types: tuple[SqlType, ...],
        missing: tuple[Value, ...] | None = None,
        needed: frozenset[int] | None = None,
    ) -> None:
        self.types = types
        self._needed = needed  # the only slots that a reader will look at, if not all
        self.missing: tuple[Value, ...] = missing if missing is not None else (None,) * len(types)
        assert len(self.missing) == len(types)
        self._decode = self._decoder(len(types)).decode
        self._older: dict[int, msgspec.msgpack.Decoder[Any]] = {}

    def _decoder(self, count: int) -> msgspec.msgpack.Decoder[Any]:
        needed = self._needed
        columns = [
            (
                PYTHON_TYPES[type_.kind]
                if needed is None or slot in needed
                else _STORED_FORMS.get(type_.kind, PYTHON_TYPES[type_.kind])
            )
            | None
            for slot, type_ in enumerate(self.types[:count])
        ]
        return msgspec.msgpack.Decoder(GenericAlias(tuple, (*columns, int)), dec_hook=_decode_other)

    def narrowed(self, slots: Iterable[int]) -> RowCodec:
        """A codec for reading only these slots: in the others a decoded row holds what was cheapest."""
        needed = frozenset(slots)
        if all(slot in needed or type_.kind not in _STORED_FORMS for slot, type_ in enumerate(self.types)):
            return self
        return RowCodec(self.types, self.missing, needed)

    def encode(self, row: Row) -> bytes:
        """The bytes of `row`, which has exactly one value for each slot."""
        return self.encode_values((*row, 0))

    def encode_values(self, values: Sequence[Value]) -> bytes:
        """The same for the slots' values and one more element, which must be 0: a little faster."""
        try:
            return _encode(values)
        except UnicodeEncodeError:
            raise _lone_surrogate() from None

    def encode_many(self, rows: Iterable[Row]) -> list[bytes]:
        """The bytes of a batch of rows."""
        return self._encode_all([(*row, 0) for row in rows])

    def encode_columns(self, columns: Iterable[Iterable[Value]], count: int) -> list[bytes]:
        """The same for `count` rows that come as columns, one for each slot."""
        # Without a list in between, zip uses one tuple again and again.
        return self._encode_all(zip(*columns, repeat(0, count), strict=True))

    def _encode_all(self, rows: Iterable[Row]) -> list[bytes]:
        try:
            return list(map(_encode, rows))
        except UnicodeEncodeError:
            raise _lone_surrogate() from None

    def decode(self, data: bytes) -> Row:
        """The values by slot, and one more element."""
        try:
            row: Row = self._decode(data)
            return row
        except msgspec.MsgspecError:
            return self._decode_older(data)

    def decode_many(self, datas: Iterable[bytes]) -> list[Row]:
        """The rows of a whole batch."""
        datas = list(datas)
        try:
            return list(map(self._decode, datas))
        except msgspec.MsgspecError:
            return [self.decode(data) for data in datas]

    def decode_through(self, datas: list[bytes], pick: Callable[[Iterable[Row]], list[Row]]) -> list[Row]:
        """`pick` of the rows of a whole batch: each is dropped again as soon as it has been picked from."""
        try:
            return pick(map(self._decode, datas))
        except msgspec.MsgspecError:
            return pick([self.decode(data) for data in datas])

    def _decode_older(self, data: bytes) -> Row:
        """A row from before ADD COLUMN: decode what it has, fill in the rest."""
        count = _array_length(data) - 1
        if not 0 <= count < len(self.types):
            raise DataCorrupted("a stored row does not match its table's columns")
        decoder = self._older.get(count)
        if decoder is None:
            decoder = self._older[count] = self._decoder(count)
        try:
            row: Row = decoder.decode(data)
        except msgspec.MsgspecError:
            raise DataCorrupted("a stored row does not decode") from None
        return row[:count] + self.missing[count:] + row[count:]


def _array_length(data: bytes) -> int:
    """The element count in a MessagePack array's header; 0 if it is no array."""
    first = data[0] if data else 0
    if 0x90 <= first <= 0x9F:
        return first - 0x90
    if first == 0xDC:
        return int.from_bytes(data[1:3], "big")
    if first == 0xDD:
        return int.from_bytes(data[1:5], "big")
    return 0
