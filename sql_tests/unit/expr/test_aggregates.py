"""Aggregate functions: resolution, results, and that a state may be split, stored and merged."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.errors import Error
from minidb.expr.aggregates import AggregateFunction, aggregate, is_aggregate
from minidb.expr.node import Constant, Slot
from minidb.value.interval import Interval
from minidb.value.sql_types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    REAL,
    SMALLINT,
    TEXT,
    UNKNOWN,
    VARCHAR,
    SqlType,
)

NAN = float("nan")


def function(name: str, *types: SqlType) -> AggregateFunction:
    return aggregate(name, [Slot(index, type_) for index, type_ in enumerate(types)], False)[0]


def result(name: str, type_: SqlType, values: list[Any]) -> Any:
    """Of values that are not NULL, fed as one batch."""
    found = function(name, type_)
    return found.finish(found.add_batch(found.start(), values))


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("sum", SMALLINT, BIGINT), ("sum", INTEGER, BIGINT), ("sum", BIGINT, NUMERIC),
        ("sum", NUMERIC, NUMERIC), ("sum", REAL, REAL), ("sum", DOUBLE, DOUBLE),
        ("sum", INTERVAL, INTERVAL), ("avg", INTEGER, NUMERIC),
        ("avg", REAL, DOUBLE), ("avg", INTERVAL, INTERVAL), ("min", VARCHAR, TEXT), ("max", DOUBLE, DOUBLE),
        ("count", JSON, BIGINT), ("stddev", BIGINT, NUMERIC), ("var_pop", REAL, DOUBLE),
        ("bool_or", BOOLEAN, BOOLEAN),
        ("bit_and", SMALLINT, SMALLINT), ("json_agg", INTEGER, JSON),
    ],
)  # fmt: skip
def test_result_types(name: str, argument: SqlType, expected: SqlType) -> None:
    assert function(name, argument).type == expected


@pytest.mark.parametrize(
    ("name", "arguments", "sqlstate", "message"),
    [
        ("sum", [Slot(0, TEXT)], "42883", "function sum(text) does not exist"),
        ("min", [Slot(0, BOOLEAN)], "42883", "function min(boolean) does not exist"),
        ("sum", [Constant("1", UNKNOWN)], "42725", "function sum(unknown) is not unique"),
        ("avg", [], "42883", "function avg() does not exist"),
        ("string_agg", [Slot(0, INTEGER), Slot(1, TEXT)], "42883",
         "function string_agg(integer, text) does not exist"),
    ],
)  # fmt: skip
def test_unknown_signatures(name: str, arguments: list[Any], sqlstate: str, message: str) -> None:
    with pytest.raises(Error) as caught:
        aggregate(name, arguments, False)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_distinct_needs_equality() -> None:
    with pytest.raises(Error, match="equality operator for type json"):
        aggregate("count", [Slot(0, JSON)], True)


def test_names() -> None:
    assert is_aggregate("count") and is_aggregate("json_agg") and is_aggregate("regr_slope")
    assert not is_aggregate("upper")


def test_results() -> None:
    assert result("sum", INTEGER, [1, 2, 3]) == 6
    assert result("sum", INTEGER, []) is None
    assert result("count", INTEGER, [5, 6]) == 2
    assert str(result("avg", INTEGER, [1, 2])) == "1.5000000000000000"
    assert str(result("sum", NUMERIC, [Decimal("1.50"), Decimal("1")])) == "2.50"
    assert str(result("var_samp", INTEGER, [1, 2, 4])) == "2.3333333333333333"
    assert result("variance", INTEGER, [1]) is None
    assert result("stddev_pop", INTEGER, [1, 1]) == 0
    assert result("max", DOUBLE, [1.0, NAN, 2.0]) != result("max", DOUBLE, [1.0, 2.0])
    assert result("min", DOUBLE, [NAN, 1.0]) == 1.0
    assert result("min", NUMERIC, [Decimal("NaN"), Decimal(1)]) == 1
    assert result("max", NUMERIC, [Decimal("NaN"), Decimal(1)]).is_nan()
    assert result("avg", INTERVAL, [Interval(0, 1, 0), Interval(0, 2, 0)]) == Interval(
        0, 1, 12 * 3_600_000_000
    )


def test_exact_beyond_the_usual_precision() -> None:
    big, tiny = Decimal(10) ** 40, Decimal("1E-20")
    assert result("sum", NUMERIC, [big, tiny, -big]) == tiny


def test_overflow() -> None:
    with pytest.raises(Error, match="bigint out of range"):
        result("sum", INTEGER, [2**31 - 1] * 2 + [2**63])
    with pytest.raises(Error, match="overflow"):
        result("sum", DOUBLE, [1e308, 1e308])
    assert result("sum", DOUBLE, [float("inf"), 1.0]) == float("inf")
    assert result("sum", BIGINT, [2**62] * 4) == Decimal(2**64)


def test_string_agg_keeps_each_delimiter() -> None:
    found = function("string_agg", TEXT, TEXT)
    rows = [("a", ","), (None, ";"), ("b", "-"), ("c", None)]
    assert found.keeps_nulls
    assert found.finish(found.add_batch(found.start(), rows)) == "a-bc"
    assert found.finish(found.start()) is None


INTEGERS = st.lists(st.integers(-(10**9), 10**9), max_size=20)
DECIMALS = st.lists(st.decimals(-1000, 1000, places=3), max_size=20)
FLOATS = st.lists(st.floats(-1e6, 1e6), max_size=20)
CASES = [
    *[
        (name, INTEGER, INTEGERS)
        for name in ("count", "sum", "avg", "min", "max", "stddev", "var_pop", "bit_xor")
    ],
    *[(name, NUMERIC, DECIMALS) for name in ("sum", "avg", "min", "max", "variance")],
    *[(name, DOUBLE, FLOATS) for name in ("sum", "avg", "min", "max", "stddev_samp", "var_pop")],
    ("bool_and", BOOLEAN, st.lists(st.booleans(), max_size=5)),
    ("json_agg", TEXT, st.lists(st.none() | st.text(max_size=3), max_size=5)),
]


@pytest.mark.parametrize(("name", "type_", "strategy"), CASES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_states_can_be_stored_and_merged(name: str, type_: SqlType, strategy: Any, data: Any) -> None:
    values = data.draw(strategy)
    cut = data.draw(st.integers(0, len(values)))
    found = function(name, type_)
    whole = found.finish(found.add_batch(found.start(), values))
    left = found.start()
    for value in values[:cut]:
        left = found.add(left, value)
    right = found.add_batch(found.start(), values[cut:])
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(left))
    if type_ is not NUMERIC:  # Decimals come back as text
        left = stored
    merged = found.finish(found.merge(left, right))
    if type_ is DOUBLE and whole is not None:
        assert merged == pytest.approx(whole, rel=1e-6, abs=1e-6)
    else:
        assert merged == whole


def test_regression() -> None:
    found = function("regr_slope", DOUBLE, DOUBLE)
    pairs = [(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]
    assert found.finish(found.add_batch(found.start(), pairs)) == 2.0
    halves = found.merge(found.add_batch(found.start(), pairs[:1]), found.add_batch(found.start(), pairs[1:]))
    assert found.finish(halves) == pytest.approx(2.0)


def test_extremes_of_dates() -> None:
    days = [datetime.date(2024, 1, day) for day in (3, 1, 2)]
    assert result("max", DATE, days) == days[0]
    assert result("min", DATE, days) == days[1]
