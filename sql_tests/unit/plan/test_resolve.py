"""Positions for ids: slots, outer slots, bindings, and the scan that takes over a projection."""

from __future__ import annotations

import pytest

from minidb.expr.node import OuterSlot, Slot, walk
from minidb.plan.changes import Update
from minidb.plan.nodes import Filter, Limit, NestedLoop, Plan, Project, Scan
from minidb.plan.optimize import optimize
from minidb.plan.resolve import resolve
from minidb.plan.rules.lower_joins import lower_joins
from minidb.plan.subqueries import ScalarSubquery
from minidb.plan.traverse import expressions, walk_plan
from minidb_testkit.planning import Planning

TABLES = """
CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, s TEXT);
CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER, y INTEGER);
"""


@pytest.fixture(scope="module")
def planning() -> Planning:
    return Planning(TABLES)


def first(plan: Plan, kind: type) -> Plan:
    return next(node for node in walk_plan(plan) if isinstance(node, kind))


def subquery_of(plan: Plan) -> ScalarSubquery:
    for node in walk_plan(plan):
        for expression in expressions(node):
            for part in walk(expression):
                if isinstance(part, ScalarSubquery):
                    return part
    raise AssertionError("no sub-plan")


def test_columns_become_positions_in_the_input_row(planning: Planning) -> None:
    plan = resolve(planning.plan("SELECT s, x + id FROM t"))
    assert isinstance(plan, Project)
    found = [part for expression in plan.expressions for part in walk(expression) if isinstance(part, Slot)]
    assert [slot.index for slot in found] == [2, 1, 0]


def test_correlated_columns_are_handed_down_by_id(planning: Planning) -> None:
    plan = resolve(planning.plan("SELECT (SELECT max(y) FROM u WHERE t_id = t.id) FROM t"))
    subquery = subquery_of(plan)
    assert [type(value) for value in subquery.outer_values] == [Slot]
    inner = first(subquery.plan, Filter)
    assert isinstance(inner, Filter)
    outer = [part.id for part in walk(inner.where) if isinstance(part, OuterSlot)]
    assert tuple(outer) == subquery.outer_ids


def test_correlation_passes_through_the_levels_between(planning: Planning) -> None:
    text = "SELECT (SELECT max((SELECT y + t.x FROM u v WHERE v.id = u.id)) FROM u) FROM t"
    outermost = subquery_of(resolve(planning.plan(text)))
    inner = subquery_of(outermost.plan)
    assert [type(value) for value in outermost.outer_values] == [Slot]
    assert {type(value) for value in inner.outer_values} == {Slot, OuterSlot}


def test_a_nested_loop_binds_what_its_right_side_needs(planning: Planning) -> None:
    plan = resolve(planning.plan("SELECT * FROM t, LATERAL (SELECT max(y) FROM u WHERE t_id = t.x) m"))
    loop = first(plan, NestedLoop)
    assert isinstance(loop, NestedLoop)
    assert [column.name for column in loop.bindings] == ["x"]
    assert loop.binding_slots == (1,)


def test_a_sub_plan_over_a_dissolved_expression_gets_its_value(planning: Planning) -> None:
    text = "SELECT (SELECT max(y) FROM u WHERE t_id = d.z) FROM (SELECT x + 1 AS z FROM t) d"
    subquery = subquery_of(resolve(optimize(planning.plan(text))))
    (value,) = subquery.outer_values
    assert [part.index for part in walk(value) if isinstance(part, Slot)] == [0]


def test_a_scan_delivers_a_projection_of_plain_columns(planning: Planning) -> None:
    plan = resolve(optimize(planning.plan("SELECT s, id, s FROM t WHERE id > 5")))
    assert isinstance(plan, Scan)
    assert plan.slots == (2, 0, 2)
    limited = resolve(optimize(planning.plan("SELECT s FROM t LIMIT 3")))
    assert isinstance(limited, Limit) and isinstance(limited.source, Scan)


def test_a_scan_keeps_what_its_condition_reads(planning: Planning) -> None:
    plan = resolve(optimize(planning.plan("SELECT s FROM t WHERE x = 5")))
    assert isinstance(plan, Project) and isinstance(plan.source, Scan)
    assert plan.source.slots == (1, 2)


def test_assignments_are_over_the_source_row(planning: Planning) -> None:
    plan = resolve(
        lower_joins(planning.plan("UPDATE t SET x = u.y FROM u WHERE u.t_id = t.id RETURNING t.x"))
    )
    assert isinstance(plan, Update)
    ((_, value),) = plan.assignments
    (read,) = [part for part in walk(value) if isinstance(part, Slot)]
    assert plan.source.columns[read.index].name == "y"
