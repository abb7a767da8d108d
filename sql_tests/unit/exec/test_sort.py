"""ORDER BY: every path (in memory, runs on disk, top-N) gives the order of a plain stable sort."""

from __future__ import annotations

import datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import pytest
from exec_fixture import Apply, ascending, column, context, descending, rows_of, slot, values
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.errors import DataError, Error, ProgrammingError, QueryCanceled
from minidb.exec import sort
from minidb.exec.run import run_query
from minidb.expr.node import Constant
from minidb.plan.nodes import FunctionScan, Sort, SortKey
from minidb.txn.interrupt import Interrupt
from minidb.value.interval import Interval
from minidb.value.sql_types import (
    BOOLEAN,
    BYTEA,
    CHAR,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Row,
    SqlType,
)

SAMPLES: dict[SqlType, Any] = {
    INTEGER: st.integers(-5, 5),
    TEXT: st.sampled_from(["", "a", "ab", "b", "é", "z"]),
    DOUBLE: st.sampled_from([float("nan"), float("inf"), -0.0, 0.0, 1.5, -2.0, float("-inf")]),
    NUMERIC: st.sampled_from(
        [Decimal(text) for text in ("NaN", "1", "1.00", "-3", "0", "12345678901234567890.123456789012345")]
    ),
    BOOLEAN: st.booleans(),
    DATE: st.dates(),
    TIMESTAMP: st.datetimes().map(lambda value: value.replace(fold=0)),
    TIMESTAMPTZ: st.datetimes().map(lambda value: value.replace(fold=0, tzinfo=datetime.UTC)),
    TIME: st.times().map(lambda value: value.replace(fold=0)),
    BYTEA: st.binary(max_size=2),
    UUID: st.uuids(),
    INTERVAL: st.builds(Interval, st.integers(-1, 1), st.integers(-30, 30), st.integers(-1, 1)),
    CHAR: st.sampled_from(["a", "a ", "b", "b  "]),
}


def compare(left: Any, right: Any) -> int:
    """SQL's order of two values that are not NULL."""
    if isinstance(left, float | Decimal) and (left != left or right != right):
        return int(left != left) - int(right != right)
    if isinstance(left, str):
        left, right = left.rstrip(" "), right.rstrip(" ")
    return int(left > right) - int(left < right)


def expected(rows: list[Row], keys: list[tuple[int, bool, bool]]) -> list[Row]:
    """Rows sorted by (position, descending, nulls first), one comparison at a time."""

    def order(left: Row, right: Row) -> int:
        for position, down, nulls_first in keys:
            a, b = left[position], right[position]
            if a is None or b is None:
                if a is not b:
                    return (-1 if nulls_first else 1) if a is None else (1 if nulls_first else -1)
                continue
            result = compare(a, b)
            if result:
                return -result if down else result
        return 0

    return sorted(rows, key=cmp_to_key(order))


def same(left: list[Row], right: list[Row]) -> bool:
    """Equality with NaN equal to itself and 1 unlike 1.00."""
    return repr(left) == repr(right)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_path_sorts_alike(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(list(SAMPLES)), min_size=1, max_size=3))
    row = st.tuples(*[st.one_of(st.none(), SAMPLES[type_]) for type_ in types])
    rows = [(*each, number) for number, each in enumerate(data.draw(st.lists(row, max_size=40)))]
    keys = [
        (position, data.draw(st.booleans()), data.draw(st.booleans()))
        for position in data.draw(st.permutations(range(len(types))))
    ]
    source = values([*types, INTEGER], rows)
    sort_keys = tuple([SortKey(slot(at, types[at]), down, first) for at, down, first in keys])
    right = expected(rows, keys)
    assert same(rows_of(Sort(source, sort_keys)), right)
    assert same(rows_of(Sort(source, sort_keys), work_mem=1), right)
    limit = data.draw(st.integers(0, 50))
    assert same(rows_of(Sort(source, sort_keys, Constant(limit, INTEGER))), right[:limit])


def test_many_runs_are_merged_in_passes_and_stay_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(number * 7919 % 101, number) for number in range(20_000)]
    monkeypatch.setattr(sort, "MERGED_RUNS", 3)
    found = rows_of(Sort(values((INTEGER, INTEGER), rows), (ascending(slot(0)),)), work_mem=100_000)
    assert found == sorted(rows, key=lambda row: row[0])


def test_top_rows_of_many() -> None:
    rows = [(number * 7919 % 10_007, number) for number in range(10_007)]
    plan = Sort(values((INTEGER, INTEGER), rows), (descending(slot(0)),), Constant(25, INTEGER))
    assert rows_of(plan) == sorted(rows, reverse=True)[:25]


def test_a_computed_key_is_evaluated_once_per_row_and_not_delivered() -> None:
    calls = []

    def negate(value: int) -> int:
        calls.append(value)
        return -value

    rows = [(number, "x") for number in range(5000)]
    plan = Sort(values((INTEGER, TEXT), rows), (ascending(Apply(negate, (slot(0),), INTEGER)),))
    assert rows_of(plan, work_mem=50_000) == rows[::-1]
    assert len(calls) == len(rows)


def test_limit_is_an_expression() -> None:
    source = values((INTEGER,), [(3,), (1,), (2,)])
    assert rows_of(Sort(source, (ascending(slot(0)),), Constant(None, INTEGER))) == [(1,), (2,), (3,)]
    with pytest.raises(DataError, match="LIMIT must not be negative") as caught:
        rows_of(Sort(source, (ascending(slot(0)),), Constant(-1, INTEGER)))
    assert caught.value.sqlstate == "2201W"


def test_json_has_no_order() -> None:
    with pytest.raises(ProgrammingError) as caught:
        rows_of(Sort(values((JSON,), [("1",)]), (ascending(slot(0, JSON)),)))
    assert caught.value.sqlstate == "42883"


def test_an_interrupt_stops_a_sort() -> None:
    interrupt = Interrupt()
    series = FunctionScan(
        "generate_series", (Constant(1, INTEGER), Constant(10**9, INTEGER)), (column(INTEGER),)
    )

    def strike(value: int) -> int:
        if value == 50_000:
            interrupt.request()
        return value

    plan = Sort(series, (ascending(Apply(strike, (slot(0),), INTEGER)),))
    query = run_query(plan, context(interrupt=interrupt, work_mem=1 << 20))
    with pytest.raises(QueryCanceled) as caught:
        query.next_batch()
    assert caught.value.sqlstate == "57014"
    query.close()


def test_a_full_disk_is_an_error_with_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minidb.exec.spill.os.pwrite", fail)
    with pytest.raises(Error) as caught:
        rows_of(Sort(values((INTEGER,), [(2,), (1,)]), (ascending(slot(0)),)), work_mem=1)
    assert caught.value.sqlstate == "53100"
