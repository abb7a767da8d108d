"""Rows come back, older shapes too, and their checksums notice damage."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb.errors import DataCorrupted, DataError
from minidb.storage.key_codec import encoder_for
from minidb.storage.row_codec import PYTHON_TYPES, RowCodec, checksummed, same_value, verify
from minidb.value.interval import Interval
from minidb.value.sql_types import BIGINT, INTEGER, TEXT, Kind, SqlType

KEY = (16).to_bytes(4, "big")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    Decimal: st.decimals(allow_nan=False),
    str: TEXTS,
    bytes: st.binary(max_size=20),
    datetime.date: st.dates(),
    datetime.time: st.times(),
    datetime.datetime: st.datetimes(),
    Interval: st.builds(Interval, st.integers(-9, 9), st.integers(-9, 9), st.integers(-(10**9), 10**9)),
    uuid.UUID: st.uuids(),
}


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    if kind is Kind.TIMESTAMPTZ:
        return st.none() | st.datetimes(timezones=st.just(datetime.UTC))
    return st.none() | VALUES[PYTHON_TYPES[kind]]


@given(st.data())
def test_round_trip(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(Kind)), max_size=20))
    codec = RowCodec(tuple([SqlType(kind) for kind in kinds]))
    row = tuple([data.draw(values_of(kind)) for kind in kinds])
    encoded = codec.encode(row)
    stored = checksummed(KEY, encoded)
    assert verify(stored)
    assert checksummed(KEY, stored) == stored
    assert same_value(KEY, encoded, stored) and not same_value(KEY, encoded, None)
    assert codec.encode_columns([(value, value) for value in row], 2) == [encoded, encoded]
    decoded = codec.decode(encoded)
    assert codec.decode(stored)[: len(kinds)] == row
    assert decoded[: len(kinds)] == row
    assert [type(value) for value in decoded[: len(kinds)]] == [type(value) for value in row]
    assert codec.decode_many([encoded, encoded]) == [decoded, decoded]


def test_decimals_keep_their_scale() -> None:
    codec = RowCodec((SqlType(Kind.NUMERIC),))
    for text in ("1.00", "0.000", "-0.50", "1E+3", "NaN", "Infinity", "-Infinity"):
        assert str(codec.decode(codec.encode((Decimal(text),)))[0]) == text


@given(st.integers(0, 400), st.data())
def test_a_flipped_bit_fails_the_checksum(size: int, data: st.DataObject) -> None:
    encoded = checksummed(KEY, RowCodec((TEXT, BIGINT)).encode(("x" * size, size)))
    place = data.draw(st.integers(0, len(encoded) * 8 - 1))
    damaged = bytearray(encoded)
    damaged[place // 8] ^= 1 << place % 8
    assert not verify(bytes(damaged))


@given(st.data(), st.booleans(), st.booleans())
def test_only_rows_get_a_checksum(data: st.DataObject, descending: bool, nulls_first: bool) -> None:
    """What an index entry holds, a row's key, never begins like a row."""
    kind = data.draw(st.sampled_from([kind for kind in Kind if kind not in (Kind.UNKNOWN, Kind.JSON)]))
    encode = encoder_for([SqlType(kind)] * 2, [descending] * 2, [nulls_first] * 2)
    row_key = encode((data.draw(values_of(kind)), data.draw(values_of(kind)))) + b"\0"
    assert checksummed(KEY, row_key) == row_key
    for row_id in (1, 256, 2**63 - 256):
        assert checksummed(KEY, row_id.to_bytes(8, "big")) == row_id.to_bytes(8, "big")
    catalog_key = (15).to_bytes(4, "big")
    assert checksummed(catalog_key, b"\x91\0") == b"\x91\0"


def test_a_row_whose_checksum_ends_in_zero() -> None:
    codec = RowCodec((BIGINT,))
    rows = [checksummed(KEY, codec.encode((number,))) for number in range(5000)]
    chosen = [row for row in rows if row.endswith(b"\0")]
    assert len(chosen) > 5
    assert [checksummed(KEY, row) for row in chosen] == chosen


def test_truncated_rows_fail_the_checksum() -> None:
    encoded = checksummed(KEY, RowCodec((TEXT, BIGINT)).encode(("text", 7)))
    for length in range(len(encoded)):
        assert not verify(encoded[:length])


def test_rows_from_before_add_column() -> None:
    old = RowCodec((INTEGER, TEXT)).encode((1, "one"))
    new = RowCodec((INTEGER, TEXT, BIGINT, TEXT), (None, None, 42, "default"))
    assert new.decode(old)[:4] == (1, "one", 42, "default")
    current = new.encode((2, None, None, "x"))
    rows = new.decode_many([old, current, old])
    assert [row[:4] for row in rows] == [
        (1, "one", 42, "default"),
        (2, None, None, "x"),
        (1, "one", 42, "default"),
    ]
    assert len({len(row) for row in rows}) == 1


def test_empty_and_wide_rows() -> None:
    assert RowCodec(()).decode(RowCodec(()).encode(()))[:0] == ()
    wide = RowCodec((INTEGER,) * 1000)
    row = tuple(range(1000))
    assert wide.decode(wide.encode(row))[:1000] == row
    narrow = RowCodec((INTEGER,) * 20)
    assert wide.decode(narrow.encode(row[:20]))[:21] == (*row[:20], None)


def test_rows_of_another_table_are_reported() -> None:
    codec = RowCodec((INTEGER,))
    for data in (
        RowCodec((TEXT,)).encode(("text",)),
        RowCodec((INTEGER, INTEGER)).encode((1, 2)),
        RowCodec((INTEGER,)).encode((1,))[:-1],
        b"",
        b"\xc0",
    ):
        with pytest.raises(DataCorrupted):
            codec.decode(data)
        with pytest.raises(DataCorrupted):
            codec.decode_many([data])


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        RowCodec((TEXT,)).encode(("\ud800",))
    assert caught.value.sqlstate == "22021"
