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
from minidb.storage.row_codec import PYTHON_TYPES, RowCodec, verify
from minidb.value.interval import Interval
from minidb.value.sql_types import BIGINT, INTEGER, TEXT, Kind, SqlType

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
    assert verify(encoded)
    decoded = codec.decode(encoded)
    assert decoded[: len(kinds)] == row
    assert [type(value) for value in decoded[: len(kinds)]] == [type(value) for value in row]
    assert codec.decode_many([encoded, encoded]) == [decoded, decoded]


def test_decimals_keep_their_scale() -> None:
    codec = RowCodec((SqlType(Kind.NUMERIC),))
    for text in ("1.00", "0.000", "-0.50", "1E+3", "NaN", "Infinity", "-Infinity"):
        assert str(codec.decode(codec.encode((Decimal(text),)))[0]) == text


@given(st.integers(0, 400), st.data())
def test_a_flipped_bit_fails_the_checksum(size: int, data: st.DataObject) -> None:
    encoded = RowCodec((TEXT, BIGINT)).encode(("x" * size, size))
    place = data.draw(st.integers(0, len(encoded) * 8 - 1))
    damaged = bytearray(encoded)
    damaged[place // 8] ^= 1 << place % 8
    assert not verify(bytes(damaged))


def test_truncated_rows_fail_the_checksum() -> None:
    encoded = RowCodec((TEXT, BIGINT)).encode(("text", 7))
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
