"""GROUP BY, DISTINCT and the set operations against dictionaries, in memory and from partitions on disk."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from exec_fixture import (
    Apply,
    Counted,
    Gathered,
    Total,
    ascending,
    column,
    columns,
    descending,
    rows_of,
    slot,
    values,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.expr.aggregates import AggregateFunction
from minidb.expr.node import Expr
from minidb.plan.nodes import Aggregate, AggregateCall, Distinct, Plan, SetOperation, SortKey
from minidb.value.sql_types import CHAR, DOUBLE, INTEGER, NUMERIC, TEXT, Row, SqlType

NAN = float("nan")
number = st.one_of(st.none(), st.integers(0, 5))
rows_strategy = st.lists(st.tuples(number, number, number), max_size=30)


def call(function: AggregateFunction, *arguments: Expr, **options: Any) -> AggregateCall:
    return AggregateCall(column(function.type), function, arguments, **options)


def grouped(source: Plan, group: tuple[Expr, ...], *calls: AggregateCall) -> Aggregate:
    return Aggregate(source, columns(*[each.type for each in group]), group, calls)


def total(items: list[Any]) -> Any:
    items = [item for item in items if item is not None]
    return sum(items) if items else None


@settings(max_examples=150, deadline=None)
@given(rows_strategy, st.integers(0, 2), st.booleans())
def test_groups(rows: list[Row], keys: int, spills: bool) -> None:
    source = values((INTEGER, INTEGER, INTEGER), rows)
    positive = Apply(lambda a: None if a is None else a > 2, (slot(2),))
    plan = grouped(
        source,
        tuple([slot(at) for at in range(keys)]),
        call(Counted()),
        call(Counted(), slot(2)),
        call(Total(), slot(2)),
        call(Total(), slot(2), where=positive),
        call(Total(), slot(2), distinct=True),
        call(Counted(), where=positive),
    )
    groups: dict[Row, list[Any]] = {} if keys else {(): []}
    for row in rows:
        groups.setdefault(row[:keys], []).append(row[2])
    right = [
        (
            *key,
            len(items),
            len([item for item in items if item is not None]),
            total(items),
            total([item for item in items if item is not None and item > 2]),
            total(list(set(items))),
            len([item for item in items if item is not None and item > 2]),
        )
        for key, items in groups.items()
    ]
    assert sorted(map(repr, rows_of(plan, work_mem=1 if spills else None))) == sorted(map(repr, right))


def test_order_and_distinct_inside() -> None:
    rows: list[Row] = [(1, 3, 1), (1, None, 2), (1, 2, 3), (1, 3, 4), (1, 1, None)]
    source = values((INTEGER, INTEGER, INTEGER), rows)

    def gather(keeps_nulls: bool, *keys: SortKey, distinct: bool = False) -> Any:
        function = Gathered(keeps_nulls)
        ((found,),) = rows_of(grouped(source, (), call(function, slot(1), order_by=keys, distinct=distinct)))
        return found

    assert gather(False, descending(slot(1))) == (3, 3, 2, 1)
    assert gather(True, descending(slot(1))) == (None, 3, 3, 2, 1)
    assert gather(True, ascending(slot(2))) == (3, None, 2, 3, 1)
    assert gather(True, ascending(slot(1)), distinct=True) == (1, 2, 3, None)
    assert gather(False, distinct=True) == (3, 2, 1)
    two = call(Gathered(), slot(1), slot(2), order_by=(ascending(slot(1)), descending(slot(2))))
    assert rows_of(grouped(source, (), two)) == [(((2, 3), (3, 4), (3, 1)),)]


def test_arguments_are_not_evaluated_where_the_filter_says_no() -> None:
    source = values((INTEGER,), [(0,), (2,), (4,)])
    quotient = Apply(lambda a: 8 // a, (slot(0),), INTEGER)
    plan = grouped(source, (), call(Total(), quotient, where=Apply(lambda a: a != 0, (slot(0),))))
    assert rows_of(plan) == [(6,)]


SAME: list[tuple[SqlType, list[Any], int]] = [
    (NUMERIC, [Decimal("1"), Decimal("1.00"), Decimal("NaN"), Decimal("NaN"), None, None], 3),
    (DOUBLE, [0.0, -0.0, NAN, float("nan"), None], 3),
    (CHAR, ["a", "a  ", "b"], 2),
    (TEXT, ["a", "a  ", None], 3),
]


@pytest.mark.parametrize(("type_", "items", "count"), SAME)
def test_equal_values_make_one_group(type_: SqlType, items: list[Any], count: int) -> None:
    source = values((type_,), [(item,) for item in items])
    found = rows_of(grouped(source, (slot(0, type_),), call(Counted())))
    assert len(found) == count
    assert repr(found[0][0]) == repr(items[0])
    for plan in (
        Distinct(source),
        SetOperation("union", False, source, source, columns(type_)),
        SetOperation("intersect", False, source, source, columns(type_)),
    ):
        assert len(rows_of(plan)) == count
    assert rows_of(SetOperation("except", False, source, source, columns(type_))) == []


def test_many_groups_from_many_partitions() -> None:
    rows = [(position * 7919 % 30_000, 1) for position in range(60_000)]
    plan = grouped(values((INTEGER, INTEGER), rows), (slot(0),), call(Total(), slot(1)))
    found = rows_of(plan, work_mem=100_000)
    assert sorted(found) == [(key, 2) for key in range(30_000)]


@settings(max_examples=150, deadline=None)
@given(rows_strategy, rows_strategy, st.booleans())
def test_set_operations(left: list[Row], right: list[Row], spills: bool) -> None:
    types = (INTEGER, INTEGER, INTEGER)
    one, other = values(types, left), values(types, right)
    a, b = Counter(left), Counter(right)
    expected = {
        ("union", True): a + b,
        ("union", False): Counter(set(left) | set(right)),
        ("intersect", True): a & b,
        ("intersect", False): Counter(set(left) & set(right)),
        ("except", True): a - b,
        ("except", False): Counter(set(left) - set(right)),
    }
    for (kind, every), bag in expected.items():
        plan = SetOperation(kind, every, one, other, columns(*types))  # type: ignore[arg-type]
        assert Counter(rows_of(plan, work_mem=1 if spills else None)) == bag


@settings(max_examples=100, deadline=None)
@given(rows_strategy, st.booleans())
def test_distinct(rows: list[Row], spills: bool) -> None:
    source = values((INTEGER, INTEGER, INTEGER), rows)
    found = rows_of(Distinct(source), work_mem=1 if spills else None)
    assert len(found) == len(set(rows)) and set(found) == set(rows)
    if not spills:
        assert found == list(dict.fromkeys(rows))


def test_distinct_on_takes_the_first_of_each() -> None:
    rows: list[Row] = [(1, 1), (1, 2), (2, 3), (None, 4), (None, 5), (1, 6)]
    assert rows_of(Distinct(values((INTEGER, INTEGER), rows), (slot(0),))) == [
        (1, 1),
        (2, 3),
        (None, 4),
        (1, 6),
    ]
