"""Filter, project, limit, values, and what a LIMIT above spares the operators below."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from exec_fixture import Apply, ascending, column, columns, context, rows_of, slot, values

from minidb.errors import DataError, NotSupportedError, QueryCanceled
from minidb.exec.build import build
from minidb.exec.operator import drain
from minidb.exec.run import run_query
from minidb.expr.node import Constant, Expr, OuterSlot
from minidb.plan.nodes import Filter, FunctionScan, Limit, MultiJoin, Project, Values
from minidb.txn.interrupt import Interrupt
from minidb.value.interval import Interval
from minidb.value.sql_types import BIGINT, DATE, INTEGER, INTERVAL, NUMERIC, TEXT, TIMESTAMP, Row, SqlType

ROWS: list[Row] = [(number, f"t{number}") for number in range(5000)]
SOURCE = values((INTEGER, TEXT), ROWS)


def integer(value: int | None) -> Constant:
    return Constant(value, INTEGER)


def limited(count: int | None, offset: int | None = None) -> Limit:
    return Limit(
        SOURCE, None if count is None else integer(count), None if offset is None else integer(offset)
    )


def test_values_without_columns_is_one_row() -> None:
    assert rows_of(Values((), ((),))) == [()]
    assert rows_of(Project(Values((), ((),)), columns(INTEGER), (integer(1),))) == [(1,)]


def test_filter_keeps_true_only() -> None:
    result = {0: True, 1: False, 2: None}
    plan = Filter(SOURCE, Apply(lambda number: result[number % 3], (slot(0),)))
    assert rows_of(plan) == ROWS[::3]


@pytest.mark.parametrize(
    ("expressions", "row"),
    [
        ((slot(1, TEXT),), ("t7",)),
        ((slot(1, TEXT), slot(0)), ("t7", 7)),
        ((integer(5), slot(0)), (5, 7)),
        ((integer(5),), (5,)),
        ((Apply(lambda number: number * 2, (slot(0),), INTEGER),), (14,)),
        ((), ()),
    ],
)
def test_project(expressions: tuple[Expr, ...], row: Row) -> None:
    plan = Project(SOURCE, columns(*[each.type for each in expressions]), expressions)
    assert rows_of(plan)[7] == row


@pytest.mark.parametrize(
    ("count", "offset", "expected"),
    [
        (None, None, ROWS),
        (3, None, ROWS[:3]),
        (3, 4000, ROWS[4000:4003]),
        (0, 2, []),
        (None, 4998, ROWS[4998:]),
        (10, 4998, ROWS[4998:]),
        (10, 6000, []),
        (3000, 1, ROWS[1:3001]),
    ],
)
def test_limit_and_offset(count: int | None, offset: int | None, expected: list[Row]) -> None:
    assert rows_of(limited(count, offset)) == expected


def test_negative_counts() -> None:
    for plan, sqlstate in ((limited(-1), "2201W"), (limited(1, -1), "2201X")):
        with pytest.raises(DataError) as caught:
            rows_of(plan)
        assert caught.value.sqlstate == sqlstate


def test_ties_belong_to_the_last_row() -> None:
    source = values((INTEGER, INTEGER), [(1, 1), (2, 2), (2, 3), (2, 4), (3, 5)])
    ties = (ascending(slot(0)),)
    assert [row[1] for row in rows_of(Limit(source, integer(2), None, ties))] == [1, 2, 3, 4]
    assert [row[1] for row in rows_of(Limit(source, integer(1), integer(1), ties))] == [2, 3, 4]
    assert [row[1] for row in rows_of(Limit(source, integer(5), None, ties))] == [1, 2, 3, 4, 5]
    assert rows_of(Limit(source, integer(0), None, ties)) == []


def test_expressions_are_not_evaluated_beyond_a_limit() -> None:
    seen: list[int] = []

    def draw(number: int) -> int:
        seen.append(number)
        return number

    project = Project(SOURCE, columns(INTEGER), (Apply(draw, (slot(0),), INTEGER),))
    assert rows_of(Limit(project, integer(2), integer(1))) == [(1,), (2,)]
    assert seen == [0, 1, 2]


def test_reset_runs_again_under_other_outer_values() -> None:
    outer = column(INTEGER)
    free = OuterSlot(outer.id, INTEGER)
    plan = Limit(Filter(SOURCE, Apply(lambda a, b: a >= b, (slot(0), free))), free)
    running = context()
    operator = build(plan, running)
    for value in (2, 0, 3):
        running.outer[outer.id] = value
        operator.reset()
        assert drain(operator) == ROWS[value : 2 * value]


def test_the_end_stays_the_end() -> None:
    query = run_query(limited(1), context())
    assert query.next_batch() == [ROWS[0]]
    assert query.next_batch() == query.next_batch() == []
    query.close()


def series(type_: SqlType, *arguments: object) -> FunctionScan:
    types = [INTERVAL if isinstance(value, Interval) else type_ for value in arguments]
    expressions = [Constant(value, each) for value, each in zip(arguments, types, strict=True)]
    return FunctionScan("generate_series", tuple(expressions), columns(type_))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (series(INTEGER, 1, 4), [1, 2, 3, 4]),
        (series(INTEGER, 4, 1), []),
        (series(INTEGER, 5, 1, -2), [5, 3, 1]),
        (series(INTEGER, 1, None), []),
        (series(INTEGER, 2**31 - 2, 2**31 - 1), [2**31 - 2, 2**31 - 1]),
        (series(BIGINT, 2**63 - 3, 2**63 - 1, 2), [2**63 - 3, 2**63 - 1]),
        (series(BIGINT, 1, 6000), list(range(1, 6001))),
        (
            series(NUMERIC, Decimal("1"), Decimal("2"), Decimal("0.5")),
            [Decimal("1"), Decimal("1.5"), Decimal("2.0")],
        ),
        (series(NUMERIC, Decimal("1.5"), Decimal("3")), [Decimal("1.5"), Decimal("2.5")]),
        (
            series(
                TIMESTAMP, datetime.datetime(2024, 1, 31), datetime.datetime(2024, 3, 31), Interval(1, 0, 0)
            ),
            [datetime.datetime(2024, 1, 31), datetime.datetime(2024, 2, 29), datetime.datetime(2024, 3, 29)],
        ),
    ],
)
def test_generate_series(plan: FunctionScan, expected: list[object]) -> None:
    assert [value for (value,) in rows_of(plan)] == expected


def test_bad_series() -> None:
    with pytest.raises(DataError, match="step size cannot equal zero") as caught:
        rows_of(series(INTEGER, 1, 2, 0))
    assert caught.value.sqlstate == "22023"
    with pytest.raises(NotSupportedError):
        rows_of(FunctionScan("unnest", (Constant(None, DATE),), columns(DATE)))
    with pytest.raises(NotSupportedError):
        rows_of(MultiJoin((), ()))


def test_a_deadline_stops_what_streams() -> None:
    interrupt = Interrupt()
    query = run_query(series(INTEGER, 1, 2**31 - 1), context(interrupt=interrupt))
    assert len(query.next_batch()) == 2048
    interrupt.deadline = 0.0
    with pytest.raises(QueryCanceled, match="statement timeout"):
        query.next_batch()
