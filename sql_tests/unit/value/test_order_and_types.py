"""The order of values, and type names."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from minidb.errors import Error, ProgrammingError
from minidb.value import sql_types
from minidb.value.interval import Interval
from minidb.value.order import has_order, sort_key
from minidb.value.sql_types import Kind, SqlType
from minidb.value.text import from_text
from minidb.value.types_by_name import type_from_name

_NAN = float("nan")


@pytest.mark.parametrize(
    ("type_", "ascending"),
    [
        (sql_types.DOUBLE, [float("-inf"), -1.0, 0.0, 1.5, float("inf"), _NAN]),
        (sql_types.NUMERIC, [Decimal(text) for text in ("-Infinity", "-1.5", "0", "Infinity", "NaN")]),
        (sql_types.CHAR, ["", "a", "a\t", "ab"]),
        (sql_types.INTERVAL, [Interval(0, -1), Interval(0, 0, 1), Interval(0, 29), Interval(1)]),
        (
            sql_types.JSONB,
            ["[]", "null", '""', '"a"', '"b"', "-1", "2.5", "10", "false", "true", "[1]", "[2]", "[1, 1]",
             "{}", '{"a": 1}', '{"a": 2}', '{"b": 1}', '{"a": 1, "b": 1}'],
        ),
    ],
)  # fmt: skip
def test_keys_order_values_as_postgresql_does(type_: SqlType, ascending: list[Any]) -> None:
    key = sort_key(type_)
    assert key is not None
    for lesser, greater in pairwise(ascending):
        assert key(lesser) < key(greater), (lesser, greater)
    hashed = {key(value) for value in ascending}
    assert len(hashed) == len(ascending)


@pytest.mark.parametrize(
    ("type_", "left", "right"),
    [
        (sql_types.DOUBLE, 0.0, -0.0),
        (sql_types.DOUBLE, _NAN, float("nan")),
        (sql_types.NUMERIC, Decimal("1.0"), Decimal("1.00")),
        (sql_types.CHAR, "a  ", "a"),
        (sql_types.INTERVAL, Interval(1), Interval(0, 29, 86_400_000_000)),
        (sql_types.JSONB, '{"a": 1.0}', '{"a": 1.00}'),
    ],
)
def test_equal_values_have_equal_keys_and_hashes(type_: SqlType, left: Any, right: Any) -> None:
    key = sort_key(type_)
    assert key is not None
    assert key(left) == key(right)
    assert hash(key(left)) == hash(key(right))


def test_most_types_need_no_key_and_json_has_no_order() -> None:
    for kind in (Kind.INTEGER, Kind.TEXT, Kind.DATE, Kind.UUID, Kind.BYTEA, Kind.BOOLEAN, Kind.TIMESTAMPTZ):
        assert sort_key(SqlType(kind)) is None
        assert has_order(SqlType(kind))
    with pytest.raises(ProgrammingError) as caught:
        sort_key(sql_types.JSON)
    assert caught.value.sqlstate == "42883"


@pytest.mark.parametrize(
    ("name", "modifiers", "shown"),
    [
        ("INT", [], "integer"),
        ("int8", [], "bigint"),
        ("float", [], "double precision"),
        ("float", [24], "real"),
        ("Double   Precision", [], "double precision"),
        ("dec", [5], "numeric(5,0)"),
        ("numeric", [5, -2], "numeric(5,-2)"),
        ("char", [], "character(1)"),
        ("bpchar", [], "character"),
        ("character varying", [20], "character varying(20)"),
        ("pg_catalog.varchar", [], "character varying"),
        ("timestamp", [3], "timestamp(3) without time zone"),
        ("timestamptz", [9], "timestamp(6) with time zone"),
        ("time", [0], "time(0) without time zone"),
        ("interval", [2], "interval(2)"),
        ("bool", [], "boolean"),
    ],
)
def test_type_names(name: str, modifiers: list[int], shown: str) -> None:
    assert str(type_from_name(name, modifiers)) == shown


@pytest.mark.parametrize(
    ("name", "modifiers", "sqlstate", "message"),
    [
        ("strange", [], "42704", 'type "strange" does not exist'),
        ("inet", [], "0A000", "type inet is not supported"),
        ("time with time zone", [], "0A000", "type time with time zone is not supported"),
        ("integer[]", [], "0A000", "array types are not supported"),
        ("interval year to month", [], "0A000", "interval fields are not supported: interval year to month"),
        ("varchar", [0], "22023", "length for type varchar must be at least 1"),
        ("char", [10485761], "22023", "length for type char cannot exceed 10485760"),
        ("numeric", [0], "22023", "NUMERIC precision 0 must be between 1 and 1000"),
        ("numeric", [5, 1001], "22023", "NUMERIC scale 1001 must be between -1000 and 1000"),
        ("numeric", [5, 1, 1], "22023", "invalid NUMERIC type modifier"),
        ("float", [54], "22023", "precision for type float must be less than 54 bits"),
        ("text", [5], "42601", 'type modifier is not allowed for type "text"'),
        ("timestamp", [-1], "22023", "TIMESTAMP(-1) precision must not be negative"),
    ],
)
def test_wrong_type_names(name: str, modifiers: list[int], sqlstate: str, message: str) -> None:
    with pytest.raises(Error) as caught:
        type_from_name(name, modifiers)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_a_column_default_reads_with_its_modifiers() -> None:
    assert str(from_text("1.255", type_from_name("numeric", [4, 2]))) == "1.26"
