"""Scans by every access path return what a filtered, sorted list of the rows would."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from exec_fixture import Apply, Database, columns, context, make_index, make_table, rows_of, scan, slot
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from minidb.catalog.schema import IndexKey, Table
from minidb.exec.fast_query import compile_query
from minidb.exec.run import run_query
from minidb.expr.calls import CallOne
from minidb.expr.compare import GreaterOrEqual
from minidb.expr.node import Constant, Parameter
from minidb.plan.nodes import KeyLookup, KeyRange, Limit, Project, Scan
from minidb.value.interval import Interval
from minidb.value.sql_types import (
    BIGINT,
    BYTEA,
    DATE,
    INTEGER,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Row,
)

# id, a (few values, NULLs), b (NULLs), text
ROWS: list[Row] = [
    (
        number,
        None if number % 9 == 8 else number % 4,
        None if number % 5 == 4 else number * 7 % 23,
        f"t{number % 6}",
    )
    for number in range(-20, 200)
]


def index_key(at: int, descending: bool = False, nulls_first: bool = False) -> IndexKey:
    return IndexKey(at, None, (INTEGER, INTEGER, INTEGER, TEXT)[at], descending, nulls_first)


PLAIN = make_index(index_key(1), index_key(2))
MIXED = make_index(index_key(1, True, True), index_key(2, True, False))
FIRST = make_index(index_key(1, False, True), index_key(2, False, True))
UNIQUE = make_index(index_key(0), index_key(1), unique=True)
BY_TEXT = make_index(index_key(3))
TABLE = make_table((INTEGER, INTEGER, INTEGER, TEXT), (0,), (PLAIN, MIXED, FIRST, UNIQUE, BY_TEXT))


@pytest.fixture(scope="module")
def reader() -> Iterator[Any]:
    database = Database()
    database.insert(TABLE, ROWS)
    yield database.store.latest
    database.close()


def integer(value: int | None) -> Constant:
    return Constant(value, INTEGER)


def test_full_scan_in_key_order_and_back(reader: Any) -> None:
    assert rows_of(scan(TABLE), reader) == ROWS
    assert rows_of(scan(TABLE, reverse=True), reader) == ROWS[::-1]


def test_slots_condition_and_key(reader: Any) -> None:
    plan = Scan(TABLE, "t", columns(TEXT, INTEGER), (3, 0), where=Apply(lambda n: n == 5, (slot(1),)))
    assert rows_of(plan, reader) == [("t5", 5)]
    assert rows_of(Scan(TABLE, "t", (), ()), reader) == [()] * len(ROWS)
    assert rows_of(Scan(TABLE, "t", columns(TEXT), (3,)), reader)[:2] == [("t4",), ("t5",)]
    key = columns(BYTEA)[0]
    plan = Scan(TABLE, "t", (*columns(INTEGER), key), (0,), KeyLookup(None, ((integer(7),),)), key=key)
    ((value, found),) = rows_of(plan, reader)
    assert value == 7 and reader.get(found) is not None


def test_lookups(reader: Any) -> None:
    keys = tuple([(integer(value),) for value in (5, None, 3, 5, 1000, 2**70, -1)])
    assert [row[0] for row in rows_of(scan(TABLE, access=KeyLookup(None, keys)), reader)] == [-1, 3, 5]
    assert [row[0] for row in rows_of(scan(TABLE, access=KeyLookup(None, keys), reverse=True), reader)] == [
        5,
        3,
        -1,
    ]
    pairs = ((integer(6), integer(2)), (integer(7), integer(0)), (integer(8), None or integer(None)))
    assert rows_of(scan(TABLE, access=KeyLookup(UNIQUE, pairs)), reader) == [
        row for row in ROWS if row[0] == 6
    ]


def expected(access: KeyRange, parts: tuple[IndexKey, ...], reverse: bool) -> list[Row]:
    def value(expression: Any) -> Any:
        return expression.value

    kept = ROWS
    for part, bound in zip(parts, access.equal, strict=False):
        kept = [row for row in kept if part.slot is not None and row[part.slot] == value(bound) is not None]
    bounded = access.low is not None or access.high is not None or access.not_null
    if bounded:
        at = parts[len(access.equal)].slot
        assert at is not None
        kept = [row for row in kept if row[at] is not None]
        if access.low is not None:
            low = value(access.low)
            kept = [
                r
                for r in kept
                if low is not None and (r[at] > low or (access.low_inclusive and r[at] == low))
            ]
        if access.high is not None:
            high = value(access.high)
            kept = [
                r
                for r in kept
                if high is not None and (r[at] < high or (access.high_inclusive and r[at] == high))
            ]

    def order(row: Row) -> Any:
        key: list[Any] = []
        for part in parts:
            assert part.slot is not None
            item = row[part.slot]
            if item is None:
                key.append((-1 if part.nulls_first else 1, 0))
            else:
                key.append((0, -item if part.descending else item))
        return (*key, row[0])

    return sorted(kept, key=order, reverse=reverse)


bound = st.one_of(st.none(), st.integers(-2, 25), st.sampled_from([2**70, -(2**70)])).map(integer)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([PLAIN, MIXED, FIRST]),
    st.lists(st.one_of(st.none(), st.integers(0, 3)).map(integer), max_size=1),
    st.one_of(st.none(), bound),
    st.one_of(st.none(), bound),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_index_ranges(
    index: Any, equal: Any, low: Any, high: Any, low_in: bool, high_in: bool, not_null: bool, reverse: bool
) -> None:
    database = _shared()
    access = KeyRange(index, tuple(equal), low, low_in, high, high_in, not_null)
    plan = scan(TABLE, access=access, reverse=reverse)
    right = expected(access, index.keys, reverse)
    assert rows_of(plan, database.store.latest) == right
    fast = compile_query(plan)
    if fast is not None:
        found = fast(database.store.latest, ())
        assert found is NotImplemented or found == right


_databases: list[Database] = []


def _shared() -> Database:
    """hypothesis runs a test many times: one database for all of them."""
    if not _databases:
        _databases.append(Database())
        _databases[0].insert(TABLE, ROWS)
    return _databases[0]


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.none(), bound), st.one_of(st.none(), bound), st.booleans(), st.booleans(), st.booleans())
def test_primary_key_ranges(low: Any, high: Any, low_in: bool, high_in: bool, reverse: bool) -> None:
    access = KeyRange(None, (), low, low_in, high, high_in)
    plan = scan(TABLE, access=access, reverse=reverse)
    right = expected(access, (index_key(0),), reverse)
    assert rows_of(plan, _shared().store.latest) == right


def test_first_batches_are_small(reader: Any) -> None:
    query = run_query(scan(TABLE), context(reader))
    assert len(query.next_batch()) <= 32
    query.close()
    assert query.next_batch() == []


def long_text(tail: str) -> str:
    return "x" * 600 + tail


def test_keys_that_storage_cuts_are_put_in_order_and_rechecked() -> None:
    index = make_index(IndexKey(1, None, TEXT))
    table = make_table((INTEGER, TEXT), (0,), (index,))
    texts = [long_text(f"{number * 37 % 100:02}") for number in range(100)] + ["a", "x" * 600, "y"]
    database = Database()
    database.insert(table, list(enumerate(texts)))
    reader = database.store.latest
    for reverse in (False, True):
        found = [row[1] for row in rows_of(scan(table, access=KeyRange(index), reverse=reverse), reader)]
        assert found == sorted(texts, reverse=reverse)
    low, high = Constant(long_text("25"), TEXT), Constant(long_text("40"), TEXT)
    for low_in in (False, True):
        access = KeyRange(index, (), low, low_in, high, not low_in)
        right = sorted(
            [
                text
                for text in texts
                if low.value < text < high.value or text == (low if low_in else high).value
            ]
        )
        assert [row[1] for row in rows_of(scan(table, access=access), reader)] == right
    access = KeyRange(index, (low,))
    assert [row[1] for row in rows_of(scan(table, access=access), reader)] == [low.value]
    fast = compile_query(scan(table, access=access))
    assert fast is not None and fast(reader, ()) is NotImplemented
    database.close()


def by_id(table: Table, *slots_: int) -> Scan:
    types = [table.slot_types[at] for at in slots_]
    return Scan(table, "t", columns(*types), slots_, KeyLookup(None, ((Parameter(0, INTEGER),),)))


def test_fast_point_query(reader: Any) -> None:
    fast = compile_query(by_id(TABLE, 0, 3))
    assert fast is not None
    assert fast(reader, (5,)) == [(5, "t5")]
    assert fast(reader, [5]) == [(5, "t5")]
    assert fast(reader, (1000,)) == []
    for other in ((), (1, 2), (None,), (True,), ("5",), (5.0,), (-5,), (2**31,), {"a": 5}, None):
        assert fast(reader, other) is NotImplemented
    one = compile_query(by_id(TABLE, 3))
    assert one is not None and one(reader, (5,)) == [("t5",)]
    whole = compile_query(Limit(by_id(TABLE, 0, 1, 2, 3), integer(1)))
    assert whole is not None and whole(reader, (5,)) == [ROWS[25]]


def test_fast_queries_by_index_and_range(reader: Any) -> None:
    unique = compile_query(
        scan(TABLE, access=KeyLookup(UNIQUE, ((Parameter(1, INTEGER), Parameter(0, INTEGER)),)))
    )
    assert unique is not None
    assert unique(reader, (2, 6)) == [row for row in ROWS if row[0] == 6]
    assert unique(reader, (3, 6)) == []
    equal = compile_query(scan(TABLE, access=KeyRange(BY_TEXT, (Parameter(0, TEXT),))))
    assert equal is not None
    assert equal(reader, ("t3",)) == [row for row in ROWS if row[3] == "t3"]
    assert equal(reader, (3,)) is NotImplemented
    between = scan(TABLE, access=KeyRange(None, (), Parameter(0, INTEGER), True, Parameter(1, BIGINT), False))
    fast = compile_query(between)
    assert fast is not None
    assert [row[0] for row in fast(reader, (10, 14))] == [10, 11, 12, 13]
    assert fast(reader, (14, 10)) == []
    limited = compile_query(Limit(between, integer(2)))
    assert limited is not None and [row[0] for row in limited(reader, (-3, 100))] == [-3, -2]


def test_fast_queries_with_conditions_and_expressions(reader: Any) -> None:
    access = KeyLookup(None, ((Parameter(0, INTEGER),),))
    where = GreaterOrEqual(">=", slot(2), Parameter(1, INTEGER))
    plan = scan(TABLE, access=access, where=where)
    fast = compile_query(plan)
    assert fast is not None
    assert fast(reader, (5, 0)) == [ROWS[25]]
    assert fast(reader, (5, 12)) == [ROWS[25]] == rows_of(plan, reader, parameters=(5, 12))
    assert fast(reader, (5, 13)) == fast(reader, (4, 0)) == []
    assert fast(reader, (5, 1.5)) is NotImplemented and fast(reader, (5,)) is NotImplemented
    negated = CallOne("-", (slot(0),), INTEGER, lambda value: -value)
    computed = compile_query(Project(plan, columns(INTEGER, INTEGER), (negated, Parameter(1, INTEGER))))
    assert computed is not None
    assert computed(reader, (5, 0)) == [(-5, 0)]
    volatile = CallOne("f", (slot(0),), INTEGER, lambda value: value, "volatile")
    assert compile_query(Project(plan, columns(INTEGER), (volatile,))) is None
    assert compile_query(scan(TABLE, access=access, where=Apply(lambda: True, (), volatile=True))) is None


def test_fast_queries_by_several_keys(reader: Any) -> None:
    keys = ((Parameter(1, INTEGER),), (integer(5),), (Parameter(0, INTEGER),))
    for reverse in (False, True):
        plan = scan(TABLE, access=KeyLookup(None, keys), reverse=reverse)
        fast = compile_query(plan)
        assert fast is not None
        assert fast(reader, (9, 5)) == rows_of(plan, reader, parameters=(9, 5))
        assert [row[0] for row in fast(reader, (9, -1))] == ([9, 5, -1] if reverse else [-1, 5, 9])
        assert fast(reader, (9, None)) is NotImplemented
    pairs = ((integer(6), Parameter(0, INTEGER)), (integer(9), integer(1)))
    plan = scan(TABLE, access=KeyLookup(UNIQUE, pairs))
    by_index = compile_query(plan)
    assert by_index is not None
    assert by_index(reader, (2,)) == rows_of(plan, reader, parameters=(2,)) != []


def test_shapes_that_have_no_fast_form() -> None:
    assert compile_query(scan(TABLE)) is None
    assert compile_query(scan(TABLE, access=KeyRange(PLAIN))) is None
    assert compile_query(Limit(scan(TABLE, access=KeyRange(PLAIN)), integer(2))) is not None
    assert compile_query(Limit(scan(TABLE), integer(1))) is None
    where = Apply(lambda: True, (), volatile=True)
    assert compile_query(scan(TABLE, access=KeyLookup(None, ((integer(1),),)), where=where)) is None
    other_type = KeyLookup(None, ((Parameter(0, TEXT),),))
    assert compile_query(scan(TABLE, access=other_type)) is None
    assert compile_query(Limit(by_id(TABLE, 0), integer(0))) is None


def test_a_long_result_is_left_to_the_operators() -> None:
    table = make_table((INTEGER,), (0,))
    database = Database()
    database.insert(table, [(number,) for number in range(5000)])
    plan = scan(table, access=KeyRange(None, (), Parameter(0, INTEGER)))
    fast = compile_query(plan)
    assert fast is not None
    assert fast(database.store.latest, (0,)) is NotImplemented
    assert len(fast(database.store.latest, (4000,))) == 1000
    database.close()


def test_rows_from_before_a_column_was_added() -> None:
    old = make_table((INTEGER, TEXT))
    new = structs.replace(old, slot_types=(INTEGER, TEXT, INTEGER), slot_missing=(None, None, 7))
    database = Database()
    database.insert(old, [(1, "a"), (2, "b")])
    database.insert(new, [(3, "c", 9)])
    reader = database.store.latest
    assert rows_of(scan(new), reader) == [(1, "a", 7), (2, "b", 7), (3, "c", 9)]
    assert rows_of(Scan(new, "t", columns(INTEGER), (2,)), reader) == [(7,), (7,), (9,)]
    fast = compile_query(scan(new, access=KeyRange(None, (), Parameter(0, INTEGER))))
    assert fast is not None and fast(reader, (2,)) == [(2, "b", 7), (3, "c", 9)]
    database.close()


def test_tables_without_a_primary_key() -> None:
    index = make_index(IndexKey(0, None, INTEGER))
    table = make_table((INTEGER, TEXT), (), (index,))
    database = Database()
    rows: list[Row] = [(3, "a"), (1, "b"), (3, "a"), (2, "c")]
    database.insert(table, rows)
    reader = database.store.latest
    assert rows_of(scan(table), reader) == rows
    assert rows_of(scan(table, access=KeyRange(index, (integer(3),))), reader) == [(3, "a"), (3, "a")]
    database.close()


def test_columns_that_are_not_asked_for_are_read_in_their_stored_form() -> None:
    types = (INTEGER, NUMERIC, DATE, TIMESTAMP, TIME, UUID, INTERVAL, TIMESTAMPTZ, TEXT)
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 6)
    row: Row = (
        1,
        Decimal("1.50"),
        moment.date(),
        moment,
        moment.time(),
        uuid.UUID(int=5),
        Interval(1, 2, 3),
        moment.replace(tzinfo=datetime.UTC),
        "text",
    )
    nothing: Row = (2, *[None] * 8)
    database = Database()
    table = make_table(types)
    database.insert(table, [row, nothing])
    longer = structs.replace(
        table, slot_types=(*types, DATE), slot_missing=(*table.slot_missing, moment.date())
    )
    reader = database.store.latest
    for slots in ((0,), (8, 1), (2, 3), (6,), (5, 7), tuple(range(9))):
        plan = Scan(table, "t", columns(*[types[at] for at in slots]), slots)
        assert rows_of(plan, reader) == [tuple([each[at] for at in slots]) for each in (row, nothing)]
        plan = Scan(
            longer, "t", columns(DATE, types[slots[0]]), (9, slots[0]), KeyLookup(None, ((integer(1),),))
        )
        fast = compile_query(plan)
        assert fast is not None
        assert fast(reader, ()) == rows_of(plan, reader) == [(moment.date(), row[slots[0]])]
    database.close()
