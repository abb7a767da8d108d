"""Python values on their way in and out."""

from __future__ import annotations

import datetime
import enum
import uuid
from decimal import Decimal
from typing import Any

import pytest

from minidb.errors import DataError, Error, InterfaceError
from minidb.value import sql_types
from minidb.value.interval import Interval
from minidb.value.python_values import OUTPUT_CONVERTERS, input_converter, to_internal, type_of_python_value
from minidb.value.sql_types import Kind, SqlType

_EAST = datetime.timezone(datetime.timedelta(hours=2))


class _Colour(enum.IntEnum):
    RED = 1


class _Text(str):
    """A text of one's own."""


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (1, sql_types.INTEGER),
        (2**31 - 1, sql_types.INTEGER),
        (2**31, sql_types.BIGINT),
        (-(2**63), sql_types.BIGINT),
        (2**63, sql_types.NUMERIC),
        (True, sql_types.BOOLEAN),
        (1.5, sql_types.DOUBLE),
        (Decimal("1.5"), sql_types.NUMERIC),
        ("x", sql_types.UNKNOWN),
        (None, sql_types.UNKNOWN),
        (b"x", sql_types.BYTEA),
        (bytearray(b"x"), sql_types.BYTEA),
        (memoryview(b"x"), sql_types.BYTEA),
        (datetime.date(2024, 1, 2), sql_types.DATE),
        (datetime.time(1, 2), sql_types.TIME),
        (datetime.datetime(2024, 1, 2), sql_types.TIMESTAMP),
        (datetime.datetime(2024, 1, 2, tzinfo=_EAST), sql_types.TIMESTAMPTZ),
        (datetime.timedelta(1), sql_types.INTERVAL),
        (Interval(1), sql_types.INTERVAL),
        (uuid.UUID(int=1), sql_types.UUID),
        ({"a": 1}, sql_types.JSON),
        ([1], sql_types.JSON),
        (_Colour.RED, sql_types.INTEGER),
        (_Text("x"), sql_types.UNKNOWN),
    ],
)
def test_types_of_python_values(value: Any, type_: SqlType) -> None:
    assert type_of_python_value(value) == type_


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, (1, 2), range(3), print])
def test_other_types_are_named_in_the_error(value: Any) -> None:
    with pytest.raises(InterfaceError, match=f"cannot use a Python {type(value).__name__} as a parameter"):
        type_of_python_value(value)
    with pytest.raises(InterfaceError):
        to_internal(value, sql_types.INTEGER)


@pytest.mark.parametrize(
    ("value", "type_", "result"),
    [
        (5, sql_types.INTEGER, 5),
        (5, sql_types.NUMERIC, Decimal(5)),
        (5, sql_types.DOUBLE, 5.0),
        (5, sql_types.TEXT, "5"),
        (True, sql_types.INTEGER, 1),
        (2.5, sql_types.INTEGER, 2),
        (Decimal("2.5"), sql_types.INTEGER, 3),
        (Decimal("1E+2"), sql_types.NUMERIC, Decimal(100)),
        (Decimal("-0.0"), sql_types.NUMERIC, Decimal("0.0")),
        (Decimal("1.005"), SqlType(Kind.NUMERIC, precision=4, scale=2), Decimal("1.01")),
        ("12", sql_types.INTEGER, 12),
        ("12", sql_types.UNKNOWN, "12"),
        (12, sql_types.UNKNOWN, "12"),
        ("abc  ", SqlType(Kind.VARCHAR, length=3), "abc"),
        ("ab", SqlType(Kind.CHAR, length=3), "ab "),
        (0.1, sql_types.REAL, 0.10000000149011612),
        (memoryview(b"ab"), sql_types.BYTEA, b"ab"),
        (datetime.datetime(2024, 1, 2, 3, 4), sql_types.DATE, datetime.date(2024, 1, 2)),
        (datetime.timedelta(days=-1, seconds=5), sql_types.INTERVAL, Interval(0, -1, 5_000_000)),
        ({"a": [1, None, "é"]}, sql_types.JSON, '{"a": [1, null, "é"]}'),
        (
            {"b": Decimal("1.5"), "a": datetime.date(2024, 1, 2)},
            sql_types.JSONB,
            '{"a": "2024-01-02", "b": 1.5}',
        ),
        (_Colour.RED, sql_types.INTEGER, 1),
        (_Text("x"), sql_types.TEXT, "x"),
    ],
)
def test_values_become_the_engines(value: Any, type_: SqlType, result: Any) -> None:
    converted = to_internal(value, type_)
    assert (type(converted), converted, str(converted)) == (type(result), result, str(result))


def test_aware_datetimes_become_utc() -> None:
    moment = datetime.datetime(2024, 7, 1, 12, tzinfo=_EAST)
    internal = to_internal(moment, sql_types.TIMESTAMPTZ)
    assert internal == moment
    assert internal.tzinfo is datetime.UTC


@pytest.mark.parametrize(
    ("value", "type_", "sqlstate"),
    [
        (2**31, sql_types.INTEGER, "22003"),
        (1e300, sql_types.REAL, "22003"),
        ("abc", sql_types.INTEGER, "22P02"),
        ("abcdef", SqlType(Kind.VARCHAR, length=3), "22001"),
        (True, sql_types.BIGINT, "42846"),
        ("a\x00b", sql_types.TEXT, "22021"),
        ("\ud800", sql_types.TEXT, "22021"),
        ({"a": "\ud800"}, sql_types.JSON, "22021"),
        ([float("nan")], sql_types.JSON, "07006"),
        ([object()], sql_types.JSON, "07006"),
        ({(1, 2): 3}, sql_types.JSON, "07006"),
        (datetime.time(1, tzinfo=_EAST), sql_types.TIME, "0A000"),
        (datetime.datetime.max.replace(tzinfo=datetime.timezone(-datetime.timedelta(hours=1))),
         sql_types.TIMESTAMPTZ, "22008"),
        (1, sql_types.DATE, "42846"),
        (b"x", sql_types.INTEGER, "42846"),
        (Decimal("1e200000"), sql_types.NUMERIC, "22003"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error(value: Any, type_: SqlType, sqlstate: str) -> None:
    with pytest.raises(Error) as caught:
        to_internal(value, type_)
    assert caught.value.sqlstate == sqlstate


def test_json_that_refers_to_itself_is_an_error() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InterfaceError):
        to_internal(circle, sql_types.JSON)


def test_converters_are_shared_and_fast_paths_agree_with_the_slow_one() -> None:
    assert input_converter(sql_types.BIGINT) is input_converter(SqlType(Kind.BIGINT))
    assert type(input_converter(sql_types.BIGINT)(_Colour.RED)) is int
    assert type(input_converter(sql_types.TEXT)(_Text("é"))) is str


def test_values_out() -> None:
    assert OUTPUT_CONVERTERS[Kind.JSONB]('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert OUTPUT_CONVERTERS[Kind.INTERVAL](Interval(1, 1, 1)) == datetime.timedelta(31, 0, 1)
    with pytest.raises(DataError):
        OUTPUT_CONVERTERS[Kind.INTERVAL](Interval(2**31 - 1))
    assert Kind.INTEGER not in OUTPUT_CONVERTERS
