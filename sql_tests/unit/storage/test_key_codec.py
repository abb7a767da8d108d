"""Keys sort as SQL does, and come back."""

from __future__ import annotations

import datetime
import math
import re
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb.errors import DataCorrupted, DataError
from minidb.storage import key_codec
from minidb.storage.key_codec import (
    KEPT_PREFIX,
    MAXIMUM_KEY,
    encoder_for,
    is_truncated,
    part_encoder,
    prefix_successor,
    range_start,
    range_stop,
    storage_prefix,
)
from minidb.storage.key_decode import decode_key, storage_id_of
from minidb.value import sql_types
from minidb.value.interval import Interval
from minidb.value.sql_types import BIGINT, DOUBLE, INTEGER, NUMERIC, TEXT, Kind, SqlType

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text("a\x00\x01\xff", max_size=6)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-1000, 1000, places=2)
INTERVALS = st.builds(
    Interval, st.integers(-100, 100), st.integers(-5000, 5000), st.integers(-(10**14), 10**14)
)


def total(value: Interval) -> int:
    return (value.months * 30 + value.days) * 86_400_000_000 + value.microseconds


def float_order(value: float) -> tuple[bool, float]:
    return (math.isnan(value), 0.0 if math.isnan(value) else value)


def utf8(value: str) -> bytes:
    return value.encode()


# kind -> (values, what SQL compares of them)
KINDS: dict[Kind, tuple[st.SearchStrategy[Any], Any]] = {
    Kind.BOOLEAN: (st.booleans(), lambda value: value),
    Kind.SMALLINT: (st.integers(-(2**15), 2**15 - 1), lambda value: value),
    Kind.INTEGER: (st.integers(-(2**31), 2**31 - 1), lambda value: value),
    Kind.BIGINT: (st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), lambda value: value),
    Kind.REAL: (st.floats(width=32), float_order),
    Kind.DOUBLE: (st.floats(), float_order),
    Kind.NUMERIC: (DECIMALS, lambda value: value),
    Kind.TEXT: (TEXTS, utf8),
    Kind.VARCHAR: (TEXTS, utf8),
    Kind.CHAR: (TEXTS, lambda value: value.rstrip(" ").encode()),
    Kind.BYTEA: (st.binary(max_size=20), lambda value: value),
    Kind.DATE: (st.dates(), lambda value: value),
    Kind.TIME: (st.times(), lambda value: value),
    Kind.TIMESTAMP: (st.datetimes(), lambda value: value),
    Kind.TIMESTAMPTZ: (st.datetimes(timezones=st.just(datetime.UTC)), lambda value: value),
    Kind.INTERVAL: (INTERVALS, total),
    Kind.UUID: (st.uuids(), lambda value: value.bytes),
    Kind.JSON: (TEXTS, utf8),
    Kind.JSONB: (TEXTS, utf8),
    Kind.UNKNOWN: (TEXTS, utf8),
}


def compare(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


@pytest.mark.parametrize("kind", list(Kind))
def test_order_both_ways(kind: Kind) -> None:
    values, order = KINDS[kind]
    ascending = part_encoder(SqlType(kind), False, False)
    descending = part_encoder(SqlType(kind), True, True)

    @given(values, values, values)
    def check(left: Any, right: Any, suffix: Any) -> None:
        expected = compare(order(left), order(right))
        assert compare(ascending(left), ascending(right)) == expected
        assert compare(descending(left), descending(right)) == -expected
        if expected:  # whatever follows cannot change the order: no part is a prefix of another
            assert compare(ascending(left) + ascending(suffix), ascending(right)) == expected
            assert compare(descending(left) + descending(suffix), descending(right)) == -expected

    check()


@pytest.mark.parametrize("kind", list(Kind))
def test_round_trip(kind: Kind) -> None:
    values, order = KINDS[kind]
    types = [SqlType(kind), SqlType(kind), BIGINT]

    @given(st.none() | values, st.none() | values, st.integers(-5, 5), st.booleans())
    def check(first: Any, second: Any, third: int, down: bool) -> None:
        descending = [down, not down, down]
        key = encoder_for(types, descending, prefix=storage_prefix(16))((first, second, third))
        assert storage_id_of(key) == 16
        if is_truncated(key):
            return
        decoded = decode_key(types, key, descending)
        assert decoded[2] == third
        for value, back in zip((first, second), decoded, strict=False):
            assert (value is None) == (back is None)
            if value is not None:
                assert order(back) == order(value)

    check()


@given(
    st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.text("ab", max_size=2)), max_size=30)
)
def test_rows_sort_column_by_column(rows: list[tuple[int | None, str | None]]) -> None:
    """ORDER BY first DESC NULLS FIRST, second NULLS LAST."""
    encode = encoder_for([INTEGER, TEXT], [True, False], [True, False])
    expected = sorted(
        rows, key=lambda row: (row[0] is not None, -(row[0] or 0), row[1] is None, row[1] or "")
    )
    assert sorted(rows, key=encode) == expected


def test_null_is_last_by_default_and_first_on_request() -> None:
    for descending in (False, True):
        last = part_encoder(INTEGER, descending, False)
        first = part_encoder(INTEGER, descending, True)
        for value in (-(2**31), -1, 0, 2**31 - 1):
            assert last(value) < last(None)
            assert first(None) < first(value)


def test_equal_values_have_equal_keys() -> None:
    numeric = part_encoder(NUMERIC, False, False)
    assert numeric(Decimal("1")) == numeric(Decimal("1.00")) == numeric(Decimal("0.1E1"))
    assert numeric(Decimal("0")) == numeric(Decimal("-0.000")) == numeric(Decimal("0E+10"))
    double = part_encoder(DOUBLE, False, False)
    assert double(0.0) == double(-0.0)
    assert double(math.nan) == double(-math.nan) > double(math.inf)
    interval = part_encoder(sql_types.INTERVAL, False, False)
    assert interval(Interval(1, 0, 0)) == interval(Interval(0, 30, 0))


def test_numeric_extremes_sort() -> None:
    values = [
        "-Infinity",
        "-1E+400",
        "-10",
        "-1",
        "-1E-400",
        "0",
        "1E-400",
        "0.1",
        "1",
        "10",
        "1E+400",
        "Infinity",
    ]
    keys = [part_encoder(NUMERIC, False, False)(Decimal(value)) for value in [*values, "NaN"]]
    assert keys == sorted(set(keys))
    assert keys[-1] == part_encoder(NUMERIC, False, False)(Decimal("-NaN"))


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        encoder_for([TEXT])(("\ud800",))
    assert caught.value.sqlstate == "22021"


@given(st.binary(max_size=5))
def test_prefix_successor(prefix: bytes) -> None:
    successor = prefix_successor(prefix)
    if successor is None:
        assert prefix.strip(b"\xff") == b""
    else:
        assert prefix + b"\xff" * 10 < successor
        assert not successor.startswith(prefix)


def test_long_keys_keep_a_prefix_and_stay_distinct() -> None:
    encode = encoder_for([TEXT, INTEGER], prefix=storage_prefix(20))
    keys = [encode(("x" * 1000 + end, number)) for end in "ab" for number in (1, 2)]
    assert len(set(keys)) == 4
    for key in keys:
        assert len(key) == MAXIMUM_KEY
        assert is_truncated(key)
        assert range_start(key) == key[:KEPT_PREFIX]
        stop = range_stop(key, False)
        assert stop is not None
        assert range_start(key) <= min(keys) and max(keys) < stop
        with pytest.raises(DataCorrupted):
            decode_key([TEXT, INTEGER], key)
    assert encode(("w" * 1000, 1)) < min(keys)
    assert max(keys) < encode(("y", 1))


@given(st.integers(0, 600), st.integers(0, 600))
def test_only_truncated_keys_have_the_longest_length(first: int, second: int) -> None:
    encode = encoder_for([TEXT], prefix=storage_prefix(20))
    keys = [encode(("x" * length,)) for length in (first, second)]
    assert all(len(key) <= MAXIMUM_KEY for key in keys)
    assert (keys[0] == keys[1]) == (first == second)
    for key, length in zip(keys, (first, second), strict=True):
        assert is_truncated(key) == (4 + 1 + length + 2 >= MAXIMUM_KEY)


def test_range_stop() -> None:
    key = encoder_for([INTEGER], prefix=storage_prefix(16))((5,))
    assert range_start(key) == key
    assert range_stop(key, False) == key
    stop = range_stop(key, True)
    assert stop is not None
    assert key + b"\x00" < stop


@pytest.mark.parametrize(
    "data", ["00000010", "0000001011", "000000103000", "0000001011000000000000000100", "00000010fd"]
)
def test_damaged_keys_are_reported(data: str) -> None:
    with pytest.raises(DataCorrupted):
        decode_key([INTEGER if data[8:10] == "11" else TEXT], bytes.fromhex(data))


READ: dict[Kind, Any] = {
    Kind.BOOLEAN: lambda text: text == "true",
    Kind.SMALLINT: int,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.REAL: float,
    Kind.DOUBLE: float,
    Kind.NUMERIC: Decimal,
    Kind.BYTEA: bytes.fromhex,
    Kind.DATE: datetime.date.fromisoformat,
    Kind.TIME: datetime.time.fromisoformat,
    Kind.TIMESTAMP: datetime.datetime.fromisoformat,
    Kind.TIMESTAMPTZ: datetime.datetime.fromisoformat,
    Kind.INTERVAL: lambda text: Interval(*map(int, text.split())),
    Kind.UUID: uuid.UUID,
}


def readme_vectors() -> list[tuple[str, bool, str, str]]:
    text = (Path(key_codec.__file__).parent / "README.md").read_text()
    found = re.findall(
        r"^\| `0x[^|]*\| ([a-z ]+?)(, descending)? \|[^|]*\| `(.*)` \| `([0-9a-f ]+)` \|$", text, re.M
    )
    return [(kind, bool(down), value, data.replace(" ", "")) for kind, down, value, data in found]


def test_readme_vectors() -> None:
    vectors = readme_vectors()
    assert {kind for kind, *_ in vectors} >= {kind.value for kind in Kind} - {"unknown", "json"}
    for kind_name, down, text, data in vectors:
        kind = Kind(kind_name)
        value = None if text == "NULL" else READ.get(kind, str)(text)
        for nulls_first in (False, True):
            if value is None and nulls_first != data.startswith("01"):
                continue
            assert part_encoder(SqlType(kind), down, nulls_first)(value).hex() == data, (kind_name, text)
