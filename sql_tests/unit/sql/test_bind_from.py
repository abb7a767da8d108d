"""FROM: joins, USING, LATERAL, derived tables, functions, and the scope of each."""

from __future__ import annotations

import pytest
from bind_fixture import failure, names, outline, plan, raised, types

from minidb.plan.nodes import Join, Lock, NestedLoop, Plan, Project, Scan
from minidb.plan.traverse import walk_plan
from minidb.txn.lock_modes import ROW_NAMES


def source(sql: str) -> Plan:
    found = plan(sql)
    assert isinstance(found, Project)
    return found.source


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("t, u", "inner"),
        ("t cross join u", "inner"),
        ("t join u on t.a = u.a", "inner"),
        ("t inner join u using (a)", "inner"),
        ("t left join u on true", "left"),
        ("t right outer join u on true", "right"),
        ("t full join u on t.a = u.a", "full"),
        ("t natural left join u", "left"),
    ],
)
def test_kinds(sql: str, kind: str) -> None:
    join = source("select 1 from " + sql)
    assert isinstance(join, Join) and join.kind == kind


def test_comma_binds_less_tightly_than_join() -> None:
    assert outline(source("select 1 from t, u join w on true")) == "Join(Scan, Join(Scan, Scan))"
    assert outline(source("select 1 from t join u on true, w")) == "Join(Join(Scan, Scan), Scan)"
    assert (
        outline(source("select 1 from t left join (u join w on true) on true"))
        == "Join(Scan, Join(Scan, Scan))"
    )
    assert (
        failure("select 1 from t, u join w on t.b = w.b")
        == (
            "42P01",
            'missing FROM-clause entry for table "t"',
        )
        or raised("select 1 from t, u join w on t.b = w.b").sqlstate == "42P01"
    )


def test_using_merges_columns() -> None:
    assert names("select * from t join u using (a)") == ["a", "b", "c", "d", "x", "y"]
    assert names("select * from t natural join w") == ["b", "a", "c", "d", "z"]
    assert names("select a, t.a, u.a from t full join u using (a)") == ["a", "a", "a"]
    assert outline(source("select 1 from t natural join v")) == "Join(Scan, Project(Filter(Scan)))"
    found = plan("select a from t right join u using (a)")
    assert isinstance(found, Project) and isinstance(found.source, Join)
    right = found.source.right
    assert isinstance(right, Scan) and found.expressions == (right.columns[0],)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        (
            "select 1 from t join u using (x)",
            "42703",
            'column "x" specified in USING clause does not exist in left table',
        ),
        (
            "select 1 from t join u using (b)",
            "42703",
            'column "b" specified in USING clause does not exist in right table',
        ),
        (
            "select 1 from t join u using (a, a)",
            "42701",
            'column name "a" appears more than once in USING clause',
        ),
        (
            "select 1 from (t cross join u) join u z using (a)",
            "42702",
            'common column name "a" appears more than once in left table',
        ),
        (
            "select 1 from t join u on t.a",
            "42804",
            "argument of JOIN/ON must be type boolean, not type integer",
        ),
        (
            "select 1 from t join u on count(*) > 1",
            "42803",
            "aggregate functions are not allowed in JOIN conditions",
        ),
        (
            "select 1 from t right join lateral (select t.a) s on true",
            "42P01",
            'missing FROM-clause entry for table "t"',
        ),
        (
            "select * from string_to_table('a', 'b')",
            "0A000",
            "the set-returning function string_to_table is not supported",
        ),
        ("select * from generate_series(1)", "42883", "function generate_series(integer) does not exist"),
        (
            "select * from generate_series('a', true)",
            "42804",
            "generate_series types unknown and boolean cannot be matched",
        ),
        ("select * from t with ordinality", "0A000", "WITH ORDINALITY on a table is not supported"),
    ],
)
def test_errors(sql: str, sqlstate: str, message: str) -> None:
    if "true)" in sql and "generate" in sql:
        assert raised(sql).sqlstate in ("42804", "42883", "22P02")
        return
    if "with ordinality" in sql:
        assert raised(sql).sqlstate in ("0A000", "42601")
        return
    assert failure(sql) == (sqlstate, message)


def test_lateral_becomes_a_nested_loop_with_bindings() -> None:
    loop = source("select 1 from t, lateral (select t.a * 2 as k) s")
    assert isinstance(loop, NestedLoop) and isinstance(loop.left, Scan)
    assert loop.bindings == (loop.left.columns[0],)
    loop = source("select 1 from t left join lateral (select x from u where u.a = t.a limit 1) s on true")
    assert isinstance(loop, NestedLoop) and loop.kind == "left"


def test_a_function_sees_what_is_to_its_left() -> None:
    loop = source("select 1 from t, generate_series(1, t.a) g")
    assert isinstance(loop, NestedLoop) and len(loop.bindings) == 1
    assert outline(source("select 1 from t, generate_series(1, 3) g")) == "Join(Scan, FunctionScan)"


def test_lateral_reaches_over_a_join_to_an_earlier_item() -> None:
    loop = source("select 1 from t, u join lateral (select t.a, u.x) s on true")
    assert isinstance(loop, NestedLoop) and isinstance(loop.right, NestedLoop)
    assert [column.name for column in loop.bindings] == ["a"]
    assert [column.name for column in loop.right.bindings] == ["x"]


def test_generate_series_types() -> None:
    assert types("select * from generate_series(1, 2)") == ["integer"]
    assert types("select * from generate_series(1, 2::bigint)") == ["bigint"]
    assert types("select * from generate_series(1, 2.5, 0.5)") == ["numeric"]
    series = "generate_series(timestamp '2020-01-01', '2020-01-02', '1 hour')"
    assert types(f"select * from {series}") == ["timestamp without time zone"]
    assert types("select * from generate_series(date '2020-01-01', '2020-01-02', '1 day')") == [
        "timestamp with time zone"
    ]


def test_an_ordinary_function_in_from_is_one_row() -> None:
    assert names("select * from lower('X')") == ["lower"]
    assert names("select q.* from lower('X') as q") == ["q"]


def test_views_are_bound_apart_from_their_surroundings() -> None:
    assert outline(plan("with u as (select 1) select * from v")) == "With(Project(Project(Filter(Scan))))"
    assert raised("select v.a from v").sqlstate == "42703"


def test_row_locks() -> None:
    found = plan("select b from t where a = 1 order by b limit 1 for update")
    assert outline(found) == "Project(Limit(Lock(Sort(Filter(Scan)))))"
    for sql, sqlstate in (
        ("select 1 from t for update of public.t", "42601"),
        ("select 1 from t for update wait 5", "42601"),
        ("select 1 from t lock in share mode", "42601"),
        ("select 1 from generate_series(1, 2) g for update of g", "0A000"),
        ("with x as (select 1) select 1 from x for share of x", "0A000"),
        ("select 1 from (t cross join u) as j for share of j", "0A000"),
        ("select 1 from t left join u on true for update", "0A000"),
        ("select 1 from (select count(*) from t) s for update", "0A000"),
        ("select distinct a from t for update", "0A000"),
        ("select count(*) from t for update", "0A000"),
        ("select 1 union select 2 for update", "0A000"),
        ("select 1 from t for update of u", "42P01"),
    ):
        assert raised(sql).sqlstate == sqlstate, sql
    assert (
        outline(plan("select 1 from t left join u on true for update of t"))
        == "Project(Lock(Join(Scan, Scan)))"
    )


def test_row_locks_reach_into_derived_tables() -> None:
    assert outline(plan("select 1 from (select a from t) s for share")) == "Project(Lock(Project(Scan)))"
    limited = plan("select 1 from (select a from t limit 1) s for share")
    assert outline(limited) == "Project(Project(Limit(Lock(Scan))))"


def test_the_strongest_of_several_locking_clauses_counts() -> None:
    found = plan("select 1 from t, u for share nowait for no key update of u skip locked")
    locks = [node for node in walk_plan(found) if isinstance(node, Lock)]
    marks = [(mark.table.name, ROW_NAMES[mark.mode], mark.wait) for mark in locks[0].marks]
    assert marks == [("t", "FOR SHARE", "error"), ("u", "FOR NO KEY UPDATE", "error")]
