"""All kinds of joins by all algorithms, against a join written as two loops."""

from __future__ import annotations

from typing import Any

import pytest
from exec_fixture import Apply, column, columns, context, rows_of, slot, values
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.errors import QueryCanceled
from minidb.exec.build import build
from minidb.exec.operator import drain
from minidb.exec.run import run_query
from minidb.expr.node import Constant, Expr, OuterSlot
from minidb.plan.nodes import Filter, FunctionScan, HashJoin, Join, JoinKind, NestedLoop, Plan, Values
from minidb.txn.interrupt import Interrupt
from minidb.value.sql_types import INTEGER, TEXT, Row

KINDS: tuple[JoinKind, ...] = ("inner", "left", "right", "full", "semi", "anti")
Rows = list[Row]

number = st.one_of(st.none(), st.integers(0, 4))
side = st.lists(st.tuples(number, number, st.integers(0, 9)), max_size=12)


def equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left == right


def both(*results: bool | None) -> bool | None:
    """AND."""
    return False if False in results else None if None in results else True


def less(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left < right


def expected(kind: JoinKind, left: Rows, right: Rows, test: Any, width: int = 3) -> Rows:
    found = [[other for other in right if test(row, other) is True] for row in left]
    if kind == "semi":
        return [row for row, some in zip(left, found, strict=True) if some]
    if kind == "anti":
        return [row for row, some in zip(left, found, strict=True) if not some]
    joined = [row + other for row, some in zip(left, found, strict=True) for other in some]
    nulls = (None,) * width
    if kind in ("left", "full"):
        joined += [row + nulls for row, some in zip(left, found, strict=True) if not some]
    if kind in ("right", "full"):
        joined += [nulls + other for other in right if not any(test(row, other) is True for row in left)]
    return joined


def bag(rows: Rows) -> list[str]:
    return sorted(map(repr, rows))


def literal(rows: Rows) -> Values:
    return values((INTEGER, INTEGER, INTEGER), rows)


RESIDUAL = Apply(less, (slot(2), slot(5)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), side, side, st.integers(1, 2), st.booleans(), st.booleans())
def test_hash_join(kind: JoinKind, left: Rows, right: Rows, keys: int, residual: bool, spills: bool) -> None:
    def test(row: Row, other: Row) -> bool | None:
        results = [equal(row[at], other[at]) for at in range(keys)]
        return both(*results, less(row[2], other[2])) if residual else both(*results)

    parts: tuple[Expr, ...] = tuple([slot(at) for at in range(keys)])
    plan = HashJoin(kind, literal(left), literal(right), parts, parts, RESIDUAL if residual else None)
    found = rows_of(plan, work_mem=1 if spills else None)
    assert bag(found) == bag(expected(kind, left, right, test))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), side, side, st.booleans())
def test_nested_loop(kind: JoinKind, left: Rows, right: Rows, conditional: bool) -> None:
    on = Apply(lambda a, b: less(a, b), (slot(0), slot(3))) if conditional else None

    def test(row: Row, other: Row) -> bool | None:
        return less(row[0], other[0]) if conditional else True

    plan = NestedLoop(kind, literal(left), literal(right), on)
    for work_mem in (None, 1):
        assert bag(rows_of(plan, work_mem=work_mem)) == bag(expected(kind, left, right, test))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(("inner", "left", "semi", "anti")), side, side)
def test_a_right_side_that_depends_on_the_left_row(kind: JoinKind, left: Rows, right: Rows) -> None:
    outer = column(INTEGER)
    inner = Filter(literal(right), Apply(equal, (slot(0), OuterSlot(outer.id, INTEGER))))
    plan = NestedLoop(kind, literal(left), inner, Apply(less, (slot(2), slot(5))), (outer,), (1,))

    def test(row: Row, other: Row) -> bool | None:
        return both(equal(row[1], other[0]), less(row[2], other[2]))

    assert bag(rows_of(plan)) == bag(expected(kind, left, right, test))


@settings(max_examples=200, deadline=None)
@given(side, side, st.integers(1, 2), st.booleans())
def test_not_in(left: Rows, right: Rows, keys: int, residual: bool) -> None:
    def test(row: Row, other: Row) -> bool | None:
        result = both(*[equal(row[at], other[at]) for at in range(keys)])
        if residual:
            return result if less(row[2], other[2]) else False
        return result

    kept = [row for row in left if all(test(row, other) is False for other in right)]
    parts: tuple[Expr, ...] = tuple([slot(at) for at in range(keys)])
    plan: Plan = HashJoin(
        "anti", literal(left), literal(right), parts, parts, RESIDUAL if residual else None, null_aware=True
    )
    assert rows_of(plan) == kept
    on = Apply(lambda *row: test(row[:3], row[3:]), tuple([slot(at) for at in range(6)]))
    assert rows_of(Join("anti", literal(left), literal(right), on, null_aware=True)) == kept


def test_many_partners_come_in_pieces() -> None:
    many = [(1, 0, position) for position in range(20_000)]
    query = run_query(
        HashJoin("inner", literal([(1, 0, 0)] * 3), literal(many), (slot(0),), (slot(0),)), context()
    )
    sizes = []
    while rows := query.next_batch():
        sizes.append(len(rows))
    assert sum(sizes) == 60_000
    assert max(sizes) <= 16_384


def test_partitions_of_partitions() -> None:
    left = [(position % 1000, None, position) for position in range(3000)]
    right = [(position % 1500, None, position) for position in range(6000)]
    plan = HashJoin("full", literal(left), literal(right), (slot(0),), (slot(0),))
    assert bag(rows_of(plan, work_mem=2000)) == bag(rows_of(plan))


def test_a_constant_hash_table_is_kept_over_a_reset() -> None:
    evaluated = []

    def note(value: int) -> int:
        evaluated.append(value)
        return value

    right = literal([(1, 1, 1), (2, 2, 2)])
    plan = HashJoin("inner", literal([(1, 0, 0)]), right, (slot(0),), (Apply(note, (slot(0),), INTEGER),))
    operator = build(plan, context())
    first = drain(operator)
    operator.reset()
    assert drain(operator) == first == [(1, 0, 0, 1, 1, 1)]
    assert evaluated == [1, 2]


@pytest.mark.parametrize("algorithm", ["hash", "loop"])
def test_an_interrupt_stops_a_large_join(algorithm: str) -> None:
    interrupt = Interrupt()

    def series() -> FunctionScan:
        return FunctionScan(
            "generate_series", (Constant(1, INTEGER), Constant(10**8, INTEGER)), columns(INTEGER)
        )

    tested = []

    def strike(left: int, right: int) -> bool:
        tested.append(left)
        if len(tested) == 20_000:
            interrupt.request()
        return False

    on = Apply(strike, (slot(0), slot(1)))
    few = values((INTEGER,), [(position,) for position in range(100)])
    plan: Plan
    if algorithm == "hash":
        one = (Apply(lambda value: 1, (slot(0),), INTEGER),)
        plan = HashJoin("inner", series(), few, one, one, on)
    else:
        plan = NestedLoop("inner", series(), few, on)
    with pytest.raises(QueryCanceled):
        drain(run_query(plan, context(interrupt=interrupt)))
    assert len(tested) < 60_000


def test_text_keys_and_no_partner_at_all() -> None:
    left = values((TEXT,), [("a",), ("b",), (None,)])
    right = values((TEXT,), [])
    for kind, count in {"inner": 0, "left": 3, "right": 0, "full": 3, "semi": 0, "anti": 3}.items():
        plan = HashJoin(kind, left, right, (slot(0, TEXT),), (slot(0, TEXT),))  # type: ignore[arg-type]
        assert len(rows_of(plan)) == count
