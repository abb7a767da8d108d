"""WITH, recursive too, sub-plans in expressions, row locks."""

from __future__ import annotations

import pytest
from exec_fixture import (
    Apply,
    Counted,
    Database,
    Total,
    column,
    columns,
    context,
    make_table,
    rows_of,
    slot,
    values,
)

from minidb.catalog.schema import Table
from minidb.errors import InternalError, LockNotAvailable, ProgrammingError
from minidb.exec.operator import drain
from minidb.exec.run import run_query
from minidb.expr.compare import Equal, NotEqual
from minidb.expr.node import Constant, Expr, OuterSlot
from minidb.plan.nodes import (
    Aggregate,
    AggregateCall,
    Cte,
    CteScan,
    Filter,
    HashJoin,
    KeyLookup,
    KeyRange,
    Limit,
    Lock,
    NestedLoop,
    Plan,
    Project,
    RowMark,
    Scan,
    SetOperation,
    Values,
    Waiting,
    With,
)
from minidb.plan.subqueries import Exists, QuantifiedComparison, ScalarSubquery
from minidb.txn.control import StatementRestart
from minidb.txn.interrupt import Interrupt
from minidb.txn.lock_modes import SHARE_ROW, UPDATE
from minidb.value.sql_types import BIGINT, BOOLEAN, BYTEA, INTEGER, Row


def integer(value: int | None) -> Constant:
    return Constant(value, INTEGER)


def numbers(count: int) -> Values:
    return values((INTEGER,), [(number,) for number in range(count)])


def cte_scan(id_: int) -> CteScan:
    return CteScan(id_, "cte", columns(INTEGER))


def noted(source: Plan, calls: list[int]) -> Plan:
    """`source`, with a note of each value that passes."""

    def note(value: int) -> int:
        calls.append(value)
        return value

    return Project(source, columns(INTEGER), (Apply(note, (slot(0),), INTEGER),))


def equals(left: Expr, right: Expr) -> Expr:
    return Apply(lambda a, b: None if a is None or b is None else a == b, (left, right))


def test_an_item_is_computed_once_for_all_its_scans() -> None:
    calls: list[int] = []
    body = SetOperation("union", True, cte_scan(1), cte_scan(1), columns(INTEGER))
    found = rows_of(With((Cte(1, "cte", noted(numbers(3), calls)),), body))
    assert found == [(0,), (1,), (2,)] * 2
    assert calls == [0, 1, 2]


def test_an_item_that_nobody_scans_is_not_computed() -> None:
    calls: list[int] = []
    assert rows_of(With((Cte(1, "cte", noted(numbers(3), calls)),), numbers(1))) == [(0,)]
    assert calls == []


def test_a_large_item_goes_to_disk() -> None:
    plan = With(
        (Cte(1, "cte", numbers(10_000)),),
        HashJoin("inner", cte_scan(1), cte_scan(1), (slot(0),), (slot(0),)),
    )
    assert len(rows_of(plan, work_mem=10_000)) == 10_000


def counter(limit: int | None, union_all: bool = True) -> With:
    """WITH RECURSIVE t AS (SELECT 0 UNION [ALL] SELECT n + 1 FROM t [WHERE n < limit]) SELECT n FROM t."""
    source: Plan = cte_scan(1)
    if limit is not None:
        source = Filter(source, Apply(lambda n: n < limit, (slot(0),)))
    step = Project(source, columns(INTEGER), (Apply(lambda n: n + 1, (slot(0),), INTEGER),))
    return With((Cte(1, "t", numbers(1), step, union_all),), cte_scan(1))


def test_recursion() -> None:
    assert rows_of(counter(100)) == [(number,) for number in range(101)]


def test_an_endless_recursion_ends_with_its_reader() -> None:
    assert rows_of(Limit(counter(None), integer(5))) == [(number,) for number in range(5)]


def test_recursive_union_drops_what_it_has_seen() -> None:
    edges = values((INTEGER, INTEGER), [(0, 1), (1, 2), (2, 0), (2, 3), (7, 8)])
    joined = HashJoin("inner", cte_scan(1), edges, (slot(0),), (slot(0),))
    step = Project(joined, columns(INTEGER), (slot(2),))
    plan = With((Cte(1, "t", numbers(1), step, False),), cte_scan(1))
    assert sorted(rows_of(plan)) == [(0,), (1,), (2,), (3,)]


def test_a_table_hashed_from_the_working_table_is_made_anew() -> None:
    edges = values((INTEGER, INTEGER), [(0, 1), (1, 2), (2, 3)])
    joined = HashJoin("inner", edges, cte_scan(1), (slot(0),), (slot(0),))
    step = Project(joined, columns(INTEGER), (slot(1),))
    assert rows_of(With((Cte(1, "t", numbers(1), step),), cte_scan(1))) == [(0,), (1,), (2,), (3,)]


def test_a_with_inside_of_a_dependent_join_follows_the_outer_row() -> None:
    outer = column(INTEGER)
    inner = With(
        (Cte(1, "cte", Filter(numbers(5), equals(slot(0), OuterSlot(outer.id, INTEGER)))),),
        Filter(cte_scan(1), Exists(cte_scan(1), BOOLEAN)),
    )
    plan = NestedLoop("inner", numbers(3), inner, None, (outer,), (0,))
    assert rows_of(plan) == [(0, 0), (1, 1), (2, 2)]


def scalar(
    plan: Plan, outer_ids: tuple[int, ...] = (), outer_values: tuple[Expr, ...] = ()
) -> ScalarSubquery:
    return ScalarSubquery(plan, INTEGER, outer_ids, outer_values)


def test_an_uncorrelated_subquery_runs_once() -> None:
    calls: list[int] = []
    plan = Project(numbers(4), columns(INTEGER), (scalar(noted(numbers(1), calls)),))
    assert rows_of(plan) == [(0,)] * 4
    assert calls == [0]


def test_a_correlated_subquery_runs_once_per_outer_value() -> None:
    calls: list[int] = []
    outer = column(INTEGER)
    inner = noted(Filter(numbers(5), equals(slot(0), OuterSlot(outer.id, INTEGER))), calls)
    source = values((INTEGER,), [(2,), (9,), (2,), (None,), (3,)])
    plan = Project(source, columns(INTEGER), (scalar(inner, (outer.id,), (slot(0),)),))
    assert rows_of(plan) == [(2,), (None,), (2,), (None,), (3,)]
    assert calls == [2, 3]


def test_a_volatile_correlated_subquery_runs_every_time() -> None:
    outer = column(INTEGER)
    drawn = iter(range(100))
    draw = Apply(lambda value: next(drawn), (OuterSlot(outer.id, INTEGER),), INTEGER, volatile=True)
    inner = Project(Values((), ((),)), columns(INTEGER), (draw,))
    source = values((INTEGER,), [(1,)] * 3)
    plan = Project(source, columns(INTEGER), (scalar(inner, (outer.id,), (slot(0),)),))
    assert rows_of(plan) == [(0,), (1,), (2,)]


def test_more_than_one_row_is_an_error() -> None:
    with pytest.raises(ProgrammingError) as caught:
        rows_of(Project(numbers(1), columns(INTEGER), (scalar(numbers(2)),)))
    assert caught.value.sqlstate == "21000"


def in_subquery(plan: Plan, by_hash: bool, every: bool) -> QuantifiedComparison:
    """left = ANY (plan), or left <> ALL (plan)."""
    left = column(INTEGER)
    outer = OuterSlot(left.id, INTEGER)
    test: Expr
    if by_hash:
        test = NotEqual("<>", outer, slot(0)) if every else Equal("=", outer, slot(0))
    else:
        test = Apply(lambda a, b: None if a is None or b is None else (a == b) is not every, (outer, slot(0)))
    return QuantifiedComparison(plan, BOOLEAN, (left.id,), (slot(0),), test, every)


@pytest.mark.parametrize("by_hash", [False, True])
def test_in_is_three_valued(by_hash: bool) -> None:
    source = values((INTEGER,), [(1,), (5,), (None,)])
    for rows, expected in (
        ([(1,), (2,)], [True, False, None]),
        ([(1,), (None,)], [True, None, None]),
        ([], [False, False, False]),
    ):
        for every in (False, True):
            plan = Project(source, columns(BOOLEAN), (in_subquery(values((INTEGER,), rows), by_hash, every),))
            right = [None if value is None else value is not every for value in expected]
            assert [value for (value,) in rows_of(plan)] == right


def test_an_aggregate_over_an_index_nested_loop() -> None:
    database = Database()
    parent, child = make_table((INTEGER, INTEGER)), make_table((INTEGER, INTEGER))
    database.insert(parent, [(number, number * 10) for number in range(50)])
    database.insert(child, [(number, number % 60) for number in range(600)])
    outer = column(INTEGER)
    left = Scan(child, "c", columns(INTEGER, INTEGER), (0, 1))
    for key in (None, column(BYTEA)):
        more = (key,) if key is not None else ()
        lookup = Scan(
            parent,
            "p",
            (*columns(INTEGER, INTEGER), *more),
            (0, 1),
            KeyLookup(None, ((OuterSlot(outer.id, INTEGER),),)),
            Apply(lambda value: value < 400, (slot(1),)),
            key=key,
        )
        for kind, count in (("inner", 400), ("left", 600), ("semi", 400), ("anti", 200)):
            joined = NestedLoop(kind, left, lookup, None, (outer,), (1,))  # type: ignore[arg-type]
            plan = Aggregate(joined, (), (), (AggregateCall(column(BIGINT), Counted(), ()),))
            assert rows_of(plan, database.store.latest) == [(count,)]
    ranged = Scan(parent, "p", columns(INTEGER), (1,), KeyRange(None, (OuterSlot(outer.id, INTEGER),)))
    joined = NestedLoop("inner", left, ranged, None, (outer,), (1,))
    total = AggregateCall(column(BIGINT), Total(), (slot(2),))
    assert rows_of(Aggregate(joined, (), (), (total,)), database.store.latest) == [(122_500,)]
    database.close()


def locked(table: Table, mode: int = UPDATE, wait: Waiting = "block") -> Lock:
    key = column(BYTEA)
    source = Scan(table, "t", (*columns(INTEGER, INTEGER), key), (0, 1), key=key)
    return Lock(source, (RowMark(key, table, mode, wait),))


def test_row_locks() -> None:
    database = Database()
    table = make_table((INTEGER, INTEGER))
    rows: list[Row] = [(number, number) for number in range(100)]
    database.insert(table, rows)
    one = database.begin()
    found = rows_of(Limit(Project(locked(table), columns(INTEGER), (slot(0),)), integer(2)), one)
    assert found == [(0,), (1,)]
    assert len(one.held) == 2  # not a whole batch
    other = database.begin()
    changed = run_query(locked(table, SHARE_ROW), context(other))
    keys = list(one.held)
    one.put(keys[0], b"changed")
    one.commit()
    with pytest.raises(StatementRestart):
        changed.next_batch()
    changed.close()
    other.rollback()
    database.close()


def test_row_locks_that_cannot_be() -> None:
    database = Database()
    table = make_table((INTEGER, INTEGER))
    reader = database.transactions.begin(read_only=True, interrupt=Interrupt())
    reader.new_statement()
    with pytest.raises(InternalError) as caught:
        drain(run_query(locked(table), context(reader)))
    assert caught.value.sqlstate == "25006"
    reader.rollback()
    database.close()


def test_rows_that_are_skipped_do_not_count() -> None:
    database = Database()
    table = make_table((INTEGER, INTEGER))
    database.insert(table, [(number, number) for number in range(3000)])
    one, other = database.begin(), database.begin()
    first = rows_of(Limit(Project(locked(table), columns(INTEGER), (slot(0),)), integer(2500)), one)
    assert len(first) == 2500
    skipping = locked(table, UPDATE, "skip")
    assert rows_of(Limit(Project(skipping, columns(INTEGER), (slot(0),)), integer(2)), other) == [
        (2500,),
        (2501,),
    ]
    assert len(other.held) == 2
    with pytest.raises(LockNotAvailable):
        drain(run_query(locked(table, UPDATE, "error"), context(other)))
    one.rollback()
    other.rollback()
    database.close()
